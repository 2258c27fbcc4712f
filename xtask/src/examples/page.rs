//! What a page of the documentation shows, in the order in which a reader meets it: files, commands, outputs.

use anyhow::Context as _;

/// One block of a page.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Block {
    /// Of its fence, from 1.
    pub(super) line: usize,
    pub(super) content: Content,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// The paragraph in front of it ends with the file's name in backticks, and a colon.
    File { name: String, text: String },
    /// A command of a block of the language `sh`, without a comment at its end.
    Command(String),
    /// A block of the language `text`: what a program prints next.
    Output {
        /// Programs that the paragraph in front of it names; if none, the one that was started last prints this.
        by: Vec<String>,
        lines: Vec<String>,
        /// `text any-order` in the fence: what runs at the same time prints in no order.
        any_order: bool,
    },
}

/// How commands begin that go on until they are stopped. A paragraph names them with their first argument alone.
pub(super) const GOING_ON: [&str; 2] = ["trunkline register ", "trunkline subscribe "];

/// Endings of the programs that pages show. Such a block without a name would be code that nobody tests.
const PROGRAMS: [&str; 3] = [".py", ".mjs", ".go"];
const PROGRAM_LANGUAGES: [&str; 3] = ["python", "js", "go"];

/// The blocks of a page that say what to write, to run, and to see.
///
/// # Errors
/// If a program has no name.
pub(super) fn blocks(page: &str) -> anyhow::Result<Vec<Block>> {
    let page: Vec<&str> = page.lines().collect();
    let mut blocks = Vec::new();
    let mut lines = page.iter().enumerate();
    while let Some((index, line)) = lines.next() {
        let Some(fence) = line.strip_prefix("```") else { continue };
        let line = index + 1;
        let text = lines.by_ref().map(|(_, inner)| *inner).take_while(|inner| *inner != "```").collect();
        let before = page.get(..index).unwrap_or_default();
        let contents =
            contents(fence, &last_paragraph(before), text).with_context(|| format!("line {line}"))?;
        blocks.extend(contents.into_iter().map(|content| Block { line, content }));
    }
    Ok(blocks)
}

/// The last paragraph in front of a block, in one line; none if a block is there, or nothing.
fn last_paragraph(before: &[&str]) -> String {
    let before = before.strip_suffix(&[""]).unwrap_or(before);
    let is_text = |line: &&&str| !line.is_empty() && !line.starts_with("```");
    let mut paragraph: Vec<_> = before.iter().rev().take_while(is_text).copied().collect();
    paragraph.reverse();
    paragraph.join(" ")
}

fn contents(fence: &str, paragraph: &str, lines: Vec<&str>) -> anyhow::Result<Vec<Content>> {
    if fence == "sh" {
        let text = lines.join("\n").replace("\\\n", " ");
        let commands = text.lines().map(|line| line.split(" #").next().unwrap_or(line).trim());
        let commands = commands.filter(|line| !line.is_empty());
        return Ok(commands.map(|line| Content::Command(line.to_owned())).collect());
    }
    if let Some(flag) = fence.strip_prefix("text") {
        let goes_on = |word: &str| GOING_ON.iter().any(|command| word.starts_with(command));
        let is_program = |word: &&str| PROGRAMS.iter().any(|ending| word.contains(ending)) || goes_on(word);
        let by = in_backticks(paragraph).filter(is_program).map(str::to_owned).collect();
        let lines = lines.into_iter().map(str::to_owned).collect();
        return Ok(vec![Content::Output { by, lines, any_order: flag.trim() == "any-order" }]);
    }
    let name = paragraph.strip_suffix("`:").and_then(|before| before.rsplit('`').next());
    match name {
        Some(name) if !name.contains(' ') => {
            let text = lines.iter().map(|line| format!("{line}\n")).collect();
            Ok(vec![Content::File { name: name.to_owned(), text }])
        }
        _ => {
            anyhow::ensure!(
                !PROGRAM_LANGUAGES.contains(&fence),
                "a program without a name: end the paragraph before it with the file's name, as in `add.py`:"
            );
            Ok(Vec::new())
        }
    }
}

fn in_backticks(paragraph: &str) -> impl Iterator<Item = &str> {
    paragraph.split('`').skip(1).step_by(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_commands_and_outputs_are_found_in_order() {
        let page = "The callee, which is\n`add.py`:\n\n```python\nprint(1)\n```\n\n```toml\n[node]\n```\n\n\
                    ```sh\npython add.py one   # first\n```\n\n```text\n1\n```\n\n\
                    `add.py one` and `wamp.error` say:\n\n```text any-order\n2\n\n3\n```\n";
        let content: Vec<_> = blocks(page).unwrap().into_iter().map(|block| block.content).collect();
        let output = |by: &[&str], lines: &[&str], any_order| Content::Output {
            by: by.iter().map(|&name| name.to_owned()).collect(),
            lines: lines.iter().map(|&line| line.to_owned()).collect(),
            any_order,
        };
        let expected = [
            Content::File { name: "add.py".to_owned(), text: "print(1)\n".to_owned() },
            Content::Command("python add.py one".to_owned()),
            output(&[], &["1"], false),
            output(&["add.py one"], &["2", "", "3"], true),
        ];
        assert_eq!(content, expected);
    }

    #[test]
    fn a_program_needs_a_name() {
        assert!(blocks("Do it:\n\n```python\npass\n```\n").is_err());
    }
}
