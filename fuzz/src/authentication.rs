//! What proves who a peer is: keys, signatures, nonces and the extras of CHALLENGE, as text of a stranger.

use bytes::Bytes;
use wamp_proto::auth::client::{Answer, Credential, ExpectedRouter, Login};
use wamp_proto::auth::cryptosign::{self, CryptosignError};
use wamp_proto::auth::scram::{self, Dialect, Exchange, Kdf, Verifier};
use wamp_proto::auth::wampcra;
use wamp_proto::dict::ChallengeExtra;
use wamp_proto::message::Challenge;
use wamp_proto::{DecodeRules, Message, SerializerId, decode};

/// Rounds, passes, KiB: no target may take longer than a moment, though a client bears more.
const COSTS_MAX: u64 = 4096;

/// What reads a key.
type ParseKey = fn(&str) -> Result<[u8; 32], CryptosignError>;

/// Lines of text, each in the place of everything that a peer sends; and each as CHALLENGE in JSON for a client.
pub(crate) fn authentication(octets: &[u8]) {
    prove(octets, cryptosign::parse_public_key);
}

fn prove(octets: &[u8], parse_public_key: ParseKey) {
    let text = String::from_utf8_lossy(octets);
    let mut parts = text.lines();
    let mut part = || parts.next().unwrap_or_default();
    let (first, second, third) = (part(), part(), part());
    keys(first, parse_public_key);
    signatures(first, second);
    scram(first, second, third);
    for line in text.lines() {
        challenge(line);
    }
}

fn keys(text: &str, parse_public_key: ParseKey) {
    let parsers = [parse_public_key, cryptosign::parse_seed, cryptosign::parse_challenge];
    for octets in parsers.iter().filter_map(|parse| parse(text).ok()) {
        assert!(cryptosign::to_hex(&octets).eq_ignore_ascii_case(text));
    }
}

fn signatures(signature: &str, challenge: &str) {
    let (seed, octets) = ([7; 32], [1; 32]);
    let key = cryptosign::public_key(&seed);
    if cryptosign::verify(&key, &octets, None, signature).is_ok() {
        assert!(cryptosign::sign(&seed, &octets, None).eq_ignore_ascii_case(signature));
    }
    assert_eq!(
        wampcra::verify(b"secret", challenge, signature),
        wampcra::sign(b"secret", challenge) == signature
    );
}

fn scram(authid: &str, nonce: &str, proof: &str) {
    let kdf = Kdf::Argon2id13 { iterations: 1, memory: 8 };
    if let Ok(prepared) = scram::prepare(authid) {
        assert_eq!(scram::prepare(&prepared).as_ref(), Ok(&prepared), "prepared twice");
    }
    for dialect in [Dialect::Wamp, Dialect::Autobahn] {
        let key = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
        let _may_be_none = Verifier::from_texts(dialect, kdf, nonce, proof, authid);
        let verifier =
            Verifier::from_texts(dialect, kdf, "c2l4dGVlbiBvY3RldHMu", key, key).expect("three texts");
        if scram::is_nonce(nonce) {
            assert!(!nonce.contains(','), "a comma would end it in what is signed");
        }
        let Ok(exchange) = Exchange::new(authid, nonce, "c2VydmVy", &verifier) else { continue };
        assert!(exchange.nonce().starts_with(nonce));
        assert_eq!(
            exchange.check_extra(Some(proof), None, None).is_ok(),
            dialect == Dialect::Autobahn || proof == exchange.nonce()
        );
        // Nobody has a key whose hash is all zeros.
        assert!(exchange.verify(&verifier, proof).is_err());
    }
}

fn challenge(line: &str) {
    let frame = Bytes::copy_from_slice(line.as_bytes());
    let Ok(message) = decode(SerializerId::Json, &frame, &DecodeRules::default()) else { return };
    let mut login = login();
    match message {
        Message::Challenge(challenge) if is_cheap(&challenge.extra) => answer(&mut login, &challenge),
        Message::Welcome(welcome) => {
            assert!(login.check_welcome(&welcome).is_ok(), "nothing was to be proven")
        }
        _ => {}
    }
}

fn answer(login: &mut Login, challenge: &Challenge) {
    match login.answer(challenge) {
        Ok(Answer::Authenticate(authenticate)) => {
            let message: Message = authenticate.into();
            assert!(SerializerId::ALL.iter().all(|serializer| message.encode(*serializer).is_ok()));
        }
        Ok(Answer::ToSign(_)) => {}
        Err(refusal) => {
            let message: Message = refusal.abort().into();
            assert!(message.encode(SerializerId::Json).is_ok());
        }
    }
}

/// A client with all that needs no other.
fn login() -> Login {
    let scram = |dialect| Credential::Scram { dialect, password: "pencil".to_owned() };
    let router = ExpectedRouter { public_key: cryptosign::public_key(&[8; 32]), challenge: [2; 32] };
    let credentials = vec![
        Credential::Anonymous,
        Credential::Ticket("ticket".to_owned()),
        Credential::Wampcra { secret: "secret".to_owned() },
        scram(Dialect::Wamp),
        scram(Dialect::Autobahn),
        Credential::Cryptosign { seed: [7; 32], channel: None, router: Some(router) },
    ];
    Login::new(Some("joe"), credentials, [0; 24])
}

fn is_cheap(extra: &ChallengeExtra) -> bool {
    let costs = |name: &str| {
        let entries = extra.extra.iter().filter(|(key, _)| key == name);
        entries.filter_map(|(_, value)| value.as_u64()).max().unwrap_or(1)
    };
    let all = costs("iterations").saturating_mul(costs("memory"));
    // What no client bears is refused, which takes no time.
    all <= COSTS_MAX || costs("iterations").max(costs("memory")) > u32::MAX.into()
}

/// The same check of proofs that are read wrongly.
pub(crate) mod faulty {
    use super::*;

    /// Takes whatever stands behind a key for a part of it.
    pub(crate) fn authentication(octets: &[u8]) {
        prove(octets, |text| cryptosign::parse_public_key(text.get(..64).unwrap_or(text)));
    }
}
