//! The Rust client against the router: calls, procedures, events, and what goes wrong with them.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a helper fails the test that uses it")]

use std::collections::HashMap;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Sink, SinkExt as _, Stream, StreamExt as _};
use tokio::sync::{Notify, mpsc};
use trunkline_client::{
    ApplicationError, Args, ArgsKwargs, Builder, Caller, Cancellation, Chunks, Client, Error, EventError,
    InvocationPolicy, Kwargs, Passthru, Procedure, Progress, Raw, Reply, SerializerId, Transport, WampError,
};
use trunkline_tests::{STRICT, TestRouter, within_deadline};
use wamp_proto::{Payload, Value};

/// Every way to that router that has a URL.
fn urls(router: &TestRouter) -> [String; 2] {
    [format!("ws://{}/ws", router.address()), format!("rs://{}", router.address())]
}

#[tokio::test]
async fn sessions_are_the_same_over_every_transport_and_serializer() {
    let router = TestRouter::start().await;
    let inside = join(&router).await;
    inside.register("com.example.echo", async |Raw(payload): Raw| Reply(Raw(payload))).await.unwrap();
    for url in urls(&router) {
        for serializer in SerializerId::ALL {
            let builder = Client::builder(&url, STRICT).serializers([serializer]);
            let client = within_deadline("WELCOME", builder.connect()).await.unwrap();
            assert_eq!(client.joined().unwrap().serializer, serializer);
            let sent = ("text \u{1F680}", -7, 2.5, u64::MAX, vec![Some(1), None]);
            let echo: (String, i64, f64, u64, Vec<Option<u8>>) =
                within_deadline("RESULT", client.call("com.example.echo", &sent).into_future())
                    .await
                    .unwrap();
            assert_eq!((&*echo.0, echo.1, echo.2, echo.3, echo.4), sent, "{url} {serializer:?}");
            within_deadline("GOODBYE", client.leave()).await;
        }
    }
}

/// Conformance: RAW-13
#[tokio::test]
async fn raw_13_what_is_longer_than_the_router_takes_costs_no_session() {
    let router = TestRouter::start().await;
    for url in urls(&router) {
        let client = within_deadline("WELCOME", Client::builder(&url, STRICT).connect()).await.unwrap();
        let session = client.joined().unwrap().session;
        client
            .register("com.example.long", async |Args(octets): Args<usize>| Reply("x".repeat(octets)))
            .await
            .unwrap();
        let long = async |octets: usize| {
            within_deadline("an answer", client.call::<String>("com.example.long", octets).into_future())
                .await
        };
        assert_eq!(long(1 << 20).await.unwrap_err().uri(), Some("wamp.error.payload_size_exceeded"), "{url}");
        let text = "x".repeat(1 << 20);
        let called =
            within_deadline("no call", client.call::<()>("com.example.long", &text).into_future()).await;
        assert!(matches!(called, Err(Error::TooLarge { limit: 1_048_576, .. })), "{url}: {called:?}");
        let published =
            within_deadline("no event", client.publish("com.example.long", &text).into_future()).await;
        assert!(matches!(published, Err(Error::TooLarge { limit: 1_048_576, .. })), "{url}: {published:?}");
        assert_eq!(long(1000).await.unwrap().len(), 1000, "{url}");
        assert_eq!(client.joined().unwrap().session, session, "{url}");
    }
}

/// Conformance: SER-08
#[tokio::test]
async fn ser_08_what_is_nested_deeper_than_the_router_takes_costs_no_session() {
    let nested = |levels: usize| (1..levels).fold(Value::List(vec![]), |inner, _| Value::List(vec![inner]));
    // The message, its list of arguments, and these.
    let (deepest, deeper) = (nested(62), nested(63));
    let router = TestRouter::start().await;
    let url = &urls(&router)[0];
    let client = within_deadline("WELCOME", Client::builder(url, STRICT).connect()).await.unwrap();
    let session = client.joined().unwrap().session;
    let wrap = async |Args(value): Args<Value>| Reply(Value::List(vec![value]));
    client.register("com.example.wrap", wrap).await.unwrap();
    // What was not encoded here, such as what came another way.
    let deep = Raw(Payload::new(SerializerId::Cbor, std::slice::from_ref(&deeper), &[]));
    let error = WampError::new("com.example.error.deep").with(deep.clone()).unwrap();
    client
        .register("com.example.fail", move || std::future::ready(Err::<(), _>(error.clone())))
        .await
        .unwrap();
    let part = deep.clone();
    let progress = move |progress: Progress<Raw>| {
        let part = part.clone();
        async move { progress.send(part).await }
    };
    client.register("com.example.progress", progress).await.unwrap();
    let call = async |procedure: &str, value: &Value| {
        within_deadline("an answer", client.call::<Value>(procedure, (value,)).into_future()).await
    };
    assert_eq!(call("com.example.wrap", &nested(61)).await.unwrap(), deepest);
    let error = call("com.example.wrap", &deepest).await.unwrap_err();
    assert_eq!(error.uri(), Some("wamp.error.runtime_error"));
    assert!(error.to_string().contains("nested deeper than the 64 levels"), "{error}");
    let error = call("com.example.fail", &Value::Null).await.unwrap_err();
    assert_eq!(error.uri(), Some("com.example.error.deep"));
    let progressive = client.call::<()>("com.example.progress", ()).progressive_results::<Raw>();
    let results = within_deadline("a call", progressive).await.unwrap();
    let error = within_deadline("an answer", results.result()).await.unwrap_err();
    assert_eq!(error.uri(), Some("wamp.error.runtime_error"));

    for result in [
        call("com.example.wrap", &deeper).await.map(drop),
        client.call::<()>("com.example.wrap", deep.clone()).await,
        client.publish("com.example.tick", deep.clone()).await,
        client.publish("com.example.tick", deep.clone()).acknowledge().await.map(drop),
    ] {
        assert_eq!(result, Err(Error::TooDeep { limit: 64 }));
    }
    // Packed, it is octets to the router.
    let packed = client.publish("com.example.tick", deep).passthru(Passthru::mqtt()).acknowledge();
    within_deadline("PUBLISHED", packed.into_future()).await.unwrap();
    assert_eq!(client.joined().unwrap().session, session);
}

/// A client of that router, in the realm without exceptions.
async fn join(router: &TestRouter) -> Client {
    let router = router.router().clone();
    let open = move || {
        let router = router.clone();
        async move { Ok(router.connect(SerializerId::Cbor)) }
    };
    within_deadline("WELCOME", Builder::over(SerializerId::Cbor, open, STRICT).connect()).await.unwrap()
}

#[tokio::test]
async fn a_call_gives_its_arguments_and_takes_its_result_as_rust_values() {
    let router = TestRouter::start().await;
    let (callee, caller) = (join(&router).await, join(&router).await);
    callee.register("com.example.add", async |Args((a, b)): Args<(i64, i64)>| Reply(a + b)).await.unwrap();
    callee
        .register(
            "com.example.both",
            async |ArgsKwargs((text,), kwargs): ArgsKwargs<(String,), HashMap<String, u8>>| {
                Reply(ArgsKwargs((kwargs.len(), text), HashMap::from([("key", true)])))
            },
        )
        .await
        .unwrap();
    callee.register("com.example.nothing", async || Reply(())).await.unwrap();
    callee.register("com.example.raw", async |raw: Raw| Reply(raw)).await.unwrap();

    let sum: i64 = caller.call("com.example.add", (2, 3)).await.unwrap();
    assert_eq!(sum, 5);
    let arguments = ArgsKwargs(("text",), HashMap::from([("one", 1), ("two", 2)]));
    let result = caller.call("com.example.both", arguments).await.unwrap();
    let ArgsKwargs(args, kwargs): ArgsKwargs<(usize, String), HashMap<String, bool>> = result;
    assert_eq!(args, (2, "text".to_owned()));
    assert_eq!(kwargs, HashMap::from([("key".to_owned(), true)]));
    let () = caller.call("com.example.nothing", ()).await.unwrap();
    let none: Option<i64> = caller.call("com.example.nothing", ()).await.unwrap();
    assert_eq!(none, None);
    let Kwargs(echo): Kwargs<HashMap<String, u8>> =
        caller.call("com.example.raw", Kwargs(HashMap::from([("a", 1)]))).await.unwrap();
    assert_eq!(echo, HashMap::from([("a".to_owned(), 1)]));
}

#[tokio::test]
async fn a_type_that_does_not_fit_is_an_error_of_its_own() {
    let router = TestRouter::start().await;
    let client = join(&router).await;
    client.register("com.example.text", async || Reply("text")).await.unwrap();
    client.register("com.example.number", async |Args(number): Args<u8>| Reply(number)).await.unwrap();
    let result: Result<i64, Error> = client.call("com.example.text", ()).await;
    assert!(matches!(result, Err(Error::Decode(_))), "{result:?}");
    let result: Result<u8, Error> = client.call("com.example.number", "text").await;
    assert_eq!(result.unwrap_err().uri(), Some("wamp.error.invalid_argument"));
    let result: Result<(), Error> = client.call("com.example..text", ()).await;
    assert!(matches!(result, Err(Error::Uri { .. })), "{result:?}");
    let result: Result<(), Error> = client.call("com.example.nowhere", ()).await;
    assert_eq!(result.unwrap_err().uri(), Some("wamp.error.no_such_procedure"));
}

#[derive(Debug, PartialEq)]
enum MathError {
    DivisionByZero,
    Overflow(i64),
}

impl ApplicationError for MathError {
    fn to_wamp(&self) -> WampError {
        match self {
            Self::DivisionByZero => WampError::new("com.example.error.division_by_zero"),
            Self::Overflow(by) => WampError::of("com.example.error.overflow", by),
        }
    }

    fn from_wamp(error: &WampError) -> Option<Self> {
        match error.uri() {
            "com.example.error.division_by_zero" => Some(Self::DivisionByZero),
            "com.example.error.overflow" => error.args().ok().map(Self::Overflow),
            _ => None,
        }
    }
}

/// Conformance: RPC-11
#[tokio::test]
async fn rpc_11_errors_of_the_application_keep_their_uri_and_panics_become_runtime_errors() {
    let router = TestRouter::start().await;
    let client = join(&router).await;
    let divide = async |Args((a, b)): Args<(i64, i64)>| match b {
        0 => Err(MathError::DivisionByZero),
        b if b < 0 => Err(MathError::Overflow(b)),
        b => Ok(a / b),
    };
    client.register("com.example.divide", divide).await.unwrap();
    client.register("com.example.panic", async || -> Reply<()> { panic!("secret") }).await.unwrap();
    assert_eq!(client.call::<i64>("com.example.divide", (6, 3)).await, Ok(2));
    let error = client.call::<i64>("com.example.divide", (1, 0)).await.unwrap_err();
    assert_eq!(error.application(), Some(MathError::DivisionByZero));
    let error = client.call::<i64>("com.example.divide", (1, -4)).await.unwrap_err();
    assert_eq!(error.application(), Some(MathError::Overflow(-4)));
    let error = client.call::<()>("com.example.panic", ()).await.unwrap_err();
    assert_eq!(error.uri(), Some("wamp.error.runtime_error"));
    assert!(!error.to_string().contains("secret"), "{error}");
    // It goes on.
    assert_eq!(client.call::<i64>("com.example.divide", (6, 3)).await, Ok(2));
}

#[tokio::test]
async fn a_procedure_learns_who_called_it_by_which_name() {
    let router = TestRouter::start().await;
    let (callee, caller) = (join(&router).await, join(&router).await);
    let tell = async |Procedure(procedure): Procedure, caller: Caller| {
        Reply((procedure, caller.session.map(|session| session.value()), caller.authrole))
    };
    callee.register("com.example.", tell).prefix().await.unwrap();
    let (procedure, session, authrole): (String, Option<u64>, Option<String>) =
        caller.call("com.example.whatever", ()).disclose_me().await.unwrap();
    assert_eq!(procedure, "com.example.whatever");
    assert_eq!(session, Some(caller.joined().unwrap().session.value()));
    assert!(authrole.is_some());
}

#[tokio::test]
async fn progressive_results_are_a_stream_that_ends_before_the_result() {
    let router = TestRouter::start().await;
    let client = join(&router).await;
    let count = async |Args(to): Args<u64>, progress: Progress<u64>| {
        for number in 0..to {
            progress.send(number).await?;
        }
        Ok::<_, Error>(to)
    };
    client.register("com.example.count", count).await.unwrap();
    let mut results = client.call::<u64>("com.example.count", 3).progressive_results::<u64>().await.unwrap();
    let mut numbers = Vec::new();
    while let Some(number) = results.next().await {
        numbers.push(number.unwrap());
    }
    assert_eq!(numbers, [0, 1, 2]);
    assert_eq!(results.result().await, Ok(3));
    // Who takes no progressive results gets none.
    assert_eq!(client.call::<u64>("com.example.count", 3).await, Ok(3));

    let results = client.call::<u64>("com.example.nowhere", 3).progressive_results::<u64>().await.unwrap();
    let items: Vec<_> = results.collect().await;
    let [Err(error)] = &*items else { panic!("{items:?}") };
    assert_eq!(error.uri(), Some("wamp.error.no_such_procedure"));
}

#[tokio::test]
async fn a_progressive_invocation_is_a_sink() {
    let router = TestRouter::start().await;
    let client = join(&router).await;
    let sum = async |chunks: Chunks<u64>, progress: Progress<u64>| {
        let mut sum = 0;
        let mut chunks = std::pin::pin!(chunks);
        while let Some(chunk) = chunks.next().await {
            sum += chunk.map_err(WampError::invalid_argument)?;
            progress.send(sum).await?;
        }
        Ok::<_, WampError>(sum)
    };
    client.register("com.example.sum", sum).await.unwrap();
    let call = client.call::<u64>("com.example.sum", 1);
    let (mut chunks, mut results) = call.progressive_invocation::<u64, u64>().await.unwrap();
    assert_eq!(results.next().await, Some(Ok(1)));
    chunks.send(2).await.unwrap();
    assert_eq!(results.next().await, Some(Ok(3)));
    chunks.finish(3).await.unwrap();
    assert_eq!(results.result().await, Ok(6));
    // An ordinary call is a progressive one of one part.
    assert_eq!(client.call::<u64>("com.example.sum", 4).await, Ok(4));
}

#[tokio::test]
async fn a_progressive_invocation_whose_sink_is_dropped_is_canceled() {
    let router = TestRouter::start().await;
    let client = join(&router).await;
    let wait = async |chunks: Chunks<u64>| Reply(chunks.count().await);
    client.register("com.example.wait", wait).await.unwrap();
    let call = client.call::<usize>("com.example.wait", 1);
    let (chunks, results) = call.progressive_invocation::<u64, ()>().await.unwrap();
    drop(chunks);
    let error = within_deadline("the end of the call", results.result()).await.unwrap_err();
    assert_eq!(error.uri(), Some("wamp.error.canceled"));
}

/// Conformance: CAN-08
#[tokio::test]
async fn can_08_a_call_that_is_dropped_is_canceled() {
    let router = TestRouter::start().await;
    let (callee, caller) = (join(&router).await, join(&router).await);
    let (told, mut tells) = mpsc::unbounded_channel();
    let drops = told.clone();
    callee
        .register("com.example.deaf", move || {
            let guard = TellsWhenDropped(drops.clone());
            async move {
                let _guard = guard;
                std::future::pending::<Reply<()>>().await
            }
        })
        .await
        .unwrap();
    callee
        .register("com.example.obedient", move |Cancellation(cancellation): Cancellation| {
            let told = told.clone();
            async move {
                told.send("runs").unwrap();
                cancellation.cancelled().await;
                told.send("canceled").unwrap();
                Reply(())
            }
        })
        .await
        .unwrap();

    let call = caller.call::<()>("com.example.obedient", ());
    tokio::select! {
        result = call.into_future() => panic!("{result:?}"),
        told = tells.recv() => assert_eq!(told, Some("runs")),
    }
    assert_eq!(within_deadline("INTERRUPT", tells.recv()).await, Some("canceled"));
    let call = caller.call::<()>("com.example.deaf", ()).timeout(Duration::from_millis(50));
    assert_eq!(call.await, Err(Error::Timeout));
    assert_eq!(within_deadline("INTERRUPT", tells.recv()).await, Some("dropped"));
}

struct TellsWhenDropped(mpsc::UnboundedSender<&'static str>);

impl Drop for TellsWhenDropped {
    fn drop(&mut self) {
        self.0.send("dropped").ok();
    }
}

#[tokio::test]
async fn con_01_procedures_run_at_once_up_to_their_concurrency() {
    let router = TestRouter::start().await;
    let (callee, caller) = (join(&router).await, join(&router).await);
    let (running, most, go_on) =
        (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
    let handler = {
        let (running, most, go_on) = (running.clone(), most.clone(), go_on.clone());
        move || {
            let (running, most, go_on) = (running.clone(), most.clone(), go_on.clone());
            async move {
                let now = running.fetch_add(1, Ordering::SeqCst) + 1;
                most.fetch_max(now, Ordering::SeqCst);
                if now == 3 {
                    go_on.notify_waiters();
                } else {
                    go_on.notified().await;
                }
                running.fetch_sub(1, Ordering::SeqCst);
                Reply(())
            }
        }
    };
    callee
        .register("com.example.slow", handler)
        .concurrency(3)
        .invoke(InvocationPolicy::RoundRobin)
        .await
        .unwrap();
    let calls = (0..3).map(|_| caller.call::<()>("com.example.slow", ()).into_future());
    for result in within_deadline("three results", futures_util::future::join_all(calls)).await {
        result.unwrap();
    }
    assert_eq!(most.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn events_are_a_stream_and_handlers_take_them_in_order() {
    let router = TestRouter::start().await;
    let (alice, bob) = (join(&router).await, join(&router).await);
    let mut ticks = bob.subscribe::<u64>("com.example.tick").await.unwrap();
    let mut all = bob.subscribe::<Raw>("com.example.").prefix().await.unwrap();
    let (handled, mut handles) = mpsc::unbounded_channel();
    let handling = bob
        .subscribe::<u64>("com.example.tick")
        .handle(move |event| {
            let handled = handled.clone();
            async move { handled.send(event.unwrap().args).unwrap() }
        })
        .await
        .unwrap();
    for tick in 0..10 {
        alice.publish("com.example.tick", tick).await.unwrap();
    }
    let publication = alice.publish("com.example.tick", 10).acknowledge().await.unwrap();
    for tick in 0..10 {
        assert_eq!(within_deadline("EVENT", ticks.next()).await.unwrap().unwrap().args, tick);
        assert_eq!(within_deadline("EVENT", handles.recv()).await, Some(tick));
        assert_eq!(&*all.next().await.unwrap().unwrap().topic, "com.example.tick");
    }
    let last = within_deadline("EVENT", ticks.next()).await.unwrap().unwrap();
    assert_eq!((last.args, last.publication, &*last.topic), (10, publication, "com.example.tick"));

    handling.unsubscribe().await.unwrap();
    ticks.unsubscribe().await.unwrap();
    all.unsubscribe().await.unwrap();
    alice.publish("com.example.tick", 11).acknowledge().await.unwrap();
    assert_eq!(within_deadline("EVENT", handles.recv()).await, Some(10));
    assert_eq!(handles.recv().await, None);
}

#[tokio::test]
async fn a_subscriber_that_is_too_slow_learns_how_much_it_missed() {
    let router = TestRouter::start().await;
    let (alice, bob) = (join(&router).await, join(&router).await);
    let mut ticks = bob.subscribe::<u64>("com.example.tick").capacity(4).await.unwrap();
    for tick in 0..10 {
        alice.publish("com.example.tick", tick).acknowledge().await.unwrap();
    }
    // Bob's own answer comes behind the events.
    bob.publish("com.example.other", ()).acknowledge().await.unwrap();
    for tick in 0..4 {
        assert_eq!(ticks.next().await.unwrap().unwrap().args, tick);
    }
    assert_eq!(ticks.next().await.unwrap().unwrap_err(), EventError::Lagged(6));
    alice.publish("com.example.tick", 10).await.unwrap();
    assert_eq!(within_deadline("EVENT", ticks.next()).await.unwrap().unwrap().args, 10);
    alice.publish("com.example.tick", "text").await.unwrap();
    let error = within_deadline("EVENT", ticks.next()).await.unwrap().unwrap_err();
    assert!(matches!(error, EventError::Decode(_)), "{error}");
}

#[tokio::test]
async fn leaving_lets_procedures_finish_and_fails_what_comes_later() {
    let router = TestRouter::start().await;
    let (callee, caller) = (join(&router).await, join(&router).await);
    let (began, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let handler = {
        let (began, go_on) = (began.clone(), go_on.clone());
        move || {
            let (began, go_on) = (began.clone(), go_on.clone());
            async move {
                began.notify_one();
                go_on.notified().await;
                Reply("done")
            }
        }
    };
    callee.register("com.example.slow", handler).await.unwrap();
    let call = tokio::spawn(caller.call::<String>("com.example.slow", ()).into_future());
    within_deadline("INVOCATION", began.notified()).await;
    let leaving = tokio::spawn({
        let callee = callee.clone();
        async move { callee.leave().await }
    });
    // Taken back, though it runs.
    let gone = async {
        while caller
            .call::<()>("com.example.slow", ())
            .timeout(Duration::from_millis(1))
            .await
            .unwrap_err()
            .uri()
            != Some("wamp.error.no_such_procedure")
        {}
    };
    within_deadline("UNREGISTER", gone).await;
    go_on.notify_one();
    assert_eq!(within_deadline("RESULT", call).await.unwrap(), Ok("done".to_owned()));
    within_deadline("GOODBYE", leaving).await.unwrap();
    assert_eq!(callee.call::<()>("com.example.whatever", ()).await, Err(Error::Closed));
    assert!(callee.register("com.example.again", async || Reply(())).await.is_err());
    drop(caller);
    within_deadline("both have left", router.wait_until_empty()).await;
}

#[tokio::test]
async fn a_client_that_nobody_has_any_more_ends_its_session_though_a_procedure_runs() {
    let router = TestRouter::start().await;
    let (callee, caller) = (join(&router).await, join(&router).await);
    let (told, mut tells) = mpsc::unbounded_channel();
    let endless = move |progress: Progress<()>| {
        let (told, guard) = (told.clone(), TellsWhenDropped(told.clone()));
        async move {
            told.send("runs").unwrap();
            let _held = (guard, progress);
            std::future::pending::<Reply<()>>().await
        }
    };
    callee.register("com.example.endless", endless).await.unwrap();
    let call = tokio::spawn(caller.call::<()>("com.example.endless", ()).into_future());
    assert_eq!(within_deadline("INVOCATION", tells.recv()).await, Some("runs"));
    drop(callee);
    assert_eq!(within_deadline("the procedure is dropped", tells.recv()).await, Some("dropped"));
    let error = within_deadline("ERROR", call).await.unwrap().unwrap_err();
    assert_eq!(error.uri(), Some("wamp.error.canceled"));
}

#[tokio::test]
async fn what_was_published_before_leaving_arrives() {
    const EVENTS: u64 = 3000;
    let router = TestRouter::start().await;
    let (alice, bob) = (join(&router).await, join(&router).await);
    let mut ticks = bob.subscribe::<u64>("com.example.tick").capacity(EVENTS as usize).await.unwrap();
    let publishing = tokio::spawn(async move {
        for tick in 0..EVENTS {
            alice.publish("com.example.tick", tick).await.unwrap();
        }
        alice.leave().await;
    });
    for tick in 0..EVENTS {
        assert_eq!(within_deadline("EVENT", ticks.next()).await.unwrap().unwrap().args, tick);
    }
    within_deadline("GOODBYE", publishing).await.unwrap();
}

/// A transport that takes one message each time that it is asked.
struct Slow<T> {
    inner: T,
    is_tired: bool,
}

impl<T: Transport> Stream for Slow<T> {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.inner.poll_next_unpin(cx)
    }
}

impl<T: Transport> Sink<Bytes> for Slow<T> {
    type Error = io::Error;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if std::mem::take(&mut self.is_tired) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.inner.poll_ready_unpin(cx)
    }

    fn start_send(mut self: Pin<&mut Self>, body: Bytes) -> io::Result<()> {
        self.is_tired = true;
        self.inner.start_send_unpin(body)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner.poll_flush_unpin(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner.poll_close_unpin(cx)
    }
}

#[tokio::test]
async fn a_client_leaves_though_others_ask_for_more_all_the_time() {
    let router = TestRouter::start().await;
    let inside = router.router().clone();
    let open = move || {
        let transport = Slow { inner: inside.connect(SerializerId::Cbor), is_tired: false };
        std::future::ready(Ok(transport))
    };
    let client =
        within_deadline("WELCOME", Builder::over(SerializerId::Cbor, open, STRICT).connect()).await.unwrap();
    let publisher = client.clone();
    let publishing = async move { while publisher.publish("com.example.tick", ()).await.is_ok() {} };
    let publishing = tokio::spawn(tokio::task::unconstrained(publishing));
    // The queue is full by then, and stays so.
    client.publish("com.example.tick", ()).acknowledge().await.unwrap();
    within_deadline("GOODBYE", client.leave()).await;
    within_deadline("the end of publishing", publishing).await.unwrap();
}
