//! Who gets in by each method, with right and wrong proof, and what failures cost.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a helper fails the test that uses it")]

use trunkline::config::AuthMethod;
use trunkline_tests::logins::{
    SEED, VIA, abort, aborted, challenged, hash, hello, of_extra, refused, said, scram_answer, text,
    welcomed, with_key, with_principals,
};
use trunkline_tests::{OTHER, Peer, STRICT, TestRouter, Via};
use wamp_proto::auth::client::{self, Channel, Credential, ExpectedRouter, Login, Refusal};
use wamp_proto::auth::scram::Dialect;
use wamp_proto::auth::{cryptosign, wampcra};
use wamp_proto::error_uri::{
    AUTHENTICATION_DENIED, AUTHENTICATION_FAILED, AUTHENTICATION_REQUIRED, CROSSBAR_NO_AUTH_METHOD,
    NO_MATCHING_AUTH_METHOD, NO_SUCH_PRINCIPAL, NOT_AUTHORIZED, PROTOCOL_VIOLATION,
};
use wamp_proto::message::{Challenge, Hello, Welcome};
use wamp_proto::{Message, Profile, SerializerId, Value};

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
