//! What holds for any batch and for any octets that somebody takes for one.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test fails by panicking")]

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use wamp_proto::SerializerId;
use wamp_proto::batch::{Batch, BatchError, BatchFormat, Mark, Separator};

fn serializers() -> impl Strategy<Value = SerializerId> {
    prop::sample::select(SerializerId::ALL.to_vec())
}

fn separators() -> impl Strategy<Value = Separator> {
    prop::sample::select(vec![Separator::Record, Separator::Octal30])
}

/// Octets of a message as far as batches care: in JSON, no separator.
fn messages(serializer: SerializerId) -> impl Strategy<Value = Vec<Vec<u8>>> {
    let octet = match serializer {
        SerializerId::Json => (0x20_u8..=0xFF).boxed(),
        _ => any::<u8>().boxed(),
    };
    vec(vec(octet, 0..40), 1..8)
}

fn join(format: BatchFormat, messages: &[Vec<u8>]) -> Bytes {
    let framed = messages.iter().map(|message| match format.mark(message.len()).expect("a short message") {
        Mark::Before(length) => [&length, &message[..]].concat(),
        Mark::Behind(separator) => [&message[..], &separator].concat(),
    });
    framed.collect::<Vec<_>>().concat().into()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn bat_04_what_was_joined_comes_apart_in_order(
        (serializer, messages) in serializers().prop_flat_map(|id| (Just(id), messages(id))),
        separator in separators(),
    ) {
        let format = BatchFormat::new(serializer, separator);
        let joined = join(format, &messages);
        let length: usize = messages.iter().map(|message| message.len() + format.mark_length()).sum();
        prop_assert_eq!(joined.len(), length);
        let batch = Batch::new(serializer, joined).unwrap();
        if serializer == SerializerId::Json {
            prop_assert_eq!(batch.separator(), Some(separator));
        }
        let split = batch.collect::<Result<Vec<_>, _>>().unwrap();
        prop_assert_eq!(split, messages);
    }

    #[test]
    fn a_batch_cut_short_is_a_fault_unless_it_is_cut_between_two_messages(
        (serializer, messages) in serializers().prop_flat_map(|id| (Just(id), messages(id))),
        cut in any::<prop::sample::Index>(),
    ) {
        let format = BatchFormat::new(serializer, Separator::Record);
        let joined = join(format, &messages);
        let cut = cut.index(joined.len());
        let mut ends = messages.iter().scan(0, |end, message| {
            *end += message.len() + format.mark_length();
            Some(*end)
        });
        let is_between = cut == 0 || ends.any(|end| end == cut);
        let result = Batch::new(serializer, joined.slice(..cut)).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        match result {
            Ok(whole) => prop_assert!(is_between && messages.starts_with(&whole.iter().map(|m| m.to_vec()).collect::<Vec<_>>())),
            Err(BatchError::Empty) => prop_assert_eq!(cut, 0),
            Err(_) => prop_assert!(!is_between),
        }
    }

    #[test]
    fn any_octets_come_apart_or_are_a_fault(serializer in serializers(), octets in vec(any::<u8>(), 1..200)) {
        let length = octets.len();
        let messages: Vec<_> = Batch::new(serializer, octets.into()).unwrap().collect();
        prop_assert!(!messages.is_empty() && messages.len() <= length);
        // Nothing comes behind a fault.
        let fault = messages.iter().position(Result::is_err);
        prop_assert!(fault.is_none_or(|fault| fault + 1 == messages.len()));
    }
}
