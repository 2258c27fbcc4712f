//! Application data for people, and for scripts.

use std::fmt::Write as _;
use std::io::{self, IsTerminal as _};

use anstyle::{AnsiColor, Style as Colour};
use clap::Args;
use trunkline_client::proto::message::{Event as EventMessage, Message};
use trunkline_client::proto::{Payload, SerializerId, SubscriptionId, Value};
use trunkline_client::{Event, Raw, WampError};

use super::words::is_name;
use crate::cli::{complain, printable};

/// How data is shown.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Output")]
pub(super) struct Style {
    /// One JSON object a line, for scripts; also what goes wrong, but for arguments that cannot be used
    #[arg(long)]
    json: bool,
}

const URI: Colour = AnsiColor::Cyan.on_default();
const KEY: Colour = AnsiColor::Blue.on_default();
const ERROR: Colour = AnsiColor::Red.on_default().bold();

/// That text in that colour, if it is for a terminal of somebody who wants colours.
fn coloured(colour: Colour, text: &str, is_terminal: bool) -> String {
    let is_wanted = is_terminal
        && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
        && std::env::var_os("TERM").is_none_or(|terminal| terminal != "dumb");
    let text = printable(text, is_terminal);
    if is_wanted { format!("{colour}{text}{colour:#}") } else { text }
}

impl Style {
    /// A result: a line for each argument, text as it is.
    pub(super) fn result(&self, payload: &Payload, is_progressive: bool) -> String {
        if self.json {
            let head: &[_] = if is_progressive { &[("progress", true.into())] } else { &[] };
            return object(head, payload);
        }
        let is_terminal = io::stdout().is_terminal();
        let (args, kwargs) = values(payload);
        let args = args.iter().map(|value| printable(&shown(value), is_terminal) + "\n");
        let kwargs = kwargs
            .iter()
            .map(|(key, value)| key_of(key, is_terminal) + &printable(&shown(value), is_terminal) + "\n");
        args.chain(kwargs).collect()
    }

    /// An event, in one line.
    pub(super) fn event(&self, event: Event<Raw>) -> String {
        let (topic, publication, Raw(payload)) = (event.topic.clone(), event.publication, event.args.clone());
        if self.json {
            let head = [
                ("topic", Value::from(&*topic)),
                ("publication", publication.value().into()),
                ("details", details(event)),
            ];
            return object(&head, &payload);
        }
        line(URI, &topic, &payload, json, io::stdout().is_terminal())
    }

    /// A call, in one line.
    pub(super) fn invocation(&self, procedure: &str, payload: &Payload) -> String {
        if self.json {
            return object(&[("procedure", procedure.into())], payload);
        }
        line(URI, procedure, payload, json, io::stdout().is_terminal())
    }

    /// Shows an ERROR to people; returns it as a line for scripts, if that is wanted.
    pub(super) fn error(&self, error: &WampError) -> Option<String> {
        if self.json {
            return Some(object(&[("error", error.uri().into())], error.payload()));
        }
        complain(&line(ERROR, error.uri(), error.payload(), shown, io::stderr().is_terminal()));
        None
    }

    /// Any other failure, and its URI if the router gave one, as a line for scripts, if that is wanted.
    pub(super) fn failure(&self, uri: Option<&str>, message: &str) -> Option<String> {
        let entries = vec![
            ("error".to_owned(), uri.map_or(Value::Null, Value::from)),
            ("message".to_owned(), message.into()),
        ];
        self.json.then(|| json(&Value::Dict(entries)) + "\n")
    }

    /// Tells people, not scripts, what goes on.
    pub(super) fn note(&self, text: &str) {
        let is_terminal = io::stderr().is_terminal();
        complain(&format!("{}\n", coloured(Colour::new().dimmed(), text, is_terminal)));
    }

    /// One value by that name.
    pub(super) fn named(&self, name: &str, value: u64) -> String {
        if self.json { format!("{{\"{name}\":{value}}}\n") } else { format!("{value}\n") }
    }
}

/// A URI, and arguments behind it.
fn line(
    colour: Colour,
    uri: &str,
    payload: &Payload,
    show: fn(&Value) -> String,
    is_terminal: bool,
) -> String {
    let (args, kwargs) = values(payload);
    let args = args.iter().map(|value| format!(" {}", printable(&show(value), is_terminal)));
    let kwargs = kwargs
        .iter()
        .map(|(key, value)| format!(" {}{}", key_of(key, is_terminal), printable(&json(value), is_terminal)));
    coloured(colour, uri, is_terminal) + &args.chain(kwargs).collect::<String>() + "\n"
}

/// The name of a keyword argument, in front of its value. One that could not be typed so is shown as JSON: it must not
/// pass for another line, or another argument.
fn key_of(key: &str, is_terminal: bool) -> String {
    let key = if is_name(key) { key.to_owned() } else { json(&key.into()) };
    coloured(KEY, &format!("{key}="), is_terminal)
}

type Values = (Vec<Value>, Vec<(String, Value)>);

/// What the payload has; a value that is none is shown as if it were not there.
fn values(payload: &Payload) -> Values {
    payload.values().unwrap_or_default()
}

/// A value in JSON, as WAMP writes it: octets are text that begins with U+0000 (SER-02).
pub(super) fn json(value: &Value) -> String {
    let payload = Payload::new(SerializerId::Json, std::slice::from_ref(value), &[]);
    let list = String::from_utf8_lossy(payload.raw());
    let text = list.strip_prefix('[').and_then(|list| list.strip_suffix(']')).unwrap_or(&list);
    text.chars().fold(String::with_capacity(text.len()), |mut text, char| {
        // Terminals take these for orders, too, but JSON need not escape them.
        if matches!(char, '\u{7f}'..='\u{9f}') {
            write!(text, "\\u{:04x}", u32::from(char)).ok();
        } else {
            text.push(char);
        }
        text
    })
}

/// A value for people: text without quotes.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => json(other),
    }
}

/// The details of an event as the router sent them.
fn details(event: Event<Raw>) -> Value {
    let message = EventMessage {
        // Only the details count.
        subscription: SubscriptionId::from_bits(0),
        publication: event.publication,
        details: event.details,
        payload: Payload::EMPTY,
    };
    let body = Message::from(message).encode(SerializerId::Json).unwrap_or_default();
    match serde_json::from_slice(&body) {
        Ok(Value::List(elements)) => elements.into_iter().nth(3).unwrap_or(Value::Null),
        _ => Value::Null,
    }
}

/// A line with one JSON object: that head, and the arguments behind it.
fn object(head: &[(&str, Value)], payload: &Payload) -> String {
    let (args, kwargs) = values(payload);
    let mut entries: Vec<_> = head.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
    entries.push(("args".to_owned(), Value::List(args)));
    entries.push(("kwargs".to_owned(), Value::Dict(kwargs)));
    json(&Value::Dict(entries)) + "\n"
}
