//! Answers with blanks: `{0}` is the first argument, `{name}` a keyword argument, `{procedure}` the procedure called.

use trunkline_client::proto::Value;

use super::output::json;
use super::words::json_or_text;

/// A value whose text may have blanks.
#[derive(Clone, Debug)]
pub(super) struct Template(Value);

/// What fills the blanks.
pub(super) struct Filling {
    pub(super) procedure: String,
    pub(super) args: Vec<Value>,
    pub(super) kwargs: Vec<(String, Value)>,
}

impl Template {
    /// The template that stands in a word: JSON, or text.
    pub(super) fn parse(word: &str) -> Self {
        Self(json_or_text(word))
    }

    /// The answer.
    ///
    /// # Errors
    /// If there is nothing for a blank: its name.
    pub(super) fn fill(&self, filling: &Filling) -> Result<Value, String> {
        filled(&self.0, filling)
    }
}

fn filled(value: &Value, filling: &Filling) -> Result<Value, String> {
    Ok(match value {
        Value::String(text) => fill_text(text, filling)?,
        Value::List(items) => {
            Value::List(items.iter().map(|item| filled(item, filling)).collect::<Result<_, _>>()?)
        }
        Value::Dict(entries) => {
            let filled = entries.iter().map(|(key, value)| Ok((key.clone(), filled(value, filling)?)));
            Value::Dict(filled.collect::<Result<_, String>>()?)
        }
        other => other.clone(),
    })
}

/// Text that is one blank and nothing else becomes what fills it, of whatever type; in other text, it is text.
fn fill_text(text: &str, filling: &Filling) -> Result<Value, String> {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, blank)) = rest.split_once('{') {
        filled += before;
        let Some((name, after)) = blank.split_once('}') else {
            filled.push('{');
            rest = blank;
            continue;
        };
        let value = filling.value(name).ok_or_else(|| name.to_owned())?;
        if before.is_empty() && after.is_empty() && filled.is_empty() {
            return Ok(value);
        }
        filled += &match value {
            Value::String(text) => text,
            other => json(&other),
        };
        rest = after;
    }
    Ok(Value::String(filled + rest))
}

impl Filling {
    fn value(&self, name: &str) -> Option<Value> {
        if let Ok(index) = name.parse::<usize>() {
            return self.args.get(index).cloned();
        }
        let kwarg = self.kwargs.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
        kwarg.or_else(|| (name == "procedure").then(|| self.procedure.as_str().into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(word: &str) -> Result<Value, String> {
        let kwargs = vec![("unit".to_owned(), "°C".into())];
        let filling =
            Filling { procedure: "com.example.a".to_owned(), args: vec![2.into(), "two".into()], kwargs };
        Template::parse(word).fill(&filling)
    }

    #[test]
    fn a_blank_alone_keeps_its_type_and_one_within_text_is_text() {
        assert_eq!(fill("{0}"), Ok(2.into()));
        assert_eq!(fill("{0} {unit} by {procedure}"), Ok("2 °C by com.example.a".into()));
        let dict = vec![("a".to_owned(), 2.into()), ("b".to_owned(), Value::List(vec!["two!".into()]))];
        assert_eq!(fill(r#"{"a": "{0}", "b": ["{1}!"]}"#), Ok(Value::Dict(dict)));
        assert_eq!(fill("7"), Ok(7.into()));
        assert_eq!(fill("{"), Ok("{".into()));
    }

    #[test]
    fn a_blank_that_nothing_fills_is_named() {
        assert_eq!(fill("{2}"), Err("2".to_owned()));
        assert_eq!(fill("hello {name}"), Err("name".to_owned()));
    }
}
