//! What the load consists of: messages encoded once, with a request ID and a sequence number filled in.
//!
//! The payload is one string: 16 hexadecimal digits, of which the first four name the sender and the others
//! count, filled up with `x`. Whoever receives it can tell loss, reordering and wrong answers.

use anyhow::Context as _;
use wamp_proto::id::MAX_ID;
use wamp_proto::{Message, Payload, PublicationId, RequestId, SerializerId, Value};

/// Octets of the digits; no payload is shorter.
pub(super) const MARK_LENGTH: usize = 16;

/// The request of a message that a [`Template`] is made of: [`MAX_ID`].
pub(super) const VARIABLE_REQUEST: RequestId = RequestId::from_bits(u64::MAX);

/// The same for the publication of an EVENT.
pub(super) const VARIABLE_PUBLICATION: PublicationId = PublicationId::from_bits(u64::MAX);

/// Which message of which sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) sender: u16,
    pub(super) sequence: u64,
}

/// Bits of a mark that count.
const SEQUENCE_BITS: u32 = 48;

impl Mark {
    fn digits(self) -> [u8; MARK_LENGTH] {
        let mut bits = u64::from(self.sender) << SEQUENCE_BITS | self.sequence;
        let mut digits = [0; MARK_LENGTH];
        for digit in digits.iter_mut().rev() {
            let nibble = (bits & 0xF) as u8;
            *digit = if nibble < 10 { b'0' + nibble } else { b'a' - 10 + nibble };
            bits >>= 4;
        }
        digits
    }

    fn from_digits(digits: &[u8]) -> Option<Self> {
        let bits = u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
        let sequence = bits & ((1 << SEQUENCE_BITS) - 1);
        Some(Self { sender: (bits >> SEQUENCE_BITS) as u16, sequence })
    }

    /// The mark in a payload of `length` octets, if it came unharmed.
    pub(super) fn of(payload: &Payload, length: usize) -> Option<Self> {
        // Counted from the end, where JSON closes a string and a list: heads of a string differ in length.
        let closing = if payload.serializer().is_text() { 2 } else { 0 };
        let end = payload.raw().len().checked_sub(closing)?;
        let text = payload.raw().get(end.checked_sub(length)?..end)?;
        let (digits, padding) = text.split_at_checked(MARK_LENGTH)?;
        if padding.iter().all(|octet| *octet == b'x') { Self::from_digits(digits) } else { None }
    }
}

/// A payload of `length` octets with a mark of zeros.
pub(super) fn payload(serializer: SerializerId, length: usize) -> Payload {
    let text = "0".repeat(MARK_LENGTH) + &"x".repeat(length.saturating_sub(MARK_LENGTH));
    Payload::new(serializer, &[Value::String(text)], &[])
}

/// A message to be sent many times, each with another ID and mark.
#[derive(Clone, Debug)]
pub(super) struct Template {
    serializer: SerializerId,
    /// Up to the ID.
    head: Vec<u8>,
    /// From behind the ID on.
    tail: Vec<u8>,
    /// Where the mark begins in `tail`.
    mark: usize,
}

impl Template {
    /// Takes a message whose ID is [`VARIABLE_REQUEST`] or [`VARIABLE_PUBLICATION`], and whose payload is
    /// from [`payload`].
    pub(super) fn new(serializer: SerializerId, message: &Message) -> anyhow::Result<Self> {
        let octets = message.encode(serializer)?;
        let mut id = Vec::new();
        write_id(serializer, MAX_ID, &mut id);
        let (head, tail) = split_at_first(&octets, &id).context("the message has no variable ID")?;
        let mark = [b'0'; MARK_LENGTH];
        let (before, _) = split_at_first(tail, &mark).context("the message has no mark")?;
        Ok(Self { serializer, head: head.to_vec(), mark: before.len(), tail: tail.to_vec() })
    }

    /// The message with that ID and mark, in a buffer that the caller lends.
    pub(super) fn fill<'a>(&self, id: u64, mark: Mark, buffer: &'a mut Vec<u8>) -> &'a [u8] {
        buffer.clear();
        buffer.extend_from_slice(&self.head);
        write_id(self.serializer, id, buffer);
        let start = buffer.len() + self.mark;
        buffer.extend_from_slice(&self.tail);
        if let Some(digits) = buffer.get_mut(start..start + MARK_LENGTH) {
            digits.copy_from_slice(&mark.digits());
        }
        buffer
    }
}

fn split_at_first<'a>(octets: &'a [u8], part: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let start = octets.windows(part.len()).position(|window| window == part)?;
    let (before, rest) = octets.split_at_checked(start)?;
    // The mark stays in what follows; an ID, which is written anew, does not.
    Some((before, rest.get(part.len()..)?))
}

/// Writes an integer, in MessagePack and CBOR in the longest form, which every reader takes.
fn write_id(serializer: SerializerId, id: u64, out: &mut Vec<u8>) {
    match serializer {
        SerializerId::Json => out.extend_from_slice(id.to_string().as_bytes()),
        SerializerId::MsgPack => {
            out.push(0xCF);
            out.extend_from_slice(&id.to_be_bytes());
        }
        SerializerId::Cbor => {
            out.push(0x1B);
            out.extend_from_slice(&id.to_be_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use wamp_proto::dict::Dict;
    use wamp_proto::message::Call;
    use wamp_proto::{DecodeRules, decode};

    use super::*;

    #[test]
    fn filled_template_is_the_message_with_its_id_and_mark() {
        for serializer in SerializerId::ALL {
            for length in [16, 17, 64, 400, 70_000] {
                let request = VARIABLE_REQUEST;
                let procedure = "com.example.echo".into();
                let payload = payload(serializer, length);
                let call = Call { request, options: Dict::new(), procedure, payload };
                let template = Template::new(serializer, &call.into()).unwrap();
                for (id, sequence) in [(1, 0), (300, 0xABC_DEF), (MAX_ID, (1 << SEQUENCE_BITS) - 1)] {
                    let mark = Mark { sender: 0xBEEF, sequence };
                    let mut buffer = Vec::new();
                    let octets = template.fill(id, mark, &mut buffer).to_vec().into();
                    let Message::Call(call) = decode(serializer, &octets, &DecodeRules::default()).unwrap()
                    else {
                        panic!("not a CALL");
                    };
                    assert_eq!(call.request.value(), id);
                    assert_eq!(Mark::of(&call.payload, length), Some(mark));
                }
            }
        }
    }

    #[test]
    fn harmed_payload_has_no_mark() {
        let text = format!("{}xxxy", "0".repeat(MARK_LENGTH));
        let harmed = Payload::new(SerializerId::Json, &[Value::String(text)], &[]);
        assert_eq!(Mark::of(&harmed, MARK_LENGTH + 4), None);
        assert_eq!(Mark::of(&Payload::EMPTY, MARK_LENGTH), None);
    }
}
