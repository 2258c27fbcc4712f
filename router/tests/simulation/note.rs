//! What payloads say: who wrote them, as which of its messages, and something that must arrive unchanged.

use bytes::Bytes;
use wamp_proto::{Message, Payload, SerializerId, Value};

/// Stands in a payload where a frame gets what no value can be: text that is no Unicode.
const PLACEHOLDER: &str = "lone surrogate";
const LONE_SURROGATE: &str = "\\ud800";

/// The content of one payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Note {
    /// Who published or called.
    pub(crate) origin: u64,
    /// Counts what it published and called.
    pub(crate) number: u64,
    pub(crate) kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Plain,
    /// Octets, which JSON has to write as text.
    Octets,
    Keywords,
    /// Too large to be copied out of its frame at once.
    Large,
    /// Cannot be carried out of JSON.
    JsonOnly,
}

impl Kind {
    pub(crate) const ALL: [Self; 5] =
        [Self::Plain, Self::Octets, Self::Keywords, Self::Large, Self::JsonOnly];
}

impl Note {
    pub(crate) fn payload(self, serializer: SerializerId) -> Payload {
        let (args, kwargs) = self.values();
        Payload::new(serializer, &args, &kwargs)
    }

    /// What tells it from all others.
    pub(crate) fn key(self) -> (u64, u64) {
        (self.origin, self.number)
    }

    /// Octets of the payload in a frame.
    pub(crate) fn octets(self, serializer: SerializerId) -> usize {
        let octets = self.payload(serializer).raw().len();
        if self.is_json_only() { octets - PLACEHOLDER.len() + LONE_SURROGATE.len() } else { octets }
    }

    /// Whether a recipient with that serializer can be told.
    pub(crate) fn fits(self, serializer: SerializerId) -> bool {
        !self.is_json_only() || serializer == SerializerId::Json
    }

    /// Whether nothing but JSON can say it.
    pub(crate) fn is_json_only(self) -> bool {
        self.kind == Kind::JsonOnly
    }

    pub(crate) fn values(self) -> (Vec<Value>, Vec<(String, Value)>) {
        let mut args = vec![self.origin.into(), self.number.into(), (self.kind as u32).into()];
        let mut kwargs = Vec::new();
        match self.kind {
            Kind::Plain => {}
            Kind::Octets => args.push(vec![0, 0xff, self.number as u8].into()),
            Kind::Keywords => {
                let list = vec![Value::Null, true.into(), 0.5.into(), "Ärger".into()];
                kwargs = vec![("list".to_owned(), list.into()), ("number".to_owned(), self.number.into())];
            }
            Kind::Large => args.push("0123456789".repeat(500).into()),
            Kind::JsonOnly => args.push(PLACEHOLDER.into()),
        }
        (args, kwargs)
    }

    /// Reads a note, and makes sure that nothing of it changed on its way.
    pub(crate) fn read(payload: &Payload) -> Self {
        let Ok((args, kwargs)) = payload.values() else { return Self::read_json_only(payload) };
        Self::from_values(&args, &kwargs)
    }

    pub(crate) fn from_values(args: &[Value], kwargs: &[(String, Value)]) -> Self {
        let numbers: Vec<_> = args.iter().map_while(Value::as_i64).collect();
        let note = Self::from_numbers(&numbers);
        assert_ne!(note.kind, Kind::JsonOnly, "it has no values");
        let values = note.values();
        assert_eq!((args, kwargs), (&*values.0, &*values.1), "the payload changed on its way");
        note
    }

    fn read_json_only(payload: &Payload) -> Self {
        assert_eq!(payload.serializer(), SerializerId::Json, "cannot be carried out of JSON");
        let raw = String::from_utf8_lossy(payload.raw()).replace(LONE_SURROGATE, PLACEHOLDER);
        let numbers: Vec<_> =
            raw.trim_start_matches('[').split(',').map_while(|text| text.parse().ok()).collect();
        let note = Self::from_numbers(&numbers);
        assert_eq!(raw.as_bytes(), note.payload(SerializerId::Json).raw(), "it changed on its way");
        note
    }

    fn from_numbers(numbers: &[i64]) -> Self {
        let [origin, number, kind, ..] = *numbers else { panic!("a note begins with three integers") };
        let kind = *Kind::ALL.get(kind as usize).expect("a known kind");
        Self { origin: origin as u64, number: number as u64, kind }
    }
}

/// The message as it goes out.
pub(crate) fn encode(message: &Message, serializer: SerializerId) -> Bytes {
    let frame = message.encode(serializer).expect("a payload in the serializer of its session");
    if serializer != SerializerId::Json {
        return frame;
    }
    let text = std::str::from_utf8(&frame).expect("JSON is UTF-8");
    if text.contains(PLACEHOLDER) { text.replace(PLACEHOLDER, LONE_SURROGATE).into() } else { frame }
}
