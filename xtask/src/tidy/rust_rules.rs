//! Rules over Rust code.

use super::Finding;
use super::code::{Line, has_word, is_test_path, lines};
use crate::workspace::SourceFile;

/// Runs `offence` over each line of each file that `applies`; it names what it objects to.
fn scan(
    files: &[SourceFile],
    applies: impl Fn(&str) -> bool,
    offence: impl Fn(&str, &Line) -> Option<String>,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files.iter().filter(|file| file.path.ends_with(".rs") && applies(&file.path)) {
        for line in lines(file) {
            if let Some(what) = offence(&file.path, &line) {
                findings.push(Finding { path: file.path.clone(), line: Some(line.number), what });
            }
        }
    }
    findings
}

fn first_word(code: &str, words: &[&str]) -> Option<String> {
    words.iter().find(|word| has_word(code, word)).map(|word| format!("`{word}`"))
}

pub(super) fn unbounded_channels(files: &[SourceFile]) -> Vec<Finding> {
    let words = ["unbounded", "unbounded_channel", "UnboundedSender", "UnboundedReceiver"];
    let mut findings = scan(
        files,
        |_| true,
        |_, line| {
            if line.is_test {
                return None;
            }
            first_word(&line.code, &words)
                .or_else(|| makes_std_channel(&line.code).then(|| "`mpsc::channel()`".into()))
        },
    );
    findings.retain(|finding| !is_allowed(files, finding, "tidy: allow-unbounded"));
    findings
}

/// `channel()` without a capacity; a oneshot holds one value by its nature.
fn makes_std_channel(code: &str) -> bool {
    let calls = code.split("channel").collect::<Vec<_>>();
    calls.windows(2).any(|pair| {
        let [before, after] = pair else { return false };
        let is_whole = !before.ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let after = match after.strip_prefix("::<") {
            Some(generics) => generics.split_once(">(").map_or("", |(_, rest)| rest),
            None => after.strip_prefix('(').unwrap_or_default(),
        };
        is_whole && after.starts_with(')') && !before.ends_with("oneshot::")
    })
}

pub(super) fn realm_fence(files: &[SourceFile]) -> Vec<Finding> {
    let never = [
        "tokio",
        "Instant",
        "SystemTime",
        "::now()",
        "RandomState",
        "std::thread",
        "thread::spawn",
        "trunkline_config",
    ];
    // A transcript may be built from values and driven by a seeded generator.
    let not_outside_tests = ["rand", "getrandom"];
    let in_realm = |path: &str| path.starts_with("router/src/realm/") || path == "router/src/realm.rs";
    scan(files, in_realm, |path, line| {
        let value_is_fine = line.is_test
            || path.starts_with("router/src/realm/meta/")
            || path == "router/src/realm/store/query.rs"
            || path == "router/src/realm/dealer/gathering.rs";
        first_word(&line.code, &never)
            .or_else(|| if line.is_test { None } else { first_word(&line.code, &not_outside_tests) })
            .or_else(|| if value_is_fine { None } else { first_word(&line.code, &["Value"]) })
            .or_else(|| leaves_realm(&line.code).then(|| "a `crate::` path outside `crate::realm`".into()))
    })
}

fn leaves_realm(code: &str) -> bool {
    code.split("crate::").skip(1).any(|path| {
        let Some(rest) = path.strip_prefix("realm") else { return true };
        rest.starts_with(|c: char| c.is_alphanumeric() || c == '_')
    })
}

pub(super) fn proto_fence(files: &[SourceFile]) -> Vec<Finding> {
    let words = [
        "tokio",
        "Instant",
        "SystemTime",
        "::now()",
        "std::thread",
        "thread::spawn",
        "std::net",
        "TcpStream",
        "UdpSocket",
        "UnixStream",
    ];
    scan(files, |path| path.starts_with("wamp-proto/src/"), |_, line| first_word(&line.code, &words))
}

/// Of the router's sources, only the command line may use the client.
pub(super) fn client_fence(files: &[SourceFile]) -> Vec<Finding> {
    let in_library = |path: &str| path.starts_with("router/src/") && !path.starts_with("router/src/cli/");
    scan(
        files,
        in_library,
        |_, line| {
            if line.is_test { None } else { first_word(&line.code, &["trunkline_client"]) }
        },
    )
}

/// The command line's help may name a URI to its reader, as may tests and tools.
pub(super) fn uri_literals(files: &[SourceFile]) -> Vec<Finding> {
    let applies = |path: &str| {
        path != "wamp-proto/src/error_uri.rs"
            && !path.starts_with("router/src/cli")
            && !path.starts_with("xtask/")
    };
    scan(files, applies, |_, line| {
        let prefix =
            ["wamp.error.", "wamp.close."].into_iter().find(|prefix| line.strings.contains(prefix))?;
        (!line.is_test).then(|| format!("a literal `{prefix}…`"))
    })
}

pub(super) fn unfinished(files: &[SourceFile]) -> Vec<Finding> {
    scan(files, |_| true, |_, line| first_word(&line.code, &["#[ignore]", "todo!", "unimplemented!"]))
}

/// Of tests over sockets and processes; a sleep there either wastes time or fails on a slow machine.
pub(super) fn sleeps_in_tests(files: &[SourceFile]) -> Vec<Finding> {
    let in_suite = |path: &str| is_test_path(path) && !path.contains("/src/realm/");
    let mut findings = scan(files, in_suite, |_, line| first_word(&line.code, &["sleep", "sleep_until"]));
    for file in files.iter().filter(|file| file.path.ends_with(".py")) {
        for (number, line) in file.text.lines().enumerate().filter(|(_, line)| line.contains("sleep(")) {
            let what = format!("`{}`", line.trim());
            findings.push(Finding { path: file.path.clone(), line: Some(number + 1), what });
        }
    }
    findings.retain(|finding| !is_allowed(files, finding, "tidy: allow-sleep"));
    findings
}

/// Whether the line above has the mark, and a reason behind it.
fn is_allowed(files: &[SourceFile], finding: &Finding, mark: &str) -> bool {
    let above = finding.line.and_then(|line| line.checked_sub(2));
    let file = files.iter().find(|file| file.path == finding.path);
    let line_above = file.zip(above).and_then(|(file, above)| file.text.lines().nth(above));
    line_above.and_then(|line| line.split_once(mark)).is_some_and(|(_, reason)| !reason.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::findings;

    #[test]
    fn unbounded_channels_are_found_outside_tests() {
        let find = |text| findings(unbounded_channels, "router/src/outbox.rs", text);
        assert_eq!(find("let (a, b) = mpsc::unbounded_channel();"), ["`unbounded_channel`"]);
        assert_eq!(find("let (a, b) = flume::unbounded();"), ["`unbounded`"]);
        assert_eq!(find("// tidy: allow-unbounded\nmpsc::unbounded_channel()"), ["`unbounded_channel`"]);
        assert!(find("// tidy: allow-unbounded permits bound it\nmpsc::unbounded_channel()").is_empty());
        assert_eq!(find("let (a, b) = mpsc::channel();"), ["`mpsc::channel()`"]);
        assert_eq!(find("let (a, b) = mpsc::channel::<Vec<u8>>();"), ["`mpsc::channel()`"]);
        assert!(
            find("mpsc::channel(8); mpsc::channel::<u8>(8); oneshot::channel(); // unbounded").is_empty()
        );
        assert!(find("#[cfg(test)]\nmod tests {\n    fn f() { mpsc::channel(); }\n}\n").is_empty());
    }

    #[test]
    fn the_core_is_fenced() {
        let find = |text| findings(realm_fence, "router/src/realm/broker.rs", text);
        assert_eq!(find("use tokio::sync::mpsc;"), ["`tokio`"]);
        assert_eq!(find("let now = Clock::now();"), ["`::now()`"]);
        assert_eq!(find("fn at(now: Instant) {}"), ["`Instant`"]);
        assert_eq!(find("let id = rand::random();"), ["`rand`"]);
        assert_eq!(find("std::thread::yield_now();"), ["`std::thread`"]);
        assert_eq!(find("use crate::outbox::Outbox;"), ["a `crate::` path outside `crate::realm`"]);
        assert_eq!(find("use crate::realm_driver::Driver;"), ["a `crate::` path outside `crate::realm`"]);
        assert_eq!(find("use trunkline_config::Realm;"), ["`trunkline_config`"]);
        assert_eq!(find("let args: Value = decode();"), ["`Value`"]);
        assert!(find("pub(crate) fn f(x: crate::realm::Effect) {} // tokio").is_empty());
        assert!(
            find("#[cfg(test)]\nmod tests {\n    use rand::Rng;\n    use wamp_proto::Value;\n}\n").is_empty()
        );
    }

    #[test]
    fn values_are_for_the_meta_api_and_for_transcripts() {
        let value = "use wamp_proto::Value;";
        assert!(findings(realm_fence, "router/src/realm/meta/events.rs", value).is_empty());
        assert!(findings(realm_fence, "router/src/realm/store/query.rs", value).is_empty());
        assert!(findings(realm_fence, "router/src/realm/tests/publish.rs", value).is_empty());
        assert!(findings(realm_fence, "router/src/listen.rs", "use tokio::net;").is_empty());
    }

    #[test]
    fn the_protocol_crate_is_fenced() {
        let find = |text| findings(proto_fence, "wamp-proto/src/session/mod.rs", text);
        assert_eq!(find("use std::net::SocketAddr;"), ["`std::net`"]);
        assert_eq!(find("use std::time::Instant;"), ["`Instant`"]);
        assert!(find("// tokio drives this\nuse std::time::Duration;").is_empty());
    }

    #[test]
    fn the_router_does_without_the_client() {
        let text = "use trunkline_client::Client;";
        assert_eq!(findings(client_fence, "router/src/router.rs", text), ["`trunkline_client`"]);
        assert!(findings(client_fence, "router/src/cli/client/call.rs", text).is_empty());
        assert!(findings(client_fence, "router/tests/reconnect.rs", text).is_empty());
        let test = format!("#[cfg(test)]\nmod tests {{\n    {text}\n}}\n");
        assert!(findings(client_fence, "router/src/router.rs", &test).is_empty());
    }

    #[test]
    fn uris_are_spelled_in_one_place() {
        let text = "let uri = \"wamp.error.canceled\";";
        assert_eq!(findings(uri_literals, "router/src/realm/dealer.rs", text), ["a literal `wamp.error.…`"]);
        assert!(findings(uri_literals, "wamp-proto/src/error_uri.rs", text).is_empty());
        assert!(findings(uri_literals, "tests/tests/rpc.rs", text).is_empty());
        assert!(findings(uri_literals, "router/src/lib.rs", "// answers \"wamp.close.normal\"").is_empty());
    }

    #[test]
    fn unfinished_work_is_found() {
        let find = |text| findings(unfinished, "router/src/lib.rs", text);
        assert_eq!(find("#[ignore]"), ["`#[ignore]`"]);
        assert_eq!(find("fn f() { todo!() }"), ["`todo!`"]);
        assert!(find("#[ignore = \"needs a second machine\"]").is_empty());
    }

    #[test]
    fn tests_do_not_sleep_without_a_reason() {
        let find = |text| findings(sleeps_in_tests, "tests/tests/drain.rs", text);
        assert_eq!(find("tokio::time::sleep(TICK).await;"), ["`sleep`"]);
        assert_eq!(find("// tidy: allow-sleep\nstd::thread::sleep(TICK);"), ["`sleep`"]);
        assert!(find("// tidy: allow-sleep the peer must stay silent\nstd::thread::sleep(TICK);").is_empty());
        assert!(findings(sleeps_in_tests, "router/src/connection.rs", "sleep(TICK).await;").is_empty());
        assert_eq!(
            findings(sleeps_in_tests, "tests/a.py", "await asyncio.sleep(1)"),
            ["`await asyncio.sleep(1)`"]
        );
    }
}
