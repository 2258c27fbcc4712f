//! `trunkline bench` against `trunkline start` and the relay: every kind of work, nothing lost, nothing timed.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on panics")]

#[expect(dead_code, reason = "its `main` is not called here")]
#[path = "../examples/relay.rs"]
mod relay;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

const TRUNKLINE: &str = env!("CARGO_BIN_EXE_trunkline");

/// A router of its own for each test, killed with it.
struct Router {
    process: Child,
    websocket: String,
    rawsocket: String,
}

impl Router {
    fn start() -> Self {
        let mut process = Command::new(TRUNKLINE)
            .args(["start", "--listen", "127.0.0.1:0"])
            .env("RUST_LOG", "warn")
            .stdout(Stdio::piped())
            .spawn()
            .expect("the router starts");
        let mut urls = BufReader::new(process.stdout.take().expect("piped"))
            .lines()
            .map(|line| line.expect("text"))
            .filter_map(|line| line.split_whitespace().find(|word| word.contains("://")).map(str::to_owned));
        let mut url = |scheme| urls.find(|url| url.starts_with(scheme)).expect("the router says its URLs");
        let (websocket, rawsocket) = (url("ws://"), url("rs://"));
        Self { process, websocket, rawsocket }
    }
}

impl Drop for Router {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// Runs the load and returns the numbers of its one line of JSON.
fn bench(arguments: &[&str]) -> BTreeMap<String, f64> {
    let output =
        Command::new(TRUNKLINE).arg("bench").args(arguments).arg("--json").output().expect("it runs");
    let text = String::from_utf8(output.stdout).expect("text");
    assert!(output.status.success(), "{arguments:?}: {text}{}", String::from_utf8_lossy(&output.stderr));
    let members = text.trim().strip_prefix('{').and_then(|text| text.strip_suffix('}')).expect("one object");
    let numbers = members.split(',').filter_map(|member| {
        let (key, value) = member.rsplit_once(':')?;
        Some((key.trim_matches('"').to_owned(), value.parse().ok()?))
    });
    numbers.collect()
}

#[track_caller]
fn assert_all_arrived(numbers: &BTreeMap<String, f64>, completed: f64) {
    assert_eq!(numbers["completed"], completed, "{numbers:?}");
    for key in ["lost", "disordered", "failed"] {
        assert_eq!(numbers[key], 0.0, "{key}: {numbers:?}");
    }
    assert!(numbers["latency_p50_us"] > 0.0 && numbers["latency_max_us"] >= numbers["latency_p50_us"]);
}

#[test]
fn every_call_gets_its_own_answer() {
    let router = Router::start();
    for window in ["1", "16"] {
        for (url, serializer) in [(&router.websocket, "json"), (&router.rawsocket, "msgpack")] {
            let numbers = bench(&[
                "calls",
                "--count",
                "203",
                "--window",
                window,
                "--url",
                url,
                "--serializer",
                serializer,
            ]);
            assert_all_arrived(&numbers, 203.0);
        }
    }
}

#[test]
fn every_event_reaches_every_subscriber_in_order() {
    let router = Router::start();
    for mode in [&["--awaited"][..], &["--window", "8"], &[]] {
        for (url, serializer) in [(&router.websocket, "cbor"), (&router.rawsocket, "json")] {
            let mut arguments = vec!["events", "--count", "203", "--url", url, "--serializer", serializer];
            arguments.extend_from_slice(mode);
            assert_all_arrived(&bench(&arguments), 4.0 * 203.0);
        }
    }
}

#[test]
fn fan_out_reaches_everyone() {
    let router = Router::start();
    let numbers = bench(&[
        "fanout",
        "--subscribers",
        "50",
        "--count",
        "20",
        "--payload",
        "2000",
        "--url",
        &router.websocket,
    ]);
    assert_all_arrived(&numbers, 1000.0);
}

#[test]
fn the_relay_carries_the_same_load() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).expect("a free port");
    let url = format!("relay://{}", listener.local_addr().expect("bound"));
    runtime
        .spawn(relay::serve(listener, tokio_tungstenite::tungstenite::protocol::WebSocketConfig::default()));
    for serializer in ["json", "msgpack"] {
        let common = ["--count", "203", "--url", &url, "--serializer", serializer];
        assert_all_arrived(&bench(&[&["calls"], &common[..]].concat()), 203.0);
        assert_all_arrived(&bench(&[&["events"], &common[..]].concat()), 4.0 * 203.0);
        assert_all_arrived(&bench(&[&["fanout", "--subscribers", "20"], &common[..]].concat()), 20.0 * 203.0);
    }
}

#[test]
fn idle_sessions_stay_and_the_routers_memory_is_reported() {
    let router = Router::start();
    let pid = router.process.id().to_string();
    for url in [&router.websocket, &router.rawsocket] {
        let numbers =
            bench(&["idle", "--sessions", "20", "--seconds", "0.1", "--url", url, "--router-pid", &pid]);
        assert_eq!(numbers["sessions"], 20.0);
        assert!(numbers["latency_p50_us"] > 0.0, "{numbers:?}");
        assert!(numbers["router_rss_bytes"] > 0.0 && numbers["router_cpu_s"] >= 0.0, "{numbers:?}");
    }
}

#[test]
fn timed_rounds_take_turns_and_end_with_a_median_for_each_target() {
    let router = Router::start();
    let output = Command::new(TRUNKLINE)
        .args(["bench", "calls", "--seconds", "0.05", "--rounds", "3", "--json"])
        .args(["--url", &router.websocket, "--url", &router.rawsocket])
        .output()
        .expect("it runs");
    let text = String::from_utf8(output.stdout).expect("text");
    let shown: Vec<_> = text
        .lines()
        .map(|line| {
            let round = line.split_once("\"round\":\"").and_then(|(_, rest)| rest.split_once('"'));
            (line.contains(&router.rawsocket), round.expect("a round").0.to_owned())
        })
        .collect();
    let expected = [(false, "1"), (true, "1"), (false, "2"), (true, "2"), (false, "3"), (true, "3")]
        .into_iter()
        .chain([(false, "median"), (true, "median")])
        .map(|(raw, round)| (raw, round.to_owned()));
    assert_eq!(shown, expected.collect::<Vec<_>>());
}

#[test]
fn a_target_that_is_not_there_is_an_error_that_names_it() {
    let output = Command::new(TRUNKLINE)
        .args(["bench", "calls", "--url", "rs://127.0.0.1:1"])
        .output()
        .expect("it runs");
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("cannot connect to 127.0.0.1:1"), "{text}");
}
