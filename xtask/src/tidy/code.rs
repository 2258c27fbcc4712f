//! Rust source as the rules need it: line by line, without comments, with test code marked.
//!
//! Not a parser: it knows comments, literals and braces, which is what it takes to not be fooled by a rule
//! named in a comment or a brace in a string.

use crate::workspace::SourceFile;

pub(super) struct Line {
    /// Counted from 1.
    pub(super) number: usize,
    /// Without comments and without the content of literals.
    pub(super) code: String,
    /// The content of string literals.
    pub(super) strings: String,
    pub(super) is_test: bool,
}

/// Splits a file; all of it is test code where its folder says so.
pub(super) fn lines(file: &SourceFile) -> Vec<Line> {
    let mut lines = split(&file.text);
    if is_test_path(&file.path) {
        for line in &mut lines {
            line.is_test = true;
        }
    } else {
        mark_test_modules(&mut lines);
    }
    lines
}

pub(super) fn is_test_path(path: &str) -> bool {
    path.starts_with("tests/") || path.contains("/tests/") || path.ends_with("/tests.rs")
}

/// Whether `word` stands in `code` as a whole path or identifier: `rand` is not in `operand`.
pub(super) fn has_word(code: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let mut rest = code;
    let mut before = None;
    while let Some((head, tail)) = rest.split_once(word) {
        let previous = head.chars().next_back().or(before);
        let starts = !previous.is_some_and(is_part) || !word.starts_with(is_part);
        let ends = !tail.chars().next().is_some_and(is_part) || !word.ends_with(is_part);
        if starts && ends {
            return true;
        }
        before = word.chars().next_back();
        rest = tail;
    }
    false
}

enum State {
    Code,
    LineComment,
    BlockComment { depth: usize },
    Text { hashes: Option<usize> },
}

fn split(text: &str) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut line = new_line(1);
    let mut state = State::Code;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '\n' {
            let number = line.number + 1;
            lines.push(std::mem::replace(&mut line, new_line(number)));
            if matches!(state, State::LineComment) {
                state = State::Code;
            }
            continue;
        }
        match &mut state {
            State::Code => match c {
                '/' if chars.peek() == Some(&'/') => state = State::LineComment,
                '/' if chars.peek() == Some(&'*') => {
                    chars.next();
                    state = State::BlockComment { depth: 1 };
                }
                '"' => {
                    state = State::Text { hashes: raw_hashes(&line.code) };
                    line.code.push(c);
                }
                '\'' => {
                    line.code.push(c);
                    skip_char_literal(&mut chars);
                }
                _ => line.code.push(c),
            },
            State::LineComment => {}
            State::BlockComment { depth } => match (c, chars.peek()) {
                ('*', Some('/')) => {
                    chars.next();
                    *depth -= 1;
                    if *depth == 0 {
                        state = State::Code;
                    }
                }
                ('/', Some('*')) => {
                    chars.next();
                    *depth += 1;
                }
                _ => {}
            },
            State::Text { hashes } => match (c, *hashes) {
                ('\\', None) => {
                    // A line break after a backslash still ends the line.
                    if chars.peek() != Some(&'\n') {
                        chars.next();
                    }
                }
                ('"', None) => {
                    line.code.push(c);
                    state = State::Code;
                }
                ('"', Some(wanted)) if closes_raw(&chars, wanted) => {
                    line.code.push(c);
                    state = State::Code;
                }
                _ => line.strings.push(c),
            },
        }
    }
    lines.push(line);
    lines
}

fn new_line(number: usize) -> Line {
    Line { number, code: String::new(), strings: String::new(), is_test: false }
}

/// The hashes of `r##"` when the code so far ends in the head of a raw string.
fn raw_hashes(code: &str) -> Option<usize> {
    let head = code.trim_end_matches('#');
    let hashes = code.len() - head.len();
    let prefix = head.strip_suffix('r')?;
    let prefix = prefix.strip_suffix(['b', 'c']).unwrap_or(prefix);
    let is_head = !prefix.chars().next_back().is_some_and(|c| c.is_alphanumeric() || c == '_');
    is_head.then_some(hashes)
}

fn closes_raw(rest: &std::iter::Peekable<std::str::Chars<'_>>, hashes: usize) -> bool {
    let mut rest = rest.clone();
    (0..hashes).all(|_| rest.next() == Some('#'))
}

/// Steps over the rest of `'x'` or `'\n'`; a lifetime is left alone.
fn skip_char_literal(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    let mut ahead = chars.clone();
    let length = match (ahead.next(), ahead.next()) {
        (Some('\\'), Some(_)) => 2 + ahead.take_while(|c| *c != '\'' && *c != '\n').count() + 1,
        (Some(c), Some('\'')) if c != '\'' => 2,
        _ => 0,
    };
    for _ in 0..length {
        chars.next();
    }
}

/// Marks `#[cfg(test)]` items from the attribute to the brace that closes them.
fn mark_test_modules(lines: &mut [Line]) {
    let mut depth = 0_usize;
    // Set from the attribute on; `Some(None)` until the item's first brace.
    let mut test_since: Option<Option<usize>> = None;
    for line in lines {
        if test_since.is_none() && line.code.trim_start().starts_with("#[cfg(test)]") {
            test_since = Some(None);
        }
        line.is_test = test_since.is_some();
        for c in line.code.chars() {
            match c {
                '{' => {
                    if test_since == Some(None) {
                        test_since = Some(Some(depth));
                    }
                    depth += 1;
                }
                '}' => {
                    depth = depth.saturating_sub(1);
                    if test_since == Some(Some(depth)) {
                        test_since = None;
                    }
                }
                // `#[cfg(test)] mod tests;`
                ';' if test_since == Some(None) => test_since = None,
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Vec<Line> {
        lines(&SourceFile { path: "a/src/lib.rs".into(), text: text.into() })
    }

    #[test]
    fn comments_vanish_and_strings_are_kept_apart() {
        let lines = of("let a = \"x // {\"; // tokio\n/* tokio /* { */ */ let b = 'c';\n");
        assert_eq!(lines[0].code, "let a = \"\"; ");
        assert_eq!(lines[0].strings, "x // {");
        assert_eq!(lines[1].code, " let b = ';");
    }

    #[test]
    fn raw_strings_end_at_their_own_hashes() {
        let lines = of("let a = r#\"x\"y\"#; let b = br\"\\\"; c");
        assert_eq!(lines[0].code, "let a = r#\"\"#; let b = br\"\"; c");
        assert_eq!(lines[0].strings, "x\"y\\");
    }

    #[test]
    fn escapes_quotes_and_lifetimes_do_not_confuse() {
        let lines = of("f::<'a>('\"', '\\'', '\\u{1F600}', \"\\\"\"); g");
        assert_eq!(lines[0].code, "f::<'a>(', ', ', \"\"); g");
    }

    #[test]
    fn a_test_module_ends_at_its_brace() {
        let lines = of("a\n#[cfg(test)]\nmod tests {\n  fn f() { }\n}\nb\n#[cfg(test)]\nmod more;\nc");
        let marked: Vec<bool> = lines.iter().map(|line| line.is_test).collect();
        assert_eq!(marked, [false, true, true, true, true, false, true, true, false]);
    }

    #[test]
    fn words_are_whole() {
        assert!(has_word("use rand::Rng;", "rand"));
        assert!(!has_word("operand + brand_new", "rand"));
        assert!(has_word("xrand rand", "rand"));
        assert!(has_word("Instant::now()", "::now()"));
    }
}
