//! Typed application data in payloads, in every serializer.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/frames.rs"]
mod frames;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use frames::{CBOR, JSON, MSGPACK};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde::de::{DeserializeOwned, Deserializer, IgnoredAny, Visitor};
use serde::ser::{SerializeMap, SerializeSeq, Serializer};
use serde::{Deserialize, Serialize};
use wamp_proto::message::Publish;
use wamp_proto::{Arity, DecodeRules, Message, Payload, RequestId, SerializerId, Uri, Value, decode};

/// Octets: what `serde_bytes` would be.
#[derive(Clone, Debug, PartialEq)]
struct Octets(Vec<u8>);

impl Serialize for Octets {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Octets {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OctetsVisitor;

        impl Visitor<'_> for OctetsVisitor {
            type Value = Octets;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("octets")
            }

            fn visit_bytes<E>(self, octets: &[u8]) -> Result<Octets, E> {
                Ok(Octets(octets.to_vec()))
            }

            // As lenient as serde_bytes, to show that text does not come this far.
            fn visit_str<E>(self, text: &str) -> Result<Octets, E> {
                Ok(Octets(text.as_bytes().to_vec()))
            }
        }
        deserializer.deserialize_byte_buf(OctetsVisitor)
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Point {
    x: i32,
    y: Option<f64>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Pair(i32, String);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Meters(f64);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Transparent((i32, String));

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Nothing;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Shape {
    Empty,
    Circle(f64),
    Line(Point, Point),
    Rectangle { from: Point, to: Point },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Color {
    Red,
    Green,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
enum Tagged {
    Sized { size: u8 },
    Bare,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Flat {
    id: u64,
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Order {
    id: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    #[serde(default)]
    lines: Vec<(String, u32)>,
}

/// A list of lists, as deep as one likes.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Nested(Vec<Nested>);

/// A list of structs with an Option and a Box each.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Node {
    value: u32,
    next: Option<Box<Node>>,
}

/// Endless for any value but null.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Chain(Option<Box<Chain>>);

fn point() -> Point {
    Point { x: 1, y: None }
}

/// What JSON has for these arguments.
fn json<A: Serialize>(args: A) -> String {
    let payload = Payload::from_args(JSON, &args).unwrap();
    String::from_utf8(payload.raw().to_vec()).unwrap()
}

/// A payload with that text or octets in it, as it comes in a frame.
fn received(serializer: SerializerId, frame: Vec<u8>) -> Payload {
    let rules = DecodeRules { max_depth: DecodeRules::MAX_DEPTH, ..DecodeRules::default() };
    match decode(serializer, &Bytes::from(frame), &rules).unwrap() {
        Message::Publish(publish) => publish.payload,
        other => panic!("{other:?} is no PUBLISH"),
    }
}

/// A payload that JSON text came with: Arguments, perhaps ArgumentsKw.
fn from_json(elements: &str) -> Payload {
    received(JSON, format!(r#"[16,1,{{}},"com.example.tick",{elements}]"#).into_bytes())
}

fn publish(payload: Payload) -> Message {
    Message::Publish(Publish {
        request: RequestId::new(1).unwrap(),
        options: Default::default(),
        topic: Uri::from("com.example.tick"),
        payload,
    })
}

/// The same payload as a router carries it to another serializer.
fn transcoded(payload: &Payload, to: SerializerId) -> Payload {
    received(to, publish(payload.clone()).encode(to).unwrap().to_vec())
}

/// What goes in comes out, in every serializer and from one to another.
#[track_caller]
fn round_trip<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: T) {
    for from in SerializerId::ALL {
        let payload = Payload::from_args(from, &value).unwrap();
        assert_eq!(payload.to_args::<T>().unwrap(), value, "{from:?}");
        for to in SerializerId::ALL {
            assert_eq!(transcoded(&payload, to).to_args::<T>().unwrap(), value, "{from:?} to {to:?}");
        }
    }
}

#[track_caller]
fn refused<'de, T: Deserialize<'de> + Debug>(payload: &'de Payload, error: &str) {
    assert_eq!(payload.to_args::<T>().unwrap_err().to_string(), error);
}

#[test]
fn every_type_comes_back_from_every_serializer() {
    round_trip(true);
    round_trip((i8::MIN, i16::MIN, i32::MIN, i64::MIN));
    round_trip((u8::MAX, u16::MAX, u32::MAX, u64::MAX));
    round_trip([i128::MIN, i128::MAX, 0, -1, i128::from(u64::MAX), 1 << 64, -(1 << 64), -(1 << 64) - 1]);
    round_trip([u128::MAX, 0, u128::from(u64::MAX), 1 << 64, 1 << 127]);
    round_trip((f32::MIN_POSITIVE, 0.1f32, f64::MAX, -0.0f64, 1e300, 3.0f64));
    round_trip(('é', '\u{10ffff}', "tab\tquote\"".to_owned(), String::new()));
    round_trip(Octets((0..=255).collect()));
    round_trip((Octets(Vec::new()), vec![1u8, 2, 3]));
    round_trip((None::<u8>, Some(7u8), Some("x".to_owned())));
    round_trip((Meters(1.5), Pair(1, "x".to_owned()), Nothing, ()));
    round_trip(vec![point(), Point { x: -5, y: Some(2.0) }]);
    round_trip([Shape::Empty, Shape::Circle(1.0), Shape::Line(point(), point())]);
    round_trip(Shape::Rectangle { from: point(), to: point() });
    round_trip((Tagged::Sized { size: 4 }, Tagged::Bare));
    round_trip(vec![vec![(1u8, Some("x".to_owned()))]; 40]);
    round_trip((0..300u64).collect::<Vec<_>>());
    round_trip(BTreeMap::from([("key".to_owned(), 1), ("other".to_owned(), 2)]));
    round_trip((0..20u16).map(|key| (key, ())).collect::<BTreeMap<_, _>>());
    round_trip(Duration::new(5, 7));
    round_trip(Flat { id: 5, rest: BTreeMap::from([("x".to_owned(), Value::Null)]) });
    round_trip(Order { id: 1, note: None, lines: vec![("nail".to_owned(), 100)] });
}

#[test]
fn keys_that_are_not_text_are_written_as_text_and_come_back() {
    round_trip(BTreeMap::from([(-5i64, 1), (7, 2)]));
    round_trip(BTreeMap::from([(u128::MAX, 1)]));
    round_trip(BTreeMap::from([(i128::MIN, 1)]));
    round_trip(BTreeMap::from([(true, 1), (false, 2)]));
    round_trip(BTreeMap::from([('x', 1), ('é', 2)]));
    round_trip(BTreeMap::from([(Color::Red, 1), (Color::Green, 2)]));
    assert_eq!(json(BTreeMap::from([(-5i64, true)])), r#"[{"-5":true}]"#);
    let msgpack = Payload::from_args(MSGPACK, &BTreeMap::from([(1u8, true)])).unwrap();
    assert_eq!(msgpack.raw().as_ref(), b"\x91\x81\xa11\xc3");
}

#[test]
fn integer_keys_of_other_peers_are_keys_of_integers_and_of_text() {
    // [16, 1, {}, "a.b", [{1: true, -2: false}]] in MessagePack.
    let payload = received(MSGPACK, b"\x95\x10\x01\x80\xa3a.b\x91\x82\x01\xc3\xfe\xc2".to_vec());
    assert_eq!(payload.to_args::<BTreeMap<i8, bool>>().unwrap(), BTreeMap::from([(1, true), (-2, false)]));
    let texts = BTreeMap::from([("1".to_owned(), true), ("-2".to_owned(), false)]);
    assert_eq!(payload.to_args::<BTreeMap<String, bool>>().unwrap(), texts);
    refused::<BTreeMap<u8, bool>>(&payload, "argument 1: invalid value: integer `-2`, expected u8");
}

#[test]
fn json_is_written_as_expected() {
    assert_eq!(json((1, "two", 3.5, 4.0, true, ())), r#"[1,"two",3.5,4.0,true,null]"#);
    assert_eq!(json(Octets(vec![0x10, 0xff])), r#"["\u0000EP8="]"#);
    assert_eq!(json((Shape::Empty, Shape::Circle(1.5))), r#"["Empty",{"Circle":1.5}]"#);
    assert_eq!(json(Shape::Line(point(), point())), r#"[{"Line":[{"x":1,"y":null},{"x":1,"y":null}]}]"#);
    assert_eq!(
        json([Shape::Rectangle { from: point(), to: point() }]),
        r#"[{"Rectangle":{"from":{"x":1,"y":null},"to":{"x":1,"y":null}}}]"#
    );
    assert_eq!(json((f64::NAN, f32::INFINITY)), "[null,null]");
    assert_eq!(json((i128::MIN, u128::MAX)), format!(r#"[{},"{}"]"#, i128::MIN, u128::MAX));
    assert_eq!(
        json(Order { id: 1, note: None, lines: vec![("nail".to_owned(), 100)] }),
        r#"[{"id":1,"lines":[["nail",100]]}]"#
    );
}

#[test]
fn what_is_text_for_people_is_text_in_every_serializer() {
    let address: IpAddr = "2001:db8::1".parse().unwrap();
    for serializer in SerializerId::ALL {
        let payload = Payload::from_args(serializer, &address).unwrap();
        assert_eq!(payload.to_args::<&str>().unwrap(), "2001:db8::1");
        assert_eq!(payload.to_args::<IpAddr>().unwrap(), address);
    }
}

/// Conformance: MSG-11
#[test]
fn a_tuple_is_the_list_of_arguments_and_anything_else_is_one_argument() {
    let text = "x".to_owned();
    assert_eq!(json((1, "x")), r#"[1,"x"]"#);
    assert_eq!(json([1, 2]), "[1,2]");
    assert_eq!(json((vec![1, 2],)), "[[1,2]]");
    assert_eq!(json(vec![1, 2]), "[[1,2]]");
    assert_eq!(json(point()), r#"[{"x":1,"y":null}]"#);
    assert_eq!(json(Pair(1, text.clone())), r#"[[1,"x"]]"#);
    assert_eq!(json(Transparent((1, text))), r#"[1,"x"]"#);
    assert_eq!(json(Meters(1.5)), "[1.5]");
    assert_eq!(json(None::<u8>), "[null]");
    assert_eq!(json(Some((1, 2))), "[[1,2]]");
    assert_eq!(json(Shape::Empty), r#"["Empty"]"#);
    for serializer in SerializerId::ALL {
        let empty: [u8; 0] = [];
        assert_eq!(Payload::from_args(serializer, &()).unwrap(), Payload::EMPTY);
        assert_eq!(Payload::from_args(serializer, &Nothing).unwrap(), Payload::EMPTY);
        assert_eq!(Payload::from_args(serializer, &empty).unwrap(), Payload::EMPTY);
    }
}

#[test]
fn the_type_says_which_arguments_it_takes() {
    let none = Payload::EMPTY;
    let one = from_json("[null]");
    let two = from_json(r#"[1,"x"]"#);
    assert_eq!(two.to_args::<(i32, &str)>().unwrap(), (1, "x"));
    assert_eq!(two.to_args::<Transparent>().unwrap(), Transparent((1, "x".to_owned())));
    assert_eq!(two.to_args::<i32>().unwrap(), 1);
    assert_eq!(two.to_args::<Value>().unwrap(), Value::Integer(1));
    assert_eq!(two.to_args::<Option<i32>>().unwrap(), Some(1));
    assert_eq!(one.to_args::<Option<i32>>().unwrap(), None);
    assert_eq!(none.to_args::<Option<i32>>().unwrap(), None);
    assert_eq!(one.to_args::<(Option<i32>,)>().unwrap(), (None,));
    assert_eq!(from_json(r#"[[1,"x"],5]"#).to_args::<Pair>().unwrap(), Pair(1, "x".to_owned()));
    assert_eq!(from_json("[[1,2]]").to_args::<Vec<u8>>().unwrap(), [1, 2]);
    assert_eq!(from_json("[[1,2]]").to_args::<Option<(u8, u8)>>().unwrap(), Some((1, 2)));
    for payload in [&none, &one, &two] {
        payload.to_args::<()>().unwrap();
        payload.to_args::<IgnoredAny>().unwrap();
        assert_eq!(payload.to_args::<Nothing>().unwrap(), Nothing);
    }
}

#[test]
fn a_wrong_number_of_arguments_is_told() {
    for serializer in SerializerId::ALL {
        let two = Payload::from_args(serializer, &(1, "x")).unwrap();
        refused::<(i32,)>(&two, "expected 1 argument, found 2");
        refused::<(i32, String, i32)>(&two, "expected 3 arguments, found 2");
        refused::<[Value; 5]>(&two, "expected 5 arguments, found 2");
        refused::<[u8; 0]>(&two, "expected 0 arguments, found 2");
        refused::<(i32, i32)>(&Payload::EMPTY, "expected 2 arguments, found 0");
        refused::<i32>(&Payload::EMPTY, "no argument");
        refused::<Value>(&Payload::EMPTY, "no argument");
    }
}

#[test]
fn errors_say_what_is_wrong_and_where() {
    let payload = from_json(r#"[{"from":{"x":1,"y":"north"}},[1,2,3],"AA"]"#);
    refused::<i32>(&payload, "argument 1: invalid type: map, expected i32");
    refused::<(Value, u8, Value)>(&payload, "argument 2: invalid type: sequence, expected u8");
    refused::<BTreeMap<String, Point>>(
        &payload,
        r#"argument 1: key "from": key "y": invalid type: string "north", expected f64"#,
    );
    refused::<(Value, (u8, u8), Value)>(&payload, "argument 2: invalid length 3, expected a list of 2");
    refused::<(Value, (u8, u8, u8, u8), Value)>(
        &payload,
        "argument 2: invalid length 3, expected a tuple of size 4",
    );
    refused::<(Value, [bool; 3], Value)>(
        &payload,
        "argument 2: item 1: invalid type: integer `1`, expected a boolean",
    );
    refused::<(Value, Value, Octets)>(&payload, r#"argument 3: invalid type: string "AA", expected octets"#);
    refused::<Order>(&payload, "argument 1: missing field `id`");
    refused::<u8>(&from_json("[300]"), "argument 1: invalid value: integer `300`, expected u8");
    refused::<u8>(&from_json("[null]"), "argument 1: invalid type: null, expected u8");
    refused::<String>(
        &from_json(r#"["\u0000YWJj"]"#),
        "argument 1: invalid type: byte array, expected a string",
    );
}

#[test]
fn errors_quote_strangers_briefly_and_escaped() {
    let text = from_json(&format!(r#"["{}"]"#, "x".repeat(10_000)));
    let error = text.to_args::<u8>().unwrap_err().to_string();
    assert_eq!(error, format!(r#"argument 1: invalid type: string "{}..."#, "x".repeat(200 - 22)));
    let key = from_json(&format!(r#"[{{"{}":true}}]"#, "é\\n".repeat(100)));
    assert_eq!(
        key.to_args::<BTreeMap<String, u8>>().unwrap_err().to_string(),
        format!(r#"argument 1: key "{}"...: invalid type: boolean `true`, expected u8"#, "é\\n".repeat(20))
    );
    let variant = from_json(r#"["\n"]"#);
    refused::<Color>(&variant, r"argument 1: unknown variant `\n`, expected `red` or `green`");
}

/// Conformance: MSG-11, MSG-12
#[test]
fn keyword_arguments_are_a_struct_or_a_map() {
    let kwargs = |payload: &Payload| String::from_utf8(payload.raw().to_vec()).unwrap();
    let order = Order { id: 1, note: Some("fast".to_owned()), lines: Vec::new() };
    let payload = Payload::from_args_kwargs(JSON, &(), &order).unwrap();
    assert_eq!(kwargs(&payload), r#"[],{"id":1,"note":"fast","lines":[]}"#);
    let payload = Payload::from_args_kwargs(JSON, &7, &BTreeMap::from([(1, 2)])).unwrap();
    assert_eq!(kwargs(&payload), r#"[7],{"1":2}"#);
    for serializer in SerializerId::ALL {
        let payload = Payload::from_args_kwargs(serializer, &(1, "x"), &order).unwrap();
        assert_eq!(payload.arity(), Arity::ArgsKwargs);
        for to in SerializerId::ALL {
            let payload = transcoded(&payload, to);
            assert_eq!(payload.to_args::<(u8, &str)>().unwrap(), (1, "x"));
            assert_eq!(payload.to_kwargs::<Order>().unwrap(), order);
            payload.to_kwargs::<()>().unwrap();
        }
        let empty = BTreeMap::<String, u8>::new();
        for payload in [
            Payload::from_args_kwargs(serializer, &(), &empty).unwrap(),
            Payload::from_args_kwargs(serializer, &(), &()).unwrap(),
        ] {
            assert_eq!(payload, Payload::EMPTY);
            assert_eq!(payload.to_kwargs::<BTreeMap<String, u8>>().unwrap(), empty);
            payload.to_kwargs::<()>().unwrap();
        }
        let payload = Payload::from_args_kwargs(serializer, &1, &empty).unwrap();
        assert_eq!(payload.arity(), Arity::Args);
        assert_eq!(payload.to_kwargs::<Value>().unwrap(), Value::Dict(Vec::new()));
        assert_eq!(payload.to_kwargs::<Order>().unwrap_err().to_string(), "missing field `id`");
        let error = Payload::from_args_kwargs(serializer, &(), &[1]).unwrap_err();
        assert_eq!(error.to_string(), "keyword arguments have to be a struct or a map");
    }
    let large = (0..40u8).map(|key| (key, vec![key; 40])).collect::<BTreeMap<_, _>>();
    for serializer in SerializerId::ALL {
        let payload = Payload::from_args_kwargs(serializer, &(), &large).unwrap();
        assert_eq!(payload.to_kwargs::<BTreeMap<u8, Vec<u8>>>().unwrap(), large);
    }
    assert_eq!(
        from_json(r#"[],{"id":1,"note":5}"#).to_kwargs::<Order>().unwrap_err().to_string(),
        r#"key "note": invalid type: integer `5`, expected a string"#
    );
}

#[test]
fn floats_without_fraction_are_integers_for_who_wants_some() {
    for serializer in SerializerId::ALL {
        let floats = Payload::from_args(serializer, &(1.0, -2.0, 4_294_967_296.0)).unwrap();
        assert_eq!(floats.to_args::<(u8, i64, u64)>().unwrap(), (1, -2, 1 << 32));
        assert_eq!(floats.to_args::<(i128, i128, u128)>().unwrap(), (1, -2, 1 << 32));
        let half = Payload::from_args(serializer, &1.5).unwrap();
        refused::<u8>(&half, "argument 1: invalid type: floating point `1.5`, expected u8");
        let beyond = Payload::from_args(serializer, &18_014_398_509_481_984.0).unwrap();
        refused::<u64>(
            &beyond,
            "argument 1: invalid type: floating point `18014398509481984.0`, expected u64",
        );
        let negative = Payload::from_args(serializer, &-1.0).unwrap();
        refused::<u8>(&negative, "argument 1: invalid value: integer `-1`, expected u8");
        let integers = Payload::from_args(serializer, &(3, u64::MAX)).unwrap();
        assert_eq!(integers.to_args::<(f32, f64)>().unwrap(), (3.0, u64::MAX as f64));
    }
}

#[test]
fn large_integers_are_integers_of_128_bits_text_or_floats() {
    let large = "340282366920938463463374607431768211455";
    let json = from_json(&format!("[{large}]"));
    for payload in SerializerId::ALL.map(|to| transcoded(&json, to)) {
        assert_eq!(payload.to_args::<u128>().unwrap(), u128::MAX);
        assert_eq!(payload.to_args::<String>().unwrap(), large);
        assert_eq!(payload.to_args::<Value>().unwrap(), Value::String(large.to_owned()));
    }
    assert_eq!(json.to_args::<f64>().unwrap(), 2f64.powi(128));
    refused::<u64>(&json, &format!("argument 1: invalid type: string \"{large}\", expected u64"));
    // What is beyond 64 bits is text in MessagePack; what is not is no integer if it is text.
    let text = Payload::from_args(MSGPACK, &("18446744073709551616", "5")).unwrap();
    assert_eq!(text.to_args::<(i128, String)>().unwrap(), (1 << 64, "5".to_owned()));
    refused::<(u128, u128)>(&text, "argument 2: invalid type: string \"5\", expected u128");
}

#[test]
fn timestamps_are_rfc_3339_text() {
    // [16, 1, {}, "a.b", [timestamp 0]] in MessagePack and CBOR.
    for payload in [
        received(MSGPACK, b"\x95\x10\x01\x80\xa3a.b\x91\xd6\xff\x00\x00\x00\x00".to_vec()),
        received(CBOR, b"\x85\x10\x01\xa0\x63a.b\x81\xc1\x00".to_vec()),
    ] {
        assert_eq!(payload.to_args::<String>().unwrap(), "1970-01-01T00:00:00Z");
        assert_eq!(payload.to_args::<Value>().unwrap(), Value::from("1970-01-01T00:00:00Z"));
    }
}

#[test]
fn text_and_octets_are_borrowed_where_the_wire_has_them() {
    #[derive(Deserialize)]
    struct Borrowed<'a> {
        name: &'a str,
        #[serde(borrow)]
        title: Cow<'a, str>,
    }

    let kwargs = BTreeMap::from([("name", "plain"), ("title", "plain too")]);
    for serializer in SerializerId::ALL {
        let payload = Payload::from_args_kwargs(serializer, &(), &kwargs).unwrap();
        let borrowed = payload.to_kwargs::<Borrowed<'_>>().unwrap();
        assert!(payload.raw().as_ptr_range().contains(&borrowed.name.as_ptr()));
        assert!(matches!(borrowed.title, Cow::Borrowed("plain too")));
        let escaped = Payload::from_args(serializer, "line\n").unwrap();
        if serializer == JSON {
            refused::<&str>(
                &escaped,
                r#"argument 1: invalid type: string "line\n", expected a borrowed string"#,
            );
        } else {
            assert_eq!(escaped.to_args::<&str>().unwrap(), "line\n");
        }
        assert_eq!(escaped.to_args::<Cow<'_, str>>().unwrap(), "line\n");
    }
    for serializer in [MSGPACK, CBOR] {
        let payload = Payload::from_args(serializer, &Octets(vec![1, 2])).unwrap();
        assert_eq!(payload.to_args::<&[u8]>().unwrap(), [1, 2]);
    }
}

#[test]
fn octets_are_octets_at_any_depth_and_never_text() {
    let octets = Octets(b"abc".to_vec());
    for serializer in SerializerId::ALL {
        let payload = Payload::from_args(serializer, &(vec![&octets],)).unwrap();
        assert_eq!(payload.to_args::<(Vec<Octets>,)>().unwrap(), (vec![octets.clone()],));
        let value = Value::List(vec![Value::Bytes(b"abc".to_vec())]);
        assert_eq!(payload.to_args::<Value>().unwrap(), value);
        refused::<Vec<String>>(&payload, "argument 1: item 1: invalid type: byte array, expected a string");
        assert_eq!(Payload::opaque(serializer, b"abc").to_args::<Octets>().unwrap(), octets);
        assert_eq!(Payload::opaque(serializer, b"abc").to_args::<(Octets,)>().unwrap().0, octets);
        refused::<(Octets, u8)>(&Payload::opaque(serializer, b"abc"), "expected 2 arguments, found 1");
        assert_eq!(
            Payload::opaque(serializer, b"abc").to_kwargs::<Value>().unwrap(),
            Value::Dict(Vec::new())
        );
    }
}

#[test]
fn an_enum_is_the_name_of_a_variant_or_a_dict_of_one_entry() {
    assert_eq!(from_json(r#"[{"Empty":null}]"#).to_args::<Shape>().unwrap(), Shape::Empty);
    refused::<Shape>(&from_json("[{}]"), "argument 1: an enum variant with content is a dict of one entry");
    refused::<Shape>(
        &from_json(r#"[{"Circle":1,"Empty":null}]"#),
        "argument 1: an enum variant with content is a dict of one entry",
    );
    refused::<Shape>(
        &from_json(r#"["Square"]"#),
        "argument 1: unknown variant `Square`, expected one of `Empty`, `Circle`, `Line`, `Rectangle`",
    );
    refused::<Shape>(
        &from_json(r#"[{"Circle":"x"}]"#),
        r#"argument 1: key "Circle": invalid type: string "x", expected f64"#,
    );
    refused::<Shape>(
        &from_json(r#"["Circle"]"#),
        "argument 1: invalid type: unit variant, expected newtype variant",
    );
    refused::<Shape>(&from_json("[5]"), "argument 1: invalid type: integer `5`, expected enum Shape");
    refused::<Shape>(&from_json("[[]]"), "argument 1: invalid type: sequence, expected enum Shape");
}

/// A list within a list, and so on.
fn nested(levels: usize) -> Nested {
    (1..levels).fold(Nested(Vec::new()), |inner, _| Nested(vec![inner]))
}

fn nodes(levels: u32) -> Node {
    let last = Node { value: 0, next: None };
    (1..levels).fold(last, |next, value| Node { value, next: Some(Box::new(next)) })
}

/// A tree whose variants are a level each, and their contents another.
fn tree(branches: usize) -> Tree {
    (0..branches).fold(Tree::Leaf, |left, _| Tree::Branch { left: Box::new(left), right: None })
}

/// Lists and dicts within an argument: the message itself and Arguments are two of the levels of a message.
const DEEPEST: usize = DecodeRules::MAX_DEPTH - 2;

#[test]
fn the_deepest_value_fits_a_message_and_a_deeper_one_is_an_error_in_either_direction() {
    for serializer in SerializerId::ALL {
        let payload = Payload::from_args(serializer, &nested(DEEPEST)).unwrap();
        for to in SerializerId::ALL {
            assert_eq!(transcoded(&payload, to).to_args::<Nested>().unwrap(), nested(DEEPEST));
        }
        let payload = Payload::from_args(serializer, &nodes(DEEPEST as u32)).unwrap();
        assert_eq!(payload.to_args::<Node>().unwrap(), nodes(DEEPEST as u32));

        let payload = Payload::from_args(serializer, &tree(DEEPEST / 2)).unwrap();
        assert_eq!(payload.to_args::<Tree>().unwrap(), tree(DEEPEST / 2));

        let error = Payload::from_args(serializer, &(0, nested(DEEPEST + 1))).unwrap_err().to_string();
        assert!(error.starts_with("argument 2: item 1: item 1: "), "{error}");
        assert!(error.ends_with(": nested deeper than 255 levels"), "{error}");
        assert!(Payload::from_args(serializer, &nodes(DEEPEST as u32 + 1)).is_err());
        let kwargs = BTreeMap::from([("key", nested(DEEPEST + 1))]);
        assert!(Payload::from_args_kwargs(serializer, &(), &kwargs).is_err());
    }
}

#[test]
fn a_payload_deeper_than_any_message_is_an_error() {
    let list = (0..1000).fold(Value::Null, |inner, _| Value::List(vec![inner]));
    let dict = (0..1000).fold(Value::Null, |inner, _| Value::Dict(vec![("next".to_owned(), inner)]));
    for serializer in SerializerId::ALL {
        let payload = Payload::new(serializer, &[list.clone(), dict.clone()], &[]);
        for error in [
            payload.to_args::<Nested>().unwrap_err(),
            payload.to_args::<Value>().unwrap_err(),
            payload.to_args::<(IgnoredAny, IgnoredAny)>().unwrap_err(),
            Payload::new(serializer, &[], &[("x".to_owned(), list.clone())])
                .to_kwargs::<Value>()
                .unwrap_err(),
        ] {
            assert!(error.to_string().ends_with("nested deeper than 255 levels"), "{error}");
            assert!(error.to_string().len() < 1100, "{error}");
        }
        assert!(Payload::from_args(serializer, &dict).is_err());
    }
}

#[test]
fn a_type_that_nests_without_a_list_or_dict_is_an_error() {
    let chain = (0..1000).fold(Chain(None), |inner, _| Chain(Some(Box::new(inner))));
    for serializer in SerializerId::ALL {
        let payload = Payload::from_args(serializer, &5).unwrap();
        refused::<Chain>(&payload, "argument 1: nested deeper than 64 levels");
        let error = Payload::from_args(serializer, &(&chain,)).unwrap_err();
        assert_eq!(error.to_string(), "argument 1: nested deeper than 64 levels");
        assert_eq!(Payload::EMPTY.to_args::<Chain>().unwrap(), Chain(None));
    }
}

/// Says how many items it has, perhaps wrongly, or does not say.
struct Announced(Option<usize>, usize);

impl Serialize for Announced {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(self.0)?;
        for item in 0..self.1 {
            list.serialize_element(&item)?;
        }
        list.end()
    }
}

#[test]
fn lists_and_dicts_need_not_know_their_length_but_must_not_lie() {
    struct Map(usize);

    impl Serialize for Map {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let mut map = serializer.serialize_map(None)?;
            for key in 0..self.0 {
                map.serialize_entry(&key, &Announced(None, key))?;
            }
            map.end()
        }
    }

    for serializer in SerializerId::ALL {
        for len in [0, 1, 15, 16, 23, 24, 300] {
            let list = Payload::from_args(serializer, &(Announced(None, len), "end")).unwrap();
            let expected = ((0..len).collect::<Vec<_>>(), "end".to_owned());
            assert_eq!(list.to_args::<(Vec<usize>, String)>().unwrap(), expected);
            let map = Payload::from_args(serializer, &(Map(len), "end")).unwrap();
            let expected = (0..len).map(|key| (key, (0..key).collect())).collect();
            assert_eq!(map.to_args::<(BTreeMap<usize, Vec<usize>>, String)>().unwrap().0, expected);
        }
        let error = Payload::from_args(serializer, &(1, Announced(Some(3), 2))).unwrap_err();
        assert_eq!(error.to_string(), "argument 2: 2 items where 3 were announced");
    }
}

#[test]
fn what_cannot_be_written_is_told_with_its_place() {
    #[derive(Serialize)]
    struct Outer {
        inner: Vec<BTreeMap<(u8, u8), u8>>,
    }

    let outer = Outer { inner: vec![BTreeMap::new(), BTreeMap::from([((1, 2), 3)])] };
    for serializer in SerializerId::ALL {
        let error = Payload::from_args(serializer, &(0, &outer)).unwrap_err();
        assert_eq!(
            error.to_string(),
            r#"argument 2: key "inner": item 2: a dict key has to be text, an integer, a boolean or a char"#
        );
        let error = Payload::from_args_kwargs(serializer, &(), &outer).unwrap_err();
        assert_eq!(
            error.to_string(),
            r#"key "inner": item 2: a dict key has to be text, an integer, a boolean or a char"#
        );
    }
}

#[test]
fn a_value_goes_through_other_formats() {
    let value = Value::Dict(vec![
        ("list".to_owned(), Value::List(vec![Value::Null, Value::Bool(true), Value::Float(1.5)])),
        ("integers".to_owned(), Value::List(vec![Value::Integer(-1), Value::Integer(u64::MAX.into())])),
        ("text".to_owned(), Value::from("x")),
    ]);
    let text = r#"{"list":[null,true,1.5],"integers":[-1,18446744073709551615],"text":"x"}"#;
    assert_eq!(serde_json::to_string(&value).unwrap(), text);
    assert_eq!(serde_json::from_str::<Value>(text).unwrap(), value);
    let octets = Value::List(vec![Value::Bytes(vec![1, 2])]);
    let packed = rmp_serde::to_vec(&octets).unwrap();
    assert_eq!(packed, b"\x91\xc4\x02\x01\x02");
    assert_eq!(rmp_serde::from_slice::<Value>(&packed).unwrap(), octets);
    let wide = Payload::from_args(CBOR, &Value::Integer(i128::MIN)).unwrap();
    assert_eq!(wide.to_args::<Value>().unwrap(), Value::Integer(i128::MIN));
}

/// Text; what starts with U+0000 would be octets in JSON.
fn texts() -> impl Strategy<Value = String> {
    vec(any::<char>(), 0..12)
        .prop_map(|characters| characters.into_iter().collect::<String>().trim_start_matches('\0').to_owned())
}

fn floats() -> impl Strategy<Value = f64> {
    any::<f64>().prop_filter("JSON has numbers only", |number| number.is_finite())
}

fn values() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        floats().prop_map(Value::Float),
        texts().prop_map(Value::String),
        vec(any::<u8>(), 0..40).prop_map(Value::Bytes),
    ];
    scalar.prop_recursive(5, 60, 20, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..20).prop_map(Value::List),
            btree_map(texts(), inner, 0..20).prop_map(|entries| Value::Dict(entries.into_iter().collect())),
        ]
    })
}

/// A tree of types rather than of values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Tree {
    Leaf,
    Number(i128),
    Point(Point),
    Octets(Octets),
    Letter(char, Option<String>),
    Branch { left: Box<Tree>, right: Option<Box<Tree>> },
    Many(Vec<Tree>),
    Named(BTreeMap<String, Tree>),
    Numbered(BTreeMap<i32, Tree>),
}

fn trees() -> impl Strategy<Value = Tree> {
    let leaf = prop_oneof![
        Just(Tree::Leaf),
        any::<i128>().prop_map(Tree::Number),
        (any::<i32>(), prop::option::of(floats())).prop_map(|(x, y)| Tree::Point(Point { x, y })),
        vec(any::<u8>(), 0..40).prop_map(|octets| Tree::Octets(Octets(octets))),
        (any::<char>().prop_filter("octets in JSON", |letter| *letter != '\0'), prop::option::of(texts()))
            .prop_map(|(letter, text)| Tree::Letter(letter, text)),
    ];
    leaf.prop_recursive(5, 60, 20, |inner| {
        prop_oneof![
            (inner.clone(), prop::option::of(inner.clone()))
                .prop_map(|(left, right)| Tree::Branch { left: Box::new(left), right: right.map(Box::new) }),
            vec(inner.clone(), 0..20).prop_map(Tree::Many),
            btree_map(texts(), inner.clone(), 0..20).prop_map(Tree::Named),
            btree_map(any::<i32>(), inner, 0..20).prop_map(Tree::Numbered),
        ]
    })
}

fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(cases(128))]

    #[test]
    fn any_nested_value_comes_back_from_any_serializer(tree in trees()) {
        for from in SerializerId::ALL {
            let payload = Payload::from_args(from, &(&tree, 1)).unwrap();
            prop_assert_eq!(&payload.to_args::<(Tree, u8)>().unwrap().0, &tree);
            for to in SerializerId::ALL {
                prop_assert_eq!(&transcoded(&payload, to).to_args::<Tree>().unwrap(), &tree);
            }
        }
    }

    #[test]
    fn values_are_written_and_read_like_untyped_payloads(
        first in values(),
        second in values(),
        kwargs in btree_map(texts(), values(), 0..4),
    ) {
        let entries: Vec<_> = kwargs.clone().into_iter().collect();
        for serializer in SerializerId::ALL {
            let typed = Payload::from_args_kwargs(serializer, &(&first, &second), &kwargs).unwrap();
            prop_assert_eq!(&typed, &Payload::new(serializer, &[first.clone(), second.clone()], &entries));
            prop_assert_eq!(typed.to_args::<(Value, Value)>().unwrap(), (first.clone(), second.clone()));
            prop_assert_eq!(typed.to_kwargs::<Value>().unwrap(), Value::Dict(entries.clone()));
        }
    }

    #[test]
    fn damaged_payloads_are_read_as_what_an_untyped_reader_sees_in_them(
        tree in trees(),
        value in values(),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        for serializer in SerializerId::ALL {
            let kwargs = BTreeMap::from([("tree", &tree)]);
            let payload = Payload::from_args_kwargs(serializer, &(&value, &tree), &kwargs).unwrap();
            let mut frame = publish(payload).encode(serializer).unwrap().to_vec();
            for (index, octet) in &damage {
                *index.get_mut(&mut frame) = *octet;
            }
            let Ok(Message::Publish(publish)) = decode(serializer, &frame.into(), &DecodeRules::default()) else {
                continue;
            };
            let payload = publish.payload;
            // Any outcome but a panic.
            drop(payload.to_args::<(Value, Tree)>());
            drop(payload.to_kwargs::<BTreeMap<String, Tree>>());
            drop(payload.to_kwargs::<Flat>());
            if let Ok((args, kwargs)) = payload.values() {
                // As text, because what is no number does not equal itself.
                let first = payload.to_args::<Option<Value>>().unwrap();
                prop_assert_eq!(
                    format!("{:?}", first.unwrap_or(Value::Null)),
                    format!("{:?}", args.into_iter().next().unwrap_or(Value::Null))
                );
                let keywords = payload.to_kwargs::<Value>().unwrap();
                prop_assert_eq!(format!("{keywords:?}"), format!("{:?}", Value::Dict(kwargs)));
            }
        }
    }
}
