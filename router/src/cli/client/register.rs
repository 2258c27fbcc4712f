//! `trunkline register`: a procedure that is a template, or a program.

use std::num::NonZeroUsize;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use tokio::sync::{Notify, Semaphore};
use trunkline_client::proto::{Payload, SerializerId, Value};
use trunkline_client::{Caller, InvocationPolicy, Procedure, Progress, Raw, WampError};

use super::connection::Connection;
use super::output::{Style, json};
use super::printer::Lines;
use super::template::{Filling, Template};
use super::{Kind, program, run as run_to_end};

/// What `trunkline register` takes.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(in crate::cli) struct Arguments {
    /// The procedure, or what procedures begin with, or a pattern of them
    procedure: String,
    /// Answer with this, JSON or text: {0} stands for the first argument, {name} for a keyword argument
    #[arg(long, value_name = "TEMPLATE", conflicts_with = "command", allow_negative_numbers = true)]
    answer: Option<String>,
    /// Run this program for each call: the call is on its standard input, its standard output is the result
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<String>,
    /// Each line that the program prints, but the last, is a progressive result
    #[arg(long, requires = "command", conflicts_with = "answer")]
    progress: bool,
    /// Every procedure that begins so
    #[arg(long, conflicts_with = "wildcard")]
    prefix: bool,
    /// Every procedure with as many components, of which an empty one stands for any
    #[arg(long)]
    wildcard: bool,
    /// How the router chooses among several callees
    #[arg(long, value_name = "POLICY")]
    invoke: Option<Policy>,
    /// How many calls are answered at once
    #[arg(long, value_name = "CALLS")]
    concurrency: Option<NonZeroUsize>,
    /// End after that many calls
    #[arg(long, value_name = "CALLS")]
    count: Option<NonZeroUsize>,
    #[command(flatten)]
    style: Style,
    #[command(flatten)]
    connection: Connection,
}

const AFTER_HELP: &str = "\
Examples:
  trunkline register com.example.ping --answer pong
  trunkline register com.example.greet --answer 'hello {0}'
  trunkline register com.example.swap --answer '[\"{1}\", \"{0}\"]'
  trunkline register com.example.load -- uptime
  trunkline register com.example.add -- jq '.args | add'
  trunkline register com.example.log --progress -- journalctl -n 100

A program gets {\"procedure\": …, \"args\": […], \"kwargs\": {…}, \"caller\": …} on its standard input. What it prints is the
result: JSON is taken as that, other text as text, anything else as octets. If it fails, the caller gets
wamp.error.runtime_error with the last line of its standard error. It is killed, with all that it started, when its call
is canceled. Ctrl-C takes the procedure back and lets programs finish that run; another one ends them, too.";

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Policy {
    Single,
    First,
    Last,
    Roundrobin,
    Random,
    All,
    Leastbusy,
}

impl From<Policy> for InvocationPolicy {
    fn from(policy: Policy) -> Self {
        match policy {
            Policy::Single => Self::Single,
            Policy::First => Self::First,
            Policy::Last => Self::Last,
            Policy::Roundrobin => Self::RoundRobin,
            Policy::Random => Self::Random,
            Policy::All => Self::All,
            Policy::Leastbusy => Self::LeastBusy,
        }
    }
}

/// What answers calls.
struct Answering {
    /// Without it, and without a command, results have no arguments.
    template: Option<Template>,
    command: Vec<String>,
    is_progressive: bool,
    style: Style,
    /// Calls that are still to be taken, if they are counted.
    left: Option<Semaphore>,
    /// A call was counted.
    taken: Notify,
}

/// Registers the procedure, and answers calls.
pub(in crate::cli) fn run(arguments: Arguments) -> anyhow::Result<()> {
    let Arguments { procedure, answer, command, progress, style, connection, .. } = arguments;
    let answering = Arc::new(Answering {
        template: answer.as_deref().map(Template::parse),
        command,
        is_progressive: progress,
        style: style.clone(),
        left: arguments.count.map(|count| Semaphore::new(count.get())),
        taken: Notify::new(),
    });
    run_to_end(Kind::Service, connection, &style, async |client, lines| {
        let handler = {
            let (answering, lines) = (answering.clone(), lines.clone());
            move |raw: Raw, procedure: Procedure, caller: Caller, progress: Progress<Raw>| {
                let (answering, lines) = (answering.clone(), lines.clone());
                async move { answering.answer(raw.0, procedure.0, caller, progress, &lines).await }
            }
        };
        let mut register = client.register(&procedure, handler);
        if arguments.prefix {
            register = register.prefix();
        }
        if arguments.wildcard {
            register = register.wildcard();
        }
        if let Some(policy) = arguments.invoke {
            register = register.invoke(policy.into());
        }
        if let Some(calls) = arguments.concurrency {
            register = register.concurrency(calls.get());
        }
        register.await?;
        style.note("registered");
        answering.wait_for_the_last().await;
        Ok(())
    })
}

impl Answering {
    /// Waits until no more calls are taken. Those that were may still run: leaving lets them finish.
    async fn wait_for_the_last(&self) {
        loop {
            let taken = self.taken.notified();
            if self.left.as_ref().is_some_and(|left| left.available_permits() == 0) {
                return;
            }
            taken.await;
        }
    }

    async fn answer(
        &self,
        payload: Payload,
        procedure: String,
        caller: Caller,
        progress: Progress<Raw>,
        lines: &Lines,
    ) -> Result<Raw, WampError> {
        if let Some(left) = &self.left {
            let Ok(place) = left.try_acquire() else { return Err(WampError::runtime("no more calls")) };
            place.forget();
            self.taken.notify_one();
        }
        // The call is answered even if nobody reads that; and if somebody reads slowly, only the call waits.
        lines.print(self.style.invocation(&procedure, &payload)).await.ok();
        let (args, kwargs) = payload.values().map_err(WampError::invalid_argument)?;
        if self.command.is_empty() {
            let Some(template) = &self.template else { return Ok(Raw(Payload::EMPTY)) };
            let filling = Filling { procedure, args, kwargs };
            let missing = |name| WampError::invalid_argument(format!("there is no argument {name:?}"));
            template.fill(&filling).map(result).map_err(missing)
        } else {
            let question = question(procedure, args, kwargs, &caller);
            let progress = Some(&progress).filter(|_| self.is_progressive);
            program::run(&self.command, &question, progress).await
        }
    }
}

/// What a program is told of a call.
fn question(procedure: String, args: Vec<Value>, kwargs: Vec<(String, Value)>, caller: &Caller) -> String {
    let text = |text: &Option<String>| text.as_deref().map_or(Value::Null, Value::from);
    let caller = vec![
        ("session".to_owned(), caller.session.map_or(Value::Null, |session| session.value().into())),
        ("authid".to_owned(), text(&caller.authid)),
        ("authrole".to_owned(), text(&caller.authrole)),
    ];
    json(&Value::Dict(vec![
        ("procedure".to_owned(), procedure.into()),
        ("args".to_owned(), Value::List(args)),
        ("kwargs".to_owned(), Value::Dict(kwargs)),
        ("caller".to_owned(), Value::Dict(caller)),
    ])) + "\n"
}

/// A result of one argument.
pub(super) fn result(value: Value) -> Raw {
    Raw(Payload::new(SerializerId::Cbor, &[value], &[]))
}
