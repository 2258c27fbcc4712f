//! The command line: what there is to say to `trunkline`, and what it says back.

mod bench;
mod check;
mod client;
mod config;
mod descriptors;
mod init;
mod keygen;
mod manual;
mod passwd;
mod signals;
mod start;

use std::ffi::OsStr;
use std::io::IsTerminal as _;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use tracing_subscriber::EnvFilter;

/// Exit code of a command that could not do what it was asked to: an address in use, for example.
const FAILED: u8 = 1;

/// Exit code for arguments of the command line that make no sense, as clap has it, too.
const WRONG_ARGUMENTS: u8 = 2;

/// Exit code for a configuration file that cannot be used. Nothing was started.
const INVALID: u8 = 3;

/// Exit code of a client whose request was answered with ERROR.
const ANSWERED: u8 = 4;

/// A WAMP router: publish/subscribe and routed procedure calls for clients in any language.
///
/// Without a command, `trunkline` starts a development router on this machine: realm "realm1", no
/// authentication, reachable from this machine only.
#[derive(Debug, Parser)]
#[command(name = "trunkline", version, after_help = AFTER_HELP)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

const AFTER_HELP: &str = "\
Examples:
  trunkline                                 start the development router on 127.0.0.1:8080
  trunkline start --listen 127.0.0.1:9000   the same on another port; port 0 lets the system choose
  trunkline start --listen [::1]:8080       over IPv6
  trunkline init --dir router               write a configuration to begin with
  trunkline check router/trunkline.toml     say everything that is wrong with it
  trunkline start --config router/trunkline.toml
  trunkline passwd --generate               make a ticket, and the hash of it for a configuration file
  trunkline register com.example.greet --answer 'hello {0}'
  trunkline call com.example.greet joe      call it, from another shell

Log output goes to standard error. RUST_LOG says how much: RUST_LOG=debug shows every session,
RUST_LOG=trunkline::audit=info only who joined and left. The default is info of a router, and warn of clients.

Exit codes: 0 went down in good order, or did what it was asked to; 1 could not start, was cut short, or failed;
2 wrong arguments, or what a client is to use cannot be used; 3 the configuration file cannot be used, and nothing was started; 4 a request of `call`, `publish`,
`subscribe` or `register` was answered with an error.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Start a router (what happens without a command, too)
    Start(start::Arguments),
    /// Check a configuration file, and say everything that is wrong with it
    Check(check::Arguments),
    /// Print the default configuration, or a schema for editors
    #[command(subcommand)]
    Config(config::Command),
    /// Write a configuration to begin with, and a certificate for this machine
    Init(init::Arguments),
    /// Make what a configuration file keeps of a secret
    Passwd(passwd::Arguments),
    /// Make a key pair for cryptosign
    Keygen(keygen::Arguments),
    /// Call a procedure
    Call(Box<client::call::Arguments>),
    /// Register a procedure: a template, or a program
    Register(Box<client::register::Arguments>),
    /// Publish an event
    Publish(Box<client::publish::Arguments>),
    /// Show events as they come
    Subscribe(Box<client::subscribe::Arguments>),
    /// Put load on a WAMP router, and measure what it does and what it costs
    Bench(bench::Arguments),
    /// Print completions for a shell
    Completions(manual::Completions),
    /// Write manual pages
    Man(manual::Man),
    /// Print the version
    Version,
}

/// Runs the command that the arguments name.
pub(crate) fn main() -> ExitCode {
    let matches = without_empty_variables(Arguments::command()).try_get_matches();
    let arguments = match matches.and_then(|matches| Arguments::from_arg_matches(&matches)) {
        Ok(arguments) => arguments,
        Err(help) => return explain(&help),
    };
    let command = arguments.command.unwrap_or(Command::Start(start::Arguments::default()));
    let result = match command {
        Command::Start(arguments) => start::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Config(command) => config::run(command),
        Command::Init(arguments) => init::run(&arguments),
        Command::Passwd(arguments) => passwd::run(&arguments),
        Command::Keygen(arguments) => keygen::run(&arguments),
        Command::Call(arguments) => client::call::run(*arguments),
        Command::Register(arguments) => client::register::run(*arguments),
        Command::Publish(arguments) => client::publish::run(*arguments),
        Command::Subscribe(arguments) => client::subscribe::run(*arguments),
        Command::Bench(arguments) => bench::run(&arguments),
        Command::Completions(arguments) => manual::complete(&arguments),
        Command::Man(arguments) => manual::write(&arguments),
        Command::Version => print(&format!("trunkline {}\n", env!("CARGO_PKG_VERSION"))),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::debug!(?error, "failed");
            if let Some(told) = error.downcast_ref::<client::Told>() {
                return ExitCode::from(told.exit_code);
            }
            let refused = error.downcast_ref::<check::Refused>();
            let text = match refused {
                Some(refused) => refused.to_text(std::io::stderr().is_terminal()),
                None => printable(&format!("trunkline: {error:#}"), std::io::stderr().is_terminal()),
            };
            complain(&format!("{text}\n"));
            ExitCode::from(match refused {
                Some(_) => INVALID,
                None if error.is::<client::WrongArguments>() => WRONG_ARGUMENTS,
                None => FAILED,
            })
        }
    }
}

/// Prints the help that was asked for, or what is wrong with the arguments.
fn explain(help: &clap::Error) -> ExitCode {
    match written(help.print()) {
        Ok(()) => u8::try_from(help.exit_code()).unwrap_or(WRONG_ARGUMENTS).into(),
        Err(error) => {
            complain(&format!("trunkline: {error:#}\n"));
            FAILED.into()
        }
    }
}

/// An empty variable of the environment says as much as none.
fn without_empty_variables(command: clap::Command) -> clap::Command {
    let is_empty = |name: &OsStr| std::env::var_os(name).is_some_and(|value| value.is_empty());
    command
        .mut_args(|arg| if arg.get_env().is_some_and(is_empty) { arg.env(None) } else { arg })
        .mut_subcommands(without_empty_variables)
}

/// Writes to standard output what goes without saying: a router runs though nobody reads it.
fn say(text: &str) {
    print(text).ok();
}

/// Writes to standard output what was asked for.
///
/// # Errors
/// As [`written`].
fn print(text: &str) -> anyhow::Result<()> {
    use std::io::Write as _;
    let mut out = std::io::stdout();
    written(out.write_all(text.as_bytes()).and_then(|()| out.flush()))
}

/// What becomes of a command that wrote, or could not: whoever reads no further, such as `head`, wants no more, and that
/// is no failure.
///
/// # Errors
/// If something is lost that was wanted: the disk is full, for example.
fn written(result: std::io::Result<()>) -> anyhow::Result<()> {
    match result {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(error).context("cannot write to standard output")
        }
        _ => Ok(()),
    }
}

/// Writes to standard error.
fn complain(text: &str) {
    use std::io::Write as _;
    std::io::stderr().write_all(text.as_bytes()).ok();
}

/// Has log output go to standard error: as much as `RUST_LOG` says, or else from that level on.
fn log(level: &str) {
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level)))
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
}

/// Text of strangers as it may go to a terminal, which takes control characters for orders.
fn printable(text: &str, is_for_terminal: bool) -> String {
    let is_order = |char: char| is_for_terminal && char.is_control() && !matches!(char, '\n' | '\t');
    text.chars().fold(String::with_capacity(text.len()), |mut printable, char| {
        if is_order(char) {
            printable.extend(char.escape_default());
        } else {
            printable.push(char);
        }
        printable
    })
}

/// Writes a file that was not there. What cannot be written whole is not there afterwards either.
fn write_new(path: &Path, content: &str, mode: u32) -> std::io::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    file.write_all(content.as_bytes()).inspect_err(|_| {
        std::fs::remove_file(path).ok();
    })
}

/// A text as a string of a configuration file, in which a `${` stands for itself.
fn toml_string(text: &str) -> String {
    let escaped = text.replace("${", "$${").chars().fold(String::new(), |escaped, char| match char {
        '"' | '\\' => escaped + &format!("\\{char}"),
        char if char.is_control() => escaped + &format!("\\u{:04x}", u32::from(char)),
        char => escaped + char.encode_utf8(&mut [0; 4]),
    });
    format!("\"{escaped}\"")
}
