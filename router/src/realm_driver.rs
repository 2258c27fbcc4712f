//! The only caller of a [`Realm`]: knows its members and their outboxes, and carries effects there.
//!
//! A step runs under a read guard on the members. Joining and leaving take the write guard, hence no step of
//! a session is under way when it is taken out, and none begins afterwards: what [`Realm::leave`] releases
//! then is complete. A member whose outbox overflows in a step leaves right behind it, before the thread's
//! next input: a loop, no recursion under a lock.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use slab::Slab;
use time::OffsetDateTime;
use tokio::sync::Notify;
use wamp_proto::dict::CallOptions;
use wamp_proto::message::{Call, Goodbye};
use wamp_proto::{
    Payload, PublicationId, RegistrationId, RequestId, SerializerId, SessionId, Uri, Value, Violation,
    error_uri,
};

use crate::authentication::{Login, authprovider};
use crate::authorizer::Authorizer;
use crate::clock::{Clock, Sleeper};
use crate::counters::Counters;
use crate::in_process::IN_PROCESS;
use crate::inquiry::{Inquiries, Inquiry};
use crate::outbox::{Closed, Outbox, OutboxLimits};
use crate::realm::{
    Departure, Features, Full, Holdings, Identity, Limit, Moment, Outgoing, ReadMostly, Realm, RealmSettings,
    RecipientKey, Request, Role, Rulings, Subject, World,
};
use crate::realms::RealmPlan;
use crate::session::goodbye;

/// The authid and the authrole of the router's own calls.
const ROUTER: &str = "trunkline";

/// A realm and its members.
#[derive(Debug)]
pub(crate) struct RealmDriver {
    realm: Realm,
    plan: Arc<RealmPlan>,
    members: ReadMostly<Members>,
    outbox_limits: OutboxLimits,
    counters: Arc<Counters>,
    clock: Arc<Clock>,
    /// Where random IDs come from instead of chance, in a run that can be had again.
    foreseen: Option<Mutex<fastrand::Rng>>,
    /// Whom the clock wakes, and by what name.
    own: Weak<Self>,
    sleeper: Sleeper,
    /// As whom the router itself calls.
    router: Identity,
    inquiries: Inquiries,
    authorizer: Option<Authorizer>,
    draining: AtomicBool,
    /// Told after every step that may have ended the last open call of a draining realm.
    drained: Notify,
}

#[derive(Debug, Default)]
struct Members {
    slots: Slab<Member>,
    key_by_session: HashMap<SessionId, RecipientKey>,
    next_generation: u32,
    /// Why nobody may join any more.
    closed: Option<NotJoined>,
}

/// Why a session did not become a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotJoined {
    /// The router goes down: every member was told to say GOODBYE.
    Closing,
    /// The realm was made from a template, and went with its last session.
    Retired,
    /// Another member has the ID that the session was told.
    Taken,
    /// The log-in behind it was revoked since it was looked up.
    Revoked,
}

#[derive(Debug)]
struct Member {
    generation: u32,
    identity: Identity,
    outbox: Arc<Outbox>,
    /// What its browser's cookie stands for.
    login: Option<Arc<Login>>,
    /// Whether others were told that it joined: only then are they told that it left.
    is_announced: AtomicBool,
}

/// A session's place in its realm.
#[derive(Clone, Debug)]
pub(crate) struct Membership {
    pub(crate) key: RecipientKey,
    pub(crate) session: SessionId,
    pub(crate) outbox: Arc<Outbox>,
}

impl Members {
    fn member(&self, key: RecipientKey) -> Option<&Member> {
        self.slots.get(key.slot as usize).filter(|member| member.generation == key.generation)
    }
}

impl RealmDriver {
    pub(crate) fn new(
        settings: RealmSettings,
        plan: Arc<RealmPlan>,
        outbox_limits: OutboxLimits,
        counters: Arc<Counters>,
        clock: Arc<Clock>,
    ) -> Arc<Self> {
        let sleeper = clock.sleeper();
        let authorizer = plan
            .authorizer
            .clone()
            .map(|authorizer| Authorizer::new(authorizer, settings.profile, counters.clone(), clock.clone()));
        let router = Identity {
            session: SessionId::from_bits(rand::random()),
            authid: ROUTER.into(),
            role: Arc::new(Role::that_calls(ROUTER, &settings.uri_rules, &settings.table_key)),
            authmethod: IN_PROCESS,
            authprovider: authprovider::STATIC,
            features: Features::default(),
        };
        let foreseen = clock.stands_still().then(|| Mutex::new(fastrand::Rng::with_seed(settings.seed())));
        Arc::new_cyclic(|own| Self {
            realm: Realm::new(settings, clock.wall_clock()),
            plan,
            members: ReadMostly::default(),
            outbox_limits,
            counters,
            clock,
            foreseen,
            own: own.clone(),
            sleeper,
            router,
            inquiries: Inquiries::default(),
            authorizer,
            draining: AtomicBool::new(false),
            drained: Notify::new(),
        })
    }

    pub(crate) fn settings(&self) -> &RealmSettings {
        self.realm.settings()
    }

    pub(crate) fn plan(&self) -> &Arc<RealmPlan> {
        &self.plan
    }

    pub(crate) fn counters(&self) -> &Arc<Counters> {
        &self.counters
    }

    /// Who decides what rules leave open.
    pub(crate) fn authorizer(&self) -> Option<&Authorizer> {
        self.authorizer.as_ref()
    }

    /// Makes a session a member, under the ID that it was told, or a random one that no other member has (ID-02).
    pub(crate) fn join(
        &self,
        session: Option<SessionId>,
        login: Option<&Arc<Login>>,
        identity: impl Fn(SessionId) -> Identity,
    ) -> Result<Membership, NotJoined> {
        let membership = self.admit(session, login, identity)?;
        self.announce(membership.key);
        Ok(membership)
    }

    fn admit(
        &self,
        wanted: Option<SessionId>,
        login: Option<&Arc<Login>>,
        identity: impl Fn(SessionId) -> Identity,
    ) -> Result<Membership, NotJoined> {
        let outbox = Arc::new(Outbox::new(self.outbox_limits));
        let mut members = self.members.write();
        if let Some(why) = members.closed {
            return Err(why);
        }
        // Under the guard: whoever kills the log-in's sessions finds this one among them, or came before.
        if login.is_some_and(|login| login.is_revoked()) {
            return Err(NotJoined::Revoked);
        }
        let session = loop {
            let session = wanted.unwrap_or_else(|| SessionId::from_bits(self.random_bits()));
            match members.key_by_session.contains_key(&session) {
                false => break session,
                true if wanted.is_some() => return Err(NotJoined::Taken),
                true => {}
            }
        };
        let generation = members.next_generation;
        members.next_generation = generation.wrapping_add(1);
        let slot = members.slots.insert(Member {
            generation,
            identity: identity(session),
            outbox: outbox.clone(),
            login: login.cloned(),
            is_announced: AtomicBool::new(false),
        });
        // Sessions are bounded by descriptors, far below 2^32.
        let key = RecipientKey { slot: slot as u32, generation };
        members.key_by_session.insert(session, key);
        self.counters.sessions_joined.increment();
        Ok(Membership { key, session, outbox })
    }

    /// Bits for an ID that nobody can foresee (ID-02), except where the clock stands still.
    fn random_bits(&self) -> u64 {
        self.foreseen.as_ref().map_or_else(rand::random, |foreseen| foreseen.lock().u64(..))
    }

    /// Tells of a member that is new, unless somebody killed it before.
    fn announce(&self, key: RecipientKey) {
        self.step(|realm, out| {
            if let Some(member) = out.members.member(key) {
                realm.joined(key, out);
                // Read under the write guard, which no step overlaps.
                member.is_announced.store(true, Ordering::Relaxed);
            }
        });
    }

    /// Closes the realm for good if nobody is in it. Returns whether it did.
    pub(crate) fn retire(&self) -> bool {
        let mut members = self.members.write();
        let retires = members.slots.is_empty() && members.closed.is_none();
        if retires {
            members.closed = Some(NotJoined::Retired);
        }
        retires
    }

    /// Takes a session out and releases whatever it held. Does nothing if it left before.
    pub(crate) fn leave(&self, key: RecipientKey) {
        self.settle(vec![(key, Departure::Announced)]);
    }

    /// The log-in of a member is over.
    pub(crate) fn log_out(&self, key: RecipientKey) {
        if let Some(login) = self.members.read().member(key).and_then(|member| member.login.as_ref()) {
            login.revoke();
        }
    }

    /// Ends a member's session with that GOODBYE.
    pub(crate) fn close(&self, key: RecipientKey, goodbye: Goodbye) {
        self.step(|_, out| out.kill(key, goodbye, Departure::Announced));
    }

    /// Routes one request of a member, about which the authorizer said that. What comes from a session that left
    /// counts for nothing.
    ///
    /// # Errors
    /// If the session broke the protocol: it has to leave.
    pub(crate) fn handle(
        &self,
        from: RecipientKey,
        request: Request,
        rulings: &Rulings,
    ) -> Result<(), Violation> {
        self.step(|realm, out| realm.handle(from, request, rulings, out))
    }

    /// What the authorizer has to be asked before that request is routed, and on account of which request: that one,
    /// or another that it implies.
    pub(crate) fn subjects<T>(
        &self,
        from: RecipientKey,
        request: &Request,
        mut each: impl FnMut(&Identity, Subject, &Request) -> T,
    ) -> Vec<T> {
        self.step(|realm, out| {
            let Some(identity) = out.identity(from) else { return Vec::new() };
            let implied = realm.implied(request);
            let requests = std::iter::once(request).chain(&implied);
            let found = requests.filter_map(|request| Some((realm.subject(from, request, out)?, request)));
            found.map(|(subject, request)| each(identity, subject, request)).collect()
        })
    }

    /// The registration that a CALL of that procedure goes to, and whether that member is a callee of it.
    pub(crate) fn registration(
        &self,
        procedure: &str,
        member: RecipientKey,
    ) -> Option<(RegistrationId, bool)> {
        self.realm.registration(procedure, member)
    }

    /// Answers a CALL that a member canceled before it was routed.
    pub(crate) fn canceled(&self, caller: RecipientKey, request: RequestId) {
        self.step(|realm, out| realm.canceled(caller, request, out));
    }

    /// Calls a procedure for the router itself, which waits for the answer that long.
    pub(crate) fn ask(&self, procedure: Uri, args: &[Value], timeout: Duration) -> Inquiry {
        let (request, inquiry) = self.inquiries.begin();
        let timeout = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX).max(1);
        let options = CallOptions { timeout: Some(timeout), ..CallOptions::default() };
        let payload = Payload::new(SerializerId::Json, args, &[]);
        let call = Call { request, options: options.into(), procedure, payload };
        if let Err(violation) = self.handle(RecipientKey::ROUTER, Request::Call(call), &Rulings::NONE) {
            // Only with 2^53 calls open; the asker learns that nobody answers.
            self.inquiries.forget(request);
            tracing::error!(%violation, "cannot ask");
        }
        inquiry
    }

    /// Ends the call of an INVOCATION that could not be carried to its callee.
    pub(crate) fn undeliverable(&self, callee: RecipientKey, invocation: RequestId, error: &'static str) {
        self.step(|realm, out| realm.undeliverable(callee, invocation, error, out));
    }

    /// Ends an open call of that caller, which cannot be told the rest. Returns whether it was open.
    pub(crate) fn end_call(&self, caller: RecipientKey, request: RequestId, error: &'static str) -> bool {
        self.step(|realm, out| realm.end_call(caller, request, error, out))
    }

    /// Does what is due by now.
    pub(crate) fn expire(&self) {
        self.step(|realm, out| realm.expire(out));
    }

    /// From now on, refuses every CALL.
    pub(crate) fn drain(&self) {
        self.realm.drain();
        self.draining.store(true, Ordering::SeqCst);
    }

    /// Waits until the open calls of a draining realm are answered.
    pub(crate) async fn wait_until_drained(&self) {
        loop {
            let drained = self.drained.notified();
            if self.realm.holdings().open_calls == 0 {
                return;
            }
            drained.await;
        }
    }

    /// Ends every open call, then has every session say GOODBYE.
    pub(crate) fn shut_down(&self) {
        self.step(|realm, out| realm.cancel_all(out));
        let mut members = self.members.write();
        members.closed = Some(NotJoined::Closing);
        for (_, member) in &members.slots {
            member.outbox.close(Closed::Goodbye(goodbye(error_uri::SYSTEM_SHUTDOWN)));
        }
    }

    /// How much the realm keeps.
    pub(crate) fn holdings(&self) -> Holdings {
        self.realm.holdings()
    }

    /// How much waits for each member, in octets.
    pub(crate) fn outboxes(&self) -> Vec<(RecipientKey, usize)> {
        let members = self.members.read();
        let slots = members.slots.iter();
        let load = |(slot, member): (usize, &Member)| {
            (RecipientKey { slot: slot as u32, generation: member.generation }, member.outbox.bytes())
        };
        slots.map(load).collect()
    }

    /// Ends the session of a member as if its outbox had overflowed. Returns whether it was to go on until now.
    pub(crate) fn overflow(&self, of: RecipientKey) -> bool {
        self.step(|_, out| out.members.member(of).is_some_and(|member| out.overflow(of, member)))
    }

    /// How many sessions are members.
    pub(crate) fn sessions(&self) -> usize {
        self.members.read().slots.len()
    }

    /// Does one step, and then those that follow from it.
    fn step<T>(&self, input: impl FnOnce(&Realm, &Step<'_>) -> T) -> T {
        let (result, leaving) = self.run(input);
        self.settle(leaving);
        result
    }

    fn run<T>(&self, input: impl FnOnce(&Realm, &Step<'_>) -> T) -> (T, Vec<(RecipientKey, Departure)>) {
        let members = self.members.read();
        let step = Step { members: &members, driver: self, leaving: RefCell::default() };
        let result = input(&self.realm, &step);
        (result, step.leaving.into_inner())
    }

    /// Has sessions leave in that order, and then those whose outbox overflows by that: a loop, however long the
    /// chain.
    fn settle(&self, leaving: Vec<(RecipientKey, Departure)>) {
        let mut leaving = VecDeque::from(leaving);
        while let Some((key, departure)) = leaving.pop_front() {
            if let Some(member) = self.take_out(key) {
                // Who was not announced sent nothing yet: it has no testaments either.
                let is_announced = member.is_announced.into_inner();
                let departure = if is_announced { departure } else { Departure::Unannounced };
                let ((), more) = self.run(|realm, out| realm.leave(key, &member.identity, departure, out));
                leaving.extend(more);
            }
        }
        if self.draining.load(Ordering::Relaxed) {
            self.drained.notify_waiters();
        }
    }

    /// The session, if it was a member until now.
    fn take_out(&self, key: RecipientKey) -> Option<Member> {
        let mut members = self.members.write();
        members.member(key)?;
        let member = members.slots.remove(key.slot as usize);
        members.key_by_session.remove(&member.identity.session);
        self.counters.sessions_left.increment();
        Some(member)
    }
}

impl Drop for RealmDriver {
    fn drop(&mut self) {
        self.clock.forget(self.sleeper);
    }
}

/// Carries the effects of one step to the members' outboxes.
struct Step<'a> {
    members: &'a Members,
    driver: &'a RealmDriver,
    /// Who leaves behind this step, and how.
    leaving: RefCell<Vec<(RecipientKey, Departure)>>,
}

impl Step<'_> {
    fn push(&self, to: RecipientKey, message: &Arc<Outgoing>) {
        let Some(member) = self.members.member(to) else {
            if to == RecipientKey::ROUTER {
                self.driver.inquiries.answer(message);
            }
            return;
        };
        if member.outbox.push(message).is_err() {
            self.overflow(to, member);
        }
    }

    /// A session that cannot keep up is better gone than silently short. Returns whether it was to go on until now.
    fn overflow(&self, of: RecipientKey, member: &Member) -> bool {
        // Another publisher may have met the same overflow: one of them counts it.
        let was_open = member.outbox.close(Closed::Overflow);
        if was_open {
            self.driver.counters.slow_consumers.increment();
        }
        self.leaving.borrow_mut().push((of, Departure::Announced));
        was_open
    }
}

impl World for Step<'_> {
    fn identity(&self, of: RecipientKey) -> Option<&Identity> {
        match self.members.member(of) {
            Some(member) => Some(&member.identity),
            None => (of == RecipientKey::ROUTER).then_some(&self.driver.router),
        }
    }

    fn member(&self, session: SessionId) -> Option<RecipientKey> {
        self.members.key_by_session.get(&session).copied()
    }

    fn members(&self) -> impl Iterator<Item = (RecipientKey, &Identity)> {
        let members = self.members.slots.iter();
        members.map(|(slot, member)| {
            (RecipientKey { slot: slot as u32, generation: member.generation }, &member.identity)
        })
    }

    fn member_count(&self) -> usize {
        self.members.slots.len()
    }

    fn event(&self, to: RecipientKey, message: &Arc<Outgoing>) {
        let Some(member) = self.members.member(to) else { return };
        if member.outbox.push(message).is_ok() {
            return;
        }
        if self.driver.plan.drops_events() {
            self.driver.counters.events_dropped.increment();
        } else {
            self.overflow(to, member);
        }
    }

    fn answer(&self, to: RecipientKey, message: &Arc<Outgoing>) {
        self.push(to, message);
    }

    fn refused(&self, from: RecipientKey, error: &'static str, over: Option<Limit>) {
        let counters = &self.driver.counters;
        counters.requests_refused.increment();
        match over {
            Some(Limit::Uri) => counters.uris_over_limit.increment(),
            Some(Limit::Subscriptions) => counters.subscriptions_over_limit.increment(),
            Some(Limit::Registrations) => counters.registrations_over_limit.increment(),
            Some(Limit::OpenCalls) => counters.open_calls_over_limit.increment(),
            Some(Limit::WaitingCalls) => counters.waiting_calls_over_limit.increment(),
            Some(Limit::Testaments) => counters.testaments_over_limit.increment(),
            None => {}
        }
        if let Some(member) = self.members.member(from) {
            tracing::debug!(session = member.identity.session.value(), error, "request refused");
        }
    }

    fn invocation(&self, to: RecipientKey, message: &Arc<Outgoing>) -> Result<(), Full> {
        let Some(member) = self.members.member(to) else { return Err(Full) };
        member.outbox.push(message).map_err(|_| {
            self.driver.counters.callees_full.increment();
            Full
        })
    }

    fn kill(&self, member: RecipientKey, goodbye: Goodbye, departure: Departure) -> bool {
        let Some(found) = self.members.member(member) else { return false };
        if let Some(login) = &found.login {
            login.revoke();
        }
        self.leaving.borrow_mut().push((member, departure));
        found.outbox.close(Closed::Goodbye(goodbye))
    }

    /// One line, however many they are: it is written under the guard.
    fn killed(&self, sessions: &[u64], reason: &str) {
        match sessions {
            [] => {}
            [session] => tracing::info!(target: "trunkline::audit", session, ?reason, "killed"),
            _ => tracing::info!(target: "trunkline::audit", sessions = sessions.len(), ?reason, "killed"),
        }
    }

    fn forget_rulings(&self) -> usize {
        self.driver.authorizer.as_ref().map_or(0, Authorizer::flush)
    }

    fn now(&self) -> Moment {
        self.driver.clock.now()
    }

    fn wall_clock(&self) -> OffsetDateTime {
        self.driver.clock.wall_clock()
    }

    fn publication_id(&self) -> PublicationId {
        PublicationId::from_bits(self.driver.random_bits())
    }

    fn wake_at(&self, at: Moment) {
        self.driver.clock.wake(self.driver.sleeper, self.driver.own.clone(), at);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use bytes::Bytes;
    use tracing::span::{Attributes, Id, Record};
    use tracing::{Event, Metadata, Subscriber};
    use trunkline_config::{Config, MatchPolicy, Realm as RealmConfig, RealmTemplate};
    use wamp_proto::SerializerId;

    use super::*;
    use crate::{InProcess, Router};

    /// A router with one realm, whose first member subscribed to the events about sessions.
    fn watched() -> (Arc<Router>, Arc<RealmDriver>, InProcess) {
        let router = Router::new(&Config { realms: vec![RealmConfig::open("realm1")], ..Config::default() });
        let driver = router.realms().get("realm1").expect("the realm");
        let mut watcher = router.connect(SerializerId::Json);
        ask(&mut watcher, r#"[1,"realm1",{"roles":{"caller":{},"subscriber":{}}}]"#);
        ask(&mut watcher, r#"[32,1,{"match":"prefix"},"wamp.session."]"#);
        (router, driver, watcher)
    }

    fn ask(peer: &mut InProcess, message: &str) -> String {
        peer.send(&Bytes::copy_from_slice(message.as_bytes())).expect("an open session");
        received(peer).expect("an answer")
    }

    fn received(peer: &mut InProcess) -> Option<String> {
        peer.try_receive().map(|frame| String::from_utf8(frame.to_vec()).expect("JSON"))
    }

    fn victim(driver: &RealmDriver) -> Identity {
        let role = Arc::new(Role::new("victim", None, &[], &driver.settings().uri_rules, &[0; 16]));
        Identity {
            session: SessionId::from_bits(0),
            authid: "victim".into(),
            role,
            authmethod: "anonymous",
            authprovider: "static",
            features: Features::default(),
        }
    }

    #[test]
    fn id_02_nobody_foresees_ids_unless_the_clock_stands_still() {
        let config = Config { realms: vec![RealmConfig::open("realm1")], ..Config::default() };
        let ids = |router: Arc<Router>| {
            let driver = router.realms().get("realm1").expect("the realm");
            [driver.random_bits(), driver.random_bits()]
        };
        let (running, standing) =
            (|| Router::with_table_key(&config, [7; 16]), |key| Router::with_standing_clock(&config, key));
        assert_ne!(ids(running()), ids(running()));
        assert_eq!(ids(standing([7; 16])), ids(standing([7; 16])));
        assert_ne!(ids(standing([7; 16])), ids(standing([8; 16])));
    }

    #[test]
    fn meta_ses_02_who_is_killed_before_it_is_announced_is_never_announced() {
        let (_router, driver, mut watcher) = watched();
        let admitted =
            driver.admit(None, None, |session| Identity { session, ..victim(&driver) }).expect("a member");
        let killed = ask(&mut watcher, &format!(r#"[48,2,{{}},"wamp.session.kill",[{}]]"#, admitted.session));
        assert_eq!(killed, "[50,2,{}]");
        driver.announce(admitted.key);
        assert_eq!(received(&mut watcher), None);

        let joined =
            driver.join(None, None, |session| Identity { session, ..victim(&driver) }).expect("a member");
        driver.leave(joined.key);
        let told = [received(&mut watcher), received(&mut watcher)].map(|event| event.expect("an event"));
        assert!(told[0].contains("on_join") && told[1].contains("on_leave"), "{told:?}");
    }

    #[test]
    fn auth_trn_02_a_kill_revokes_the_log_in_of_whoever_is_a_member_at_once() {
        let (_router, driver, mut watcher) = watched();
        let login = Arc::new(Login::new("realm1", "victim", "victim", None));
        let identity = |session| Identity { session, ..victim(&driver) };
        let admitted = driver.admit(None, Some(&login), identity).expect("a member");
        ask(&mut watcher, &format!(r#"[48,2,{{}},"wamp.session.kill",[{}]]"#, admitted.session));
        assert!(login.is_revoked());
        // Another tab of the browser was on its way in.
        assert_eq!(driver.join(None, Some(&login), identity).map(|_| ()), Err(NotJoined::Revoked));
    }

    #[test]
    fn a_realm_that_was_made_for_a_session_that_cannot_join_is_gone_again() {
        let template = RealmTemplate {
            uri: "com.example.room.".to_owned(),
            match_policy: MatchPolicy::Prefix,
            realms_max: 1,
            rules: RealmConfig::open("any").rules,
        };
        let router = Router::new(&Config { realm_templates: vec![template], ..Config::default() });
        let (_other, driver, _watcher) = watched();
        let login = Arc::new(Login::new("com.example.room.one", "victim", "victim", None));
        login.revoke();
        let plan = router.realms().plan("com.example.room.one").expect("a plan").clone();
        let identity = |session| Identity { session, ..victim(&driver) };
        let joined = router.realms().join("com.example.room.one", &plan, None, Some(&login), identity);
        assert_eq!(joined.map(|_| ()), Err(error_uri::AUTHENTICATION_DENIED));
        assert!(router.holdings("com.example.room.one").is_none());
    }

    #[test]
    fn meta_ses_07_whom_somebody_else_just_killed_does_not_count() {
        let (_router, driver, mut watcher) = watched();
        let join =
            || driver.join(None, None, |session| Identity { session, ..victim(&driver) }).expect("a member");
        let (first, second) = (join(), join());
        while received(&mut watcher).is_some() {}

        let killed = goodbye(error_uri::KILLED);
        let (was_killed, leaving) =
            driver.run(|_, out| out.kill(first.key, killed.clone(), Departure::Announced));
        assert!(was_killed);
        // As from a step of another thread, which comes before the first victim is out.
        let answer = ask(&mut watcher, r#"[48,2,{},"wamp.session.kill_by_authid",["victim"]]"#);
        assert_eq!(answer, format!("[50,2,{{}},[[{}]]]", second.session));
        driver.settle(leaving);
        assert_eq!(driver.sessions(), 1);
    }

    /// Counts lines of the audit log that say who was killed.
    struct Lines(Arc<AtomicUsize>);

    impl Subscriber for Lines {
        fn enabled(&self, metadata: &Metadata<'_>) -> bool {
            metadata.target() == "trunkline::audit" && metadata.fields().field("reason").is_some()
        }

        fn new_span(&self, _: &Attributes<'_>) -> Id {
            Id::from_u64(1)
        }

        fn record(&self, _: &Id, _: &Record<'_>) {}

        fn record_follows_from(&self, _: &Id, _: &Id) {}

        fn event(&self, _: &Event<'_>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }

        fn enter(&self, _: &Id) {}

        fn exit(&self, _: &Id) {}
    }

    #[test]
    fn meta_ses_09_however_many_are_killed_the_audit_log_has_one_line() {
        let (_router, driver, mut watcher) = watched();
        let join =
            || driver.join(None, None, |session| Identity { session, ..victim(&driver) }).expect("a member");
        let memberships = [join(), join(), join()];
        while received(&mut watcher).is_some() {}

        let lines = Arc::new(AtomicUsize::new(0));
        tracing::subscriber::with_default(Lines(lines.clone()), || {
            let one = memberships[0].session;
            assert_eq!(
                ask(&mut watcher, &format!(r#"[48,2,{{}},"wamp.session.kill",[{one}]]"#)),
                "[50,2,{}]"
            );
            assert_eq!(lines.load(Ordering::Relaxed), 1);
            while received(&mut watcher).is_some() {}
            assert_eq!(ask(&mut watcher, r#"[48,3,{},"wamp.session.kill_all"]"#), "[50,3,{},[2]]");
            assert_eq!(lines.load(Ordering::Relaxed), 2);
            assert_eq!(ask(&mut watcher, r#"[48,4,{},"wamp.session.kill_all"]"#), "[50,4,{},[0]]");
            assert_eq!(lines.load(Ordering::Relaxed), 2);
        });
    }
}
