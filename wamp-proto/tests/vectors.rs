//! Test vectors in the shape of the specification's own: ours always, the official ones on request.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/frames.rs"]
mod frames;
#[path = "support/vectors.rs"]
mod vectors;

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::path::Path;

use serde_json::Value as Json;
use vectors::{Report, Vector, load, summary};
use wamp_proto::{Message, MessageCode, SerializerId, dict};

fn ours() -> Vec<Vector> {
    load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors"))
}

fn run(part: fn(&Vector, &mut Report)) -> Report {
    let mut report = Report::default();
    for vector in ours() {
        part(&vector, &mut report);
    }
    assert!(report.failed.is_empty(), "{}", summary(&report));
    report
}

/// Conformance: MSG-02, MSG-03, MSG-04, SER-02, SER-04, MSG-11
#[test]
fn tv_01_messages_are_encoded_as_a_listed_variant() {
    // 110 samples in three serializers.
    assert_eq!(run(Vector::encode).encoded, 330);
}

/// Conformance: MSG-02, MSG-03, MSG-04, SER-05, SER-06, MSG-12
#[test]
fn tv_02_every_variant_is_decoded_to_the_attributes_and_loses_nothing() {
    let report = run(Vector::decode);
    // Two variants each.
    assert_eq!(report.decoded, 660);
    assert!(report.skipped.is_empty(), "{:?}", report.skipped);
}

/// Conformance: MSG-06, MSG-07
#[test]
fn tv_03_a_known_key_of_a_wrong_type_is_refused_by_name() {
    // 714 samples in three serializers.
    assert_eq!(run(Vector::validate).validated, 2142);
}

#[test]
fn steps_of_a_transcript_are_messages() {
    let vectors = ours();
    let transcript = vectors.iter().find(|vector| vector.name == "publisher_not_excluded.json").unwrap();
    let steps = transcript.steps().unwrap();
    assert_eq!(steps.len(), 5);
    let (from, to, message) = &steps[2];
    assert_eq!((from.as_str(), to.as_str()), ("alice", "router"));
    let Message::Publish(publish) = message else { panic!("{message:?}") };
    assert_eq!(publish.options.exclude_me, Some(false));
    assert_eq!(publish.payload.raw(), br#"["Hello, world!"]"#.as_slice());
}

#[test]
fn tv_04_forward_for_is_a_list_of_routers() {
    let text = r#"[36,1,2,{"forward_for":[{"session":7,"authid":"edge","authrole":"router"},{}]}]"#;
    for serializer in SerializerId::ALL {
        let octets = frames::json(text).encode(serializer).unwrap();
        let Message::Event(event) = frames::message(serializer, &octets) else { panic!("36 is EVENT") };
        let forwarders = event.details.forward_for.as_ref().unwrap();
        let first =
            (forwarders[0].session, forwarders[0].authid.as_deref(), forwarders[0].authrole.as_deref());
        assert_eq!(first, (Some(7), Some("edge"), Some("router")));
        assert_eq!((forwarders.len(), forwarders[1].is_empty()), (2, true));
    }
    for wrong in [r#"{"session":7}"#, r#"[7]"#, r#"[{"session":"7"}]"#, r#"[{"authid":7}]"#] {
        let text = format!(r#"[36,1,2,{{"forward_for":{wrong}}}]"#);
        assert!(frames::read(SerializerId::Json, text.as_bytes()).is_err(), "{text}");
    }
}

#[test]
fn every_message_has_vectors() {
    let vectors = ours();
    let codes: BTreeSet<u64> =
        vectors.iter().filter_map(|vector| vector.content["wamp_message_code"].as_u64()).collect();
    let all = (0..=255).filter(|&number| MessageCode::from_number(number).is_some());
    assert_eq!(codes, all.collect());
}

/// The known keys of the dicts of each message, by the name of the message's vectors.
fn known_keys() -> Vec<(&'static str, Vec<String>)> {
    /// Field names as the debug form lists them.
    fn of<T: Default + Debug>() -> Vec<String> {
        let text = format!("{:?}", T::default());
        let fields = text.split(": None").filter_map(|field| field.split([' ', ',']).next_back());
        let keys = fields.map(|field| match field {
            "match_policy" => "match".to_owned(),
            "sharded_subscriptions" => "shareded_subscriptions".to_owned(),
            "invoke_all" | "invoke_leastbusy" => format!("_{field}"),
            field => field.to_owned(),
        });
        keys.filter(|key| !key.is_empty() && !key.contains(['}', ']'])).collect()
    }
    assert_eq!(of::<dict::RegisterOptions>().len(), 7);
    assert_eq!(of::<dict::SubscribeOptions>(), ["match", "get_retained", "nkey", "forward_for"]);
    vec![
        ("hello", of::<dict::HelloDetails>()),
        ("hello", of::<dict::ClientRoles>()),
        ("hello", of::<dict::PublisherRole>()),
        ("hello", of::<dict::PublisherFeatures>()),
        ("hello", of::<dict::SubscriberRole>()),
        ("hello", of::<dict::SubscriberFeatures>()),
        ("hello", of::<dict::CallerRole>()),
        ("hello", of::<dict::CallerFeatures>()),
        ("hello", of::<dict::CalleeRole>()),
        ("hello", of::<dict::CalleeFeatures>()),
        ("welcome", of::<dict::WelcomeDetails>()),
        ("welcome", of::<dict::RouterRoles>()),
        ("welcome", of::<dict::BrokerRole>()),
        ("welcome", of::<dict::BrokerFeatures>()),
        ("welcome", of::<dict::DealerRole>()),
        ("welcome", of::<dict::DealerFeatures>()),
        ("abort", of::<dict::AbortDetails>()),
        ("challenge", of::<dict::ChallengeExtra>()),
        ("authenticate", of::<dict::AuthenticateExtra>()),
        ("goodbye", of::<dict::GoodbyeDetails>()),
        ("error", of::<dict::ErrorDetails>()),
        ("error", of::<dict::Forwarder>()),
        ("publish", of::<dict::PublishOptions>()),
        ("subscribe", of::<dict::SubscribeOptions>()),
        ("unsubscribed", of::<dict::UnsubscribedDetails>()),
        ("event", of::<dict::EventDetails>()),
        ("call", of::<dict::CallOptions>()),
        ("cancel", of::<dict::CancelOptions>()),
        ("result", of::<dict::ResultDetails>()),
        ("register", of::<dict::RegisterOptions>()),
        ("unregistered", of::<dict::UnregisteredDetails>()),
        ("invocation", of::<dict::InvocationDetails>()),
        ("interrupt", of::<dict::InterruptOptions>()),
        ("yield", of::<dict::YieldOptions>()),
    ]
}

#[test]
fn every_known_key_has_a_vector() {
    fn keys_in(value: &Json, keys: &mut BTreeSet<String>) {
        match value {
            Json::Array(items) => items.iter().for_each(|item| keys_in(item, keys)),
            Json::Object(entries) => {
                for (key, value) in entries {
                    keys.insert(key.clone());
                    keys_in(value, keys);
                }
            }
            _ => {}
        }
    }
    let vectors = ours();
    for (message, known) in known_keys() {
        let vector = vectors.iter().find(|vector| vector.name == format!("{message}.json")).unwrap();
        let mut keys = BTreeSet::new();
        let attributes = vector.samples().iter().map(|sample| &sample["expected_attributes"]);
        attributes.for_each(|attributes| keys_in(attributes, &mut keys));
        for key in known {
            assert!(keys.contains(&key), "{message}: no vector has the key {key}");
        }
    }
}

/// `[a-z][a-z0-9_]{2,}`, and `_[a-z0-9_]{3,}` for what is Trunkline's own.
#[test]
fn msg_08_known_keys_are_spelled_as_predefined_ones() {
    let mut own = BTreeSet::new();
    for (message, known) in known_keys() {
        for key in known {
            let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
            assert!(key.chars().all(is_word), "{message}: {key}");
            if key.starts_with('_') {
                assert!(key.len() >= 4, "{message}: {key}");
                own.insert(key);
            } else {
                assert!(
                    key.len() >= 3 && key.starts_with(|c: char| c.is_ascii_lowercase()),
                    "{message}: {key}"
                );
            }
        }
    }
    assert_eq!(own, BTreeSet::from(["_invoke_all".to_owned(), "_invoke_leastbusy".to_owned()]));
}

/// The specification's own vectors, which are not ours to copy.
#[test]
#[ignore = "needs the official vectors: cargo xtask vectors DIR"]
fn official_vectors() {
    let folder = std::env::var_os("WAMP_VECTORS_DIR").expect("WAMP_VECTORS_DIR names their folder");
    let vectors = load(Path::new(&folder));
    assert!(!vectors.is_empty(), "no vectors under {folder:?}");
    let mut report = Report::default();
    for vector in &vectors {
        vector.run(&mut report);
    }
    println!("{}\n{} files", summary(&report), vectors.len());
    assert!(report.failed.is_empty(), "{} failed", report.failed.len());
}
