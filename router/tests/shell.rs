//! The client for the shell, as its user meets it: `trunkline call`, `register`, `publish`, `subscribe`.
#![cfg(all(unix, feature = "cli"))]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a harness fails the test that uses it")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

/// How long a test waits for what has to come. Only a failure ever waits so long.
const DEADLINE: Duration = Duration::from_secs(20);

const SAMPLE: &str = include_str!("../../config/samples/authentication.toml");

const OPEN: &str = r#"
[[listeners]]
addresses = ["ADDRESS"]
[[realms]]
name = "realm1"
anonymous_role = "anyone"
[[realms.roles]]
name = "anyone"
[[realms.roles.permissions]]
uri = ""
match = "prefix"
allow = ["publish", "subscribe", "call", "register"]
"#;

/// A router on a Unix socket, in a folder for one test, and the shell beside it.
struct Scene {
    folder: PathBuf,
    router: Process,
}

impl Scene {
    /// With a router of that configuration, in which `ADDRESS` is where it listens.
    fn new(name: &str, configuration: &str) -> Self {
        let folder = Self::folder(name);
        let address = format!("unix:{}", folder.join("router.sock").display());
        std::fs::write(folder.join("trunkline.toml"), configuration.replace("ADDRESS", &address)).unwrap();
        let router = Self::start(&folder);
        Self { folder, router }
    }

    /// An empty folder.
    fn folder(name: &str) -> PathBuf {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("shell-{name}"));
        std::fs::remove_dir_all(&folder).ok();
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    fn start(folder: &Path) -> Process {
        Self::start_and_read(folder).0
    }

    /// The same, with what it printed.
    fn start_and_read(folder: &Path) -> (Process, Vec<String>) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_trunkline"));
        command.args(["start", "--config"]).arg(folder.join("trunkline.toml")).env("RUST_LOG", "off");
        let router = Process::start(&mut command);
        let printed = router.lines_up_to("Ctrl-C stops the router.");
        (router, printed)
    }

    /// The executable with these arguments, in an environment of its own.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_trunkline"));
        command
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", &self.folder)
            .env("TRUNKLINE_URL", format!("unix:{}", self.folder.join("router.sock").display()));
        command
    }

    /// Runs it to its end: exit code, standard output, standard error.
    fn run(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        finished(&mut self.command(arguments))
    }

    /// Runs it to its end, which has to be good, without a complaint. Returns what it printed.
    #[track_caller]
    fn good(&self, arguments: &[&str]) -> String {
        let (code, output, complaints) = self.run(arguments);
        assert_eq!((code, &*complaints), (Some(0), ""), "{arguments:?}");
        output
    }

    /// Starts it, and waits until it complains, or notes, that.
    fn begin(&self, arguments: &[&str], note: &str) -> Process {
        let process = Process::start(&mut self.command(arguments));
        process.wait_for_note(note);
        process
    }
}

fn finished(command: &mut Command) -> (Option<i32>, String, String) {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let text = |octets| String::from_utf8(octets).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// A process that runs beside the test, and ends with it.
struct Process {
    child: Child,
    lines: Receiver<String>,
    notes: Receiver<String>,
}

impl Process {
    fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the executable runs");
        let (stdout, stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        Self { child, lines: lines(stdout), notes: lines(stderr) }
    }

    fn line(&self) -> String {
        self.lines.recv_timeout(DEADLINE).expect("a line")
    }

    /// What it prints before that line.
    fn lines_up_to(&self, last: &str) -> Vec<String> {
        std::iter::repeat_with(|| self.line()).take_while(|line| line != last).collect()
    }

    fn wait_for_note(&self, text: &str) {
        while !self.notes.recv_timeout(DEADLINE).expect(text).contains(text) {}
    }

    /// Sends a signal, by its name for the shell.
    fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }

    /// Interrupts it as Ctrl-C does; returns its exit code.
    fn interrupt(self) -> Option<i32> {
        self.signal("INT");
        self.end()
    }

    fn end(mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn lines(output: impl std::io::Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = sync_channel(1024);
    std::thread::spawn(move || {
        BufReader::new(output).lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
    });
    receiver
}

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
fn what_a_program_prints_is_json_or_text_or_octets_or_nothing() {
    let scene = Scene::new("printed", OPEN);
    let script = r#"read call; case $call in
        *octets*) printf '\377\001';;
        *text*) printf 'a line\n\n';;
        *much*) head -c 16777217 /dev/zero; touch ended;;
    esac"#;
    let mut command = scene.command(&["register", "com.example.print", "--", "sh", "-c", script]);
    let program = Process::start(command.current_dir(&scene.folder));
    program.wait_for_note("registered");
    let call = |what| scene.run(&["call", "com.example.print", what, "--json"]);
    let printed = |args: &str| (Some(0), format!("{{\"args\":{args},\"kwargs\":{{}}}}\n"), String::new());
    assert_eq!(call("octets"), printed(r#"["\u0000/wE="]"#));
    assert_eq!(call("text"), printed(r#"["a line"]"#));
    assert_eq!(call("nothing"), printed("[]"));
    let (code, output, _) = call("much");
    assert_eq!(code, Some(4));
    assert!(output.contains("a result of more than 16777216 octets"), "{output}");
}

/// A callee that runs a program for each call of `com.example.slow`, and the number of a process that this starts.
fn slow(scene: &Scene, options: &[&str]) -> Process {
    let script = "sleep 600 & echo $! > pid.new; mv pid.new pid; wait";
    let arguments = [&["register", "com.example.slow"], options, &["--", "sh", "-c", script]].concat();
    let program = Process::start(scene.command(&arguments).current_dir(&scene.folder));
    program.wait_for_note("registered");
    program
}

/// Waits until the program runs; returns where the system has the process that it started.
fn running(scene: &Scene) -> PathBuf {
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
fn subscribe_ends_when_nobody_reads_it_any_more() {
    let scene = Scene::new("head", OPEN);
    let mut subscribe = scene.begin(&["subscribe", "com.example.tick"], "subscribed");
    let publish = ["publish", "com.example.tick", "--acknowledge"];
    scene.good(&publish);
    assert_eq!(subscribe.line(), "com.example.tick");
    // Its thread closes the pipe as soon as nobody takes a line from it.
    subscribe.lines = sync_channel(1).1;
    let code = wait_until("it has ended", || {
        scene.good(&publish);
        subscribe.child.try_wait().unwrap()
    });
    assert_eq!(code.code(), Some(0));
}

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

#[tokio::test]
async fn a_slow_reader_keeps_its_session_and_hears_what_was_left_out() {
    let scene = Scene::new("slow-reader", OPEN);
    let mut child = scene
        .command(&["subscribe", "com.example.tick"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let notes = lines(child.stderr.take().unwrap());
    assert_eq!(notes.recv_timeout(DEADLINE).unwrap(), "subscribed");
    let url = format!("unix:{}", scene.folder.join("router.sock").display());
    let client = trunkline_client::connect(&url, "realm1").await.unwrap();
    // More than the router keeps for a session that is not read, the pipe and the client together.
    let long = "a".repeat(4000);
    for _ in 0..2000 {
        client.publish("com.example.tick", &*long).acknowledge().await.unwrap();
    }
    let output = lines(child.stdout.take().unwrap());
    while !output.try_iter().any(|line| line == "com.example.tick \"last\"") {
        client.publish("com.example.tick", "last").acknowledge().await.unwrap();
    }
    let note = notes.recv_timeout(DEADLINE).unwrap();
    assert!(note.ends_with(" events left out"), "{note}");
    child.kill().unwrap();
    child.wait().unwrap();
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

fn wait_until<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let since = Instant::now();
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(since.elapsed() < DEADLINE, "in vain: {what}");
        std::thread::yield_now();
    }
}

#[test]
fn subscribers_follow_topics_across_a_restart_of_the_router() {
    let mut scene = Scene::new("follow", OPEN);
    let all = scene.begin(&["subscribe", "com.example.", "--prefix", "--json"], "subscribed");
    let two =
        scene.begin(&["subscribe", "com.example.tick", "com.example.tock", "--count", "2"], "subscribed");
    let publication = scene.good(&["publish", "com.example.tick", "1", "unit=s", "--acknowledge"]);
    let expected = format!(
        r#"{{"topic":"com.example.tick","publication":{},"details":{{"topic":"com.example.tick"}},"args":[1],"kwargs":{{"unit":"s"}}}}"#,
        publication.trim()
    );
    assert_eq!(all.line(), expected);
    assert_eq!(two.line(), r#"com.example.tick 1 unit="s""#);

    scene.router.child.kill().unwrap();
    scene.router.child.wait().unwrap();
    all.wait_for_note("the connection was lost");
    scene.router = Scene::start(&scene.folder);
    all.wait_for_note("joined again");
    two.wait_for_note("joined again");
    // Joined, but SUBSCRIBE may still be under way: the router answers the question behind it.
    let count = ["call", "wamp.subscription.lookup", "com.example.tock"];
    wait_until("it is subscribed again", || (!scene.good(&count).trim().is_empty()).then_some(()));
    assert_eq!(scene.good(&["publish", "com.example.tock", "2"]), "");
    assert_eq!(two.line(), "com.example.tock 2");
    assert_eq!(two.end(), Some(0));
    assert_eq!(all.interrupt(), Some(0));
}

#[test]
fn a_retained_event_waits_for_its_subscriber() {
    let scene = Scene::new("retained", OPEN);
    assert_eq!(scene.good(&["publish", "com.example.state", "open", "--retain"]), "");
    let (code, output, notes) = scene.run(&["subscribe", "com.example.state", "--retained", "--count", "1"]);
    assert_eq!((code, &*output, &*notes), (Some(0), "com.example.state \"open\"\n", "subscribed\n"));
}

#[test]
fn every_method_logs_in_and_wrong_credentials_do_not() {
    let scene = Scene::new("log-in", &SAMPLE.replace("127.0.0.1:8080", "ADDRESS"));
    let _who = {
        let register = ["register", "com.example.who", "--answer", "it works", "--authid", "joe", "--ticket"];
        scene.begin(&[&register[..], &["joe-ticket"]].concat(), "registered")
    };
    let seed = "062af47aae54871a1150a2a1ac6287f61399b1a952c22011aa3ed229b8e15e68\n";
    std::fs::write(scene.folder.join("jack.seed"), seed).unwrap();
    let key_file = scene.folder.join("jack.seed");
    let key_file = key_file.to_str().unwrap();
    let methods: &[&[(&str, &str)]] = &[
        &[("AUTHID", "joe"), ("TICKET", "joe-ticket")],
        &[("AUTHID", "jane"), ("SECRET", "jane-secret")],
        &[("AUTHID", "jim"), ("SECRET", "secret123")],
        &[("AUTHID", "jill"), ("PASSWORD", "jill-password")],
        &[("AUTHID", "jill"), ("PASSWORD", "jill-password"), ("AUTOBAHN_SCRAM", "true")],
        &[("AUTHID", "jill"), ("PASSWORD", "jill-password"), ("AUTOBAHN_SCRAM", "1")],
        &[("AUTHID", "jill"), ("PASSWORD", "jill-password"), ("AUTOBAHN_SCRAM", "no")],
        &[("AUTHID", "jack"), ("KEY_FILE", key_file)],
    ];
    for method in methods {
        let mut command = scene.command(&["call", "com.example.who"]);
        command.envs(method.iter().map(|(name, value)| (format!("TRUNKLINE_{name}"), value)));
        assert_eq!(finished(&mut command), (Some(0), "it works\n".to_owned(), String::new()), "{method:?}");
    }
    for wrong in [&["--authid", "jane", "--secret", "wrong"][..], &[]] {
        let (code, output, complaints) = scene.run(&[&["call", "com.example.who"], wrong].concat());
        assert_eq!((code, &*output), (Some(1), ""));
        assert!(complaints.starts_with("trunkline: cannot join realm1 at unix:"), "{complaints}");
        assert!(complaints.contains("the router refuses: wamp.error.") && !complaints.contains("wrong"));
    }
}

/// Listens on two ports: TLS, for clients with certificates and without, and WebSocket with cookies.
const LOG_INS: &str = r#"
[authentication]
router_key = "0909090909090909090909090909090909090909090909090909090909090909"
[[listeners]]
addresses = ["127.0.0.1:0"]
[listeners.tls]
certificate_file = "router.pem"
key_file = "router-key.pem"
client_ca_file = "ca.pem"
[[listeners]]
addresses = ["127.0.0.1:0"]
[listeners.cookie]
[[realms]]
name = "realm1"
[[realms.roles]]
name = "user"
[[realms.roles.permissions]]
uri = "com.example."
match = "prefix"
allow = ["publish"]
[[realms.principals]]
authid = "carol"
role = "user"
certificates = ["dns:carol.example"]
[[realms.principals]]
authid = "kate"
role = "user"
cryptosign = ["KATE"]
[[realms.principals]]
authid = "joe"
role = "user"
tickets = ["$argon2id$v=19$m=19456,t=2,p=1$YTqxqnvQsvmgVbvA2wrntw$AEJ0sJHGDWCQkyx+xrtU10v2NZTYq9OpJdpwMdUWOKc"]
"#;

#[test]
fn a_certificate_a_bound_key_and_a_cookie_log_in() {
    use wamp_proto::auth::cryptosign::{public_key, to_hex};
    let folder = Scene::folder("tls");
    let write = |name: &str, content: &str| {
        let path = folder.join(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let mut params = rcgen::CertificateParams::default();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority = rcgen::CertifiedIssuer::self_signed(params, rcgen::KeyPair::generate().unwrap()).unwrap();
    let issue = |name: &str, host: &str| {
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new([host.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &authority).unwrap();
        let certificate = write(&format!("{name}.pem"), &certificate.pem());
        (certificate, write(&format!("{name}-key.pem"), &key.serialize_pem()))
    };
    issue("router", "localhost");
    let (certificate, certificate_key) = issue("carol", "carol.example");
    let ca = write("ca.pem", &authority.pem());
    let seed = write("kate.seed", &to_hex(&[7; 32]));
    write("trunkline.toml", &LOG_INS.replace("KATE", &to_hex(&public_key(&[7; 32]))));
    let (router, printed) = Scene::start_and_read(&folder);
    let mut ports = printed.iter().filter_map(|line| line.trim().strip_prefix("Address     127.0.0.1:"));
    let [tls, plain] = [ports.next().unwrap(), ports.next().unwrap()];
    let (wss, rss) = (format!("wss://localhost:{tls}/ws"), format!("rss://localhost:{tls}"));
    let ws = format!("ws://127.0.0.1:{plain}/ws");
    let scene = Scene { folder, router };
    let publish = |url: &str, options: &[&str]| {
        let arguments = ["publish", "com.example.tick", "--acknowledge", "--url", url];
        let (code, _, complaints) = scene.run(&[&arguments[..], options].concat());
        (code, complaints)
    };
    let good = (Some(0), String::new());
    let refused = |url: &str, options: &[&str], why: &str| {
        let (code, complaints) = publish(url, options);
        assert_eq!(code, Some(1));
        assert!(complaints.contains(why), "{complaints}");
    };

    let carol =
        ["--ca-file", &ca, "--certificate-file", &certificate, "--certificate-key-file", &certificate_key];
    assert_eq!(publish(&wss, &carol), good);
    assert_eq!(publish(&rss, &carol), good);
    refused(&wss, &[], "nobody whom we trust signed it");
    refused(&wss, &["--ca-file", &ca], "the router refuses: ");

    let key = to_hex(&public_key(&[9; 32]));
    let kate = ["--ca-file", &ca, "--authid", "kate", "--key-file", &seed, "--bind-channel", "--router-key"];
    assert_eq!(publish(&wss, &[&kate[..], &[&key]].concat()), good);
    let other = to_hex(&public_key(&[8; 32]));
    refused(&wss, &[&kate[..], &[&other]].concat(), "cannot join realm1");
    refused(&ws, &[&kate[..], &[&key]].concat(), "there is no TLS channel to bind to");

    let cookie = cookie_of_joe(plain.parse().unwrap());
    assert_eq!(publish(&ws, &["--cookie", &cookie]), good);
    refused(&ws, &["--cookie", "cbtid=1"], "the router refuses: ");
}

/// Logs in as a browser does, at that port, and returns the cookie that it got.
#[tokio::main(flavor = "current_thread")]
async fn cookie_of_joe(port: u16) -> String {
    use futures_util::{SinkExt as _, StreamExt as _};
    use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
    let mut request = format!("ws://127.0.0.1:{port}/ws").into_client_request().unwrap();
    request.headers_mut().insert("Sec-WebSocket-Protocol", "wamp.2.json".parse().unwrap());
    let socket = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let (mut socket, response) = tokio_tungstenite::client_async(request, socket).await.unwrap();
    for (message, answer) in [
        (r#"[1,"realm1",{"roles":{"caller":{}},"authmethods":["ticket"],"authid":"joe"}]"#, "[4,"),
        (r#"[5,"joe-ticket",{}]"#, "[2,"),
    ] {
        socket.send(message.into()).await.unwrap();
        let text = socket.next().await.unwrap().unwrap().into_text().unwrap();
        assert!(text.starts_with(answer), "{text}");
    }
    let set = response.headers().get("Set-Cookie").unwrap().to_str().unwrap();
    set.split(';').next().unwrap().to_owned()
}

#[test]
fn a_profile_keeps_what_nobody_wants_to_type() {
    let scene = Scene::new("profile", &SAMPLE.replace("127.0.0.1:8080", "ADDRESS"));
    let folder = scene.folder.join(".config/trunkline");
    std::fs::create_dir_all(&folder).unwrap();
    let url = format!("unix:{}", scene.folder.join("router.sock").display());
    let profiles = format!(
        "[default]\nurl = \"{url}\"\nauthid = \"jane\"\nsecret = \"jane-secret\"\n[joe]\nurl = \"{url}\"\nauthid = \"joe\"\nticket = \"joe-ticket\"\n"
    );
    let file = folder.join("client.toml");
    std::fs::write(&file, profiles).unwrap();
    chmod(&file, "600");
    let run = |arguments: &[&str]| finished(scene.command(arguments).env_remove("TRUNKLINE_URL"));
    let publish = ["publish", "com.example.tick", "--acknowledge"];
    let (code, _, complaints) = run(&publish);
    assert_eq!((code, &*complaints), (Some(0), ""));
    assert_eq!(run(&[&publish[..], &["--profile", "joe"]].concat()).0, Some(0));
    // Who logs in otherwise than a profile says logs in by that alone.
    assert_eq!(run(&[&publish[..], &["--authid", "joe", "--ticket", "joe-ticket"]].concat()).0, Some(0));
    // What is said counts more than what is written down.
    assert_eq!(run(&[&publish[..], &["--secret", "wrong"]].concat()).0, Some(1));
    let (code, _, complaints) = run(&[&publish[..], &["--profile", "jim"]].concat());
    assert_eq!(code, Some(1));
    assert!(complaints.contains(r#"there is no profile "jim"; there are: default, joe"#), "{complaints}");
    chmod(&file, "644");
    let (code, _, complaints) = run(&publish);
    assert_eq!(code, Some(0));
    assert!(complaints.contains("others can read the secrets in"), "{complaints}");
}

#[test]
fn what_ends_the_session_is_told() {
    // A dict of options has no room for these.
    let scene = Scene::new("ended", OPEN);
    let authids = "a".repeat(100_000);
    for options in [&["--acknowledge"][..], &[]] {
        let publish = [&["publish", "com.example.tick", "--eligible-authid", &authids][..], options].concat();
        let (code, output, complaints) = scene.run(&publish);
        assert_eq!((code, &*output), (Some(1), ""), "{complaints}");
        assert!(complaints.contains("wamp.error.protocol_violation"), "{complaints}");
    }
}

fn chmod(file: &Path, mode: &str) {
    assert!(Command::new("chmod").arg(mode).arg(file).status().unwrap().success());
}

#[test]
fn mistakes_are_one_clear_line() {
    let scene = Scene::new("mistakes", OPEN);
    let deep = "[".repeat(70) + &"]".repeat(70);
    for (arguments, code, expected) in [
        (&["call", "com..example"][..], 1, "\"com..example\" is no URI"),
        (&["call", "x", &deep], 1, "nested"),
        (&["publish", "x", &format!("list={deep}")], 1, "nested"),
        (&["call", "x", "--url", "http://127.0.0.1"], 1, "cannot join realm1 at http://127.0.0.1"),
        (&["call", "x", "--url", "unix:/nowhere"], 1, "cannot connect to unix:/nowhere"),
        (&["call", "x", "--realm", "nowhere"], 1, "wamp.error.no_such_realm"),
        (&["call", "x", "--key-file", "/nowhere"], 1, "cannot read /nowhere"),
        (&["publish", "x", "--eligible", "0"], 2, "a session ID is a number from 1 to 2^53"),
        (&["subscribe"], 2, "<TOPIC>"),
        (&["register", "x", "--count", "0"], 2, "number would be zero for non-zero type"),
    ] {
        let (found, output, complaints) = scene.run(arguments);
        assert_eq!((found, &*output), (Some(code), ""), "{arguments:?}: {complaints}");
        assert!(complaints.contains(expected), "{complaints}");
        assert!(code == 2 || complaints.lines().count() == 1, "{complaints}");
    }
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
    assert!(page.contains("Call a procedure") && page.contains("progressive results"), "{page}");
    assert!(folder.join("trunkline.1").exists());
}
