//! No text, however broken, takes the loader down.

use proptest::collection::vec;
use proptest::prelude::*;
use trunkline_config::Config;

use super::documentation::{samples, uncommented};
use super::parse;

/// What hurts most: the format's own characters, and characters of several octets.
const PIECES: &[&str] = &[
    "[",
    "]",
    "[[",
    "{",
    "}",
    "=",
    "\"",
    "'",
    "\"\"\"",
    "#",
    "\n",
    "\r",
    "\t",
    "\0",
    ".",
    ",",
    "${",
    "$${",
    "}",
    "file:",
    "-1",
    "99999999999999999999999999999999999999999999",
    "0x",
    "1e400",
    "inf",
    "1979-05-27",
    "true",
    "ä",
    "日本",
    "\u{202e}",
    "\u{feff}",
    "realms",
    "name",
    "[[realms]]\n",
    "roles = [1, {}]\n",
    "addresses = {}\n",
];

proptest! {
    #[test]
    fn mutated_files_are_read_or_refused_with_words(
        which in any::<prop::sample::Index>(),
        edits in vec((any::<prop::sample::Index>(), 0_usize..40, prop::sample::select(PIECES)), 1..6),
    ) {
        let mut texts = samples();
        texts.push(uncommented(Config::DEFAULT_FILE));
        let mut text: Vec<char> = which.get(&texts).chars().collect();
        for (at, removed, piece) in edits {
            let at = at.index(text.len() + 1);
            let end = text.len().min(at + removed);
            text.splice(at..end, piece.chars());
        }
        let text: String = text.into_iter().collect();
        if let Err(problems) = parse(&text) {
            prop_assert!(problems.len() > 0);
            prop_assert!(problems.to_string().contains("error: "));
            prop_assert!(problems.to_colored_string().contains("error"));
        }
    }

    #[test]
    fn any_text_is_read_or_refused_with_words(text in ".{0,200}") {
        if let Err(problems) = parse(&text) {
            prop_assert!(problems.to_string().contains("error: "));
        }
    }
}
