//! What becomes of a payload that goes from one serializer to another (SER-06, SER-09).

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/frames.rs"]
mod frames;

use bytes::Bytes;
use frames::{CBOR, JSON, MSGPACK, hex, json, list, message, publish_with, unhex};
use wamp_proto::{Arity, Message, Payload, RecodeError, SerializerId, Value};

/// The argument of a PUBLISH after it went from one serializer to another; hexadecimal but in JSON.
fn carried(from: SerializerId, raw: &[u8], to: SerializerId) -> Result<String, RecodeError> {
    let octets = publish_with(from, 4, &list(from, &[raw.to_vec()]));
    let payload = payload_of(message(to, &message(from, &octets).encode(to)?));
    // A list of one.
    Ok(match to {
        SerializerId::Json => String::from_utf8(payload.raw()[1..payload.raw().len() - 1].to_vec()).unwrap(),
        _ => hex(&payload.raw()[1..]),
    })
}

fn payload_of(message: Message) -> Payload {
    match message {
        Message::Publish(publish) => publish.payload,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn json_to_msgpack(raw: &str, expected: &str) {
    assert_eq!(carried(JSON, raw.as_bytes(), MSGPACK), Ok(expected.replace(' ', "")), "{raw}");
}

#[track_caller]
fn json_to_cbor(raw: &str, expected: &str) {
    assert_eq!(carried(JSON, raw.as_bytes(), CBOR), Ok(expected.replace(' ', "")), "{raw}");
}

#[track_caller]
fn msgpack_to_json(raw: &str, expected: &str) {
    assert_eq!(carried(MSGPACK, &unhex(raw), JSON), Ok(expected.to_owned()), "{raw}");
}

#[track_caller]
fn msgpack_to_cbor(raw: &str, expected: &str) {
    assert_eq!(carried(MSGPACK, &unhex(raw), CBOR), Ok(expected.replace(' ', "")), "{raw}");
}

#[track_caller]
fn cbor_to_json(raw: &str, expected: &str) {
    assert_eq!(carried(CBOR, &unhex(raw), JSON), Ok(expected.to_owned()), "{raw}");
}

#[track_caller]
fn cbor_to_msgpack(raw: &str, expected: &str) {
    assert_eq!(carried(CBOR, &unhex(raw), MSGPACK), Ok(expected.replace(' ', "")), "{raw}");
}

/// A payload of these keyword arguments does not arrive at a peer with another serializer.
#[track_caller]
fn undeliverable_kwargs(from: SerializerId, raw: &[u8], error: &RecodeError) {
    let octets = publish_with(from, 5, raw);
    let message = message(from, &octets);
    for to in SerializerId::ALL {
        if to == from {
            let again = payload_of(frames::message(to, &message.encode(to).unwrap()));
            assert!(again.raw().ends_with(raw));
        } else {
            assert_eq!(message.encode(to).as_ref(), Err(error), "to {to:?}");
        }
    }
}

#[track_caller]
fn undeliverable(from: SerializerId, raw: &[u8]) {
    for to in SerializerId::ALL {
        assert_eq!(carried(from, raw, to).is_ok(), to == from, "to {to:?}");
    }
}

// The table of SER-09, line by line and direction by direction

#[test]
fn ser_09_undefined_from_cbor_is_null_in_json() {
    cbor_to_json("f7", "null");
    cbor_to_json("a16161f7", r#"{"a":null}"#);
}

#[test]
fn ser_09_undefined_from_cbor_is_nil_in_msgpack() {
    cbor_to_msgpack("f7", "c0");
}

/// msgpackr's undefined: extension 0 with one zero octet.
#[test]
fn ser_09_undefined_from_msgpack_is_null_elsewhere() {
    msgpack_to_json("d40000", "null");
    msgpack_to_cbor("d40000", "f6");
}

#[test]
fn ser_09_what_is_no_number_in_msgpack_is_null_in_json() {
    for raw in [
        "cb7ff8000000000000",
        "cb7ff0000000000000",
        "cbfff0000000000000",
        "ca7fc00000",
        "ca7f800000",
        "caff800000",
    ] {
        msgpack_to_json(raw, "null");
    }
}

#[test]
fn ser_09_what_is_no_number_in_cbor_is_null_in_json() {
    for raw in
        ["fb7ff8000000000000", "fb7ff0000000000000", "fbfff0000000000000", "f97e00", "f97c00", "f9fc00"]
    {
        cbor_to_json(raw, "null");
    }
}

#[test]
fn ser_09_what_is_no_number_stays_that_between_msgpack_and_cbor() {
    msgpack_to_cbor("cb7ff0000000000000", "fb7ff0000000000000");
    msgpack_to_cbor("cbfff0000000000000", "fbfff0000000000000");
    msgpack_to_cbor("cb7ff8000000000000", "fb7ff8000000000000");
    cbor_to_msgpack("f97c00", "cb7ff0000000000000");
    cbor_to_msgpack("f97e00", "cb7ff8000000000000");
}

#[test]
fn ser_09_integer_keys_from_msgpack_are_decimal_strings_in_json() {
    msgpack_to_json(
        "8307a16121a162cfffffffffffffffffc0",
        r#"{"7":"a","33":"b","18446744073709551615":null}"#,
    );
    msgpack_to_json("81d38000000000000000c0", r#"{"-9223372036854775808":null}"#);
}

#[test]
fn ser_09_integer_keys_from_cbor_are_decimal_strings_in_json() {
    cbor_to_json("a20761612000", r#"{"7":"a","-1":0}"#);
    cbor_to_json("a13bffffffffffffffff00", r#"{"-18446744073709551616":0}"#);
}

#[test]
fn ser_09_integer_keys_stay_integers_between_msgpack_and_cbor() {
    msgpack_to_cbor("8207a161d18000a162", "a2 07 6161 397fff 6162");
    cbor_to_msgpack("a2076161397fff6162", "82 07 a161 d18000 a162");
    // Wider than MessagePack has.
    cbor_to_msgpack("a13bffffffffffffffff00", &format!("81 b5{} 00", hex(b"-18446744073709551616")));
}

#[test]
fn ser_09_timestamps_from_msgpack_are_rfc_3339_in_json() {
    msgpack_to_json("d6ff38bbd930", r#""2000-02-29T14:35:28Z""#);
    msgpack_to_json("d7ff77359400 38bbd930", r#""2000-02-29T14:35:28.5Z""#);
    msgpack_to_json("c70cff 000003e8 ffffffffffffffff", r#""1969-12-31T23:59:59.000001Z""#);
}

#[test]
fn ser_09_timestamps_from_cbor_are_rfc_3339_in_json() {
    cbor_to_json("c11a38bbd930", r#""2000-02-29T14:35:28Z""#);
    cbor_to_json("c1fb41cc5dec98400000", r#""2000-02-29T14:35:28.5Z""#);
    cbor_to_json("c120", r#""1969-12-31T23:59:59Z""#);
    let text = "2013-03-21T20:04:00+01:00";
    cbor_to_json(&format!("c07819{}", hex(text.as_bytes())), &format!("\"{text}\""));
}

#[test]
fn ser_09_timestamps_stay_timestamps_between_msgpack_and_cbor() {
    msgpack_to_cbor("d6ff38bbd930", "c1 1a38bbd930");
    cbor_to_msgpack("c11a38bbd930", "d6ff38bbd930");
    cbor_to_msgpack("c120", "c70cff 00000000 ffffffffffffffff");
    cbor_to_msgpack("c1fb41cc5dec98400000", "c70cff 1dcd6500 0000000038bbd930");
    // Text alone holds every nanosecond in CBOR.
    msgpack_to_cbor(
        "c70cff 00000001 0000000000000000",
        &format!("c0 781e{}", hex(b"1970-01-01T00:00:00.000000001Z")),
    );
}

#[test]
fn ser_09_other_tags_are_their_content() {
    let uri = hex(b"http://a.b");
    cbor_to_json(&format!("d8206a{uri}"), r#""http://a.b""#);
    cbor_to_msgpack(&format!("d8206a{uri}"), &format!("aa{uri}"));
    // Around lists and dicts, inside one another, and tags whose content is not theirs.
    cbor_to_json("d9d9f782c601c6a16161c6c107", r#"[1,{"a":"1970-01-01T00:00:07Z"}]"#);
    cbor_to_msgpack("c1820102", "920102");
    cbor_to_msgpack("c2a0", "80");
    cbor_to_msgpack("c16161", "a161");
    cbor_to_msgpack("c207", "07");
}

#[test]
fn ser_09_other_extensions_are_octets() {
    msgpack_to_json("c70305010203", r#""\u0000AQID""#);
    msgpack_to_cbor("c70305010203", "43010203");
    msgpack_to_cbor("d5000102", "420102");
    // A timestamp of a length that none has.
    msgpack_to_cbor("d5ff0102", "420102");
}

#[test]
fn ser_09_bignums_that_fit_are_numbers() {
    cbor_to_json("c24100", "0");
    cbor_to_json("c240", "0");
    cbor_to_json("c24a00000000000000000007", "7");
    cbor_to_json("c248ffffffffffffffff", "18446744073709551615");
    cbor_to_json("c347 7fffffffffffff", "-36028797018963968");
    cbor_to_msgpack("c248ffffffffffffffff", "cfffffffffffffffff");
    cbor_to_msgpack("c3487fffffffffffffff", "d38000000000000000");
}

#[test]
fn ser_09_bignums_that_do_not_fit_are_decimal_strings() {
    cbor_to_json("c249010000000000000000", r#""18446744073709551616""#);
    cbor_to_json("c349010000000000000000", r#""-18446744073709551617""#);
    cbor_to_msgpack("c249010000000000000000", &format!("b4{}", hex(b"18446744073709551616")));
    cbor_to_msgpack("c349010000000000000000", &format!("b5{}", hex(b"-18446744073709551617")));
    // A negative integer that only CBOR has natively.
    cbor_to_msgpack("3bffffffffffffffff", &format!("b5{}", hex(b"-18446744073709551616")));
}

#[test]
fn ser_09_json_integers_beyond_64_bit_are_bignums_in_cbor() {
    json_to_cbor("18446744073709551616", "c249010000000000000000");
    json_to_cbor("-18446744073709551617", "c349010000000000000000");
    json_to_cbor("-18446744073709551616", "3bffffffffffffffff");
    json_to_cbor("-9223372036854775809", "3b8000000000000000");
    json_to_cbor("340282366920938463463374607431768211456", "c25101 00000000000000000000000000000000");
}

#[test]
fn ser_09_json_integers_beyond_64_bit_are_decimal_strings_in_msgpack() {
    json_to_msgpack("18446744073709551616", &format!("b4{}", hex(b"18446744073709551616")));
    json_to_msgpack("-9223372036854775809", &format!("b4{}", hex(b"-9223372036854775809")));
    json_to_msgpack("18446744073709551615", "cfffffffffffffffff");
    json_to_msgpack("-9223372036854775808", "d38000000000000000");
}

#[test]
fn ser_09_bignums_in_a_dict_are_decimal_strings_in_msgpack() {
    // [16, 1, {"_big": 2^64}, "a.b"] in CBOR. Unlike a payload, an unknown option was a value in between.
    let frame = unhex("84 10 01 a1 64 5f626967 c2 49 010000000000000000 63 612e62");
    let msgpack = message(CBOR, &frame).encode(MSGPACK).unwrap();
    assert_eq!(hex(&msgpack), hex(b"\x94\x10\x01\x81\xa4_big\xb418446744073709551616\xa3a.b"));
}

#[test]
fn ser_09_a_lone_surrogate_is_not_deliverable() {
    undeliverable(JSON, br#""\ud800""#);
    undeliverable(JSON, br#"[{"a":"x\udfffy"}]"#);
    undeliverable(JSON, br#"{"\ud800":1}"#);
}

#[test]
fn ser_09_a_key_of_another_type_is_not_deliverable() {
    for key in ["c0", "c3", "cb3ff8000000000000", "c40161", "d6ff00000000", "90", "80"] {
        undeliverable(MSGPACK, &unhex(&format!("81{key}01")));
    }
    for key in ["f6", "f7", "f5", "fb3ff8000000000000", "4161", "c100", "c249010000000000000000", "80", "a0"]
    {
        undeliverable(CBOR, &unhex(&format!("a1{key}01")));
    }
}

#[test]
fn ser_09_a_keyword_argument_given_twice_is_not_deliverable() {
    let error = RecodeError::DuplicateKeyword;
    undeliverable_kwargs(JSON, br#"{"a":1,"b":2,"a":1}"#, &error);
    undeliverable_kwargs(JSON, br#"{"a":1,"\u0061":1}"#, &error);
    undeliverable_kwargs(MSGPACK, &unhex("83 a161 01 a162 02 a161 03"), &error);
    undeliverable_kwargs(CBOR, &unhex("a3 6161 01 6162 02 6161 03"), &error);
    // An integer key has the name of its digits.
    undeliverable_kwargs(CBOR, &unhex("a2 6137 01 07 02"), &error);
    undeliverable_kwargs(MSGPACK, &unhex("82 a137 01 07 02"), &error);
}

#[test]
fn ser_09_equal_serializers_never_change_an_octet() {
    for (serializer, raw) in [
        (JSON, br#"[ 1.50 ,1E2,"\u00e9\/\ud800",{"a":1,"a":2},-0,123456789012345678901234567890 ]"#.to_vec()),
        (MSGPACK, unhex("95 cf0000000000000001 da000161 82c00101c0 c70005 ca3f800000")),
        (
            CBOR,
            unhex(
                "9f 1b0000000000000001 7f6161ff f7 c11a00000000 bf01020102ff c249ffffffffffffffffff f93c00 ff",
            ),
        ),
    ] {
        let octets = publish_with(serializer, 4, &raw);
        let again =
            payload_of(message(serializer, &message(serializer, &octets).encode(serializer).unwrap()));
        assert_eq!(again.raw(), &raw);
    }
}

#[test]
fn ser_09_integers_of_too_many_digits_are_not_deliverable() {
    let longest = "9".repeat(2048);
    json_to_msgpack(&longest, &format!("da0800{}", hex(longest.as_bytes())));
    undeliverable(JSON, "9".repeat(2049).as_bytes());
    let bignum = |len: u16| [&[0xc2, 0x59][..], &len.to_be_bytes(), &vec![0xff; len.into()]].concat();
    let digits = carried(CBOR, &bignum(1024), JSON).unwrap();
    assert!(
        digits.starts_with("\"10907481356194159294") && digits.ends_with("86505665475715792895\""),
        "2^8192 - 1"
    );
    undeliverable(CBOR, &bignum(1025));
}

// Octets

/// The specification's example.
const BLOB: &str = "10e3ff9053075c526f5fc06d4fe37cdb";
const BLOB_JSON: &str = r#""\u0000EOP/kFMHXFJvX8BtT+N82w==""#;

#[test]
fn ser_02_octets_are_base64_behind_a_nul_in_json() {
    msgpack_to_json(&format!("c410{BLOB}"), BLOB_JSON);
    cbor_to_json(&format!("50{BLOB}"), BLOB_JSON);
    msgpack_to_json("c400", r#""\u0000""#);
    cbor_to_json("5f42010241ffff", r#""\u0000AQL/""#);
}

#[test]
fn ser_02_octets_at_any_depth() {
    msgpack_to_json("92c40101 81a16191c40102", r#"["\u0000AQ==",{"a":["\u0000Ag=="]}]"#);
    cbor_to_json("824101 a161618141 02", r#"["\u0000AQ==",{"a":["\u0000Ag=="]}]"#);
    json_to_msgpack(r#"["\u0000AQ==",{"a":["\u0000Ag=="]}]"#, "92 c40101 81a161 91c40102");
    json_to_cbor(r#"["\u0000AQ==",{"a":["\u0000Ag=="]}]"#, "82 4101 a16161 814102");
}

/// Conformance: SER-06
#[test]
fn ser_02_octets_in_options_and_details() {
    let text = r#"[36,1,2,{"_acme":{"in":["\u0000AQID"]}}]"#;
    let event = json(text);
    for serializer in [MSGPACK, CBOR] {
        let again = message(serializer, &event.encode(serializer).unwrap());
        let Message::Event(details) = &again else { panic!("36 is EVENT") };
        let octets = Value::Dict(vec![("in".into(), Value::List(vec![Value::Bytes(vec![1, 2, 3])]))]);
        assert_eq!(details.details.extra, [("_acme".to_owned(), octets)]);
        assert_eq!(again.encode(JSON).unwrap(), text);
    }
    let text = r#"[1,"com.acme.realm",{"roles":{"caller":{}},"authextra":{"key":"\u0000/w=="}}]"#;
    let octets = json(text).encode(CBOR).unwrap();
    assert!(hex(&octets).ends_with("636b657941ff"), "{}", hex(&octets));
    assert_eq!(message(CBOR, &octets).encode(JSON).unwrap(), text);
}

#[test]
fn ser_03_strings_behind_a_nul_are_octets() {
    json_to_msgpack(BLOB_JSON, &format!("c410{BLOB}"));
    json_to_cbor(BLOB_JSON, &format!("50{BLOB}"));
}

#[test]
fn ser_03_a_lone_nul_is_no_octets() {
    json_to_msgpack(r#""\u0000""#, "c400");
    json_to_cbor(r#""\u0000""#, "40");
}

#[test]
fn ser_03_other_strings_are_untouched() {
    json_to_msgpack(r#""AQID""#, &format!("a4{}", hex(b"AQID")));
    json_to_msgpack(r#""x\u0000AQID""#, &format!("a6{}", hex(b"x\0AQID")));
    json_to_cbor(r#""\\u0000""#, &format!("66{}", hex(b"\\u0000")));
    // Behind a NUL, but no base64 by RFC 4648 with its padding.
    json_to_cbor(r#""\u0000AQI""#, &format!("64{}", hex(b"\0AQI")));
    json_to_cbor(r#""\u0000!!!!""#, &format!("65{}", hex(b"\0!!!!")));
    // A key is a name, whatever it starts with.
    json_to_cbor(r#"{"\u0000AQ==":1}"#, &format!("a165{}01", hex(b"\0AQ==")));
}

#[test]
fn ser_04_text_and_octets_stay_distinct_in_msgpack() {
    let octets = publish_with(MSGPACK, 4, &unhex("92 a3616263 c403616263"));
    let (args, _) = payload_of(message(MSGPACK, &octets)).values().unwrap();
    assert_eq!(args, ["abc".into(), Value::Bytes(b"abc".to_vec())]);
    let payload = Payload::new(MSGPACK, &args, &[]);
    assert_eq!(hex(payload.raw()), "92a3616263c403616263");
    msgpack_to_cbor("92a3616263c403616263", "82 63616263 43616263");
    cbor_to_msgpack("826361626343616263", "92 a3616263 c403616263");
}

#[test]
fn ser_04_every_width_of_text_and_octets_in_msgpack() {
    for (len, text, octets) in [
        (0, "a0", "c400"),
        (31, "bf", "c41f"),
        (32, "d920", "c420"),
        (255, "d9ff", "c4ff"),
        (256, "da0100", "c50100"),
        (65_535, "daffff", "c5ffff"),
        (65_536, "db00010000", "c600010000"),
    ] {
        let values = [Value::String("x".repeat(len)), Value::Bytes(vec![b'x'; len])];
        let payload = Payload::new(MSGPACK, &values, &[]);
        let content = hex(&vec![b'x'; len]);
        assert_eq!(hex(payload.raw()), format!("92{text}{content}{octets}{content}"));
        let scanned = payload_of(message(MSGPACK, &publish_with(MSGPACK, 4, payload.raw())));
        assert_eq!(scanned.values().unwrap().0, values);
    }
}

/// One value of each marker, passed over, read, and carried to JSON.
#[test]
fn ser_04_every_marker_of_msgpack() {
    for (raw, text) in [
        ("7f", "127"),
        ("e0", "-32"),
        ("cc80", "128"),
        ("cd0100", "256"),
        ("ce00010000", "65536"),
        ("cf0000000100000000", "4294967296"),
        ("d080", "-128"),
        ("d18000", "-32768"),
        ("d280000000", "-2147483648"),
        ("d38000000000000000", "-9223372036854775808"),
        ("ca3fc00000", "1.5"),
        ("cb3ff8000000000000", "1.5"),
        ("c0", "null"),
        ("c2", "false"),
        ("c3", "true"),
        ("a161", r#""a""#),
        ("d90161", r#""a""#),
        ("da000161", r#""a""#),
        ("db0000000161", r#""a""#),
        ("c40100", r#""\u0000AA==""#),
        ("c5000100", r#""\u0000AA==""#),
        ("c60000000100", r#""\u0000AA==""#),
        ("9107", "[7]"),
        ("dc000107", "[7]"),
        ("dd0000000107", "[7]"),
        ("81a16107", r#"{"a":7}"#),
        ("de0001a16107", r#"{"a":7}"#),
        ("df00000001a16107", r#"{"a":7}"#),
        ("d40500", r#""\u0000AA==""#),
        ("d5050000", r#""\u0000AAA=""#),
        ("d60500000000", r#""\u0000AAAAAA==""#),
        ("d7050000000000000000", r#""\u0000AAAAAAAAAAA=""#),
        ("d80500000000000000000000000000000000", r#""\u0000AAAAAAAAAAAAAAAAAAAAAA==""#),
        ("c7010500", r#""\u0000AA==""#),
        ("c800010500", r#""\u0000AA==""#),
        ("c9000000010500", r#""\u0000AA==""#),
    ] {
        msgpack_to_json(raw, text);
        // Passed over to its last octet: what follows is seen.
        msgpack_to_json(&format!("92{raw}07"), &format!("[{text},7]"));
    }
}

#[test]
fn ser_05_text_and_octets_stay_distinct_in_cbor() {
    let octets = publish_with(CBOR, 4, &unhex("82 63616263 43616263"));
    let (args, _) = payload_of(message(CBOR, &octets)).values().unwrap();
    assert_eq!(args, ["abc".into(), Value::Bytes(b"abc".to_vec())]);
    assert_eq!(hex(Payload::new(CBOR, &args, &[]).raw()), "826361626343616263");
}

#[test]
fn ser_05_every_width_of_text_and_octets_in_cbor() {
    for (len, head) in
        [(0, ""), (23, ""), (24, "18"), (255, "ff"), (256, "0100"), (65_535, "ffff"), (65_536, "00010000")]
    {
        let values = [Value::String("x".repeat(len)), Value::Bytes(vec![b'x'; len])];
        let payload = Payload::new(CBOR, &values, &[]);
        let initial = match head.len() {
            0 => len as u8,
            digits => 24 + (digits / 2).ilog2() as u8,
        };
        let content = hex(&vec![b'x'; len]);
        let (text, octets) = (hex(&[0x60 | initial]), hex(&[0x40 | initial]));
        assert_eq!(hex(payload.raw()), format!("82{text}{head}{content}{octets}{head}{content}"));
        let scanned = payload_of(message(CBOR, &publish_with(CBOR, 4, payload.raw())));
        assert_eq!(scanned.values().unwrap().0, values);
    }
}

#[test]
fn ser_05_indefinite_lengths_are_read() {
    // A whole PUBLISH without one definite length, with a topic in pieces.
    let octets = unhex(
        "9f 10 01 bf 6b61636b6e6f776c65646765 f5 ff 7f 63612e62 622e63 ff 9f 01 5f 4101 4102 ff 7f ff ff bf 6161 9f ff ff ff",
    );
    let Message::Publish(publish) = message(CBOR, &octets) else { panic!("16 is PUBLISH") };
    assert_eq!((publish.options.acknowledge, publish.topic.as_ref()), (Some(true), "a.b.c"));
    let (args, kwargs) = publish.payload.values().unwrap();
    assert_eq!(args, [1.into(), Value::Bytes(vec![1, 2]), "".into()]);
    assert_eq!(kwargs, [("a".to_owned(), Value::List(vec![]))]);
    cbor_to_json("9f9fffbfff7f6161ff5fffff", r#"[[],{},"a","\u0000"]"#);
    cbor_to_msgpack("bf616101ff", "81 a161 01");
}

#[test]
fn ser_05_integers_of_any_width_are_read() {
    for raw in ["07", "1807", "190007", "1a00000007", "1b0000000000000007", "c24107"] {
        cbor_to_json(raw, "7");
    }
    for raw in ["26", "3806", "390006", "3a00000006", "3b0000000000000006", "c34106"] {
        cbor_to_json(raw, "-7");
    }
}

#[test]
fn ser_05_floats_of_any_width_are_read() {
    for raw in ["f93e00", "fa3fc00000", "fb3ff8000000000000"] {
        cbor_to_json(raw, "1.5");
    }
    cbor_to_json("f90001", "5.960464477539063e-8");
    cbor_to_json("f98000", "-0.0");
    cbor_to_json("f97bff", "65504.0");
}

// Semantically equal

#[test]
fn ser_06_integers_beyond_2_pow_53_keep_every_digit() {
    for number in ["9007199254740993", "-9007199254740993", "9223372036854775807", "18446744073709551615"] {
        for via in [MSGPACK, CBOR] {
            let there = carried(JSON, number.as_bytes(), via).unwrap();
            assert_eq!(carried(via, &unhex(&there), JSON).unwrap(), number);
        }
    }
    msgpack_to_cbor("cf0020000000000001", "1b0020000000000001");
    cbor_to_msgpack("3b0020000000000000", "d3ffdfffffffffffff");
}

#[test]
fn ser_06_floats_stay_floats() {
    json_to_msgpack(
        "[1.0,0.1,-2.5e-3,1e2]",
        "94 cb3ff0000000000000 cb3fb999999999999a cbbf647ae147ae147b cb4059000000000000",
    );
    json_to_cbor("1.0", "fb3ff0000000000000");
    msgpack_to_json("cb3ff0000000000000", "1.0");
    msgpack_to_json("cb3fb999999999999a", "0.1");
    msgpack_to_json("cb7fefffffffffffff", "1.7976931348623157e308");
    msgpack_to_json("ca3dcccccd", "0.10000000149011612");
    cbor_to_msgpack("fb3fb999999999999a", "cb3fb999999999999a");
}

#[test]
fn ser_06_null_booleans_and_nested_values() {
    let text = r#"[null,true,false,[],{},{"a":[{"b":{}}]},""]"#;
    json_to_msgpack(text, "97 c0 c3 c2 90 80 81a161 91 81a162 80 a0");
    json_to_cbor(text, "87 f6 f5 f4 80 a0 a16161 81 a16162 a0 60");
    msgpack_to_json("97c0c3c2908081a1619181a16280a0", text);
    cbor_to_json("87f6f5f480a0a1616181a16162a060", text);
}

#[test]
fn ser_06_long_lists_and_dicts() {
    for len in [15, 16, 23, 24, 255, 256, 65_536] {
        let items = vec!["0"; len].join(",");
        let entries: Vec<_> = (0..len).map(|number| format!("\"{number}\":0")).collect();
        for text in [format!("[{items}]"), format!("{{{}}}", entries.join(","))] {
            for via in [MSGPACK, CBOR] {
                let there = carried(JSON, text.as_bytes(), via).unwrap();
                let other = if via == CBOR { MSGPACK } else { CBOR };
                let further = carried(via, &unhex(&there), other).unwrap();
                assert_eq!(carried(other, &unhex(&further), JSON).unwrap(), text, "{len}");
            }
        }
    }
}

#[test]
fn ser_06_text_is_escaped_and_unescaped() {
    json_to_msgpack(
        r#""\"\\\/\b\f\n\r\t\u00e9\ud834\udd1e""#,
        &format!("ae{}", hex("\"\\/\u{8}\u{c}\n\r\té𝄞".as_bytes())),
    );
    let text = "\"\\/\u{8}\u{c}\n\r\t\u{1f}\u{7f}é𝄞";
    let raw = Payload::new(MSGPACK, &[text.into()], &[]);
    let there = carried(MSGPACK, &raw.raw()[1..], JSON).unwrap();
    assert_eq!(serde_json::from_str::<String>(&there).unwrap(), text);
}

/// Conformance: MSG-12
#[test]
fn ser_06_absent_and_empty_arguments_stay_what_they_are() {
    for text in [
        r#"[70,1,{}]"#,
        r#"[70,1,{},[]]"#,
        r#"[70,1,{},[],{}]"#,
        r#"[70,1,{},[],{"a":1}]"#,
        r#"[70,1,{},[1],{}]"#,
    ] {
        for via in [MSGPACK, CBOR] {
            let there = json(text).encode(via).unwrap();
            assert_eq!(message(via, &there).encode(JSON).unwrap(), text);
        }
    }
}

#[test]
fn uri_07_uris_beyond_ascii_survive_every_serializer() {
    let topic = "com.münchen.東京.𝄞.ñ";
    let text = format!(r#"[32,1,{{}},"{topic}"]"#);
    for via in SerializerId::ALL {
        let Message::Subscribe(subscribe) = message(via, &json(&text).encode(via).unwrap()) else {
            panic!("32 is SUBSCRIBE");
        };
        assert_eq!(subscribe.topic, topic);
        assert_eq!(Message::from(subscribe).encode(JSON).unwrap(), text);
    }
    let escaped = json(r#"[32,1,{},"com.m\u00fcnchen.\ud834\udd1e"]"#);
    assert_eq!(escaped.encode(JSON).unwrap(), r#"[32,1,{},"com.münchen.𝄞"]"#);
}

#[test]
fn ser_07_serializers_that_we_lack_have_no_id() {
    for (id, serializer) in [(1, JSON), (2, MSGPACK), (3, CBOR)] {
        assert_eq!(SerializerId::from_rawsocket_id(id), Some(serializer));
    }
    // 0 is illegal, 4 UBJSON, 5 FlatBuffers, the rest reserved.
    for id in [0].into_iter().chain(4..=255) {
        assert_eq!(SerializerId::from_rawsocket_id(id), None, "{id}");
    }
}

#[test]
fn ser_07_serializers_that_we_lack_have_no_subprotocol() {
    for serializer in SerializerId::ALL {
        assert_eq!(SerializerId::from_subprotocol(serializer.subprotocol()), Some(serializer));
    }
    for name in [
        "wamp.2.ubjson",
        "wamp.2.flatbuffers",
        "wamp.2.json.batched",
        "wamp.2",
        "wamp.1.json",
        "WAMP.2.JSON",
        "",
    ] {
        assert_eq!(SerializerId::from_subprotocol(name), None, "{name}");
    }
}

#[test]
fn msg_11_empty_elements_are_left_out() {
    let one = [Value::from(1)];
    let named = [("a".to_owned(), Value::from(1))];
    for (args, kwargs, expected) in [
        (&[][..], &[][..], r#"[70,1,{}]"#),
        (&one, &[], r#"[70,1,{},[1]]"#),
        (&[], &named, r#"[70,1,{},[],{"a":1}]"#),
        (&one, &named, r#"[70,1,{},[1],{"a":1}]"#),
    ] {
        for serializer in SerializerId::ALL {
            let Message::Yield(mut yielded) = json("[70,1,{}]") else { panic!("70 is YIELD") };
            yielded.payload = Payload::new(serializer, args, kwargs);
            assert_eq!(Message::from(yielded).encode(JSON).unwrap(), expected);
        }
    }
}

#[test]
fn msg_12_absent_and_empty_arguments_are_equal_payload() {
    for text in [r#"[70,1,{}]"#, r#"[70,1,{},[]]"#, r#"[70,1,{},[],{}]"#] {
        for serializer in SerializerId::ALL {
            let octets = json(text).encode(serializer).unwrap();
            let Message::Yield(yielded) = message(serializer, &octets) else { panic!("70 is YIELD") };
            assert_eq!(yielded.payload.values().unwrap(), (vec![], vec![]));
        }
    }
}

/// A rehomed message means the same and no longer needs the frame.
#[test]
fn ser_06_a_message_that_moves_keeps_its_octets() {
    for serializer in SerializerId::ALL {
        let octets = Bytes::from(publish_with(
            serializer,
            5,
            &frames::value(serializer, &serde_json::json!({"a": [1]})),
        ));
        let mut publish = message(serializer, &octets);
        let before = publish.clone();
        let (found, body) = publish.encode_and_rehome(JSON).unwrap();
        assert_eq!(found, serializer);
        assert_eq!(publish, before);
        assert_eq!(message(serializer, &body), before);
        let payload = payload_of(publish);
        let start = payload.raw().as_ptr() as usize;
        assert!((body.as_ptr() as usize..body.as_ptr() as usize + body.len()).contains(&start));
    }
}

/// No octet, each length that base64 pads in its way, every octet, and a length of two octets.
fn contents() -> Vec<Vec<u8>> {
    let every: Vec<u8> = (0..=255).collect();
    vec![vec![], vec![0], b"[]".to_vec(), b"{}\xff".to_vec(), every.clone(), every.repeat(4)]
}

/// Conformance: SER-06, SER-09
#[test]
fn tv_04_transparent_payload_is_carried_to_every_serializer() {
    for (from, to) in SerializerId::ALL.into_iter().flat_map(|from| SerializerId::ALL.map(|to| (from, to))) {
        for content in contents() {
            let there = frames::transparent(to, &[frames::bytes(to, &content)]);
            for (octets, there) in
                frames::transparent(from, &[frames::bytes(from, &content)]).iter().zip(there)
            {
                let carried = message(to, &message(from, octets).encode(to).unwrap());
                let payload = carried.payload().unwrap();
                assert_eq!(payload.arity(), Arity::Opaque);
                assert_eq!(payload.values().unwrap(), (vec![Value::Bytes(content.clone())], vec![]));
                // All else of the message is there too, `enc_algo` first.
                let expected = message(to, &there).encode(JSON).unwrap();
                assert_eq!(carried.encode(JSON).unwrap(), expected, "{from:?} to {to:?}");
            }
        }
    }
}

/// Conformance: SER-09
#[test]
fn tv_04_transparent_payload_of_an_equal_serializer_passes_octet_for_octet() {
    for (serializer, raw) in [
        (JSON, br#""\u0000YQ==""#.to_vec()),
        (JSON, br#""\u0000\u0059\u0051\u003d=""#.to_vec()),
        (MSGPACK, unhex("c40161")),
        (MSGPACK, unhex("c5000161")),
        (MSGPACK, unhex("c60000000161")),
        (CBOR, unhex("4161")),
        (CBOR, unhex("5b000000000000000161")),
        (CBOR, unhex("5f40416140ff")),
        (CBOR, unhex("d8404161")),
    ] {
        for octets in frames::transparent(serializer, std::slice::from_ref(&raw)) {
            let mut read = message(serializer, &octets);
            let payload = read.payload().unwrap().clone();
            assert_eq!((payload.arity(), &payload.raw()[..]), (Arity::Opaque, &raw[..]));
            assert_eq!(payload.values().unwrap(), (vec![Value::Bytes(b"a".to_vec())], vec![]));
            let again = message(serializer, &read.encode(serializer).unwrap());
            assert_eq!(again, read);
            let (found, body) = read.encode_and_rehome(JSON).unwrap();
            assert_eq!((found, read.payload().unwrap()), (serializer, &payload));
            assert_eq!(message(serializer, &body), again);
        }
    }
}

#[test]
fn tv_04_enc_algo_allows_arguments_as_ever() {
    for serializer in SerializerId::ALL {
        let value = |text: &str| frames::value(serializer, &serde_json::from_str(text).unwrap());
        let payloads = [vec![], vec![value("[7]")], vec![value("[]"), value(r#"{"a":1}"#)]];
        for (payload, arity) in payloads.iter().zip([Arity::None, Arity::Args, Arity::ArgsKwargs]) {
            for octets in frames::transparent(serializer, payload) {
                assert_eq!(message(serializer, &octets).payload().unwrap().arity(), arity);
            }
        }
    }
}

#[test]
fn tv_04_transparent_payload_can_be_made() {
    for serializer in SerializerId::ALL {
        for content in contents() {
            let payload = Payload::opaque(serializer, &content);
            assert_eq!((payload.serializer(), payload.arity()), (serializer, Arity::Opaque));
            for octets in frames::transparent(serializer, &[payload.raw().to_vec()]) {
                assert_eq!(message(serializer, &octets).payload(), Some(&payload));
            }
        }
    }
}
