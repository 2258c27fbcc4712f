//! What sets messages off on a transport: batches, and the prefixes of RawSocket.

use bytes::Bytes;
use wamp_proto::SerializerId;
use wamp_proto::batch::{Batch, BatchError, BatchFormat, Mark, Separator};
use wamp_proto::rawsocket::{FrameError, FramePrefix, HandshakeRequest, MaxLength};

/// Any octets as a batch: its messages and their marks are the batch again, up to the fault, behind which nothing comes.
pub(crate) fn batches(octets: &[u8]) {
    take_apart(octets, Batch::next);
}

fn take_apart(octets: &[u8], next: fn(&mut Batch) -> Option<Result<Bytes, BatchError>>) {
    for serializer in SerializerId::ALL {
        let Ok(mut batch) = Batch::new(serializer, Bytes::copy_from_slice(octets)) else {
            assert!(octets.is_empty());
            continue;
        };
        let format = BatchFormat::new(serializer, Separator::Record);
        let mut joined = Vec::new();
        let mut is_whole = true;
        while let Some(message) = next(&mut batch) {
            assert!(is_whole, "a message behind a fault");
            let Ok(message) = message else {
                is_whole = false;
                continue;
            };
            match format.mark(message.len()).expect("a part is no longer than the whole") {
                Mark::Before(mark) => joined.extend([&mark[..], &message].concat()),
                Mark::Behind(mark) => joined.extend([&message[..], &mark].concat()),
            }
        }
        let mut expected = octets.to_vec();
        if serializer == SerializerId::Json {
            // Both separators are read, one is written.
            let other = |octet: &&mut u8| **octet == Separator::Octal30 as u8;
            expected.iter_mut().filter(other).for_each(|octet| *octet = Separator::Record as u8);
        }
        assert!(expected.starts_with(&joined), "taken apart and put together again");
        assert_eq!(expected.len() == joined.len(), is_whole, "whole unless there is a fault");
    }
}

/// Any four octets after the other as handshake and as prefix: what is understood is written as it was.
pub(crate) fn rawsocket_prefixes(octets: &[u8]) {
    parse_all(octets, FramePrefix::parse);
}

fn parse_all(octets: &[u8], parse: fn([u8; 4]) -> Result<FramePrefix, FrameError>) {
    let request = HandshakeRequest { serializer: SerializerId::Json, receive_max: MaxLength::MAX };
    for quad in octets.windows(4).filter_map(|window| <[u8; 4]>::try_from(window).ok()) {
        match HandshakeRequest::parse(quad) {
            Ok(request) => assert_eq!(request.encode(), quad),
            Err(error) => assert!(error.reply().is_none_or(|reply| request.accept(reply).is_err())),
        }
        if let Ok(limit) = request.accept(quad) {
            assert!((MaxLength::MIN..=MaxLength::MAX).contains(&limit));
        }
        if let Ok(prefix) = parse(quad) {
            assert_eq!(prefix.encode(), quad, "written as it was");
            assert_eq!(FramePrefix::new(prefix.frame_type(), prefix.length()), Some(prefix));
        }
    }
}

/// The same checks of readers that are wrong.
pub(crate) mod faulty {
    use super::*;

    /// Skips messages of no octets.
    pub(crate) fn batches(octets: &[u8]) {
        take_apart(octets, |batch| {
            batch.find(|message| message.as_ref().is_ok_and(|message| !message.is_empty()))
        });
    }

    /// Ignores the bits that are reserved.
    pub(crate) fn rawsocket_prefixes(octets: &[u8]) {
        parse_all(octets, |[first, rest @ ..]| {
            let [second, third, fourth] = rest;
            FramePrefix::parse([first & 0x07, second, third, fourth])
        });
    }
}
