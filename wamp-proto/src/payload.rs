//! The application data of a message: raw octets, proven well-formed, never built into values.

use bytes::Bytes;
use bytestring::ByteString;

use crate::message::MessageCode;
use crate::serializer::SerializerId;
use crate::serializer::decode::{DecodeError, DecodeRules};
use crate::serializer::token::{Items, Kind, Reader, Scalar, SyntaxError, Writer};
use crate::serializer::transcode::{
    RecodeError, copy, copy_kwargs, read_entries, read_value, write_entries, write_value,
};
use crate::serializer::{with_reader, with_writer};
use crate::value::Value;

/// Octets by which a frame may be more than twice a part of it before the part is copied out of it.
///
/// A frame that is mostly something else would otherwise be kept alive, and counted nowhere, by a short text
/// or payload that waits in a queue.
const PADDING_MAX: usize = 4096;

/// Whether a part of that length is better copied out of its frame than kept as a slice.
fn is_padded(frame: &Bytes, len: usize) -> bool {
    frame.len() > PADDING_MAX + 2 * len
}

/// Which payload elements a message has. Absent, `[]` and `{}` stay distinct on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Arity {
    /// Neither.
    #[default]
    None,
    /// Arguments.
    Args,
    /// Arguments and ArgumentsKw.
    ArgsKwargs,
    /// Octets in the place of Arguments: payload transparency in the form of Autobahn (A-06, TV-04). Only in a
    /// message whose Options or Details have `enc_algo`, so that who carries the payload over to another message
    /// carries that over too.
    Opaque,
}

impl Arity {
    /// How many elements those are.
    pub(crate) const fn elements(self) -> usize {
        match self {
            Self::None => 0,
            Self::Args | Self::Opaque => 1,
            Self::ArgsKwargs => 2,
        }
    }
}

/// Arguments and ArgumentsKw as they stand on the wire, in one serializer.
///
/// A decoded payload is a slice of its frame and keeps the frame alive, unless most of the frame is padding.
/// Cloning costs a reference count.
#[derive(Clone, Debug)]
pub struct Payload {
    pub(crate) serializer: SerializerId,
    pub(crate) arity: Arity,
    pub(crate) raw: Bytes,
}

impl Default for Payload {
    fn default() -> Self {
        Self::EMPTY
    }
}

/// Payloads are equal if they have the same elements with the same octets in the same serializer.
impl PartialEq for Payload {
    fn eq(&self, other: &Self) -> bool {
        self.arity == other.arity
            && self.raw == other.raw
            && (self.arity == Arity::None || self.serializer == other.serializer)
    }
}

impl Payload {
    /// No Arguments and no ArgumentsKw.
    pub const EMPTY: Self = Self { serializer: SerializerId::ALL[0], arity: Arity::None, raw: Bytes::new() };

    /// A payload of these values. Empty elements are left out as MSG-11 asks: nothing at all for no values,
    /// and `[]` as a placeholder before keyword arguments.
    pub fn new(serializer: SerializerId, args: &[Value], kwargs: &[(String, Value)]) -> Self {
        let (raw, arity) = with_writer!(serializer, Serializer => build::<Serializer>(args, kwargs));
        Self { serializer, arity, raw: raw.into() }
    }

    /// Octets in the place of Arguments, for a message with `enc_algo` (A-06).
    pub fn opaque(serializer: SerializerId, octets: &[u8]) -> Self {
        fn build<W: Writer>(octets: &[u8]) -> Vec<u8> {
            let mut writer = W::with_capacity(octets.len() + 8);
            writer.bytes(octets);
            writer.into_vec()
        }
        let raw = with_writer!(serializer, Serializer => build::<Serializer>(octets));
        Self { serializer, arity: Arity::Opaque, raw: raw.into() }
    }

    /// The serializer of the raw octets. Meaningless for an empty payload.
    pub fn serializer(&self) -> SerializerId {
        self.serializer
    }

    /// Which elements there are.
    pub fn arity(&self) -> Arity {
        self.arity
    }

    /// Arguments, then ArgumentsKw, with whatever the serializer puts between two elements of a list.
    pub fn raw(&self) -> &Bytes {
        &self.raw
    }

    /// Both elements as values; an absent element is empty (MSG-12). Opaque octets are the one argument, as in
    /// payload passthru mode (PPT-03).
    ///
    /// # Errors
    /// If a value can be written in this serializer but is no Unicode or no WAMP value.
    #[expect(clippy::type_complexity, reason = "positional and keyword arguments, nothing more")]
    pub fn values(&self) -> Result<(Vec<Value>, Vec<(String, Value)>), SyntaxError> {
        with_reader!(self.serializer, &self.raw, usize::MAX, reader => values(reader, self.arity))
    }

    /// Whether a peer that takes that [`DecodeRules::max_depth`](crate::DecodeRules::max_depth) would take a message with
    /// this payload for a violation.
    pub fn is_deeper_than(&self, max_depth: usize) -> bool {
        // Each level takes an octet.
        if self.raw.len() < max_depth {
            return false;
        }
        // The message is one level.
        let levels = max_depth.min(DecodeRules::MAX_DEPTH).saturating_sub(1);
        matches!(self.pass_over(levels), Err(SyntaxError::TooDeep(_)))
    }

    /// Reads the elements without building them.
    fn pass_over(&self, max_depth: usize) -> Result<(), SyntaxError> {
        with_reader!(self.serializer, &self.raw, max_depth, reader => skip(reader, self.arity))
    }

    /// Moves the octets into an allocation of their own, so that the frame that they came in can be freed.
    pub fn detach(&mut self) {
        self.raw = Bytes::copy_from_slice(&self.raw);
    }

    /// Takes `raw` for the octets of this payload. They must be the same octets.
    pub(crate) fn rehome(&mut self, raw: Bytes) {
        debug_assert_eq!(self.raw, raw, "a payload may move, not change");
        self.raw = raw;
    }

    /// Reads the elements that are left of a message, if any, without building them. Only what is no list asks
    /// whether the message `is_transparent`.
    pub(crate) fn scan<'a, R: Reader<'a>>(
        message: MessageCode,
        reader: &mut R,
        items: &mut Items,
        frame: &Bytes,
        is_transparent: impl FnOnce() -> bool,
    ) -> Result<Self, DecodeError> {
        if !reader.more(items)? {
            return Ok(Self { serializer: R::SERIALIZER, ..Self::EMPTY });
        }
        let start = reader.position();
        let mut arity = Arity::Args;
        match reader.peek()? {
            Kind::Array => reader.skip()?,
            kind if is_transparent() => {
                if kind != Kind::Scalar || !matches!(reader.scalar()?, Scalar::Bytes(_)) {
                    let expected = "a list or octets";
                    return Err(DecodeError::Element { message, element: "Arguments", expected });
                }
                arity = Arity::Opaque;
            }
            _ => return Err(DecodeError::Element { message, element: "Arguments", expected: "a list" }),
        }
        let mut end = reader.offset();
        if reader.more(items)? {
            if arity == Arity::Opaque {
                return Err(DecodeError::Arity(message));
            }
            if reader.peek()? != Kind::Map {
                return Err(DecodeError::Element { message, element: "ArgumentsKw", expected: "a dict" });
            }
            reader.skip()?;
            end = reader.offset();
            arity = Arity::ArgsKwargs;
            if reader.more(items)? {
                return Err(DecodeError::Arity(message));
            }
        }
        let len = end - start;
        let raw = if is_padded(frame, len) {
            Bytes::copy_from_slice(frame.get(start..end).unwrap_or_default())
        } else {
            frame.slice(start..end)
        };
        Ok(Self { serializer: R::SERIALIZER, arity, raw })
    }

    /// Writes the elements, spliced where the serializer is the same; returns where they begin, if there are any.
    pub(crate) fn write<W: Writer>(&self, writer: &mut W) -> Result<usize, RecodeError> {
        if self.arity == Arity::None {
            return Ok(0);
        }
        let start = writer.position_for_raw();
        if self.serializer == W::SERIALIZER {
            writer.raw(&self.raw);
            return Ok(start);
        }
        with_reader!(self.serializer, &self.raw, usize::MAX, reader => transcode(reader, writer, self.arity))?;
        Ok(start)
    }
}

fn build<W: Writer>(args: &[Value], kwargs: &[(String, Value)]) -> (Vec<u8>, Arity) {
    let mut writer = W::with_capacity(64);
    let arity = match (args.is_empty(), kwargs.is_empty()) {
        (true, true) => return (Vec::new(), Arity::None),
        (false, true) => Arity::Args,
        (_, false) => Arity::ArgsKwargs,
    };
    writer.array(args.len());
    for value in args {
        write_value(value, &mut writer);
    }
    writer.end_array();
    if arity == Arity::ArgsKwargs {
        write_entries(kwargs, &mut writer);
    }
    (writer.into_vec(), arity)
}

/// Passes over what separates Arguments from ArgumentsKw where the raw octets stand alone.
pub(crate) fn separator<'a, R: Reader<'a>>(reader: &mut R) -> Result<(), SyntaxError> {
    // Inside a list, a reader finds the comma itself; `more` on a list that is not at its first item does.
    let remaining = if R::SERIALIZER.is_text() { None } else { Some(1) };
    let mut list = Items { is_first: false, ..Items::new(remaining, false) };
    reader.more(&mut list).map(drop)
}

type Values = (Vec<Value>, Vec<(String, Value)>);

fn values<'a, R: Reader<'a>>(reader: &mut R, arity: Arity) -> Result<Values, SyntaxError> {
    let mut args = Vec::new();
    let mut kwargs = Vec::new();
    match arity {
        Arity::None => {}
        Arity::Opaque => args.push(read_value(reader)?),
        Arity::Args | Arity::ArgsKwargs => {
            let mut items = reader.array()?;
            while reader.more(&mut items)? {
                args.push(read_value(reader)?);
            }
        }
    }
    if arity == Arity::ArgsKwargs {
        separator(reader)?;
        kwargs = read_entries(reader)?;
    }
    Ok((args, kwargs))
}

fn skip<'a, R: Reader<'a>>(reader: &mut R, arity: Arity) -> Result<(), SyntaxError> {
    if arity != Arity::None {
        reader.skip()?;
    }
    if arity == Arity::ArgsKwargs {
        separator(reader)?;
        reader.skip()?;
    }
    Ok(())
}

fn transcode<'a, R: Reader<'a>, W: Writer>(
    reader: &mut R,
    writer: &mut W,
    arity: Arity,
) -> Result<(), RecodeError> {
    copy(reader, writer)?;
    if arity == Arity::ArgsKwargs {
        separator(reader)?;
        copy_kwargs(reader, writer)?;
    }
    Ok(())
}

/// The text of a frame, cut without validating it again where the whole frame was.
pub(crate) struct Frame<'a> {
    pub(crate) octets: &'a Bytes,
    /// The frame as text, in JSON.
    pub(crate) text: Option<&'a ByteString>,
}

impl Frame<'_> {
    /// Text out of this frame as an owned, cheap slice of it.
    pub(crate) fn own(&self, text: std::borrow::Cow<'_, str>) -> ByteString {
        match (text, self.text) {
            (std::borrow::Cow::Owned(text), _) => text.into(),
            (std::borrow::Cow::Borrowed(slice), _) if is_padded(self.octets, slice.len()) => slice.into(),
            (std::borrow::Cow::Borrowed(slice), Some(text)) => text.slice_ref(slice),
            (std::borrow::Cow::Borrowed(slice), None) => {
                ByteString::try_from(self.octets.slice_ref(slice.as_bytes())).unwrap_or_default()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Message, decode};

    fn publish(padding: usize) -> (Bytes, Message) {
        let frame = Bytes::from(format!(r#"[16,1,{{}},"com.example.tick",{}[7]]"#, " ".repeat(padding)));
        let message = decode(SerializerId::Json, &frame, &DecodeRules::default()).expect("well-formed");
        (frame, message)
    }

    /// Whether topic and payload are slices of the frame.
    fn are_slices(frame: &Bytes, message: &Message) -> [bool; 2] {
        let Message::Publish(publish) = message else { panic!("16 is PUBLISH") };
        [publish.topic.as_bytes(), publish.payload.raw()]
            .map(|part| frame.as_ptr_range().contains(&part.as_ptr()))
    }

    #[test]
    fn a_message_is_made_of_slices_of_its_frame() {
        let (frame, message) = publish(0);
        assert_eq!(are_slices(&frame, &message), [true, true]);
    }

    /// That many lists, each the one item of the next.
    fn nested(levels: usize) -> Value {
        (1..levels).fold(Value::List(Vec::new()), |inner, _| Value::List(vec![inner]))
    }

    #[test]
    fn ser_08_a_payload_knows_who_would_not_take_it() {
        for serializer in SerializerId::ALL {
            // Behind the list of arguments, or the dict of keyword arguments, and the message.
            for levels in [1, 2, 62, 63, 254] {
                let padding = Value::from("x".repeat(256));
                let values = [padding, nested(levels)];
                let kwargs = [("key".to_owned(), nested(levels))];
                for payload in
                    [Payload::new(serializer, &values, &[]), Payload::new(serializer, &[], &kwargs)]
                {
                    assert!(!payload.is_deeper_than(levels + 2), "{serializer:?} {levels}");
                    assert!(payload.is_deeper_than(levels + 1), "{serializer:?} {levels}");
                    let message = crate::message::Yield {
                        request: crate::RequestId::new(1).expect("an ID"),
                        options: crate::dict::Dict::new(),
                        payload,
                    };
                    let frame = Message::from(message).encode(serializer).expect("one serializer");
                    for (max_depth, is_taken) in [(levels + 2, true), (levels + 1, false)] {
                        let rules = DecodeRules { max_depth, ..DecodeRules::default() };
                        assert_eq!(
                            decode(serializer, &frame, &rules).is_ok(),
                            is_taken,
                            "{serializer:?} {levels}"
                        );
                    }
                }
            }
            assert!(
                !Payload::EMPTY.is_deeper_than(1) && !Payload::opaque(serializer, &[7; 99]).is_deeper_than(1)
            );
        }
    }

    #[test]
    fn a_frame_of_padding_is_not_kept_alive() {
        let (frame, message) = publish(100_000);
        assert_eq!(are_slices(&frame, &message), [false, false]);
        assert_eq!(message, publish(0).1);
    }
}
