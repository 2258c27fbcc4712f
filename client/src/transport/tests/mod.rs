//! Transports against a real router, and against peers that follow a script.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a helper fails the test that uses it")]

mod keep_alive;
mod rawsocket;
mod router;
mod websocket;

use std::error::Error;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use trunkline_tests::within_deadline;

use super::*;

type Channel = Box<dyn Transport>;

/// Octets of an unread pipe between the two ends of a script.
const PIPE_LENGTH: usize = 1024;

fn settings(serializers: &[SerializerId]) -> TransportSettings {
    TransportSettings {
        serializers: serializers.to_vec(),
        message_max_bytes: 1 << 20,
        keep_alive: None,
        headers: Vec::new(),
        tls: None,
    }
}

/// A connection and its other end.
fn pipe() -> (Connection, DuplexStream) {
    let (near, far) = duplex(PIPE_LENGTH);
    (Connection { socket: Socket::new(near), channel: None }, far)
}

async fn receive(channel: &mut Channel) -> Option<io::Result<Bytes>> {
    within_deadline("the next message", channel.next()).await
}

async fn expect_message(channel: &mut Channel, message: &[u8]) {
    assert_eq!(receive(channel).await.unwrap().unwrap(), message);
}

/// The stream fails so, and is over then.
async fn expect_failure(channel: &mut Channel, kind: io::ErrorKind) -> io::Error {
    let error = receive(channel).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), kind, "{error}");
    assert!(receive(channel).await.is_none());
    error
}

async fn send(channel: &mut Channel, message: &[u8]) {
    within_deadline("sending", channel.send(Bytes::copy_from_slice(message))).await.unwrap();
}

async fn read<const N: usize>(far: &mut DuplexStream) -> [u8; N] {
    let mut octets = [0; N];
    within_deadline("octets of the client", far.read_exact(&mut octets)).await.unwrap();
    octets
}

async fn write(far: &mut DuplexStream, octets: &[u8]) {
    within_deadline("the client reads", far.write_all(octets)).await.unwrap();
}

fn refused(opened: Result<Opened, TransportError>) -> TransportError {
    opened.err().expect("a refusal")
}

/// An error with its causes, as a user reads it.
fn said(error: &TransportError) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        line = format!("{line}: {error}");
        cause = error.source();
    }
    line
}
