//! Clients of the Rust crate: at a router that says what its test tells it to, or at a real one. Messages of scripts are
//! JSON text.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::{Sink, Stream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use trunkline_client::{Builder, Client, Reconnect};
use wamp_proto::SerializerId;

use crate::{TestRouter, Transport, Via, within_deadline};

/// The realm of clients of scripts.
pub const SCRIPTED: &str = "com.example.scripted";

/// WELCOME of a router with every feature that clients ask for.
pub const WELCOME: &str = concat!(
    r#"[2,7,{"roles":{"broker":{"features":{"payload_passthru_mode":true}},"dealer":{"features":{"#,
    r#""call_canceling":true,"progressive_call_results":true,"progressive_call_invocations":true,"#,
    r#""payload_passthru_mode":true}}}}]"#
);

/// A transport of the client that ends at a [`Script`].
#[derive(Debug)]
pub struct ClientEnd {
    incoming: mpsc::UnboundedReceiver<io::Result<Bytes>>,
    /// None once the client closed it.
    outgoing: Option<mpsc::UnboundedSender<Bytes>>,
}

impl Stream for ClientEnd {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.incoming.poll_recv(cx)
    }
}

impl Sink<Bytes> for ClientEnd {
    type Error = io::Error;

    fn poll_ready(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn start_send(self: Pin<&mut Self>, body: Bytes) -> io::Result<()> {
        let sent = self.outgoing.as_ref().and_then(|outgoing| outgoing.send(body).ok());
        sent.ok_or_else(|| io::ErrorKind::BrokenPipe.into())
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.outgoing = None;
        Poll::Ready(Ok(()))
    }
}

/// One connection of a client, from the router's side.
#[derive(Debug)]
pub struct Script {
    incoming: mpsc::UnboundedReceiver<Bytes>,
    outgoing: mpsc::UnboundedSender<io::Result<Bytes>>,
}

/// Both ends of a connection.
fn connection() -> (ClientEnd, Script) {
    let (to_client, from_router) = mpsc::unbounded_channel();
    let (to_router, from_client) = mpsc::unbounded_channel();
    let client = ClientEnd { incoming: from_router, outgoing: Some(to_router) };
    (client, Script { incoming: from_client, outgoing: to_client })
}

/// A client that is still to be connected, and the connections that it will make. It does not connect again unless the
/// test says so.
pub fn scripted() -> (Builder, mpsc::UnboundedReceiver<Script>) {
    let (scripts, receiver) = mpsc::unbounded_channel();
    let open = move || {
        let (client, script) = connection();
        scripts.send(script).ok();
        std::future::ready(Ok(client))
    };
    let builder = Builder::over(SerializerId::Json, open, SCRIPTED).reconnect(Reconnect::never());
    (builder, receiver)
}

/// A client that has joined at a script.
pub async fn joined() -> (Client, Script) {
    let (builder, mut scripts) = scripted();
    let router = async {
        let mut script = scripts.recv().await.expect("the client connects");
        script.expect_hello().await;
        script.say(WELCOME);
        script
    };
    let (client, script) =
        within_deadline("WELCOME", async { tokio::join!(builder.connect(), router) }).await;
    (client.expect("it is welcome"), script)
}

impl Script {
    /// The next message of the client; `None` once the client has closed the connection.
    pub async fn hear(&mut self) -> Option<String> {
        let body = within_deadline("a message of the client", self.incoming.recv()).await?;
        Some(String::from_utf8(body.to_vec()).expect("JSON is UTF-8"))
    }

    /// The next message of the client is this one, to the octet.
    #[track_caller]
    pub fn expect<'a>(&'a mut self, message: &'a str) -> impl Future<Output = ()> + 'a {
        let place = std::panic::Location::caller();
        async move {
            let heard = self.hear().await;
            assert_eq!(heard.as_deref(), Some(message), "at {place}");
        }
    }

    /// The next message of the client is HELLO. Returns it.
    pub async fn expect_hello(&mut self) -> String {
        let hello = self.hear().await.expect("HELLO");
        assert!(hello.starts_with("[1,"), "{hello}");
        hello
    }

    /// The last message of the client is ABORT, with that reason.
    #[track_caller]
    pub fn expect_abort<'a>(&'a mut self, reason: &'a str) -> impl Future<Output = ()> + 'a {
        let place = std::panic::Location::caller();
        async move {
            let abort = self.hear().await.unwrap_or_default();
            let is_it = abort.starts_with("[3,") && abort.ends_with(&format!("{reason:?}]"));
            assert!(is_it, "at {place}: {abort:?}");
            self.expect_closed().await;
        }
    }

    /// The client says no more, and closes the connection.
    pub async fn expect_closed(&mut self) {
        assert_eq!(self.hear().await, None);
    }

    /// Says that.
    pub fn say(&self, message: &str) {
        self.say_octets(message.as_bytes());
    }

    /// Says that, whether or not it is JSON. A client that has gone does not hear it.
    pub fn say_octets(&self, octets: &[u8]) {
        self.outgoing.send(Ok(Bytes::copy_from_slice(octets))).ok();
    }

    /// The transport finds that the router broke its rules.
    pub fn break_transport(&self) {
        self.outgoing.send(Err(io::ErrorKind::InvalidData.into())).ok();
    }
}

/// A client of that router that is still to be connected, over real sockets. It does not connect again.
pub fn client_of(router: &TestRouter, Via(transport, serializer): Via, realm: &str) -> Builder {
    let address = router.address();
    let url = match transport {
        Transport::WebSocket => format!("ws://{address}/ws"),
        Transport::RawSocket => format!("rs://{address}"),
        other => panic!("{other:?} is no transport of the client"),
    };
    Client::builder(&url, realm).serializers([serializer]).reconnect(Reconnect::never())
}

/// Begins a request: it is on its way when its message was heard.
pub fn begin<R: IntoFuture>(request: R) -> JoinHandle<R::Output>
where
    R::IntoFuture: Send + 'static,
    R::Output: Send + 'static,
{
    tokio::spawn(request.into_future())
}

/// What becomes of a request that was begun.
pub async fn answer<T>(request: JoinHandle<T>) -> T {
    within_deadline("an answer", request).await.expect("no panic")
}
