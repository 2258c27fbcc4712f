//! Registering procedures.

use std::future::IntoFuture;
use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::sync::{Semaphore, oneshot};
use wamp_proto::MatchPolicy;
use wamp_proto::dict::{InvocationPolicy, RegisterOptions};

use crate::client::{Shared, checked_pattern};
use crate::command::{Command, Key, NewProcedure};
use crate::error::Error;
use crate::guard::Guard;
use crate::invocation::{Handler, Run};
use crate::passthru::Passthru;

/// A registration that is made when it is awaited.
///
/// ```
/// # trunkline_tests::example(async |client| {
/// use trunkline_client::{InvocationPolicy, Procedure, Reply};
///
/// client
///     .register("com.example.files.", async |Procedure(procedure): Procedure| Reply(procedure))
///     .prefix()
///     .invoke(InvocationPolicy::RoundRobin)
///     .concurrency(4)
///     .await?;
/// # Ok(()) });
/// ```
///
/// # Errors
/// Awaiting it fails with the [`Error`] that says why there is no registration: the router refuses it, since another
/// callee has the procedure or this one may not register it; the procedure is no URI; the session ended before the answer;
/// or the client is closed.
#[must_use = "a registration is made when it is awaited"]
pub struct Register {
    shared: Arc<Shared>,
    procedure: String,
    options: RegisterOptions,
    run: Run,
}

impl Register {
    pub(crate) fn new<Parameters>(
        shared: Arc<Shared>,
        procedure: &str,
        handler: impl Handler<Parameters>,
    ) -> Self {
        let handler = Arc::new(move |invocation| handler.handle(invocation));
        let run =
            Run { procedure: procedure.into(), handler, places: None, minds_timeout: false, passthru: None };
        Self { shared, procedure: procedure.to_owned(), options: RegisterOptions::default(), run }
    }

    /// All procedures that begin with this one, as plain text (PBR-02). [`Procedure`](crate::Procedure) says which one was
    /// called.
    pub fn prefix(mut self) -> Self {
        self.options.match_policy = Some(MatchPolicy::Prefix);
        self
    }

    /// All procedures with as many components, of which an empty one stands for any (PBR-03).
    ///
    /// ```
    /// # trunkline_tests::example(async |client| {
    /// use trunkline_client::{Procedure, Reply};
    ///
    /// let open = async |Procedure(procedure): Procedure| Reply(format!("{procedure} called"));
    /// client.register("com.example..open", open).wildcard().await?;
    ///
    /// let answer: String = client.call("com.example.door.open", ()).await?;
    /// assert_eq!(answer, "com.example.door.open called");
    /// # Ok(()) });
    /// ```
    pub fn wildcard(mut self) -> Self {
        self.options.match_policy = Some(MatchPolicy::Wildcard);
        self
    }

    /// How the router chooses among several callees of the procedure (SHR-01); one only, unless one says otherwise.
    /// [`concurrency`](Self::concurrency) has an example.
    pub fn invoke(mut self, policy: InvocationPolicy) -> Self {
        self.options.invoke = Some(policy);
        self
    }

    /// How many invocations of the procedure run at once here, at least 1 (CON-01). The router gives no more to this
    /// session; if it does nevertheless, they wait. Any number, unless one says otherwise.
    ///
    /// ```
    /// # trunkline_tests::example(async |client| {
    /// use trunkline_client::{InvocationPolicy, Reply};
    ///
    /// let resize = async || Reply("small");
    /// let policy = InvocationPolicy::RoundRobin;
    /// client.register("com.example.resize", resize).invoke(policy).concurrency(4).await?;
    /// # Ok(()) });
    /// ```
    pub fn concurrency(mut self, invocations: usize) -> Self {
        let invocations = invocations.clamp(1, Semaphore::MAX_PERMITS);
        self.options.concurrency = Some(invocations as u64);
        self.run.places = Some(Arc::new(Semaphore::new(invocations)));
        self
    }

    /// Asks the router to disclose every caller (CID-02); [`Caller`](crate::Caller) has an example.
    pub fn disclose_caller(mut self) -> Self {
        self.options.disclose_caller = Some(true);
        self
    }

    /// Has the router leave time-outs to this callee: the procedure is stopped here when the time of its caller is
    /// over (TMO-03, TMO-04).
    ///
    /// ```
    /// # trunkline_tests::example(async |client| {
    /// use std::time::Duration;
    /// use trunkline_client::{Error, Reply};
    ///
    /// let sleep = async || Reply(std::future::pending::<()>().await);
    /// client.register("com.example.sleep", sleep).forward_timeout().await?;
    ///
    /// let call = client.call::<()>("com.example.sleep", ()).timeout(Duration::from_millis(10));
    /// assert_eq!(call.await, Err(Error::Timeout));
    /// # Ok(()) });
    /// ```
    pub fn forward_timeout(mut self) -> Self {
        self.options.forward_timeout = Some(true);
        self
    }

    /// Takes the procedure over from whoever has it, where the router permits that (CON-08).
    ///
    /// ```
    /// # trunkline_tests::example(async |client| {
    /// use trunkline_client::Reply;
    ///
    /// client.register("com.example.version", async || Reply(1)).await?;
    /// client.register("com.example.version", async || Reply(2)).force_reregister().await?;
    /// assert_eq!(client.call::<u32>("com.example.version", ()).await?, 2);
    /// # Ok(()) });
    /// ```
    pub fn force_reregister(mut self) -> Self {
        self.options.force_reregister = Some(true);
        self
    }

    /// Packs results, progressive results and errors, so that no router looks into them; [`Passthru`] has an example.
    /// Callers to whom they cannot be passed on get `wamp.error.feature_not_supported` instead (PPT-06, PPT-08).
    pub fn passthru(mut self, passthru: Passthru) -> Self {
        self.run.passthru = Some(passthru);
        self
    }

    /// Sets options for which there is no method of its own, or before it is known which ones.
    ///
    /// ```
    /// # trunkline_tests::example(async |client| {
    /// use trunkline_client::Reply;
    /// use trunkline_client::proto::MatchPolicy;
    ///
    /// let policy = MatchPolicy::parse("prefix");
    /// let ping = client.register("com.example.ping", async || Reply("pong"));
    /// ping.options(|options| options.match_policy = policy).await?;
    /// # assert_eq!(client.call::<String>("com.example.ping.pong", ()).await?, "pong");
    /// # Ok(()) });
    /// ```
    pub fn options(mut self, set: impl FnOnce(&mut RegisterOptions)) -> Self {
        set(&mut self.options);
        self
    }

    async fn make(self) -> Result<Registration, Error> {
        let policy = self.options.match_policy.unwrap_or_default();
        let procedure = checked_pattern(self.procedure, policy)?;
        let (ready, answer) = oneshot::channel();
        let (shared, key) = (self.shared.clone(), self.shared.new_key());
        let minds_timeout = self.options.forward_timeout == Some(true);
        let run = Run { minds_timeout, ..self.run };
        let new = NewProcedure { key, procedure, options: self.options.into(), run, ready };
        shared.send(Command::Register(Box::new(new))).await?;
        let take_back = |procedure| Command::Unregister { procedure, done: None };
        let mut guard = Guard::new(self.shared, key, take_back);
        let answer = answer.await;
        guard.disarm();
        answer.unwrap_or(Err(Error::Closed))?;
        Ok(Registration { shared, procedure: key })
    }
}

impl IntoFuture for Register {
    type Output = Result<Registration, Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        self.make().boxed()
    }
}

/// A registered procedure. It lasts as long as the client, whether or not this is kept, unless it is
/// [taken back](Self::unregister).
///
/// ```
/// # trunkline_tests::example(async |client| {
/// use trunkline_client::{Registration, Reply};
///
/// let registration: Registration = client.register("com.example.ping", async || Reply("pong")).await?;
/// registration.unregister().await?;
///
/// let error = client.call::<String>("com.example.ping", ()).await.unwrap_err();
/// assert_eq!(error.uri(), Some("wamp.error.no_such_procedure"));
/// # Ok(()) });
/// ```
#[derive(Clone)]
pub struct Registration {
    shared: Arc<Shared>,
    procedure: Key,
}

impl Registration {
    /// Takes the procedure back, and waits until the router did. Invocations that run are finished.
    ///
    /// # Errors
    /// If the client is closed.
    pub async fn unregister(self) -> Result<(), Error> {
        let (done, answer) = oneshot::channel();
        self.shared.send_now(Command::Unregister { procedure: self.procedure, done: Some(done) });
        answer.await.unwrap_or(Err(Error::Closed))
    }
}
