//! Invocations and the procedures that answer them: what a procedure can take as its parameters, and return.

use std::any::Any;
use std::marker::PhantomData;
use std::panic::AssertUnwindSafe;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, Stream};
use serde::de::DeserializeOwned;
use tokio::sync::Semaphore;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use wamp_proto::dict::{Dict, InvocationDetails};
use wamp_proto::{Payload, RequestId, SerializerId, SessionId, Uri, error_uri};

use crate::client::Shared;
use crate::command::{Answer, Command, SessionToken};
use crate::error::{Error, WampError};
use crate::passthru::Passthru;
use crate::payload::{ArgsKwargs, FromPayload, IntoPayload, Kwargs, NotDecoded, Raw};
use crate::payload_queue::PayloadReceiver;

/// One invocation of a procedure; parameters of handlers are taken out of it by [`FromInvocation`].
///
/// Only whoever writes a parameter or a handler of its own sees one, and takes what it has by the parameters of this crate:
///
/// ```
/// # trunkline_tests::example(async |client| {
/// use trunkline_client::{Args, Details, FromInvocation, Invocation, Reply, WampError};
///
/// /// The first argument, from callers whom the router trusts only.
/// struct Trusted(String);
///
/// impl FromInvocation for Trusted {
///     fn from_invocation(invocation: &mut Invocation) -> Result<Self, WampError> {
///         let Details(details) = Details::from_invocation(invocation)?;
///         if details.trustlevel.unwrap_or(0) == 0 {
///             return Err(WampError::new("com.example.error.not_trusted"));
///         }
///         let Args(text) = Args::from_invocation(invocation)?;
///         Ok(Self(text))
///     }
/// }
///
/// client.register("com.example.say", async |Trusted(text): Trusted| Reply(text)).await?;
/// # let error = client.call::<String>("com.example.say", "hello").await.unwrap_err();
/// # assert_eq!(error.uri(), Some("com.example.error.not_trusted"));
/// # Ok(()) });
/// ```
pub struct Invocation {
    pub(crate) procedure: Uri,
    pub(crate) details: Dict<InvocationDetails>,
    pub(crate) payload: Payload,
    pub(crate) serializer: SerializerId,
    pub(crate) port: Port,
    pub(crate) control: Arc<Control>,
    /// What follows the first part of a progressive invocation.
    pub(crate) chunks: Option<PayloadReceiver>,
}

/// Where the answers to one invocation go. A procedure that runs is no handle of the client: it would keep a client that
/// nobody has any more.
#[derive(Clone)]
pub(crate) struct Port {
    pub(crate) shared: Weak<Shared>,
    pub(crate) token: SessionToken,
    pub(crate) request: RequestId,
}

impl Port {
    pub(crate) fn command(&self, answer: Answer) -> Command {
        Command::Answer { token: self.token, request: self.request, answer }
    }

    /// Ends the invocation.
    fn answer(&self, answer: Result<Payload, WampError>) {
        if let Some(shared) = self.shared.upgrade() {
            shared.send_now(self.command(Answer::Final(answer)));
        }
    }
}

/// How an invocation is told to stop.
#[derive(Default)]
pub(crate) struct Control {
    pub(crate) cancellation: CancellationToken,
    /// The procedure minds being told itself; any other is just dropped.
    is_cooperative: AtomicBool,
}

impl Control {
    pub(crate) fn is_cooperative(&self) -> bool {
        self.is_cooperative.load(Ordering::Acquire)
    }
}

/// A procedure: what is run for an invocation.
///
/// Implemented for asynchronous functions and closures of up to eight parameters, each [`FromInvocation`], that return
/// what is [`IntoAnswer`].
///
/// ```
/// # trunkline_tests::example(async |client| {
/// use trunkline_client::{Args, Caller, WampError};
///
/// async fn divide(Args((a, b)): Args<(i64, i64)>, caller: Caller) -> Result<i64, WampError> {
///     println!("{:?} divides", caller.authid);
///     a.checked_div(b).ok_or_else(|| WampError::new("com.example.error.division"))
/// }
///
/// client.register("com.example.divide", divide).await?;
/// assert_eq!(client.call::<i64>("com.example.divide", (6, 3)).await?, 2);
/// # Ok(()) });
/// ```
///
/// An invocation whose parameters cannot be taken, such as arguments of another type, is answered with
/// `wamp.error.invalid_argument`, and the procedure not run. A procedure that panics answers with
/// `wamp.error.runtime_error`.
pub trait Handler<Parameters>: Send + Sync + 'static {
    /// Answers one invocation.
    fn handle(&self, invocation: Invocation) -> BoxFuture<'static, Result<Payload, WampError>>;
}

/// What a handler can have as a parameter.
///
/// ```
/// # trunkline_tests::example(async |client| {
/// use trunkline_client::{Caller, FromInvocation, Invocation, Reply, WampError};
///
/// /// Lets known callers in only.
/// struct Name(String);
///
/// impl FromInvocation for Name {
///     fn from_invocation(invocation: &mut Invocation) -> Result<Self, WampError> {
///         let name = Caller::from_invocation(invocation)?.authid;
///         name.map(Self).ok_or_else(|| WampError::new("com.example.error.who_are_you"))
///     }
/// }
///
/// client.register("com.example.whoami", async |Name(name): Name| Reply(name)).await?;
/// let name: String = client.call("com.example.whoami", ()).disclose_me().await?;
/// # assert_eq!(name, "ann");
/// # Ok(()) });
/// ```
pub trait FromInvocation: Sized {
    /// Takes it out of the invocation.
    ///
    /// # Errors
    /// If it is not in there: the invocation is answered with that error, and the handler not run.
    fn from_invocation(invocation: &mut Invocation) -> Result<Self, WampError>;
}

/// What a handler can return: `Result<T, E>`, where `T` is [`IntoPayload`] and `E` becomes a [`WampError`]; or
/// [`Reply`], which cannot fail.
///
/// `E` is a [`WampError`], an [`ApplicationError`](crate::ApplicationError), or an [`Error`] of a call that the procedure
/// makes itself.
///
/// ```
/// # trunkline_tests::example(async |client| {
/// use trunkline_client::{Args, Error, Reply, WampError};
///
/// let half = async |Args(n): Args<u32>| match n % 2 {
///     0 => Ok(n / 2),
///     _ => Err(WampError::invalid_argument("an odd number")),
/// };
/// client.register("com.example.half", half).await?;
/// client.register("com.example.double", async |Args(n): Args<u32>| Reply(2 * n)).await?;
///
/// let caller = client.clone();
/// let quarter = move |Args(n): Args<u32>| {
///     let caller = caller.clone();
///     async move {
///         let half: u32 = caller.call("com.example.half", n).await?;
///         caller.call::<u32>("com.example.half", half).await
///     }
/// };
/// client.register("com.example.quarter", quarter).await?;
/// assert_eq!(client.call::<u32>("com.example.quarter", 12).await?, 3);
/// # Ok(()) });
/// ```
pub trait IntoAnswer {
    /// The result, or the error.
    ///
    /// # Errors
    /// The error that the caller gets.
    fn into_answer(self, serializer: SerializerId) -> Result<Payload, WampError>;
}

impl<T: IntoPayload, E: Into<WampError>> IntoAnswer for Result<T, E> {
    fn into_answer(self, serializer: SerializerId) -> Result<Payload, WampError> {
        let result = self.map_err(Into::into)?;
        result.into_payload(serializer).map_err(WampError::runtime)
    }
}

/// The result of a procedure that cannot fail.
///
/// ```
/// # trunkline_tests::example(async |client| {
/// use trunkline_client::Reply;
///
/// client.register("com.example.size", async || Reply((640, 480))).await?;
/// let (width, height): (u32, u32) = client.call("com.example.size", ()).await?;
/// # assert_eq!((width, height), (640, 480));
/// # Ok(()) });
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reply<T>(pub T);

impl<T: IntoPayload> IntoAnswer for Reply<T> {
    fn into_answer(self, serializer: SerializerId) -> Result<Payload, WampError> {
        self.0.into_payload(serializer).map_err(WampError::runtime)
    }
}

macro_rules! handlers {
    ($(($($parameter:ident)*))*) => {
        $(
            #[allow(non_snake_case, unused_mut, unused_variables, reason = "a parameter is named as its type")]
            impl<F, Fut, R, $($parameter,)*> Handler<($($parameter,)*)> for F
            where
                F: Fn($($parameter),*) -> Fut + Send + Sync + 'static,
                Fut: Future<Output = R> + Send + 'static,
                R: IntoAnswer + 'static,
                $($parameter: FromInvocation + 'static,)*
            {
                fn handle(&self, mut invocation: Invocation) -> BoxFuture<'static, Result<Payload, WampError>> {
                    let serializer = invocation.serializer;
                    $(let $parameter = match $parameter::from_invocation(&mut invocation) {
                        Ok(parameter) => parameter,
                        Err(error) => return std::future::ready(Err(error)).boxed(),
                    };)*
                    let answer = self($($parameter),*);
                    async move { answer.await.into_answer(serializer) }.boxed()
                }
            }
        )*
    };
}

handlers! {
    ()
    (A)
    (A B)
    (A B C)
    (A B C D)
    (A B C D E)
    (A B C D E G)
    (A B C D E G H)
    (A B C D E G H I)
}

/// The positional arguments: a tuple takes all of them, any other type the first one. See [`FromPayload`].
///
/// ```
/// # trunkline_tests::example(async |client| {
/// use trunkline_client::{Args, Reply};
///
/// client.register("com.example.add", async |Args((a, b)): Args<(i64, i64)>| Reply(a + b)).await?;
/// client.register("com.example.sum", async |Args(n): Args<Vec<i64>>| Reply(n.iter().sum::<i64>())).await?;
///
/// assert_eq!(client.call::<i64>("com.example.add", (2, 3)).await?, 5);
/// assert_eq!(client.call::<i64>("com.example.sum", vec![2, 3, 4]).await?, 9);
/// # Ok(()) });
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Args<T>(pub T);

fn taken<T>(result: Result<T, NotDecoded>) -> Result<T, WampError> {
    result.map_err(WampError::invalid_argument)
}

impl<T: DeserializeOwned> FromInvocation for Args<T> {
    fn from_invocation(invocation: &mut Invocation) -> Result<Self, WampError> {
        taken(T::from_payload(&invocation.payload)).map(Self)
    }
}

impl<T: DeserializeOwned> FromInvocation for Kwargs<T> {
    fn from_invocation(invocation: &mut Invocation) -> Result<Self, WampError> {
        taken(Self::from_payload(&invocation.payload))
    }
}

impl<A: DeserializeOwned, K: DeserializeOwned> FromInvocation for ArgsKwargs<A, K> {
    fn from_invocation(invocation: &mut Invocation) -> Result<Self, WampError> {
        taken(Self::from_payload(&invocation.payload))
    }
}

impl FromInvocation for Raw {
    fn from_invocation(invocation: &mut Invocation) -> Result<Self, WampError> {
        Ok(Self(invocation.payload.clone()))
    }
}

/// Who called, as far as the router discloses it (CID-01): where the [caller](crate::Call::disclose_me) or the
/// [callee](crate::Register::disclose_caller) asks for that, or the router is configured so.
///
/// ```
/// # trunkline_tests::example(async |client| {
/// use trunkline_client::{Caller, Reply};
///
/// let whoami = async |caller: Caller| Reply(caller.authid.unwrap_or("somebody".to_owned()));
/// client.register("com.example.whoami", whoami).disclose_caller().await?;
///
/// let joined = client.joined().unwrap();
/// assert_eq!(client.call::<String>("com.example.whoami", ()).await?, *joined.authid.as_ref().unwrap());
/// # Ok(()) });
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Caller {
    /// The caller's session.
    pub session: Option<SessionId>,
    /// The caller's authid.
    pub authid: Option<String>,
    /// The caller's role.
    pub authrole: Option<String>,
}

impl FromInvocation for Caller {
    fn from_invocation(invocation: &mut Invocation) -> Result<Self, WampError> {
        let details = &invocation.details;
        let authid = details.caller_authid.as_ref().map(ToString::to_string);
        let authrole = details.caller_authrole.as_ref().map(ToString::to_string);
        Ok(Self { session: details.caller, authid, authrole })
    }
}

/// INVOCATION.Details: whatever else the router says of an invocation.
///
/// ```
/// # trunkline_tests::example(async |client| {
/// use trunkline_client::{Details, Reply};
///
/// let patience = async |Details(details): Details| Reply(details.timeout);
/// client.register("com.example.patience", patience).forward_timeout().await?;
///
/// let call = client.call::<Option<u64>>("com.example.patience", ());
/// assert_eq!(call.timeout(std::time::Duration::from_secs(5)).await?, Some(5000));
/// # Ok(()) });
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Details(pub Dict<InvocationDetails>);

impl FromInvocation for Details {
    fn from_invocation(invocation: &mut Invocation) -> Result<Self, WampError> {
        Ok(Self(invocation.details.clone()))
    }
}

/// The procedure that was called: of interest where the registration is a pattern (PBR-05).
///
/// ```
/// # trunkline_tests::example(async |client| {
/// use trunkline_client::{Procedure, Reply};
///
/// let file = async |Procedure(uri): Procedure| Reply(uri.replace("com.example.files.", "/"));
/// client.register("com.example.files.", file).prefix().await?;
/// assert_eq!(client.call::<String>("com.example.files.notes", ()).await?, "/notes");
/// # Ok(()) });
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Procedure(pub String);

impl FromInvocation for Procedure {
    fn from_invocation(invocation: &mut Invocation) -> Result<Self, WampError> {
        let procedure = invocation.details.procedure.as_ref().unwrap_or(&invocation.procedure);
        Ok(Self(procedure.to_string()))
    }
}

/// Sends progressive results of type `T` before the result (PCR-02).
/// [`Call::progressive_results`](crate::Call::progressive_results) is the caller's side.
///
/// ```
/// # trunkline_tests::example(async |client| {
/// use trunkline_client::{Args, Error, Progress};
///
/// async fn count(Args(to): Args<u64>, progress: Progress<u64>) -> Result<u64, Error> {
///     for number in 1..to {
///         progress.send(number).await?;
///     }
///     Ok(to)
/// }
///
/// client.register("com.example.count", count).await?;
/// # assert_eq!(client.call::<u64>("com.example.count", 3).await?, 3);
/// # Ok(()) });
/// ```
pub struct Progress<T> {
    port: Port,
    serializer: SerializerId,
    is_wanted: bool,
    type_of_results: PhantomData<fn(T)>,
}

impl<T> FromInvocation for Progress<T> {
    fn from_invocation(invocation: &mut Invocation) -> Result<Self, WampError> {
        Ok(Self {
            port: invocation.port.clone(),
            serializer: invocation.serializer,
            is_wanted: invocation.details.receive_progress == Some(true),
            type_of_results: PhantomData,
        })
    }
}

impl<T: IntoPayload> Progress<T> {
    /// Whether the caller takes progressive results. If not, sending one does nothing (PCR-05).
    pub fn is_wanted(&self) -> bool {
        self.is_wanted
    }

    /// Sends a progressive result; waits as long as more is to be written than the connection takes.
    ///
    /// # Errors
    /// If the result cannot be encoded, or the client is closed.
    pub async fn send(&self, result: T) -> Result<(), Error> {
        if !self.is_wanted {
            return Ok(());
        }
        let payload = result.into_payload(self.serializer)?;
        let shared = self.port.shared.upgrade().ok_or(Error::Closed)?;
        shared.send(self.port.command(Answer::Progress(payload))).await
    }
}

/// Tells a procedure that nobody wants its result any more (CAN-08).
///
/// A procedure that does not have it as a parameter is dropped where it awaits when its call is canceled, its time is
/// over, or its session ends. One that does runs on, and its result counts as long as there is somebody to have it.
///
/// ```
/// # trunkline_tests::example(async |client| {
/// use trunkline_client::{Cancellation, Reply};
///
/// async fn wait(Cancellation(canceled): Cancellation) -> Reply<&'static str> {
///     canceled.cancelled().await;
///     Reply("tidied up")
/// }
///
/// client.register("com.example.wait", wait).await?;
/// # let call = client.call::<String>("com.example.wait", ()).timeout(std::time::Duration::from_millis(1));
/// # assert_eq!(call.await, Err(trunkline_client::Error::Timeout));
/// # Ok(()) });
/// ```
#[derive(Clone, Debug)]
pub struct Cancellation(pub CancellationToken);

impl FromInvocation for Cancellation {
    fn from_invocation(invocation: &mut Invocation) -> Result<Self, WampError> {
        invocation.control.is_cooperative.store(true, Ordering::Release);
        Ok(Self(invocation.control.cancellation.clone()))
    }
}

/// The parts of a progressive invocation, the first one included (PCI-01). An ordinary call has one.
///
/// If the call is canceled, or its session ends, before its last part came, the last item is an error: what came so far
/// is not all. If parts come faster than they are taken, and more than 16 MiB of them would wait, the call is answered with
/// `wamp.error.unavailable`: WAMP has no way to slow down a caller.
///
/// ```
/// # trunkline_tests::example(async |client| {
/// use futures_util::StreamExt as _;
/// use trunkline_client::{Chunks, WampError};
///
/// async fn sum(mut chunks: Chunks<u64>) -> Result<u64, WampError> {
///     let mut sum = 0;
///     while let Some(chunk) = chunks.next().await {
///         sum += chunk.map_err(WampError::invalid_argument)?;
///     }
///     Ok(sum)
/// }
///
/// client.register("com.example.sum", sum).await?;
/// assert_eq!(client.call::<u64>("com.example.sum", 7).await?, 7);
/// # Ok(()) });
/// ```
///
/// [`Call::progressive_invocation`](crate::Call::progressive_invocation) is the caller's side.
pub struct Chunks<T> {
    first: Option<Payload>,
    rest: Option<PayloadReceiver>,
    canceled: Pin<Box<WaitForCancellationFutureOwned>>,
    type_of_chunks: PhantomData<fn() -> T>,
}

impl<T> FromInvocation for Chunks<T> {
    fn from_invocation(invocation: &mut Invocation) -> Result<Self, WampError> {
        let (first, rest) = (Some(invocation.payload.clone()), invocation.chunks.take());
        let canceled = Box::pin(invocation.control.cancellation.clone().cancelled_owned());
        Ok(Self { first, rest, canceled, type_of_chunks: PhantomData })
    }
}

impl<T: FromPayload> Stream for Chunks<T> {
    type Item = Result<T, NotDecoded>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(T::from_payload(&first)));
        }
        let Some(rest) = &mut self.rest else { return Poll::Ready(None) };
        let chunk = rest.poll_recv(cx);
        if let Poll::Ready(Some(chunk)) = chunk {
            return Poll::Ready(Some(T::from_payload(&chunk)));
        }
        // The queue of a call that is canceled may end, too, when its session does.
        let is_canceled = self.canceled.poll_unpin(cx).is_ready();
        if chunk.is_pending() && !is_canceled {
            return Poll::Pending;
        }
        self.rest = None;
        let cut_short = || serde::de::Error::custom("the call ended before its last part");
        Poll::Ready(is_canceled.then(|| Err(NotDecoded(cut_short()))))
    }
}

/// A registered procedure, as invocations need it.
#[derive(Clone)]
pub(crate) struct Run {
    pub(crate) procedure: Uri,
    pub(crate) handler:
        Arc<dyn Fn(Invocation) -> BoxFuture<'static, Result<Payload, WampError>> + Send + Sync>,
    /// How many run at once, where that is limited (CON-01): the router may not know, or not mind.
    pub(crate) places: Option<Arc<Semaphore>>,
    /// Whether it asked the router to leave time-outs to it. A router that passes them on without being asked minds
    /// them itself, and may count in another unit.
    pub(crate) minds_timeout: bool,
    /// How its answers are packed.
    pub(crate) passthru: Option<Passthru>,
}

impl Run {
    /// Answers one invocation, whatever becomes of the handler.
    pub(crate) async fn run(self, invocation: Invocation) {
        let (port, control) = (invocation.port.clone(), invocation.control.clone());
        let timeout = invocation.details.timeout.filter(|&timeout| timeout > 0 && self.minds_timeout);
        let mut work = pin!(async {
            // A semaphore that nobody closes.
            let _place = match &self.places {
                Some(places) => places.acquire().await.ok(),
                None => None,
            };
            let handler = AssertUnwindSafe(async { (self.handler)(invocation).await });
            handler.catch_unwind().await.unwrap_or_else(|panic| Err(failed(&self.procedure, &*panic)))
        });
        match timeout.map(Duration::from_millis) {
            None => port.answer(work.await),
            Some(timeout) => match tokio::time::timeout(timeout, work.as_mut()).await {
                Ok(answer) => port.answer(answer),
                Err(_) => {
                    port.answer(Err(WampError::new(error_uri::TIMEOUT)));
                    control.cancellation.cancel();
                    if control.is_cooperative() {
                        work.await.ok();
                    }
                }
            },
        }
    }
}

/// What a caller learns of a panic: nothing that is in it.
fn failed(procedure: &str, panic: &(dyn Any + Send)) -> WampError {
    let message = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let message = message.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
    tracing::error!(procedure, message, "a procedure panicked");
    WampError::runtime("the procedure failed")
}
