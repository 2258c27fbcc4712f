//! The authorizer hook: a procedure decides what the rules of a role leave to it (AUTHZ-02). Here it is asked, and its
//! answers are read and remembered; what waits for them is in [`crate::pending`].

mod memory;
mod question;

use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use parking_lot::Mutex;
use trunkline_config as config;
use wamp_proto::{Profile, Value};

use crate::clock::Clock;
use crate::counters::Counters;
use crate::inquiry::{Inquiry, NoAnswer};
use crate::realm::{Disclosure, Moment, RecipientKey, Request, Ruling, Subject};
use crate::realm_driver::RealmDriver;
use crate::router::Router;
use memory::{Case, Epoch, Memory};

/// Between two lines of the log that say that an authorizer fails.
const WARNING_INTERVAL: Duration = Duration::from_secs(10);

/// The authorizer of one realm.
#[derive(Debug)]
pub(crate) struct Authorizer {
    settings: config::Authorizer,
    /// Whether an answer is remembered that does not say so.
    remembers: bool,
    memory: Mutex<Memory>,
    counters: Arc<Counters>,
    clock: Arc<Clock>,
    warned: Mutex<Option<Moment>>,
}

/// One thing that the authorizer has to say about a request, or has said.
#[derive(Debug)]
pub(crate) struct Consultation {
    subject: Subject,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Boxed: most requests need one of them, for a short time.
    Asked(Box<Asked>),
    Ruled(Ruling),
}

#[derive(Debug)]
struct Asked {
    inquiry: Inquiry,
    case: Case,
    epoch: Epoch,
}

impl Authorizer {
    pub(crate) fn new(
        settings: config::Authorizer,
        profile: Profile,
        counters: Arc<Counters>,
        clock: Arc<Clock>,
    ) -> Self {
        Self {
            // Crossbar.io's authorizers say when they want to be remembered.
            remembers: profile != Profile::Crossbar,
            memory: Mutex::new(Memory::new(settings.cache_max, settings.cache_age)),
            settings,
            counters,
            clock,
            warned: Mutex::default(),
        }
    }

    /// Asks at once whatever has to be asked before that request of a member of `driver` is routed.
    pub(crate) fn consult(
        &self,
        router: &Router,
        driver: &Arc<RealmDriver>,
        from: RecipientKey,
        request: &Request,
    ) -> Vec<Consultation> {
        let mut cases = self.cases(driver, from, request);
        if cases.is_empty() {
            return Vec::new();
        }
        let procedure = &self.settings.procedure;
        let asked = match &self.settings.realm {
            Some(name) => router.realms().get(name),
            None => Some(driver.clone()),
        };
        let mut is_its_own = false;
        if let Some(asked) = &asked
            && let Some((registration, is_callee)) = asked.registration(procedure, from)
        {
            // It would wait for itself: the rules of its role have to do (design: authorizer hook).
            is_its_own = is_callee && Arc::ptr_eq(asked, driver);
            if self.memory.lock().heed(registration) {
                cases = self.cases(driver, from, request);
            }
        }
        let consultation = |(case, known): (Case, Result<Ruling, [Value; 4]>)| {
            let question = match known {
                _ if is_its_own => return Consultation::ruled(case.subject, Ruling::Denied),
                Ok(ruling) => return Consultation::ruled(case.subject, ruling),
                Err(question) => question,
            };
            let Some(asked) = &asked else {
                return Consultation::ruled(case.subject, self.failed("its realm is not there"));
            };
            let epoch = self.memory.lock().epoch();
            let inquiry = asked.ask(procedure.as_str().into(), &question, self.settings.timeout);
            let subject = case.subject.clone();
            Consultation { subject, state: State::Asked(Box::new(Asked { inquiry, case, epoch })) }
        };
        cases.into_iter().map(consultation).collect()
    }

    /// What that request depends on, and what was said about it, or how to ask.
    fn cases(
        &self,
        driver: &RealmDriver,
        from: RecipientKey,
        request: &Request,
    ) -> Vec<(Case, Result<Ruling, [Value; 4]>)> {
        let now = self.clock.now();
        let realm = &driver.settings().name;
        driver.subjects(from, request, |identity, subject, request| {
            let case = Case::new(identity, subject);
            let known = self.memory.lock().recall(&case, now);
            let known = known.ok_or_else(|| {
                question::arguments(question::session_details(identity, realm), &case.subject, request)
            });
            (case, known)
        })
    }

    /// Forgets all answers; returns how many there were.
    pub(crate) fn flush(&self) -> usize {
        self.memory.lock().flush()
    }

    fn rule(&self, asked: Asked, answer: Result<Value, NoAnswer>) -> Ruling {
        match answer.map_err(|error| error.to_string()).and_then(|answer| Ok(Answer::read(&answer)?)) {
            Ok(Answer { ruling, is_cacheable }) => {
                if is_cacheable.unwrap_or(self.remembers) {
                    self.memory.lock().remember(asked.case, ruling, asked.epoch, self.clock.now());
                }
                ruling
            }
            Err(cause) => self.failed(&cause),
        }
    }

    /// Nothing is allowed that it decides.
    fn failed(&self, cause: &str) -> Ruling {
        self.counters.authorizers_failed.increment();
        let now = self.clock.now();
        let mut warned = self.warned.lock();
        let age = warned.map(|warned| now.since_start().saturating_sub(warned.since_start()));
        if age.is_none_or(|age| age >= WARNING_INTERVAL) {
            *warned = Some(now);
            tracing::warn!(
                procedure = self.settings.procedure,
                cause,
                "the authorizer fails: what it decides is refused"
            );
        }
        Ruling::Failed
    }
}

impl Consultation {
    fn ruled(subject: Subject, ruling: Ruling) -> Self {
        Self { subject, state: State::Ruled(ruling) }
    }

    /// For tests of what waits.
    #[cfg(test)]
    pub(crate) fn of(identity: &crate::realm::Identity, subject: Subject, inquiry: Inquiry) -> Self {
        let case = Case::new(identity, subject.clone());
        Self { subject, state: State::Asked(Box::new(Asked { inquiry, case, epoch: Epoch::default() })) }
    }

    /// Whether there is nothing to wait for.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.state, State::Ruled(_))
    }

    /// What came of it; nothing is allowed before it is over.
    pub(crate) fn into_ruling(self) -> (Subject, Ruling) {
        match self.state {
            State::Ruled(ruling) => (self.subject, ruling),
            State::Asked(_) => (self.subject, Ruling::Failed),
        }
    }

    /// Waits for the answer.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, authorizer: &Authorizer) -> Poll<()> {
        if let State::Asked(asked) = &mut self.state {
            let answer = ready!(asked.inquiry.poll(cx));
            let before = std::mem::replace(&mut self.state, State::Ruled(Ruling::Failed));
            if let State::Asked(asked) = before {
                self.state = State::Ruled(authorizer.rule(*asked, answer));
            }
        }
        Poll::Ready(())
    }
}

/// What an authorizer returned.
#[derive(Debug, PartialEq, Eq)]
struct Answer {
    ruling: Ruling,
    is_cacheable: Option<bool>,
}

impl Answer {
    /// `bool` or `{allow, disclose, cache}`. What is anything else may mean that nothing is allowed.
    fn read(answer: &Value) -> Result<Self, &'static str> {
        let allow = match answer {
            Value::Bool(allow) => Some(*allow),
            Value::Dict(entries) => {
                let is_known = |key: &str| ["allow", "disclose", "cache"].contains(&key);
                if !entries.iter().all(|(key, _)| is_known(key)) {
                    return Err("its answer has keys beside allow, disclose and cache");
                }
                flag(answer, "allow")?
            }
            _ => return Err("its answer is neither a boolean nor a dict"),
        };
        let disclosure = flag(answer, "disclose")?
            .map(|is_disclosed| if is_disclosed { Disclosure::Forced } else { Disclosure::Refused });
        let ruling = match allow {
            Some(true) => Ruling::Allowed(disclosure),
            Some(false) => Ruling::Denied,
            None => return Err("its answer does not say allow"),
        };
        Ok(Self { ruling, is_cacheable: flag(answer, "cache")? })
    }
}

fn flag(answer: &Value, key: &str) -> Result<Option<bool>, &'static str> {
    match answer.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Bool(flag)) => Ok(Some(*flag)),
        Some(_) => Err("what its answer says is not true, false or null"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dict(entries: &[(&str, Value)]) -> Value {
        Value::Dict(entries.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect())
    }

    #[test]
    fn authz_02_an_answer_is_a_boolean_or_says_allow() {
        let read =
            |answer| Answer::read(&answer).map(|Answer { ruling, is_cacheable }| (ruling, is_cacheable));
        assert_eq!(read(true.into()), Ok((Ruling::Allowed(None), None)));
        assert_eq!(read(false.into()), Ok((Ruling::Denied, None)));
        let allow = ("allow", Value::from(true));
        assert_eq!(read(dict(std::slice::from_ref(&allow))), Ok((Ruling::Allowed(None), None)));
        let with = |key, value: Value| read(dict(&[allow.clone(), (key, value)]));
        assert_eq!(with("disclose", true.into()), Ok((Ruling::Allowed(Some(Disclosure::Forced)), None)));
        assert_eq!(with("disclose", false.into()), Ok((Ruling::Allowed(Some(Disclosure::Refused)), None)));
        assert_eq!(with("disclose", Value::Null), Ok((Ruling::Allowed(None), None)));
        assert_eq!(with("cache", false.into()), Ok((Ruling::Allowed(None), Some(false))));
        assert_eq!(
            read(dict(&[("allow", false.into()), ("disclose", true.into())])),
            Ok((Ruling::Denied, None))
        );
    }

    #[test]
    fn authz_02_whatever_else_is_answered_allows_nothing() {
        let allow = ("allow", Value::from(true));
        for answer in [
            Value::Null,
            1.into(),
            "true".into(),
            Value::List(vec![true.into()]),
            dict(&[]),
            dict(&[("allow", Value::Null)]),
            dict(&[("allow", 1.into())]),
            dict(&[("allow", "true".into())]),
            dict(&[allow.clone(), ("disclose", "no".into())]),
            dict(&[allow.clone(), ("cache", 0.into())]),
            dict(&[allow, ("validate", dict(&[]))]),
        ] {
            assert!(Answer::read(&answer).is_err(), "{answer:?}");
        }
    }
}
