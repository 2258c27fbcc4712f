//! Sessions about which somebody else is asked: a procedure, or the program that embeds the router.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a helper fails the test that uses it")]

use std::sync::Arc;

use trunkline::config::{AuthMethod, Authenticator, Config, Principal, Secret};
use trunkline::{Attempt, Decision, NotVouched, Vouched};
use trunkline_tests::logins::{
    ARGON2, SEED, VIA, abort, aborted, challenged, hello, of_extra, said, scram_answer, text, welcomed,
    with_key, with_principals,
};
use trunkline_tests::{OTHER, Peer, RELAXED, STRICT, TestRouter};
use wamp_proto::auth::scram::{Dialect, Kdf, Verifier};
use wamp_proto::auth::{cryptosign, wampcra};
use wamp_proto::error_uri::{AUTHENTICATION_DENIED, AUTHENTICATION_FAILED, NO_SUCH_ROLE};
use wamp_proto::message::{Abort, Challenge};
use wamp_proto::{Message, Value};

fn with_procedure(methods: &[AuthMethod]) -> Config {
    let mut config = with_principals();
    config.realms[0].rules.authenticators = vec![Authenticator {
        methods: methods.to_vec(),
        procedure: "com.example.authenticate".to_owned(),
        realm: Some(OTHER.to_owned()),
        timeout: std::time::Duration::from_secs(60),
    }];
    config
}

/// Answers the next question of the router; returns its arguments.
async fn answer_next(authenticator: &mut Peer, answer: &str) -> Vec<Value> {
    let invocation = authenticator.expect_invocation().await;
    authenticator.send(&format!("[70,{},{{}},[{answer}]]", invocation.request)).await;
    invocation.payload.values().unwrap().0
}

/// Conformance: AUTH-GEN-03
#[tokio::test]
async fn auth_tkt_01_an_authenticator_decides_about_those_who_are_no_principals() {
    let router = TestRouter::with(&with_procedure(&[AuthMethod::Ticket])).await;
    let mut authenticator = Peer::connect(&router, "authenticator", VIA).await;
    authenticator.hello(OTHER).await;
    authenticator.register("com.example.authenticate").await;
    let hello_of = |authid| hello(STRICT, &["ticket"], authid, r#"{"x":1}"#);

    for (answer, authid, role) in [
        (r#""guest""#, "ann", "guest"),
        (r#"{"role":"user","authid":"Anna","extra":{"y":2}}"#, "Anna", "user"),
    ] {
        let (mut peer, _) = challenged(&router, &hello_of("ann")).await;
        peer.send(r#"[5,"her ticket",{}]"#).await;
        let asked = answer_next(&mut authenticator, answer).await;
        assert_eq!(asked[0], STRICT.into());
        assert_eq!(asked[1], "ann".into());
        let of_details = |key: &str| asked[2].get(key).cloned().unwrap_or(Value::Null);
        assert_eq!(of_details("ticket"), "her ticket".into());
        assert_eq!(of_details("authmethod"), "ticket".into());
        assert_eq!(of_details("authextra").get("x"), Some(&Value::Integer(1)));
        let welcome = peer.expect_welcome().await;
        assert_eq!(said(&welcome), [authid, role, "ticket", "dynamic"]);
        assert_eq!(of_details("session"), welcome.session.value().into());
    }
    // To another realm.
    let (mut peer, _) = challenged(&router, &hello_of("ann")).await;
    peer.send(r#"[5,"her ticket",{}]"#).await;
    answer_next(&mut authenticator, &format!(r#"{{"role":"anonymous","realm":"{RELAXED}"}}"#)).await;
    assert_eq!(peer.expect_welcome().await.details.realm.as_deref(), Some(RELAXED));

    for (answer, reason) in [
        (r#""nosuchrole""#, NO_SUCH_ROLE),
        ("7", AUTHENTICATION_FAILED),
        ("{}", AUTHENTICATION_FAILED),
        (r#"{"role":7}"#, AUTHENTICATION_FAILED),
        (r#"{"role":"user","realm":"com.example.nowhere"}"#, "wamp.error.no_such_realm"),
    ] {
        let (mut peer, _) = challenged(&router, &hello_of("ann")).await;
        peer.send(r#"[5,"her ticket",{}]"#).await;
        answer_next(&mut authenticator, answer).await;
        assert_eq!(abort(peer).await.reason, reason, "{answer}");
    }
    // Its errors deny, and its words stay with us.
    let (mut peer, _) = challenged(&router, &hello_of("ann")).await;
    peer.send(r#"[5,"her ticket",{}]"#).await;
    let invocation = authenticator.expect_invocation().await;
    authenticator
        .send(&format!(r#"[8,68,{},{{}},"com.example.no_such_user",["no user ann"]]"#, invocation.request))
        .await;
    let abort_of_error = abort(peer).await;
    assert_eq!(abort_of_error.reason, AUTHENTICATION_DENIED);
    assert!(!format!("{abort_of_error:?}").contains("ann"), "{abort_of_error:?}");
    // A principal of the configuration is none of its business.
    let (mut peer, _) = challenged(&router, &hello_of("tom")).await;
    welcomed(&mut peer, "old ticket", "{}").await;
    // Nor does anybody get in without it.
    let (mut peer, _) = challenged(&router, &hello_of("ann")).await;
    peer.send(r#"[5,"her ticket",{}]"#).await;
    authenticator.expect_invocation().await;
    drop(authenticator);
    assert_eq!(abort(peer).await.reason, AUTHENTICATION_FAILED);
    let (peer, _) = challenged(&router, &hello_of("ann")).await;
    assert_eq!(aborted(peer, "her ticket", "{}").await.reason, AUTHENTICATION_FAILED);
    assert_eq!(router.router().counters().authenticators_failed.value(), 5);
}

/// Conformance: AUTH-CRA-01, AUTH-SCRAM-04, AUTH-ANON-01
#[tokio::test]
async fn auth_cs_01_an_authenticator_gives_what_the_proof_is_checked_with() {
    use AuthMethod::{Anonymous, Cryptosign, Scram, WampScram, Wampcra};
    let router = TestRouter::with(&with_procedure(&[Anonymous, Wampcra, WampScram, Scram, Cryptosign])).await;
    let mut authenticator = Peer::connect(&router, "authenticator", VIA).await;
    authenticator.hello(OTHER).await;
    authenticator.register("com.example.authenticate").await;

    let mut peer = Peer::connect(&router, "client", VIA).await;
    peer.send(&hello(STRICT, &["anonymous"], "", "{}")).await;
    answer_next(&mut authenticator, r#""guest""#).await;
    assert_eq!(said(&peer.expect_welcome().await)[1..], ["guest", "anonymous", "dynamic"]);

    for (answer, key) in [
        (r#"{"role":"user","secret":"hers"}"#, "hers".to_owned()),
        (
            r#"{"role":"user","secret":"Eu7CQLfR+/Ffb+275A4s9/6H/RGKYxM4s6IMrsNKzC8=","salt":"salt123"}"#,
            wampcra::derive_key(
                "secret123",
                &wampcra::Salting { salt: "salt123".to_owned(), iterations: 1000, keylen: 32 },
            ),
        ),
    ] {
        let mut peer = Peer::connect(&router, "client", VIA).await;
        peer.send(&hello(STRICT, &["wampcra"], "ann", "{}")).await;
        answer_next(&mut authenticator, answer).await;
        let Message::Challenge(challenge) = peer.receive().await else { panic!("no CHALLENGE") };
        let signature = wampcra::sign(key.as_bytes(), text(&challenge, "challenge"));
        assert_eq!(said(&welcomed(&mut peer, &signature, "{}").await), ["ann", "user", "wampcra", "dynamic"]);
    }

    let verifier = Verifier::derive(Dialect::Wamp, "hers", b"sixteen octets..", ARGON2).unwrap();
    let base64 = |octets: &[u8]| {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.encode(octets)
    };
    let mut peer = Peer::connect(&router, "client", VIA).await;
    peer.send(&hello(STRICT, &["wamp-scram"], "ann", r#"{"nonce":"Y2xpZW50"}"#)).await;
    let answer = format!(
        r#"{{"role":"user","kdf":"argon2id13","iterations":4,"memory":1024,"salt":"{}","stored-key":"{}","server-key":"{}"}}"#,
        base64(&verifier.salt),
        base64(&verifier.stored_key),
        base64(&verifier.server_key)
    );
    answer_next(&mut authenticator, &answer).await;
    let Message::Challenge(challenge) = peer.receive().await else { panic!("no CHALLENGE") };
    let answer = scram_answer(Dialect::Wamp, "ann", "hers", &challenge);
    welcomed(&mut peer, &answer.proof, &format!(r#"{{"nonce":"{}"}}"#, answer.nonce)).await;

    for (pubkey, lets_in) in [(&SEED, true), (&[8; 32], false)] {
        // Not the key of a principal of the configuration, who is known without asking.
        let seed = if lets_in { [6; 32] } else { *pubkey };
        let mut peer = Peer::connect(&router, "client", VIA).await;
        peer.send(&hello(STRICT, &["cryptosign"], "ann", &with_key(&seed, ""))).await;
        let known = cryptosign::to_hex(&cryptosign::public_key(&[6; 32]));
        answer_next(&mut authenticator, &format!(r#"{{"role":"user","pubkey":["{known}"]}}"#)).await;
        let Message::Challenge(challenge) = peer.receive().await else { panic!("no CHALLENGE") };
        let octets = cryptosign::parse_challenge(text(&challenge, "challenge")).unwrap();
        let signature = cryptosign::sign(&seed, &octets, None);
        if lets_in {
            welcomed(&mut peer, &signature, "{}").await;
        } else {
            assert_eq!(aborted(peer, &signature, "{}").await.reason, AUTHENTICATION_DENIED);
        }
    }
}

/// An authenticator's answer about somebody whose password is `hers`.
fn scram_credential(dialect: Dialect, salt: &[u8], kdf: Kdf) -> String {
    let verifier = Verifier::derive(dialect, "hers", salt, kdf).unwrap();
    let written = |octets: &[u8]| match dialect {
        Dialect::Wamp => {
            use base64::Engine as _;
            base64::engine::general_purpose::STANDARD.encode(octets)
        }
        Dialect::Autobahn => octets.iter().map(|octet| format!("{octet:02x}")).collect(),
    };
    let costs = match kdf {
        Kdf::Argon2id13 { iterations, memory } => format!(r#""iterations":{iterations},"memory":{memory}"#),
        Kdf::Pbkdf2 { iterations } => format!(r#""iterations":{iterations}"#),
    };
    format!(
        r#"{{"role":"user","kdf":"{}",{costs},"salt":"{}","stored-key":"{}","server-key":"{}"}}"#,
        kdf.name(dialect),
        written(&verifier.salt),
        written(&verifier.stored_key),
        written(&verifier.server_key)
    )
}

/// The CHALLENGE for that name, about which the authenticator says this, or that it knows nobody.
async fn challenged_through(
    router: &TestRouter,
    authenticator: &mut Peer,
    method: &str,
    authid: &str,
    answer: Option<&str>,
) -> (Peer, Challenge) {
    let mut peer = Peer::connect(router, "client", VIA).await;
    peer.send(&hello(STRICT, &[method], authid, r#"{"nonce":"Y2xpZW50"}"#)).await;
    match answer {
        Some(answer) => {
            answer_next(authenticator, answer).await;
        }
        None => {
            let request = authenticator.expect_invocation().await.request;
            authenticator.send(&format!(r#"[8,68,{request},{{}},"com.example.no_such_user"]"#)).await;
        }
    }
    let Message::Challenge(challenge) = peer.receive().await else { panic!("no CHALLENGE for {authid}") };
    (peer, challenge)
}

/// What of a CHALLENGE is to be the same for everybody: its keys in their order, and the values of all that is not drawn
/// anew. Of the texts, the length is to be the same.
fn shape(challenge: &Challenge) -> Vec<(String, Value)> {
    let mut shape = Vec::new();
    for (key, value) in &challenge.extra.extra {
        let of_text = || Value::from(value.as_str().expect("a text").len() as u64);
        match key.as_str() {
            "nonce" | "salt" => shape.push((key.clone(), of_text())),
            "challenge" => {
                let signed = serde_json::from_str(value.as_str().unwrap());
                let signed: serde_json::Map<String, serde_json::Value> = signed.unwrap();
                for (key, value) in signed {
                    let is_fresh = ["authid", "nonce", "timestamp", "session"].contains(&key.as_str());
                    let value = if is_fresh { Value::Null } else { value.to_string().into() };
                    shape.push((key, value));
                }
            }
            _ => shape.push((key.clone(), value.clone())),
        }
    }
    shape
}

/// [`with_procedure`] without anybody whom the configuration knows.
fn with_procedure_alone(methods: &[AuthMethod]) -> Config {
    let mut config = with_procedure(methods);
    config.realms[0].rules.principals.clear();
    config.authentication.router_key = None;
    config
}

const BY_PROCEDURE: [AuthMethod; 3] = [AuthMethod::Wampcra, AuthMethod::WampScram, AuthMethod::Scram];

/// Conformance: AUTH-SCRAM-03, AUTH-CRA-01, AUTH-CRA-04
#[tokio::test]
async fn auth_gen_04_strangers_are_challenged_as_those_whom_the_authenticator_knows() {
    let argon2 = Kdf::Argon2id13 { iterations: 3, memory: 2048 };
    let salted = |salt, more| format!(r#"{{"role":"guest","secret":"x","salt":"{salt}"{more}}}"#);
    for (method, answer) in [
        ("wampcra", r#"{"role":"guest","secret":"x"}"#.to_owned()),
        ("wampcra", salted("salt123", "")),
        ("wampcra", salted("FCtbRLI8kUMIMF9Pc8JHGg==", r#","iterations":5000,"keylen":24"#)),
        ("wamp-scram", scram_credential(Dialect::Wamp, &[0xFF; 12], argon2)),
        ("wamp-scram", scram_credential(Dialect::Wamp, &[0xFF; 40], Kdf::Pbkdf2 { iterations: 5000 })),
        ("scram", scram_credential(Dialect::Autobahn, &[0xFF; 12], argon2)),
    ] {
        let router = TestRouter::with(&with_procedure_alone(&BY_PROCEDURE)).await;
        let mut authenticator = Peer::connect(&router, "authenticator", VIA).await;
        authenticator.hello(OTHER).await;
        authenticator.register("com.example.authenticate").await;
        let mut refusals = Vec::new();
        let mut salts = Vec::new();
        let (peer, known) =
            challenged_through(&router, &mut authenticator, method, "ann", Some(&answer)).await;
        refusals.push(aborted(peer, "wrong", "{}").await);
        for authid in ["bob", "eve", "bob"] {
            let (peer, stranger) =
                challenged_through(&router, &mut authenticator, method, authid, None).await;
            assert_eq!(shape(&stranger), shape(&known), "{method}: {answer}");
            let salt = of_extra(&stranger, "salt").cloned();
            assert!(salt.is_none() || salt.as_ref() != of_extra(&known, "salt"));
            salts.push(salt);
            refusals.push(aborted(peer, "wrong", "{}").await);
        }
        assert_eq!(salts[0], salts[2]);
        assert!(salts[0].is_none() || salts[0] != salts[1]);
        for refusal in &refusals {
            let said =
                |abort: &Abort| (abort.reason.clone(), abort.details.clone(), abort.payload.raw().clone());
            assert_eq!(said(refusal), said(&refusals[0]));
        }
        assert_eq!(refusals[0].reason, AUTHENTICATION_DENIED);
    }
}

/// There is nobody to imitate yet; what is likely is said, and nothing that nobody has.
///
/// Conformance: AUTH-SCRAM-03
#[tokio::test]
async fn auth_gen_04_before_its_authenticator_knew_anybody_a_realm_challenges_with_what_is_likely() {
    let router = TestRouter::with(&with_procedure_alone(&BY_PROCEDURE)).await;
    let mut authenticator = Peer::connect(&router, "authenticator", VIA).await;
    authenticator.hello(OTHER).await;
    authenticator.register("com.example.authenticate").await;
    let (_, stranger) = challenged_through(&router, &mut authenticator, "wampcra", "bob", None).await;
    let signed: serde_json::Value = serde_json::from_str(text(&stranger, "challenge")).unwrap();
    assert!(
        ["user", "guest"].contains(&signed["authrole"].as_str().unwrap()),
        "a role of the realm: {signed}"
    );
    assert_eq!(of_extra(&stranger, "salt"), None);
    for (method, function) in [("wamp-scram", "argon2id13"), ("scram", "argon2id-13")] {
        let (_, stranger) = challenged_through(&router, &mut authenticator, method, "bob", None).await;
        assert_eq!(text(&stranger, "kdf"), function);
        let number = |key| of_extra(&stranger, key).and_then(Value::as_u64);
        assert_eq!((number("iterations"), number("memory")), (Some(2), Some(19_456)));
        assert_eq!(text(&stranger, "salt").len(), 24);
    }
}

/// Who does not know the configuration's secrets cannot compute a stranger's salt; without any, it is drawn.
///
/// Conformance: AUTH-GEN-04
#[tokio::test]
async fn auth_scram_03_a_strangers_salt_outlives_a_restart_where_the_configuration_has_a_secret() {
    let with_key = || {
        let mut config = with_procedure_alone(&BY_PROCEDURE);
        config.authentication.router_key = Some(Secret(cryptosign::to_hex(&[9; 32])));
        config
    };
    let with_secrets = || {
        let mut config = with_procedure(&BY_PROCEDURE);
        config.authentication.router_key = None;
        config
    };
    let without = || with_procedure_alone(&BY_PROCEDURE);
    for (config, is_kept) in [(with_key as fn() -> Config, true), (with_secrets, true), (without, false)] {
        let mut salts = Vec::new();
        for _ in 0..2 {
            let router = TestRouter::with(&config()).await;
            let mut authenticator = Peer::connect(&router, "authenticator", VIA).await;
            authenticator.hello(OTHER).await;
            authenticator.register("com.example.authenticate").await;
            let (_, stranger) = challenged_through(&router, &mut authenticator, "scram", "bob", None).await;
            salts.push(text(&stranger, "salt").to_owned());
        }
        assert_eq!(salts[0] == salts[1], is_kept);
    }
}

#[tokio::test]
async fn an_authenticator_that_takes_too_long_denies() {
    let mut config = with_procedure(&[AuthMethod::Ticket]);
    config.realms[0].rules.authenticators[0].timeout = std::time::Duration::from_millis(20);
    let router = TestRouter::with(&config).await;
    let mut authenticator = Peer::connect(&router, "authenticator", VIA).await;
    authenticator.hello(OTHER).await;
    authenticator.register("com.example.authenticate").await;
    let (peer, _) = challenged(&router, &hello(STRICT, &["ticket"], "ann", "{}")).await;
    assert_eq!(aborted(peer, "her ticket", "{}").await.reason, AUTHENTICATION_FAILED);
    // What it says later counts for nothing.
    answer_next(&mut authenticator, r#""user""#).await;
    assert_eq!(router.router().sessions(), 1);
}

/// Knows one name, and every ticket.
#[derive(Debug)]
struct OneName;

impl trunkline::Authenticator for OneName {
    fn authenticate(
        &self,
        attempt: Attempt,
    ) -> std::pin::Pin<Box<dyn Future<Output = Decision> + Send + '_>> {
        Box::pin(async move {
            match attempt.authid.as_deref() {
                Some("ann") => {
                    Ok(Vouched { principal: Principal::new("ann", "user"), realm: None, extra: None })
                }
                _ => Err(NotVouched::Denied("unheard of".to_owned())),
            }
        })
    }
}

#[tokio::test]
async fn a_program_that_embeds_the_router_can_be_the_authenticator() {
    let router = TestRouter::with(&with_principals()).await;
    assert!(router.router().authenticate_with(STRICT, &[AuthMethod::Ticket], Arc::new(OneName)));
    assert!(!router.router().authenticate_with(
        "com.example.nowhere",
        &[AuthMethod::Ticket],
        Arc::new(OneName)
    ));
    let (mut peer, _) = challenged(&router, &hello(STRICT, &["ticket"], "ann", "{}")).await;
    assert_eq!(said(&welcomed(&mut peer, "any", "{}").await), ["ann", "user", "ticket", "dynamic"]);
    let (peer, _) = challenged(&router, &hello(STRICT, &["ticket"], "bob", "{}")).await;
    assert_eq!(aborted(peer, "any", "{}").await.reason, AUTHENTICATION_DENIED);
}
