//! What transports read and write, whatever it is, and when it last showed that the router lives.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Duplex for S {}

/// A connected socket, with TLS or without.
pub(super) struct Socket {
    stream: Box<dyn Duplex>,
    last_sign: Instant,
    /// The kernel took no more octets when we last tried.
    is_full: bool,
}

impl Socket {
    pub(super) fn new(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> Self {
        Self { stream: Box::new(stream), last_sign: Instant::now(), is_full: false }
    }

    /// When octets came last, or the router made room in a full buffer: one that reads slowly lives, too.
    pub(super) fn last_sign(&self) -> Instant {
        self.last_sign
    }

    fn note_written<T>(&mut self, poll: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        // What fits into the kernel's buffer says nothing about the router; room that comes back does.
        match &poll {
            Poll::Pending => self.is_full = true,
            Poll::Ready(Ok(_)) if self.is_full => {
                self.is_full = false;
                self.last_sign = Instant::now();
            }
            Poll::Ready(_) => {}
        }
        poll
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        octets: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let filled = octets.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, octets))?;
        if octets.filled().len() > filled {
            self.last_sign = Instant::now();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.stream).poll_write(cx, octets);
        self.note_written(poll)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let poll = Pin::new(&mut self.stream).poll_flush(cx);
        self.note_written(poll)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
