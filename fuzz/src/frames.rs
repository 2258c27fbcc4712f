//! Frames: decoding in each serializer, the scan of payloads against reading them, and carrying from one serializer to
//! another.

use bytes::Bytes;
use wamp_proto::{
    DecodeError, DecodeRules, Message, Payload, Profile, RecodeError, RequestId, SerializerId, SyntaxError,
    Value, decode,
};

/// Octets of memory that decoding may take for each octet of a frame: a dict of short unknown keys is made of values.
const MEMORY_FACTOR: u64 = 128;

/// And in all cases.
const MEMORY_BASE: u64 = 16 * 1024;

/// What reads a frame.
type Decode = fn(SerializerId, &Bytes, &DecodeRules) -> Result<Message, DecodeError>;

/// What writes a message.
type Encode = fn(&Message, SerializerId) -> Result<Bytes, RecodeError>;

/// Any octets as JSON.
pub(crate) fn decode_json(octets: &[u8]) {
    decode_frame(SerializerId::Json, octets, decode);
}

/// Any octets as MessagePack.
pub(crate) fn decode_msgpack(octets: &[u8]) {
    decode_frame(SerializerId::MsgPack, octets, decode);
}

/// Any octets as CBOR.
pub(crate) fn decode_cbor(octets: &[u8]) {
    decode_frame(SerializerId::Cbor, octets, decode);
}

/// Memory follows what came, not what a length promises; and what was decoded can be written and read again.
fn decode_frame(serializer: SerializerId, octets: &[u8], decode: Decode) {
    let frame = Bytes::copy_from_slice(octets);
    for profile in [Profile::Default, Profile::Strict] {
        let rules = DecodeRules::new(profile);
        let mut decoded = None;
        let memory = allocation_counter::measure(|| decoded = decode(serializer, &frame, &rules).ok());
        let limit = MEMORY_BASE + MEMORY_FACTOR * octets.len() as u64;
        assert!(memory.bytes_max <= limit, "{} octets of memory for {}", memory.bytes_max, octets.len());
        let Some(message) = decoded else { continue };
        let Ok(written) = message.encode(serializer) else { panic!("cannot be written again: {message:?}") };
        // What was written may be longer: its dicts then have no limit here.
        let again = decode(serializer, &written, &unlimited(rules)).expect("what was written can be read");
        assert_eq!(again.encode(serializer).as_ref(), Ok(&written), "written twice");
    }
}

fn unlimited(rules: DecodeRules) -> DecodeRules {
    DecodeRules { dict_max_bytes: usize::MAX, ..rules }
}

/// Any octets as the items of a list that is a keyword argument, which is scanned, and as those of an unknown key of
/// Options, which are read: the same octets are well-formed for both or for neither, and mean the same.
pub(crate) fn scan_against_decode(octets: &[u8]) {
    scan_and_decode(octets, decode);
}

fn scan_and_decode(octets: &[u8], decode: Decode) {
    let read = |serializer, frame: &[u8]| read(serializer, frame, decode);
    for serializer in SerializerId::ALL {
        let entry = dict_of_list(serializer, octets);
        let scanned = read(serializer, &publish(serializer, &entry));
        let built = read(serializer, &cancel(serializer, &entry));
        match (scanned, built) {
            (Ok(scanned), Ok(Message::Cancel(built))) => {
                let kwargs = values(&scanned).map(|(_, kwargs)| kwargs);
                assert_eq!(shown(&kwargs), shown(&Ok::<_, SyntaxError>(&built.options.extra)));
                let again = scanned.encode(serializer).expect("scanned octets are spliced");
                assert_eq!(
                    read(serializer, &again).map(|again| shown(&values(&again))),
                    Ok(shown(&values(&scanned)))
                );
            }
            (Ok(scanned), Err(DecodeError::Syntax(error))) => {
                let is_about_meaning = matches!(error, SyntaxError::LoneSurrogate | SyntaxError::Type(_));
                assert!(is_about_meaning, "scanned, but not read: {error}");
                assert!(values(&scanned).is_err(), "read as a payload, but not as an option: {error}");
            }
            // A rule of options, such as that no key stands there twice.
            (Ok(_), Err(_)) | (Err(_), Err(_)) => {}
            (Ok(_), Ok(message)) => panic!("CANCEL is read as {message:?}"),
            (Err(error), Ok(built)) => panic!("read as {built:?}, but not scanned: {error}"),
        }
    }
}

/// A dict with that list under an unknown key.
fn dict_of_list(serializer: SerializerId, items: &[u8]) -> Vec<u8> {
    let (before, behind): (&[u8], &[u8]) = match serializer {
        SerializerId::Json => (br#"{"_acme_key":["#, b"]}"),
        SerializerId::MsgPack => (b"\x81\xa9_acme_key\x91", b""),
        SerializerId::Cbor => (b"\xa1\x69_acme_key\x9f", b"\xff"),
    };
    [before, items, behind].concat()
}

/// PUBLISH with these keyword arguments.
fn publish(serializer: SerializerId, kwargs: &[u8]) -> Vec<u8> {
    match serializer {
        SerializerId::Json => [&br#"[16,1,{},"com.acme.tick",[],"#[..], kwargs, b"]"].concat(),
        SerializerId::MsgPack => [&b"\x96\x10\x01\x80\xadcom.acme.tick\x90"[..], kwargs].concat(),
        SerializerId::Cbor => [&b"\x86\x10\x01\xa0\x6dcom.acme.tick\x80"[..], kwargs].concat(),
    }
}

/// CANCEL with these Options.
fn cancel(serializer: SerializerId, options: &[u8]) -> Vec<u8> {
    match serializer {
        SerializerId::Json => [&b"[49,1,"[..], options, b"]"].concat(),
        SerializerId::MsgPack => [&b"\x93\x31\x01"[..], options].concat(),
        SerializerId::Cbor => [&b"\x83\x18\x31\x01"[..], options].concat(),
    }
}

fn read(serializer: SerializerId, frame: &[u8], decode: Decode) -> Result<Message, DecodeError> {
    decode(serializer, &Bytes::copy_from_slice(frame), &unlimited(DecodeRules::default()))
}

type Values = (Vec<Value>, Vec<(String, Value)>);

fn values(message: &Message) -> Result<Values, SyntaxError> {
    message.payload().map_or(Ok((Vec::new(), Vec::new())), Payload::values)
}

/// As text, since NaN is unlike itself.
fn shown(value: &impl std::fmt::Debug) -> String {
    format!("{value:?}")
}

/// Any octets as a frame in each serializer, carried to each other one: the values stay what they were, or cannot be
/// carried.
pub(crate) fn transcode(octets: &[u8]) {
    carry(octets, Message::encode);
}

fn carry(octets: &[u8], encode: Encode) {
    for from in SerializerId::ALL {
        let Ok(message) = read(from, octets, decode) else { continue };
        for to in SerializerId::ALL {
            match encode(&message, to) {
                Ok(there) => {
                    let there = match read(to, &there, decode) {
                        Ok(there) => there,
                        Err(error) => panic!("{from:?} to {to:?}: {error}"),
                    };
                    assert_eq!(there.code(), message.code());
                    let (before, after) = (values(&message), values(&there));
                    let before = if from == to { before } else { before.map(|values| carried(values, to)) };
                    assert_eq!(shown(&after), shown(&before), "{from:?} to {to:?}");
                }
                Err(RecodeError::Value(_) | RecodeError::Key | RecodeError::DuplicateKeyword) => {
                    assert_ne!(from, to, "octets are spliced");
                }
            }
        }
    }
}

/// What these values are in that serializer (SER-06).
fn carried((args, kwargs): Values, to: SerializerId) -> Values {
    let kwargs = kwargs.into_iter().map(|(key, value)| (key, carried_value(value, to)));
    let kwargs = kwargs.collect();
    (args.into_iter().map(|value| carried_value(value, to)).collect(), kwargs)
}

fn carried_value(value: Value, to: SerializerId) -> Value {
    const BOUND: i128 = 1 << 64;
    let integers = match to {
        SerializerId::Json => -BOUND..BOUND,
        SerializerId::MsgPack => i64::MIN.into()..BOUND,
        SerializerId::Cbor => i128::MIN..i128::MAX,
    };
    match value {
        Value::Integer(number) if !integers.contains(&number) => Value::String(number.to_string()),
        Value::Float(number) if !number.is_finite() && to == SerializerId::Json => Value::Null,
        Value::List(items) => Value::List(items.into_iter().map(|item| carried_value(item, to)).collect()),
        Value::Dict(entries) => Value::Dict(carried((Vec::new(), entries), to).1),
        other => other,
    }
}

/// The same checks of decoders and encoders that are wrong.
pub(crate) mod faulty {
    use super::*;

    /// Makes a tree with nodes of two KiB.
    pub(crate) fn decode_json(octets: &[u8]) {
        decode_frame(SerializerId::Json, octets, |serializer, frame, rules| {
            let lists = frame.iter().filter(|octet| **octet == b'[');
            let nodes: Vec<_> = lists.map(|_| Box::new([0_u8; 2048])).collect();
            std::hint::black_box(nodes);
            decode(serializer, frame, rules)
        });
    }

    /// Makes room for as many items as a list promises to have.
    pub(crate) fn decode_msgpack(octets: &[u8]) {
        decode_frame(SerializerId::MsgPack, octets, |serializer, frame, rules| {
            if let Some([0xDD, length @ ..]) = frame.first_chunk::<5>() {
                let room = Vec::<u8>::with_capacity(u32::from_be_bytes(*length).min(1 << 24) as usize);
                std::hint::black_box(room);
            }
            decode(serializer, frame, rules)
        });
    }

    /// Takes a SUBSCRIBE for the one behind it.
    pub(crate) fn decode_cbor(octets: &[u8]) {
        decode_frame(SerializerId::Cbor, octets, |serializer, frame, rules| {
            let mut message = decode(serializer, frame, rules)?;
            if let Message::Subscribe(subscribe) = &mut message {
                subscribe.request =
                    RequestId::new(subscribe.request.value() + 1).unwrap_or(subscribe.request);
            }
            Ok(message)
        });
    }

    /// Scans payloads for a null, and takes it for malformed.
    pub(crate) fn scan_against_decode(octets: &[u8]) {
        scan_and_decode(octets, |serializer, frame, rules| match decode(serializer, frame, rules)? {
            Message::Publish(_) if serializer == SerializerId::Json && has_null(frame) => {
                Err(SyntaxError::UnexpectedEnd.into())
            }
            message => Ok(message),
        });
    }

    fn has_null(frame: &[u8]) -> bool {
        frame.windows(4).any(|octets| octets == b"null")
    }

    /// Carries null to MessagePack as false.
    pub(crate) fn transcode(octets: &[u8]) {
        carry(octets, |message, to| {
            let frame = message.encode(to)?;
            if to != SerializerId::MsgPack {
                return Ok(frame);
            }
            Ok(frame.iter().map(|octet| if *octet == 0xC0 { 0xC2 } else { *octet }).collect())
        });
    }
}
