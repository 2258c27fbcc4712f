//! Listeners for suites of WebSocket tests: what WAMP's WebSocket stands on, without WAMP, sends every message back.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::ready;

use tokio::time::timeout;
use tokio_tungstenite::tungstenite::protocol::frame::coding::Data;

use crate::connection::FAREWELL_TIMEOUT;
use crate::listen::{self, Entrance, Source};
use crate::transport::{Framing, Incoming, Plain, TransportError};

/// Serves one accepted socket until it closes.
pub(crate) async fn serve(socket: Plain, peer: Source, entrance: Arc<Entrance>) {
    let mut source = peer;
    let opening = listen::open_testee(socket, &mut source, &entrance);
    let (mut framing, _place) = match timeout(entrance.listener.handshake_timeout, Box::pin(opening)).await {
        Ok(Ok(opened)) => opened,
        Ok(Err(error)) => return tracing::debug!(peer = %source, %error, "no testee"),
        Err(_) => return tracing::debug!(peer = %source, "no handshake in time"),
    };
    let error = echo(&mut framing).await;
    tracing::debug!(peer = %source, %error, "testee ended");
    let closing = poll_fn(|cx| framing.poll_close(error.close_reason(), cx));
    if timeout(FAREWELL_TIMEOUT, closing).await.is_err() {
        tracing::debug!(peer = %source, "the peer did not close in time");
    }
}

/// Sends back what comes, each message before the next one is read, until the peer closes or breaks the rules.
async fn echo(framing: &mut Framing<()>) -> TransportError {
    loop {
        let incoming = poll_fn(|cx| {
            ready!(framing.poll_flush(cx))?;
            framing.poll_receive(cx)
        });
        let echoed = match incoming.await {
            Ok(Incoming::Text(body)) => framing.queue(Data::Text, body),
            Ok(Incoming::Binary(body)) => framing.queue(Data::Binary, body),
            Ok(Incoming::Activity) => Ok(()),
            Err(error) => Err(error),
        };
        if let Err(error) = echoed {
            return error;
        }
    }
}
