//! Who gets in: each method with right and wrong proof, authenticators, and what failures cost.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a helper fails the test that uses it")]

use std::sync::Arc;

use argon2::{Argon2, PasswordHasher as _};
use trunkline::config::{
    AuthMethod, Authentication, Authenticator, Config, JwtIssuer, JwtKey, Permission, Principal, Role,
    Secret, WampcraCredential,
};
use trunkline::{Attempt, Decision, NotVouched, Vouched};
use trunkline_tests::{OTHER, Peer, RELAXED, STRICT, TestRouter, Transport, Via, config};
use wamp_proto::auth::client::{self, Channel, Credential, ExpectedRouter, Login, Refusal};
use wamp_proto::auth::scram::{Answer, Dialect, Kdf, Verifier};
use wamp_proto::auth::{cryptosign, wampcra};
use wamp_proto::error_uri::{
    AUTHENTICATION_DENIED, AUTHENTICATION_FAILED, AUTHENTICATION_REQUIRED, CROSSBAR_NO_AUTH_METHOD,
    NO_MATCHING_AUTH_METHOD, NO_SUCH_PRINCIPAL, NO_SUCH_ROLE, NOT_AUTHORIZED, PROTOCOL_VIOLATION,
    TOKEN_EXPIRED,
};
use wamp_proto::message::{Abort, Challenge, Hello, Welcome};
use wamp_proto::{Message, Profile, SerializerId, Value};

const VIA: Via = Via(Transport::RawSocket, SerializerId::Json);
const ARGON2: Kdf = Kdf::Argon2id13 { iterations: 4, memory: 1024 };
const SEED: [u8; 32] = [7; 32];

fn principal(authid: &str) -> Principal {
    Principal::new(authid, "user")
}

fn hash(ticket: &str) -> Secret {
    let costs = argon2::Params::new(64, 1, 1, None).unwrap();
    let argon2 = Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, costs);
    Secret(argon2.hash_password_with_salt(ticket.as_bytes(), b"sixteen octets..").unwrap().to_string())
}

/// [`STRICT`] has principals for every method and no anonymous sessions; failures are free.
fn with_principals() -> Config {
    let mut config = config();
    let rules = &mut config.realms[0].rules;
    rules.anonymous_role = None;
    rules.roles = ["user", "guest"]
        .map(|name| Role {
            name: name.to_owned(),
            trustlevel: None,
            messages_per_second: None,
            bytes_per_second: None,
            permissions: vec![Permission::everything()],
        })
        .to_vec();
    let salting = wampcra::Salting { salt: "salt123".to_owned(), iterations: 1000, keylen: 32 };
    let derived = |secret| WampcraCredential::Derived {
        key: Secret(wampcra::derive_key(secret, &salting)),
        salt: salting.salt.clone(),
        iterations: salting.iterations,
        keylen: salting.keylen,
    };
    let plain = |secret: &str| WampcraCredential::Secret(Secret(secret.to_owned()));
    let verifier = |dialect, kdf| Verifier::derive(dialect, "pencil", b"sixteen octets..", kdf).unwrap();
    rules.principals = vec![
        Principal { tickets: vec![hash("old ticket"), hash("new ticket")], ..principal("tom") },
        Principal { wampcra: vec![plain("secret"), plain("another")], ..principal("carl") },
        Principal { wampcra: vec![derived("secret123")], ..principal("salim") },
        Principal {
            scram: vec![verifier(Dialect::Wamp, ARGON2), verifier(Dialect::Autobahn, ARGON2)],
            ..principal("sam")
        },
        Principal {
            scram: vec![verifier(Dialect::Wamp, Kdf::Pbkdf2 { iterations: 4096 })],
            ..principal("paul")
        },
        Principal { cryptosign: vec![cryptosign::public_key(&SEED)], ..principal("kate") },
    ];
    config.authentication = Authentication {
        failures_free: 1000,
        failures_free_per_address: 1000,
        router_key: Some(Secret(cryptosign::to_hex(&[9; 32]))),
        ..Authentication::default()
    };
    config
}

fn hello(realm: &str, methods: &[&str], authid: &str, authextra: &str) -> String {
    let methods = methods.iter().map(|method| format!("{method:?}")).collect::<Vec<_>>().join(",");
    let authid = if authid.is_empty() { String::new() } else { format!(r#","authid":"{authid}""#) };
    format!(
        r#"[1,"{realm}",{{"roles":{{"caller":{{}},"subscriber":{{}}}},"authmethods":[{methods}]{authid},"authextra":{authextra}}}]"#
    )
}

async fn challenged(router: &TestRouter, hello: &str) -> (Peer, Challenge) {
    let mut peer = Peer::connect(router, "client", VIA).await;
    peer.send(hello).await;
    let Message::Challenge(challenge) = peer.receive().await else { panic!("no CHALLENGE for {hello}") };
    (peer, challenge)
}

fn of_extra<'a>(challenge: &'a Challenge, key: &str) -> Option<&'a Value> {
    challenge.extra.extra.iter().find(|(name, _)| name == key).map(|(_, value)| value)
}

fn text<'a>(challenge: &'a Challenge, key: &str) -> &'a str {
    of_extra(challenge, key).and_then(Value::as_str).expect(key)
}

async fn welcomed(peer: &mut Peer, signature: &str, extra: &str) -> Welcome {
    peer.send(&format!(r#"[5,"{signature}",{extra}]"#)).await;
    peer.expect_welcome().await
}

async fn aborted(mut peer: Peer, signature: &str, extra: &str) -> Abort {
    peer.send(&format!(r#"[5,"{signature}",{extra}]"#)).await;
    abort(peer).await
}

/// One attempt for each connection: it is closed behind the ABORT.
async fn abort(mut peer: Peer) -> Abort {
    let Message::Abort(abort) = peer.receive().await else { panic!("no ABORT") };
    peer.expect_closed().await;
    abort
}

async fn refused(router: &TestRouter, hello: &str) -> Abort {
    let mut peer = Peer::connect(router, "client", VIA).await;
    peer.send(hello).await;
    abort(peer).await
}

fn said(welcome: &Welcome) -> [&str; 4] {
    let details = &welcome.details;
    [&details.authid, &details.authrole, &details.authmethod, &details.authprovider]
        .map(|field| field.as_deref().expect("in every WELCOME"))
}

/// Conformance: AUTH-GEN-02, AUTH-GEN-03
#[tokio::test]
async fn auth_tkt_01_any_of_the_tickets_lets_in_and_no_other_text() {
    let router = TestRouter::with(&with_principals()).await;
    let hello = hello(STRICT, &["ticket"], "tom", "{}");
    for ticket in ["old ticket", "new ticket"] {
        let (mut peer, challenge) = challenged(&router, &hello).await;
        assert_eq!(challenge.authmethod, "ticket");
        assert!(challenge.extra.is_empty());
        let welcome = welcomed(&mut peer, ticket, "{}").await;
        assert_eq!(said(&welcome), ["tom", "user", "ticket", "static"]);
        assert_eq!(welcome.details.realm.as_deref(), Some(STRICT));
    }
    for ticket in ["", "old", "old ticket ", "Old ticket", &hash("old ticket").0] {
        let (peer, _) = challenged(&router, &hello).await;
        assert_eq!(aborted(peer, ticket, "{}").await.reason, AUTHENTICATION_DENIED, "{ticket}");
    }
    assert_eq!(router.router().counters().logins_failed.value(), 5);
}

/// Conformance: AUTH-SCRAM-03, ERR-03
#[tokio::test]
async fn auth_gen_04_unknown_names_and_wrong_credentials_cannot_be_told_apart() {
    let nonce = r#"{"nonce":"Y2xpZW50"}"#;
    let mut config = with_principals();
    // Plain or salted, not both: a stranger is taken for one of those that there are.
    config.realms[0].rules.principals.retain(|known| !["salim", "paul"].contains(&&*known.authid));
    let router = TestRouter::with(&config).await;
    let known = ["tom", "carl", "sam", "sam"];
    for (method, known) in ["ticket", "wampcra", "wamp-scram", "scram"].into_iter().zip(known) {
        let mut answers = Vec::new();
        // Of a principal with a credential of another kind nobody is to learn that either.
        for authid in [known, "nobody", "kate"] {
            let (peer, challenge) = challenged(&router, &hello(STRICT, &[method], authid, nonce)).await;
            let keys: Vec<_> = challenge.extra.extra.iter().map(|(key, _)| key.clone()).collect();
            let abort = aborted(peer, "wrong", "{}").await;
            let said = (abort.reason, abort.details, abort.payload.raw().clone());
            answers.push((challenge.authmethod, keys, said));
        }
        assert_eq!(answers[0], answers[1], "{method}");
        assert_eq!(answers[0], answers[2], "{method}");
    }
    // The same stranger is asked with the same salt every time.
    let hello = hello(STRICT, &["wamp-scram"], "stranger", nonce);
    let salt = |challenge: &Challenge| text(challenge, "salt").to_owned();
    let (first, second) = (challenged(&router, &hello).await.1, challenged(&router, &hello).await.1);
    assert_eq!(salt(&first), salt(&second));
    assert_ne!(text(&first, "nonce"), text(&second, "nonce"));
}

/// Conformance: AUTH-CRA-03
#[tokio::test]
async fn auth_cra_01_the_secret_signs_a_challenge_that_is_new_every_time() {
    let router = TestRouter::with(&with_principals()).await;
    let hello = hello(STRICT, &["wampcra"], "carl", "{}");
    let mut signatures = Vec::new();
    for secret in ["secret", "another"] {
        let (mut peer, challenge) = challenged(&router, &hello).await;
        assert_eq!(of_extra(&challenge, "salt"), None);
        let challenge = text(&challenge, "challenge");
        let signature = wampcra::sign(secret.as_bytes(), challenge);
        let welcome = welcomed(&mut peer, &signature, "{}").await;
        assert_eq!(said(&welcome), ["carl", "user", "wampcra", "static"]);
        // The ID in the challenge is the session's.
        assert!(challenge.contains(&format!(r#""session":{}"#, welcome.session)), "{challenge}");
        for part in
            [r#""authid":"carl""#, r#""authrole":"user""#, r#""authmethod":"wampcra""#, r#""nonce":""#]
        {
            assert!(challenge.contains(part), "{challenge}");
        }
        signatures.push(signature);
    }
    for signature in signatures.iter().map(String::as_str).chain(["", "wrong"]) {
        let (peer, _) = challenged(&router, &hello).await;
        assert_eq!(aborted(peer, signature, "{}").await.reason, AUTHENTICATION_DENIED);
    }
}

#[tokio::test]
async fn auth_cra_04_a_salted_secret_is_known_by_its_key_alone() {
    let router = TestRouter::with(&with_principals()).await;
    let hello = hello(STRICT, &["wampcra"], "salim", "{}");
    let (mut peer, challenge) = challenged(&router, &hello).await;
    let number = |key| of_extra(&challenge, key).and_then(Value::as_u64);
    assert_eq!(
        (text(&challenge, "salt"), number("iterations"), number("keylen")),
        ("salt123", Some(1000), Some(32))
    );
    // The key of the specification's example.
    let key = "Eu7CQLfR+/Ffb+275A4s9/6H/RGKYxM4s6IMrsNKzC8=";
    let signature = wampcra::sign(key.as_bytes(), text(&challenge, "challenge"));
    welcomed(&mut peer, &signature, "{}").await;

    let (peer, challenge) = challenged(&router, &hello).await;
    let unsalted = wampcra::sign(b"secret123", text(&challenge, "challenge"));
    assert_eq!(aborted(peer, &unsalted, "{}").await.reason, AUTHENTICATION_DENIED);
}

fn kdf(challenge: &Challenge) -> Kdf {
    let number =
        |key| of_extra(challenge, key).and_then(Value::as_u64).map(|number| u32::try_from(number).unwrap());
    Kdf::named(text(challenge, "kdf"), number("iterations").unwrap(), number("memory")).unwrap()
}

fn scram_answer(dialect: Dialect, authid: &str, password: &str, challenge: &Challenge) -> Answer {
    let (nonce, salt) = (text(challenge, "nonce"), text(challenge, "salt"));
    Answer::new(dialect, authid, password, "Y2xpZW50", nonce, salt, kdf(challenge)).unwrap()
}

/// Conformance: AUTH-SCRAM-08, AUTH-SCRAM-10, AUTH-SCRAM-11, AUTH-SCRAM-12
#[tokio::test]
async fn auth_scram_04_both_peers_prove_that_they_know_the_password() {
    let router = TestRouter::with(&with_principals()).await;
    let hello =
        |method, authid| hello(STRICT, &[method], authid, r#"{"nonce":"Y2xpZW50","channel_binding":null}"#);
    for (dialect, method, authid, key) in [
        (Dialect::Wamp, "wamp-scram", "sam", "verifier"),
        (Dialect::Wamp, "wamp-scram", "paul", "verifier"),
        (Dialect::Autobahn, "scram", "sam", "scram_server_signature"),
    ] {
        let (mut peer, challenge) = challenged(&router, &hello(method, authid)).await;
        let answer = scram_answer(dialect, authid, "pencil", &challenge);
        let extra = match dialect {
            Dialect::Wamp => format!(r#"{{"nonce":"{}","channel_binding":null}}"#, answer.nonce),
            Dialect::Autobahn => "{}".to_owned(),
        };
        let welcome = welcomed(&mut peer, &answer.proof, &extra).await;
        assert_eq!(said(&welcome), [authid, "user", method, "static"]);
        let verifier = welcome.details.authextra.as_ref().and_then(|extra| extra.get(key)?.as_str());
        assert_eq!(answer.check_server_signature(verifier.expect(key)), Ok(()));

        let (peer, challenge) = challenged(&router, &hello(method, authid)).await;
        let answer = scram_answer(dialect, authid, "pencils", &challenge);
        let extra = format!(r#"{{"nonce":"{}"}}"#, answer.nonce);
        assert_eq!(aborted(peer, &answer.proof, &extra).await.reason, AUTHENTICATION_DENIED);
    }
}

/// Conformance: AUTH-SCRAM-09
#[tokio::test]
async fn auth_scram_07_each_tampered_part_is_refused() {
    let router = TestRouter::with(&with_principals()).await;
    let hello = hello(STRICT, &["wamp-scram"], "sam", r#"{"nonce":"Y2xpZW50"}"#);
    let tampered = |nonce: &str| {
        [
            "{}".to_owned(),
            r#"{"nonce":"Y2xpZW50"}"#.to_owned(),
            r#"{"nonce":7}"#.to_owned(),
            format!(r#"{{"nonce":"{nonce}","channel_binding":"tls-unique"}}"#),
            format!(r#"{{"nonce":"{nonce}","cbind_data":"AA=="}}"#),
        ]
    };
    for index in 0..tampered("").len() {
        let (peer, challenge) = challenged(&router, &hello).await;
        let answer = scram_answer(Dialect::Wamp, "sam", "pencil", &challenge);
        let extra = &tampered(&answer.nonce)[index];
        assert_eq!(aborted(peer, &answer.proof, extra).await.reason, AUTHENTICATION_DENIED, "{extra}");
    }
}

#[tokio::test]
async fn auth_scram_02_a_channel_binding_that_is_not_to_be_had_ends_the_attempt() {
    let router = TestRouter::with(&with_principals()).await;
    for binding in ["tls-unique", "tls-server-end-point", "x"] {
        let extra = format!(r#"{{"nonce":"Y2xpZW50","channel_binding":"{binding}"}}"#);
        let abort = refused(&router, &hello(STRICT, &["wamp-scram"], "sam", &extra)).await;
        assert_eq!(abort.reason, NO_MATCHING_AUTH_METHOD);
        assert!(abort.details.message.as_ref().unwrap().contains("channel binding"));
        // Another method that fits is taken instead.
        let (_, challenge) =
            challenged(&router, &hello(STRICT, &["wamp-scram", "ticket"], "sam", &extra)).await;
        assert_eq!(challenge.authmethod, "ticket");
    }
    for nonce in [r#"{"nonce":"?"}"#, r#"{"nonce":7}"#, "{}"] {
        let abort = refused(&router, &hello(STRICT, &["wamp-scram"], "sam", nonce)).await;
        assert_eq!(abort.reason, NO_MATCHING_AUTH_METHOD);
    }
}

fn with_key(seed: &[u8; 32], more: &str) -> String {
    format!(r#"{{"pubkey":"{}"{more}}}"#, cryptosign::to_hex(&cryptosign::public_key(seed)))
}

/// Conformance: AUTH-CS-02
#[tokio::test]
async fn auth_cs_01_the_key_says_who_it_is() {
    let router = TestRouter::with(&with_principals()).await;
    let mut challenges = Vec::new();
    for authid in ["", "kate"] {
        let (mut peer, challenge) =
            challenged(&router, &hello(STRICT, &["cryptosign"], authid, &with_key(&SEED, ""))).await;
        assert_eq!(of_extra(&challenge, "channel_binding"), Some(&Value::Null));
        let octets = cryptosign::parse_challenge(text(&challenge, "challenge")).unwrap();
        let welcome = welcomed(&mut peer, &cryptosign::sign(&SEED, &octets, None), "{}").await;
        assert_eq!(said(&welcome), ["kate", "user", "cryptosign", "static"]);
        challenges.push(octets);
    }
    assert_ne!(challenges[0], challenges[1]);
    // Without a key it is no cryptosign.
    for extra in ["{}", r#"{"pubkey":"00"}"#, r#"{"pubkey":7}"#] {
        let abort = refused(&router, &hello(STRICT, &["cryptosign"], "kate", extra)).await;
        assert_eq!(abort.reason, NO_MATCHING_AUTH_METHOD);
    }
}

#[tokio::test]
async fn auth_cs_04_nothing_but_the_keys_signature_of_the_challenge_lets_in() {
    let router = TestRouter::with(&with_principals()).await;
    let other = [8; 32];
    // The third: a key that nobody has. The fourth: a key of somebody else.
    for (seed, authid, signed_by, turned) in
        [(&SEED, "", &SEED, 1_u8), (&SEED, "", &other, 0), (&other, "", &other, 0), (&SEED, "tom", &SEED, 0)]
    {
        let (peer, challenge) =
            challenged(&router, &hello(STRICT, &["cryptosign"], authid, &with_key(seed, ""))).await;
        let mut octets = cryptosign::parse_challenge(text(&challenge, "challenge")).unwrap();
        octets[0] ^= turned;
        let abort = aborted(peer, &cryptosign::sign(signed_by, &octets, None), "{}").await;
        assert_eq!(abort.reason, AUTHENTICATION_DENIED);
    }
    for signature in ["", "00", &"g".repeat(192), &"é".repeat(96)] {
        let (peer, _) = challenged(&router, &hello(STRICT, &["cryptosign"], "", &with_key(&SEED, ""))).await;
        assert_eq!(aborted(peer, signature, "{}").await.reason, AUTHENTICATION_DENIED);
    }
}

/// Conformance: AUTH-CB-02
#[tokio::test]
async fn auth_rtr_01_the_router_proves_itself_to_those_who_ask() {
    let router = TestRouter::with(&with_principals()).await;
    let wanted = [5; 32];
    // There is no channel to bind to: CHALLENGE says so.
    let more = format!(r#","challenge":"{}","channel_binding":"tls-exporter""#, cryptosign::to_hex(&wanted));
    let (_, challenge) =
        challenged(&router, &hello(STRICT, &["cryptosign"], "", &with_key(&SEED, &more))).await;
    assert_eq!(of_extra(&challenge, "channel_binding"), Some(&Value::Null));
    let key = cryptosign::parse_public_key(text(&challenge, "pubkey")).unwrap();
    assert_eq!(key, cryptosign::public_key(&[9; 32]));
    assert_eq!(cryptosign::verify(&key, &wanted, None, text(&challenge, "signature")), Ok(()));
    // tls-unique cannot be had.
    let extra = with_key(&SEED, r#","channel_binding":"tls-unique""#);
    let abort = refused(&router, &hello(STRICT, &["cryptosign"], "", &extra)).await;
    assert_eq!(abort.reason, NO_MATCHING_AUTH_METHOD);
}

/// Conformance: AUTH-GEN-01, AUTH-ANON-01, ERR-03
#[tokio::test]
async fn auth_gen_04_the_first_method_that_can_be_served_is_taken_and_none_is_an_abort() {
    let router = TestRouter::with(&with_principals()).await;
    let (_, challenge) =
        challenged(&router, &hello(STRICT, &["x", "tls", "cryptosign", "wampcra", "ticket"], "carl", "{}"))
            .await;
    assert_eq!(challenge.authmethod, "wampcra");
    for methods in [&["x"][..], &["tls"], &["cookie"], &["anonymous", "x", "tls"]] {
        let abort = refused(&router, &hello(STRICT, methods, "carl", "{}")).await;
        assert_eq!(abort.reason, NO_MATCHING_AUTH_METHOD, "{methods:?}");
    }
    for methods in [&[][..], &["anonymous"]] {
        let abort = refused(&router, &hello(STRICT, methods, "carl", "{}")).await;
        assert_eq!(abort.reason, AUTHENTICATION_REQUIRED, "{methods:?}");
    }
    let abort = refused(&router, &hello(STRICT, &["ticket"], "", "{}")).await;
    assert_eq!(abort.reason, NO_SUCH_PRINCIPAL);
    // Elsewhere anybody is anonymous, whoever they claim to be.
    let mut peer = Peer::connect(&router, "client", VIA).await;
    peer.send(&hello(OTHER, &["ticket", "anonymous"], "tom", "{}")).await;
    let welcome = peer.expect_welcome().await;
    let [authid, _, method, _] = said(&welcome);
    assert!(authid != "tom" && method == "anonymous");
}

/// Conformance: SES-13
#[tokio::test]
async fn auth_gen_02_there_is_one_attempt_and_nothing_but_authenticate_while_challenged() {
    let router = TestRouter::with(&with_principals()).await;
    let hello = hello(STRICT, &["ticket"], "tom", "{}");
    let (mut peer, _) = challenged(&router, &hello).await;
    // The second, right ticket comes too late.
    peer.send_all(&[r#"[5,"wrong",{}]"#, r#"[5,"old ticket",{}]"#]).await;
    assert_eq!(abort(peer).await.reason, AUTHENTICATION_DENIED);

    for message in [hello.as_str(), r#"[48,1,{},"com.example.add"]"#, r#"[6,{},"wamp.close.close_realm"]"#] {
        let (mut peer, _) = challenged(&router, &hello).await;
        peer.send(message).await;
        assert_eq!(abort(peer).await.reason, PROTOCOL_VIOLATION);
    }
    let mut peer = Peer::connect(&router, "client", VIA).await;
    peer.send(r#"[5,"old ticket",{}]"#).await;
    assert_eq!(abort(peer).await.reason, PROTOCOL_VIOLATION);
    let (mut peer, _) = challenged(&router, &hello).await;
    peer.send(r#"[3,{},"wamp.error.cannot_authenticate"]"#).await;
    peer.expect_closed().await;
    assert_eq!(router.router().sessions(), 0);
}

#[tokio::test]
async fn auth_gen_05_who_does_not_answer_the_challenge_in_time_is_aborted() {
    let mut config = with_principals();
    config.listeners[0].handshake_timeout = std::time::Duration::from_millis(200);
    let router = TestRouter::with(&config).await;
    let (peer, _) = challenged(&router, &hello(STRICT, &["ticket"], "tom", "{}")).await;
    assert_eq!(abort(peer).await.reason, AUTHENTICATION_FAILED);
    assert_eq!(router.router().counters().handshakes_timed_out.value(), 1);
}

#[tokio::test]
async fn err_03_profile_crossbar_has_words_of_its_own() {
    let mut config = with_principals();
    config.realms[0].rules.profile = Profile::Crossbar;
    let router = TestRouter::with(&config).await;
    let (peer, _) = challenged(&router, &hello(STRICT, &["ticket"], "tom", "{}")).await;
    assert_eq!(aborted(peer, "wrong", "{}").await.reason, NOT_AUTHORIZED);
    assert_eq!(
        refused(&router, &hello(STRICT, &["anonymous"], "", "{}")).await.reason,
        CROSSBAR_NO_AUTH_METHOD
    );
}

#[tokio::test]
async fn failures_shut_out_for_a_while_by_address_and_authid() {
    let mut config = with_principals();
    config.authentication.failures_free = 2;
    config.authentication.failure_delay = std::time::Duration::from_secs(3600);
    config.authentication.failure_delay_max = std::time::Duration::from_secs(3600);
    let router = TestRouter::with(&config).await;
    // Of names that nobody has as of others.
    for authid in ["tom", "nobody"] {
        let hello = hello(STRICT, &["ticket"], authid, "{}");
        for _ in 0..3 {
            let (peer, _) = challenged(&router, &hello).await;
            assert_eq!(aborted(peer, "wrong", "{}").await.reason, AUTHENTICATION_DENIED);
        }
        assert_eq!(refused(&router, &hello).await.reason, AUTHENTICATION_FAILED);
    }
    assert_eq!(router.router().counters().logins_shut_out.value(), 2);
    // Others from the same address can still log in.
    let (mut peer, challenge) = challenged(&router, &hello(STRICT, &["wampcra"], "carl", "{}")).await;
    let signature = wampcra::sign(b"secret", text(&challenge, "challenge"));
    welcomed(&mut peer, &signature, "{}").await;
}

#[tokio::test]
async fn a_listener_may_narrow_the_methods() {
    let mut config = with_principals();
    config.listeners[0].authmethods = Some(vec![AuthMethod::Wampcra]);
    let router = TestRouter::with(&config).await;
    let abort = refused(&router, &hello(STRICT, &["ticket"], "tom", "{}")).await;
    assert_eq!(abort.reason, NO_MATCHING_AUTH_METHOD);
    challenged(&router, &hello(STRICT, &["ticket", "wampcra"], "carl", "{}")).await;
    assert_eq!(
        refused(&router, &hello(OTHER, &["anonymous"], "", "{}")).await.reason,
        NO_MATCHING_AUTH_METHOD
    );
}

fn token(claims: &str, secret: &str) -> String {
    let claims: serde_json::Value = serde_json::from_str(claims).unwrap();
    let key = jsonwebtoken::EncodingKey::from_secret(secret.as_bytes());
    jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key).unwrap()
}

fn in_seconds(seconds: i64) -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(now.as_secs()).unwrap() + seconds
}

fn with_tokens() -> Config {
    let mut config = with_principals();
    config.realms[0].rules.jwt = vec![JwtIssuer {
        issuer: Some("https://login.example".to_owned()),
        audience: vec!["trunkline".to_owned()],
        key: JwtKey::Secret(Secret("shared".to_owned())),
        authid_claim: "sub".to_owned(),
        role_claim: Some("roles".to_owned()),
        role: Some("guest".to_owned()),
    }];
    config
}

/// Conformance: AUTH-GEN-03
#[tokio::test]
async fn auth_tkt_01_a_token_is_a_ticket_that_names_its_bearer() {
    let router = TestRouter::with(&with_tokens()).await;
    let claims = |more: &str| {
        format!(
            r#"{{"iss":"https://login.example","aud":"trunkline","sub":"jo","exp":{}{more}}}"#,
            in_seconds(600)
        )
    };
    for (more, role) in
        [("", "guest"), (r#","roles":["admin","user"]"#, "user"), (r#","roles":"user""#, "user")]
    {
        for authid in ["", "jo"] {
            let (mut peer, _) = challenged(&router, &hello(STRICT, &["ticket"], authid, "{}")).await;
            let welcome = welcomed(&mut peer, &token(&claims(more), "shared"), "{}").await;
            assert_eq!(said(&welcome), ["jo", role, "ticket", "jwt"]);
        }
    }
    let expired = format!(
        r#"{{"iss":"https://login.example","aud":"trunkline","sub":"jo","exp":{}}}"#,
        in_seconds(-600)
    );
    for (claims, secret, authid) in [
        (claims(""), "other", "jo"),
        (claims(""), "shared", "tom"),
        (claims(r#","roles":["admin"]"#), "shared", "jo"),
        (claims("").replace("login", "elsewhere"), "shared", "jo"),
        (claims("").replace("trunkline", "other"), "shared", "jo"),
        (claims("").replace("sub", "name"), "shared", "jo"),
        (claims("").replace("exp", "expires"), "shared", "jo"),
        (claims(&format!(r#","nbf":{}"#, in_seconds(600))), "shared", "jo"),
        (expired, "shared", "jo"),
    ] {
        let (peer, _) = challenged(&router, &hello(STRICT, &["ticket"], authid, "{}")).await;
        let abort = aborted(peer, &token(&claims, secret), "{}").await;
        assert_eq!(abort.reason, AUTHENTICATION_DENIED, "{claims} {secret} {authid}");
    }
    // Principals still have tickets of their own.
    let (mut peer, _) = challenged(&router, &hello(STRICT, &["ticket"], "tom", "{}")).await;
    welcomed(&mut peer, "old ticket", "{}").await;
}

#[tokio::test]
async fn auth_tkt_01_a_session_ends_with_its_token() {
    let router = TestRouter::with(&with_tokens()).await;
    let claims = format!(
        r#"{{"iss":"https://login.example","aud":"trunkline","sub":"jo","exp":{}}}"#,
        // As much as clocks may differ is granted, but not to the session.
        in_seconds(1)
    );
    let (mut peer, _) = challenged(&router, &hello(STRICT, &["ticket"], "jo", "{}")).await;
    welcomed(&mut peer, &token(&claims, "shared"), "{}").await;
    peer.expect_goodbye(TOKEN_EXPIRED).await;
    assert_eq!(router.router().sessions(), 0);
}

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
                Some("ann") => Ok(Vouched { principal: principal("ann"), realm: None, extra: None }),
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

/// Conformance: AUTH-GEN-02
#[tokio::test]
async fn auth_tkt_01_in_every_serializer_over_both_transports() {
    let router = TestRouter::with(&with_principals()).await;
    for via in Via::sockets() {
        let mut peer = Peer::connect(&router, "client", via).await;
        peer.send(&hello(STRICT, &["ticket"], "tom", "{}")).await;
        let Message::Challenge(_) = peer.receive().await else { panic!("no CHALLENGE") };
        welcomed(&mut peer, "old ticket", "{}").await;
    }
}

/// A browser's WebSocket: what it is told, and the cookie that it got.
struct Tab {
    socket: tokio_tungstenite::WebSocketStream<tokio::net::TcpStream>,
    cookie: String,
}

impl Tab {
    async fn open(router: &TestRouter, cookie: Option<&str>) -> Self {
        use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
        let address = router.address();
        let mut request = format!("ws://{address}/ws").into_client_request().unwrap();
        let headers = request.headers_mut();
        headers.insert("Sec-WebSocket-Protocol", "wamp.2.json".parse().unwrap());
        if let Some(cookie) = cookie {
            headers.insert("Cookie", format!("other=1; cbtid={cookie}; more=2").parse().unwrap());
        }
        let socket = tokio::net::TcpStream::connect(address).await.unwrap();
        let (socket, response) = tokio_tungstenite::client_async(request, socket).await.unwrap();
        let set = response.headers().get("Set-Cookie").expect("a cookie").to_str().unwrap();
        for attribute in ["Secure", "HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=3600"] {
            assert!(set.contains(attribute), "{set}");
        }
        let cookie = set.split(['=', ';']).nth(1).unwrap().to_owned();
        Self { socket, cookie }
    }

    async fn send(&mut self, json: &str) {
        use futures_util::SinkExt as _;
        self.socket.send(json.into()).await.unwrap();
    }

    async fn receive(&mut self) -> String {
        use futures_util::StreamExt as _;
        let received = trunkline_tests::within_deadline("a message", self.socket.next()).await;
        received.unwrap().unwrap().into_text().unwrap().to_string()
    }

    /// Shows the cookie alone; returns the answer.
    async fn resume(&mut self, realm: &str) -> String {
        self.send(&hello(realm, &["cookie"], "", "{}")).await;
        self.receive().await
    }
}

fn with_cookies() -> Config {
    let mut config = with_principals();
    config.listeners[0].cookie =
        Some(trunkline::config::Cookie { max_age: std::time::Duration::from_secs(3600), cookies_max: 100 });
    config
}

async fn logged_in(router: &TestRouter, cookie: Option<&str>) -> Tab {
    let mut tab = Tab::open(router, cookie).await;
    tab.send(&hello(STRICT, &["cookie", "ticket"], "tom", "{}")).await;
    assert!(tab.receive().await.starts_with("[4,"), "an unknown cookie is no proof");
    tab.send(r#"[5,"old ticket",{}]"#).await;
    assert!(tab.receive().await.starts_with("[2,"));
    tab
}

#[tokio::test]
async fn auth_trn_02_a_browser_that_logged_in_joins_again_by_its_cookie() {
    let router = TestRouter::with(&with_cookies()).await;
    // Planted by somebody: log-in makes another one worth something.
    let first = logged_in(&router, Some("planted")).await;
    assert!(first.cookie != "planted" && first.cookie.len() >= 43);
    assert!(Tab::open(&router, Some("planted")).await.resume(STRICT).await.starts_with("[3,"));

    let mut second = Tab::open(&router, Some(&first.cookie)).await;
    let welcome = second.resume(STRICT).await;
    assert!(welcome.starts_with("[2,"), "{welcome}");
    for part in [
        r#""authid":"tom""#,
        r#""authrole":"user""#,
        r#""authmethod":"cookie""#,
        r#""authprovider":"cookie""#,
    ] {
        assert!(welcome.contains(part), "{welcome}");
    }
    assert_ne!(second.cookie, first.cookie);
    // It is for one realm, and for that principal.
    let refused = Tab::open(&router, Some(&second.cookie)).await.resume(OTHER).await;
    assert!(refused.starts_with("[3,"), "{refused}");
    let mut other = Tab::open(&router, Some(&second.cookie)).await;
    other.send(&hello(STRICT, &["cookie"], "carl", "{}")).await;
    assert!(other.receive().await.starts_with("[3,"));
    // No cookie, no entry.
    assert!(Tab::open(&router, None).await.resume(STRICT).await.starts_with("[3,"));
}

/// Conformance: META-SES-05
#[tokio::test]
async fn auth_trn_02_kill_and_log_out_revoke_the_cookie() {
    let router = TestRouter::with(&with_cookies()).await;
    let first = logged_in(&router, None).await;
    let mut second = Tab::open(&router, Some(&first.cookie)).await;
    assert!(second.resume(STRICT).await.starts_with("[2,"));
    second.send(r#"[6,{},"wamp.close.logout"]"#).await;
    assert!(second.receive().await.starts_with("[6,"));
    for cookie in [&first.cookie, &second.cookie] {
        assert!(Tab::open(&router, Some(cookie)).await.resume(STRICT).await.starts_with("[3,"));
    }

    let mut tab = logged_in(&router, None).await;
    let mut admin = Peer::join_as(&router, "admin", "user").await;
    admin.call("wamp.session.kill_by_authid", r#"["tom"]"#).await;
    assert!(tab.receive().await.starts_with("[6,"));
    assert!(Tab::open(&router, Some(&tab.cookie)).await.resume(STRICT).await.starts_with("[3,"));
}

/// Conformance: AUTH-TRN-01
#[tokio::test]
async fn auth_trn_02_what_a_client_says_of_its_transport_itself_proves_nothing() {
    let router = TestRouter::with(&with_cookies()).await;
    let mut peer = Peer::connect(&router, "client", VIA).await;
    let transport = r#""transport":{"auth":{"cookie":"x","tls":{"authid":"tom"}},"authid":"tom"}"#;
    peer.send(&format!(
        r#"[1,"{STRICT}",{{"roles":{{"caller":{{}}}},"authmethods":["tls","cookie"],"authid":"tom",{transport}}}]"#
    ))
    .await;
    assert_eq!(abort(peer).await.reason, NO_MATCHING_AUTH_METHOD);
}

/// Joins as a client that is careful does.
async fn log_in(router: &TestRouter, authid: &str, credential: Credential) -> Result<Welcome, Refusal> {
    use wamp_proto::dict::{CallerRole, ClientRoles, HelloDetails};
    let roles = ClientRoles { caller: Some(CallerRole::default().into()), ..ClientRoles::default() };
    let mut details = HelloDetails { roles: Some(roles.into()), ..HelloDetails::default() };
    let mut login = Login::new(Some(authid), vec![credential], [3; 24]);
    login.hello(&mut details);
    let mut peer = Peer::connect(router, "client", VIA).await;
    let said = |message: Message| message.encode(SerializerId::Json).unwrap();
    peer.send_octets(vec![said(Hello { realm: STRICT.into(), details: details.into() }.into())]).await;
    let Message::Challenge(challenge) = peer.receive().await else { panic!("no CHALLENGE") };
    let authenticate = match login.answer(&challenge)? {
        client::Answer::Authenticate(authenticate) => authenticate,
        client::Answer::ToSign(text) => {
            let client::Answer::Authenticate(signed) =
                client::Answer::signed(&wampcra::sign(b"another", &text))
            else {
                panic!("signed is signed")
            };
            signed
        }
    };
    peer.send_octets(vec![said(authenticate.into())]).await;
    let welcome = peer.expect_welcome().await;
    login.check_welcome(&welcome)?;
    Ok(welcome)
}

/// Conformance: AUTH-SCRAM-10, AUTH-RTR-01
#[tokio::test]
async fn auth_gen_02_the_clients_half_of_every_method_fits_the_routers() {
    let router = TestRouter::with(&with_principals()).await;
    let scram = |dialect| Credential::Scram { dialect, password: "pencil".to_owned() };
    let wampcra = |secret: &str| Credential::Wampcra { secret: secret.to_owned() };
    for (authid, credential) in [
        ("tom", Credential::Ticket("new ticket".to_owned())),
        ("carl", wampcra("another")),
        ("carl", Credential::WampcraSigner),
        ("salim", wampcra("secret123")),
        ("sam", scram(Dialect::Wamp)),
        ("paul", scram(Dialect::Wamp)),
        ("sam", scram(Dialect::Autobahn)),
        ("kate", Credential::Cryptosign { seed: SEED, channel: None, router: None }),
    ] {
        let method = credential.method().as_str();
        let welcome = log_in(&router, authid, credential).await.unwrap();
        assert_eq!(said(&welcome), [authid, "user", method, "static"]);
    }
    let expecting = |seed| {
        let router = ExpectedRouter { public_key: cryptosign::public_key(&seed), challenge: [5; 32] };
        Credential::Cryptosign { seed: SEED, channel: None, router: Some(router) }
    };
    assert!(log_in(&router, "kate", expecting([9; 32])).await.is_ok());
    // Another router than the one that it should be, and one that cannot bind to a channel.
    let refused = log_in(&router, "kate", expecting([8; 32])).await.unwrap_err();
    assert!(matches!(refused, Refusal::Router(_)), "{refused:?}");
    let channel = Channel { binding: "tls-exporter".to_owned(), id: [1; 32] };
    let bound = Credential::Cryptosign { seed: SEED, channel: Some(channel), router: None };
    assert_eq!(log_in(&router, "kate", bound).await.unwrap_err(), Refusal::ChannelBinding);
}
