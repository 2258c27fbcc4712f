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
use wamp_proto::{Message, MessageCode, dict};

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
    // 96 samples in three serializers.
    assert_eq!(run(Vector::encode).encoded, 288);
}

/// Conformance: MSG-02, MSG-03, MSG-04, SER-05, SER-06, MSG-12
#[test]
fn tv_02_every_variant_is_decoded_to_the_attributes_and_loses_nothing() {
    let report = run(Vector::decode);
    // Two variants each.
    assert_eq!(report.decoded, 576);
    assert!(report.skipped.is_empty(), "{:?}", report.skipped);
}

/// Conformance: MSG-06, MSG-07
#[test]
fn tv_03_a_known_key_of_a_wrong_type_is_refused_by_name() {
    // 508 samples in three serializers.
    assert_eq!(run(Vector::validate).validated, 1524);
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
fn every_message_has_vectors() {
    let vectors = ours();
    let codes: BTreeSet<u64> =
        vectors.iter().filter_map(|vector| vector.content["wamp_message_code"].as_u64()).collect();
    let all = (0..=255).filter(|&number| MessageCode::from_number(number).is_some());
    assert_eq!(codes, all.collect());
}

#[test]
fn every_key_of_every_dict_has_a_vector() {
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
    /// Field names as the debug form lists them.
    fn keys_of<T: Default + Debug>() -> Vec<String> {
        let text = format!("{:?}", T::default());
        let fields = text.split(": None").filter_map(|field| field.split([' ', ',']).next_back());
        let keys = fields.map(|field| field.replace("match_policy", "match"));
        keys.filter(|key| !key.is_empty() && !key.contains(['}', ']'])).collect()
    }
    let vectors = ours();
    let check = |message: &str, dicts: Vec<Vec<String>>| {
        let vector = vectors.iter().find(|vector| vector.name == format!("{message}.json")).unwrap();
        let mut keys = BTreeSet::new();
        let attributes = vector.samples().iter().map(|sample| &sample["expected_attributes"]);
        attributes.for_each(|attributes| keys_in(attributes, &mut keys));
        for key in dicts.into_iter().flatten() {
            assert!(keys.contains(&key), "{message}: no vector has the key {key}");
        }
    };
    assert_eq!(keys_of::<dict::RegisterOptions>().len(), 7);
    assert_eq!(keys_of::<dict::CancelOptions>(), ["mode", "forward_for"]);
    check(
        "hello",
        vec![
            keys_of::<dict::HelloDetails>(),
            keys_of::<dict::ClientRoles>(),
            keys_of::<dict::PublisherFeatures>(),
            keys_of::<dict::SubscriberFeatures>(),
            keys_of::<dict::CallerFeatures>(),
            keys_of::<dict::CalleeFeatures>(),
        ],
    );
    check(
        "welcome",
        vec![
            keys_of::<dict::WelcomeDetails>(),
            keys_of::<dict::RouterRoles>(),
            keys_of::<dict::BrokerFeatures>(),
            keys_of::<dict::DealerFeatures>(),
        ],
    );
    check("abort", vec![keys_of::<dict::AbortDetails>()]);
    check("goodbye", vec![keys_of::<dict::GoodbyeDetails>()]);
    check("error", vec![keys_of::<dict::ErrorDetails>(), keys_of::<dict::Forwarder>()]);
    check("publish", vec![keys_of::<dict::PublishOptions>()]);
    check("subscribe", vec![keys_of::<dict::SubscribeOptions>()]);
    check("unsubscribed", vec![keys_of::<dict::UnsubscribedDetails>()]);
    check("event", vec![keys_of::<dict::EventDetails>()]);
    check("call", vec![keys_of::<dict::CallOptions>()]);
    check("cancel", vec![keys_of::<dict::CancelOptions>()]);
    check("result", vec![keys_of::<dict::ResultDetails>()]);
    check("register", vec![keys_of::<dict::RegisterOptions>()]);
    check("unregistered", vec![keys_of::<dict::UnregisteredDetails>()]);
    check("invocation", vec![keys_of::<dict::InvocationDetails>()]);
    check("interrupt", vec![keys_of::<dict::InterruptOptions>()]);
    check("yield", vec![keys_of::<dict::YieldOptions>()]);
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
