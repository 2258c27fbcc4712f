//! `trunkline check`, `config` and `init`, as a user meets them.
#![cfg(all(unix, feature = "cli"))]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a harness fails the test that uses it")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use expect_test::expect;
use trunkline::config::Config;

/// An empty folder for one test.
fn folder(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    if path.exists() {
        fs::remove_dir_all(&path).expect("a folder of ours");
    }
    fs::create_dir_all(&path).expect("a folder for tests");
    path
}

/// Runs the executable in a folder: exit code, standard output, standard error.
fn run(folder: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_trunkline"))
        .args(arguments)
        .current_dir(folder)
        .env("TRUNKLINE_TEST_REALM", "com.example.shop")
        .env_remove("TRUNKLINE_TEST_NOTHING")
        .output()
        .expect("the executable runs");
    let [stdout, stderr] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).expect("UTF-8"));
    (output.status.code(), stdout, stderr)
}

#[test]
fn check_counts_what_a_file_has() {
    let folder = folder("check-ok");
    let role = "anonymous_role = 'a'\nroles = [{ name = 'a' }]\n";
    let realm = format!("[[realms]]\nname = '${{TRUNKLINE_TEST_REALM}}'\n{role}");
    fs::write(folder.join("one.toml"), realm).unwrap();
    let (code, stdout, stderr) = run(&folder, &["check", "one.toml"]);
    assert_eq!(
        (code, stdout.as_str(), stderr.as_str()),
        (Some(0), "one.toml: ok: 1 listener, 1 realm\n", "")
    );

    let listeners =
        "[[listeners]]\naddresses = ['127.0.0.1:1']\n[[listeners]]\naddresses = ['127.0.0.1:2']\n";
    let realms = format!("[[realms]]\nname = 'file:name'\n{role}[[realm_templates]]\nuri = 'a.'\n{role}");
    fs::write(folder.join("name"), "com.example.shop\n").unwrap();
    fs::write(folder.join("more.toml"), format!("{listeners}{realms}")).unwrap();
    // What a file names is looked for where the file is, not where the command was given.
    let path = folder.join("more.toml");
    let path = path.to_str().unwrap();
    let (code, stdout, _) = run(Path::new("/"), &["check", path]);
    assert_eq!(code, Some(0));
    assert_eq!(stdout, format!("{path}: ok: 2 listeners, 1 realm, 1 realm template\n"));
}

#[test]
fn check_warns_of_realms_that_nobody_can_join() {
    let folder = folder("check-closed");
    fs::write(folder.join("closed.toml"), "[[realms]]\nname = 'com.example'\n").unwrap();
    let (code, stdout, stderr) = run(&folder, &["check", "closed.toml"]);
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    expect![[r#"
        closed.toml: ok: 1 listener, 1 realm
        warning: nobody can join realm "com.example": it has no `anonymous_role`, and no listener has a role for it in `anonymous_roles`
    "#]]
    .assert_eq(&stdout);
}

#[test]
fn a_key_in_the_place_of_its_path_is_never_shown() {
    let folder = folder("check-key");
    let (code, ..) = run(&folder, &["init"]);
    assert_eq!(code, Some(0));
    let text = fs::read_to_string(folder.join("trunkline.toml")).unwrap();
    let text = text.replace("\"key.pem\"", "\"file:key.pem\"");
    fs::write(folder.join("trunkline.toml"), text).unwrap();
    for command in [&["check", "trunkline.toml"][..], &["start", "--config", "trunkline.toml"]] {
        let (code, stdout, stderr) = run(&folder, command);
        assert_eq!((code, stdout.as_str()), (Some(3), ""));
        assert!(stderr.contains("write the path itself, without `file:`"), "{stderr}");
        assert!(!stderr.contains("PRIVATE KEY"), "{stderr}");
    }
}

#[test]
fn check_says_everything_that_is_wrong() {
    let folder = folder("check-wrong");
    fs::write(
        folder.join("wrong.toml"),
        "[[realms]]\nname = '${TRUNKLINE_TEST_NOTHING}'\nprofile = 'strikt'\n",
    )
    .unwrap();
    let (code, stdout, stderr) = run(&folder, &["check", "wrong.toml"]);
    assert_eq!((code, stdout.as_str()), (Some(3), ""));
    expect![[r#"
        error: the environment variable `TRUNKLINE_TEST_NOTHING` is not set
         --> wrong.toml:2:8
          |
        2 | name = '${TRUNKLINE_TEST_NOTHING}'
          |        ^^^^^^^^^^^^^^^^^^^^^^^^^^^ wanted here
          |
          = help: set it for the router's process; write `$${` where you mean `${` itself

        error: `profile` must be one of "default", "strict", "crossbar"
         --> wrong.toml:3:11
          |
        3 | profile = 'strikt'
          |           ^^^^^^^^ this is another word
          |
          = help: did you mean "strict"?

        wrong.toml: 2 problems
    "#]]
    .assert_eq(&stderr);
}

#[test]
fn check_says_everything_that_the_system_has_not() {
    let folder = folder("check-system");
    fs::write(folder.join("not.pem"), "no certificate").unwrap();
    let text = "
[[listeners]]
addresses = ['127.0.0.1:0']
tls = { certificate_file = 'nowhere.pem', key_file = 'nowhere.pem' }
[[listeners]]
addresses = ['127.0.0.1:0']
tls = { certificate_file = 'not.pem', key_file = 'not.pem' }
[[listeners]]
addresses = ['unix:trunkline.sock']
unix_socket.owner = 'nobody that there is'
[[realms]]
name = 'com.example.shop'
";
    fs::write(folder.join("missing.toml"), text).unwrap();
    for command in [&["check", "missing.toml"][..], &["start", "--config", "missing.toml"]] {
        let (code, stdout, stderr) = run(&folder, command);
        assert_eq!((code, stdout.as_str()), (Some(3), ""));
        let lines: Vec<_> = stderr.lines().collect();
        let [nowhere, not, owner] = lines[..] else { panic!("{stderr}") };
        assert!(nowhere.starts_with("missing.toml: cannot read nowhere.pem: "), "{stderr}");
        assert!(not.contains("no certificate in not.pem"), "{stderr}");
        assert!(owner.contains("no user \"nobody that there is\""), "{stderr}");
    }
}

#[test]
fn check_refuses_what_is_not_text() {
    let folder = folder("check-binary");
    fs::write(folder.join("binary.toml"), b"\xff\xfe").unwrap();
    for path in ["binary.toml", "."] {
        let (code, _, stderr) = run(&folder, &["check", path]);
        assert_eq!(code, Some(3));
        assert!(stderr.starts_with(&format!("trunkline: cannot read {path}: ")), "{stderr}");
    }
}

#[test]
fn the_printed_default_and_schema_are_those_of_the_library() {
    let folder = folder("config");
    let (code, stdout, _) = run(&folder, &["config", "default"]);
    assert_eq!((code, stdout.as_str()), (Some(0), Config::DEFAULT_FILE));
    let (code, stdout, _) = run(&folder, &["config", "schema"]);
    assert_eq!(code, Some(0));
    assert_eq!(stdout, format!("{:#}\n", Config::schema()));
}

#[test]
fn init_writes_a_configuration_that_is_right() {
    let folder = folder("init");
    let (code, stdout, stderr) = run(&folder, &["init", "--dir", "new/router"]);
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    for words in [
        "new/router/trunkline.toml",
        "trunkline start --config new/router/trunkline.toml",
        "wss://localhost:8443/ws",
    ] {
        assert!(stdout.contains(words), "no {words:?} in:\n{stdout}");
    }
    let written = folder.join("new/router");
    let key = fs::metadata(written.join("key.pem")).unwrap();
    assert_eq!(key.permissions().mode() & 0o777, 0o600);
    let [certificate, key] =
        ["certificate.pem", "key.pem"].map(|name| fs::read_to_string(written.join(name)).unwrap());
    assert!(certificate.starts_with("-----BEGIN CERTIFICATE-----"), "{certificate}");
    assert!(key.starts_with("-----BEGIN PRIVATE KEY-----"));

    let (code, stdout, stderr) = run(&folder, &["check", "new/router/trunkline.toml"]);
    assert_eq!(code, Some(0), "{stderr}");
    assert_eq!(stdout, "new/router/trunkline.toml: ok: 2 listeners, 1 realm\n");
    let config =
        Config::load(&written.join("trunkline.toml"), &trunkline::config::ProcessEnvironment).unwrap();
    let tls = config.listeners[0].tls.as_ref().expect("TLS");
    assert_eq!(tls.default_certificate.certificate_file, written.join("certificate.pem"));
    assert_eq!(tls.default_certificate.key_file, written.join("key.pem"));
}

#[test]
fn init_overwrites_nothing() {
    for taken in ["trunkline.toml", "certificate.pem", "key.pem"] {
        let folder = folder("init-taken");
        fs::write(folder.join(taken), "mine").unwrap();
        let (code, stdout, stderr) = run(&folder, &["init"]);
        assert_eq!((code, stdout.as_str()), (Some(1), ""));
        assert!(stderr.contains(taken) && stderr.contains("nothing was written"), "{stderr}");
        assert_eq!(fs::read_to_string(folder.join(taken)).unwrap(), "mine");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
    }
}

#[test]
fn init_that_cannot_write_everything_leaves_nothing() {
    let folder = folder("init-full");
    // The key fits into the one block that a file may have; what comes later does not.
    let limited = "trap '' XFSZ; ulimit -f 1; exec \"$0\" init";
    let output = Command::new("sh")
        .args(["-c", limited, env!("CARGO_BIN_EXE_trunkline")])
        .current_dir(&folder)
        .output()
        .expect("a shell");
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("cannot write ") && !stderr.contains("key.pem"), "{stderr}");
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
    let (code, _, stderr) = run(&folder, &["init"]);
    assert_eq!(code, Some(0), "{stderr}");
}
