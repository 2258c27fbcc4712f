//! What is wrong with a file, and where; shown with the lines that it is about.

use std::fmt;
use std::ops::Range;
use std::path::Path;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

/// One mistake.
///
/// Texts speak of keys, never of values: a value may come from a variable or a file that nobody may see.
pub(super) struct Problem {
    /// What is wrong.
    title: String,
    /// Which octets of the file the marker stands under.
    at: Range<usize>,
    /// What stands beside the marker.
    label: String,
    /// Another place that belongs to it, and why.
    related: Option<(Range<usize>, &'static str)>,
    /// What to do.
    help: Option<String>,
}

impl Problem {
    pub(super) fn new(title: impl Into<String>, at: Range<usize>, label: impl Into<String>) -> Self {
        Self { title: title.into(), at, label: label.into(), related: None, help: None }
    }

    /// What the TOML parser said.
    pub(super) fn syntax(message: &str, at: Option<Range<usize>>, text: &str) -> Self {
        let end = text.len();
        Self::new("this is not TOML", at.unwrap_or(end..end), message)
            .help("nothing else was checked; see https://toml.io for the format")
    }

    pub(super) fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }

    pub(super) fn related(self, at: Range<usize>, label: &'static str) -> Self {
        Self { related: Some((at, label)), ..self }
    }

    /// Where it begins in the file.
    pub(super) fn start(&self) -> usize {
        self.at.start
    }

    fn render(&self, renderer: &Renderer, file: &str, text: &str) -> String {
        // The lines that it is about, alone: each problem of a large file would search all of it otherwise.
        let related = self.related.as_ref();
        let first = related.map_or(self.at.start, |(at, _)| at.start.min(self.at.start));
        let last = related.map_or(self.at.end, |(at, _)| at.end.max(self.at.end));
        let before = text.get(..first).unwrap_or_default();
        let start = before.rfind('\n').map_or(0, |end_of_line| end_of_line + 1);
        let end =
            text.get(last..).and_then(|after| after.find('\n')).map_or(text.len(), |length| last + length);
        let lines = text.get(start..end).unwrap_or_default();
        let within = |span: &Range<usize>| {
            let [from, to] = [span.start, span.end].map(|at| at.saturating_sub(start).min(lines.len()));
            from..to
        };
        let marker = AnnotationKind::Primary.span(within(&self.at)).label(self.label.as_str());
        let related = related.map(|(at, label)| AnnotationKind::Context.span(within(at)).label(*label));
        let snippet = Snippet::source(lines)
            .line_start(1 + before.matches('\n').count())
            .path(file)
            .annotation(marker)
            .annotations(related);
        let mut group = Level::ERROR.primary_title(self.title.as_str()).element(snippet);
        if let Some(help) = &self.help {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        renderer.render(&[group])
    }
}

/// Everything that is wrong with a configuration file, in the order of the file.
///
/// What it displays has the lines of the file with it, but no secrets, and nothing that came from variables or other
/// files.
pub struct Problems {
    file: String,
    text: String,
    list: Vec<Problem>,
}

impl Problems {
    /// Of a file with that text, from which its secrets were taken.
    pub(super) fn new(path: &Path, text: String, mut list: Vec<Problem>) -> Self {
        list.sort_by_key(Problem::start);
        Self { file: path.display().to_string(), text, list }
    }

    /// How many there are; never 0.
    #[allow(clippy::len_without_is_empty, reason = "there is always one")]
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// The text for a terminal, in colours.
    pub fn to_colored_string(&self) -> String {
        self.render(&Renderer::styled())
    }

    fn render(&self, renderer: &Renderer) -> String {
        let mut out = String::new();
        for problem in &self.list {
            out += &problem.render(renderer, &self.file, &self.text);
            out += "\n\n";
        }
        let count = self.list.len();
        let noun = if count == 1 { "problem" } else { "problems" };
        out + &format!("{}: {count} {noun}", self.file)
    }
}

impl fmt::Debug for Problems {
    /// Without the text of the file, which is nobody's business in a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Problems").field("file", &self.file).field("len", &self.len()).finish_non_exhaustive()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(&Renderer::plain()))
    }
}

impl std::error::Error for Problems {}
