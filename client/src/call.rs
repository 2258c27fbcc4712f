//! Calls: the request, its progressive results as a stream, its progressive invocation as a sink.

use std::future::IntoFuture;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, Sink, Stream, StreamExt as _};
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::time::Sleep;
use tokio_util::sync::PollSemaphore;
use wamp_proto::dict::{CallOptions, Dict, ResultDetails};
use wamp_proto::{EncodeError, Payload};

use crate::client::{Shared, checked};
use crate::command::{Command, Key, NewCall, Outcome};
use crate::error::Error;
use crate::guard::Guard;
use crate::passthru::Passthru;
use crate::payload::{FromPayload, IntoPayload};
use crate::payload_queue::{PayloadReceiver, PayloadSender, WAITING_MAX_BYTES, payload_queue};

/// A call that is made when it is awaited. Its result is taken as a `T`.
///
/// Whoever drops it before it is done cancels the call.
///
/// ```
/// # trunkline_tests::example(async |client| {
/// use std::time::Duration;
/// use trunkline_client::{Call, Reply};
///
/// client.register("com.example.ping", async || Reply("pong")).await?;
///
/// let call: Call<String> = client.call("com.example.ping", ()).timeout(Duration::from_secs(5));
/// // Nothing is sent before this line.
/// assert_eq!(call.await?, "pong");
/// # Ok(()) });
/// ```
///
/// # Errors
/// Awaiting it fails with the [`Error`] that says why there is no result.
#[must_use = "a call is made when it is awaited"]
pub struct Call<T> {
    shared: Arc<Shared>,
    procedure: String,
    payload: Result<Payload, EncodeError>,
    options: CallOptions,
    timeout: Option<Duration>,
    passthru: Option<Passthru>,
    waiting_max_bytes: usize,
    type_of_result: PhantomData<fn() -> T>,
}

impl<T: FromPayload> Call<T> {
    pub(crate) fn new(shared: Arc<Shared>, procedure: &str, args: impl IntoPayload) -> Self {
        let payload = args.into_payload(shared.serializer());
        Self {
            shared,
            procedure: procedure.to_owned(),
            payload,
            options: CallOptions::default(),
            timeout: None,
            passthru: None,
            waiting_max_bytes: WAITING_MAX_BYTES,
            type_of_result: PhantomData,
        }
    }

    /// How long the call may take, the wait for a session included: then it is canceled, and fails with
    /// [`Error::Timeout`]. Both the router and the client mind it (TMO-01, TMO-06).
    ///
    /// ```
    /// # trunkline_tests::example(async |client| {
    /// use std::time::Duration;
    /// use trunkline_client::{Error, Reply};
    ///
    /// let sleep = async || Reply(std::future::pending::<()>().await);
    /// client.register("com.example.sleep", sleep).await?;
    ///
    /// let call = client.call::<()>("com.example.sleep", ()).timeout(Duration::from_millis(10));
    /// assert_eq!(call.await, Err(Error::Timeout));
    /// # Ok(()) });
    /// ```
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        // 0 would stand for none.
        self.options.timeout = Some(u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX).max(1));
        self
    }

    /// Asks the router to disclose the caller to the callee (CID-01), who learns it from [`Caller`](crate::Caller).
    pub fn disclose_me(mut self) -> Self {
        self.options.disclose_me = Some(true);
        self
    }

    /// Packs the arguments, so that no router looks into them; [`Passthru`] has an example. The call fails with
    /// [`Error::Feature`] where the router does not pass them on (PPT-06).
    pub fn passthru(mut self, passthru: Passthru) -> Self {
        self.passthru = Some(passthru);
        self
    }

    /// Octets of progressive results that wait to be taken, 16 MiB unless one says otherwise; each counts 128 octets more
    /// than its arguments have. If they come faster than they are taken, and more would wait, the call is canceled, and
    /// fails with [`Error::Overrun`]: WAMP has no way to slow down a callee.
    ///
    /// ```
    /// # trunkline_tests::example(async |client| {
    /// # use trunkline_client::Reply;
    /// # client.register("com.example.export", async || Reply(7)).await?;
    /// let export = client.call::<u64>("com.example.export", ()).waiting_max_bytes(256 * 1024 * 1024);
    /// let lines = export.progressive_results::<String>().await?;
    /// # assert_eq!(lines.result().await?, 7);
    /// # Ok(()) });
    /// ```
    pub fn waiting_max_bytes(mut self, octets: usize) -> Self {
        self.waiting_max_bytes = octets;
        self
    }

    /// Sets options for which there is no method of its own, such as routing keys.
    ///
    /// ```
    /// # trunkline_tests::example(async |client| {
    /// # use trunkline_client::Reply;
    /// # client.register("com.example.balance", async || Reply(7)).await?;
    /// let call = client.call::<i64>("com.example.balance", "account 12");
    /// let balance = call.options(|options| options.rkey = Some("12".into())).await?;
    /// # assert_eq!(balance, 7);
    /// # Ok(()) });
    /// ```
    pub fn options(mut self, set: impl FnOnce(&mut CallOptions)) -> Self {
        set(&mut self.options);
        self
    }

    /// Makes the call, and asks for progressive results (PCR-01), taken as `P`.
    ///
    /// ```
    /// # trunkline_tests::example(async |client| {
    /// use futures_util::StreamExt as _;
    /// # use trunkline_client::{Args, Error, Progress};
    /// # async fn count(Args(to): Args<u64>, progress: Progress<u64>) -> Result<u64, Error> {
    /// #     for number in 1..to {
    /// #         progress.send(number).await?;
    /// #     }
    /// #     Ok(to)
    /// # }
    /// # client.register("com.example.count", count).await?;
    ///
    /// let mut results = client.call::<u64>("com.example.count", 10).progressive_results::<u64>().await?;
    /// while let Some(number) = results.next().await {
    ///     println!("{}", number?);
    /// }
    /// assert_eq!(results.result().await?, 10);
    /// # Ok(()) });
    /// ```
    ///
    /// # Errors
    /// If the call cannot be made. What becomes of it, the stream says.
    pub async fn progressive_results<P: FromPayload>(mut self) -> Result<Results<P, T>, Error> {
        self.options.receive_progress = Some(true);
        let (progress, receiver) = payload_queue(self.waiting_max_bytes);
        let deadline = self.timeout.map(|timeout| Box::pin(tokio::time::sleep(timeout)));
        let open = self.open(Some(progress)).await?;
        Ok(Results {
            progress: receiver,
            open,
            deadline,
            outcome: None,
            is_reported: false,
            types: PhantomData,
        })
    }

    /// Makes the call in parts (PCI-01): its arguments so far are the first one, the sink takes the rest, as `C`. What
    /// comes back is taken as in [`progressive_results`](Self::progressive_results).
    ///
    /// ```
    /// # trunkline_tests::example(async |client| {
    /// use futures_util::SinkExt as _;
    /// # use futures_util::StreamExt as _;
    /// # use trunkline_client::{Chunks, Reply};
    /// # let upload = async |lines: Chunks<String>| Reply(lines.count().await);
    /// # client.register("com.example.upload", upload).await?;
    ///
    /// let call = client.call::<u64>("com.example.upload", "first line");
    /// let (mut lines, results) = call.progressive_invocation::<&str, ()>().await?;
    /// lines.send("second line").await?;
    /// lines.finish("last line").await?;
    /// assert_eq!(results.result().await?, 3);
    /// # Ok(()) });
    /// ```
    ///
    /// # Errors
    /// If the call cannot be made. A router without the feature is reported by the results, as
    /// [`Error::Feature`].
    pub async fn progressive_invocation<C: IntoPayload, P: FromPayload>(
        mut self,
    ) -> Result<(ChunkSink<C>, Results<P, T>), Error> {
        self.options.progress = Some(true);
        let results = self.progressive_results().await?;
        let Guard { shared, key, .. } = &results.open.guard;
        let sink = ChunkSink {
            guard: Guard::new(shared.clone(), *key, cancel),
            places: PollSemaphore::new(shared.places.clone()),
            place: None,
            type_of_chunks: PhantomData,
        };
        Ok((sink, results))
    }

    async fn open(self, progress: Option<PayloadSender>) -> Result<OpenCall, Error> {
        let procedure = checked(self.procedure)?;
        let (answer, receiver) = oneshot::channel();
        let key = self.shared.new_key();
        let options = self.options.into();
        let (payload, passthru) = (self.payload?, self.passthru);
        let call = NewCall { key, procedure, options, payload, answer, passthru, progress };
        self.shared.send(Command::Call(Box::new(call))).await?;
        Ok(OpenCall { answer: receiver, guard: Guard::new(self.shared, key, cancel) })
    }

    /// Makes the call, and gives RESULT.Details beside the result: how it is packed, and what the router adds of its own.
    ///
    /// ```no_run
    /// # async fn example(client: trunkline_client::Client) -> Result<(), trunkline_client::Error> {
    /// let (sum, details) = client.call::<u64>("com.example.add", (2, 3)).with_details().await?;
    /// println!("{sum} {:?}", details.extra);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// If the call fails.
    pub async fn with_details(self) -> Result<(T, Dict<ResultDetails>), Error> {
        let Outcome { payload, details } = self.make().await?;
        Ok((T::from_payload(&payload)?, details))
    }

    async fn make(self) -> Result<Outcome, Error> {
        let timeout = self.timeout;
        let answer = async {
            let OpenCall { answer, mut guard } = self.open(None).await?;
            let outcome = answer.await.unwrap_or(Err(Error::Closed));
            guard.disarm();
            outcome
        };
        match timeout {
            None => answer.await,
            Some(timeout) => tokio::time::timeout(timeout, answer).await.or(Err(Error::Timeout))?,
        }
    }
}

impl<T: FromPayload + 'static> IntoFuture for Call<T> {
    type Output = Result<T, Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        async { Ok(T::from_payload(&self.make().await?.payload)?) }.boxed()
    }
}

/// A call that was made.
struct OpenCall {
    answer: oneshot::Receiver<Result<Outcome, Error>>,
    guard: Guard,
}

/// Nobody waits for that call any more.
fn cancel(call: Key) -> Command {
    Command::Cancel { call }
}

/// The progressive results of a call, taken as `P`, and its result, taken as `T`.
///
/// The stream ends before the result, which [`result`](Self::result) has. If the call fails, its last item is the
/// error. Whoever drops it before the call is done cancels the call. [`Call::progressive_results`] makes it.
///
/// ```
/// # trunkline_tests::example(async |client| {
/// use futures_util::TryStreamExt as _;
/// use trunkline_client::{Error, Progress, Results};
///
/// let load = async |progress: Progress<u32>| {
///     progress.send(50).await?;
///     progress.send(100).await?;
///     Ok::<_, Error>("loaded")
/// };
/// client.register("com.example.load", load).await?;
///
/// let call = client.call("com.example.load", ());
/// let mut results: Results<u32, String> = call.progressive_results().await?;
/// while let Some(percent) = results.try_next().await? {
///     println!("{percent} %");
/// }
/// assert_eq!(results.result().await?, "loaded");
/// # Ok(()) });
/// ```
#[must_use = "dropping it cancels the call"]
pub struct Results<P, T> {
    progress: PayloadReceiver,
    open: OpenCall,
    deadline: Option<Pin<Box<Sleep>>>,
    outcome: Option<Result<Outcome, Error>>,
    is_reported: bool,
    types: PhantomData<fn() -> (P, T)>,
}

impl<P: FromPayload, T: FromPayload> Results<P, T> {
    /// Waits for the result, and passes over the progressive ones that were not taken.
    ///
    /// # Errors
    /// If the call fails.
    pub async fn result(mut self) -> Result<T, Error> {
        while self.next().await.is_some() {}
        let outcome = self.outcome.take().unwrap_or(Err(Error::Closed))?;
        Ok(T::from_payload(&outcome.payload)?)
    }

    fn poll_outcome(&mut self, cx: &mut Context<'_>) -> Poll<Result<Outcome, Error>> {
        let answer = ready!(Pin::new(&mut self.open.answer).poll(cx));
        self.open.guard.disarm();
        Poll::Ready(answer.unwrap_or(Err(Error::Closed)))
    }
}

impl<P: FromPayload, T: FromPayload> Stream for Results<P, T> {
    type Item = Result<P, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        // Looked at first: once it is there, or the time is over, only what came before it is left in the queue.
        if this.outcome.is_none() {
            let is_late = this.deadline.as_mut().is_some_and(|deadline| deadline.poll_unpin(cx).is_ready());
            this.outcome = match this.poll_outcome(cx) {
                Poll::Ready(outcome) => Some(outcome),
                Poll::Pending if is_late => {
                    this.progress.close();
                    Some(Err(Error::Timeout))
                }
                Poll::Pending => None,
            };
        }
        let next = match this.outcome {
            None => match this.progress.poll_recv(cx) {
                Poll::Ready(Some(payload)) => Some(payload),
                Poll::Ready(None) | Poll::Pending => return Poll::Pending,
            },
            // Polled, the queue would also be pending when this task had its share.
            Some(_) => this.progress.try_recv(),
        };
        if let Some(payload) = next {
            return Poll::Ready(Some(P::from_payload(&payload).map_err(Error::from)));
        }
        match &this.outcome {
            Some(Err(error)) if !this.is_reported => {
                this.is_reported = true;
                Poll::Ready(Some(Err(error.clone())))
            }
            _ => Poll::Ready(None),
        }
    }
}

/// Takes the parts of a progressive invocation. [`finish`](Self::finish) sends the last one; closing the sink ends
/// the invocation with a part without arguments. Dropping it before that cancels the call.
/// [`Call::progressive_invocation`] makes it.
///
/// ```
/// # trunkline_tests::example(async |client| {
/// use futures_util::{SinkExt as _, StreamExt as _, stream};
/// use trunkline_client::{Chunks, Reply};
///
/// let count = async |chunks: Chunks<Option<u8>>| Reply(chunks.count().await);
/// client.register("com.example.count", count).await?;
///
/// let (mut sink, results) =
///     client.call::<u64>("com.example.count", 1).progressive_invocation::<u8, ()>().await?;
/// sink.send_all(&mut stream::iter([2, 3]).map(Ok)).await?;
/// // The fourth part, which has no arguments.
/// sink.close().await?;
/// assert_eq!(results.result().await?, 4);
/// # Ok(()) });
/// ```
#[must_use = "dropping it cancels the call"]
pub struct ChunkSink<C> {
    guard: Guard,
    places: PollSemaphore,
    place: Option<OwnedSemaphorePermit>,
    type_of_chunks: PhantomData<fn(C)>,
}

impl<C: IntoPayload> ChunkSink<C> {
    /// Sends the last part, of whatever type.
    ///
    /// # Errors
    /// If it cannot be encoded, or the client is closed.
    pub async fn finish(mut self, last: impl IntoPayload) -> Result<(), Error> {
        let payload = last.into_payload(self.guard.shared.serializer())?;
        std::future::poll_fn(|cx| self.poll_place(cx)).await?;
        self.send(payload, true);
        Ok(())
    }

    fn poll_place(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if self.place.is_none() {
            let place = ready!(self.places.poll_acquire(cx));
            self.place = Some(place.ok_or(Error::Closed)?);
        }
        Poll::Ready(Ok(()))
    }

    fn send(&mut self, payload: Payload, is_last: bool) {
        if is_last {
            self.guard.disarm();
        }
        let chunk = Command::Chunk { call: self.guard.key, payload, is_last };
        self.guard.shared.send_in(chunk, self.place.take());
    }
}

impl<C: IntoPayload> Sink<C> for ChunkSink<C> {
    type Error = Error;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.poll_place(cx)
    }

    fn start_send(mut self: Pin<&mut Self>, chunk: C) -> Result<(), Error> {
        let payload = chunk.into_payload(self.guard.shared.serializer())?;
        self.send(payload, false);
        Ok(())
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        ready!(self.poll_place(cx))?;
        self.send(Payload::EMPTY, true);
        Poll::Ready(Ok(()))
    }
}
