//! Scenarios about calls.

use std::collections::HashMap;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::sync::mpsc;
use trunkline_client::{
    ApplicationError, Args, ArgsKwargs, Caller, Chunks, Client, Error, Progress, Raw, Register, Reply,
    WampError,
};

use crate::place::{Place, check_eq, check_error, session, within};

/// The caller's patience where it has to run out.
const SHORT: Duration = Duration::from_millis(100);

pub(crate) async fn arguments(place: &Place) -> anyhow::Result<()> {
    let (callee, caller) = (place.join().await?, place.join().await?);
    let add = async |Args((a, b)): Args<(i64, i64)>| Reply(a + b);
    callee.register(place.uri("add"), add).await?;
    type Both = ArgsKwargs<(String,), HashMap<String, u8>>;
    let both = async |ArgsKwargs((text,), kwargs): Both| {
        Reply(ArgsKwargs((kwargs.len(), text), HashMap::from([("key", true)])))
    };
    callee.register(place.uri("both"), both).await?;
    callee.register(place.uri("nothing"), async || Reply(())).await?;
    callee.register(place.uri("raw"), async |raw: Raw| Reply(raw)).await?;

    check_eq!(within("RESULT", caller.call::<i64>(place.uri("add"), (2, 3))).await??, 5);
    let arguments = ArgsKwargs(("text",), HashMap::from([("one", 1), ("two", 2)]));
    let call =
        caller.call::<ArgsKwargs<(usize, String), HashMap<String, bool>>>(place.uri("both"), arguments);
    let ArgsKwargs(args, kwargs) = within("RESULT", call).await??;
    check_eq!(args, (2, "text".to_owned()));
    check_eq!(kwargs, HashMap::from([("key".to_owned(), true)]));
    check_eq!(within("RESULT", caller.call::<Option<i64>>(place.uri("nothing"), ())).await??, None);
    let list = (1, "two", vec![3]);
    let back = within("RESULT", caller.call::<(i64, String, Vec<i64>)>(place.uri("raw"), &list)).await??;
    check_eq!(back, (1, "two".to_owned(), vec![3]));
    Ok(())
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

pub(crate) async fn application_errors(place: &Place) -> anyhow::Result<()> {
    let (callee, caller) = (place.join().await?, place.join().await?);
    let divide = async |Args((a, b)): Args<(i64, i64)>| match b {
        0 => Err(MathError::DivisionByZero),
        b if b < 0 => Err(MathError::Overflow(b)),
        b => Ok(a / b),
    };
    callee.register(place.uri("divide"), divide).await?;
    callee.register(place.uri("broken"), async || Err::<(), _>(WampError::runtime("on purpose"))).await?;
    let divide = |by| within("an answer", caller.call::<i64>(place.uri("divide"), (6, by)));
    check_eq!(divide(3).await?, Ok(2));
    let application = |result: Result<i64, Error>| result.err().and_then(|error| error.application());
    check_eq!(application(divide(0).await?), Some(MathError::DivisionByZero));
    check_eq!(application(divide(-4).await?), Some(MathError::Overflow(-4)));
    check_error(
        within("ERROR", caller.call::<()>(place.uri("broken"), ())).await?,
        "wamp.error.runtime_error",
    )
}

pub(crate) async fn invalid_arguments(place: &Place) -> anyhow::Result<()> {
    let (callee, caller) = (place.join().await?, place.join().await?);
    callee.register(place.uri("number"), async |Args(number): Args<u8>| Reply(number)).await?;
    let result = within("ERROR", caller.call::<u8>(place.uri("number"), "text")).await?;
    check_error(result, "wamp.error.invalid_argument")
}

pub(crate) async fn no_such_procedure(place: &Place) -> anyhow::Result<()> {
    let caller = place.join().await?;
    let result = within("ERROR", caller.call::<()>(place.uri("nowhere"), ())).await?;
    check_error(result, "wamp.error.no_such_procedure")
}

/// A procedure that never ends, and what it tells: that it runs, and that it was stopped.
async fn endless(place: &Place, callee: &Client) -> anyhow::Result<mpsc::Receiver<&'static str>> {
    endless_with(place, callee, |register| register).await
}

async fn endless_with(
    place: &Place,
    callee: &Client,
    options: fn(Register) -> Register,
) -> anyhow::Result<mpsc::Receiver<&'static str>> {
    let (told, tells) = mpsc::channel(4);
    let endless = move || {
        let told = told.clone();
        async move {
            told.send("runs").await.ok();
            let _stopped = TellsWhenDropped(told);
            std::future::pending::<Reply<()>>().await
        }
    };
    options(callee.register(place.uri("endless"), endless)).await?;
    Ok(tells)
}

struct TellsWhenDropped(mpsc::Sender<&'static str>);

impl Drop for TellsWhenDropped {
    fn drop(&mut self) {
        self.0.try_send("stopped").ok();
    }
}

pub(crate) async fn timeout(place: &Place) -> anyhow::Result<()> {
    let (callee, caller) = (place.join().await?, place.join().await?);
    let mut tells = endless(place, &callee).await?;
    let call = caller.call::<()>(place.uri("endless"), ()).timeout(SHORT);
    check_eq!(within("the time-out", call).await?, Err(Error::Timeout));
    check_eq!(within("INVOCATION", tells.recv()).await?, Some("runs"));
    check_eq!(within("INTERRUPT", tells.recv()).await?, Some("stopped"));
    Ok(())
}

pub(crate) async fn timeout_option(place: &Place) -> anyhow::Result<()> {
    let (callee, caller) = (place.join().await?, place.join().await?);
    let tells = endless(place, &callee).await?;
    timed_out_by_option(place, &caller, tells).await
}

pub(crate) async fn forwarded_timeout(place: &Place) -> anyhow::Result<()> {
    let (callee, caller) = (place.join().await?, place.join().await?);
    let tells = endless_with(place, &callee, Register::forward_timeout).await?;
    timed_out_by_option(place, &caller, tells).await
}

async fn timed_out_by_option(
    place: &Place,
    caller: &Client,
    mut tells: mpsc::Receiver<&'static str>,
) -> anyhow::Result<()> {
    let milliseconds = u64::try_from(SHORT.as_millis())?;
    // The option alone: the caller itself does not mind it.
    let call =
        caller.call::<()>(place.uri("endless"), ()).options(|options| options.timeout = Some(milliseconds));
    check_eq!(within("ERROR", call).await?, Err(Error::Timeout));
    check_eq!(within("INVOCATION", tells.recv()).await?, Some("runs"));
    check_eq!(within("the end of the procedure", tells.recv()).await?, Some("stopped"));
    Ok(())
}

pub(crate) async fn cancel(place: &Place) -> anyhow::Result<()> {
    let (callee, caller) = (place.join().await?, place.join().await?);
    let mut tells = endless(place, &callee).await?;
    let mut call = caller.call::<()>(place.uri("endless"), ()).into_future();
    tokio::select! {
        result = &mut call => anyhow::bail!("{result:?} of a call without end"),
        told = within("INVOCATION", tells.recv()) => check_eq!(told?, Some("runs")),
    }
    drop(call);
    check_eq!(within("INTERRUPT", tells.recv()).await?, Some("stopped"));
    Ok(())
}

pub(crate) async fn progressive_results(place: &Place) -> anyhow::Result<()> {
    let (callee, caller) = (place.join().await?, place.join().await?);
    let count = async |Args(to): Args<u64>, progress: Progress<u64>| {
        for number in 0..to {
            progress.send(number).await?;
        }
        Ok::<_, Error>(to)
    };
    callee.register(place.uri("count"), count).await?;
    let mut results = caller.call::<u64>(place.uri("count"), 100).progressive_results::<u64>().await?;
    let mut numbers = Vec::new();
    while let Some(number) = within("RESULT", results.next()).await? {
        numbers.push(number?);
    }
    check_eq!(numbers, (0..100).collect::<Vec<_>>());
    check_eq!(results.result().await?, 100);
    // Who takes no progressive results gets none.
    check_eq!(within("RESULT", caller.call::<u64>(place.uri("count"), 3)).await??, 3);
    Ok(())
}

pub(crate) async fn progressive_invocation(place: &Place) -> anyhow::Result<()> {
    let (callee, caller) = (place.join().await?, place.join().await?);
    let sum = async |mut chunks: Chunks<u64>| {
        let mut sum = 0;
        while let Some(chunk) = chunks.next().await {
            sum += chunk.map_err(WampError::invalid_argument)?;
        }
        Ok::<_, WampError>(sum)
    };
    callee.register(place.uri("sum"), sum).await?;
    let (mut chunks, results) =
        caller.call::<u64>(place.uri("sum"), 1).progressive_invocation::<u64, ()>().await?;
    chunks.send(2).await?;
    chunks.finish(3).await?;
    check_eq!(within("RESULT", results.result()).await??, 6);
    Ok(())
}

/// Session, authid and authrole.
type Who = (Option<u64>, Option<String>, Option<String>);

async fn tell_caller(caller: Caller) -> Reply<Who> {
    Reply((caller.session.map(|session| session.value()), caller.authid, caller.authrole))
}

fn who(client: &Client) -> anyhow::Result<Who> {
    let authid = client.joined().and_then(|joined| joined.authid.clone());
    Ok((Some(session(client)?.value()), authid, Some("guest".to_owned())))
}

pub(crate) async fn caller_by_configuration(place: &Place) -> anyhow::Result<()> {
    let (callee, caller) = (place.join().await?, place.join().await?);
    let disclosed = place.disclosed_uri("who");
    callee.register(&disclosed, tell_caller).await?;
    callee.register(place.uri("who"), tell_caller).await?;
    check_eq!(within("RESULT", caller.call::<Who>(&disclosed, ())).await??, who(&caller)?);
    check_eq!(within("RESULT", caller.call::<Who>(place.uri("who"), ())).await??, (None, None, None));
    Ok(())
}

pub(crate) async fn caller_on_request(place: &Place) -> anyhow::Result<()> {
    let (callee, caller) = (place.join().await?, place.join().await?);
    callee.register(place.uri("who"), tell_caller).await?;
    let call = caller.call::<Who>(place.uri("who"), ()).disclose_me();
    check_eq!(within("RESULT", call).await??, who(&caller)?);
    Ok(())
}
