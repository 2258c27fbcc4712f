//! What holds for any message, any value and any octets.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/frames.rs"]
mod frames;

use bytes::Bytes;
use frames::{CBOR, JSON, MSGPACK, list, message, publish_with, read};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde_json::Value as Json;
use wamp_proto::dict::{
    CallOptions, CancelMode, EventDetails, Forwarder, InvocationPolicy, PayloadAlgorithm, PublishOptions,
    RegisterOptions, WelcomeDetails,
};
use wamp_proto::message::{
    Abort, Answered, Call, Error, Event, Goodbye, Published, Register, Subscribe, Unregistered, Unsubscribe,
    Welcome, Yield,
};
use wamp_proto::{
    DecodeError, MatchPolicy, Message, Payload, PublicationId, RegistrationId, RequestId, SerializerId,
    SessionId, SubscriptionId, SyntaxError, Value,
};

/// Few cases each, many properties: the rest is the fuzzer's.
fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

fn serializers() -> impl Strategy<Value = SerializerId> {
    prop::sample::select(SerializerId::ALL.to_vec())
}

/// Integers that every serializer has; edges often.
fn integers() -> impl Strategy<Value = i128> {
    let edges = [0, 23, 24, 31, 127, 128, 255, 256, 65_535, 65_536, 1 << 31, 1 << 32, 1 << 53, 1 << 63];
    let edge = (prop::sample::select(edges.to_vec()), -1..=1i128, any::<bool>())
        .prop_map(|(edge, step, negative)| if negative { -edge + step } else { edge + step });
    let any = prop_oneof![any::<i64>().prop_map(i128::from), any::<u64>().prop_map(i128::from)];
    prop_oneof![edge, any].prop_map(|number| number.max(i64::MIN.into()))
}

/// Text; what starts with U+0000 would be octets in JSON.
fn texts() -> impl Strategy<Value = String> {
    let any = vec(any::<char>(), 0..12).prop_map(|characters| characters.into_iter().collect::<String>());
    prop_oneof![any, "[ -~]{0,40}", "[\"\\\\\n\t/a-c\u{0}é]{0,20}"]
        .prop_map(|text: String| text.trim_start_matches('\0').to_owned())
}

fn floats() -> impl Strategy<Value = f64> {
    prop_oneof![any::<f64>(), any::<f32>().prop_map(f64::from), (-1000..1000i32).prop_map(f64::from)]
        .prop_filter("JSON has numbers only", |number| number.is_finite())
}

fn values() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        integers().prop_map(Value::Integer),
        floats().prop_map(Value::Float),
        texts().prop_map(Value::String),
        vec(any::<u8>(), 0..40).prop_map(Value::Bytes),
    ];
    scalar.prop_recursive(5, 60, 20, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..20).prop_map(Value::List),
            entries(inner, 0..20).prop_map(Value::Dict),
        ]
    })
}

fn entries(
    values: impl Strategy<Value = Value>,
    len: std::ops::Range<usize>,
) -> impl Strategy<Value = Vec<(String, Value)>> {
    btree_map(texts(), values, len).prop_map(|entries| entries.into_iter().collect())
}

fn payloads() -> impl Strategy<Value = (Vec<Value>, Vec<(String, Value)>)> {
    (vec(values(), 0..4), entries(values(), 0..4))
}

fn ids() -> impl Strategy<Value = u64> {
    prop_oneof![1..=1u64 << 53, 1..300u64, Just(1 << 53)]
}

fn uris() -> impl Strategy<Value = String> {
    "[a-z0-9_]{1,8}(\\.[a-zé東_-]{1,8}){0,4}"
}

fn extras() -> impl Strategy<Value = Vec<(String, Value)>> {
    btree_map("_[a-z0-9_]{3,9}", values(), 0..3).prop_map(|extras| extras.into_iter().collect())
}

fn option<T: std::fmt::Debug>(values: impl Strategy<Value = T>) -> impl Strategy<Value = Option<T>> {
    prop::option::of(values)
}

fn words() -> impl Strategy<Value = Option<bytestring::ByteString>> {
    option(texts().prop_map(Into::into))
}

/// Messages whose payload is in that serializer.
fn messages(serializer: SerializerId) -> impl Strategy<Value = Message> {
    let payload = || payloads().prop_map(move |(args, kwargs)| Payload::new(serializer, &args, &kwargs));
    let request = || ids().prop_map(|id| RequestId::new(id).unwrap());
    let uri = || uris().prop_map(bytestring::ByteString::from);
    let forwarders = || {
        let forwarder =
            (option(ids()), words(), words(), extras()).prop_map(|(session, authid, authrole, extra)| {
                Forwarder { session, authid, authrole, extra }.into()
            });
        option(vec(forwarder, 0..3))
    };
    let publish_options = (
        (option(any::<bool>()), option(any::<bool>()), option(vec(ids(), 0..5))),
        (option(vec(texts().prop_map(Into::into), 0..3)), words(), forwarders(), extras()),
    )
        .prop_map(|((acknowledge, exclude_me, exclude), (eligible_authid, rkey, forward_for, extra))| {
            PublishOptions {
                acknowledge,
                exclude_me,
                exclude,
                eligible_authid,
                rkey,
                forward_for,
                extra,
                ..PublishOptions::default()
            }
        });
    let publish =
        (request(), publish_options, uri(), payload()).prop_map(|(request, options, topic, payload)| {
            wamp_proto::message::Publish { request, options: options.into(), topic, payload }.into()
        });
    let event = (ids(), ids(), option(ids()), words(), option(any::<u64>()), extras(), payload()).prop_map(
        |(subscription, publication, publisher, topic, trustlevel, extra, payload)| {
            let publisher = publisher.and_then(SessionId::new);
            let details =
                EventDetails { publisher, topic, trustlevel, extra, ..EventDetails::default() }.into();
            let subscription = SubscriptionId::new(subscription).unwrap();
            let publication = PublicationId::new(publication).unwrap();
            Event { subscription, publication, details, payload }.into()
        },
    );
    let call = (request(), option(any::<u64>()), words(), extras(), uri(), payload()).prop_map(
        |(request, timeout, ppt_scheme, extra, procedure, payload)| {
            let options = CallOptions { timeout, ppt_scheme, extra, ..CallOptions::default() }.into();
            Call { request, options, procedure, payload }.into()
        },
    );
    let policy = prop::sample::select(vec![MatchPolicy::Exact, MatchPolicy::Prefix, MatchPolicy::Wildcard]);
    let invoke = prop::sample::select(vec![InvocationPolicy::Single, InvocationPolicy::Last]);
    let register = (request(), option(policy), option(invoke), option(any::<u64>()), uri()).prop_map(
        |(request, match_policy, invoke, concurrency, procedure)| {
            let options =
                RegisterOptions { match_policy, invoke, concurrency, ..RegisterOptions::default() }.into();
            Register { request, options, procedure }.into()
        },
    );
    let welcome =
        (ids(), words(), option(values()), extras()).prop_map(|(session, realm, authextra, extra)| {
            // nil is the same as no key by default.
            let authextra = authextra.filter(|value| *value != Value::Null);
            let details = WelcomeDetails { realm, authextra, extra, ..WelcomeDetails::default() }.into();
            Welcome { session: SessionId::new(session).unwrap(), details }.into()
        });
    let mode = prop::sample::select(vec![CancelMode::Skip, CancelMode::Kill, CancelMode::KillNoWait]);
    let cancel = (request(), option(mode)).prop_map(|(request, mode)| {
        let options = wamp_proto::dict::CancelOptions { mode, ..Default::default() }.into();
        wamp_proto::message::Cancel { request, options }.into()
    });
    prop_oneof![
        publish,
        event,
        call,
        register,
        welcome,
        cancel,
        (any::<u64>(), request(), uri(), payload()).prop_map(|(request_type, request, error, payload)| {
            Error { request_type, request, details: Default::default(), error, payload }.into()
        }),
        (uri(), payload())
            .prop_map(|(reason, payload)| { Abort { details: Default::default(), reason, payload }.into() }),
        (request(), payload()).prop_map(|(request, payload)| Yield {
            request,
            options: Default::default(),
            payload
        }
        .into()),
        uri().prop_map(|reason| Goodbye { details: Default::default(), reason }.into()),
        (request(), ids()).prop_map(|(request, publication)| {
            Published { request, publication: PublicationId::new(publication).unwrap() }.into()
        }),
        (request(), uri()).prop_map(|(request, topic)| Subscribe {
            request,
            options: Default::default(),
            topic
        }
        .into()),
        (request(), ids()).prop_map(|(request, subscription)| {
            Unsubscribe { request, subscription: SubscriptionId::new(subscription).unwrap() }.into()
        }),
        (ids(), any::<bool>()).prop_map(|(id, revoked)| {
            let registration = RegistrationId::new(id);
            if revoked {
                let details =
                    wamp_proto::dict::UnregisteredDetails { registration, ..Default::default() }.into();
                Unregistered { request: Answered::Revocation, revoked: Some(details) }.into()
            } else {
                Unregistered { request: Answered::Request(RequestId::new(id).unwrap()), revoked: None }.into()
            }
        }),
    ]
}

fn payload_of(message: Message) -> Payload {
    match message {
        Message::Publish(publish) => publish.payload,
        other => panic!("{other:?}"),
    }
}

/// What an unread argument is worth when all of it is read.
fn full_value(serializer: SerializerId, frame: &[u8]) -> Result<Vec<Value>, SyntaxError> {
    payload_of(message(serializer, frame)).values().map(|(args, _)| args)
}

fn argument(serializer: SerializerId, raw: &[u8]) -> Vec<u8> {
    publish_with(serializer, 4, &list(serializer, &[raw.to_vec()]))
}

/// The scan of a keyword argument, and the reader that builds values, put to the same octets at the end of
/// a frame. An unknown key of Options is read by the second one.
fn scan_and_read(serializer: SerializerId, raw: &[u8]) -> Result<(), TestCaseError> {
    let value = |json: &Json| frames::value(serializer, json);
    let key = value(&Json::from("_acme_key"));
    let entry = frames::dict(serializer, &[(key, list(serializer, &[raw.to_vec()]))]);
    let cancel = list(serializer, &[value(&49.into()), value(&1.into()), entry.clone()]);
    match (read(serializer, &publish_with(serializer, 5, &entry)), read(serializer, &cancel)) {
        (Ok(scanned), Ok(Message::Cancel(built))) => {
            let kwargs = payload_of(scanned).values().unwrap().1;
            // As text, since NaN is unlike itself.
            prop_assert_eq!(format!("{kwargs:?}"), format!("{:?}", built.options.extra));
        }
        (Ok(_), Err(DecodeError::DuplicateKey(_))) => {}
        (Ok(scanned), Err(error)) => {
            let is_about_meaning = matches!(
                error,
                DecodeError::Syntax(SyntaxError::LoneSurrogate) | DecodeError::Element { .. }
            );
            prop_assert!(is_about_meaning, "scanned, but not built: {}", error);
            prop_assert!(payload_of(scanned).values().is_err());
        }
        (Err(_), Err(_)) => {}
        (scanned, built) => prop_assert!(false, "scanned: {:?}, built: {:?}", scanned, built),
    }
    Ok(())
}

/// Some octets of a well-formed value changed, inserted or removed.
fn mutated(serializer: SerializerId) -> impl Strategy<Value = Vec<u8>> {
    let change = (any::<prop::sample::Index>(), any::<u8>(), 0..4u8);
    (values(), vec(change, 0..4)).prop_map(move |(value, changes)| {
        let mut octets = Payload::new(serializer, &[value], &[]).raw().to_vec();
        for (index, octet, kind) in changes {
            let at = index.index(octets.len().max(1));
            match kind {
                0 => octets.insert(at, octet),
                1 if at < octets.len() => drop(octets.remove(at)),
                2 if at < octets.len() => octets[at] ^= 1 << (octet & 7),
                _ if at < octets.len() => octets[at] = octet,
                _ => octets.push(octet),
            }
        }
        octets
    })
}

/// Octets that are more often well-formed than any would be.
fn noise() -> impl Strategy<Value = Vec<u8>> {
    let likely = prop::sample::select(unlikely_to_end());
    vec(prop_oneof![any::<u8>(), likely], 0..24)
}

/// Heads of CBOR and MessagePack values of every kind, with small arguments.
fn unlikely_to_end() -> Vec<u8> {
    vec![
        0x00, 0x01, 0x18, 0x20, 0x40, 0x41, 0x5f, 0x60, 0x61, 0x7f, 0x80, 0x81, 0x82, 0x9f, 0xa0, 0xa1, 0xbf,
        0xc0, 0xc1, 0xc2, 0xc3, 0xc4, 0xc6, 0xc7, 0xd4, 0xd5, 0xd6, 0xd8, 0xd9, 0xdc, 0xde, 0xf4, 0xf6, 0xf7,
        0xf8, 0xf9, 0xff, b'a',
    ]
}

/// Text made of what JSON is made of.
fn json_like() -> impl Strategy<Value = String> {
    let tokens = [
        "[",
        "]",
        "{",
        "}",
        ",",
        ":",
        "\"",
        "\"a\"",
        "\"\\",
        "\\u",
        "\\u00",
        "\\ud83d\\ude00",
        "\\ud800",
        "0",
        "1",
        "-",
        "01",
        ".",
        "1.5",
        "e",
        "E+",
        "1e5",
        "null",
        "true",
        "false",
        "nul",
        " ",
        "\n",
        "\t",
        "\u{1}",
        "é",
        "{}",
        "[]",
        "{\"k\":",
        "\u{feff}",
        "//",
        "+",
    ];
    vec(prop::sample::select(tokens.to_vec()), 0..14).prop_map(|tokens| tokens.concat())
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}

/// A JSON value as serde_json would show it.
fn same_as_json(value: &Value, json: &Json) -> bool {
    match (value, json) {
        (Value::Null, Json::Null) => true,
        (Value::Bool(value), Json::Bool(json)) => value == json,
        (Value::Integer(value), Json::Number(json)) => {
            json.as_i128() == Some(*value) || json.as_f64() == Some(*value as f64)
        }
        (Value::Float(value), Json::Number(json)) => json.as_f64() == Some(*value),
        (Value::String(value), Json::String(json)) => value == json,
        (Value::List(value), Json::Array(json)) => {
            value.len() == json.len() && value.iter().zip(json).all(|(value, json)| same_as_json(value, json))
        }
        (Value::Dict(value), Json::Object(json)) => {
            value.len() == json.len()
                && value
                    .iter()
                    .all(|(key, value)| json.get(key).is_some_and(|json| same_as_json(value, json)))
        }
        _ => false,
    }
}

proptest! {
    #![proptest_config(cases(100))]

    /// Conformance: MSG-02, MSG-03, MSG-04, SER-02, SER-04, SER-05
    #[test]
    fn tv_02_decoding_undoes_encoding(
        (serializer, message) in serializers().prop_flat_map(|serializer| (Just(serializer), messages(serializer)))
    ) {
        let octets = message.encode(serializer).unwrap();
        let again = read(serializer, &octets);
        if again != Err(DecodeError::DictTooLarge(16 * 1024)) {
            prop_assert_eq!(again, Ok(message));
        }
    }

    #[test]
    fn ser_06_values_there_and_back_are_equal(
        (from, via, message) in (serializers(), serializers())
            .prop_flat_map(|(from, via)| (Just(from), Just(via), messages(from)))
    ) {
        let there = message.encode(via).unwrap();
        let Ok(read_there) = read(via, &there) else { return Ok(()) };
        let back = read(from, &read_there.encode(from).unwrap()).unwrap();
        match (message.payload(), back.payload()) {
            (Some(before), Some(after)) => {
                prop_assert_eq!(before.arity(), after.arity());
                prop_assert_eq!(before.values(), after.values());
                prop_assert_eq!(before.values(), read_there.payload().unwrap().values());
            }
            _ => prop_assert_eq!(message, back),
        }
    }

    /// Conformance: SER-06
    #[test]
    fn tv_04_transparent_payload_there_and_back_is_equal(
        (from, via) in (serializers(), serializers()),
        content in vec(any::<u8>(), 0..300),
        enc_algo in prop::sample::select(vec!["null", "cryptobox", "mqtt", "xbr", "x_acme"]),
        (enc_serializer, enc_key, extra) in (words(), words(), extras()),
    ) {
        let enc_algo = PayloadAlgorithm::new(enc_algo.into());
        let options = CallOptions { enc_algo, enc_serializer, enc_key, extra, ..CallOptions::default() };
        let call: Message = Call {
            request: RequestId::FIRST,
            options: options.into(),
            procedure: "com.acme.add".into(),
            payload: Payload::opaque(from, &content),
        }.into();
        let there = match read(via, &call.encode(via).unwrap()) {
            Err(DecodeError::DictTooLarge(_)) => return Ok(()),
            there => there.unwrap(),
        };
        let back = message(from, &there.encode(from).unwrap());
        prop_assert_eq!(&back, &call);
        let octets = (vec![Value::Bytes(content)], vec![]);
        prop_assert_eq!(there.payload().unwrap().values(), Ok(octets));
    }

    #[test]
    fn ser_09_payload_of_an_equal_serializer_passes_octet_for_octet(
        (serializer, raw) in serializers().prop_flat_map(|serializer| (Just(serializer), mutated(serializer)))
    ) {
        let octets = publish_with(serializer, 4, &raw);
        if let Ok(Message::Publish(publish)) = read(serializer, &octets) {
            let raw_payload = publish.payload.raw().clone();
            let again = payload_of(message(serializer, &Message::from(publish).encode(serializer).unwrap()));
            prop_assert_eq!(again.raw(), &raw_payload);
        }
    }

    #[test]
    fn ser_06_what_was_read_can_be_written_again(value in values(), serializer in serializers()) {
        let payload = Payload::new(serializer, std::slice::from_ref(&value), &[]);
        let octets = publish_with(serializer, 4, payload.raw());
        prop_assert_eq!(full_value(serializer, &octets), Ok(vec![value]));
    }
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn ser_08_scanning_and_building_agree_on_changed_octets(
        (serializer, raw) in serializers().prop_flat_map(|serializer| (Just(serializer), mutated(serializer)))
    ) {
        // A list of one, without its header: it may end early or late now.
        let raw = if serializer == JSON { raw } else { raw[raw.len().min(1)..].to_vec() };
        scan_and_read(serializer, &raw)?;
    }

    #[test]
    fn ser_08_scanning_and_building_agree_on_noise(
        raw in noise(),
        serializer in prop::sample::select(vec![MSGPACK, CBOR]),
    ) {
        scan_and_read(serializer, &raw)?;
    }

    #[test]
    fn ser_08_scanning_and_building_agree_on_what_looks_like_json(text in json_like()) {
        scan_and_read(JSON, text.as_bytes())?;
    }

    #[test]
    fn ser_08_frames_of_noise_are_never_a_panic(raw in noise(), serializer in serializers()) {
        if let Ok(message) = read(serializer, &raw) {
            prop_assert!(message.encode(serializer).is_ok());
        }
    }

    #[test]
    fn ser_02_json_is_what_serde_json_takes_for_json(text in json_like()) {
        let listed = format!("[{text}]");
        let scanned = read(JSON, &publish_with(JSON, 4, listed.as_bytes()));
        prop_assert_eq!(scanned.is_ok(), is_json(&listed), "{:?}", listed);
    }

    #[test]
    fn ser_02_changed_json_is_what_serde_json_takes_for_json(raw in mutated(JSON)) {
        let frame = publish_with(JSON, 4, &raw);
        match std::str::from_utf8(&raw) {
            Err(_) => prop_assert!(read(JSON, &frame).is_err()),
            Ok(text) if text.trim_start().starts_with('[') && is_json(text) => {
                prop_assert!(read(JSON, &frame).is_ok(), "{}", text);
            }
            // More elements than one are not told apart here.
            Ok(text) if is_json(&format!("[{text}]")) => {}
            Ok(text) => prop_assert!(read(JSON, &frame).is_err(), "{}", text),
        }
    }

    #[test]
    fn ser_02_numbers_and_strings_are_read_as_serde_json_reads_them(text in json_like()) {
        if let Ok(json) = serde_json::from_str::<Json>(&text)
            && !text.contains("\\u00")
        {
            let args = full_value(JSON, &argument(JSON, text.as_bytes())).unwrap();
            prop_assert_eq!(args.len(), 1);
            let duplicates = format!("{:?}", args[0]).matches("\"k\"").count() > 1;
            prop_assert!(duplicates || same_as_json(&args[0], &json), "{:?} is not {}", args[0], json);
        }
    }
}

fn serde_values() -> impl Strategy<Value = Json> {
    let scalar = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<u64>().prop_map(Json::from),
        (-200..200i64).prop_map(Json::from),
        floats().prop_map(Json::from),
        texts().prop_map(Json::from),
    ];
    scalar.prop_recursive(4, 40, 20, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..20).prop_map(Json::from),
            btree_map(texts(), inner, 0..20).prop_map(|entries| entries.into_iter().collect()),
        ]
    })
}

proptest! {
    #![proptest_config(cases(100))]

    #[test]
    fn ser_04_values_of_another_msgpack_library_are_read_as_they_were_written(json in serde_values()) {
        let octets = argument(MSGPACK, &rmp_serde::to_vec(&json).unwrap());
        let args = full_value(MSGPACK, &octets).unwrap();
        prop_assert!(same_as_json(&args[0], &json), "{:?} is not {}", args, json);
    }

    #[test]
    fn ser_04_another_msgpack_library_reads_what_we_write(json in serde_values()) {
        let args = full_value(MSGPACK, &argument(MSGPACK, &rmp_serde::to_vec(&json).unwrap())).unwrap();
        let written = Payload::new(MSGPACK, &args, &[]);
        let again: Json = rmp_serde::from_slice(written.raw()).unwrap();
        prop_assert_eq!(again, Json::Array(vec![json]));
    }

    #[test]
    fn ser_02_serde_json_reads_what_we_write(json in serde_values()) {
        let octets = Bytes::from(argument(MSGPACK, &rmp_serde::to_vec(&json).unwrap()));
        let text = message(MSGPACK, &octets).encode(JSON).unwrap();
        let again: Json = serde_json::from_slice(&text).unwrap();
        prop_assert!(same_numbers(&again[4][0], &json), "{} is not {}", again[4][0], json);
    }

    #[test]
    fn ser_05_values_of_another_cbor_writer_are_read_as_they_were_written(json in serde_values()) {
        let args = full_value(CBOR, &argument(CBOR, &frames::value(CBOR, &json))).unwrap();
        prop_assert!(same_as_json(&args[0], &json), "{:?} is not {}", args, json);
    }
}

/// Equal, to the last digit that serde_json reads of a float.
fn same_numbers(one: &Json, other: &Json) -> bool {
    match (one, other) {
        (Json::Number(one), Json::Number(other)) if one.is_f64() => {
            let (one, other) = (one.as_f64().unwrap(), other.as_f64().unwrap());
            (one - other).abs() <= one.abs() * f64::EPSILON * 2.0 + 1e-300
        }
        (Json::Array(one), Json::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same_numbers(one, other))
        }
        (Json::Object(one), Json::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(key, one)| other.get(key).is_some_and(|other| same_numbers(one, other)))
        }
        _ => one == other,
    }
}
