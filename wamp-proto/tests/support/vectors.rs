//! Reads test vectors in the shape of the specification's `testsuite` and puts the crate to them.
//!
//! A single-message file has serialization samples (octets in several serializers, attributes) and
//! validation samples (a message, and the error that it deserves). A multi-session file is a transcript.

#![allow(dead_code, reason = "the transcript's places are for those who replay it")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use serde_json::{Map, Value as Json};
use wamp_proto::message::Answered;
use wamp_proto::{Arity, DecodeRules, Message, MessageCode, Payload, SerializerId, Value, decode};

use super::frames::{base64, bytes, hex, list, unhex, value};

/// What came of some vectors.
#[derive(Default)]
pub(crate) struct Report {
    pub(crate) encoded: usize,
    pub(crate) decoded: usize,
    pub(crate) validated: usize,
    pub(crate) steps: usize,
    pub(crate) skipped: Vec<String>,
    pub(crate) failed: Vec<String>,
}

impl Report {
    fn check(&mut self, place: &str, outcome: Result<(), String>) {
        if let Err(what) = outcome {
            self.failed.push(format!("{place}: {what}"));
        }
    }
}

/// One file.
pub(crate) struct Vector {
    pub(crate) name: String,
    pub(crate) content: Json,
}

/// Every vector under a folder, by path; schemas and the like are none.
pub(crate) fn load(folder: &Path) -> Vec<Vector> {
    let mut files = Vec::new();
    find(folder, &mut files);
    files.sort();
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).expect("a readable file");
        let content: Json = serde_json::from_str(&text).expect("a JSON file");
        let name = path.strip_prefix(folder).expect("found under it").display().to_string();
        (content["samples"].is_array() || content["sequence"].is_array()).then_some(Vector { name, content })
    };
    files.into_iter().filter_map(read).collect()
}

fn find(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a readable folder") {
        let path = entry.expect("a readable folder").path();
        if path.is_dir() {
            find(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "json") {
            files.push(path);
        }
    }
}

impl Vector {
    pub(crate) fn samples(&self) -> &[Json] {
        self.content["samples"].as_array().map_or(&[], Vec::as_slice)
    }

    /// The messages of a transcript: from whom, to whom, what.
    pub(crate) fn steps(&self) -> Result<Vec<(String, String, Message)>, String> {
        let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
        let steps = self.content["sequence"].as_array().map_or(&[][..], Vec::as_slice);
        let read = |step: &Json| {
            let message = &step["message"];
            let label = text(&message["type"]);
            let number = (0..=u64::from(u8::MAX))
                .find(|&number| MessageCode::from_number(number).is_some_and(|code| code.as_str() == label))
                .ok_or(format!("no message is called {label}"))?;
            Ok((text(&step["from"]), text(&step["to"]), from_attributes(number, message)?))
        };
        steps.iter().map(read).collect()
    }

    /// Puts the crate to everything in the file.
    pub(crate) fn run(&self, report: &mut Report) {
        self.encode(report);
        self.decode(report);
        self.validate(report);
        if self.content["sequence"].is_array() {
            match self.steps() {
                Ok(steps) => report.steps += steps.len(),
                Err(error) => report.failed.push(format!("{}: {error}", self.name)),
            }
        }
    }

    /// Serialization samples that concern this crate, with their places.
    fn serialized(&self, report: &mut Report) -> Vec<(String, &Json)> {
        let mut samples = Vec::new();
        for sample in self.samples().iter().filter(|sample| sample["serializers"].is_object()) {
            let place = self.place(sample);
            let attributes = &sample["expected_attributes"];
            let code = attributes["message_type"].as_u64();
            if code.and_then(MessageCode::from_number).is_none() {
                report.skipped.push(format!("{place}: a message of an extension"));
            } else {
                samples.push((place, sample));
            }
        }
        samples
    }

    fn place(&self, sample: &Json) -> String {
        format!("{}, {}", self.name, sample["description"].as_str().unwrap_or("a sample"))
    }

    /// TV-01: a message of the attributes is encoded as one of the variants.
    pub(crate) fn encode(&self, report: &mut Report) {
        for (place, sample) in self.serialized(&mut Report::default()) {
            for serializer in SerializerId::ALL {
                let variants = variants(sample, serializer);
                if !variants.is_empty() {
                    report.encoded += 1;
                    let outcome = encodes_as(&sample["expected_attributes"], serializer, &variants);
                    report.check(&format!("{place}, {}", name(serializer)), outcome);
                }
            }
        }
    }

    /// TV-02: every variant is decoded to the attributes, and encoded again without a loss.
    pub(crate) fn decode(&self, report: &mut Report) {
        for (place, sample) in self.serialized(report) {
            for serializer in sample["serializers"].as_object().into_iter().flat_map(Map::keys) {
                if !SerializerId::ALL.iter().any(|known| name(*known) == serializer) {
                    report.skipped.push(format!("{place}: serializer {serializer}"));
                }
            }
            for serializer in SerializerId::ALL {
                let variants = variants(sample, serializer);
                let mut undecodable = Vec::new();
                for octets in &variants {
                    match decode(serializer, octets, &DecodeRules::default()) {
                        Ok(message) => {
                            report.decoded += 1;
                            let outcome = holds(&message, &sample["expected_attributes"], serializer);
                            report.check(&format!("{place}, {}", name(serializer)), outcome);
                        }
                        Err(error) => undecodable.push(format!("{place}, {}: {error}", name(serializer))),
                    }
                }
                // One of another backend is no failure, as long as another one is read.
                if undecodable.len() < variants.len() {
                    report.skipped.append(&mut undecodable);
                } else {
                    report.failed.append(&mut undecodable);
                }
            }
        }
    }

    /// TV-03: validation samples are accepted, or refused with a diagnostic that names the key.
    pub(crate) fn validate(&self, report: &mut Report) {
        for sample in self.samples().iter().filter(|sample| sample["wmsg"].is_array()) {
            let place = self.place(sample);
            let refused = sample["expected_error"]["contains"].as_str();
            for serializer in SerializerId::ALL {
                let octets = Bytes::from(frame_of(serializer, &sample["wmsg"]));
                let outcome = match (decode(serializer, &octets, &DecodeRules::default()), refused) {
                    (Ok(_), None) => Ok(()),
                    (Err(error), Some(key)) if error.to_string().contains(key) => Ok(()),
                    (Err(error), Some(key)) => Err(format!("refused without naming {key}: {error}")),
                    (Ok(_), Some(_)) => Err("accepted".to_owned()),
                    (Err(error), None) => Err(error.to_string()),
                };
                report.validated += 1;
                report.check(&format!("{place}, {}", name(serializer)), outcome);
            }
        }
    }
}

/// The frame of a validation sample. Text in the place of Arguments is transparent payload in hexadecimal.
fn frame_of(serializer: SerializerId, message: &Json) -> Vec<u8> {
    let elements = message.as_array().expect("a message is a list");
    let code = elements.first().and_then(Json::as_u64).and_then(MessageCode::from_number);
    let args = code.and_then(|code| element_names(code).iter().position(|name| *name == "args"));
    let item = |(place, element): (usize, &Json)| match element.as_str() {
        Some(text) if args.is_some_and(|args| place == args + 1) => bytes(serializer, &unhex(text)),
        _ => value(serializer, element),
    };
    list(serializer, &elements.iter().enumerate().map(item).collect::<Vec<_>>())
}

/// A serializer's name in vectors.
fn name(serializer: SerializerId) -> &'static str {
    match serializer {
        SerializerId::Json => "json",
        SerializerId::MsgPack => "msgpack",
        SerializerId::Cbor => "cbor",
    }
}

fn variants(sample: &Json, serializer: SerializerId) -> Vec<Bytes> {
    let listed = sample["serializers"][name(serializer)].as_array().map_or(&[][..], Vec::as_slice);
    let octets = |variant: &Json| {
        let octets = variant["bytes_hex"].as_str().map(unhex);
        let text = variant["bytes"].as_str().map(|text| text.as_bytes().to_vec());
        if let (Some(octets), Some(text)) = (&octets, &text) {
            assert_eq!(octets, text, "one variant, two contents");
        }
        Bytes::from(octets.or(text).expect("a variant has octets"))
    };
    listed.iter().map(octets).collect()
}

fn encodes_as(attributes: &Json, serializer: SerializerId, variants: &[Bytes]) -> Result<(), String> {
    let code = attributes["message_type"].as_u64().ok_or("no type")?;
    let message = with_payload_in(from_attributes(code, attributes)?, serializer)?;
    let octets = message.encode(serializer).map_err(|error| error.to_string())?;
    // Dicts have no order: what has another one is as long, and means the same.
    if variants.contains(&octets) {
        return Ok(());
    }
    let again = decode(serializer, &octets, &DecodeRules::default()).map_err(|error| error.to_string())?;
    let is_reordered = variants.iter().any(|variant| variant.len() == octets.len());
    if is_reordered && comparable(attributes) == comparable(&Json::Object(attributes_of(&again)?)) {
        return Ok(());
    }
    Err(format!("encoded as {octets:?}, which is no variant"))
}

fn holds(message: &Message, attributes: &Json, serializer: SerializerId) -> Result<(), String> {
    let (found, wanted) = (Json::Object(attributes_of(message)?), comparable(attributes));
    if comparable(&found) != wanted {
        return Err(format!("decoded to {found}, not to {wanted}"));
    }
    for other in SerializerId::ALL {
        let octets = message.encode(other).map_err(|error| error.to_string())?;
        let again = decode(other, &octets, &DecodeRules::default()).map_err(|error| error.to_string())?;
        if other == serializer && again != *message {
            return Err(format!("encoded again as {octets:?}, which is another message"));
        }
        let found = Json::Object(attributes_of(&again)?);
        if comparable(&found) != wanted {
            return Err(format!("{found} when carried to {}", name(other)));
        }
    }
    Ok(())
}

/// The names of a message's elements behind its type code.
fn element_names(code: MessageCode) -> &'static [&'static str] {
    match code {
        MessageCode::Hello => &["realm", "details"],
        MessageCode::Welcome => &["session_id", "details"],
        MessageCode::Abort => &["details", "reason", "args", "kwargs"],
        MessageCode::Challenge => &["method", "extra"],
        MessageCode::Authenticate => &["signature", "extra"],
        MessageCode::Goodbye => &["details", "reason"],
        MessageCode::Error => &["request_type", "request_id", "details", "error", "args", "kwargs"],
        MessageCode::Publish => &["request_id", "options", "topic", "args", "kwargs"],
        MessageCode::Published => &["request_id", "publication_id"],
        MessageCode::Subscribe => &["request_id", "options", "topic"],
        MessageCode::Subscribed | MessageCode::Unsubscribe => &["request_id", "subscription_id"],
        MessageCode::Unsubscribed | MessageCode::Unregistered => &["request_id", "details"],
        MessageCode::Event => &["subscription_id", "publication_id", "details", "args", "kwargs"],
        MessageCode::Call => &["request_id", "options", "procedure", "args", "kwargs"],
        MessageCode::Cancel | MessageCode::Interrupt => &["request_id", "options"],
        MessageCode::CallResult => &["request_id", "details", "args", "kwargs"],
        MessageCode::Register => &["request_id", "options", "procedure"],
        MessageCode::Registered | MessageCode::Unregister => &["request_id", "registration_id"],
        MessageCode::Invocation => &["request_id", "registration_id", "details", "args", "kwargs"],
        MessageCode::Yield => &["request_id", "options", "args", "kwargs"],
    }
}

/// Attributes under one spelling, without those that say nothing: an absent element and an empty one are
/// the same payload (MSG-12).
fn comparable(attributes: &Json) -> Json {
    let mut same = Map::new();
    for (key, value) in attributes.as_object().into_iter().flatten() {
        let is_empty = match value {
            Json::Null => true,
            Json::Array(items) => items.is_empty(),
            Json::Object(entries) => entries.is_empty(),
            _ => false,
        };
        match key.as_str() {
            "args" | "kwargs" | "payload" if is_empty => {}
            "roles" => {
                same.insert("details".into(), serde_json::json!({ "roles": value }));
            }
            "subscription" | "publication" => {
                same.insert(format!("{key}_id"), value.clone());
            }
            _ => {
                same.insert(key.clone(), value.clone());
            }
        }
    }
    Json::Object(same)
}

/// The message that has these attributes; its payload is in JSON.
pub(crate) fn from_attributes(number: u64, attributes: &Json) -> Result<Message, String> {
    let code = MessageCode::from_number(number).ok_or(format!("no message of type {number}"))?;
    let attributes = comparable(attributes);
    let mut elements = vec![Json::from(number)];
    let transparent = attributes.get("payload").and_then(Json::as_str).map(unhex);
    for name in element_names(code) {
        match attributes.get(name) {
            Some(value) => elements.push(value.clone()),
            None if *name == "args" && transparent.is_some() => {
                elements.extend(transparent.iter().map(|octets| octets_in_json(octets)));
            }
            None if *name == "args" && attributes.get("kwargs").is_some() => {
                elements.push(serde_json::json!([]));
            }
            None => {}
        }
    }
    let text = Bytes::from(Json::Array(elements).to_string());
    decode(SerializerId::Json, &text, &DecodeRules::default()).map_err(|error| format!("{text:?}: {error}"))
}

fn with_payload_in(mut message: Message, serializer: SerializerId) -> Result<Message, String> {
    let Some(payload) = message.payload() else { return Ok(message) };
    let payload = match transparent(payload)? {
        Some(octets) => Payload::opaque(serializer, &octets),
        None => {
            let (args, kwargs) = payload.values().map_err(|error| error.to_string())?;
            Payload::new(serializer, &args, &kwargs)
        }
    };
    match &mut message {
        Message::Abort(message) => message.payload = payload,
        Message::Error(message) => message.payload = payload,
        Message::Publish(message) => message.payload = payload,
        Message::Event(message) => message.payload = payload,
        Message::Call(message) => message.payload = payload,
        Message::CallResult(message) => message.payload = payload,
        Message::Invocation(message) => message.payload = payload,
        Message::Yield(message) => message.payload = payload,
        other => return Err(format!("{} has no payload", other.code().as_str())),
    }
    Ok(message)
}

/// The octets of a transparent payload.
fn transparent(payload: &Payload) -> Result<Option<Vec<u8>>, String> {
    match payload.values().map_err(|error| error.to_string())? {
        _ if payload.arity() != Arity::Opaque => Ok(None),
        (mut args, kwargs) => match (args.pop(), args.is_empty() && kwargs.is_empty()) {
            (Some(Value::Bytes(octets)), true) => Ok(Some(octets)),
            other => Err(format!("no octets, or more than those: {other:?}")),
        },
    }
}

/// The attributes of a message: fields and payload as they were decoded, dicts as they are encoded.
fn attributes_of(message: &Message) -> Result<Map<String, Json>, String> {
    let code = message.code();
    let mut fields: Vec<(&str, Json)> = vec![("message_type", (code as u64).into())];
    let id = |name, value: u64| (name, Json::from(value));
    let text = |name, value: &str| (name, Json::from(value));
    match message {
        Message::Hello(m) => fields.push(text("realm", &m.realm)),
        Message::Welcome(m) => fields.push(id("session_id", m.session.value())),
        Message::Abort(m) => fields.push(text("reason", &m.reason)),
        Message::Challenge(m) => fields.push(text("method", &m.authmethod)),
        Message::Authenticate(m) => fields.push(text("signature", &m.signature)),
        Message::Goodbye(m) => fields.push(text("reason", &m.reason)),
        Message::Error(m) => fields.extend([
            id("request_type", m.request_type),
            id("request_id", m.request.value()),
            text("error", &m.error),
        ]),
        Message::Publish(m) => fields.extend([id("request_id", m.request.value()), text("topic", &m.topic)]),
        Message::Published(m) => {
            fields.extend([id("request_id", m.request.value()), id("publication_id", m.publication.value())])
        }
        Message::Subscribe(m) => {
            fields.extend([id("request_id", m.request.value()), text("topic", &m.topic)]);
        }
        Message::Subscribed(m) => fields
            .extend([id("request_id", m.request.value()), id("subscription_id", m.subscription.value())]),
        Message::Unsubscribe(m) => fields
            .extend([id("request_id", m.request.value()), id("subscription_id", m.subscription.value())]),
        Message::Unsubscribed(m) => fields.push(id("request_id", answered(m.request))),
        Message::Event(m) => fields.extend([
            id("subscription_id", m.subscription.value()),
            id("publication_id", m.publication.value()),
        ]),
        Message::Call(m) => {
            fields.extend([id("request_id", m.request.value()), text("procedure", &m.procedure)]);
        }
        Message::Cancel(m) => fields.push(id("request_id", m.request.value())),
        Message::CallResult(m) => fields.push(id("request_id", m.request.value())),
        Message::Register(m) => {
            fields.extend([id("request_id", m.request.value()), text("procedure", &m.procedure)]);
        }
        Message::Registered(m) => fields
            .extend([id("request_id", m.request.value()), id("registration_id", m.registration.value())]),
        Message::Unregister(m) => fields
            .extend([id("request_id", m.request.value()), id("registration_id", m.registration.value())]),
        Message::Unregistered(m) => fields.push(id("request_id", answered(m.request))),
        Message::Invocation(m) => fields
            .extend([id("request_id", m.request.value()), id("registration_id", m.registration.value())]),
        Message::Interrupt(m) => fields.push(id("request_id", m.request.value())),
        Message::Yield(m) => fields.push(id("request_id", m.request.value())),
    }
    let mut attributes: Map<String, Json> =
        fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let octets = message.encode(SerializerId::Json).map_err(|error| error.to_string())?;
    let wire: Vec<Json> =
        serde_json::from_slice(&octets).map_err(|error| format!("no JSON was encoded: {error}"))?;
    for (name, element) in element_names(code).iter().zip(wire.into_iter().skip(1)) {
        if element.is_object() && *name != "kwargs" {
            attributes.insert((*name).to_owned(), element);
        }
    }
    if let Some(payload) = message.payload() {
        if let Some(octets) = transparent(payload)? {
            attributes.insert("payload".into(), hex(&octets).into());
            return Ok(attributes);
        }
        let (args, kwargs) = payload.values().map_err(|error| error.to_string())?;
        attributes.insert("args".into(), args.iter().map(json_of).collect());
        let kwargs = kwargs.iter().map(|(key, value)| (key.clone(), json_of(value)));
        attributes.insert("kwargs".into(), kwargs.collect());
    }
    Ok(attributes)
}

fn answered(answered: Answered) -> u64 {
    match answered {
        Answered::Request(request) => request.value(),
        Answered::Revocation => 0,
    }
}

fn octets_in_json(octets: &[u8]) -> Json {
    Json::from(format!("\0{}", base64(octets)))
}

fn json_of(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(value) => Json::from(*value),
        Value::Integer(value) => u64::try_from(*value)
            .map(Json::from)
            .or_else(|_| i64::try_from(*value).map(Json::from))
            .unwrap_or(Json::Null),
        Value::Float(value) => Json::from(*value),
        Value::String(value) => Json::from(value.as_str()),
        Value::Bytes(value) => octets_in_json(value),
        Value::List(items) => items.iter().map(json_of).collect(),
        Value::Dict(entries) => {
            entries.iter().map(|(key, value)| (key.clone(), json_of(value))).collect::<Map<_, _>>().into()
        }
    }
}

/// The report for people.
pub(crate) fn summary(report: &Report) -> String {
    let mut text = String::new();
    for line in report.skipped.iter().map(|line| format!("skipped {line}")) {
        writeln!(text, "{line}").expect("text takes text");
    }
    for line in report.failed.iter().map(|line| format!("FAILED  {line}")) {
        writeln!(text, "{line}").expect("text takes text");
    }
    let Report { encoded, decoded, validated, steps, skipped, failed } = report;
    write!(
        text,
        "ran {}: {encoded} encoded, {decoded} variants decoded, {validated} validated, {steps} steps of \
         transcripts read; {} skipped, {} failed",
        encoded + decoded + validated + steps,
        skipped.len(),
        failed.len(),
    )
    .expect("text takes text");
    text
}
