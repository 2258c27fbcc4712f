//! The guide docs/rust-client.md shows what the programs `examples/guide_*.rs` are made of, and what they print.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a helper fails the test that uses it")]

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use futures_util::StreamExt as _;
use rcgen::{CertificateParams, KeyPair};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use trunkline::config::{Address, Certificate, Config, Tls};
use trunkline_client::{Client, Credential, Error};
use trunkline_tests::logins::with_principals;
use trunkline_tests::{Scratch, TestRouter, config, within_deadline};

const PAGE: &str = include_str!("../../docs/rust-client.md");

/// The blocks of the page whose fence says that.
fn blocks(fence: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut lines = PAGE.lines();
    while let Some(line) = lines.next() {
        let Some(language) = line.strip_prefix("```") else { continue };
        let block: String =
            lines.by_ref().take_while(|line| *line != "```").map(|line| format!("{line}\n")).collect();
        if language == fence {
            blocks.push(block);
        }
    }
    blocks
}

/// What stands between `// guide: NAME` and `// guide: end` in that program, moved to the left margin.
fn regions(program: &str) -> Vec<String> {
    let mut regions = Vec::new();
    let mut lines = program.lines();
    while let Some(line) = lines.next() {
        let Some((margin, _)) = line.split_once("// guide: ") else { continue };
        let region = lines.by_ref().take_while(|line| line.trim_start() != "// guide: end");
        regions.push(region.map(|line| format!("{}\n", line.strip_prefix(margin).unwrap_or(line))).collect());
    }
    regions
}

fn programs() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths.filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with("guide_")).collect()
}

#[test]
fn the_guide_shows_what_its_programs_are_made_of() {
    let shown: BTreeSet<_> = blocks("rust").into_iter().collect();
    let texts = programs().into_iter().map(|path| fs::read_to_string(path).unwrap());
    let made: BTreeSet<_> = texts.flat_map(|text| regions(&text)).collect();
    for snippet in &shown {
        assert!(made.contains(snippet), "in the guide, but in no program:\n{snippet}");
    }
    for region in &made {
        assert!(shown.contains(region), "in a program, but not in the guide:\n{region}");
    }
    assert!(!shown.is_empty());
}

/// The program of that name, as cargo builds it for tests. Its file is in a folder beside that of this test.
fn program(name: &str) -> Command {
    let test = env::current_exe().unwrap();
    let path = test.parent().unwrap().parent().unwrap().join("examples").join(name);
    assert!(
        path.exists(),
        "no {name}: `cargo test -p trunkline-client` builds it, `--test guide` alone does not"
    );
    let mut command = Command::new(path);
    command.kill_on_drop(true);
    command
}

/// Runs a program to its end, and compares what it prints with what the guide says.
async fn prints_what_the_guide_says(name: &str, arguments: &[&str]) {
    let output = within_deadline(name, program(name).args(arguments).output()).await.unwrap();
    let (printed, complaints) =
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(output.status.success(), "{name}: {printed}{complaints}");
    let said = blocks(&format!("text {name}"));
    assert!(!said.is_empty(), "the guide does not say what {name} prints");
    assert_eq!(printed, said.concat(), "{name}");
}

/// That configuration with the realm of the guide.
fn with_realm1(mut config: Config) -> Config {
    config.realms[0].name = "realm1".to_owned();
    config
}

async fn runs(name: &str) {
    let router = TestRouter::with(&with_realm1(config())).await;
    prints_what_the_guide_says(name, &[&format!("ws://{}/ws", router.address())]).await;
}

#[tokio::test]
async fn guide_first_prints_what_the_guide_says() {
    runs("guide_first").await;
}

#[tokio::test]
async fn guide_calls_prints_what_the_guide_says() {
    runs("guide_calls").await;
}

#[tokio::test]
async fn guide_events_prints_what_the_guide_says() {
    runs("guide_events").await;
}

#[tokio::test]
async fn guide_procedures_prints_what_the_guide_says() {
    runs("guide_procedures").await;
}

#[tokio::test]
async fn guide_embedded_prints_what_the_guide_says() {
    prints_what_the_guide_says("guide_embedded", &[]).await;
}

#[tokio::test]
async fn guide_authentication_prints_what_the_guide_says() {
    let (scratch, key) = (Scratch::new(), KeyPair::generate().unwrap());
    let certificate = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap().self_signed(&key).unwrap();
    let certificate_file = scratch.file("certificate.pem", certificate.pem());
    let key_file = scratch.file("key.pem", key.serialize_pem());
    let mut config = with_realm1(with_principals());
    config.listeners[0].tls =
        Some(Tls::with(Certificate { certificate_file: certificate_file.clone(), key_file }));
    let router = TestRouter::with(&config).await;
    let url = format!("wss://{}/ws", router.address());
    prints_what_the_guide_says("guide_authentication", &[&url, certificate_file.to_str().unwrap()]).await;
}

struct Component {
    _process: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Component {
    fn start(url: &str) -> Self {
        let mut command = program("guide_component");
        command.arg(url).env("COMPONENT_SECRET", "secret").stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { _process: process, lines }
    }

    async fn prints(&mut self, expected: &str) {
        within_deadline(expected, async {
            while self.lines.next_line().await.unwrap().expect("the component goes on") != expected {}
        })
        .await;
    }
}

/// Calls the component. The first time, it says that it joined before it registers, so this asks until it has.
async fn counts(url: &str) {
    let builder = Client::builder(url, "realm1").authid("carl").credential(Credential::wampcra("secret"));
    let caller = within_deadline("WELCOME", builder.connect()).await.unwrap();
    let answer = within_deadline("an answer of the component", async {
        loop {
            match count(&caller).await {
                Err(error) if error.uri() == Some("wamp.error.no_such_procedure") => {}
                answer => break answer,
            }
        }
    })
    .await;
    assert_eq!(answer, Ok((vec![1, 2], 3)));
}

async fn count(caller: &Client) -> Result<(Vec<u64>, u64), Error> {
    let mut results = caller.call::<u64>("com.example.count", 3).progressive_results::<u64>().await?;
    let mut progress = Vec::new();
    while let Some(number) = results.next().await {
        progress.push(number?);
    }
    Ok((progress, results.result().await?))
}

#[cfg(unix)]
#[tokio::test]
async fn the_component_of_the_guide_serves_again_after_its_router_restarted() {
    let mut config = with_realm1(with_principals());
    // Not the address that connections to it come from: while nobody listens there, nobody else takes the port.
    config.listeners[0].addresses = vec![Address::Tcp("127.0.8.1:0".parse().unwrap())];
    let router = TestRouter::with(&config).await;
    let address = router.address();
    config.listeners[0].addresses = vec![Address::Tcp(address)];
    let url = format!("ws://{address}/ws");

    let mut component = Component::start(&url);
    component.prints("joined as carl").await;
    counts(&url).await;
    within_deadline("the end", router.shut_down()).await;
    component.prints("no session").await;

    let _router = TestRouter::with(&config).await;
    component.prints("joined as carl").await;
    counts(&url).await;
}
