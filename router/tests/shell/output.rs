//! What people and scripts get to see.

use std::io::Write as _;
use std::process::{Command, Stdio};

use crate::calls::{running, slow};
use crate::scene::{OPEN, Process, Scene, finished};

#[test]
fn what_cannot_be_written_is_a_failure() {
    let scene = Scene::new("full", OPEN);
    let _same = scene.begin(&["register", "com.example.same", "--answer", "{0}"], "registered");
    scene.good(&["publish", "com.example.state", "open", "--retain"]);
    for arguments in [
        &["call", "com.example.same", "1"][..],
        &["call", "com.example.same", "1", "--progress"],
        &["publish", "com.example.tick", "--acknowledge"],
        &["subscribe", "com.example.state", "--retained", "--count", "1"],
        &["subscribe", "com.example.state", "--retained"],
        &["call", "com.example.nowhere", "--json"],
        &["completions", "bash"],
        &["config", "default"],
        &["call", "--help"],
    ] {
        // As a file on a disk without space.
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let mut command = scene.command(arguments);
        let output = command.stdin(Stdio::null()).stdout(full).stderr(Stdio::piped()).spawn().unwrap();
        let output = output.wait_with_output().unwrap();
        let complaints = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {complaints}");
        assert!(complaints.contains("trunkline: cannot write to standard output: "), "{complaints}");
    }
}

#[test]
fn mistakes_are_one_clear_line() {
    let scene = Scene::new("mistakes", OPEN);
    let deep = "[".repeat(70) + &"]".repeat(70);
    for (arguments, code, expected) in [
        (&["call", "com..example"][..], 2, "\"com..example\" is no URI"),
        (&["subscribe", "a b"], 2, "\"a b\" is no URI"),
        (&["call", "x", &deep], 2, "nested deeper than the 64 levels"),
        (&["publish", "x", &format!("list={deep}")], 2, "nested deeper than the 64 levels"),
        (&["call", "x", "--realm", "a realm"], 2, "\"a realm\" is no realm"),
        (&["call", "x", "--stdin"], 2, "standard input is no JSON"),
        (&["call", "x", "--url", "http://127.0.0.1"], 2, "an address begins with ws://"),
        (&["call", "x", "--url", "ws://joe:hunter2@127.0.0.1"], 2, "no user and no password"),
        (&["call", "x", "--url", "unix:/nowhere"], 1, "cannot connect to unix:/nowhere"),
        (&["call", "x", "--realm", "nowhere"], 1, "wamp.error.no_such_realm"),
        (&["call", "x", "--key-file", "/nowhere"], 2, "cannot read /nowhere"),
        (&["call", "x", "--url", "ws://127.0.0.1:1", "--cookie", "a\nb"], 2, "is no HTTP header"),
        (&["register", "x", "--progress"], 2, "<COMMAND>"),
        (&["register", "x", "--progress", "--answer", "y"], 2, "cannot be used with"),
        (&["publish", "x", "--eligible", "0"], 2, "a session ID is a number from 1 to 2^53"),
        (&["subscribe"], 2, "<TOPIC>"),
        (&["register", "x", "--count", "0"], 2, "number would be zero for non-zero type"),
        (&["register", "x", "--concurrency", "0"], 2, "number would be zero for non-zero type"),
        (&["subscribe", "x", "--count", "0"], 2, "number would be zero for non-zero type"),
        (&["call", "x", "--timeout-ms", "0"], 2, "number would be zero for non-zero type"),
    ] {
        let (found, output, complaints) = scene.run(arguments);
        assert_eq!((found, &*output), (Some(code), ""), "{arguments:?}: {complaints}");
        assert!(complaints.contains(expected), "{complaints}");
        assert!(complaints.starts_with("error: ") || complaints.lines().count() == 1, "{complaints}");
        assert!(!complaints.contains("hunter2"), "{complaints}");
    }
}

#[test]
fn scripts_are_told_of_every_failure() {
    let scene = Scene::new("failures", OPEN);
    for (arguments, expected) in [
        (
            &["call", "x", "--realm", "nowhere"][..],
            r#"{"error":"wamp.error.no_such_realm","message":"cannot join "#,
        ),
        (&["publish", "x", "--url", "unix:/nowhere"], r#"{"error":null,"message":"cannot join "#),
        (&["subscribe", "x", "--url", "unix:/nowhere"], r#"{"error":null,"message":"cannot join "#),
    ] {
        let (code, output, complaints) = scene.run(&[arguments, &["--json"]].concat());
        assert_eq!((code, &*complaints), (Some(1), ""));
        assert!(output.starts_with(expected) && output.ends_with("\"}\n"), "{output}");
    }
    let _program = slow(&scene, &[]);
    let call = ["call", "com.example.slow", "--json"];
    let interrupted = Process::start(&mut scene.command(&call));
    running(&scene);
    interrupted.signal("INT");
    assert_eq!(interrupted.line(), r#"{"error":null,"message":"SIGINT came before the answer"}"#);
    assert_eq!(interrupted.end(), Some(1));
    let (code, output, _) = scene.run(&[&call[..], &["--timeout-ms", "1"]].concat());
    assert_eq!((code, &*output), (Some(1), "{\"error\":null,\"message\":\"no answer in time\"}\n"));
}

#[test]
fn names_of_keyword_arguments_pass_for_nothing_else() {
    let scene = Scene::new("names", OPEN);
    let subscribe = scene.begin(&["subscribe", "com.example.tick"], "subscribed");
    let mut publish = scene.command(&["publish", "com.example.tick", "--stdin"]);
    let mut publish = publish.stdin(Stdio::piped()).spawn().unwrap();
    let names = br#"{"kwargs": {"a\ncom.example.tick 1": 1, "b=2 c": 3, "plain-1": 4}}"#;
    publish.stdin.take().unwrap().write_all(names).unwrap();
    assert_eq!(publish.wait().unwrap().code(), Some(0));
    assert_eq!(subscribe.line(), r#"com.example.tick "a\ncom.example.tick 1"=1 "b=2 c"=3 plain-1=4"#);
}

#[test]
fn colours_are_for_terminals() {
    let scene = Scene::new("colours", OPEN);
    let terminal = |environment: &str| {
        let executable = env!("CARGO_BIN_EXE_trunkline");
        // `script` is a terminal to what it runs.
        let line = format!("{environment} {executable} call com.example.nowhere");
        let mut command = Command::new("script");
        command
            .args(["-qec", &line, "/dev/null"])
            .env("TRUNKLINE_URL", format!("unix:{}", scene.folder.join("router.sock").display()));
        finished(&mut command).1
    };
    assert!(terminal("env -u NO_COLOR TERM=xterm").contains("\u{1b}["));
    assert!(!terminal("NO_COLOR=1").contains("\u{1b}["));
    assert!(!terminal("env -u NO_COLOR TERM=dumb").contains("\u{1b}["));
    // Nobody gives orders to a terminal from afar; a pipe gets what there is.
    let _evil =
        scene.begin(&["register", "com.example.evil", "--answer", "\u{1b}]0;evil\u{7}\u{9b}m"], "registered");
    let command = [env!("CARGO_BIN_EXE_trunkline"), "call", "com.example.evil"];
    let mut on_terminal = Command::new("script");
    on_terminal
        .args(["-qec", &command.join(" "), "/dev/null"])
        .env("TRUNKLINE_URL", format!("unix:{}", scene.folder.join("router.sock").display()));
    assert_eq!(finished(&mut on_terminal).1, "\\u{1b}]0;evil\\u{7}\\u{9b}m\r\n");
    assert_eq!(scene.good(&["call", "com.example.evil"]), "\u{1b}]0;evil\u{7}\u{9b}m\n");
    let in_json = "{\"args\":[\"\\u001b]0;evil\\u0007\\u009bm\"],\"kwargs\":{}}\n";
    assert_eq!(scene.good(&["call", "com.example.evil", "--json"]), in_json);
    assert!(!scene.run(&["call", "com.example.nowhere"]).2.contains('\u{1b}'));
}

#[test]
fn shells_and_man_know_the_commands() {
    let scene = Scene::new("manual", OPEN);
    for shell in ["bash", "zsh", "fish"] {
        let output = scene.good(&["completions", shell]);
        assert!(output.contains("subscribe") && output.contains("acknowledge"), "{shell}");
    }
    let folder = scene.folder.join("man1");
    assert_eq!(scene.good(&["man", folder.to_str().unwrap()]), "");
    let page = std::fs::read_to_string(folder.join("trunkline-call.1")).unwrap();
    for part in [
        "Call a procedure",
        "progressive results",
        "TRUNKLINE_URL",
        "\\fBtrunkline call\\fR [OPTIONS] <PROCEDURE> [ARG]...",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(folder.join("trunkline.1").exists() && !folder.join("trunkline-help-call.1").exists());
}
