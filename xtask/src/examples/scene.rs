//! Plays a page: writes its files, runs its commands, and compares what they print with what the page shows.
//!
//! Pages name fixed addresses. Here the system chooses the ports, so addresses are replaced in what is written,
//! and put back in what is read.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};

use super::clients::{Clients, node};
use super::page::{Block, Content, GOING_ON};
use crate::command::stdout_of;
use crate::interop::Child;

/// How commands begin that install something, or look at what is not of the page's example.
const NOT_RUN: [&str; 14] = [
    ". venv/",
    "cargo build",
    "cargo install",
    "cargo test",
    "cargo xtask",
    "cd ",
    "curl ",
    "go get ",
    "go mod ",
    "mkdir ",
    "npm install ",
    "openssl ",
    "pip install ",
    "python3 -m venv ",
];

/// The last line that `trunkline start` prints.
const END_OF_BANNER: &str = "Ctrl-C stops the router.";

/// Where pages have the router listen.
const HOST: &str = "127.0.0.1:";

/// A page while it is played.
pub(super) struct Scene<'a> {
    clients: &'a Clients<'a>,
    folder: PathBuf,
    /// As the page has them.
    files: Vec<(String, String)>,
    /// Addresses of the page, and what they stand for.
    addresses: Vec<(String, String)>,
    programs: Vec<Program>,
    router: Option<Child>,
    /// Lines that were as the page shows them.
    compared: usize,
}

struct Program {
    /// Its command without the interpreter, such as `add.py one`.
    name: String,
    /// What it printed that was not compared yet.
    printed: VecDeque<String>,
    /// None once it has ended.
    process: Option<Child>,
    /// Whether all that it prints has to be on the page.
    is_shown: bool,
    /// It is one of ours, which show each call and each event: the page need not.
    is_ours: bool,
}

impl<'a> Scene<'a> {
    pub(super) fn new(clients: &'a Clients<'a>, folder: PathBuf) -> Self {
        let (files, addresses, programs) = (Vec::new(), Vec::new(), Vec::new());
        Self { clients, folder, files, addresses, programs, router: None, compared: 0 }
    }

    /// Plays all blocks, and says how many lines were compared.
    pub(super) fn play(mut self, blocks: Vec<Block>) -> anyhow::Result<usize> {
        for Block { line, content } in blocks {
            let done = match content {
                Content::File { name, text } => self.write(name, text),
                Content::Command(command) => self.run(&command),
                Content::Output { by, lines, any_order } => self.compare(&by, lines, any_order),
            };
            done.with_context(|| format!("line {line}"))?;
        }
        self.end()?;
        Ok(self.compared)
    }

    fn write(&mut self, name: String, text: String) -> anyhow::Result<()> {
        write(&self.folder.join(&name), &text)?;
        self.files.retain(|(other, _)| *other != name);
        self.files.push((name, text));
        Ok(())
    }

    fn run(&mut self, line: &str) -> anyhow::Result<()> {
        if NOT_RUN.iter().any(|start| line.starts_with(start)) {
            return Ok(());
        }
        let line = self.with_ports(line);
        let words: Vec<&str> = line.split_whitespace().collect();
        let variables = words.iter().map_while(|word| word.split_once('=')).collect::<Vec<_>>();
        let words = words.get(variables.len()..).unwrap_or_default();
        let mut command = match words {
            ["cargo", "run", ..] => return self.start_router(self.clients.router(), None),
            ["trunkline", "start", "--config", file] => {
                let mut command = self.clients.router();
                command.envs(variables);
                return self.start_router(command, Some(file));
            }
            ["trunkline", verb, ..] if *verb != "start" => {
                let (_, arguments) = line.split_once("trunkline ").context("a command")?;
                let goes_on = GOING_ON.iter().any(|command| words.join(" ").starts_with(command));
                let mut command = self.shell(arguments, goes_on);
                command.envs(variables);
                let shown = if goes_on { words.iter().take(3) } else { words.iter().take(usize::MAX) };
                let name = shown.copied().collect::<Vec<_>>().join(" ");
                let program = if goes_on {
                    let mut process = Child::spawn(&name, &mut command)?;
                    // It says when it is ready: what comes next on the page relies on it.
                    let printed = process.line()?.into_iter().collect();
                    Program { name, printed, process: Some(process), is_shown: true, is_ours: true }
                } else {
                    let printed = stdout_of(&mut command)?.lines().map(str::to_owned).collect();
                    Program { name, printed, process: None, is_shown: false, is_ours: false }
                };
                self.programs.push(program);
                return Ok(());
            }
            ["python", script, ..] => self.clients.python(script),
            ["node", script, ..] => node(script),
            ["go", "run", script, ..] => {
                self.write_with_ports(script)?;
                self.clients.go(&self.folder, script)?
            }
            _ => bail!("`{line}` is no command that this task knows"),
        };
        let script =
            words.iter().position(|word| word.contains('.')).context("a command without a script")?;
        let (script, arguments) = words.split_at(script + 1);
        let script = script.last().context("a script")?;
        self.write_with_ports(script)?;
        let name = [&[*script], arguments].concat().join(" ");
        command.args(arguments).envs(variables).current_dir(&self.folder);
        let process = Some(Child::spawn(&name, &mut command)?);
        self.programs.push(Program {
            name,
            printed: VecDeque::new(),
            process,
            is_shown: true,
            is_ours: false,
        });
        Ok(())
    }

    /// `trunkline` with these arguments as a shell takes them. What a program that goes on notes is on the page, too.
    fn shell(&self, arguments: &str, goes_on: bool) -> Command {
        let notes = if goes_on { " 2>&1" } else { "" };
        let mut command = Command::new("sh");
        command.args(["-c", &format!("exec \"$0\" {arguments}{notes}")]);
        command.arg(self.clients.router().get_program()).env("HOME", &self.folder).current_dir(&self.folder);
        // Where it would look, if the router were where the page has it.
        if let Some((_, address)) = self.addresses.first() {
            command.env("TRUNKLINE_URL", format!("ws://{address}/ws"));
        }
        command
    }

    /// Writes a file anew, with those addresses in it.
    fn write_with_ports(&self, name: &str) -> anyhow::Result<()> {
        let (_, text) = self
            .files
            .iter()
            .find(|(file, _)| file == name)
            .with_context(|| format!("the page has no file {name}"))?;
        write(&self.folder.join(name), &self.with_ports(text))
    }

    /// The text with the addresses at which the router really listens.
    fn with_ports(&self, text: &str) -> String {
        let replace = |text: String, (shown, real): &(String, String)| text.replace(shown, real);
        self.addresses.iter().fold(text.to_owned(), replace)
    }

    /// Starts a router in place of the last one, whose clients end too.
    fn start_router(&mut self, mut command: Command, config: Option<&str>) -> anyhow::Result<()> {
        self.end()?;
        command.arg("start").env("RUST_LOG", "warn").current_dir(&self.folder);
        let shown = match config {
            None => {
                command.args(["--listen", "127.0.0.1:0"]);
                vec![format!("{HOST}8080")]
            }
            Some(file) => {
                command.args(["--config", file]);
                self.configure(file)?
            }
        };
        let (router, printed) = start_router(&mut command)?;
        let mut real: Vec<_> = printed.iter().filter_map(|line| address(line)).collect();
        real.dedup();
        self.addresses = shown.into_iter().zip(real).collect();
        self.router = Some(router);
        let (name, printed) = ("trunkline".to_owned(), printed.into());
        self.programs.push(Program { name, printed, process: None, is_shown: false, is_ours: false });
        Ok(())
    }

    /// Writes a configuration with ports of the system's choice; returns the addresses that it had.
    fn configure(&self, file: &str) -> anyhow::Result<Vec<String>> {
        let path = self.folder.join(file);
        let mut text = match self.files.iter().find(|(name, _)| name == file) {
            Some((_, text)) => text.clone(),
            // Such as what `trunkline init` wrote.
            None => std::fs::read_to_string(&path).with_context(|| format!("cannot read {file}"))?,
        };
        if !text.contains("\n[[listeners]]") && !text.starts_with("[[listeners]]") {
            text += "\n[[listeners]]\naddresses = [\"127.0.0.1:8080\"]\n";
        }
        let shown: Vec<String> =
            text.lines().filter(|line| line.starts_with("addresses")).filter_map(address).collect();
        for address in &shown {
            text = text.replace(address, "127.0.0.1:0");
        }
        write(&path, &text)?;
        Ok(shown)
    }

    /// Takes the next lines of a program, and wants them to be these.
    fn compare(&mut self, by: &[String], wanted: Vec<String>, any_order: bool) -> anyhow::Result<()> {
        let named = |program: &&mut Program| match by {
            [] => true,
            by => by.contains(&program.name),
        };
        let addresses = &self.addresses;
        let Some(program) = self.programs.iter_mut().rev().find(named) else {
            bail!("nothing runs that could print this: {}", by.join(", "));
        };
        program.is_shown = true;
        let mut printed = Vec::new();
        for line in &wanted {
            let next = program
                .next()
                .with_context(|| format!("`{}` was to print {line:?}, after {printed:#?}", program.name))?;
            let put_back = |text: String, (shown, real): &(String, String)| text.replace(real, shown);
            printed.push(addresses.iter().fold(next, put_back));
        }
        let mut expected = wanted;
        if any_order {
            expected.sort();
            printed.sort();
        }
        anyhow::ensure!(
            printed == expected,
            "`{}` printed\n  {}\nand the page shows\n  {}",
            program.name,
            printed.join("\n  "),
            expected.join("\n  ")
        );
        self.compared += expected.len();
        Ok(())
    }

    /// Ends what runs. What it printed has to be on the page, and what ended by itself did so with success.
    fn end(&mut self) -> anyhow::Result<()> {
        for program in self.programs.drain(..) {
            program.end()?;
        }
        match self.router.take() {
            Some(router) => router.terminate_and_wait(),
            None => Ok(()),
        }
    }
}

impl Program {
    fn next(&mut self) -> anyhow::Result<String> {
        if let Some(line) = self.printed.pop_front() {
            return Ok(line);
        }
        let line = self.process.as_mut().map(|process| process.line()).transpose()?.flatten();
        line.context("it ended")
    }

    /// Waits for nothing: what the page shows has come, and most programs go on until they are stopped.
    fn end(mut self) -> anyhow::Result<()> {
        let unseen = self.printed.pop_front().or_else(|| self.process.as_mut()?.try_line());
        if let (Some(line), true) = (unseen, self.is_shown && !self.is_ours) {
            bail!("`{}` printed a line that the page does not show: {line}", self.name);
        }
        let has_failed = self.process.as_mut().is_some_and(Child::has_failed);
        anyhow::ensure!(!has_failed, "`{}` failed; its error is above", self.name);
        Ok(())
    }
}

/// Starts a router, and returns it with what it printed once it listens.
pub(super) fn start_router(command: &mut Command) -> anyhow::Result<(Child, Vec<String>)> {
    let mut process = Child::spawn("trunkline", command)?;
    let mut printed = Vec::new();
    while printed.last().is_none_or(|line| line != END_OF_BANNER) {
        printed.push(process.line()?.context("the router ended before it listened")?);
    }
    Ok((process, printed))
}

/// The first address of this machine in a line.
fn address(line: &str) -> Option<String> {
    let rest = line.get(line.find(HOST)?..)?;
    let port: String = rest.chars().skip(HOST.len()).take_while(char::is_ascii_digit).collect();
    Some(format!("{HOST}{port}"))
}

pub(super) fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let parent = path.parent().context("a file in a folder")?;
    std::fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_found_in_a_line() {
        assert_eq!(address("  Address     127.0.0.1:4711").as_deref(), Some("127.0.0.1:4711"));
        assert_eq!(address(r#"addresses = ["127.0.0.1:8081"]"#).as_deref(), Some("127.0.0.1:8081"));
        assert_eq!(address("  Address     unix:trunkline.sock"), None);
    }
}
