//! The command line: what there is to say to `trunkline`, and what it says back.

mod bench;
mod start;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Exit code of a command that could not do what it was asked to: an address in use, for example.
const FAILED: u8 = 1;

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

Log output goes to standard error. RUST_LOG says how much: RUST_LOG=debug shows every session,
RUST_LOG=trunkline::audit=info only who joined and left. The default is info.

Exit codes: 0 went down in good order, 1 could not start or was cut short, 2 wrong arguments.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Start a router (what happens without a command, too)
    Start(start::Arguments),
    /// Put load on a WAMP router, and measure what it does and what it costs
    Bench(bench::Arguments),
    /// Print the version
    Version,
}

/// Runs the command that the arguments name.
pub(crate) fn main() -> ExitCode {
    let command = Arguments::parse().command.unwrap_or(Command::Start(start::Arguments::default()));
    let result = match command {
        Command::Start(arguments) => start::run(&arguments),
        Command::Bench(arguments) => bench::run(&arguments),
        Command::Version => {
            say(&format!("trunkline {}\n", env!("CARGO_PKG_VERSION")));
            Ok(())
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::debug!(?error, "failed");
            complain(&format!("trunkline: {error:#}\n"));
            ExitCode::from(FAILED)
        }
    }
}

/// Writes to standard output. Nobody reading it is no reason to fail.
fn say(text: &str) {
    use std::io::Write as _;
    let mut out = std::io::stdout();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).ok();
}

/// Writes to standard error.
fn complain(text: &str) {
    use std::io::Write as _;
    std::io::stderr().write_all(text.as_bytes()).ok();
}
