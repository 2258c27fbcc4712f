//! Frames put together from raw pieces, and values written without the crate's own encoders.

#![allow(dead_code, reason = "every test file uses a part of it")]

use bytes::Bytes;
use serde_json::Value as Json;
use wamp_proto::{DecodeError, DecodeRules, Message, Profile, SerializerId, decode};

pub(crate) const JSON: SerializerId = SerializerId::Json;
pub(crate) const MSGPACK: SerializerId = SerializerId::MsgPack;
pub(crate) const CBOR: SerializerId = SerializerId::Cbor;

/// Decodes under the default rules.
pub(crate) fn read(serializer: SerializerId, frame: &[u8]) -> Result<Message, DecodeError> {
    decode(serializer, &Bytes::copy_from_slice(frame), &DecodeRules::default())
}

/// Decodes under the rules of the profile `strict`.
pub(crate) fn read_strictly(serializer: SerializerId, frame: &[u8]) -> Result<Message, DecodeError> {
    decode(serializer, &Bytes::copy_from_slice(frame), &DecodeRules::new(Profile::Strict))
}

/// Decodes what must be a message.
pub(crate) fn message(serializer: SerializerId, frame: &[u8]) -> Message {
    match read(serializer, frame) {
        Ok(message) => message,
        Err(error) => panic!("{}: {error}", shown(serializer, frame)),
    }
}

/// Decodes JSON text that must be a message.
pub(crate) fn json(text: &str) -> Message {
    message(JSON, text.as_bytes())
}

/// A frame for a failed test's reader.
pub(crate) fn shown(serializer: SerializerId, frame: &[u8]) -> String {
    let head = frame.get(..200.min(frame.len())).unwrap_or_default();
    match std::str::from_utf8(head) {
        Ok(text) if serializer == JSON => format!("{serializer:?} {text}"),
        _ => format!("{serializer:?} {}", hex(head)),
    }
}

pub(crate) fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

pub(crate) fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|octet| !octet.is_ascii_whitespace()).collect();
    let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).expect("ASCII"), 16).expect("hex");
    digits.chunks(2).map(pair).collect()
}

/// A list of values that are octets already.
pub(crate) fn list(serializer: SerializerId, items: &[Vec<u8>]) -> Vec<u8> {
    match serializer {
        SerializerId::Json => [b"[", items.join(&b","[..]).as_slice(), b"]"].concat(),
        SerializerId::MsgPack => {
            let header = [0xdd].into_iter().chain((items.len() as u32).to_be_bytes());
            header.chain(items.concat()).collect()
        }
        SerializerId::Cbor => [cbor_head(4, items.len() as u64), items.concat()].concat(),
    }
}

/// A dict of keys and values that are octets already.
pub(crate) fn dict(serializer: SerializerId, entries: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
    let content = |separator: &[u8]| {
        entries.iter().flat_map(|(key, value)| [key, separator, value].concat()).collect::<Vec<u8>>()
    };
    match serializer {
        SerializerId::Json => {
            let entries: Vec<_> =
                entries.iter().map(|(key, value)| [key, &b":"[..], value].concat()).collect();
            [b"{", entries.join(&b","[..]).as_slice(), b"}"].concat()
        }
        SerializerId::MsgPack => {
            let header = [0xdf].into_iter().chain((entries.len() as u32).to_be_bytes());
            header.chain(content(b"")).collect()
        }
        SerializerId::Cbor => [cbor_head(5, entries.len() as u64), content(b"")].concat(),
    }
}

/// A value written by serde_json, rmp-serde, or the few lines of CBOR below.
pub(crate) fn value(serializer: SerializerId, value: &Json) -> Vec<u8> {
    match serializer {
        SerializerId::Json => serde_json::to_vec(value).expect("a JSON value is JSON"),
        SerializerId::MsgPack => rmp_serde::to_vec(value).expect("a JSON value fits MessagePack"),
        SerializerId::Cbor => cbor(value),
    }
}

/// Octets, which serde_json has not.
pub(crate) fn bytes(serializer: SerializerId, octets: &[u8]) -> Vec<u8> {
    match serializer {
        SerializerId::Json => format!("\"\\u0000{}\"", base64(octets)).into_bytes(),
        SerializerId::MsgPack => [&[0xc6], (octets.len() as u32).to_be_bytes().as_slice(), octets].concat(),
        SerializerId::Cbor => [cbor_head(2, octets.len() as u64).as_slice(), octets].concat(),
    }
}

/// Standard base64 with padding, by the letter of RFC 4648.
pub(crate) fn base64(octets: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in octets.chunks(3) {
        let word = (0..3).fold(0, |word, at| word << 8 | u32::from(chunk.get(at).copied().unwrap_or(0)));
        for at in 0..4 {
            let sextet = (word >> (18 - 6 * at) & 0x3f) as usize;
            text.push(if at <= chunk.len() { char::from(ALPHABET[sextet]) } else { '=' });
        }
    }
    text
}

fn cbor_head(major: u8, argument: u64) -> Vec<u8> {
    let major = major << 5;
    match argument {
        0..=23 => vec![major | argument as u8],
        24..=0xff => vec![major | 24, argument as u8],
        0x100..=0xffff => [vec![major | 25], (argument as u16).to_be_bytes().to_vec()].concat(),
        0x1_0000..=0xffff_ffff => [vec![major | 26], (argument as u32).to_be_bytes().to_vec()].concat(),
        _ => [vec![major | 27], argument.to_be_bytes().to_vec()].concat(),
    }
}

fn cbor(value: &Json) -> Vec<u8> {
    match value {
        Json::Null => vec![0xf6],
        Json::Bool(false) => vec![0xf4],
        Json::Bool(true) => vec![0xf5],
        Json::Number(number) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
            (Some(unsigned), ..) => cbor_head(0, unsigned),
            (_, Some(negative), _) => cbor_head(1, (-1 - negative).cast_unsigned()),
            (.., Some(float)) => [vec![0xfb], float.to_be_bytes().to_vec()].concat(),
            _ => unreachable!("a number is one of the three"),
        },
        Json::String(text) => [cbor_head(3, text.len() as u64), text.clone().into_bytes()].concat(),
        Json::Array(items) => list(CBOR, &items.iter().map(cbor).collect::<Vec<_>>()),
        Json::Object(entries) => {
            let entries: Vec<_> =
                entries.iter().map(|(key, value)| (cbor(&Json::String(key.clone())), cbor(value))).collect();
            dict(CBOR, &entries)
        }
    }
}

/// A message of elements that serde can write.
pub(crate) fn frame(serializer: SerializerId, elements: &Json) -> Vec<u8> {
    value(serializer, elements)
}

/// PUBLISH with raw octets in the place of one element: 1 Request, 2 Options, 3 Topic, 4 Arguments, …
pub(crate) fn publish_with(serializer: SerializerId, place: usize, raw: &[u8]) -> Vec<u8> {
    let whole = [serde_json::json!(16), 1.into(), serde_json::json!({}), "com.acme.tick".into()];
    let more = [serde_json::json!([]), serde_json::json!({})];
    let mut elements: Vec<_> = whole.iter().map(|element| value(serializer, element)).collect();
    while elements.len() <= place {
        elements.push(value(serializer, &more[elements.len() - 4]));
    }
    elements[place] = raw.to_vec();
    list(serializer, &elements)
}

/// Every message that may have transparent payload, with these elements behind `enc_algo` (TV-04).
pub(crate) fn transparent(serializer: SerializerId, payload: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let details = serde_json::json!({"enc_algo": "cryptobox", "enc_serializer": "cbor", "enc_key": "key-7"});
    let heads = [
        serde_json::json!([8, 48, 1, details, "com.acme.error.odd"]),
        serde_json::json!([16, 1, details, "com.acme.tick"]),
        serde_json::json!([36, 1, 2, details]),
        serde_json::json!([48, 1, details, "com.acme.add"]),
        serde_json::json!([50, 1, details]),
        serde_json::json!([68, 1, 2, details]),
        serde_json::json!([70, 1, details]),
    ];
    let frame = |head: &Json| {
        let head = head.as_array().expect("a list").iter().map(|element| value(serializer, element));
        list(serializer, &head.chain(payload.iter().cloned()).collect::<Vec<_>>())
    };
    heads.iter().map(frame).collect()
}
