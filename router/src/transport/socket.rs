//! The stream under a transport, with what is still to be written to it.
//!
//! Idle sockets own no buffer: octets are written from, and read into, buffers that the connections of a
//! worker thread lend to each other.

use std::cell::Cell;
use std::io::{self, IoSlice};
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{Stream, TransportError};

/// Unsent octets from which on a transport takes no further message.
///
/// One write of this many octets already spreads the cost of the system call over a hundred small
/// messages; more would only move a slow peer's backlog from its outbox, where it is counted, to here.
pub(crate) const HIGH_WATER: usize = 16 * 1024;

/// Octets that one read may bring, which is also what a kernel commonly has ready under load.
const READ_LENGTH: usize = 64 * 1024;

/// A write buffer above this capacity, grown by a backlog, is freed instead of lent on.
const SPARE_CAPACITY_MAX: usize = 4 * HIGH_WATER;

thread_local! {
    static SPARE_WRITE_BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
    static SPARE_READ_BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Octets that one read brought; to be dropped as soon as they are used up.
///
/// It holds a buffer of `READ_LENGTH` octets, which goes back to the worker thread on drop.
pub(super) struct ReadOctets {
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

impl ReadOctets {
    /// What was read and not yet consumed.
    pub(super) fn remaining(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    /// Marks `count` octets as consumed.
    pub(super) fn consume(&mut self, count: usize) {
        self.start = self.end.min(self.start + count);
    }
}

impl Drop for ReadOctets {
    fn drop(&mut self) {
        if self.buffer.capacity() > 0 {
            let buffer = mem::take(&mut self.buffer);
            // While the thread ends there is no next connection to lend the buffer to.
            let _ended = SPARE_READ_BUFFER.try_with(|spare| spare.set(buffer));
        }
    }
}

/// A large body and what was queued behind it.
struct Large {
    /// Shared with other recipients, so not copied.
    body: Bytes,
    /// A separator, a control frame: what does not wait until there is room.
    tail: Vec<u8>,
}

/// A connected socket and its unsent octets.
pub(super) struct Socket {
    stream: Stream,
    /// Octets to write, of which the first `sent` are written. Without capacity when nothing is unsent.
    octets: Vec<u8>,
    sent: usize,
    /// To write after `octets`. In a box, because idle connections shall not carry its size.
    large: Option<Box<Large>>,
    shut_down: bool,
    /// The kernel's buffer is full.
    is_full: bool,
    /// It was full, and the peer made room in it.
    took_octets: bool,
}

impl Socket {
    pub(super) fn new(stream: Stream) -> Self {
        Self {
            stream,
            octets: Vec::new(),
            sent: 0,
            large: None,
            shut_down: false,
            is_full: false,
            took_octets: false,
        }
    }

    /// What it reads and writes.
    pub(super) fn stream(&self) -> &Stream {
        &self.stream
    }

    /// Octets that are queued and not yet taken by the kernel.
    pub(super) fn unsent(&self) -> usize {
        let large = self.large.as_ref().map_or(0, |large| large.body.len() + large.tail.len());
        self.octets.len() - self.sent + large
    }

    /// Whether another message may be queued: few octets are unsent, and no large body is. There is a place for
    /// one, and the next would have to be copied.
    pub(super) fn has_room(&self) -> bool {
        self.large.is_none() && self.unsent() < HIGH_WATER
    }

    /// Queues a few octets: a frame header, a control frame.
    pub(super) fn queue(&mut self, octets: &[u8]) {
        if let Some(large) = &mut self.large {
            large.tail.extend_from_slice(octets);
            return;
        }
        if self.octets.capacity() == 0 {
            self.octets = SPARE_WRITE_BUFFER.take();
        }
        if self.sent > self.octets.len() / 2 {
            self.octets.drain(..self.sent);
            self.sent = 0;
        }
        self.octets.extend_from_slice(octets);
    }

    /// Queues the payload of a frame whose header was queued just before.
    pub(super) fn queue_body(&mut self, body: Bytes) {
        if body.len() >= HIGH_WATER && self.large.is_none() {
            self.large = Some(Box::new(Large { body, tail: Vec::new() }));
        } else {
            self.queue(&body);
        }
    }

    /// Writes what is queued, in one system call.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        let octets = self.octets.get(self.sent..).unwrap_or_default();
        let stream = Pin::new(&mut self.stream);
        let result = match &self.large {
            None => stream.poll_write(cx, octets),
            Some(large) => {
                let slices = [IoSlice::new(octets), IoSlice::new(&large.body), IoSlice::new(&large.tail)];
                stream.poll_write_vectored(cx, &slices)
            }
        };
        let Poll::Ready(written) = result else {
            self.is_full = true;
            return Poll::Pending;
        };
        let written = written?;
        if written == 0 {
            return Poll::Ready(Err(io::Error::from(io::ErrorKind::WriteZero).into()));
        }
        self.advance(written);
        // What fits into the kernel's buffer says nothing about the peer; room that comes back does.
        self.took_octets |= mem::take(&mut self.is_full);
        Poll::Ready(Ok(()))
    }

    fn advance(&mut self, written: usize) {
        let of_octets = written.min(self.octets.len() - self.sent);
        self.sent += of_octets;
        if let Some(large) = &mut self.large {
            let of_body = (written - of_octets).min(large.body.len());
            large.body.advance(of_body);
            if large.body.is_empty() {
                self.octets.append(&mut large.tail);
                self.sent += written - of_octets - of_body;
                self.large = None;
            }
        }
        if self.sent == self.octets.len() {
            self.sent = 0;
            let mut octets = mem::take(&mut self.octets);
            if (1..=SPARE_CAPACITY_MAX).contains(&octets.capacity()) {
                octets.clear();
                SPARE_WRITE_BUFFER.set(octets);
            }
        }
    }

    /// Writes everything that is queued, down to the system.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        while self.unsent() > 0 {
            ready!(self.poll_write(cx))?;
        }
        // TLS takes octets that it has still to write.
        let Poll::Ready(flushed) = Pin::new(&mut self.stream).poll_flush(cx) else {
            self.is_full = true;
            return Poll::Pending;
        };
        self.took_octets |= mem::take(&mut self.is_full);
        Poll::Ready(flushed.map_err(TransportError::from))
    }

    /// Whether the peer made room in a full buffer since this was asked last.
    pub(super) fn took_octets(&mut self) -> bool {
        mem::take(&mut self.took_octets)
    }

    /// Waits until there is room, and writes for it.
    pub(super) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        while !self.has_room() {
            ready!(self.poll_write(cx))?;
        }
        Poll::Ready(Ok(()))
    }

    /// Waits until there may be something to read.
    pub(super) fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        self.stream.poll_read_ready(cx).map_err(TransportError::from)
    }

    /// Reads into `buffer` and says how many octets came. The end of the stream is [`TransportError::Closed`].
    pub(super) fn poll_read(
        &mut self,
        buffer: &mut [u8],
        cx: &mut Context<'_>,
    ) -> Poll<Result<usize, TransportError>> {
        let mut buffer = ReadBuf::new(buffer);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer))?;
        match buffer.filled().len() {
            0 => Poll::Ready(Err(TransportError::Closed)),
            count => Poll::Ready(Ok(count)),
        }
    }

    /// Reads into the worker thread's buffer.
    pub(super) fn poll_read_octets(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<ReadOctets, TransportError>> {
        let mut octets = ReadOctets { buffer: SPARE_READ_BUFFER.take(), start: 0, end: 0 };
        if octets.buffer.is_empty() {
            octets.buffer = vec![0; READ_LENGTH];
        }
        octets.end = ready!(self.poll_read(&mut octets.buffer, cx))?;
        Poll::Ready(Ok(octets))
    }

    /// Writes what is unsent, ends the sending direction, and waits for the peer to end the other one.
    ///
    /// Closing a socket with unread octets makes the kernel reset the connection, which would take the
    /// last message (an ABORT, a close frame) away from a peer that was still sending.
    pub(super) fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.shut_down {
            if ready!(self.poll_flush(cx)).is_err()
                || ready!(Pin::new(&mut self.stream).poll_shutdown(cx)).is_err()
            {
                return Poll::Ready(());
            }
            self.shut_down = true;
        }
        while ready!(self.poll_read_octets(cx)).is_ok() {}
        Poll::Ready(())
    }

    /// Octets of memory that this socket has for itself: a body is shared.
    #[cfg(test)]
    pub(super) fn buffer_capacity(&self) -> usize {
        self.octets.capacity() + self.large.as_ref().map_or(0, |large| large.tail.capacity())
    }
}
