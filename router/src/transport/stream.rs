//! The sockets that a transport can run on: TCP or Unix domain, plain or under TLS.

use std::io::{self, IoSlice};
use std::os::fd::AsRawFd as _;
use std::pin::Pin;
use std::task::{Context, Poll};

use nix::sys::socket::{MsgFlags, recv};
use rustls::{ProtocolVersion, ServerConnection};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::server::TlsStream;

use crate::certificate::Certificate;

/// A connected socket, as the system has it.
#[derive(Debug)]
pub(crate) enum Plain {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// What a transport reads and writes.
///
/// TLS keeps its session in a box: connections without it shall not carry its size.
#[derive(Debug)]
pub(crate) enum Stream {
    Plain(Plain),
    Tls(Box<TlsStream<Plain>>),
}

impl Plain {
    /// The first octet that waits to be read, which stays there; `None` at the end of the stream.
    pub(crate) async fn peek(&self) -> io::Result<Option<u8>> {
        let mut first = [0];
        let count = match self {
            Self::Tcp(stream) => stream.peek(&mut first).await?,
            Self::Unix(stream) => {
                let peek = || Ok(recv(stream.as_raw_fd(), &mut first, MsgFlags::MSG_PEEK)?);
                stream.async_io(Interest::READABLE, peek).await?
            }
        };
        Ok((count > 0).then_some(first[0]))
    }

    fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(stream) => stream.poll_read_ready(cx),
            Self::Unix(stream) => stream.poll_read_ready(cx),
        }
    }
}

impl Stream {
    /// The first octet that waits to be read, which stays there; `None` at the end of the stream.
    pub(crate) async fn peek(&mut self) -> io::Result<Option<u8>> {
        match self {
            Self::Plain(stream) => stream.peek().await,
            Self::Tls(stream) => Ok(stream.fill_buf().await?.first().copied()),
        }
    }

    /// The certificate that the peer proved to be its own, and that an authority of the listener vouches for.
    ///
    /// TLS keeps it, as octets: it is read anew each time.
    pub(crate) fn client_certificate(&self) -> Option<Certificate> {
        let certificate = self.tls()?.peer_certificates()?.first()?;
        let read = Certificate::read(certificate);
        if let Err(error) = &read {
            tracing::debug!(%error, "a client's certificate cannot be read");
        }
        read.ok()
    }

    /// What binds a signature to this connection: the channel binding `tls-exporter` of RFC 9266.
    ///
    /// With TLS 1.2 it would need the extended master secret, and we cannot see whether the peer has it: there is
    /// none, then.
    pub(crate) fn channel_id(&self) -> Option<[u8; 32]> {
        let tls = self.tls()?;
        let is_bound = tls.protocol_version() == Some(ProtocolVersion::TLSv1_3);
        let export = || tls.export_keying_material([0; 32], b"EXPORTER-Channel-Binding", Some(b""));
        is_bound.then(export)?.ok()
    }

    fn tls(&self) -> Option<&ServerConnection> {
        match self {
            Self::Plain(_) => None,
            Self::Tls(stream) => Some(stream.get_ref().1),
        }
    }

    /// Waits until there may be something to read, after a read that found nothing.
    ///
    /// Nothing but the socket can bring TLS further then: such a read leaves no octets in the TLS session that
    /// it could have handed out.
    pub(crate) fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(stream) => stream.poll_read_ready(cx),
            Self::Tls(stream) => stream.get_ref().0.poll_read_ready(cx),
        }
    }
}

/// Implements reading and writing by handing on to the variant's own stream.
macro_rules! delegate {
    ($stream:ty: $($variant:ident),*) => {
        impl AsyncRead for $stream {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buffer: &mut ReadBuf<'_>,
            ) -> Poll<io::Result<()>> {
                match self.get_mut() {
                    $(Self::$variant(stream) => Pin::new(stream).poll_read(cx, buffer),)*
                }
            }
        }

        impl AsyncWrite for $stream {
            fn poll_write(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                octets: &[u8],
            ) -> Poll<io::Result<usize>> {
                match self.get_mut() {
                    $(Self::$variant(stream) => Pin::new(stream).poll_write(cx, octets),)*
                }
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                slices: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                match self.get_mut() {
                    $(Self::$variant(stream) => Pin::new(stream).poll_write_vectored(cx, slices),)*
                }
            }

            fn is_write_vectored(&self) -> bool {
                match self {
                    $(Self::$variant(stream) => stream.is_write_vectored(),)*
                }
            }

            fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                match self.get_mut() {
                    $(Self::$variant(stream) => Pin::new(stream).poll_flush(cx),)*
                }
            }

            fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                match self.get_mut() {
                    $(Self::$variant(stream) => Pin::new(stream).poll_shutdown(cx),)*
                }
            }
        }
    };
}

delegate!(Plain: Tcp, Unix);
delegate!(Stream: Plain, Tls);
