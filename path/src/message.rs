//! The messages that are sent while measuring.

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use wamp_proto::message::{Call, Publish, Yield};
use wamp_proto::{DecodeRules, Message, Payload, RequestId, SerializerId, decode};

/// Octets of the payload, in every serializer.
const PAYLOAD_BYTES: usize = 1024;

/// Groups of ten texts in the payload.
const GROUPS: usize = 10;

/// The topic of all events.
const TOPIC: &str = "com.example.path.topic";

/// The procedure of all calls.
const PROCEDURE: &str = "com.example.path.procedure";

/// What the router is given to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// A subscription to the topic of the events.
    Subscribe,
    /// An acknowledged PUBLISH.
    Publish,
    /// A registration of the procedure of the calls.
    Register,
    /// A CALL.
    Call,
    /// Its YIELD.
    Yield,
}

/// A message written as JSON, in that serializer.
///
/// # Errors
/// If the text is no message.
pub fn encoded(serializer: SerializerId, json: &str) -> anyhow::Result<Bytes> {
    let frame = Bytes::copy_from_slice(json.as_bytes());
    let message = decode(SerializerId::Json, &frame, &DecodeRules::default())
        .with_context(|| format!("no message: {}", json.get(..80).unwrap_or(json)))?;
    Ok(message.encode(serializer)?)
}

/// 1 KiB of nested dicts and lists with 100 texts besides the keys: whoever builds values out of it
/// allocates far more often than any limit here allows.
///
/// # Errors
/// If there is no padding with which it has the wanted size in that serializer.
pub fn payload(serializer: SerializerId) -> anyhow::Result<Payload> {
    let groups: Vec<String> = (0..GROUPS)
        .map(|n| {
            let tags: Vec<String> = ('a'..='h').map(|letter| format!("\"{letter}{n}\"")).collect();
            let tags = tags.join(",");
            format!("{{\"id\":{n},\"tags\":[{tags}],\"sub\":{{\"x\":\"s{n}\",\"y\":[\"z{n}\",true,null]}}}}")
        })
        .collect();
    let groups = groups.join(",");
    for padding in 0..PAYLOAD_BYTES {
        let json = format!("[70,1,{{}},[{groups}],{{\"pad\":\"{}\"}}]", ".".repeat(padding));
        let frame = encoded(serializer, &json)?;
        if let Message::Yield(message) = decode(serializer, &frame, &DecodeRules::default())?
            && message.payload.raw().len() == PAYLOAD_BYTES
        {
            return Ok(message.payload);
        }
    }
    anyhow::bail!("the payload cannot be made {PAYLOAD_BYTES} octets long")
}

/// A message with request 1; [`with_request`] makes the others of its kind out of it.
///
/// # Errors
/// Never in fact: the texts are messages.
pub fn work_message(work: Work, payload: &Payload) -> anyhow::Result<Message> {
    let json = match work {
        Work::Subscribe => format!("[32,1,{{}},\"{TOPIC}\"]"),
        Work::Publish => format!("[16,1,{{\"acknowledge\":true}},\"{TOPIC}\"]"),
        Work::Register => format!("[64,1,{{}},\"{PROCEDURE}\"]"),
        Work::Call => format!("[48,1,{{}},\"{PROCEDURE}\"]"),
        Work::Yield => "[70,1,{}]".to_owned(),
    };
    let frame = Bytes::from(json);
    let payload = payload.clone();
    Ok(match decode(SerializerId::Json, &frame, &DecodeRules::default())? {
        Message::Publish(message) => Publish { payload, ..message }.into(),
        Message::Call(message) => Call { payload, ..message }.into(),
        Message::Yield(message) => Yield { payload, ..message }.into(),
        other => other,
    })
}

/// The octets of that message under another request, in an allocation of their own as a transport hands
/// them in.
///
/// # Errors
/// If `number` is no request ID, or the message has none.
pub fn with_request(message: &Message, serializer: SerializerId, number: u64) -> anyhow::Result<Bytes> {
    let id = RequestId::new(number).with_context(|| format!("{number} is no request ID"))?;
    let mut message = message.clone();
    match &mut message {
        Message::Publish(message) => message.request = id,
        Message::Call(message) => message.request = id,
        Message::Yield(message) => message.request = id,
        other => anyhow::bail!("{} is not sent repeatedly", other.code().as_str()),
    }
    Ok(Bytes::copy_from_slice(&message.encode(serializer)?))
}

/// An unacknowledged PUBLISH of these arguments.
///
/// # Errors
/// If `number` is no request ID.
pub fn published(serializer: SerializerId, number: u64, payload: Payload) -> anyhow::Result<Bytes> {
    let request = RequestId::new(number).with_context(|| format!("{number} is no request ID"))?;
    ensure!(payload.serializer() == serializer, "the payload is in another serializer");
    let publish = Publish { request, options: Default::default(), topic: TOPIC.into(), payload };
    Ok(Message::from(publish).encode(serializer)?)
}
