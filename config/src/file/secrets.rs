//! Where a file has secrets, and its text without them, so that no problem shows one.
//!
//! Octets keep their places, so that markers stand under what they are about.

use std::collections::BTreeSet;
use std::ops::Range;

use serde_json::Value;
use toml::Spanned;
use toml::de::DeValue;

/// Where secrets stand.
#[derive(Debug, Default)]
pub(super) struct Secrets(Vec<Range<usize>>);

impl Secrets {
    /// Adds whatever stands in that value.
    pub(super) fn add_all(&mut self, value: &Spanned<DeValue<'_>>) {
        match value.get_ref() {
            DeValue::Array(items) => items.iter().for_each(|item| self.add_all(item)),
            DeValue::Table(table) => table.values().for_each(|value| self.add_all(value)),
            _ => self.0.push(value.span()),
        }
    }

    /// The file with asterisks where its secrets were.
    pub(super) fn hide(&self, text: &str) -> String {
        let mut is_secret = vec![false; text.len()];
        for place in &self.0 {
            let is_quoted = text.get(place.clone()).is_some_and(|value| value.starts_with(['"', '\'']));
            let quotes = usize::from(is_quoted);
            let within = place.start + quotes..place.end.saturating_sub(quotes);
            if let Some(octets) = is_secret.get_mut(within) {
                octets.fill(true);
            }
        }
        let hide = |(at, char): (usize, char)| match is_secret.get(at) {
            Some(true) if char != '\n' => asterisks(char),
            _ => char.to_string(),
        };
        text.char_indices().map(hide).collect()
    }
}

fn asterisks(char: char) -> String {
    "*".repeat(char.len_utf8())
}

/// What says how a line is built: a mistake there can be seen without the rest.
const STRUCTURE: [char; 12] = ['=', '"', '\'', '[', ']', '{', '}', ',', '.', ' ', '\n', '\r'];

/// A text with nothing left but its structure.
fn bare(text: &str) -> String {
    text.chars().map(bare_char).collect()
}

fn bare_char(char: char) -> String {
    if STRUCTURE.contains(&char) { char.to_string() } else { asterisks(char) }
}

/// A file that is not TOML, without what may be a secret: every value, once there is a key whose value is one.
pub(super) fn hide_values(text: &str, schema: &Value) -> String {
    let mut keys = Keys::default();
    keys.collect(schema);
    if !keys.have_secret(text) {
        return text.to_owned();
    }
    text.split_inclusive('\n').map(|line| keys.hide_values(line)).collect()
}

/// The names of all keys of a file.
#[derive(Default)]
struct Keys<'a> {
    all: BTreeSet<&'a str>,
    /// Those whose values are never shown.
    secret: BTreeSet<&'a str>,
}

impl<'a> Keys<'a> {
    fn collect(&mut self, schema: &'a Value) {
        let table = schema.get("items").unwrap_or(schema);
        for (name, schema) in table.get("properties").and_then(Value::as_object).into_iter().flatten() {
            self.all.insert(name);
            let value = schema.get("items").unwrap_or(schema);
            if value.get("writeOnly").is_some() {
                self.secret.insert(name);
            }
            self.collect(schema);
        }
    }

    /// Whether something is said about a key that is secret.
    fn have_secret(&self, text: &str) -> bool {
        let mut lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
        lines.any(|line| line.split(|char| !is_of_key(char)).any(|word| self.secret.contains(word)))
    }

    /// The line with nothing but its keys and its structure.
    fn hide_values(&self, line: &str) -> String {
        let (before, after) = line.split_at(line.find('=').unwrap_or(line.len()));
        let keys = before.split_inclusive(|char| !is_of_key(char)).map(|piece| {
            let word = piece.trim_end_matches(|char| !is_of_key(char));
            let rest = piece.strip_prefix(word).unwrap_or_default();
            if self.all.contains(word) { format!("{word}{}", bare(rest)) } else { bare(piece) }
        });
        keys.collect::<String>() + &bare(after)
    }
}

fn is_of_key(char: char) -> bool {
    char.is_ascii_alphanumeric() || char == '_'
}
