//! A bare WebSocket relay: what the same traffic costs with the same WebSocket library and no WAMP.
//!
//! `trunkline bench` drives it (`--url relay://…`) next to a router, and the difference is what routing adds.
//!
//! ```text
//! cargo run --release --example relay -- 127.0.0.1:9100
//! ```
//!
//! A connection says by its HTTP path what it is. Frames are opaque and pass unchanged:
//!
//! ```text
//! /caller/7      each frame goes to the callee; it begins with the caller's number in four digits
//! /callee        each frame goes to the caller whose number it begins with
//! /publisher/3   each frame goes to every /subscriber/3
//! /subscriber/3  receives only
//! ```
//!
//! It works as the router does where sockets are concerned: one task per connection that polls reader and
//! queue, as many frames in a turn, writes collected and flushed once, `TCP_NODELAY`, the same allocator. It
//! does nothing else: no serializer is looked at, no session, URI, ID or request kept, nothing limited but
//! the queues, nobody pinged. It is a yardstick, not a server to put into a network.
//!
//! A second argument sets the library's read buffer in octets. It is 4096 as in the router: the library
//! clears the whole buffer before each read, so its own default of 128 KiB triples what a lone frame costs.
#![forbid(unsafe_code)]

use std::collections::{BTreeMap, VecDeque};
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use anyhow::Context as _;
use futures_util::{SinkExt as _, StreamExt as _};
use parking_lot::{Mutex, RwLock};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::StatusCode;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, accept_hdr_async_with_config};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Frames handled in a turn, turns in a poll, frames queued at once: as the router has them.
const FRAMES_PER_TURN: usize = 32;
const TURNS_PER_POLL: usize = 4;
const WRITE_BATCH: usize = 64;

/// The library's read buffer: as the router has it.
const READ_BUFFER_LENGTH: usize = 4096;

/// Frames that may wait for a connection before it is given up.
const QUEUE_MAX: usize = 65_536;

/// Digits of a caller's number at the head of a frame.
const TAG_LENGTH: usize = 4;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:9100".to_owned());
    let read_buffer = match arguments.next() {
        Some(octets) => octets.parse().context("the read buffer's size is no number")?,
        None => READ_BUFFER_LENGTH,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(&address).await.with_context(|| format!("cannot bind {address}"))?;
        serve(listener, WebSocketConfig::default().read_buffer_size(read_buffer)).await
    })
}

/// Serves connections for ever.
pub(crate) async fn serve(listener: TcpListener, config: WebSocketConfig) -> anyhow::Result<()> {
    let hub = Arc::new(Hub::default());
    loop {
        let (socket, _) = listener.accept().await?;
        socket.set_nodelay(true)?;
        tokio::spawn(connection(socket, config, hub.clone()));
    }
}

/// What a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Caller(u16),
    Callee,
    Publisher(u16),
    Subscriber(u16),
}

impl Part {
    fn of_path(path: &str) -> Option<Self> {
        let mut parts = path.strip_prefix('/')?.split('/');
        let (name, number) = (parts.next()?, parts.next());
        let number = || number?.parse().ok();
        match name {
            "caller" => Some(Self::Caller(number()?)),
            "callee" => Some(Self::Callee),
            "publisher" => Some(Self::Publisher(number()?)),
            "subscriber" => Some(Self::Subscriber(number()?)),
            _ => None,
        }
    }
}

/// Who is there.
#[derive(Default)]
struct Hub {
    callee: RwLock<Option<Arc<Queue>>>,
    callers: RwLock<BTreeMap<u16, Arc<Queue>>>,
    subscribers: RwLock<BTreeMap<u16, Vec<Arc<Queue>>>>,
}

impl Hub {
    fn join(&self, part: Part, queue: &Arc<Queue>) {
        match part {
            Part::Caller(number) => drop(self.callers.write().insert(number, queue.clone())),
            Part::Callee => drop(self.callee.write().replace(queue.clone())),
            Part::Publisher(_) => {}
            Part::Subscriber(topic) => {
                self.subscribers.write().entry(topic).or_default().push(queue.clone());
            }
        }
    }

    fn leave(&self, part: Part, queue: &Arc<Queue>) {
        let is_other = |other: &Arc<Queue>| !Arc::ptr_eq(other, queue);
        match part {
            Part::Caller(_) => self.callers.write().retain(|_, other| is_other(other)),
            Part::Callee => {
                self.callee.write().take_if(|other| !is_other(other));
            }
            Part::Publisher(_) => {}
            Part::Subscriber(topic) => {
                self.subscribers.write().entry(topic).or_default().retain(is_other);
            }
        }
    }

    fn relay(&self, from: Part, frame: Message) {
        match from {
            Part::Caller(_) => {
                if let Some(callee) = &*self.callee.read() {
                    callee.push(frame);
                }
            }
            Part::Callee => {
                if let Some(caller) = tag(&frame).and_then(|tag| self.callers.read().get(&tag).cloned()) {
                    caller.push(frame);
                }
            }
            Part::Publisher(topic) => {
                if let Some(subscribers) = self.subscribers.read().get(&topic) {
                    for subscriber in subscribers {
                        subscriber.push(frame.clone());
                    }
                }
            }
            Part::Subscriber(_) => {}
        }
    }
}

/// The number of the caller that a frame belongs to.
fn tag(frame: &Message) -> Option<u16> {
    let octets = match frame {
        Message::Text(text) => text.as_bytes(),
        Message::Binary(octets) => octets,
        _ => return None,
    };
    std::str::from_utf8(octets.get(..TAG_LENGTH)?).ok()?.parse().ok()
}

/// Frames that a connection has not taken yet.
#[derive(Default)]
struct Queue {
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    frames: VecDeque<Message>,
    waker: Option<Waker>,
    overflowed: bool,
}

impl Queue {
    fn push(&self, frame: Message) {
        let waker = {
            let mut waiting = self.waiting.lock();
            if waiting.frames.len() < QUEUE_MAX {
                waiting.frames.push_back(frame);
            } else {
                waiting.overflowed = true;
            }
            waiting.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Moves frames to `batch`, or has the task woken when there are any. Ready with `false` after an overflow.
    fn poll_take(&self, cx: &mut Context<'_>, batch: &mut Vec<Message>) -> Poll<bool> {
        let mut waiting = self.waiting.lock();
        if waiting.overflowed {
            return Poll::Ready(false);
        }
        if waiting.frames.is_empty() {
            waiting.waker = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let count = waiting.frames.len().min(WRITE_BATCH);
        batch.extend(waiting.frames.drain(..count));
        Poll::Ready(true)
    }
}

async fn connection(socket: TcpStream, config: WebSocketConfig, hub: Arc<Hub>) {
    let queue = Arc::new(Queue::default());
    let mut part = None;
    #[expect(clippy::result_large_err, reason = "the library wants a whole response")]
    let join = |request: &Request, response: Response| {
        part = Part::of_path(request.uri().path());
        match part {
            Some(part) => {
                // Before the response: who has it can count on being there.
                hub.join(part, &queue);
                Ok(response)
            }
            None => Err(not_found()),
        }
    };
    let websocket = accept_hdr_async_with_config(socket, join, Some(config)).await;
    let Some(part) = part else { return };
    if let Ok(websocket) = websocket {
        let mut open = Open { websocket, part, hub: &hub, queue: &queue, batch: Vec::new() };
        poll_fn(|cx| open.poll(cx)).await;
    }
    hub.leave(part, &queue);
}

fn not_found() -> ErrorResponse {
    let mut response =
        ErrorResponse::new(Some("/caller/N, /callee, /publisher/N or /subscriber/N\n".to_owned()));
    *response.status_mut() = StatusCode::NOT_FOUND;
    response
}

/// An open connection.
struct Open<'a> {
    websocket: WebSocketStream<TcpStream>,
    part: Part,
    hub: &'a Hub,
    queue: &'a Queue,
    batch: Vec<Message>,
}

impl Open<'_> {
    /// Ready when the connection is over.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        for _ in 0..TURNS_PER_POLL {
            if let Poll::Ready(Err(_)) = self.poll_deliver(cx) {
                return Poll::Ready(());
            }
            for _ in 0..FRAMES_PER_TURN {
                match self.websocket.poll_next_unpin(cx) {
                    Poll::Ready(Some(Ok(frame @ (Message::Text(_) | Message::Binary(_))))) => {
                        self.hub.relay(self.part, frame);
                    }
                    Poll::Ready(Some(Ok(_))) => {}
                    Poll::Ready(Some(Err(_)) | None) => return Poll::Ready(()),
                    Poll::Pending => return self.poll_deliver(cx).map(drop),
                }
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Writes what is queued, as far as the socket takes it. Ready on errors only.
    fn poll_deliver(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        loop {
            ready!(self.websocket.poll_ready_unpin(cx))?;
            match self.queue.poll_take(cx, &mut self.batch) {
                Poll::Ready(true) => {
                    for frame in self.batch.drain(..) {
                        self.websocket.start_send_unpin(frame)?;
                    }
                }
                Poll::Ready(false) => return Poll::Ready(Err(Error::ConnectionClosed)),
                Poll::Pending => break,
            }
        }
        ready!(self.websocket.poll_flush_unpin(cx))?;
        Poll::Pending
    }
}
