//! Arguments of a call or an event, as they are typed.

use std::collections::HashSet;
use std::io::Read as _;

use anyhow::{Context as _, bail};
use clap::Args;
use trunkline_client::Raw;
use trunkline_client::proto::{Payload, SerializerId, SyntaxError, Value};

use super::wrong_arguments;

/// Application data on the command line.
#[derive(Clone, Debug, Args)]
pub(super) struct Words {
    /// Positional arguments, and keyword arguments as NAME=VALUE. What is JSON is taken as that, anything else as text
    #[arg(value_name = "ARG", allow_negative_numbers = true)]
    words: Vec<String>,
    /// Take no value as JSON; NAME=VALUE stays a keyword argument
    #[arg(long, short)]
    strings: bool,
    /// Read the arguments from standard input: a JSON list of positional ones, or {"args": […], "kwargs": {…}}
    #[arg(long, conflicts_with_all = ["words", "strings"])]
    stdin: bool,
}

impl Words {
    /// The arguments that they stand for.
    ///
    /// # Errors
    /// [`WrongArguments`](super::WrongArguments), if standard input has none.
    pub(super) fn payload(self) -> anyhow::Result<Raw> {
        let (args, kwargs) = if self.stdin {
            let mut text = String::new();
            let read = std::io::stdin().read_to_string(&mut text);
            read.context("standard input is no text").and_then(|_| whole(&text)).map_err(wrong_arguments)?
        } else {
            parse(&self.words, self.strings)
        };
        Ok(Raw(Payload::new(SerializerId::Cbor, &args, &kwargs)))
    }
}

type Arguments = (Vec<Value>, Vec<(String, Value)>);

fn parse(words: &[String], are_strings: bool) -> Arguments {
    let value = |word: &str| if are_strings { Value::from(word) } else { json_or_text(word) };
    let (mut args, mut kwargs) = (Vec::new(), Vec::<(String, Value)>::new());
    for word in words {
        match word.split_once('=').filter(|(name, _)| is_name(name)) {
            Some((name, word)) => {
                // The last one counts, as with options.
                kwargs.retain(|(other, _)| other != name);
                kwargs.push((name.to_owned(), value(word)));
            }
            None => args.push(value(word)),
        }
    }
    (args, kwargs)
}

/// What can stand before `=`: text that begins otherwise, such as JSON, is a positional argument.
pub(super) fn is_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_alphabetic() || first == '_')
        && name.chars().all(|char| char.is_alphanumeric() || matches!(char, '_' | '-' | '.'))
}

/// A value as JSON, or the word itself.
pub(super) fn json_or_text(word: &str) -> Value {
    json(word).unwrap_or_else(|_| word.into())
}

/// A value as WAMP writes it in JSON: integers are of any length, text that begins with U+0000 is octets (SER-03).
fn json(text: &str) -> Result<Value, SyntaxError> {
    Value::decode(SerializerId::Json, text.as_bytes()).map(unique)
}

/// The same with each key of a dict once: the last one counts, as with options.
fn unique(value: Value) -> Value {
    match value {
        Value::List(items) => Value::List(items.into_iter().map(unique).collect()),
        Value::Dict(entries) => {
            let mut seen = HashSet::new();
            let last = entries.into_iter().rev().filter(|(key, _)| seen.insert(key.clone()));
            let mut entries: Vec<_> = last.map(|(key, value)| (key, unique(value))).collect();
            entries.reverse();
            Value::Dict(entries)
        }
        other => other,
    }
}

/// The arguments in one JSON text.
fn whole(text: &str) -> anyhow::Result<Arguments> {
    match json(text).context("standard input is no JSON")? {
        Value::List(args) => Ok((args, Vec::new())),
        Value::Dict(entries) => {
            let (mut args, mut kwargs) = (Vec::new(), Vec::new());
            for (key, value) in entries {
                match (key.as_str(), value) {
                    ("args", Value::List(items)) => args = items,
                    ("kwargs", Value::Dict(entries)) => kwargs = entries,
                    _ => {
                        bail!("standard input has {key:?}; it takes \"args\", a list, and \"kwargs\", a dict")
                    }
                }
            }
            Ok((args, kwargs))
        }
        _ => bail!("standard input is neither a JSON list nor a JSON dict"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Arguments {
        parse(&words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>(), false)
    }

    #[test]
    fn what_is_json_is_taken_as_that_and_the_rest_as_text() {
        let (args, kwargs) =
            words(&["2", "two", "\"2\"", "[1, null]", "true", "-0.5", "", "\"\\u0000AQI=\""]);
        let list = Value::List(vec![1.into(), Value::Null]);
        let octets = Value::Bytes(vec![1, 2]);
        assert_eq!(
            args,
            [2.into(), "two".into(), "2".into(), list, true.into(), (-0.5).into(), "".into(), octets]
        );
        assert!(kwargs.is_empty());
        let (args, _) = words(&["12345678901234567890123", "-5", "007", "+7", "-0"]);
        let [large, small] = [12_345_678_901_234_567_890_123, -5].map(Value::Integer);
        assert_eq!(args, [large, small, "007".into(), "+7".into(), 0.into()]);
    }

    #[test]
    fn a_name_before_an_equals_sign_makes_a_keyword_argument() {
        let (args, kwargs) = words(&["unit=°C", "max-age=5", "\"a=b\"", "1=2", "x=y=z", "unit=F", "a b=c"]);
        assert_eq!(args, ["a=b".into(), "1=2".into(), Value::from("a b=c")]);
        let expected = [("max-age", 5.into()), ("x", "y=z".into()), ("unit", Value::from("F"))];
        assert_eq!(kwargs, expected.map(|(key, value)| (key.to_owned(), value)));
        let (args, kwargs) = parse(&["2".to_owned(), "a=3".to_owned()], true);
        assert_eq!((args, kwargs), (vec!["2".into()], vec![("a".to_owned(), "3".into())]));
    }

    #[test]
    fn standard_input_has_a_list_or_both() {
        assert_eq!(whole("[1]").unwrap(), (vec![1.into()], Vec::new()));
        let (args, kwargs) = whole(r#"{"kwargs": {"a": 1}}"#).unwrap();
        assert_eq!((args, kwargs), (Vec::new(), vec![("a".to_owned(), 1.into())]));
        for bad in ["", "5", r#"{"arg": []}"#, r#"{"args": {}}"#] {
            assert!(whole(bad).is_err(), "{bad}");
        }
    }
}
