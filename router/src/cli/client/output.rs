//! Application data for people, and for scripts.

use std::fmt::Write as _;
use std::io::IsTerminal as _;

use anstyle::{AnsiColor, Style as Colour};
use clap::Args;
use trunkline_client::WampError;
use trunkline_client::proto::{Payload, SerializerId, Value};

use crate::cli::{complain, say};

/// How data is shown.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Output")]
pub(super) struct Style {
    /// One JSON object a line, for scripts, errors included
    #[arg(long)]
    json: bool,
}

const URI: Colour = AnsiColor::Cyan.on_default();
const KEY: Colour = AnsiColor::Blue.on_default();
const ERROR: Colour = AnsiColor::Red.on_default().bold();

/// That text in that colour, if it is for a terminal of somebody who wants colours.
fn coloured(colour: Colour, text: &str, is_terminal: bool) -> String {
    let is_wanted = is_terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    if is_wanted { format!("{colour}{text}{colour:#}") } else { text.to_owned() }
}

impl Style {
    /// Shows a result: a line for each argument, text as it is.
    pub(super) fn result(&self, payload: &Payload) {
        if self.json {
            return say(&format!("{}\n", object(&[], payload)));
        }
        let is_terminal = std::io::stdout().is_terminal();
        let (args, kwargs) = values(payload);
        let mut text = String::new();
        for value in &args {
            text += &format!("{}\n", shown(value));
        }
        for (key, value) in &kwargs {
            text += &format!("{}{}\n", coloured(KEY, &format!("{key}="), is_terminal), shown(value));
        }
        say(&text);
    }

    /// Shows something that happened at a URI, in one line.
    pub(super) fn event(&self, kind: &str, uri: &str, number: Option<u64>, payload: &Payload) {
        if self.json {
            let mut head = vec![(kind, Value::from(uri))];
            if let Some(number) = number {
                head.push(("publication", number.into()));
            }
            return say(&format!("{}\n", object(&head, payload)));
        }
        let is_terminal = std::io::stdout().is_terminal();
        let (args, kwargs) = values(payload);
        let mut line = coloured(URI, uri, is_terminal);
        for value in &args {
            write!(line, " {}", json(value)).ok();
        }
        for (key, value) in &kwargs {
            write!(line, " {}{}", coloured(KEY, &format!("{key}="), is_terminal), json(value)).ok();
        }
        say(&format!("{line}\n"));
    }

    /// Shows an ERROR.
    pub(super) fn error(&self, error: &WampError) {
        if self.json {
            return say(&format!("{}\n", object(&[("error", error.uri().into())], error.payload())));
        }
        let is_terminal = std::io::stderr().is_terminal();
        let (args, kwargs) = values(error.payload());
        let mut line = coloured(ERROR, error.uri(), is_terminal);
        for value in &args {
            write!(line, " {}", shown(value)).ok();
        }
        for (key, value) in &kwargs {
            write!(line, " {key}={}", json(value)).ok();
        }
        complain(&format!("{line}\n"));
    }

    /// Tells people, not scripts, what goes on.
    pub(super) fn note(&self, text: &str) {
        let is_terminal = std::io::stderr().is_terminal();
        complain(&format!("{}\n", coloured(Colour::new().dimmed(), text, is_terminal)));
    }

    /// Shows one value by that name.
    pub(super) fn named(&self, name: &str, value: u64) {
        say(&if self.json { format!("{{\"{name}\":{value}}}\n") } else { format!("{value}\n") });
    }
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
    list.strip_prefix('[').and_then(|list| list.strip_suffix(']')).unwrap_or(&list).to_owned()
}

/// A value for people: text without quotes.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => json(other),
    }
}

/// One JSON object of that head, and the arguments behind it.
fn object(head: &[(&str, Value)], payload: &Payload) -> String {
    let (args, kwargs) = values(payload);
    let mut entries: Vec<_> = head.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
    entries.push(("args".to_owned(), Value::List(args)));
    entries.push(("kwargs".to_owned(), Value::Dict(kwargs)));
    json(&Value::Dict(entries))
}
