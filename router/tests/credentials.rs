//! `trunkline passwd` and `trunkline keygen`: what they print works.
#![cfg(all(unix, feature = "cli"))]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a harness fails the test that uses it")]

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, PasswordVerifier as _};
use trunkline::config::{Config, Principal, ProcessEnvironment, WampcraCredential};
use wamp_proto::auth::scram::{Answer, Dialect, Exchange, Kdf};
use wamp_proto::auth::wampcra::{Salting, derive_key};
use wamp_proto::auth::{AuthMethod, cryptosign};

const SECRET: &str = "it's \"s3cret\" \\ ${HOME} ä";

/// Runs the executable with that standard input: exit code, standard output, standard error.
fn run(arguments: &[&str], input: &[u8]) -> (Option<i32>, String, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_trunkline"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the executable runs");
    // One that refuses its arguments reads nothing.
    child.stdin.take().unwrap().write_all(input).ok();
    let output = child.wait_with_output().unwrap();
    let [stdout, stderr] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    (output.status.code(), stdout, stderr)
}

/// The configuration with that line in the only principal's table.
fn configured(line: &str) -> Config {
    let text = format!(
        "[[realms]]\nname = 'realm1'\nroles = [{{ name = 'user' }}]\n\
         [[realms.principals]]\nauthid = 'joe'\nrole = 'user'\n{line}\n"
    );
    Config::parse(&text, Path::new("trunkline.toml"), &ProcessEnvironment)
        .unwrap_or_else(|problems| panic!("{problems}"))
}

/// The principal that `passwd` makes of a secret, and its standard error.
fn principal(options: &[&str], secret: &str) -> (Principal, String) {
    let arguments = [&["passwd"][..], options].concat();
    let (code, stdout, stderr) = run(&arguments, format!("{secret}\n").as_bytes());
    assert_eq!(code, Some(0), "{stderr}");
    assert_eq!(stdout.lines().count(), 1, "{stdout}");
    (configured(&stdout).realms[0].rules.principals[0].clone(), stderr)
}

fn fits(principal: &Principal, ticket: &str) -> bool {
    let [hash] = &principal.tickets[..] else { panic!("one ticket: {principal:?}") };
    let hash = PasswordHash::new(&hash.0).unwrap();
    Argon2::default().verify_password(ticket.as_bytes(), &hash).is_ok()
}

#[test]
fn a_ticket_is_hashed_and_fits_its_hash_alone() {
    let (principal, stderr) = principal(&["--memory", "64", "--iterations", "3"], SECRET);
    assert!(fits(&principal, SECRET));
    assert!(!fits(&principal, "it's \"s3cret\""));
    assert!(principal.tickets[0].0.starts_with("$argon2id$v=19$m=64,t=3,p=1$"));
    assert!(!stderr.contains("s3cret"), "{stderr}");
    let others = principal_of_the_same_secret();
    assert_ne!(principal.tickets, others.tickets, "the salt is another each time");
}

fn principal_of_the_same_secret() -> Principal {
    principal(&["--memory", "64", "--iterations", "3"], SECRET).0
}

#[test]
fn a_ticket_costs_what_is_advised_if_nothing_else_is_said() {
    let (principal, _) = principal(&[], "joe-ticket");
    assert!(principal.tickets[0].0.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
}

#[test]
fn a_secret_that_is_made_up_is_shown_on_standard_error_and_fits() {
    let (code, stdout, stderr) = run(&["passwd", "--generate", "--memory", "64"], b"");
    assert_eq!(code, Some(0), "{stderr}");
    let secret = stderr.lines().find_map(|line| line.split_once("nowhere else: ")).expect("the secret").1;
    assert_eq!(secret.len(), 32);
    assert!(fits(&configured(&stdout).realms[0].rules.principals[0], secret));
    let (_, _, other) = run(&["passwd", "--generate", "--memory", "64"], b"");
    assert!(!other.contains(secret));
}

#[test]
fn a_secret_of_wampcra_is_kept_as_it_is() {
    let (principal, stderr) = principal(&["--method", "wampcra"], SECRET);
    let [WampcraCredential::Secret(secret)] = &principal.wampcra[..] else { panic!("{principal:?}") };
    assert_eq!(secret.0, SECRET);
    assert!(stderr.contains("keep the file from others"), "{stderr}");
    // It would be taken for a reference.
    let (code, stdout, stderr) = run(&["passwd", "--method", "wampcra"], b"file:secret\n");
    assert_eq!((code, stdout.as_str()), (Some(1), ""));
    assert!(stderr.contains("cannot begin with `file:`"), "{stderr}");
}

#[test]
fn a_salted_key_of_wampcra_is_the_one_that_clients_derive() {
    for (options, rounds) in [
        (&["--method", "wampcra-salted"][..], 1000),
        (&["--method", "wampcra-salted", "--iterations", "7"], 7),
    ] {
        let (principal, _) = principal(options, SECRET);
        let [WampcraCredential::Derived { key, salt, iterations, keylen }] = &principal.wampcra[..] else {
            panic!("{principal:?}")
        };
        assert_eq!((*iterations, *keylen), (rounds, 32));
        let salting = Salting { salt: salt.clone(), iterations: *iterations, keylen: *keylen };
        assert_eq!(key.0, derive_key(SECRET, &salting));
    }
}

#[test]
fn a_verifier_of_scram_takes_the_proof_of_its_password_alone() {
    let costs = ["--memory", "64", "--iterations", "1"];
    let rounds = ["--kdf", "pbkdf2", "--iterations", "4096"];
    for (dialect, options, kdf) in [
        (Dialect::Wamp, &costs[..], Kdf::Argon2id13 { iterations: 1, memory: 64 }),
        (Dialect::Wamp, &rounds[..], Kdf::Pbkdf2 { iterations: 4096 }),
        (Dialect::Autobahn, &costs[..], Kdf::Argon2id13 { iterations: 1, memory: 64 }),
    ] {
        let method = dialect.method();
        let (principal, _) = principal(&[&["--method", method.as_str()][..], options].concat(), SECRET);
        assert_eq!(principal.methods().collect::<Vec<_>>(), [method]);
        let [verifier] = &principal.scram[..] else { panic!("{principal:?}") };
        assert_eq!((verifier.dialect, verifier.kdf), (dialect, kdf));
        let exchange = Exchange::new("joe", "Y2xpZW50", "c2VydmVy", verifier).unwrap();
        let salt = verifier.salt_text();
        let answer = |password| {
            Answer::new(dialect, "joe", password, "Y2xpZW50", exchange.nonce(), &salt, kdf).unwrap()
        };
        let right = answer(SECRET);
        right.check_server_signature(&exchange.verify(verifier, &right.proof).unwrap()).unwrap();
        assert!(exchange.verify(verifier, &answer("another").proof).is_err());
    }
}

#[test]
fn scram_costs_a_browser_can_bear_if_nothing_else_is_said() {
    let (principal, _) = principal(&["--method", "wamp-scram"], "jill-password");
    assert_eq!(principal.scram[0].kdf, Kdf::Argon2id13 { iterations: 2, memory: 19_456 });
    assert_eq!(principal.methods().collect::<Vec<_>>(), [AuthMethod::WampScram]);
}

#[test]
fn passwd_takes_no_secret_from_its_arguments_and_no_option_that_means_nothing() {
    for arguments in [&["secret"][..], &["--method", "plain"], &["--memory", "7"], &["--iterations", "0"]] {
        let (code, stdout, _) = run(&[&["passwd"][..], arguments].concat(), b"secret\n");
        assert_eq!((code, stdout.as_str()), (Some(2), ""), "{arguments:?}");
    }
    for (arguments, words) in [
        (&["--kdf", "pbkdf2"][..], "--kdf is about"),
        (&["--method", "wampcra", "--memory", "64"], "--memory is about argon2"),
        (&["--method", "scram", "--kdf", "pbkdf2", "--memory", "64"], "--memory is about argon2"),
        (&["--method", "wampcra", "--iterations", "9"], "--iterations is not about wampcra"),
        (&["--iterations", "101"], "at most 100 iterations"),
        (&["--method", "wampcra-salted", "--iterations", "1000001"], "at most 1000000"),
        (&["--method", "scram", "--kdf", "pbkdf2", "--iterations", "4095"], "too weak"),
    ] {
        let (code, stdout, stderr) = run(&[&["passwd"][..], arguments].concat(), b"secret\n");
        assert_eq!((code, stdout.as_str()), (Some(1), ""), "{arguments:?}");
        assert!(stderr.contains(words), "no {words:?} in {stderr}");
    }
}

#[test]
fn passwd_refuses_what_is_no_secret() {
    for (input, words) in [
        (&b""[..], "must not be empty"),
        (b"\n", "must not be empty"),
        (b"\r\n", "must not be empty"),
        (b"\xff\n", "cannot read the secret"),
        (&[b'a'; 4097], "4096 octets at most"),
    ] {
        let (code, stdout, stderr) = run(&["passwd", "--memory", "64"], input);
        assert_eq!((code, stdout.as_str()), (Some(1), ""));
        assert!(stderr.contains(words), "no {words:?} in {stderr}");
    }
}

/// What stands behind that in a text.
fn after<'a>(text: &'a str, words: &str) -> &'a str {
    text.lines().find_map(|line| line.split_once(words)).expect(words).1
}

#[test]
fn keygen_shows_a_key_pair_and_where_it_goes() {
    let (code, stdout, stderr) = run(&["keygen"], b"");
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    let seed = cryptosign::parse_seed(after(&stdout, "private key: ")).unwrap();
    let public_key = cryptosign::public_key(&seed);
    assert_eq!(after(&stdout, "public key: "), cryptosign::to_hex(&public_key));
    // All of it can be pasted.
    let config = configured(&stdout);
    assert_eq!(config.realms[0].rules.principals[0].cryptosign, [public_key]);
    let line = stdout.lines().find_map(|line| line.strip_prefix("#router_key")).expect("the router's");
    let config = configured(&format!(
        "cryptosign = ['{}']\n[authentication]\nrouter_key{line}",
        after(&stdout, "public key: ")
    ));
    assert_eq!(config.authentication.router_key.unwrap().0, cryptosign::to_hex(&seed));
    assert_ne!(run(&["keygen"], b"").1, stdout);
}

#[test]
fn keygen_keeps_the_seed_in_a_file_that_nobody_else_reads() {
    let path: PathBuf = Path::new(env!("CARGO_TARGET_TMPDIR")).join("keygen.seed");
    fs::remove_file(&path).ok();
    let name = path.to_str().unwrap();
    let (code, stdout, stderr) = run(&["keygen", "--out", name], b"");
    assert_eq!(code, Some(0), "{stderr}");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let written = fs::read_to_string(&path).unwrap();
    let seed = cryptosign::parse_seed(written.trim_end()).unwrap();
    assert_eq!(after(&stdout, "public key: "), cryptosign::to_hex(&cryptosign::public_key(&seed)));
    assert!(!stdout.contains(written.trim_end()) && !stderr.contains(written.trim_end()));
    let line = stdout.lines().find_map(|line| line.strip_prefix("#router_key")).expect("the router's");
    let config = configured(&format!("{stdout}\n[authentication]\nrouter_key{line}"));
    assert_eq!(config.authentication.router_key.unwrap().0, written.trim_end());

    let (code, stdout, stderr) = run(&["keygen", "--out", name], b"");
    assert_eq!((code, stdout.as_str()), (Some(1), ""));
    assert!(stderr.contains("cannot write "), "{stderr}");
    assert_eq!(fs::read_to_string(&path).unwrap(), written);
}
