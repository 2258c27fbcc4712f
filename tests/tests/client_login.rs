//! The Rust client logs in: every method against the router over real sockets, and against scripted routers that
//! challenge by what was not offered, prove nothing, or prove the wrong thing.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a helper fails the test that uses it")]

use rcgen::generate_simple_self_signed;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use trunkline::config::{self, Certificate};
use trunkline_client::proto::auth::client::Refusal;
use trunkline_client::proto::auth::{cryptosign, wampcra};
use trunkline_client::proto::error_uri::CANNOT_AUTHENTICATE;
use trunkline_client::{Builder, Client, ConnectError, Credential, Reconnect, Tls};
use trunkline_tests::logins::{SEED, with_principals};
use trunkline_tests::{
    STRICT, Scratch, Script, TestRouter, Via, WELCOME, answer, begin, client_of, scripted, within_deadline,
};

/// The seed of the key by which routers of [`with_principals`] prove themselves.
const ROUTER_SEED: [u8; 32] = [9; 32];

async fn log_in(
    router: &TestRouter,
    via: Via,
    authid: &str,
    credential: Credential,
) -> Result<Client, ConnectError> {
    let builder = client_of(router, via, STRICT).authid(authid).credential(credential);
    within_deadline("WELCOME or ABORT", builder.connect()).await
}

/// Conformance: AUTH-TKT-01, AUTH-CRA-02, AUTH-CRA-04, AUTH-CRA-05, AUTH-SCRAM-01, AUTH-SCRAM-06, AUTH-SCRAM-10, AUTH-CS-01, AUTH-CS-03, AUTH-RTR-01
#[tokio::test]
async fn auth_gen_02_every_method_lets_the_client_in_and_wrong_credentials_do_not() {
    let router = TestRouter::with(&with_principals()).await;
    let signed_with = |secret: &'static str| {
        Credential::wampcra_signer(move |challenge| {
            std::future::ready(Ok::<_, String>(wampcra::sign(secret.as_bytes(), &challenge)))
        })
    };
    let key = Credential::cryptosign;
    let proven = cryptosign::public_key(&ROUTER_SEED);
    let cases = [
        ("tom", "ticket", Credential::ticket("new ticket"), Credential::ticket("ticket")),
        ("carl", "wampcra", Credential::wampcra("secret"), Credential::wampcra("secret123")),
        ("carl", "wampcra", signed_with("secret"), signed_with("wrong")),
        ("salim", "wampcra", Credential::wampcra("secret123"), Credential::wampcra("secret")),
        ("sam", "wamp-scram", Credential::scram("pencil"), Credential::scram("pen")),
        ("paul", "wamp-scram", Credential::scram("pencil"), Credential::scram("pen")),
        ("sam", "scram", Credential::autobahn_scram("pencil"), Credential::autobahn_scram("pen")),
        ("kate", "cryptosign", key(SEED), key([8; 32])),
        ("kate", "cryptosign", key(SEED).expecting_router(proven), key([8; 32]).expecting_router(proven)),
    ];
    // Each case over another transport in another serializer.
    for (via, (authid, method, right, wrong)) in Via::sockets().chain(Via::sockets()).zip(cases) {
        let client = log_in(&router, via, authid, right).await.unwrap();
        let joined = client.joined().unwrap();
        assert_eq!(joined.authid.as_deref(), Some(authid), "{method} over {via}");
        assert_eq!(joined.authmethod.as_deref(), Some(method), "{method} over {via}");
        assert_eq!(joined.authrole.as_deref(), Some("user"), "{method} over {via}");
        let refused = log_in(&router, via, authid, wrong).await.unwrap_err();
        assert!(matches!(refused, ConnectError::Refused(_)), "{method} over {via}: {refused}");
    }
    router.wait_until_empty().await;
}

#[tokio::test]
async fn auth_rtr_01_a_router_with_another_key_than_the_expected_one_is_left() {
    let router = TestRouter::with(&with_principals()).await;
    let other = Credential::cryptosign(SEED).expecting_router(cryptosign::public_key(&[8; 32]));
    let refused = log_in(&router, Via::json()[0], "kate", other).await.unwrap_err();
    assert!(matches!(refused, ConnectError::Login(Refusal::Router(_))), "{refused}");
    router.wait_until_empty().await;
}

/// Conformance: AUTH-GEN-02
#[tokio::test]
async fn auth_gen_01_methods_are_offered_in_order_and_the_router_takes_the_first_that_it_has() {
    let router = TestRouter::with(&with_principals()).await;
    let builder = client_of(&router, Via::json()[0], STRICT).authid("tom");
    let builder = builder.credential(Credential::tls()).credential(Credential::ticket("old ticket"));
    let client = within_deadline("WELCOME", builder.connect()).await.unwrap();
    assert_eq!(client.joined().unwrap().authmethod.as_deref(), Some("ticket"));

    let (builder, scripts) = scripted();
    let methods = [Credential::scram("pencil"), Credential::wampcra("secret"), Credential::ticket("t")];
    let builder = methods.into_iter().fold(builder.authid("tom"), Builder::credential);
    let (_, hello, _script) = hello_of(builder, scripts).await;
    assert_eq!(hello[2]["authmethods"], json!(["wamp-scram", "wampcra", "ticket"]));
    assert_eq!(hello[2]["authid"], json!("tom"));
}

type Joining = tokio::task::JoinHandle<Result<Client, ConnectError>>;

/// A client that said HELLO to a script.
async fn hello_of(
    builder: Builder,
    mut scripts: mpsc::UnboundedReceiver<Script>,
) -> (Joining, Value, Script) {
    let joining = begin(async move { builder.connect().await });
    let mut script = within_deadline("a connection", scripts.recv()).await.unwrap();
    let hello = serde_json::from_str(&script.expect_hello().await).unwrap();
    (joining, hello, script)
}

async fn hello_with(credential: Credential) -> (Joining, Value, Script) {
    let (builder, scripts) = scripted();
    hello_of(builder.authid("user").credential(credential), scripts).await
}

async fn heard(script: &mut Script) -> Value {
    serde_json::from_str(&script.hear().await.expect("a message")).unwrap()
}

/// The client says ABORT instead of going on, and fails with that.
async fn is_left(joining: Joining, mut script: Script) -> ConnectError {
    script.expect_abort(CANNOT_AUTHENTICATE).await;
    answer(joining).await.unwrap_err()
}

/// Conformance: SES-12
#[tokio::test]
async fn auth_gen_06_a_challenge_of_a_method_that_was_not_offered_is_answered_with_abort() {
    for method in ["wampcra", "cryptosign", "anonymous", "x_unknown", ""] {
        let (joining, _, script) = hello_with(Credential::ticket("secret")).await;
        script.say(&format!(r#"[4,{method:?},{{"challenge":"sign me"}}]"#));
        let error = is_left(joining, script).await;
        assert!(matches!(error, ConnectError::Login(Refusal::NotOffered)), "{method}: {error}");
    }
}

#[tokio::test]
async fn ses_12_a_client_without_a_credential_to_show_ends_the_handshake() {
    let no_signature =
        Credential::wampcra_signer(|_| std::future::ready(Err::<String, _>("the key is locked away")));
    let (joining, _, script) = hello_with(no_signature).await;
    script.say(r#"[4,"wampcra",{"challenge":"sign me"}]"#);
    let error = is_left(joining, script).await;
    assert!(matches!(&error, ConnectError::Credential(why) if why == "the key is locked away"), "{error}");
    // A ticket that cannot be had is missed before HELLO.
    let (builder, mut scripts) = scripted();
    let no_ticket = Credential::ticket_from(|| std::future::ready(Err::<String, _>("no token")));
    let error = within_deadline("an error", builder.credential(no_ticket).connect()).await.unwrap_err();
    assert!(matches!(error, ConnectError::Credential(_)), "{error}");
    within_deadline("a connection", scripts.recv()).await.unwrap().expect_closed().await;
}

#[tokio::test]
async fn auth_gen_02_a_second_challenge_is_answered_too() {
    let (builder, scripts) = scripted();
    let builder = builder.authid("user").credential(Credential::wampcra("secret"));
    let (joining, _, mut script) = hello_of(builder.credential(Credential::ticket("123456")), scripts).await;
    script.say(r#"[4,"wampcra",{"challenge":"sign me"}]"#);
    let signature = wampcra::sign(b"secret", "sign me");
    script.expect(&format!(r#"[5,{signature:?},{{}}]"#)).await;
    script.say(r#"[4,"ticket",{}]"#);
    script.expect(r#"[5,"123456",{}]"#).await;
    script.say(WELCOME);
    assert!(answer(joining).await.is_ok());
}

#[tokio::test]
async fn auth_cra_02_the_challenge_is_signed_as_the_text_that_came() {
    // No JSON at all, and JSON that any serializer would write otherwise.
    for challenge in ["{\"b\" : 1.0,\n \"a\":1e2, \"\u{e9}\": \"\\u00e9\"}", "no JSON", ""] {
        let (joining, _, mut script) = hello_with(Credential::wampcra("secret")).await;
        script.say(&json!([4, "wampcra", { "challenge": challenge }]).to_string());
        let signature = wampcra::sign(b"secret", challenge);
        script.expect(&format!(r#"[5,{signature:?},{{}}]"#)).await;
        script.say(WELCOME);
        answer(joining).await.unwrap();
    }
}

/// The vector of the specification's text, with `keylen` 32 and 1,000 iterations.
#[tokio::test]
async fn auth_cra_04_the_key_is_derived_where_the_router_says_so() {
    let (joining, _, mut script) = hello_with(Credential::wampcra("secret123")).await;
    let extra =
        json!({ "challenge": r#"{"authid":"peter"}"#, "salt": "salt123", "iterations": 1000, "keylen": 32 });
    script.say(&json!([4, "wampcra", extra]).to_string());
    script.expect(r#"[5,"9u91ZevXNqc7tX4jVbt4GhL5i0Z0nJ/B/HJ3uWn6kcU=",{}]"#).await;
    script.say(WELCOME);
    answer(joining).await.unwrap();
}

/// CHALLENGE of a SCRAM router that appends to the client's nonce.
fn scram_challenge(hello: &Value, iterations: u32) -> String {
    let nonce = format!("{}c2VydmVyIG5vbmNl", hello[2]["authextra"]["nonce"].as_str().unwrap());
    let salt = "c2l4dGVlbiBvY3RldHMuLg==";
    json!([4, "wamp-scram", { "nonce": nonce, "salt": salt, "kdf": "pbkdf2", "iterations": iterations }])
        .to_string()
}

/// Conformance: AUTH-SCRAM-06, AUTH-SCRAM-08
#[tokio::test]
async fn auth_scram_01_hello_has_a_fresh_nonce_and_authenticate_the_proof_with_the_whole_nonce() {
    let mut nonces = Vec::new();
    for _ in 0..2 {
        let (joining, hello, mut script) = hello_with(Credential::scram("pencil")).await;
        assert_eq!(hello[2]["authmethods"], json!(["wamp-scram"]));
        let nonce = hello[2]["authextra"]["nonce"].as_str().unwrap().to_owned();
        assert!(nonce.len() >= 24, "{nonce}");
        script.say(&scram_challenge(&hello, 4096));
        let authenticate = heard(&mut script).await;
        assert_eq!(authenticate[0], 5);
        assert_eq!(authenticate[2]["nonce"], json!(format!("{nonce}c2VydmVyIG5vbmNl")));
        assert_eq!(authenticate[2]["channel_binding"], Value::Null);
        assert_eq!(authenticate[2]["cbind_data"], Value::Null);
        nonces.push(nonce);
        drop(script);
        assert!(answer(joining).await.is_err());
    }
    assert_ne!(nonces[0], nonces[1]);
}

#[tokio::test]
async fn auth_scram_05_foreign_nonces_and_weak_costs_end_the_handshake() {
    let (joining, _, script) = hello_with(Credential::scram("pencil")).await;
    script.say(&scram_challenge(&json!([1, "", { "authextra": { "nonce": "Zm9yZWlnbg==" } }]), 4096));
    let error = is_left(joining, script).await;
    assert!(matches!(error, ConnectError::Login(Refusal::Scram(_))), "{error}");
    let (joining, hello, script) = hello_with(Credential::scram("pencil")).await;
    script.say(&scram_challenge(&hello, 4095));
    let error = is_left(joining, script).await;
    assert!(matches!(error, ConnectError::Login(Refusal::Costs)), "{error}");
}

#[tokio::test]
async fn auth_scram_10_a_router_without_the_right_signature_is_left() {
    let with_verifier = WELCOME.replacen('{', r#"{"authextra":{"verifier":"d3Jvbmc="},"#, 1);
    for welcome in [WELCOME, &with_verifier] {
        let (joining, hello, mut script) = hello_with(Credential::scram("pencil")).await;
        script.say(&scram_challenge(&hello, 4096));
        assert_eq!(heard(&mut script).await[0], 5);
        script.say(welcome);
        let error = is_left(joining, script).await;
        assert!(matches!(error, ConnectError::Login(_)), "{welcome}: {error}");
        // Nor is one that leaves CHALLENGE out altogether.
        let (joining, _, script) = hello_with(Credential::scram("pencil")).await;
        script.say(welcome);
        let error = is_left(joining, script).await;
        assert!(matches!(error, ConnectError::Login(Refusal::Unproven)), "{welcome}: {error}");
    }
}

/// Conformance: AUTH-CS-01
#[tokio::test]
async fn auth_cs_03_the_answer_is_signature_and_message_in_hex() {
    let (joining, hello, mut script) = hello_with(Credential::cryptosign(SEED)).await;
    assert_eq!(
        hello[2]["authextra"],
        json!({ "pubkey": cryptosign::to_hex(&cryptosign::public_key(&SEED)) })
    );
    let challenge = cryptosign::to_hex(&[3; 32]);
    script.say(&format!(r#"[4,"cryptosign",{{"challenge":"{challenge}"}}]"#));
    let authenticate = heard(&mut script).await;
    let signature = authenticate[1].as_str().unwrap();
    assert_eq!(signature.len(), 192);
    assert!(signature.ends_with(&challenge), "{signature}");
    cryptosign::verify(&cryptosign::public_key(&SEED), &[3; 32], None, signature).unwrap();
    script.say(WELCOME);
    answer(joining).await.unwrap();
}

#[tokio::test]
async fn auth_cb_02_a_client_that_is_to_be_bound_to_a_channel_joins_over_none_without() {
    // It has no TLS: HELLO does not go out.
    let (builder, mut scripts) = scripted();
    let builder = builder.authid("kate").credential(Credential::cryptosign(SEED).bound_to_channel());
    let error = within_deadline("an error", builder.connect()).await.unwrap_err();
    assert!(matches!(error, ConnectError::Credential(_)), "{error}");
    within_deadline("a connection", scripts.recv()).await.unwrap().expect_closed().await;
    // It asked for none: a router that binds to one is not the peer at the other end.
    let (joining, _, script) = hello_with(Credential::cryptosign(SEED)).await;
    let challenge = cryptosign::to_hex(&[3; 32]);
    script
        .say(&format!(r#"[4,"cryptosign",{{"challenge":"{challenge}","channel_binding":"tls-exporter"}}]"#));
    let error = is_left(joining, script).await;
    assert!(matches!(error, ConnectError::Login(Refusal::ChannelBinding)), "{error}");
}

#[tokio::test]
async fn auth_rtr_01_a_router_without_proof_or_with_a_forged_one_is_left() {
    let expected = cryptosign::public_key(&ROUTER_SEED);
    let credential = || Credential::cryptosign(SEED).expecting_router(expected);
    let challenge = cryptosign::to_hex(&[3; 32]);
    // Proof of another challenge than the one in HELLO.
    let forged = cryptosign::sign(&ROUTER_SEED, &[4; 32], None);
    let pubkey = cryptosign::to_hex(&expected);
    for extra in [
        json!({ "challenge": challenge }),
        json!({ "challenge": challenge, "pubkey": pubkey }),
        json!({ "challenge": challenge, "pubkey": pubkey, "signature": forged }),
    ] {
        let (joining, hello, script) = hello_with(credential()).await;
        assert_eq!(hello[2]["authextra"]["challenge"].as_str().unwrap().len(), 64);
        script.say(&json!([4, "cryptosign", extra]).to_string());
        let error = is_left(joining, script).await;
        assert!(matches!(error, ConnectError::Login(_)), "{extra}: {error}");
    }
    let (joining, _, script) = hello_with(credential()).await;
    script.say(WELCOME);
    let error = is_left(joining, script).await;
    assert!(matches!(error, ConnectError::Login(Refusal::Unproven)), "{error}");
}

#[tokio::test]
async fn auth_tkt_01_the_ticket_is_sent_as_it_is() {
    let (joining, hello, mut script) = hello_with(Credential::ticket(" t\u{e9}\"1 ")).await;
    assert_eq!(hello[2].get("authextra"), None);
    script.say(r#"[4,"ticket",{}]"#);
    assert_eq!(heard(&mut script).await, json!([5, " t\u{e9}\"1 ", {}]));
    script.say(WELCOME);
    answer(joining).await.unwrap();
}

/// Conformance: TLS-01
#[tokio::test]
async fn auth_cb_01_the_signature_is_bound_to_the_tls_channel() {
    let (scratch, issued) = (Scratch::new(), generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap());
    let mut config = with_principals();
    config.listeners[0].tls = Some(config::Tls::with(Certificate {
        certificate_file: scratch.file("certificate.pem", issued.cert.pem()),
        key_file: scratch.file("key.pem", issued.signing_key.serialize_pem()),
    }));
    let router = TestRouter::with(&config).await;
    let credential = Credential::cryptosign(SEED).expecting_router(cryptosign::public_key(&ROUTER_SEED));
    for scheme in ["wss", "rss"] {
        let builder = |tls| {
            let url = format!("{scheme}://{}/ws", router.address());
            let url = if scheme == "rss" { url.trim_end_matches("/ws") } else { &url };
            Client::builder(url, STRICT).tls(tls).reconnect(Reconnect::never()).authid("kate")
        };
        let trusting = || Tls::with_roots_pem(issued.cert.pem().as_bytes()).unwrap();
        let bound = builder(trusting()).credential(credential.clone().bound_to_channel());
        let client = within_deadline("WELCOME", bound.connect()).await.unwrap();
        assert_eq!(client.joined().unwrap().authmethod.as_deref(), Some("cryptosign"));
        let other = generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let distrusting = Tls::with_roots_pem(other.cert.pem().as_bytes()).unwrap();
        let refused = within_deadline("an error", builder(distrusting).connect()).await.unwrap_err();
        assert!(matches!(refused, ConnectError::Transport(_)), "{refused}");
    }
}
