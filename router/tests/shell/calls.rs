//! `trunkline call` and `trunkline register`.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::scene::{OPEN, Process, Scene, finished, send, started_by, wait_until};

#[test]
fn a_template_answers_a_call() {
    let scene = Scene::new("template", OPEN);
    let greet =
        scene.begin(&["register", "com.example.greet", "--answer", "hello {0} in {lang}"], "registered");
    assert_eq!(scene.good(&["call", "com.example.greet", "joe", "lang=fr"]), "hello joe in fr\n");
    assert_eq!(greet.line(), r#"com.example.greet "joe" lang="fr""#);
    let output = scene.good(&["call", "com.example.greet", "--json", "-s", "1", "lang=2"]);
    assert_eq!(output, "{\"args\":[\"hello 1 in 2\"],\"kwargs\":{}}\n");
    assert_eq!(greet.line(), r#"com.example.greet "1" lang="2""#);
    let (code, output, complaints) = scene.run(&["call", "com.example.greet", "joe"]);
    let expected = "wamp.error.invalid_argument there is no argument \"lang\"\n";
    assert_eq!((code, &*output, &*complaints), (Some(4), "", expected));
    let (code, output, complaints) = scene.run(&["call", "com.example.greet", "--json"]);
    let expected = "{\"error\":\"wamp.error.invalid_argument\",\"args\":[\"there is no argument \\\"0\\\"\"],\"kwargs\":{}}\n";
    assert_eq!((code, &*output, &*complaints), (Some(4), expected, ""));
    assert_eq!(greet.interrupt(), Some(0));
    let (code, _, complaints) = scene.run(&["call", "com.example.greet", "joe"]);
    assert_eq!(code, Some(4));
    assert!(complaints.starts_with("wamp.error.no_such_procedure "), "{complaints}");
}

#[test]
fn numbers_below_zero_and_beyond_64_bits_are_arguments() {
    let scene = Scene::new("numbers", OPEN);
    let _same = scene.begin(&["register", "com.example.same", "--answer", "{0}"], "registered");
    for number in ["-5", "-0.5", "-12345678901234567890123"] {
        assert_eq!(scene.good(&["call", "com.example.same", number]), format!("{number}\n"));
    }
}

#[test]
fn what_json_says_arrives_as_it_is() {
    let scene = Scene::new("json", OPEN);
    let _same = scene.begin(&["register", "com.example.same", "--answer", "{0}"], "registered");
    for (typed, shown) in [
        ("[12345678901234567890123]", "[12345678901234567890123]"),
        (r#"{"a": 1, "b": 2, "a": 3}"#, r#"{"b":2,"a":3}"#),
        // JSON has no sign for what is no number.
        ("[1e400]", "[null]"),
    ] {
        assert_eq!(scene.good(&["call", "com.example.same", typed]), format!("{shown}\n"));
    }
}

/// Conformance: SER-08
#[test]
fn ser_08_what_is_nested_too_deep_costs_a_call_and_no_session() {
    let scene = Scene::new("deep", OPEN);
    let wrap = scene.begin(&["register", "com.example.wrap", "--answer", r#"[[["{0}"]]]"#], "registered");
    let deep = |levels| "[".repeat(levels) + &"]".repeat(levels);
    for levels in [60, 61, 62] {
        let (code, _, complaints) = scene.run(&["call", "com.example.wrap", &deep(levels)]);
        let expected = "wamp.error.runtime_error the arguments are nested deeper than the 64 levels";
        assert_eq!(code, Some(4));
        assert!(complaints.starts_with(expected), "{complaints}");
    }
    assert_eq!(scene.good(&["call", "com.example.wrap", &deep(59)]), deep(62) + "\n");
    assert_eq!(wrap.interrupt(), Some(0));
    let print = format!("echo '{}'", deep(80));
    let print = scene.begin(&["register", "com.example.print", "--", "sh", "-c", &print], "registered");
    let (code, _, complaints) = scene.run(&["call", "com.example.print"]);
    assert_eq!(code, Some(4));
    assert!(
        complaints.starts_with("wamp.error.runtime_error the arguments are nested deeper"),
        "{complaints}"
    );
    assert_eq!(print.interrupt(), Some(0));
}

#[test]
fn arguments_come_from_standard_input_too() {
    let scene = Scene::new("stdin", OPEN);
    let _swap = scene
        .begin(&["register", "com.example.swap", "--answer", r#"["{1}", "{0}", "{octets}"]"#], "registered");
    let mut command = scene.command(&["call", "com.example.swap", "--stdin"]);
    let mut call = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let question = br#"{"args": [1, "two"], "kwargs": {"octets": "\u0000AQI="}}"#;
    call.stdin.take().unwrap().write_all(question).unwrap();
    let mut output = String::new();
    call.stdout.take().unwrap().read_to_string(&mut output).unwrap();
    assert_eq!(call.wait().unwrap().code(), Some(0));
    // Octets are shown as WAMP writes them in JSON (SER-02).
    assert_eq!(output, "[\"two\",1,\"\\u0000AQI=\"]\n");
}

#[test]
fn a_program_answers_calls() {
    let scene = Scene::new("program", OPEN);
    let script = r#"cat > question; echo 1; echo '{"two": 2}'; echo three"#;
    let mut command = scene.command(&["register", "com.example.run", "--progress", "--", "sh", "-c", script]);
    let program = Process::start(command.current_dir(&scene.folder));
    program.wait_for_note("registered");
    let output = scene.good(&["call", "com.example.run", "7", "name=joe", "--progress", "--disclose-me"]);
    assert_eq!(output, "1\n{\"two\":2}\nthree\n");
    let question = std::fs::read_to_string(scene.folder.join("question")).unwrap();
    let begins = r#"{"procedure":"com.example.run","args":[7],"kwargs":{"name":"joe"},"caller":{"session":"#;
    assert!(question.starts_with(begins), "{question}");
    let output = scene.good(&["call", "com.example.run", "--progress", "--json"]);
    let expected = [
        r#"{"progress":true,"args":[1],"kwargs":{}}"#,
        r#"{"progress":true,"args":[{"two":2}],"kwargs":{}}"#,
        r#"{"args":["three"],"kwargs":{}}"#,
    ];
    assert_eq!(output.lines().collect::<Vec<_>>(), expected);
    // Who wants no progressive results gets the last line.
    assert_eq!(scene.good(&["call", "com.example.run"]), "three\n");

    let failing = [
        "register",
        "com.example.fail",
        "--count",
        "1",
        "--",
        "sh",
        "-c",
        "echo why >&2; echo because >&2; exit 3",
    ];
    let failing = scene.begin(&failing, "registered");
    let (code, _, complaints) = scene.run(&["call", "com.example.fail"]);
    assert_eq!((code, &*complaints), (Some(4), "wamp.error.runtime_error because\n"));
    assert_eq!(failing.end(), Some(0));

    let missing = scene.begin(&["register", "com.example.missing", "--", "/nowhere"], "registered");
    let (code, _, complaints) = scene.run(&["call", "com.example.missing"]);
    let problem = "cannot run /nowhere: No such file or directory";
    assert_eq!(code, Some(4));
    assert!(complaints.starts_with(&format!("wamp.error.runtime_error {problem}")), "{complaints}");
    missing.wait_for_note(&format!("trunkline: {problem}"));
}

#[test]
fn progressive_results_arrive_however_many_they_are_and_however_they_end() {
    let scene = Scene::new("many", OPEN);
    let script = "read call; case $call in *fail*) echo 1; echo 2; exit 3;; *octets*) printf '\\377\\n\\377\\n';; *) seq 50000;; esac";
    let register = ["register", "com.example.lines", "--progress", "--", "sh", "-c", script];
    let _lines = scene.begin(&register, "registered");
    let file = scene.folder.join("lines");
    let mut call = scene.command(&["call", "com.example.lines", "--progress"]);
    let status = call.stdin(Stdio::null()).stdout(std::fs::File::create(&file).unwrap()).status().unwrap();
    assert_eq!(status.code(), Some(0));
    let printed = std::fs::read_to_string(&file).unwrap();
    assert!(printed.lines().map(|line| line.parse::<u32>().unwrap()).eq(1..=50_000));
    // What it printed before it failed arrives, and then why.
    let (code, output, complaints) = scene.run(&["call", "com.example.lines", "--progress", "fail"]);
    assert_eq!((code, &*output), (Some(4), "1\n2\n"));
    assert!(complaints.starts_with("wamp.error.runtime_error sh ended with exit status: 3"), "{complaints}");
    // The break between two lines belongs to neither.
    let output = scene.good(&["call", "com.example.lines", "--progress", "octets"]);
    assert_eq!(output, "\"\\u0000/w==\"\n".repeat(2));
}

#[test]
fn whoever_reads_no_results_keeps_no_signal_away() {
    let scene = Scene::new("unread", OPEN);
    // More than the pipe takes, and what waits for it.
    let script = "seq 50000; touch ended; exec tail -f /dev/null";
    let register = ["register", "com.example.lines", "--progress", "--", "sh", "-c", script];
    let lines = Process::start(scene.command(&register).current_dir(&scene.folder));
    lines.wait_for_note("registered");
    let mut call = scene.command(&["call", "com.example.lines", "--progress", "--json"]);
    let mut call = call.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    wait_until("all is printed", || scene.folder.join("ended").exists().then_some(()));
    send(&call, "TERM");
    assert_eq!(call.wait().unwrap().code(), Some(1));
    assert_eq!(lines.interrupt(), Some(0));
}

#[test]
fn what_a_program_prints_is_json_or_text_or_octets_or_nothing() {
    let scene = Scene::new("printed", OPEN);
    let script = r#"read call; case $call in
        *octets*) printf '\377\001';;
        *text*) printf 'a line\n\n';;
        *void*) echo null;;
        *much*) head -c 16777217 /dev/zero; touch ended;;
    esac"#;
    let mut command = scene.command(&["register", "com.example.print", "--", "sh", "-c", script]);
    let program = Process::start(command.current_dir(&scene.folder));
    program.wait_for_note("registered");
    let call = |what| scene.run(&["call", "com.example.print", what, "--json"]);
    let printed = |args: &str| (Some(0), format!("{{\"args\":{args},\"kwargs\":{{}}}}\n"), String::new());
    assert_eq!(call("octets"), printed(r#"["\u0000/wE="]"#));
    assert_eq!(call("text"), printed(r#"["a line"]"#));
    assert_eq!(call("void"), printed("[null]"));
    assert_eq!(call("nothing"), printed("[]"));
    let _silent = scene.begin(&["register", "com.example.silent"], "registered");
    assert_eq!(scene.good(&["call", "com.example.silent", "--json"]), printed("[]").1);
    let _minus = scene.begin(&["register", "com.example.minus", "--answer", "-5"], "registered");
    assert_eq!(scene.good(&["call", "com.example.minus"]), "-5\n");
    let (code, output, _) = call("much");
    assert_eq!(code, Some(4));
    assert!(output.contains("a result of more than 16777216 octets"), "{output}");
}

/// A callee that runs a program for each call of `com.example.slow`, and the number of a process that this starts.
pub(crate) fn slow(scene: &Scene, options: &[&str]) -> Process {
    let script = "sleep 600 & echo $! > pid.new; mv pid.new pid; wait";
    let arguments = [&["register", "com.example.slow"], options, &["--", "sh", "-c", script]].concat();
    // Whoever runs these tests may ignore signals, which is inherited.
    let terminal = ["env", "--default-signal=HUP,QUIT"];
    let mut command = started_by(&terminal, scene.command(&arguments).current_dir(&scene.folder));
    let program = Process::start(&mut command);
    program.wait_for_note("registered");
    program
}

/// Waits until the program runs; returns where the system has the process that it started.
pub(crate) fn running(scene: &Scene) -> PathBuf {
    let pid = wait_until("the program runs", || std::fs::read_to_string(scene.folder.join("pid")).ok());
    let process = PathBuf::from("/proc").join(pid.trim());
    assert!(process.exists());
    process
}

/// Waits until the process has ended; whether somebody waited for it, is its parent's business.
fn wait_for_end(process: &Path) {
    wait_until("the process has ended", || {
        let Ok(state) = std::fs::read_to_string(process.join("status")) else { return Some(()) };
        state.contains("State:\tZ").then_some(())
    });
}

#[test]
fn a_program_is_killed_with_what_it_started_when_its_call_is_canceled() {
    let scene = Scene::new("killed", OPEN);
    let _program = slow(&scene, &[]);
    let call = Process::start(&mut scene.command(&["call", "com.example.slow"]));
    let process = running(&scene);
    assert_eq!(call.interrupt(), Some(1));
    wait_for_end(&process);
    let (code, _, complaints) = scene.run(&["call", "com.example.slow", "--timeout-ms", "1"]);
    assert_eq!((code, &*complaints), (Some(1), "trunkline: no answer in time\n"));
}

#[test]
fn a_terminal_that_closes_ends_programs() {
    for (signal, name) in [("HUP", "hangup"), ("QUIT", "quit")] {
        let scene = Scene::new(name, OPEN);
        let program = slow(&scene, &[]);
        let call = Process::start(&mut scene.command(&["call", "com.example.slow"]));
        let process = running(&scene);
        program.signal(signal);
        program.wait_for_note(&format!("SIG{signal} came: what still ran was cut short"));
        assert_eq!(program.end(), Some(1));
        wait_for_end(&process);
        call.wait_for_note("wamp.error.canceled");
    }
}

#[test]
fn a_canceled_call_counts() {
    let scene = Scene::new("counts", OPEN);
    let program = slow(&scene, &["--count", "1"]);
    let call = Process::start(&mut scene.command(&["call", "com.example.slow"]));
    running(&scene);
    assert_eq!(call.interrupt(), Some(1));
    assert_eq!(program.end(), Some(0));
}

#[test]
fn a_second_signal_ends_the_programs_that_the_first_let_finish() {
    let scene = Scene::new("second-signal", OPEN);
    let program = slow(&scene, &[]);
    let call = Process::start(&mut scene.command(&["call", "com.example.slow"]));
    let process = running(&scene);
    program.signal("TERM");
    // It takes its procedure back, and answers the call that is under way.
    wait_until("it has taken the procedure back", || {
        let (_, _, complaints) = scene.run(&["call", "com.example.slow"]);
        complaints.starts_with("wamp.error.no_such_procedure").then_some(())
    });
    assert!(process.exists());
    program.signal("INT");
    program.wait_for_note("SIGINT came while leaving");
    assert_eq!(program.end(), Some(1));
    wait_for_end(&process);
    call.wait_for_note("wamp.error.canceled");
    assert_eq!(call.end(), Some(4));
}

#[test]
fn the_log_says_why_a_procedure_is_not_back() {
    let mut scene = Scene::new("not-back", OPEN);
    let greet = scene.begin(&["register", "com.example.greet"], "registered");
    let file = scene.folder.join("trunkline.toml");
    let strict = std::fs::read_to_string(&file).unwrap().replace("\"call\", \"register\"", "\"call\"");
    std::fs::write(&file, strict).unwrap();
    scene.router.child.kill().unwrap();
    scene.router.child.wait().unwrap();
    scene.router = Scene::start(&scene.folder);
    greet.wait_for_note("joined again");
    greet.wait_for_note("not registered again yet");
    let mut command = scene.command(&["call", "com.example.greet"]);
    let (_, _, complaints) = finished(command.env("RUST_LOG", "debug"));
    assert!(complaints.contains("joined"), "{complaints}");
}
