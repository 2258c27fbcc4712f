//! Application data for people, and for scripts.

use std::fmt::Write as _;
use std::io::{self, IsTerminal as _, Write as _};

use anstyle::{AnsiColor, Style as Colour};
use anyhow::Context as _;
use clap::Args;
use trunkline_client::proto::message::{Event as EventMessage, Message};
use trunkline_client::proto::{Payload, SerializerId, SubscriptionId, Value};
use trunkline_client::{Event, Raw, WampError};

use crate::cli::{complain, printable, say};

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
    let is_wanted = is_terminal
        && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
        && std::env::var_os("TERM").is_none_or(|terminal| terminal != "dumb");
    let text = printable(text, is_terminal);
    if is_wanted { format!("{colour}{text}{colour:#}") } else { text }
}

impl Style {
    /// Shows a result: a line for each argument, text as it is.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(super) fn result(&self, payload: &Payload, is_progressive: bool) -> io::Result<()> {
        if self.json {
            let head: &[_] = if is_progressive { &[("progress", true.into())] } else { &[] };
            return print(object(head, payload) + "\n");
        }
        let is_terminal = std::io::stdout().is_terminal();
        let (args, kwargs) = values(payload);
        let mut text = String::new();
        for value in &args {
            text += &format!("{}\n", printable(&shown(value), is_terminal));
        }
        for (key, value) in &kwargs {
            let value = printable(&shown(value), is_terminal);
            text += &format!("{}{value}\n", coloured(KEY, &format!("{key}="), is_terminal));
        }
        print(text)
    }

    /// Shows an event in one line.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(super) fn event(&self, event: Event<Raw>) -> io::Result<()> {
        let (topic, publication, Raw(payload)) = (event.topic.clone(), event.publication, event.args.clone());
        if self.json {
            let head = [
                ("topic", Value::from(&*topic)),
                ("publication", publication.value().into()),
                ("details", details(event)),
            ];
            return print(object(&head, &payload) + "\n");
        }
        self.line(&topic, &payload)
    }

    /// Shows a call in one line.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(super) fn invocation(&self, procedure: &str, payload: &Payload) -> io::Result<()> {
        if self.json {
            return print(object(&[("procedure", procedure.into())], payload) + "\n");
        }
        self.line(procedure, payload)
    }

    fn line(&self, uri: &str, payload: &Payload) -> io::Result<()> {
        let is_terminal = std::io::stdout().is_terminal();
        let (args, kwargs) = values(payload);
        let mut line = coloured(URI, uri, is_terminal);
        for value in &args {
            write!(line, " {}", printable(&json(value), is_terminal)).ok();
        }
        for (key, value) in &kwargs {
            let value = printable(&json(value), is_terminal);
            write!(line, " {}{value}", coloured(KEY, &format!("{key}="), is_terminal)).ok();
        }
        print(line + "\n")
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
            write!(line, " {}", printable(&shown(value), is_terminal)).ok();
        }
        for (key, value) in &kwargs {
            write!(line, " {}", printable(&format!("{key}={}", json(value)), is_terminal)).ok();
        }
        complain(&format!("{line}\n"));
    }

    /// Tells people, not scripts, what goes on.
    pub(super) fn note(&self, text: &str) {
        let is_terminal = std::io::stderr().is_terminal();
        complain(&format!("{}\n", coloured(Colour::new().dimmed(), text, is_terminal)));
    }

    /// Shows one value by that name.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(super) fn named(&self, name: &str, value: u64) -> io::Result<()> {
        print(if self.json { format!("{{\"{name}\":{value}}}\n") } else { format!("{value}\n") })
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

/// What becomes of a command that wrote, or could not: whoever reads no further, such as `head`, wants no more, and that
/// is no failure.
///
/// # Errors
/// If something is lost that was wanted: the disk is full, for example.
pub(super) fn written(result: io::Result<()>) -> anyhow::Result<()> {
    match result {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(error).context("cannot write to standard output")
        }
        _ => Ok(()),
    }
}

/// Writes to standard output.
///
/// # Errors
/// If it cannot be written.
fn print(text: String) -> io::Result<()> {
    let mut output = io::stdout().lock();
    output.write_all(text.as_bytes())?;
    output.flush()
}

/// One JSON object of that head, and the arguments behind it.
fn object(head: &[(&str, Value)], payload: &Payload) -> String {
    let (args, kwargs) = values(payload);
    let mut entries: Vec<_> = head.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
    entries.push(("args".to_owned(), Value::List(args)));
    entries.push(("kwargs".to_owned(), Value::Dict(kwargs)));
    json(&Value::Dict(entries))
}
