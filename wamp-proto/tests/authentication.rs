//! Both peers of every authentication method, from HELLO to WELCOME and over the wire; and each message tampered with
//! on its way, key by key.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/frames.rs"]
mod frames;

use std::sync::LazyLock;

use frames::{json, read};
use proptest::prelude::*;
use wamp_proto::auth::client::{Answer, Channel, Credential, ExpectedRouter, Login, Refusal};
use wamp_proto::auth::cryptosign::{self, CryptosignError};
use wamp_proto::auth::scram::{Dialect, Exchange, Kdf, ScramError, Verifier};
use wamp_proto::auth::wampcra::{self, Salting};
use wamp_proto::auth::{AuthMethod, constant_time_eq};
use wamp_proto::dict::{ChallengeExtra, HelloDetails, WelcomeDetails};
use wamp_proto::message::{Authenticate, Challenge, Hello, Welcome};
use wamp_proto::session::{ClientInput, RouterInput};
use wamp_proto::{ClientSession, Message, Profile, RouterSession, SerializerId, SessionId, Value};

const AUTHID: &str = "joe=,";
const NONCE: [u8; 24] = [5; 24];
const SEED: [u8; 32] = [7; 32];
const ROUTER_SEED: [u8; 32] = [8; 32];
const CHANNEL_ID: [u8; 32] = [9; 32];
const CHALLENGE: [u8; 32] = [0xa1; 32];
const SALT: &[u8] = b"sixteen octets..";
const PBKDF2: Kdf = Kdf::Pbkdf2 { iterations: 4096 };
const ARGON2: Kdf = Kdf::Argon2id13 { iterations: 4, memory: 1024 };
const SERIALIZERS: [SerializerId; 3] = [SerializerId::Json, SerializerId::MsgPack, SerializerId::Cbor];

/// What the router makes of an answer: `authextra` of WELCOME, or nothing.
type Judge = Box<dyn Fn(&Authenticate) -> Option<Value>>;

/// A method, as both peers are set up for it.
#[derive(Clone, Copy, Debug)]
enum Setup {
    Ticket,
    Wampcra,
    Salted,
    Scram(Dialect, Kdf),
    Cryptosign,
    /// Bound to the channel, and with a router that proves itself.
    Bound,
}

const SETUPS: [Setup; 8] = [
    Setup::Ticket,
    Setup::Wampcra,
    Setup::Salted,
    Setup::Scram(Dialect::Wamp, PBKDF2),
    Setup::Scram(Dialect::Wamp, ARGON2),
    Setup::Scram(Dialect::Autobahn, ARGON2),
    Setup::Cryptosign,
    Setup::Bound,
];

fn salting() -> Salting {
    Salting { salt: "pepper".to_owned(), iterations: 1001, keylen: 33 }
}

/// What the router keeps of the password `right`; derived once, since that takes long without optimization.
fn verifier(dialect: Dialect, kdf: Kdf) -> Verifier {
    static VERIFIERS: LazyLock<[Verifier; 3]> = LazyLock::new(|| {
        [(Dialect::Wamp, PBKDF2), (Dialect::Wamp, ARGON2), (Dialect::Autobahn, ARGON2)]
            .map(|(dialect, kdf)| Verifier::derive(dialect, "right", SALT, kdf).unwrap())
    });
    let is_it = |verifier: &&Verifier| verifier.dialect == dialect && verifier.kdf == kdf;
    VERIFIERS.iter().find(is_it).unwrap().clone()
}

fn channel() -> Channel {
    Channel { binding: "tls-exporter".to_owned(), id: CHANNEL_ID }
}

fn expected_router() -> ExpectedRouter {
    ExpectedRouter { public_key: cryptosign::public_key(&ROUTER_SEED), challenge: [6; 32] }
}

impl Setup {
    fn credential(self, secret: &str) -> Credential {
        let secret = secret.to_owned();
        let seed = if secret == "right" { SEED } else { [0x77; 32] };
        match self {
            Self::Ticket => Credential::Ticket(secret),
            Self::Wampcra | Self::Salted => Credential::Wampcra { secret },
            Self::Scram(dialect, _) => Credential::Scram { dialect, password: secret },
            Self::Cryptosign => Credential::Cryptosign { seed, channel: None, router: None },
            Self::Bound => {
                let (channel, router) = (Some(channel()), Some(expected_router()));
                Credential::Cryptosign { seed, channel, router }
            }
        }
    }

    /// The router's CHALLENGE, and who judges the answer.
    fn challenge(self, hello: &Hello) -> (Message, Judge) {
        let authextra = |key: &str| hello.details.authextra.as_ref()?.get(key)?.as_str();
        let authid = hello.details.authid.as_deref().unwrap_or_default().to_owned();
        let none = || Some(Value::Dict(Vec::new()));
        match self {
            Self::Ticket => {
                let judge = move |answer: &Authenticate| {
                    constant_time_eq(answer.signature.as_bytes(), b"right").then(none).flatten()
                };
                (challenge(AuthMethod::Ticket, Vec::new()), Box::new(judge))
            }
            Self::Wampcra | Self::Salted => {
                let session = SessionId::new(9).unwrap();
                let text = wampcra::Challenge {
                    authid: &authid,
                    authrole: "user",
                    authprovider: "static",
                    nonce: "n",
                    timestamp: "2026-11-23T00:00:00Z",
                    session,
                }
                .to_json();
                let mut extra = vec![("challenge", text.as_str().into())];
                let mut key = "right".to_owned();
                if let Self::Salted = self {
                    let Salting { salt, iterations, keylen } = salting();
                    extra.push(("salt", salt.into()));
                    extra.push(("iterations", iterations.into()));
                    extra.push(("keylen", keylen.into()));
                    key = wampcra::derive_key("right", &salting());
                }
                let judge = move |answer: &Authenticate| {
                    wampcra::verify(key.as_bytes(), &text, &answer.signature).then(none).flatten()
                };
                (challenge(AuthMethod::Wampcra, extra), Box::new(judge))
            }
            Self::Scram(dialect, kdf) => {
                let verifier = verifier(dialect, kdf);
                let nonce = authextra("nonce").unwrap();
                let exchange = Exchange::new(&authid, nonce, "c2VydmVy", &verifier).unwrap();
                let extra = vec![
                    ("nonce", exchange.nonce().into()),
                    ("salt", verifier.salt_text().into()),
                    ("kdf", kdf.name(dialect).into()),
                    ("iterations", kdf.iterations().into()),
                    ("memory", kdf.memory().map_or(Value::Null, Value::from)),
                ];
                let judge = move |answer: &Authenticate| {
                    let text = |key: &str| {
                        let value = answer.extra.extra.iter().find(|(name, _)| name == key)?;
                        (value.1 != Value::Null).then(|| value.1.as_str().unwrap_or_default())
                    };
                    exchange.check_extra(text("nonce"), text("channel_binding"), text("cbind_data")).ok()?;
                    let signature = exchange.verify(&verifier, &answer.signature).ok()?;
                    Some(Value::Dict(vec![(dialect.server_signature_key().to_owned(), signature.into())]))
                };
                (challenge(dialect.method(), extra), Box::new(judge))
            }
            Self::Cryptosign | Self::Bound => {
                let channel_id = authextra("channel_binding").map(|_| CHANNEL_ID);
                let binding = authextra("channel_binding").map_or(Value::Null, Value::from);
                let mut extra =
                    vec![("challenge", cryptosign::to_hex(&CHALLENGE).into()), ("channel_binding", binding)];
                if let Some(wanted) =
                    authextra("challenge").map(|text| cryptosign::parse_challenge(text).unwrap())
                {
                    let signature = cryptosign::sign(&ROUTER_SEED, &wanted, channel_id.as_ref());
                    let key = cryptosign::public_key(&ROUTER_SEED);
                    extra.push(("pubkey", cryptosign::to_hex(&key).into()));
                    extra.push(("signature", signature.into()));
                }
                // The router knows one key, whatever the client says.
                let key = cryptosign::public_key(&SEED);
                let judge = move |answer: &Authenticate| {
                    cryptosign::verify(&key, &CHALLENGE, channel_id.as_ref(), &answer.signature).ok()?;
                    none()
                };
                (challenge(AuthMethod::Cryptosign, extra), Box::new(judge))
            }
        }
    }
}

fn challenge(method: AuthMethod, extra: Vec<(&str, Value)>) -> Message {
    let extra = extra.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    Challenge { authmethod: method.as_str().into(), extra: ChallengeExtra { extra }.into() }.into()
}

/// How a handshake ends without a session.
#[derive(Debug, PartialEq)]
enum Ended {
    ByClient(Refusal),
    ByRouter,
}

/// One handshake over the wire, on which `tamper` sits.
fn handshake(
    setup: Setup,
    secret: &str,
    serializer: SerializerId,
    tamper: &dyn Fn(&mut Message),
) -> Result<(), Ended> {
    let wire = |mut message: Message| {
        tamper(&mut message);
        read(serializer, &message.encode(serializer).unwrap()).unwrap()
    };
    let (mut client, mut router) = (ClientSession::new(), RouterSession::new());
    let mut login = Login::new(Some(AUTHID), vec![setup.credential(secret)], NONCE);
    let mut details = hello_details();
    login.hello(&mut details);
    let hello = Hello { realm: "realm1".into(), details: details.into() };
    let Ok(RouterInput::Hello(hello)) = router.receive(wire(hello.into())) else { panic!("HELLO") };
    let (challenge, judge) = setup.challenge(&hello);
    assert!(router.challenge());
    let Ok(ClientInput::Challenge(challenge)) = client.receive(wire(challenge)) else { panic!("CHALLENGE") };
    let answer = match login.answer(&challenge) {
        Ok(Answer::Authenticate(answer)) => answer,
        Ok(Answer::ToSign(text)) => panic!("nobody is there to sign {text}"),
        Err(refusal) => {
            assert!(matches!(router.receive(wire(refusal.abort().into())), Ok(RouterInput::Aborted)));
            return Err(Ended::ByClient(refusal));
        }
    };
    let Ok(RouterInput::Authenticate(answer)) = router.receive(wire(answer.into())) else {
        panic!("AUTHENTICATE")
    };
    let authextra = judge(&answer).ok_or(Ended::ByRouter)?;
    assert!(router.welcome(Profile::Strict));
    let details = WelcomeDetails { authextra: Some(authextra), ..WelcomeDetails::default() };
    let welcome = Welcome { session: SessionId::new(9).unwrap(), details: details.into() };
    let Ok(ClientInput::Welcome(welcome)) = client.receive(wire(welcome.into())) else { panic!("WELCOME") };
    login.check_welcome(&welcome).map_err(Ended::ByClient)
}

fn hello_details() -> HelloDetails {
    let Message::Hello(hello) = json(r#"[1,"realm1",{"roles":{"caller":{}}}]"#) else { panic!("HELLO") };
    (*hello.details).clone()
}

/// Conformance: AUTH-TKT-01, AUTH-CRA-02, AUTH-CRA-04, AUTH-SCRAM-06, AUTH-SCRAM-10, AUTH-SCRAM-11, AUTH-CS-03, AUTH-CB-01, AUTH-RTR-01
#[test]
fn auth_gen_02_who_has_the_secret_gets_in_and_nobody_else() {
    for setup in SETUPS {
        for serializer in SERIALIZERS {
            assert_eq!(handshake(setup, "right", serializer, &|_| {}), Ok(()), "{setup:?}");
        }
        let wrong = handshake(setup, "wrong", SerializerId::Json, &|_| {});
        assert_eq!(wrong, Err(Ended::ByRouter), "{setup:?}");
    }
}

/// The dict of a message that methods fill.
fn entries(message: &mut Message) -> Option<&mut Vec<(String, Value)>> {
    let authextra = match message {
        Message::Challenge(challenge) => return Some(&mut challenge.extra.extra),
        Message::Authenticate(answer) => return Some(&mut answer.extra.extra),
        Message::Hello(hello) => &mut hello.details.authextra,
        Message::Welcome(welcome) => &mut welcome.details.authextra,
        _ => return None,
    };
    match authextra {
        Some(Value::Dict(entries)) => Some(entries),
        _ => None,
    }
}

/// The same kind of value, but another.
fn other(value: &Value) -> Value {
    match value {
        Value::String(text) => other_text(text).into(),
        Value::Integer(number) => Value::Integer(number + 1),
        _ => "tls-unique".into(),
    }
}

fn other_text(text: &str) -> String {
    let first = if text.starts_with(['a', 'A']) { 'B' } else { 'A' };
    text.chars().enumerate().map(|(at, letter)| if at == 0 { first } else { letter }).collect()
}

/// Each key of each message on its own: another value, another type, or gone.
///
/// Conformance: AUTH-SCRAM-05, AUTH-SCRAM-10, AUTH-CS-04, AUTH-CB-02, AUTH-RTR-01
#[test]
fn auth_scram_07_each_key_that_is_tampered_with_ends_the_handshake() {
    let cheap = SETUPS.into_iter().filter(|setup| !matches!(setup, Setup::Scram(Dialect::Wamp, ARGON2)));
    let mut tampered = 0;
    for setup in cheap {
        // What there is to tamper with, of an undisturbed handshake.
        let keys = std::cell::RefCell::new(Vec::new());
        let collect = |message: &mut Message| {
            let code = message.code();
            for (key, value) in entries(message).into_iter().flatten() {
                keys.borrow_mut().push((code, key.clone(), value.clone()));
            }
        };
        assert_eq!(handshake(setup, "right", SerializerId::Json, &collect), Ok(()));
        for (code, key, value) in keys.into_inner() {
            // The router of this test knows the client's key already.
            if code == wamp_proto::MessageCode::Hello && key == "pubkey" {
                continue;
            }
            let mut changes = vec![Some(other(&value)), Some(Value::Bool(true))];
            // null says the same as nothing.
            if value != Value::Null {
                changes.push(None);
            }
            // A router cannot do without what is gone from HELLO.
            if code == wamp_proto::MessageCode::Hello {
                changes = vec![Some(other(&value))];
            }
            for change in changes {
                let tamper = |message: &mut Message| {
                    if message.code() != code {
                        return;
                    }
                    let entries = entries(message).unwrap();
                    entries.retain(|(name, _)| *name != key);
                    entries.extend(change.clone().map(|change| (key.clone(), change)));
                };
                let ended = handshake(setup, "right", SerializerId::Json, &tamper);
                assert!(ended.is_err(), "{setup:?}: {} {key} as {change:?}", code.as_str());
                tampered += 1;
            }
        }
        for signature in [|_: &str| String::new(), other_text, |text: &str| format!("{text}A")] {
            let tamper = |message: &mut Message| {
                if let Message::Authenticate(answer) = message {
                    answer.signature = signature(&answer.signature).into();
                }
            };
            assert_eq!(
                handshake(setup, "right", SerializerId::Json, &tamper),
                Err(Ended::ByRouter),
                "{setup:?}"
            );
        }
    }
    assert!(tampered > 50, "{tampered}");
}

fn login(credentials: Vec<Credential>) -> Login {
    Login::new(Some(AUTHID), credentials, NONCE)
}

fn challenged(text: &str) -> Challenge {
    let Message::Challenge(challenge) = json(text) else { panic!("{text}") };
    challenge
}

#[track_caller]
fn refused(login: &mut Login, text: &str) -> Refusal {
    let refusal = login.answer(&challenged(text)).expect_err(text);
    assert_eq!(refusal.abort().reason, "wamp.error.cannot_authenticate");
    assert_eq!(refusal.abort().details.message.as_deref(), Some(refusal.to_string().as_str()));
    refusal
}

/// Conformance: SES-12
#[test]
fn auth_gen_06_a_method_that_was_not_offered_is_answered_with_abort() {
    let mut login = login(vec![Credential::Anonymous, Setup::Salted.credential("right"), Credential::Tls]);
    for method in ["ticket", "", "Wampcra", "anonymous", "tls", "cookie", "com.acme.odd"] {
        let challenge = format!(r#"[4,"{method}",{{"challenge":"x"}}]"#);
        assert_eq!(refused(&mut login, &challenge), Refusal::NotOffered, "{method}");
    }
    assert!(login.answer(&challenged(r#"[4,"wampcra",{"challenge":"x"}]"#)).is_ok());
}

/// Conformance: AUTH-SCRAM-01, AUTH-CS-01, AUTH-CB-01, AUTH-RTR-01
#[test]
fn auth_gen_01_hello_offers_methods_in_the_order_of_preference() {
    let password = || Setup::Scram(Dialect::Wamp, PBKDF2).credential("right");
    let mut details = hello_details();
    details.authextra = Some(Value::Dict(vec![("team".to_owned(), "blue".into())]));
    login(vec![Setup::Cryptosign.credential("right"), password(), Credential::Ticket("t".to_owned())])
        .hello(&mut details);
    assert_eq!(details.authid.as_deref(), Some(AUTHID));
    assert_eq!(
        details.authmethods.as_deref(),
        Some(&["cryptosign", "wamp-scram", "ticket"].map(Into::into)[..])
    );
    let extra = details.authextra.as_ref().unwrap();
    assert_eq!(extra.get("team"), Some(&"blue".into()));
    assert_eq!(extra.get("nonce"), Some(&"BQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUF".into()));
    assert_eq!(extra.get("pubkey"), Some(&cryptosign::to_hex(&cryptosign::public_key(&SEED)).into()));
    assert_eq!((extra.get("channel_binding"), extra.get("challenge")), (None, None));
    assert!(details.roles.is_some());

    let mut details = hello_details();
    Login::new(None, vec![Credential::Anonymous], NONCE).hello(&mut details);
    assert_eq!((details.authid, details.authextra), (None, None));

    // SCRAM here has no channel binding, and HELLO has one for all.
    let mut bound = login(vec![password(), Setup::Bound.credential("right")]);
    let mut details = hello_details();
    bound.hello(&mut details);
    assert_eq!(details.authmethods.as_deref(), Some(&["cryptosign".into()][..]));
    let extra = details.authextra.unwrap();
    assert_eq!(extra.get("channel_binding"), Some(&"tls-exporter".into()));
    assert_eq!(extra.get("challenge"), Some(&cryptosign::to_hex(&[6; 32]).into()));
    assert_eq!(extra.get("nonce"), None);
    assert_eq!(refused(&mut bound, r#"[4,"wamp-scram",{}]"#), Refusal::NotOffered);
}

#[test]
fn auth_cra_05_somebody_else_may_sign_the_challenge() {
    let text = r#"{"nonce": "\u00e9", "authid":"peter"}"#;
    let challenge = challenge(AuthMethod::Wampcra, vec![("challenge", text.into())]);
    let Message::Challenge(challenge) = challenge else { unreachable!() };
    let Ok(Answer::ToSign(to_sign)) = login(vec![Credential::WampcraSigner]).answer(&challenge) else {
        panic!("nothing to sign")
    };
    assert_eq!(to_sign, text);
    let Answer::Authenticate(answer) = Answer::signed(&wampcra::sign(b"theirs", &to_sign)) else {
        panic!("no AUTHENTICATE")
    };
    assert!(wampcra::verify(b"theirs", text, &answer.signature));
}

#[test]
fn auth_cra_04_a_client_derives_no_key_at_any_price() {
    let mut login = login(vec![Setup::Salted.credential("right")]);
    for parameters in [r#""iterations":0"#, r#""iterations":4294967295"#, r#""keylen":0"#, r#""keylen":65"#] {
        let challenge = format!(r#"[4,"wampcra",{{"challenge":"x","salt":"s",{parameters}}}]"#);
        assert_eq!(refused(&mut login, &challenge), Refusal::Costs, "{parameters}");
    }
    for parameters in [r#""iterations":4294967296"#, r#""iterations":-1"#, r#""iterations":"1000""#] {
        let challenge = format!(r#"[4,"wampcra",{{"challenge":"x","salt":"s",{parameters}}}]"#);
        assert_eq!(refused(&mut login, &challenge), Refusal::Extra("iterations"), "{parameters}");
    }
    // What is left out is what deployed routers mean by that (A-36).
    let challenge = challenged(r#"[4,"wampcra",{"challenge":"x","salt":"salt123"}]"#);
    let Ok(Answer::Authenticate(answer)) = login.answer(&challenge) else { panic!("no AUTHENTICATE") };
    let salting = Salting { salt: "salt123".to_owned(), iterations: 1000, keylen: 32 };
    let key = wampcra::derive_key("right", &salting);
    assert!(wampcra::verify(key.as_bytes(), "x", &answer.signature));
}

#[test]
fn auth_scram_05_a_client_shows_no_proof_that_is_cheap_to_crack_and_works_for_nobody_without_end() {
    let mut login = login(vec![Setup::Scram(Dialect::Wamp, PBKDF2).credential("right")]);
    let nonce = "BQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFc2VydmVy";
    for (costs, refusal) in [
        (r#""kdf":"pbkdf2","iterations":4095"#, Refusal::Costs),
        (r#""kdf":"argon2id13","iterations":1,"memory":4095"#, Refusal::Costs),
        (r#""kdf":"argon2id13","iterations":0,"memory":4096"#, Refusal::Costs),
        (r#""kdf":"pbkdf2","iterations":4294967295"#, Refusal::Scram(ScramError::Costs)),
        (r#""kdf":"argon2id13","iterations":1,"memory":4294967295"#, Refusal::Scram(ScramError::Costs)),
        (r#""kdf":"argon2id13","iterations":4294967295,"memory":8"#, Refusal::Scram(ScramError::Costs)),
        (r#""kdf":"argon2id13","iterations":4"#, Refusal::Extra("kdf")),
        (r#""kdf":"md5","iterations":4096"#, Refusal::Extra("kdf")),
        (r#""kdf":"pbkdf2""#, Refusal::Extra("iterations")),
    ] {
        let challenge = format!(r#"[4,"wamp-scram",{{"nonce":"{nonce}","salt":"c2l4dGVlbg==",{costs}}}]"#);
        assert_eq!(refused(&mut login, &challenge), refusal, "{costs}");
    }
}

#[test]
fn auth_scram_10_a_router_that_leaves_its_proof_out_is_left() {
    let welcome = |text: &str| {
        let Message::Welcome(welcome) = json(text) else { panic!("{text}") };
        welcome
    };
    let bare = welcome(r#"[2,9,{"roles":{"broker":{}}}]"#);
    // No CHALLENGE, no proof.
    for setup in [Setup::Scram(Dialect::Wamp, PBKDF2), Setup::Bound] {
        let login = login(vec![setup.credential("right")]);
        let refusal = login.check_welcome(&bare).expect_err("nothing was proven");
        assert_eq!(refusal, Refusal::Unproven);
        assert_eq!(refusal.abort().reason, "wamp.error.cannot_authenticate");
    }
    // Whoever offers more than that does not insist.
    let any = login(vec![Setup::Bound.credential("right"), Credential::Ticket("t".to_owned())]);
    assert_eq!(any.check_welcome(&bare), Ok(()));
    assert_eq!(login(Vec::new()).check_welcome(&bare), Ok(()));

    // As the specification's example writes it.
    let spelled = |message: &mut Message| {
        if let Message::Welcome(_) = message {
            for (_, value) in entries(message).into_iter().flatten() {
                *value = format!("v={}", value.as_str().unwrap()).into();
            }
        }
    };
    assert_eq!(handshake(Setup::Scram(Dialect::Wamp, PBKDF2), "right", SerializerId::Json, &spelled), Ok(()));
}

#[test]
fn auth_cb_02_a_client_gets_the_channel_binding_that_it_asked_for_or_leaves() {
    let hex = cryptosign::to_hex(&CHALLENGE);
    let challenge = |binding: &str| format!(r#"[4,"cryptosign",{{"challenge":"{hex}"{binding}}}]"#);
    let bound = || login(vec![Credential::Cryptosign { seed: SEED, channel: Some(channel()), router: None }]);
    for binding in ["", r#","channel_binding":null"#, r#","channel_binding":"tls-unique""#] {
        assert_eq!(refused(&mut bound(), &challenge(binding)), Refusal::ChannelBinding, "{binding}");
    }
    assert!(bound().answer(&challenged(&challenge(r#","channel_binding":"tls-exporter""#))).is_ok());

    let mut unbound = login(vec![Setup::Cryptosign.credential("right")]);
    for binding in [r#","channel_binding":"tls-exporter""#, r#","channel_binding":true"#] {
        assert_eq!(refused(&mut unbound, &challenge(binding)), Refusal::ChannelBinding, "{binding}");
    }
    assert!(unbound.answer(&challenged(&challenge(""))).is_ok());
    assert_eq!(refused(&mut unbound, r#"[4,"cryptosign",{"challenge":"a1"}]"#), Refusal::Extra("challenge"));
}

#[test]
fn auth_rtr_01_another_router_than_the_expected_one_is_left() {
    let expected = expected_router();
    let challenge = |seed: &[u8; 32], signed: &[u8; 32]| {
        let key = cryptosign::to_hex(&cryptosign::public_key(seed));
        let signature = cryptosign::sign(seed, signed, None);
        let challenge = cryptosign::to_hex(&CHALLENGE);
        format!(
            r#"[4,"cryptosign",{{"challenge":"{challenge}","pubkey":"{key}","signature":"{signature}"}}]"#
        )
    };
    let mut login =
        login(vec![Credential::Cryptosign { seed: SEED, channel: None, router: Some(expected.clone()) }]);
    for (text, refusal) in [
        (challenge(&[1; 32], &expected.challenge), Refusal::Router(CryptosignError::OtherKey)),
        (challenge(&ROUTER_SEED, &[0; 32]), Refusal::Router(CryptosignError::OtherMessage)),
        (
            format!(r#"[4,"cryptosign",{{"challenge":"{}"}}]"#, cryptosign::to_hex(&CHALLENGE)),
            Refusal::Extra("pubkey"),
        ),
    ] {
        assert_eq!(refused(&mut login, &text), refusal);
    }
    assert!(login.answer(&challenged(&challenge(&ROUTER_SEED, &expected.challenge))).is_ok());
}

#[test]
fn secrets_are_not_shown() {
    let secrets = vec![
        Credential::Ticket("s3cr3t".to_owned()),
        Credential::Wampcra { secret: "s3cr3t".to_owned() },
        Credential::Scram { dialect: Dialect::Wamp, password: "s3cr3t".to_owned() },
        Credential::Cryptosign { seed: *b"s3cr3ts3cr3ts3cr3ts3cr3ts3cr3tss", channel: None, router: None },
    ];
    let login = login(secrets);
    let shown = format!("{login:?}");
    assert!(shown.contains("wampcra") && shown.contains("cryptosign"), "{shown}");
    assert!(!shown.contains("s3cr3t") && !shown.contains("115, 51"), "{shown}");
    let verifier = verifier(Dialect::Wamp, PBKDF2);
    assert!(!format!("{verifier:?}").contains("key"));
    let ticket = json(r#"[5,"s3cr3t",{}]"#);
    assert!(!format!("{ticket:?}").contains("s3cr3t"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    /// Conformance: AUTH-CRA-02
    #[test]
    fn auth_cra_01_any_names_are_in_the_challenge_as_they_are(texts: [String; 5], secret: String, id in 1..=1_u64 << 53) {
        let [authid, authrole, authprovider, nonce, timestamp] = texts.each_ref().map(String::as_str);
        let session = SessionId::new(id).unwrap();
        let challenge =
            wampcra::Challenge { authid, authrole, authprovider, nonce, timestamp, session }.to_json();
        let expected = serde_json::json!({
            "authid": authid, "authrole": authrole, "authmethod": "wampcra", "authprovider": authprovider,
            "nonce": nonce, "timestamp": timestamp, "session": id,
        });
        prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&challenge).unwrap(), expected);
        let signature = wampcra::sign(secret.as_bytes(), &challenge);
        prop_assert!(wampcra::verify(secret.as_bytes(), &challenge, &signature));
        let other = secret + "x";
        prop_assert!(!wampcra::verify(other.as_bytes(), &challenge, &signature));
    }

    /// Conformance: AUTH-CB-01
    #[test]
    fn auth_cs_03_any_key_signs_any_challenge_on_any_channel(seed: [u8; 32], challenge: [u8; 32], channel: Option<[u8; 32]>) {
        let key = cryptosign::public_key(&seed);
        let signature = cryptosign::sign(&seed, &challenge, channel.as_ref());
        prop_assert_eq!(cryptosign::verify(&key, &challenge, channel.as_ref(), &signature), Ok(()));
        let other = if channel.is_some() { None } else { Some([1; 32]) };
        let verified = cryptosign::verify(&key, &challenge, other.as_ref(), &signature);
        prop_assert_eq!(verified, Err(CryptosignError::OtherMessage));
    }
}
