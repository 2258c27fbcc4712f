//! Routed calls: callers with a window of open calls, one callee that echoes.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::time::{MissedTickBehavior, interval};
use wamp_proto::Message;
use wamp_proto::dict::Dict;
use wamp_proto::message::{Call, CallResult, Yield};

use super::frames::{Mark, Template, VARIABLE_REQUEST, payload};
use super::peer::{Joining, Part, Peer, unexpected};
use super::run::{PATIENCE, Run, Tasks};

/// What kind of calls to make.
#[derive(Clone, Debug)]
pub(super) struct Calls {
    pub(super) callers: u16,
    /// Calls that each caller has open at most.
    pub(super) window: usize,
    /// Octets of the argument.
    pub(super) payload: usize,
    pub(super) procedure: String,
}

impl Calls {
    /// Opens all sessions and starts calling.
    pub(super) async fn start(self, run: &Arc<Run>, joining: &Joining) -> anyhow::Result<Tasks> {
        let mut tasks = Tasks::default();
        let mut callee = Peer::join(joining, Part::Callee).await?;
        callee.register(&self.procedure).await?;
        tasks.receivers.spawn(echo(callee));
        let message = Call {
            request: VARIABLE_REQUEST,
            options: Dict::new(),
            procedure: self.procedure.as_str().into(),
            payload: payload(joining.serializer, self.payload),
        };
        let template = Template::new(joining.serializer, &message.into())?;
        let mut callers = Vec::new();
        for number in 0..self.callers {
            let peer = Peer::join(joining, Part::Caller(number)).await?;
            callers.push(Caller {
                run: run.clone(),
                peer,
                number,
                window: self.window,
                quota: run.amount().share(number, self.callers),
                payload: self.payload,
                template: template.clone(),
                buffer: Vec::new(),
                open: VecDeque::new(),
                last_request: 0,
            });
        }
        for caller in callers {
            tasks.senders.spawn(caller.work());
        }
        Ok(tasks)
    }
}

/// Answers each call with its own arguments.
async fn echo(mut callee: Peer) -> anyhow::Result<()> {
    loop {
        callee.receive().await?;
        while let Some(message) = callee.next_message()? {
            let answer = match message {
                Message::Invocation(invocation) => {
                    let (request, payload) = (invocation.request, invocation.payload);
                    Message::from(Yield { request, options: Dict::new(), payload })
                }
                // Through a relay.
                Message::Call(call) => {
                    let (request, payload) = (call.request, call.payload);
                    CallResult { request, details: Dict::new(), payload }.into()
                }
                other => return Err(unexpected(&other)),
            };
            callee.send(&answer)?;
        }
    }
}

struct Caller {
    run: Arc<Run>,
    peer: Peer,
    number: u16,
    window: usize,
    /// Calls still to be made.
    quota: u64,
    payload: usize,
    template: Template,
    buffer: Vec<u8>,
    /// When each open call was made, the last one at the back; `None` where it is answered.
    open: VecDeque<Option<u64>>,
    /// Request of the call at the back.
    last_request: u64,
}

impl Caller {
    async fn work(mut self) -> anyhow::Result<()> {
        let mut patience = interval(PATIENCE);
        patience.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut is_quiet = false;
        loop {
            self.call();
            if self.open.is_empty() {
                return Ok(());
            }
            tokio::select! {
                received = self.peer.receive() => {
                    received?;
                    is_quiet = false;
                    self.take_results()?;
                }
                _ = patience.tick() => {
                    if is_quiet {
                        // What is open now counts as lost.
                        return Ok(());
                    }
                    is_quiet = true;
                }
            }
        }
    }

    /// Makes as many calls as the window takes.
    fn call(&mut self) {
        if self.run.is_stopping() {
            return;
        }
        let now = self.run.now();
        let mut made = 0;
        while self.open.len() < self.window && self.quota > 0 {
            self.quota -= 1;
            self.last_request += 1;
            let mark = Mark { sender: self.number, sequence: self.last_request };
            let body = self.template.fill(self.last_request, mark, &mut self.buffer);
            self.peer.queue(body);
            self.open.push_back(Some(now));
            made += 1;
        }
        if made > 0 {
            self.run.count(self.number.into()).expected(made);
        }
    }

    fn take_results(&mut self) -> anyhow::Result<()> {
        let run = self.run.clone();
        let mut count = run.count(self.number.into());
        while let Some(message) = self.peer.next_message()? {
            let (request, mark) = match &message {
                Message::CallResult(result) => (result.request, Mark::of(&result.payload, self.payload)),
                Message::Error(error) => (error.request, None),
                other => return Err(unexpected(other)),
            };
            let Some(since) = self.close(request.value()) else {
                count.disordered();
                continue;
            };
            if mark == Some(Mark { sender: self.number, sequence: request.value() }) {
                count.completed(since);
            } else {
                count.failed();
            }
        }
        Ok(())
    }

    /// Ends an open call, and says when it was made.
    fn close(&mut self, request: u64) -> Option<u64> {
        let behind = self.last_request.checked_sub(request)?;
        let index = self.open.len().checked_sub(usize::try_from(behind).ok()? + 1)?;
        let since = self.open.get_mut(index)?.take();
        while let Some(None) = self.open.front() {
            self.open.pop_front();
        }
        since
    }
}
