//! Transcripts of the core: who sends what, and what the realm hands to whom, in that order.
//!
//! A line of a script is one of
//!
//! ```text
//! alice> CALL 1 {} com.acme.add [2,3]   a message, element by element; ERROR means one of an INVOCATION
//! bob> YIELD inv#1 {} [5]               inv#1 is bob's first INVOCATION: requests are in the callee's scope
//! bob> UNSUBSCRIBE 2 sub#1              sub#, reg# and pub# count IDs in the order of their appearance
//! alice is bob in role guest            joins as the principal bob, or becomes that; otherwise, everybody has their
//!                                       own name as authid, and the role `anyone`, which may do everything; `hidden`
//!                                       may not be disclosed, `shown` always is, and has a trust level
//! alice> leave
//! bob is full                           no room for INVOCATIONs, until `bob is ready`
//! bob cannot take inv#1                 the INVOCATION came as far as bob's connection and no further
//! 200 ms later                          time passes
//! drain                                 and `cancel`: the realm goes down
//! ```
//!
//! IDs stand in payloads as well: `[sub#1]`. Sessions are numbered in the order in which they joined, and
//! registrations in that in which they were made.
//!
//! What comes out is written the same way, with `alice<`. `bob! …` says how bob broke the protocol; he is made
//! to leave then. Every script ends with everybody leaving, and nothing may stay behind.

mod audience;
mod authorize;
mod call;
mod cancel;
mod disclosure;
mod drain;
mod gathering;
mod get_events;
mod history;
mod leave;
mod meta_registrations;
mod meta_sessions;
mod meta_subscriptions;
mod patterns;
mod progress;
mod publish;
mod register;
mod reroute;
mod retained;
mod settings;
mod sharded;
mod shared;
mod subscribe;
mod terms;
mod testaments;
mod timeouts;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use expect_test::Expect;
use time::OffsetDateTime;
use wamp_proto::message::Goodbye;
use wamp_proto::uri::UriRules;
use wamp_proto::{
    Action, DecodeRules, MatchPolicy, Message, MessageCode, Profile, PublicationId, RequestId, SerializerId,
    SessionId, decode, error_uri,
};

use super::admission::Applicant;
use super::recipient::CalleeFeatures;
use super::{
    Departure, Disclosure, Features, Full, Holdings, Identity, Limit, Moment, Outgoing, QueueLimits,
    RankedPatterns, Realm, RealmSettings, RecipientKey, Request, Role, Rule, Ruling, Rulings, StoreLimits,
    Subject, Verdict, World,
};

static NO_RULINGS: Rulings = Rulings::NONE;

/// Plays a script in a realm with default settings.
fn check(script: &str, expect: Expect) {
    check_with(settings(), script, expect);
}

/// Plays a script in a realm with those settings.
fn check_with(settings: RealmSettings, script: &str, expect: Expect) {
    let mut stage = Stage::new(settings);
    expect.assert_eq(&stage.play(script));
    stage.clear();
}

fn settings() -> RealmSettings {
    RealmSettings {
        name: "realm1".into(),
        profile: Profile::Default,
        uri_rules: UriRules::loose(),
        subscriptions_max: 8192,
        open_calls_max: 65_536,
        registrations_max: 8192,
        message_max_bytes: 1 << 20,
        dict_max_bytes: 16 * 1024,
        waiting_calls_max_bytes: 64 * 1024 * 1024,
        call_queues: Arc::new(RankedPatterns::new([], &[0; 16])),
        call_timeout: None,
        histories: Vec::new(),
        retained: StoreLimits { events: 100, max_bytes: 1 << 20, max_age: None },
        testaments_max: 4,
        testaments_max_bytes: 4096,
        subscription_key: *b"subscription key",
        table_key: *b"key of the table",
    }
}

fn rule(action: Action, uri: &str, match_policy: MatchPolicy, is_allowed: bool) -> Rule {
    let verdict = if is_allowed { Verdict::Allowed(Disclosure::OnRequest) } else { Verdict::Denied };
    Rule { uri: uri.to_owned(), match_policy, action, verdict }
}

/// Every feature that a client can have. Who is called `old…` has none.
fn everything() -> Features {
    Features {
        callee: CalleeFeatures {
            progressive_call_results: true,
            progressive_call_invocations: true,
            call_canceling: true,
            call_timeout: true,
            call_reroute: true,
            payload_passthru_mode: true,
            registration_revocation: true,
        },
        caller_payload_passthru: true,
        subscription_revocation: true,
    }
}

/// Settings with a queue for calls of every procedure below `com.acme.queued`.
fn with_queue(calls: usize, max_bytes: usize) -> RealmSettings {
    let limits = QueueLimits { calls, max_bytes };
    let queues = RankedPatterns::new([("com.acme.queued", MatchPolicy::Prefix, limits)], &[0; 16]);
    RealmSettings { call_queues: Arc::new(queues), ..settings() }
}

/// A realm and the people in it.
struct Stage {
    realm: Realm,
    roles: Vec<Arc<Role>>,
    people: BTreeMap<String, RecipientKey>,
    next_generation: u32,
    /// The highest request ID of everybody's CALLs. Who is called `stream…` may call in several messages.
    last_calls: BTreeMap<String, u64>,
    /// What the authorizer says about each action of `Action::ALL`.
    rulings: [Ruling; Action::ALL.len()],
    cast: Cast,
}

/// Who gets what: writes every effect down in the order in which it is pushed.
#[derive(Default)]
struct Cast {
    identities: BTreeMap<RecipientKey, Identity>,
    names: RefCell<BTreeMap<RecipientKey, String>>,
    full: RefCell<BTreeSet<RecipientKey>>,
    ids: RefCell<Ids>,
    lines: RefCell<Vec<String>>,
    answers: Cell<usize>,
    publications: Cell<u64>,
    /// Milliseconds that the script let pass.
    elapsed: Cell<u64>,
    killed: RefCell<Vec<(RecipientKey, Departure)>>,
    /// When the realm wants to be woken.
    alarm: Cell<Option<Moment>>,
}

/// IDs by the order in which they appear.
#[derive(Default)]
struct Ids {
    subscriptions: Vec<u64>,
    registrations: Vec<u64>,
    publications: Vec<u64>,
}

impl Stage {
    fn new(settings: RealmSettings) -> Self {
        let everything = Action::ALL.map(|action| rule(action, "", MatchPolicy::Prefix, true));
        let guest = [
            rule(Action::Subscribe, "com.acme.open.", MatchPolicy::Prefix, true),
            rule(Action::Subscribe, "com.acme.open.secret", MatchPolicy::Exact, false),
            rule(Action::Subscribe, "wamp.session.on_join", MatchPolicy::Exact, true),
            rule(Action::Publish, "com.acme..public", MatchPolicy::Wildcard, true),
            rule(Action::Call, "com.acme.", MatchPolicy::Prefix, true),
            rule(Action::Call, "com.acme.reset", MatchPolicy::Exact, false),
            rule(Action::Call, "wamp.session.add_testament", MatchPolicy::Exact, true),
            rule(Action::Register, "com.acme.add", MatchPolicy::Exact, true),
        ];
        let disclosing = |disclosure| {
            let verdict = Verdict::Allowed(disclosure);
            everything.each_ref().map(|rule| Rule { verdict, ..rule.clone() })
        };
        let role = |name, trustlevel, rules: &[Rule]| {
            Arc::new(Role::new(name, trustlevel, rules, &settings.uri_rules, &settings.table_key))
        };
        let publishes = |uri: &str, disclosure| Rule {
            verdict: Verdict::Allowed(disclosure),
            ..rule(Action::Publish, uri, MatchPolicy::Prefix, true)
        };
        let citizen = [
            publishes("com.acme.", Disclosure::OnRequest),
            publishes("com.acme.vote.", Disclosure::Refused),
            publishes("com.acme.law.", Disclosure::Forced),
        ];
        let ask = Verdict::Ask(Disclosure::OnRequest);
        let ward = everything.each_ref().map(|rule| Rule { verdict: ask, ..rule.clone() });
        Self {
            roles: vec![
                role("anyone", None, &everything),
                role("guest", None, &guest),
                role("hidden", None, &disclosing(Disclosure::Refused)),
                role("shown", Some(3), &disclosing(Disclosure::Forced)),
                role("citizen", None, &citizen),
                role("clerk", None, &[rule(Action::Call, "wamp.", MatchPolicy::Prefix, true)]),
                role("sensor", Some(3), &everything),
                role("ward", None, &ward),
            ],
            realm: Realm::new(settings, time::macros::datetime!(2026-11-22 11:00 UTC)),
            people: BTreeMap::new(),
            next_generation: 0,
            last_calls: BTreeMap::new(),
            rulings: [Ruling::Failed; Action::ALL.len()],
            cast: Cast::default(),
        }
    }

    /// Plays a script; returns what it brought about.
    fn play(&mut self, script: &str) -> String {
        for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
            self.line(line);
        }
        self.cast.lines.take().iter().map(|line| format!("{line}\n")).collect()
    }

    /// Everybody leaves, and nothing stays behind.
    fn clear(&mut self) {
        let people = std::mem::take(&mut self.people);
        for key in people.into_values() {
            self.take_out(key, Departure::Announced);
        }
        assert_eq!(self.realm.holdings(), Holdings::default(), "after everybody left");
    }

    /// The number behind a name such as `sub#1`.
    fn id(&self, name: &str) -> u64 {
        self.cast.ids.borrow().number(name)
    }

    fn line(&mut self, line: &str) {
        if let Some((name, rest)) = line.split_once(" is ")
            && let Some((authid, role)) = rest.split_once(" in role ")
        {
            let roles = &self.roles;
            let role = roles.iter().find(|known| &*known.name == role).expect("a role").clone();
            match self.people.get(name).and_then(|key| self.cast.identities.get_mut(key)) {
                Some(identity) => *identity = Identity { authid: authid.into(), role, ..*identity },
                None => _ = self.join(name, authid, role),
            }
            return;
        }
        if let Some((name, act)) = line.split_once('>') {
            let key = self.key(name);
            match act.trim() {
                "leave" => {
                    self.people.remove(name);
                    self.take_out(key, Departure::Announced);
                }
                message => self.message(name, key, message),
            }
        } else if let Some(name) = line.strip_suffix(" is full") {
            let key = self.key(name);
            self.cast.full.borrow_mut().insert(key);
        } else if let Some(name) = line.strip_suffix(" is ready") {
            let key = self.key(name);
            self.cast.full.borrow_mut().remove(&key);
        } else if let Some((name, invocation)) = line.split_once(" cannot take ") {
            let key = self.key(name);
            let request = RequestId::new(self.id(invocation)).expect("a request");
            self.realm.undeliverable(key, request, error_uri::PAYLOAD_SIZE_EXCEEDED, &self.cast);
        } else if let Some(milliseconds) = line.strip_suffix(" ms later") {
            self.cast.elapsed.set(self.cast.elapsed.get() + milliseconds.parse::<u64>().expect("a number"));
            let now = self.cast.now();
            if self.cast.alarm.get().is_some_and(|alarm| alarm <= now) {
                self.cast.alarm.set(None);
                self.realm.expire(&self.cast);
            }
        } else if let Some((word, action)) =
            line.strip_prefix("the authorizer ").and_then(|l| l.split_once(' '))
        {
            let place = Action::ALL.iter().position(|known| known.as_str() == action).expect("an action");
            self.rulings[place] = match word {
                "allows" => Ruling::Allowed(None),
                "discloses" => Ruling::Allowed(Some(Disclosure::Forced)),
                "hides" => Ruling::Allowed(Some(Disclosure::Refused)),
                "denies" => Ruling::Denied,
                "fails" => Ruling::Failed,
                _ => panic!("no ruling: {word}"),
            };
        } else if line == "drain" {
            self.realm.drain();
        } else if line == "cancel" {
            self.realm.cancel_all(&self.cast);
        } else {
            panic!("no line of a script: {line}");
        }
    }

    /// A person who is not there yet joins.
    fn key(&mut self, name: &str) -> RecipientKey {
        match self.people.get(name) {
            Some(key) => *key,
            None => self.join(name, name, self.roles[0].clone()),
        }
    }

    /// Slots are used again, so that only the generation tells.
    fn join(&mut self, name: &str, authid: &str, role: Arc<Role>) -> RecipientKey {
        let free = |slot: &u32| self.people.values().all(|key| key.slot != *slot);
        let slot = (0..).find(free).expect("a slot");
        let key = RecipientKey { slot, generation: self.next_generation };
        self.next_generation += 1;
        self.people.insert(name.to_owned(), key);
        self.cast.names.borrow_mut().insert(key, name.to_owned());
        let identity = Identity {
            session: SessionId::new(u64::from(key.generation) + 1).expect("a session"),
            authid: authid.into(),
            role,
            authmethod: "anonymous",
            authprovider: "static",
            features: if name.starts_with("old") { Features::default() } else { everything() },
        };
        self.cast.identities.insert(key, identity);
        self.realm.joined(key, &self.cast);
        key
    }

    fn message(&mut self, name: &str, key: RecipientKey, text: &str) {
        let frame = self.cast.ids.borrow().frame(text);
        let message = decode(SerializerId::Json, &Bytes::from(frame.clone()), &DecodeRules::default())
            .unwrap_or_else(|error| panic!("{text} is {frame}: {error}"));
        let request = match message {
            Message::Publish(publish) => Request::Publish(publish),
            Message::Subscribe(subscribe) => Request::Subscribe(subscribe),
            Message::Unsubscribe(unsubscribe) => Request::Unsubscribe(unsubscribe),
            Message::Register(register) => Request::Register(register),
            Message::Unregister(unregister) => Request::Unregister(unregister),
            Message::Call(call) if self.is_chunk(name, call.request) => Request::Chunk(call),
            Message::Call(call) => Request::Call(call),
            Message::Cancel(cancel) => Request::Cancel(cancel),
            Message::Yield(yielded) => Request::Yield(yielded),
            Message::Error(error) => Request::Error(error),
            other => panic!("{} is not for the core", other.code().as_str()),
        };
        let answers = self.cast.answers.get();
        let rulings = self.rulings(key, &request);
        if let Err(violation) = self.realm.handle(key, request, &rulings, &self.cast) {
            assert_eq!(self.cast.answers.get(), answers, "a violation is not answered");
            self.cast.lines.borrow_mut().push(format!("{name}! {violation}"));
            self.people.remove(name);
            self.take_out(key, Departure::Announced);
        }
        for (key, departure) in self.cast.killed.take() {
            self.people.retain(|_, person| *person != key);
            self.take_out(key, departure);
        }
    }

    /// What the authorizer says about a request.
    fn rulings(&self, from: RecipientKey, request: &Request) -> Rulings {
        let implied = self.realm.implied(request);
        let requests = std::iter::once(request).chain(&implied);
        let subjects = requests.filter_map(|request| self.realm.subject(from, request, &self.cast));
        let rule = |subject: Subject| {
            let ruling = self.rulings[subject.action as usize];
            (subject, ruling)
        };
        subjects.map(rule).collect()
    }

    /// Somebody about whom nobody was asked.
    fn applicant(&self, key: RecipientKey) -> Applicant<'_> {
        let identity = self.cast.identity(key).expect("a member");
        Applicant { settings: self.realm.settings(), identity, rulings: &NO_RULINGS }
    }

    /// Whether a CALL comes with a request ID that its caller has used: what the session's protocol tells.
    fn is_chunk(&mut self, name: &str, request: RequestId) -> bool {
        let last = self.last_calls.entry(name.to_owned()).or_default();
        let is_chunk = name.starts_with("stream") && request.value() <= *last;
        *last = request.value().max(*last);
        is_chunk
    }

    fn take_out(&mut self, key: RecipientKey, departure: Departure) {
        let identity = self.cast.identities.remove(&key).expect("a member");
        self.realm.leave(key, &identity, departure, &self.cast);
    }
}

impl Cast {
    /// Whoever is gone takes and forgets.
    fn write(&self, to: RecipientKey, message: &Arc<Outgoing>) {
        if !self.identities.contains_key(&to) || self.killed.borrow().iter().any(|(killed, _)| *killed == to)
        {
            return;
        }
        let names = self.names.borrow();
        let name = names.get(&to).expect("a member");
        let body = message.body(SerializerId::Json).expect("JSON stays JSON");
        let text = self.ids.borrow_mut().text(std::str::from_utf8(&body).expect("JSON is UTF-8"));
        self.lines.borrow_mut().push(format!("{name}< {text}"));
    }
}

impl World for Cast {
    fn identity(&self, of: RecipientKey) -> Option<&Identity> {
        self.identities.get(&of)
    }

    fn member(&self, session: SessionId) -> Option<RecipientKey> {
        let found = self.identities.iter().find(|(_, identity)| identity.session == session);
        found.map(|(key, _)| *key)
    }

    fn members(&self) -> impl Iterator<Item = (RecipientKey, &Identity)> {
        self.identities.iter().map(|(key, identity)| (*key, identity))
    }

    fn member_count(&self) -> usize {
        self.identities.len()
    }

    fn kill(&self, member: RecipientKey, goodbye: Goodbye, departure: Departure) -> bool {
        let message = Outgoing::new(goodbye.into());
        self.write(member, &message);
        let mut killed = self.killed.borrow_mut();
        let is_alive = killed.iter().all(|(killed, _)| *killed != member);
        killed.push((member, departure));
        is_alive
    }

    fn killed(&self, _: &[u64], _: &str) {
        // For the audit log.
    }

    fn forget_rulings(&self) -> usize {
        // Nobody is asked here.
        0
    }

    fn now(&self) -> Moment {
        Moment::default() + self.elapsed.get()
    }

    fn wall_clock(&self) -> OffsetDateTime {
        time::macros::datetime!(2026-11-22 12:00 UTC) + Duration::from_millis(self.elapsed.get())
    }

    fn publication_id(&self) -> PublicationId {
        self.publications.set(self.publications.get() + 1);
        PublicationId::from_bits(self.publications.get().wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    fn wake_at(&self, at: Moment) {
        assert!(self.alarm.get().is_none_or(|alarm| at < alarm), "an alarm that is not the next");
        self.alarm.set(Some(at));
    }

    fn event(&self, to: RecipientKey, message: &Arc<Outgoing>) {
        assert_eq!(message.message().code(), MessageCode::Event);
        self.write(to, message);
    }

    fn answer(&self, to: RecipientKey, message: &Arc<Outgoing>) {
        self.answers.set(self.answers.get() + 1);
        self.write(to, message);
    }

    fn refused(&self, _: RecipientKey, _: &'static str, _: Option<Limit>) {
        // For logs and counters; transcripts show what peers see.
    }

    fn invocation(&self, to: RecipientKey, message: &Arc<Outgoing>) -> Result<(), Full> {
        assert_eq!(message.message().code(), MessageCode::Invocation);
        if self.full.borrow().contains(&to) {
            return Err(Full);
        }
        self.write(to, message);
        Ok(())
    }
}

impl Ids {
    fn number(&self, name: &str) -> u64 {
        let (kind, place) = name.split_once('#').expect("a name such as sub#1");
        let place: usize = place.parse().expect("a number after #");
        let ids = match kind {
            "inv" => return place as u64,
            "sub" => &self.subscriptions,
            "reg" => &self.registrations,
            "pub" => &self.publications,
            _ => panic!("no kind of ID: {name}"),
        };
        *ids.get(place - 1).unwrap_or_else(|| panic!("{name} did not appear"))
    }

    /// `SUBSCRIBE 1 {} com.acme.tick` as JSON.
    fn frame(&self, text: &str) -> String {
        let mut elements = split(text, ' ').into_iter();
        let name = elements.next().expect("a message");
        let mut items = vec![(code(name) as u64).to_string()];
        if name == MessageCode::Error.as_str() {
            items.push((MessageCode::Invocation as u64).to_string());
        }
        items.extend(elements.map(|element| match element.as_bytes() {
            [b'{' | b'[' | b'"' | b'0'..=b'9', ..] => self.numbered(element),
            _ if is_id(element) => self.number(element).to_string(),
            _ => format!("\"{element}\""),
        }));
        format!("[{}]", items.join(","))
    }

    /// JSON with numbers for the IDs in it.
    fn numbered(&self, json: &str) -> String {
        let mut text = json.to_owned();
        for (kind, ids) in [("sub", &self.subscriptions), ("reg", &self.registrations)] {
            for (at, id) in ids.iter().enumerate().rev() {
                text = text.replace(&format!("{kind}#{}", at + 1), &id.to_string());
            }
        }
        text
    }

    /// JSON as `SUBSCRIBED 1 sub#1`.
    fn text(&mut self, json: &str) -> String {
        let list = json.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).expect("a list");
        let elements = split(list, ',');
        let number = |at: usize| -> u64 { elements[at].parse().expect("an integer") };
        let code = MessageCode::from_number(number(0)).expect("a message");
        let mut words = vec![code.as_str().to_owned()];
        for (at, element) in elements.iter().enumerate().skip(1) {
            words.push(match (code, at) {
                (MessageCode::Error, 1) => {
                    MessageCode::from_number(number(at)).expect("a message").as_str().to_owned()
                }
                (MessageCode::Invocation, 1) => format!("inv#{element}"),
                (MessageCode::Subscribed, 2) | (MessageCode::Event, 1) => {
                    named("sub", &mut self.subscriptions, number(at))
                }
                (MessageCode::Unregistered, 2) => {
                    let (before, id) = element.split_once(r#""registration":"#).expect("a revocation");
                    let end = id.find(|c: char| !c.is_ascii_digit()).expect("the end of the dict");
                    let (id, behind) = id.split_at(end);
                    let id = named("reg", &mut self.registrations, id.parse().expect("an ID"));
                    format!(r#"{before}"registration":{id}{behind}"#)
                }
                (MessageCode::Registered | MessageCode::Invocation, 2) => {
                    named("reg", &mut self.registrations, number(at))
                }
                (MessageCode::Published | MessageCode::Event, 2) => {
                    named("pub", &mut self.publications, number(at))
                }
                _ => element.trim_matches('"').to_owned(),
            });
        }
        let mut text = words.join(" ");
        // In payloads. They are hashes: nothing else is such a number.
        for (at, id) in self.subscriptions.iter().enumerate() {
            text = text.replace(&id.to_string(), &format!("sub#{}", at + 1));
        }
        // Where a sentence for people names it.
        for (at, id) in self.registrations.iter().enumerate() {
            text = text.replace(&format!("registration {id} "), &format!("registration reg#{} ", at + 1));
        }
        text
    }
}

fn named(kind: &str, ids: &mut Vec<u64>, id: u64) -> String {
    let place = ids.iter().position(|known| *known == id).unwrap_or_else(|| {
        ids.push(id);
        ids.len() - 1
    });
    format!("{kind}#{}", place + 1)
}

fn is_id(word: &str) -> bool {
    word.split_once('#').is_some_and(|(kind, place)| {
        ["sub", "reg", "pub", "inv"].contains(&kind) && place.bytes().all(|b| b.is_ascii_digit())
    })
}

fn code(name: &str) -> MessageCode {
    let mut codes = (0..=u64::from(u8::MAX)).filter_map(MessageCode::from_number);
    codes.find(|code| code.as_str() == name).unwrap_or_else(|| panic!("no message is called {name}"))
}

/// Splits where the separator stands outside of lists, dicts and texts.
fn split(text: &str, separator: char) -> Vec<&str> {
    let mut depth = 0_usize;
    let mut in_text = false;
    let mut is_escaped = false;
    let parts = text.split(|c: char| {
        let is_end = c == separator && depth == 0 && !in_text;
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' if in_text => is_escaped = true,
            '"' => in_text = !in_text,
            '[' | '{' if !in_text => depth += 1,
            ']' | '}' if !in_text => depth -= 1,
            _ => {}
        }
        is_end
    });
    parts.filter(|part| !part.is_empty()).collect()
}
