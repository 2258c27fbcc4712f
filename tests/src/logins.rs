//! Log-ins: a realm with principals of every kind, and the handshake step by step.

use argon2::{Argon2, PasswordHasher as _};
use trunkline::config::{Authentication, Config, Permission, Principal, Role, Secret, WampcraCredential};
use wamp_proto::auth::scram::{Answer, Dialect, Kdf, Verifier};
use wamp_proto::auth::{cryptosign, wampcra};
use wamp_proto::message::{Abort, Challenge, Welcome};
use wamp_proto::{Message, SerializerId, Value};

use crate::{Peer, TestRouter, Transport, Via, config};

/// How suites about log-ins speak, unless it is about that.
pub const VIA: Via = Via(Transport::RawSocket, SerializerId::Json);

/// Costs of SCRAM that are next to nothing.
pub const ARGON2: Kdf = Kdf::Argon2id13 { iterations: 4, memory: 1024 };

/// Seed of the key that a principal of [`with_principals`] has.
pub const SEED: [u8; 32] = [7; 32];

fn principal(authid: &str) -> Principal {
    Principal::new(authid, "user")
}

/// An argon2id hash of a ticket that costs next to nothing.
pub fn hash(ticket: &str) -> Secret {
    let costs = argon2::Params::new(64, 1, 1, None).unwrap();
    let argon2 = Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, costs);
    Secret(argon2.hash_password_with_salt(ticket.as_bytes(), b"sixteen octets..").unwrap().to_string())
}

/// [`STRICT`](crate::STRICT) has principals for every method and no anonymous sessions; failures are free.
pub fn with_principals() -> Config {
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

/// HELLO that offers these methods; `authid` is left out if it is empty, and `authextra` is JSON.
pub fn hello(realm: &str, methods: &[&str], authid: &str, authextra: &str) -> String {
    let methods = methods.iter().map(|method| format!("{method:?}")).collect::<Vec<_>>().join(",");
    let authid = if authid.is_empty() { String::new() } else { format!(r#","authid":"{authid}""#) };
    format!(
        r#"[1,"{realm}",{{"roles":{{"caller":{{}},"subscriber":{{}}}},"authmethods":[{methods}]{authid},"authextra":{authextra}}}]"#
    )
}

/// A peer that sent that HELLO, and its CHALLENGE.
pub async fn challenged(router: &TestRouter, hello: &str) -> (Peer, Challenge) {
    let mut peer = Peer::connect(router, "client", VIA).await;
    peer.send(hello).await;
    let Message::Challenge(challenge) = peer.receive().await else { panic!("no CHALLENGE for {hello}") };
    (peer, challenge)
}

/// What CHALLENGE.Extra says under that key.
pub fn of_extra<'a>(challenge: &'a Challenge, key: &str) -> Option<&'a Value> {
    challenge.extra.extra.iter().find(|(name, _)| name == key).map(|(_, value)| value)
}

/// The same, as text.
pub fn text<'a>(challenge: &'a Challenge, key: &str) -> &'a str {
    of_extra(challenge, key).and_then(Value::as_str).expect(key)
}

/// Answers a CHALLENGE; `extra` is JSON.
pub async fn welcomed(peer: &mut Peer, signature: &str, extra: &str) -> Welcome {
    peer.send(&format!(r#"[5,"{signature}",{extra}]"#)).await;
    peer.expect_welcome().await
}

/// The same, in vain.
pub async fn aborted(mut peer: Peer, signature: &str, extra: &str) -> Abort {
    peer.send(&format!(r#"[5,"{signature}",{extra}]"#)).await;
    abort(peer).await
}

/// One attempt for each connection: it is closed behind the ABORT.
pub async fn abort(mut peer: Peer) -> Abort {
    let Message::Abort(abort) = peer.receive().await else { panic!("no ABORT") };
    peer.expect_closed().await;
    abort
}

/// Sends a HELLO that is answered with ABORT.
pub async fn refused(router: &TestRouter, hello: &str) -> Abort {
    let mut peer = Peer::connect(router, "client", VIA).await;
    peer.send(hello).await;
    abort(peer).await
}

/// Authid, role, method and provider in a WELCOME.
pub fn said(welcome: &Welcome) -> [&str; 4] {
    let details = &welcome.details;
    [&details.authid, &details.authrole, &details.authmethod, &details.authprovider]
        .map(|field| field.as_deref().expect("in every WELCOME"))
}

fn kdf(challenge: &Challenge) -> Kdf {
    let number =
        |key| of_extra(challenge, key).and_then(Value::as_u64).map(|number| u32::try_from(number).unwrap());
    Kdf::named(text(challenge, "kdf"), number("iterations").unwrap(), number("memory")).unwrap()
}

/// The answer to a CHALLENGE of SCRAM, whose nonce began with `Y2xpZW50`.
pub fn scram_answer(dialect: Dialect, authid: &str, password: &str, challenge: &Challenge) -> Answer {
    let (nonce, salt) = (text(challenge, "nonce"), text(challenge, "salt"));
    Answer::new(dialect, authid, password, "Y2xpZW50", nonce, salt, kdf(challenge)).unwrap()
}

/// `authextra` of `cryptosign` for that seed, with `more` behind it.
pub fn with_key(seed: &[u8; 32], more: &str) -> String {
    format!(r#"{{"pubkey":"{}"{more}}}"#, cryptosign::to_hex(&cryptosign::public_key(seed)))
}
