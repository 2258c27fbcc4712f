//! `${NAME}` and `file:` in strings.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use expect_test::expect;
use trunkline_config::{
    Address, Certificate, ClientCertificates, Config, Environment as _, ProcessEnvironment, Tls,
};

use super::{FILE, MadeUp, parse};

/// What must never be shown.
const SECRET: &str = "s3 cret";

/// What must never become a path, which errors and logs show.
const KEY: &str = "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n";

fn environment() -> MadeUp {
    MadeUp {
        variables: [("NAME", "shop"), ("NAME_2", "file:name"), ("SECRET", SECRET), ("KEY", KEY)]
            .map(|(name, value)| (name, OsString::from(value)))
            .into(),
        files: [
            ("etc/name", b"com.example.files\r\n".to_vec()),
            ("etc/two-lines", b"a\n\n".to_vec()),
            ("/run/secret", SECRET.into()),
            ("etc/reference", b"${NAME}".to_vec()),
            ("etc/binary", b"\xff".to_vec()),
            ("etc/key.pem", KEY.into()),
            ("etc/at-limit", vec![b'a'; 65_536]),
            ("etc/large", vec![b'a'; 65_537]),
        ]
        .map(|(path, octets)| (PathBuf::from(path), octets))
        .into(),
    }
}

fn load(text: &str) -> Result<Config, String> {
    Config::parse(text, Path::new(FILE), &environment()).map_err(|problems| problems.to_string())
}

/// What a role's name becomes, which may be any text.
fn resolved(written: &str) -> Result<String, String> {
    let text = format!("[[realms]]\nname = 'a'\nroles = [{{ name = '{written}' }}]");
    load(&text).map(|config| config.realms[0].rules.roles[0].name.clone())
}

#[test]
fn variables_stand_anywhere_in_a_string() {
    assert_eq!(resolved("${NAME}").unwrap(), "shop");
    assert_eq!(resolved("com.${NAME}.${NAME_2}!").unwrap(), "com.shop.file:name!");
}

#[test]
fn a_doubled_dollar_stands_for_itself() {
    assert_eq!(resolved("$${NAME}").unwrap(), "${NAME}");
    assert_eq!(resolved("$NAME $ {} $${${NAME}").unwrap(), "$NAME $ {} ${shop");
}

#[test]
fn a_file_stands_for_its_content_without_the_last_end_of_line() {
    assert_eq!(resolved("file:name").unwrap(), "com.example.files");
    assert_eq!(resolved("file:two-lines").unwrap(), "a\n");
    assert_eq!(resolved("file:/run/secret").unwrap(), SECRET);
    assert_eq!(resolved("file:at-limit").unwrap().len(), 65_536);
    assert_eq!(resolved(" file:name").unwrap(), " file:name");
}

#[test]
fn what_came_from_elsewhere_is_not_looked_at_again() {
    assert_eq!(resolved("${NAME_2}").unwrap(), "file:name");
    assert_eq!(resolved("file:reference").unwrap(), "${NAME}");
}

#[test]
fn references_that_lead_nowhere_are_shown_where_they_stand() {
    let problems = load(
        r#"
[[realms]]
name = "${NOWHERE}"

[[realms]]
name = "a.${}"

[[realms]]
name = "a.${b"

[[realms]]
name = "file:nowhere"

[[realms]]
name = "file:binary"

[[realms]]
name = "file:large"

[[realms]]
name = "file:${SECRET}"
"#,
    )
    .unwrap_err();
    expect![[r#"
        error: the environment variable `NOWHERE` is not set
         --> etc/trunkline.toml:3:8
          |
        3 | name = "${NOWHERE}"
          |        ^^^^^^^^^^^^ wanted here
          |
          = help: set it for the router's process; write `$${` where you mean `${` itself

        error: `${` must begin the name of an environment variable
         --> etc/trunkline.toml:6:8
          |
        6 | name = "a.${}"
          |        ^^^^^^^ expected `${NAME}`
          |
          = help: a name has letters, digits and `_`; write `$${` where you mean `${` itself

        error: `${` must begin the name of an environment variable
         --> etc/trunkline.toml:9:8
          |
        9 | name = "a.${b"
          |        ^^^^^^^ expected `${NAME}`
          |
          = help: a name has letters, digits and `_`; write `$${` where you mean `${` itself

        error: the file that this string stands for cannot be used
          --> etc/trunkline.toml:12:8
           |
        12 | name = "file:nowhere"
           |        ^^^^^^^^^^^^^^ entity not found
           |
           = help: etc/nowhere must be readable UTF-8 text of at most 64 KiB

        error: the file that this string stands for cannot be used
          --> etc/trunkline.toml:15:8
           |
        15 | name = "file:binary"
           |        ^^^^^^^^^^^^^ the file is not UTF-8
           |
           = help: etc/binary must be readable UTF-8 text of at most 64 KiB

        error: the file that this string stands for cannot be used
          --> etc/trunkline.toml:18:8
           |
        18 | name = "file:large"
           |        ^^^^^^^^^^^^ the file is larger than 64 KiB
           |
           = help: etc/large must be readable UTF-8 text of at most 64 KiB

        error: the file that this string stands for cannot be used
          --> etc/trunkline.toml:21:8
           |
        21 | name = "file:${SECRET}"
           |        ^^^^^^^^^^^^^^^^ entity not found
           |
           = help: it must be readable UTF-8 text of at most 64 KiB

        etc/trunkline.toml: 7 problems"#]]
    .assert_eq(&problems);
}

#[test]
fn a_missing_variable_is_named_whatever_the_kind_of_value() {
    let problems =
        load("listeners = [{ addresses = ['unix:${NOWHERE}'], proxy_header = '${NOWHERE}' }]").unwrap_err();
    assert_eq!(problems.matches("`NOWHERE` is not set").count(), 2, "{problems}");
}

#[test]
fn a_value_that_is_not_unicode_is_refused() {
    use std::os::unix::ffi::OsStringExt as _;
    let mut environment = environment();
    environment.variables.insert("OCTETS", OsString::from_vec(vec![0xff]));
    let problems =
        Config::parse("realms = [{ name = '${OCTETS}' }]", Path::new(FILE), &environment).unwrap_err();
    assert!(problems.to_string().contains("`OCTETS` is not Unicode text"), "{problems}");
}

/// Wrong in every way that a string can be.
#[test]
fn what_came_from_elsewhere_is_never_shown() {
    for reference in ["${SECRET}", "file:/run/secret"] {
        let text = format!(
            r#"
[[listeners]]
addresses = ["{reference}"]
websocket_paths = ["{reference}"]
allowed_origin_hosts = ["{reference}"]
trusted_proxies = ["{reference}"]
proxy_header = "{reference}"
realms = ["{reference}", "{reference}"]
unix_socket = {{ mode = "{reference}" }}
tls = {{ certificate_file = "{reference}", key_file = 1 }}
anonymous_roles = [{{ realm = "{reference}", role = "{reference}" }}]

[[listeners]]
addresses = ["unix:{reference}"]

[[listeners]]
addresses = ["unix:{reference}"]

[[realms]]
name = "{reference}"
profile = "{reference}"
anonymous_role = "{reference}"
roles = [{{ name = "${{NAME}}" }}, {{ name = "${{NAME}}" }}]

[[realms]]
name = "{reference}"
"#
        );
        let problems = load(&text).unwrap_err();
        assert!(problems.matches("error: ").count() > 14, "{problems}");
        assert!(!problems.contains(SECRET), "{problems}");
    }
}

#[test]
fn paths_and_addresses_are_not_the_content_of_files() {
    let problems = load(
        r#"
[[listeners]]
addresses = ["file:name"]
tls = { certificate_file = "file:key.pem", key_file = "file:key.pem" }

[[realms]]
name = "realm1"
"#,
    )
    .unwrap_err();
    expect![[r#"
        error: an item of `addresses` must be an address such as `127.0.0.1:8080`, `[::1]:8080` or `unix:trunkline.sock`
         --> etc/trunkline.toml:3:14
          |
        3 | addresses = ["file:name"]
          |              ^^^^^^^^^^^ this would be the content of the file
          |
          = help: write the address itself, without `file:`

        error: `certificate_file` must be the path of a file
         --> etc/trunkline.toml:4:28
          |
        4 | tls = { certificate_file = "file:key.pem", key_file = "file:key.pem" }
          |                            ^^^^^^^^^^^^^^ this would be the content of the file
          |
          = help: write the path itself, without `file:`

        error: `key_file` must be the path of a file
         --> etc/trunkline.toml:4:55
          |
        4 | tls = { certificate_file = "file:key.pem", key_file = "file:key.pem" }
          |                                                       ^^^^^^^^^^^^^^ this would be the content of the file
          |
          = help: write the path itself, without `file:`

        etc/trunkline.toml: 3 problems"#]].assert_eq(&problems);
    // The value of a variable is not looked at again.
    let name_of_file = "unix:${NAME_2}";
    let config =
        load(&format!("listeners = [{{ addresses = ['{name_of_file}'] }}]\nrealms = [{{ name = 'a' }}]"));
    assert_eq!(config.unwrap().listeners[0].addresses, [Address::Unix("etc/file:name".into())]);
}

#[test]
fn paths_and_addresses_have_no_control_characters() {
    for value in ["${KEY}", "a\\u001b[2J", "a\\u0000", "a\\u0085"] {
        for setting in [
            format!("addresses = [\"unix:{value}\"]"),
            format!("tls = {{ certificate_file = \"{value}\", key_file = 'key.pem' }}"),
            format!("tls = {{ certificate_file = 'certificate.pem', key_file = \"{value}\" }}"),
        ] {
            let text = format!("listeners = [{{ {setting} }}]\nrealms = [{{ name = 'a' }}]");
            let problems = load(&text).unwrap_err();
            assert!(
                problems.contains("control characters") && problems.ends_with(": 1 problem"),
                "{problems}"
            );
            assert!(!problems.contains("PRIVATE"), "{problems}");
        }
    }
}

#[test]
fn files_of_this_system_are_read_up_to_their_limit() {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("limited");
    std::fs::write(&path, "abc").unwrap();
    assert_eq!(ProcessEnvironment.read(&path, 3).unwrap(), b"abc");
    assert_eq!(ProcessEnvironment.read(&path, 2).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
}

#[test]
fn words_of_references_get_no_suggestions() {
    let mut environment = environment();
    environment.variables.insert("WORD", "strickt".into());
    let text = "realms = [{ name = 'a', profile = '${WORD}' }]";
    let problems = Config::parse(text, Path::new(FILE), &environment).unwrap_err().to_string();
    assert!(!problems.contains("did you mean"), "{problems}");
}

#[test]
fn relative_paths_start_from_the_folder_of_the_file() {
    let config = parse(
        r#"
[[listeners]]

[listeners.tls]
certificate_file = "certificate.pem"
key_file = "/run/key.pem"
certificates = [{ certificate_file = "shop.pem", key_file = "/run/shop.pem" }]
client_ca_file = "authorities.pem"
client_certificates = "required"
client_crl_files = ["a.pem", "/run/b.pem"]

[[listeners]]
addresses = ["unix:run/trunkline.sock"]

[[realms]]
name = "realm1"
"#,
    )
    .unwrap();
    let tls = config.listeners[0].tls.as_ref().unwrap();
    let files = |certificate: &str, key: &str| Certificate {
        certificate_file: certificate.into(),
        key_file: key.into(),
    };
    let expected = Tls {
        default_certificate: files("etc/certificate.pem", "/run/key.pem"),
        certificates: vec![files("etc/shop.pem", "/run/shop.pem")],
        client_ca_file: Some("etc/authorities.pem".into()),
        client_certificates: ClientCertificates::Required,
        client_crl_files: vec!["etc/a.pem".into(), "/run/b.pem".into()],
    };
    assert_eq!(tls, &expected);
    assert_eq!(config.listeners[1].addresses, [Address::Unix("etc/run/trunkline.sock".into())]);
}
