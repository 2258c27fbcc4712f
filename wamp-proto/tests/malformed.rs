//! One test per way to lie to the decoder: each is refused as an error, at once, and never with a panic.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/frames.rs"]
mod frames;
#[path = "support/vectors.rs"]
mod vectors;

use std::path::Path;

use bytes::Bytes;
use frames::{
    CBOR, JSON, MSGPACK, dict, frame, json, list, message, publish_with, read, read_strictly, shown, unhex,
    value,
};
use serde_json::{Value as Json, json};
use wamp_proto::message::Answered;
use wamp_proto::{DecodeError, DecodeRules, Message, MessageCode, SerializerId, SyntaxError, decode};

/// The places of a PUBLISH.
const OPTIONS: usize = 2;
const TOPIC: usize = 3;
const ARGS: usize = 4;
const KWARGS: usize = 5;

#[track_caller]
fn refused(serializer: SerializerId, octets: &[u8]) -> DecodeError {
    match read(serializer, octets) {
        Err(error) => error,
        Ok(message) => panic!("{} was taken for {message:?}", shown(serializer, octets)),
    }
}

#[track_caller]
fn refused_as(serializer: SerializerId, octets: &[u8], expected: SyntaxError) {
    assert_eq!(refused(serializer, octets), expected.into(), "{}", shown(serializer, octets));
}

#[track_caller]
fn malformed(serializer: SerializerId, octets: &[u8]) {
    let error = refused(serializer, octets);
    let is_malformed = matches!(error, DecodeError::Syntax(SyntaxError::Malformed { .. }));
    assert!(is_malformed, "{}: {error}", shown(serializer, octets));
}

/// A PUBLISH whose only argument is that.
fn argument(serializer: SerializerId, raw: &[u8]) -> Vec<u8> {
    publish_with(serializer, ARGS, &list(serializer, &[raw.to_vec()]))
}

/// A PUBLISH with one keyword argument of that value.
fn keyword(serializer: SerializerId, key: &[u8], raw: &[u8]) -> Vec<u8> {
    publish_with(serializer, KWARGS, &dict(serializer, &[(key.to_vec(), raw.to_vec())]))
}

/// A PUBLISH with these Options.
fn options(serializer: SerializerId, entries: &[(Json, Json)]) -> Vec<u8> {
    let raw = |item: &Json| value(serializer, item);
    let entries: Vec<_> = entries.iter().map(|(key, item)| (raw(key), raw(item))).collect();
    publish_with(serializer, OPTIONS, &dict(serializer, &entries))
}

/// Octets of every variant of every vector: a message of each type, with each key, in all shapes.
fn valid_frames() -> Vec<(SerializerId, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
    let mut frames = Vec::new();
    for vector in vectors::load(&folder) {
        for sample in vector.samples() {
            for (serializer, name) in [(JSON, "json"), (MSGPACK, "msgpack"), (CBOR, "cbor")] {
                let variants = sample["serializers"][name].as_array().into_iter().flatten();
                frames.extend(variants.map(|v| (serializer, unhex(v["bytes_hex"].as_str().unwrap()))));
            }
        }
    }
    assert!(frames.len() > 500);
    frames
}

// Lengths

#[test]
fn ser_08_a_text_longer_than_the_input() {
    for raw in ["a561", "d9ff61", "daffff61", "dbffffffff61"] {
        refused_as(MSGPACK, &argument(MSGPACK, &unhex(raw)), SyntaxError::UnexpectedEnd);
    }
    for raw in
        ["6561", "78ff61", "79ffff61", "7affffffff61", "7bffffffffffffffff61", "7f7bffffffffffffffff61"]
    {
        refused_as(CBOR, &argument(CBOR, &unhex(raw)), SyntaxError::UnexpectedEnd);
    }
    refused_as(JSON, br#"[16,1,{},"com.acme.tick",["a"#, SyntaxError::UnexpectedEnd);
}

#[test]
fn ser_08_a_topic_longer_than_the_input() {
    refused_as(MSGPACK, &publish_with(MSGPACK, TOPIC, &unhex("dbffffffff61")), SyntaxError::UnexpectedEnd);
    refused_as(CBOR, &publish_with(CBOR, TOPIC, &unhex("7bffffffffffffffff61")), SyntaxError::UnexpectedEnd);
}

#[test]
fn ser_08_octets_longer_than_the_input() {
    let msgpack =
        ["c4ff00", "c5ffff00", "c6ffffffff00", "c7ff0100", "c8ffff0100", "c9ffffffff0100", "d80100"];
    for raw in msgpack {
        refused_as(MSGPACK, &argument(MSGPACK, &unhex(raw)), SyntaxError::UnexpectedEnd);
    }
    for raw in
        ["4500", "58ff00", "59ffff00", "5affffffff00", "5bffffffffffffffff00", "5f5bffffffffffffffff00"]
    {
        refused_as(CBOR, &argument(CBOR, &unhex(raw)), SyntaxError::UnexpectedEnd);
    }
}

#[test]
fn ser_08_a_list_longer_than_the_input() {
    for raw in ["9f00", "dcffff00", "dd7fffffff00", "ddffffffff00"] {
        refused_as(MSGPACK, &argument(MSGPACK, &unhex(raw)), SyntaxError::UnexpectedEnd);
        refused_as(MSGPACK, &publish_with(MSGPACK, ARGS, &unhex(raw)), SyntaxError::UnexpectedEnd);
    }
    for raw in ["9700", "99ffff00", "9affffffff00", "9b7fffffffffffffff00", "9bffffffffffffffff00"] {
        refused_as(CBOR, &argument(CBOR, &unhex(raw)), SyntaxError::UnexpectedEnd);
        refused_as(CBOR, &publish_with(CBOR, ARGS, &unhex(raw)), SyntaxError::UnexpectedEnd);
    }
    refused_as(MSGPACK, &unhex("ddffffffff10"), SyntaxError::UnexpectedEnd);
    refused_as(CBOR, &unhex("9bffffffffffffffff10"), SyntaxError::UnexpectedEnd);
}

#[test]
fn ser_08_a_dict_longer_than_the_input() {
    for raw in ["8f0000", "deffff0000", "df800000000000", "dfffffffff0000"] {
        refused_as(MSGPACK, &argument(MSGPACK, &unhex(raw)), SyntaxError::UnexpectedEnd);
        refused_as(MSGPACK, &publish_with(MSGPACK, OPTIONS, &unhex(raw)), SyntaxError::UnexpectedEnd);
    }
    // Twice 2^63 entries would be no items at all.
    for raw in ["b70000", "b9ffff0000", "baffffffff0000", "bb80000000000000000000", "bbffffffffffffffff0000"]
    {
        refused_as(CBOR, &argument(CBOR, &unhex(raw)), SyntaxError::UnexpectedEnd);
        refused_as(CBOR, &publish_with(CBOR, OPTIONS, &unhex(raw)), SyntaxError::UnexpectedEnd);
    }
}

#[test]
fn ser_08_every_prefix_of_a_message_is_undecodable() {
    for (serializer, octets) in valid_frames() {
        message(serializer, &octets);
        for end in 0..octets.len() {
            refused(serializer, &octets[..end]);
        }
    }
}

#[test]
fn ser_08_trailing_octets() {
    for (serializer, mut octets) in valid_frames() {
        let more: &[u8] = if serializer == JSON { b"1" } else { &[0x00] };
        octets.extend_from_slice(more);
        refused_as(serializer, &octets, SyntaxError::Trailing);
    }
    refused_as(JSON, br#"[34,1,2] [34,2,3]"#, SyntaxError::Trailing);
    refused_as(JSON, br#"[34,1,2]]"#, SyntaxError::Trailing);
    refused_as(CBOR, &unhex("8318220102ff"), SyntaxError::Trailing);
    assert_eq!(json("\t\r\n [34,1,2] \t\r\n").code(), MessageCode::Unsubscribe);
}

#[test]
fn ser_08_nothing_at_all() {
    for serializer in SerializerId::ALL {
        refused_as(serializer, b"", SyntaxError::UnexpectedEnd);
    }
    refused_as(JSON, b" \n", SyntaxError::UnexpectedEnd);
}

/// Noise is refused or, rarely, is a message; what counts is that it comes back.
#[test]
fn ser_08_one_octet_changed_anywhere_is_never_a_panic() {
    let mut refusals = 0;
    for (serializer, octets) in valid_frames() {
        for at in 0..octets.len() {
            let mut changed = octets.clone();
            changed[at] ^= 0x80;
            match read(serializer, &changed) {
                Err(_) => refusals += 1,
                // The payload is well-formed: it can be carried on, or says why not.
                Ok(message) => SerializerId::ALL.iter().for_each(|&other| {
                    if let Err(error) = message.encode(other) {
                        assert_ne!(error.to_string(), "");
                    }
                }),
            }
        }
    }
    assert!(refusals > 10_000, "{refusals}");
}

// Text

/// No character, an overlong one, half a surrogate pair, beyond Unicode, cut off.
const NO_UTF8: [&[u8]; 5] = [b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc3"];

/// Text of these octets, in a serializer's shortest form.
fn text(serializer: SerializerId, octets: &[u8]) -> Vec<u8> {
    let len = octets.len() as u8;
    match serializer {
        SerializerId::Json => [b"\"", octets, b"\""].concat(),
        SerializerId::MsgPack => [&[0xa0 | len], octets].concat(),
        SerializerId::Cbor => [&[0x60 | len], octets].concat(),
    }
}

#[test]
fn ser_08_a_topic_that_is_no_utf_8() {
    for serializer in SerializerId::ALL {
        for octets in NO_UTF8 {
            let raw = text(serializer, octets);
            refused_as(serializer, &publish_with(serializer, TOPIC, &raw), SyntaxError::Utf8);
        }
    }
}

#[test]
fn ser_08_payload_text_that_is_no_utf_8() {
    for serializer in SerializerId::ALL {
        for octets in NO_UTF8 {
            let raw = text(serializer, octets);
            let deep = list(serializer, &[list(serializer, std::slice::from_ref(&raw))]);
            refused_as(serializer, &argument(serializer, &raw), SyntaxError::Utf8);
            refused_as(serializer, &argument(serializer, &deep), SyntaxError::Utf8);
            refused_as(
                serializer,
                &keyword(serializer, &raw, &value(serializer, &json!(1))),
                SyntaxError::Utf8,
            );
        }
    }
    for raw in ["d901ff", "da0001ff", "db00000001ff"] {
        refused_as(MSGPACK, &argument(MSGPACK, &unhex(raw)), SyntaxError::Utf8);
    }
    refused_as(CBOR, &argument(CBOR, &unhex("7801ff")), SyntaxError::Utf8);
}

#[test]
fn ser_08_a_key_that_is_no_utf_8() {
    for serializer in SerializerId::ALL {
        let entry = (text(serializer, b"\xff"), value(serializer, &json!(true)));
        let raw = dict(serializer, &[entry]);
        refused_as(serializer, &publish_with(serializer, OPTIONS, &raw), SyntaxError::Utf8);
    }
}

/// Every chunk is text of its own (RFC 8949, 3.2.3).
#[test]
fn ser_08_a_character_cut_between_chunks() {
    let raw = unhex("7f61c361a9ff");
    refused_as(CBOR, &argument(CBOR, &raw), SyntaxError::Utf8);
    refused_as(CBOR, &publish_with(CBOR, TOPIC, &raw), SyntaxError::Utf8);
}

// Depth

/// `depth` lists around nothing, or dicts around null.
fn nested(serializer: SerializerId, depth: usize, is_map: bool) -> Vec<u8> {
    let (open, middle, close): (&[u8], &[u8], &[u8]) = match (serializer, is_map) {
        (SerializerId::Json, false) => (b"[", b"0", b"]"),
        (SerializerId::Json, true) => (b"{\"k\":", b"0", b"}"),
        (SerializerId::MsgPack, false) => (&[0x91], &[0], &[]),
        (SerializerId::MsgPack, true) => (&[0x81, 0xa1, b'k'], &[0], &[]),
        (SerializerId::Cbor, false) => (&[0x81], &[0], &[]),
        (SerializerId::Cbor, true) => (&[0xa1, 0x61, b'k'], &[0], &[]),
    };
    [open.repeat(depth), middle.to_vec(), close.repeat(depth)].concat()
}

#[test]
fn ser_08_nesting_is_allowed_to_the_limit_and_no_deeper() {
    for serializer in SerializerId::ALL {
        for is_map in [false, true] {
            // The message and Arguments are the first two of 64 levels.
            let deepest = argument(serializer, &nested(serializer, 62, is_map));
            assert!(read(serializer, &deepest).is_ok());
            let deeper = argument(serializer, &nested(serializer, 63, is_map));
            refused_as(serializer, &deeper, SyntaxError::TooDeep(64));
            let key = (value(serializer, &json!("_deep")), nested(serializer, 62, is_map));
            let option = publish_with(serializer, OPTIONS, &dict(serializer, std::slice::from_ref(&key)));
            assert!(read(serializer, &option).is_ok());
            let key = (key.0, nested(serializer, 63, is_map));
            let option = publish_with(serializer, OPTIONS, &dict(serializer, std::slice::from_ref(&key)));
            refused_as(serializer, &option, SyntaxError::TooDeep(64));
        }
    }
}

#[test]
fn ser_08_the_limit_of_nesting_is_a_parameter_with_a_cap() {
    let rules = |max_depth| DecodeRules { max_depth, ..DecodeRules::default() };
    for serializer in SerializerId::ALL {
        let try_at = |depth: usize, rules: &DecodeRules| {
            decode(serializer, &argument(serializer, &nested(serializer, depth - 2, false)).into(), rules)
        };
        assert!(try_at(3, &rules(3)).is_ok());
        assert_eq!(try_at(4, &rules(3)), Err(SyntaxError::TooDeep(3).into()));
        assert!(try_at(256, &rules(usize::MAX)).is_ok());
        assert_eq!(try_at(257, &rules(usize::MAX)), Err(SyntaxError::TooDeep(256).into()));
    }
}

/// Lists side by side are not lists in each other.
#[test]
fn ser_08_breadth_is_not_depth() {
    for serializer in SerializerId::ALL {
        let wide = list(serializer, &vec![nested(serializer, 1, false); 1000]);
        assert!(read(serializer, &publish_with(serializer, ARGS, &wide)).is_ok());
        let wide = list(serializer, &vec![nested(serializer, 1, true); 1000]);
        assert!(read(serializer, &publish_with(serializer, ARGS, &wide)).is_ok());
    }
}

#[test]
fn ser_08_a_tower_of_a_million_lists_is_refused_at_its_65th_floor() {
    for serializer in SerializerId::ALL {
        for is_map in [false, true] {
            let tower = nested(serializer, 1_000_000, is_map);
            refused_as(serializer, &argument(serializer, &tower), SyntaxError::TooDeep(64));
            let option = dict(serializer, &[(value(serializer, &json!("_deep")), tower)]);
            let frame = publish_with(serializer, OPTIONS, &option);
            refused_as(serializer, &frame, SyntaxError::TooDeep(64));
        }
    }
    for open in [&[0x9f][..], &[0xc6, 0x81], &[0xbf, 0x00]] {
        refused_as(CBOR, &argument(CBOR, &open.repeat(1_000_000)), SyntaxError::TooDeep(64));
    }
    // A list where the type code should be is not even entered.
    assert_eq!(refused(JSON, "[".repeat(100_000).as_bytes()), DecodeError::NotAMessage);
}

#[test]
fn ser_08_a_chain_of_tags_costs_no_stack() {
    for tag in [&[0xc6][..], &[0xc1], &[0xc2], &[0xd8, 0x40]] {
        let chain = [tag.repeat(250_000).as_slice(), b"ax"].concat();
        let message = message(CBOR, &argument(CBOR, &chain));
        let Message::Publish(publish) = message.clone() else { panic!("{message:?}") };
        assert_eq!(publish.payload.values().unwrap().0, ["x".into()]);
        assert!(message.encode(JSON).is_ok());
        // Without an end, and in the place of text and of an ID.
        refused_as(CBOR, &argument(CBOR, &tag.repeat(250_000)), SyntaxError::UnexpectedEnd);
        assert!(read(CBOR, &publish_with(CBOR, TOPIC, &chain)).is_ok());
        refused(CBOR, &publish_with(CBOR, 1, &chain));
    }
}

// Numbers that take long to convert

#[test]
fn ser_08_a_megabyte_of_digits_is_refused_where_it_would_be_converted() {
    let digits = "7".repeat(1 << 20);
    let message = json(&format!(r#"[16,1,{{}},"com.acme.tick",[{digits}]]"#));
    assert!(message.encode(JSON).is_ok());
    assert!(message.encode(MSGPACK).is_err());
    assert!(message.encode(CBOR).is_err());
    let bignum = [&unhex("c25a00100000")[..], &vec![0x77; 1 << 20]].concat();
    let message = frames::message(CBOR, &argument(CBOR, &bignum));
    assert!(message.encode(CBOR).is_ok());
    assert!(message.encode(MSGPACK).is_err());
    assert!(message.encode(JSON).is_err());
    for id in ["7", "1"] {
        let digits = id.repeat(1 << 20);
        refused(JSON, format!("[34,{digits},1]").as_bytes());
    }
}

// Dicts

#[test]
fn msg_06_a_known_key_given_twice() {
    for serializer in SerializerId::ALL {
        let twice = [(json!("retain"), json!(true)), (json!("retain"), json!(false))];
        let error = refused(serializer, &options(serializer, &twice));
        assert_eq!(error, DecodeError::DuplicateKey("retain".to_owned()));
    }
}

#[test]
fn msg_06_an_unknown_key_given_twice() {
    for serializer in SerializerId::ALL {
        let twice =
            [(json!("_acme_x"), json!(1)), (json!("retain"), json!(true)), (json!("_acme_x"), json!(1))];
        let error = refused(serializer, &options(serializer, &twice));
        assert_eq!(error, DecodeError::DuplicateKey("_acme_x".to_owned()));
    }
}

#[test]
fn msg_06_a_key_given_twice_in_two_spellings() {
    let error = refused(JSON, br#"[16,1,{"retain":true,"ret\u0061in":true},"com.acme.tick"]"#);
    assert_eq!(error, DecodeError::DuplicateKey("retain".to_owned()));
    let error = refused(CBOR, &unhex("8410 01 a2 61 61 01 7f 61 61 ff 02 63 612e62"));
    assert_eq!(error, DecodeError::DuplicateKey("a".to_owned()));
}

#[test]
fn msg_06_a_key_given_twice_in_a_dict_of_a_dict() {
    for serializer in SerializerId::ALL {
        let raw = |item: Json| value(serializer, &item);
        let forwarder = dict(
            serializer,
            &[(raw(json!("authid")), raw(json!("a"))), (raw(json!("authid")), raw(json!("a")))],
        );
        let entry = (raw(json!("forward_for")), list(serializer, &[forwarder]));
        let frame = publish_with(serializer, OPTIONS, &dict(serializer, &[entry]));
        assert_eq!(refused(serializer, &frame), DecodeError::DuplicateKey("authid".to_owned()));
    }
}

#[test]
fn msg_06_a_long_key_given_twice_is_cut_short_in_the_diagnostic() {
    let key = "k".repeat(5000);
    let twice = [(json!(key), json!(1)), (json!(key), json!(1))];
    assert!(refused(JSON, &options(JSON, &twice)).to_string().len() < 200);
}

#[test]
fn msg_06_a_number_is_no_boolean() {
    for serializer in SerializerId::ALL {
        for wrong in [json!(1), json!(0), json!("true"), json!([]), json!({}), json!(1.0)] {
            let error = refused(serializer, &options(serializer, &[(json!("acknowledge"), wrong)]));
            assert_eq!(error, DecodeError::Key { key: "acknowledge".to_owned(), expected: "a boolean" });
        }
    }
}

#[test]
fn msg_06_a_key_that_is_no_text() {
    for serializer in [MSGPACK, CBOR] {
        for key in [json!(1), json!(-1), json!(null), json!(true), json!(1.5), json!([]), json!({})] {
            let error = refused(serializer, &options(serializer, &[(key.clone(), json!(1))]));
            let expected = "text as a dict key";
            let element =
                DecodeError::Element { message: MessageCode::Publish, element: "Options", expected };
            assert_eq!(error, element, "{key}");
        }
    }
    malformed(JSON, br#"[16,1,{1:true},"com.acme.tick"]"#);
    malformed(JSON, br#"[16,1,{retain:true},"com.acme.tick"]"#);
    // Octets are no text either.
    refused(MSGPACK, &publish_with(MSGPACK, OPTIONS, &unhex("81c4017801")));
    refused(CBOR, &publish_with(CBOR, OPTIONS, &unhex("a1417801")));
}

#[test]
fn msg_07_options_over_16_kib() {
    let long = "x".repeat(16 * 1024);
    let many: Vec<u64> = (1..6000).collect();
    let names: Vec<String> = (1..3000).map(|number| format!("name{number}")).collect();
    for serializer in SerializerId::ALL {
        for (key, item) in [
            (json!("_acme_x"), json!(long)),
            (json!(long), json!(1)),
            (json!("_acme_x"), json!([[long]])),
            (json!("_acme_x"), json!(vec![0; 17 * 1024])),
            (json!("rkey"), json!(long)),
            (json!("exclude"), json!(many)),
            (json!("eligible_authid"), json!(names)),
            (json!("forward_for"), json!([{ "authid": long }])),
        ] {
            let octets = options(serializer, &[(key, item)]);
            assert_eq!(refused(serializer, &octets), DecodeError::DictTooLarge(16 * 1024));
        }
        let octets = frame(serializer, &json!([1, "com.acme.realm", {"authextra": {"x": [long]}}]));
        assert_eq!(refused(serializer, &octets), DecodeError::DictTooLarge(16 * 1024));
        // What is no dict has no such limit, and a dict nearly that large is fine.
        assert!(read(serializer, &argument(serializer, &value(serializer, &json!(long)))).is_ok());
        let nearly = "x".repeat(16 * 1024 - 64);
        assert!(read(serializer, &options(serializer, &[(json!("_acme_x"), json!(nearly))])).is_ok());
    }
}

/// A tree of values is many times the size of its octets.
#[test]
fn msg_07_a_value_over_16_kib_is_refused_before_it_is_built() {
    for serializer in [MSGPACK, CBOR] {
        // Building it would stop at the first key.
        let no_key = dict(serializer, &[(value(serializer, &json!(1.5)), value(serializer, &json!(1)))]);
        let entry = |item: Json| {
            let raw = list(serializer, &[no_key.clone(), value(serializer, &item)]);
            publish_with(
                serializer,
                OPTIONS,
                &dict(serializer, &[(value(serializer, &json!("_acme_x")), raw)]),
            )
        };
        let error = refused(serializer, &entry(json!(vec![0; 17 * 1024])));
        assert_eq!(error, DecodeError::DictTooLarge(16 * 1024));
        let error = refused(serializer, &entry(json!([])));
        assert!(matches!(error, DecodeError::Element { element: "Options", .. }), "{error}");
    }
}

#[test]
fn msg_07_the_size_of_dicts_is_a_parameter() {
    let rules = DecodeRules { dict_max_bytes: 20, ..DecodeRules::default() };
    for serializer in SerializerId::ALL {
        let small = Bytes::from(options(serializer, &[(json!("retain"), json!(true))]));
        assert!(decode(serializer, &small, &rules).is_ok());
        let large = Bytes::from(options(serializer, &[(json!("rkey"), json!("twenty octets long.."))]));
        assert_eq!(decode(serializer, &large, &rules), Err(DecodeError::DictTooLarge(20)));
    }
}

#[test]
fn msg_07_unknown_keys_are_kept_up_to_64() {
    for serializer in SerializerId::ALL {
        let keys = |count: u32| -> Vec<_> {
            (0..count).map(|number| (json!(format!("_acme_{number}")), json!(number))).collect()
        };
        let Message::Publish(publish) = message(serializer, &options(serializer, &keys(64))) else {
            panic!("16 is PUBLISH");
        };
        assert_eq!(publish.options.extra.len(), 64);
        assert_eq!(publish.options.extra[63], ("_acme_63".to_owned(), 63.into()));
        assert_eq!(refused(serializer, &options(serializer, &keys(65))), DecodeError::TooManyKeys(64));
    }
}

/// wampy.js sends nil where the specification has an empty dict.
#[test]
fn msg_07_nil_options_are_empty_by_default_and_refused_in_strict() {
    for (code, elements) in shapes() {
        for (place, (kind, _)) in elements.iter().enumerate() {
            if *kind != Kind::Dict {
                continue;
            }
            let mut items: Vec<Json> = elements.iter().map(|(_, good)| good.clone()).collect();
            items[place] = Json::Null;
            items.insert(0, json!(code));
            for serializer in SerializerId::ALL {
                let octets = frame(serializer, &json!(items));
                let message = message(serializer, &octets);
                items[place + 1] = json!({});
                assert_eq!(message.encode(JSON).unwrap(), frame(JSON, &json!(items)));
                items[place + 1] = Json::Null;
                let error = read_strictly(serializer, &octets).unwrap_err();
                assert!(matches!(error, DecodeError::Element { expected: "a dict", .. }), "{error}");
            }
        }
    }
    assert!(read(CBOR, &publish_with(CBOR, OPTIONS, &unhex("f7"))).is_ok());
    assert!(read_strictly(CBOR, &publish_with(CBOR, OPTIONS, &unhex("f7"))).is_err());
}

#[test]
fn msg_07_a_nil_key_is_absent_by_default_and_refused_in_strict() {
    for serializer in SerializerId::ALL {
        let octets = options(serializer, &[(json!("exclude"), Json::Null), (json!("retain"), json!(true))]);
        let Message::Publish(publish) = message(serializer, &octets) else { panic!("16 is PUBLISH") };
        assert_eq!((&publish.options.exclude, publish.options.retain), (&None, Some(true)));
        let error = read_strictly(serializer, &octets).unwrap_err();
        assert_eq!(error, DecodeError::Key { key: "exclude".to_owned(), expected: "a list" });
    }
}

// Messages

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Id,
    Number,
    Text,
    Dict,
    Args,
    Kwargs,
}

/// Every message at its full length. ABORT to YIELD with payload can end before Arguments.
fn shapes() -> Vec<(u64, Vec<(Kind, Json)>)> {
    let id = || (Kind::Id, json!(7));
    let text = || (Kind::Text, json!("com.acme.x"));
    let dict = || (Kind::Dict, json!({}));
    let with_payload = |mut elements: Vec<_>| {
        elements.extend([(Kind::Args, json!([1])), (Kind::Kwargs, json!({"a": 1}))]);
        elements
    };
    vec![
        (1, vec![text(), dict()]),
        (2, vec![id(), dict()]),
        (3, with_payload(vec![dict(), text()])),
        (4, vec![text(), dict()]),
        (5, vec![text(), dict()]),
        (6, vec![dict(), text()]),
        (8, with_payload(vec![(Kind::Number, json!(48)), id(), dict(), text()])),
        (16, with_payload(vec![id(), dict(), text()])),
        (17, vec![id(), id()]),
        (32, vec![id(), dict(), text()]),
        (33, vec![id(), id()]),
        (34, vec![id(), id()]),
        (35, vec![id()]),
        (36, with_payload(vec![id(), id(), dict()])),
        (48, with_payload(vec![id(), dict(), text()])),
        (49, vec![id(), dict()]),
        (50, with_payload(vec![id(), dict()])),
        (64, vec![id(), dict(), text()]),
        (65, vec![id(), id()]),
        (66, vec![id(), id()]),
        (67, vec![id()]),
        (68, with_payload(vec![id(), id(), dict()])),
        (69, vec![id(), dict()]),
        (70, with_payload(vec![id(), dict()])),
    ]
}

/// A message of these elements.
fn elements(code: u64, elements: &[(Kind, Json)]) -> Json {
    std::iter::once(json!(code)).chain(elements.iter().map(|(_, good)| good.clone())).collect()
}

/// Conformance: MSG-02, MSG-03, MSG-04
#[test]
fn msg_05_a_message_has_its_number_of_elements_and_no_other() {
    for (code, whole) in shapes() {
        let shortest = whole.iter().filter(|(kind, _)| !matches!(kind, Kind::Args | Kind::Kwargs)).count();
        let wrong = DecodeError::Arity(MessageCode::from_number(code).unwrap());
        for serializer in SerializerId::ALL {
            for len in 0..=whole.len() {
                let found = read(serializer, &frame(serializer, &elements(code, &whole[..len])));
                if len < shortest {
                    assert_eq!(found, Err(wrong.clone()), "{code} with {len} elements");
                } else {
                    let message = found.unwrap();
                    let arity = message.payload().map_or(0, |payload| payload.arity() as usize);
                    assert_eq!((message.code() as u64, arity), (code, len - shortest));
                }
            }
            // A dict behind them makes a revocation of UNSUBSCRIBED and UNREGISTERED, but not of a request.
            for more in [json!({}), json!({"a": 1})] {
                let mut longer = elements(code, &whole);
                longer.as_array_mut().unwrap().push(more);
                assert_eq!(read(serializer, &frame(serializer, &longer)), Err(wrong.clone()), "{longer}");
            }
        }
    }
}

/// Conformance: MSG-02, MSG-03, MSG-04
#[test]
fn msg_05_an_element_of_a_wrong_type() {
    for (code, whole) in shapes() {
        let label = MessageCode::from_number(code).unwrap().as_str();
        for (place, (kind, _)) in whole.iter().enumerate() {
            let wrong = match kind {
                Kind::Id => vec![json!("7"), json!([7]), json!({}), json!(null), json!(true)],
                Kind::Number => {
                    vec![json!("48"), json!(-1), json!(48.5), json!({}), json!(null), json!(true)]
                }
                Kind::Text => vec![json!(7), json!(["x"]), json!({}), json!(null), json!(false)],
                Kind::Dict => vec![json!(7), json!([]), json!("x"), json!(true)],
                Kind::Args => vec![json!(7), json!({}), json!("x"), json!(null), json!(true)],
                Kind::Kwargs => vec![json!(7), json!([]), json!("x"), json!(null), json!(true)],
            };
            for wrong in wrong {
                let mut items = elements(code, &whole);
                items[place + 1] = wrong;
                for serializer in SerializerId::ALL {
                    let error = refused(serializer, &frame(serializer, &items));
                    assert!(matches!(error, DecodeError::Element { .. }), "{items}: {error:?}");
                    assert!(error.to_string().starts_with(label), "{items}: {error}");
                }
            }
        }
    }
}

#[test]
fn msg_05_octets_are_neither_text_nor_a_list() {
    for octets in ["c40161", "c50001 61"] {
        refused(MSGPACK, &publish_with(MSGPACK, TOPIC, &unhex(octets)));
        refused(MSGPACK, &publish_with(MSGPACK, ARGS, &unhex(octets)));
    }
    refused(CBOR, &publish_with(CBOR, TOPIC, &unhex("4161")));
    refused(CBOR, &publish_with(CBOR, ARGS, &unhex("4161")));
    refused(JSON, &publish_with(JSON, TOPIC, br#""\u0000YQ==""#));
    refused(JSON, &publish_with(JSON, ARGS, br#""\u0000YQ==""#));
}

/// Conformance: MSG-05
#[test]
fn tv_04_octets_stand_for_arguments_only_with_enc_algo() {
    for serializer in SerializerId::ALL {
        let octets = frames::bytes(serializer, b"packed");
        for (code, whole) in shapes() {
            let Some(args) = whole.iter().position(|(kind, _)| *kind == Kind::Args) else { continue };
            let elements = elements(code, &whole[..args]);
            let items = elements.as_array().unwrap().iter().map(|element| value(serializer, element));
            let items: Vec<_> = items.chain([octets.clone()]).collect();
            let (message, element) = (MessageCode::from_number(code).unwrap(), "Arguments");
            let wrong = DecodeError::Element { message, element, expected: "a list" };
            assert_eq!(refused(serializer, &list(serializer, &items)), wrong);
        }
        // The other two keys say nothing, and in ABORT none does.
        for head in [
            json!([16, 1, {"enc_serializer": "cbor", "enc_key": "key-7"}, "com.acme.tick"]),
            json!([16, 1, {"_acme_key": {"enc_algo": "cryptobox"}}, "com.acme.tick"]),
            json!([3, {"enc_algo": "cryptobox"}, "com.acme.error.odd"]),
        ] {
            let items = head.as_array().unwrap().iter().map(|element| value(serializer, element));
            let items: Vec<_> = items.chain([octets.clone()]).collect();
            let error = refused(serializer, &list(serializer, &items));
            assert!(error.to_string().ends_with(".Arguments is not a list"), "{error}");
        }
    }
}

#[test]
fn tv_04_transparent_payload_is_octets_and_nothing_else() {
    let text = |text: &str| text.as_bytes().to_vec();
    let anywhere =
        [json!("cGFja2Vk"), json!(""), json!({}), json!({"a": 1}), json!(7), json!(1.5), json!(true)];
    for serializer in SerializerId::ALL {
        let mut wrong: Vec<_> = anywhere.iter().map(|json| value(serializer, json)).collect();
        wrong.push(value(serializer, &Json::Null));
        match serializer {
            // No base64, base64 without its padding, of another alphabet, with bits to spare, and no U+0000 first.
            SerializerId::Json => wrong.extend(
                [
                    "\\u0000!",
                    "\\u0000YQ",
                    "\\u0000YQ=",
                    "\\u0000-_-_",
                    "\\u0000YR==",
                    "\\u0001YQ==",
                    " \\u0000YQ==",
                ]
                .map(|content| text(&format!("\"{content}\""))),
            ),
            // Text, an undefined, and a timestamp.
            SerializerId::MsgPack => wrong.extend(["a161", "d40000", "d6ff00000001"].map(unhex)),
            // Text, also in chunks, an undefined, and two bignums.
            SerializerId::Cbor => {
                wrong.extend(["6161", "7f6161ff", "f7", "c24101", "c349ffffffffffffffffff"].map(unhex))
            }
        }
        for raw in wrong {
            for octets in frames::transparent(serializer, std::slice::from_ref(&raw)) {
                let error = refused(serializer, &octets);
                assert!(
                    error.to_string().ends_with(".Arguments is not a list or octets"),
                    "{}: {error}",
                    shown(serializer, &octets)
                );
            }
        }
        for octets in frames::transparent(serializer, &[frames::bytes(serializer, b"packed")]) {
            for end in 0..octets.len() {
                refused(serializer, &octets[..end]);
            }
        }
    }
    refused_as(MSGPACK, &frames::transparent(MSGPACK, &[unhex("c40261")])[0], SyntaxError::UnexpectedEnd);
    refused_as(
        CBOR,
        &frames::transparent(CBOR, &[unhex("5bffffffffffffffff61")])[0],
        SyntaxError::UnexpectedEnd,
    );
    malformed(JSON, &frames::transparent(JSON, &[text("\"\0YQ==\"")])[0]);
}

#[test]
fn tv_04_nothing_follows_transparent_payload() {
    for serializer in SerializerId::ALL {
        let octets = frames::bytes(serializer, b"packed");
        for next in [value(serializer, &json!({})), value(serializer, &json!([])), octets.clone()] {
            for frame in frames::transparent(serializer, &[octets.clone(), next.clone()]) {
                let error = refused(serializer, &frame);
                assert!(matches!(error, DecodeError::Arity(_)), "{}: {error}", shown(serializer, &frame));
            }
        }
    }
}

#[test]
fn msg_01_what_is_no_list() {
    for serializer in SerializerId::ALL {
        for item in [json!({}), json!({"16": 1}), json!("[34,1,2]"), json!(16), json!(null), json!(true)] {
            assert_eq!(refused(serializer, &frame(serializer, &item)), DecodeError::NotAMessage, "{item}");
        }
    }
}

#[test]
fn msg_01_a_list_without_an_integer_first() {
    for serializer in SerializerId::ALL {
        for item in [
            json!([]),
            json!(["34", 1, 2]),
            json!([null, 1, 2]),
            json!([[34], 1, 2]),
            json!([{}, 1, 2]),
            json!([true, 1, 2]),
            json!([-34, 1, 2]),
            json!([34.0, 1, 2]),
            json!([34.5, 1, 2]),
        ] {
            assert_eq!(refused(serializer, &frame(serializer, &item)), DecodeError::NotAMessage, "{item}");
        }
    }
}

#[test]
fn msg_09_type_codes_that_nobody_agreed_on() {
    for serializer in SerializerId::ALL {
        for code in [0, 7, 9, 15, 18, 31, 37, 51, 63, 71, 255, 256, 272, 337, 1023, 1024, 1 << 53, u64::MAX] {
            let octets = frame(serializer, &json!([code, 1, 2]));
            assert_eq!(refused(serializer, &octets), DecodeError::UnknownType(code));
        }
    }
}

// IDs

#[test]
fn id_01_numbers_that_are_no_ids() {
    let numbers = [
        json!(0),
        json!(9_007_199_254_740_993u64),
        json!(u64::MAX),
        json!(-1),
        json!(-7_000_000),
        json!(0.0),
        json!(-1.0),
        json!(1.5),
        json!(9_007_199_254_740_994.0),
        json!(1e300),
    ];
    for (code, shape) in shapes() {
        for (place, _) in shape.iter().enumerate().filter(|(_, (kind, _))| *kind == Kind::Id) {
            for number in &numbers {
                // 0 without Details is no revocation either.
                let mut items = elements(code, &shape);
                items[place + 1] = number.clone();
                for serializer in SerializerId::ALL {
                    refused(serializer, &frame(serializer, &items));
                }
            }
        }
    }
    for number in ["1.0", "1e0", "-0", "-1", "01", "9007199254740993", "18446744073709551616", "1E2"] {
        refused(JSON, format!("[34,{number},1]").as_bytes());
    }
}

/// wampy.js writes integers above 2^32 as floats in MessagePack and CBOR.
#[test]
fn id_01_a_float_without_a_fraction_is_an_id_by_default_and_refused_in_strict() {
    for number in [1.0, 7_814_135.0, 5_512_315_355.0, 9_007_199_254_740_992.0] {
        for (code, shape) in shapes() {
            for (place, _) in shape.iter().enumerate().filter(|(_, (kind, _))| *kind == Kind::Id) {
                let mut items = elements(code, &shape);
                items[place + 1] = json!(number);
                let mut exact = items.clone();
                exact[place + 1] = json!(number as u64);
                for serializer in [MSGPACK, CBOR] {
                    let octets = frame(serializer, &items);
                    let again = message(serializer, &octets).encode(JSON).unwrap();
                    assert_eq!(serde_json::from_slice::<Json>(&again).unwrap(), exact);
                    assert!(read_strictly(serializer, &octets).is_err());
                }
                refused(JSON, &frame(JSON, &items));
            }
        }
        for serializer in [MSGPACK, CBOR] {
            let octets = options(serializer, &[(json!("exclude"), json!([number]))]);
            let Message::Publish(publish) = message(serializer, &octets) else { panic!("16 is PUBLISH") };
            assert_eq!(publish.options.exclude, Some(vec![number as u64]));
            assert!(read_strictly(serializer, &octets).is_err());
        }
    }
    // A wrong number does not make the next element the ID.
    for octets in ["9322 d0ff cb4008000000000000 01", "9422 d0ff cb4008000000000000 01"] {
        refused(MSGPACK, &unhex(octets));
    }
    for octets in ["831822 c6 20 fb4008000000000000 01", "841822 c6 20 fb4008000000000000 01"] {
        refused(CBOR, &unhex(octets));
    }
}

#[test]
fn id_01_the_smallest_and_the_largest_id_in_every_place() {
    for (code, shape) in shapes() {
        for (place, _) in shape.iter().enumerate().filter(|(_, (kind, _))| *kind == Kind::Id) {
            for number in [1, 1u64 << 53] {
                let mut items = elements(code, &shape);
                items[place + 1] = json!(number);
                for serializer in SerializerId::ALL {
                    let message = message(serializer, &frame(serializer, &items));
                    let again: Json = serde_json::from_slice(&message.encode(JSON).unwrap()).unwrap();
                    assert_eq!(again, items);
                }
            }
        }
    }
}

#[test]
fn id_01_zero_is_legal_in_revocations_only() {
    for serializer in SerializerId::ALL {
        let octets = frame(serializer, &json!([35, 0, {"subscription": 7}]));
        let Message::Unsubscribed(answer) = message(serializer, &octets) else {
            panic!("35 is UNSUBSCRIBED")
        };
        assert_eq!(answer.request, Answered::Revocation);
        let octets = frame(serializer, &json!([67, 0, {"registration": 7}]));
        let Message::Unregistered(answer) = message(serializer, &octets) else {
            panic!("67 is UNREGISTERED")
        };
        assert_eq!(answer.request, Answered::Revocation);
        for code in [MessageCode::Unsubscribed, MessageCode::Unregistered] {
            for wrong in [json!([code as u64, 0]), json!([code as u64, 7, {}])] {
                let octets = frame(serializer, &wrong);
                assert_eq!(refused(serializer, &octets), DecodeError::Arity(code), "{wrong}");
            }
        }
    }
}

/// Conformance: SER-05
#[test]
fn id_01_an_id_may_be_an_integer_of_any_width() {
    let unsubscribe = |serializer, raw: &str| {
        let octets =
            list(serializer, &[value(serializer, &json!(34)), unhex(raw), value(serializer, &json!(2))]);
        match message(serializer, &octets) {
            Message::Unsubscribe(message) => message.request.value(),
            other => panic!("{other:?}"),
        }
    };
    for raw in ["07", "cc07", "cd0007", "ce00000007", "cf0000000000000007", "d007", "d10007", "d200000007"] {
        assert_eq!(unsubscribe(MSGPACK, raw), 7);
    }
    assert_eq!(unsubscribe(MSGPACK, "d30020000000000000"), 1 << 53);
    for raw in ["07", "1807", "190007", "1a00000007", "1b0000000000000007", "c24107", "d9d9f707"] {
        assert_eq!(unsubscribe(CBOR, raw), 7);
    }
}

// What only one serializer can get wrong

#[test]
fn ser_08_msgpack_the_octet_that_is_never_used() {
    malformed(MSGPACK, &argument(MSGPACK, &[0xc1]));
    malformed(MSGPACK, &argument(MSGPACK, &unhex("91c1")));
    malformed(MSGPACK, &keyword(MSGPACK, &[0xc1], &[0x01]));
    malformed(MSGPACK, &keyword(MSGPACK, &unhex("a161"), &[0xc1]));
    for place in [1, OPTIONS, TOPIC, ARGS, KWARGS] {
        refused(MSGPACK, &publish_with(MSGPACK, place, &[0xc1]));
    }
    refused(MSGPACK, &[0xc1]);
}

#[test]
fn ser_08_cbor_reserved_additional_information() {
    for major in 0..8 {
        for info in 28..31 {
            let initial = [major << 5 | info];
            malformed(CBOR, &argument(CBOR, &initial));
            malformed(CBOR, &argument(CBOR, &[&[0x81], &initial[..]].concat()));
            malformed(CBOR, &keyword(CBOR, &initial, &[0x01]));
            for place in [1, OPTIONS, TOPIC, ARGS, KWARGS] {
                refused(CBOR, &publish_with(CBOR, place, &initial));
            }
            refused(CBOR, &initial);
        }
    }
}

#[test]
fn ser_08_cbor_no_indefinite_integers_and_tags() {
    for initial in [0x1f, 0x3f, 0xdf] {
        malformed(CBOR, &argument(CBOR, &[initial, 0x00]));
    }
}

#[test]
fn ser_08_cbor_a_break_where_nothing_is_open() {
    malformed(CBOR, &argument(CBOR, &[0xff]));
    malformed(CBOR, &argument(CBOR, &unhex("81 ff")));
    malformed(CBOR, &argument(CBOR, &unhex("82 01 ff")));
    malformed(CBOR, &argument(CBOR, &unhex("a1 01 ff")));
    malformed(CBOR, &argument(CBOR, &unhex("c6 ff")));
    refused(CBOR, &[0xff]);
}

#[test]
fn ser_08_cbor_a_dict_with_a_key_and_no_value() {
    malformed(CBOR, &argument(CBOR, &unhex("bf 61 61 ff")));
    malformed(CBOR, &argument(CBOR, &unhex("bf 61 61 01 61 62 ff")));
    malformed(CBOR, &publish_with(CBOR, KWARGS, &unhex("bf 61 61 ff")));
    refused(CBOR, &publish_with(CBOR, OPTIONS, &unhex("bf 61 61 ff")));
}

#[test]
fn ser_08_cbor_chunks_of_another_type() {
    for raw in [
        "5f 61 61 ff",
        "7f 41 61 ff",
        "7f 01 ff",
        "5f 80 ff",
        "5f 5f 41 61 ff ff",
        "7f 7f 61 61 ff ff",
        "7f c6 61 61 ff",
    ] {
        malformed(CBOR, &argument(CBOR, &unhex(raw)));
    }
    malformed(CBOR, &publish_with(CBOR, TOPIC, &unhex("7f 41 61 ff")));
    refused_as(CBOR, &argument(CBOR, &unhex("7f 61 61")), SyntaxError::UnexpectedEnd);
}

#[test]
fn ser_08_cbor_a_simple_value_in_two_octets_that_has_one() {
    for raw in ["f800", "f814", "f815", "f816", "f818", "f81f"] {
        malformed(CBOR, &argument(CBOR, &unhex(raw)));
    }
    // Nobody gave it a meaning, but it is well-formed.
    assert!(read(CBOR, &argument(CBOR, &unhex("f820"))).is_ok());
}

#[test]
fn ser_08_json_numbers_that_are_none() {
    for raw in [
        "01",
        "-01",
        "00",
        "1.",
        "-1.",
        ".5",
        "-.5",
        "+1",
        "-",
        "--1",
        "1e",
        "1e+",
        "1.e5",
        "1.5e",
        "0x10",
        "1_000",
        "1,5.",
        "NaN",
        "nan",
        "Infinity",
        "-Infinity",
        "1f",
        "٣",
    ] {
        malformed(JSON, &argument(JSON, raw.as_bytes()));
    }
}

#[test]
fn ser_08_json_words_that_are_none() {
    for raw in
        ["nul", "tru", "fals", "True", "NULL", "undefined", "nullx", "truefalse", "x", "'a'", "`a`", "a"]
    {
        malformed(JSON, &argument(JSON, raw.as_bytes()));
    }
}

#[test]
fn ser_08_json_commas_and_brackets_out_of_place() {
    for raw in [
        "[1,]",
        "[,1]",
        "[,]",
        "[1,,2]",
        "[1 2]",
        "[1;2]",
        "}",
        "[}",
        "{]",
        "[1}",
        "{\"a\":1]",
        "{\"a\":1,}",
        "{,}",
        "{\"a\"}",
        "{\"a\",1}",
        "{\"a\" 1}",
        "{\"a\":}",
        "{:1}",
        "{a:1}",
        "{1:1}",
        "{'a':1}",
        "{null:1}",
        "{\"a\":1 \"b\":2}",
    ] {
        malformed(JSON, &argument(JSON, raw.as_bytes()));
    }
    refused(JSON, br#"[16,1,{},"com.acme.tick",[],]"#);
    refused(JSON, br#"[16,1,{},"com.acme.tick",]"#);
    refused(JSON, br#"[16,1,{"retain":true,},"com.acme.tick"]"#);
    refused(JSON, br#"[,16,1,{},"com.acme.tick"]"#);
}

#[test]
fn ser_08_json_comments() {
    for raw in ["/* no */1", "1/* no */", "// no\n1", "#no\n1"] {
        malformed(JSON, &argument(JSON, raw.as_bytes()));
    }
    refused(JSON, b"/* no */[34,1,2]");
    refused_as(JSON, b"[34,1,2]// no", SyntaxError::Trailing);
}

#[test]
fn ser_08_json_a_byte_order_mark() {
    refused(JSON, "\u{feff}[34,1,2]".as_bytes());
    refused(JSON, b"\xff\xfe[\x003\x004\x00");
}

#[test]
fn ser_08_json_white_space_that_is_none() {
    for space in ["\u{a0}", "\u{b}", "\u{c}", "\u{2028}", "\0"] {
        malformed(JSON, &argument(JSON, format!("{space}1").as_bytes()));
        refused(JSON, format!("[34,{space}1,2]").as_bytes());
    }
}

#[test]
fn ser_08_json_control_characters_in_a_string() {
    for control in 0..0x20u8 {
        for len in 0..10 {
            let raw = [b"\"", "x".repeat(len).as_bytes(), &[control], b"xxxxxxxx\""].concat();
            malformed(JSON, &argument(JSON, &raw));
            malformed(JSON, &keyword(JSON, &raw, b"1"));
        }
        malformed(JSON, &publish_with(JSON, TOPIC, &[b'"', control, b'"']));
    }
    assert!(read(JSON, &argument(JSON, b"\"\x7f\"")).is_ok());
}

#[test]
fn ser_08_json_escapes_that_are_none() {
    for raw in [
        r#""\x41""#,
        r#""\'""#,
        r#""\0""#,
        r#""\U0041""#,
        r#""\u12""#,
        r#""\u12G4""#,
        r#""\u+123""#,
        r#""\ u0041""#,
    ] {
        malformed(JSON, &argument(JSON, raw.as_bytes()));
        malformed(JSON, &publish_with(JSON, TOPIC, raw.as_bytes()));
    }
    refused(JSON, br#"[16,1,{},"com.acme.tick",["\"]]"#);
}

/// RFC 8259 allows the text, Unicode does not have the character.
#[test]
fn ser_08_json_a_lone_surrogate_may_be_payload_but_no_topic() {
    for raw in [
        r#""\ud800""#,
        r#""\udc00""#,
        r#""\ud800x""#,
        r#""\ud800\ud800""#,
        r#""\ud800\u0041""#,
        r#""\udc00\ud800""#,
    ] {
        let octets = argument(JSON, raw.as_bytes());
        assert_eq!(message(JSON, &octets).encode(JSON).unwrap(), octets);
        refused_as(JSON, &publish_with(JSON, TOPIC, raw.as_bytes()), SyntaxError::LoneSurrogate);
        let key = format!("{{{raw}:1}}");
        refused_as(JSON, &publish_with(JSON, OPTIONS, key.as_bytes()), SyntaxError::LoneSurrogate);
    }
    let Message::Publish(publish) = message(JSON, &publish_with(JSON, TOPIC, br#""\ud834\udd1e""#)) else {
        panic!("16 is PUBLISH");
    };
    assert_eq!(publish.topic, "𝄞");
}
