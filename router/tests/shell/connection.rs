//! Where the router is, and how its client logs in: options, environment, profiles.

use std::path::Path;
use std::process::Command;

use crate::scene::{Scene, finished};

const SAMPLE: &str = include_str!("../../../config/samples/authentication.toml");

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
    let (key, other) = (to_hex(&public_key(&[9; 32])), to_hex(&public_key(&[8; 32])));
    let profiles = format!(
        "[default]\nkey_file = \"none\"\nrouter_key = \"{other}\"\n\
         [bound]\nbind_channel = true\n\
         [carol]\nca_file = \"ca.pem\"\ncertificate_key_file = \"carol-key.pem\"\n"
    );
    let profile = write("client.toml", &profiles);
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

    let kate = ["--ca-file", &ca, "--authid", "kate", "--key-file", &seed, "--bind-channel", "--router-key"];
    assert_eq!(publish(&wss, &[&kate[..], &[&key]].concat()), good);
    refused(&wss, &[&kate[..], &[&other]].concat(), "cannot join realm1");
    refused(&ws, &[&kate[..], &[&key]].concat(), "there is no TLS channel to bind to");
    // Nobody relies on what is not done.
    for (alone, missing) in [
        (&["--router-key", &key][..], "--router-key needs a key: --key-file"),
        (&["--bind-channel"], "--bind-channel needs a key: --key-file"),
        (&["--autobahn-scram"], "--autobahn-scram needs --password"),
        (&["--certificate-file", &certificate], "--certificate-file needs --certificate-key-file"),
        (&["--certificate-key-file", &certificate_key], "--certificate-key-file needs --certificate-file"),
        (&["--key-file", &seed, "--router-key", "abc"], "the router key is no public key"),
    ] {
        let (code, complaints) = publish(&wss, &[&["--ca-file", &ca], alone].concat());
        assert_eq!(code, Some(2), "{complaints}");
        assert!(complaints.contains(missing), "{complaints}");
    }
    // What a profile says of a key counts for another key, too, and for nothing else. The environment may have one half of
    // a certificate, and the profile the other.
    let with_profile = |url: &str, options: &[&str], variables: &[(&str, &str)]| {
        let mut command = scene.command(&["publish", "com.example.tick", "--acknowledge", "--url", url]);
        command.args(options).env("TRUNKLINE_CLIENT_CONFIG", &profile).envs(variables.iter().copied());
        let (code, _, complaints) = finished(&mut command);
        (code, complaints)
    };
    let (code, complaints) =
        with_profile(&wss, &["--ca-file", &ca, "--authid", "kate", "--key-file", &seed], &[]);
    assert_eq!(code, Some(1));
    assert!(complaints.contains("cannot join realm1"), "{complaints}");
    assert_eq!(with_profile(&ws, &["--authid", "joe", "--ticket", "joe-ticket"], &[]), good);
    // Not on TLS, it could not be bound; the environment counts more than the profile.
    let kate = ["--authid", "kate", "--key-file", &seed, "--router-key", &key, "--profile", "bound"];
    assert_eq!(with_profile(&ws, &kate, &[]).0, Some(1));
    assert_eq!(with_profile(&ws, &kate, &[("TRUNKLINE_BIND_CHANNEL", "no")]), good);
    let half = [("TRUNKLINE_CERTIFICATE_FILE", &*certificate), ("TRUNKLINE_PROFILE", "carol")];
    assert_eq!(with_profile(&wss, &[], &half), good);

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
    assert_eq!(code, Some(2));
    assert!(complaints.contains(r#"there is no profile "jim"; there are: default, joe"#), "{complaints}");
    chmod(&file, "644");
    let (code, _, complaints) = run(&publish);
    assert_eq!(code, Some(0));
    assert!(complaints.contains("others can read the secrets in"), "{complaints}");
}

#[test]
fn an_empty_variable_is_none() {
    let scene = Scene::new("empty", crate::scene::OPEN);
    let mut command = scene.command(&["call", "wamp.session.count"]);
    for name in ["REALM", "SERIALIZER", "TICKET", "AUTOBAHN_SCRAM", "KEY_FILE", "PROFILE", "CLIENT_CONFIG"] {
        command.env(format!("TRUNKLINE_{name}"), "");
    }
    assert_eq!(finished(&mut command), (Some(0), "1\n".to_owned(), String::new()));
}

fn chmod(file: &Path, mode: &str) {
    assert!(Command::new("chmod").arg(mode).arg(file).status().unwrap().success());
}
