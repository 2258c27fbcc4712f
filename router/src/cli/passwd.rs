//! `trunkline passwd`: what a configuration file keeps of a secret.

use std::fmt::Write as _;
use std::io::{IsTerminal as _, Read as _};

use anyhow::{Context as _, bail, ensure};
use argon2::password_hash::PasswordHasher as _;
use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD as BASE64, URL_SAFE_NO_PAD};
use clap::{Args, ValueEnum};
use wamp_proto::auth::scram::{Dialect, Kdf, Verifier};
use wamp_proto::auth::wampcra::{self, Salting};

use super::{complain, print, toml_string};

/// Octets of chance in a salt.
const SALT_BYTES: usize = 16;
/// Octets of chance in a secret that is made up: nobody guesses it, however cheap a guess is.
const GENERATED_BYTES: usize = 24;
/// Octets that a secret may have.
const SECRET_MAX_BYTES: u64 = 4096;
/// What other routers take for WAMP-CRA, too. Clients in JavaScript need a while for more.
const WAMPCRA_ITERATIONS: u32 = 1000;
const WAMPCRA_KEYLEN: u32 = 32;
/// What a client in a browser can still compute while somebody waits.
const PBKDF2_ITERATIONS: u32 = 100_000;

/// What `trunkline passwd` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
The secret is asked for, twice; if standard input is no terminal, it is read from there. What goes into the
principal's table in the configuration file is on standard output, everything else on standard error.")]
pub(super) struct Arguments {
    /// How the secret is used
    #[arg(long, value_enum, default_value_t = Method::Ticket)]
    method: Method,
    /// Make up a secret, and show it, instead of asking for one
    #[arg(long)]
    generate: bool,
    /// The function of SCRAM [default: argon2id13]
    #[arg(long, value_enum)]
    kdf: Option<Function>,
    /// KiB of memory of argon2 [default: 19456]
    #[arg(long, value_name = "KIB", value_parser = clap::value_parser!(u32).range(8..=1 << 20))]
    memory: Option<u32>,
    /// Iterations [default: 2 of argon2, 100000 of pbkdf2, 1000 of wampcra-salted]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    iterations: Option<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Method {
    /// A hash of a ticket
    Ticket,
    /// The secret itself, which WAMP-CRA needs
    Wampcra,
    /// The key of WAMP-CRA that clients derive from the secret
    WampcraSalted,
    /// SCRAM as the specification has it
    WampScram,
    /// SCRAM as Autobahn has it
    Scram,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Function {
    Argon2id13,
    Pbkdf2,
}

/// Prints the line for the configuration file.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    // Before anybody types anything.
    arguments.check()?;
    let secret = if arguments.generate { generate() } else { ask()? };
    let line = match arguments.method {
        Method::Ticket => ticket(&secret, arguments.argon2()?)?,
        Method::Wampcra => format!("wampcra = [{{ secret = {} }}]", setting(&secret)?),
        Method::WampcraSalted => salted(&secret, arguments.iterations.unwrap_or(WAMPCRA_ITERATIONS)),
        Method::WampScram => scram(Dialect::Wamp, &secret, arguments.kdf())?,
        Method::Scram => scram(Dialect::Autobahn, &secret, arguments.kdf())?,
    };
    print(&format!("{line}\n"))?;
    if arguments.generate {
        complain(&format!("The secret, which is written down nowhere else: {secret}\n"));
    }
    complain("The line above belongs into [[realms.principals]], beside `authid` and `role`.\n");
    if arguments.method == Method::Wampcra {
        complain("It has the secret itself: keep the file from others, or write `file:` and a path there.\n");
    }
    Ok(())
}

impl Arguments {
    /// Refuses options that mean nothing, and costs that `trunkline check` or clients would refuse.
    fn check(&self) -> anyhow::Result<()> {
        let is_scram = matches!(self.method, Method::WampScram | Method::Scram);
        let has_argon2 = self.method == Method::Ticket || (is_scram && self.kdf().memory().is_some());
        ensure!(self.kdf.is_none() || is_scram, "--kdf is about the methods wamp-scram and scram");
        ensure!(self.memory.is_none() || has_argon2, "--memory is about argon2");
        ensure!(
            self.iterations.is_none() || self.method != Method::Wampcra,
            "--iterations is not about wampcra: its secret is kept as it is"
        );
        match self.method {
            Method::Ticket => {
                self.argon2()?;
            }
            Method::WampcraSalted => {
                let iterations = self.iterations.unwrap_or(WAMPCRA_ITERATIONS);
                ensure!(
                    iterations <= Salting::ITERATIONS_MAX,
                    "at most {} iterations of wampcra-salted",
                    Salting::ITERATIONS_MAX
                );
            }
            Method::WampScram | Method::Scram => self.kdf().check()?,
            Method::Wampcra => {}
        }
        Ok(())
    }

    fn kdf(&self) -> Kdf {
        match self.kdf.unwrap_or(Function::Argon2id13) {
            Function::Argon2id13 => Kdf::Argon2id13 {
                iterations: self.iterations.unwrap_or(Params::DEFAULT_T_COST),
                memory: self.memory.unwrap_or(Params::DEFAULT_M_COST),
            },
            Function::Pbkdf2 => Kdf::Pbkdf2 { iterations: self.iterations.unwrap_or(PBKDF2_ITERATIONS) },
        }
    }

    fn argon2(&self) -> anyhow::Result<Params> {
        let iterations = self.iterations.unwrap_or(Params::DEFAULT_T_COST);
        ensure!(iterations <= 100, "at most 100 iterations of argon2 for a ticket");
        let memory = self.memory.unwrap_or(Params::DEFAULT_M_COST);
        Params::new(memory, iterations, 1, None).context("argon2 does not take these costs")
    }
}

/// A secret that nobody guesses.
fn generate() -> String {
    URL_SAFE_NO_PAD.encode(rand::random::<[u8; GENERATED_BYTES]>())
}

/// The secret that the user types, or that another program writes to standard input.
fn ask() -> anyhow::Result<String> {
    let secret = if std::io::stdin().is_terminal() {
        let secret = rpassword::prompt_password("Secret: ").context("cannot ask for the secret")?;
        let again = rpassword::prompt_password("Once more: ").context("cannot ask for the secret")?;
        ensure!(secret == again, "the two are not the same");
        secret
    } else {
        let mut text = String::new();
        let read = std::io::stdin().take(SECRET_MAX_BYTES + 2).read_to_string(&mut text);
        read.context("cannot read the secret from standard input")?;
        let line = text.strip_suffix('\n').unwrap_or(&text);
        line.strip_suffix('\r').unwrap_or(line).to_owned()
    };
    ensure!(!secret.is_empty(), "a secret must not be empty");
    ensure!(secret.len() as u64 <= SECRET_MAX_BYTES, "a secret has {SECRET_MAX_BYTES} octets at most");
    Ok(secret)
}

fn ticket(secret: &str, costs: Params) -> anyhow::Result<String> {
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, costs);
    let hash = argon2.hash_password(secret.as_bytes()).context("cannot compute the hash")?;
    Ok(format!("tickets = [{}]", toml_string(&hash.to_string())))
}

fn salted(secret: &str, iterations: u32) -> String {
    let salting = Salting { salt: BASE64.encode(salt()), iterations, keylen: WAMPCRA_KEYLEN };
    let key = wampcra::derive_key(secret, &salting);
    let Salting { salt, keylen, .. } = salting;
    format!("wampcra = [{{ key = {key:?}, salt = {salt:?}, iterations = {iterations}, keylen = {keylen} }}]")
}

fn scram(dialect: Dialect, secret: &str, kdf: Kdf) -> anyhow::Result<String> {
    let verifier = Verifier::derive(dialect, secret, &salt(), kdf).context("cannot derive the keys")?;
    let method = dialect.method().as_str();
    // The file has one name for it, whatever a dialect calls it.
    let function = kdf.name(Dialect::Wamp);
    let mut line =
        format!("scram = [{{ dialect = {method:?}, kdf = {function:?}, iterations = {}", kdf.iterations());
    if let Some(memory) = kdf.memory() {
        write!(line, ", memory = {memory}")?;
    }
    let [stored_key, server_key] = [verifier.stored_key, verifier.server_key].map(|key| BASE64.encode(key));
    let salt = verifier.salt_text();
    write!(line, ", salt = {salt:?}, stored_key = {stored_key:?}, server_key = {server_key:?} }}]")?;
    Ok(line)
}

fn salt() -> [u8; SALT_BYTES] {
    rand::random()
}

/// A secret as a setting, which must not be taken for a reference.
fn setting(secret: &str) -> anyhow::Result<String> {
    if secret.starts_with("file:") {
        bail!(
            "a secret in a configuration file cannot begin with `file:`: write it to a file, and name that"
        );
    }
    Ok(toml_string(secret))
}
