//! Testaments: what the router publishes for a session when it leaves (TST).

use std::collections::HashMap;

use wamp_proto::dict::PublishOptions;
use wamp_proto::message::Publish;
use wamp_proto::{
    Action, DecodeRules, MatchPolicy, Message, Payload, RequestId, SerializerId, Value, decode, error_uri,
};

use super::arguments::{Arguments, invalid};
use super::{Answer, MetaCall};
use crate::realm::held::Held;
use crate::realm::publication::check_resource_key;
use crate::realm::recipient::RecipientKey;
use crate::realm::refusal::Refusal;
use crate::realm::ruling::{Ruling, Rulings, Subject};
use crate::realm::settings::RealmSettings;
use crate::realm::world::{Limit, World};
use crate::realm::{Realm, Request};

/// The testaments of all sessions.
#[derive(Debug, Default)]
pub(in crate::realm) struct Testaments(HashMap<RecipientKey, Estate, foldhash::fast::FixedState>);

/// Those of one session, in the order in which it added them.
#[derive(Debug, Default)]
struct Estate {
    detached: Vec<Testament>,
    destroyed: Vec<Testament>,
}

#[derive(Debug)]
struct Testament {
    publish: Publish,
    /// What the authorizer said when it was added, which counts where the rules still leave it to the authorizer:
    /// nobody can be asked for a session that is gone, and what is to happen then must not depend on who listens.
    ruling: Ruling,
    held: Held,
}

/// What the arguments say.
struct Will {
    topic: String,
    args: Vec<Value>,
    kwargs: Vec<(String, Value)>,
    options: Vec<(String, Value)>,
    scope: Scope,
}

/// When a testament is published. No session outlives its connection here, so that both come at once.
#[derive(Clone, Copy)]
enum Scope {
    Detached,
    Destroyed,
}

pub(super) fn add<W: World>(call: &MetaCall<'_, W>, arguments: Arguments) -> Result<Answer, Refusal> {
    let settings = &call.realm.settings;
    let will = Will::read(arguments)?;
    call.applicant.admit(Action::Publish, &will.topic, MatchPolicy::Exact)?;
    let ruling = call.applicant.rulings.about(Action::Publish, &will.topic, MatchPolicy::Exact);
    let scope = will.scope;
    let testament = Testament::new(settings, will, ruling)?;
    call.realm.testaments.lock().add(settings, call.caller, scope, testament)?;
    Ok(Answer::EMPTY)
}

/// The publication that the caller has to be allowed.
pub(super) fn implied(realm: &Realm, arguments: Arguments) -> Option<Request> {
    let will = Will::read(arguments).ok()?;
    let testament = Testament::new(&realm.settings, will, Ruling::Failed).ok()?;
    Some(Request::Publish(testament.publish))
}

pub(super) fn flush<W: World>(call: &MetaCall<'_, W>, arguments: Arguments) -> Result<Answer, Refusal> {
    let scope = scope(arguments)?;
    call.realm.testaments.lock().flush(call.caller, scope);
    Ok(Answer::EMPTY)
}

impl Will {
    fn read(mut arguments: Arguments) -> Result<Self, Refusal> {
        Ok(Self {
            topic: arguments.required("topic")?,
            args: arguments.required("args")?,
            kwargs: arguments.required("kwargs")?,
            options: arguments.optional("publish_options")?.unwrap_or_default(),
            scope: scope(arguments)?,
        })
    }
}

/// The scope in the last argument.
fn scope(mut arguments: Arguments) -> Result<Scope, Refusal> {
    let scope: Option<String> = arguments.optional("scope")?;
    arguments.end()?;
    match scope.as_deref() {
        Some("detached") => Ok(Scope::Detached),
        None | Some("destroyed") => Ok(Scope::Destroyed),
        Some(_) => Err(invalid("the argument \"scope\" has to be detached or destroyed".to_owned())),
    }
}

impl Testaments {
    fn add(
        &mut self,
        settings: &RealmSettings,
        of: RecipientKey,
        scope: Scope,
        testament: Testament,
    ) -> Result<(), Refusal> {
        let estate = self.0.get(&of);
        let unavailable = |limit| Err(Refusal::over(Limit::Testaments, error_uri::UNAVAILABLE, limit));
        if estate.map_or(0, Estate::len) >= settings.testaments_max {
            return unavailable(format!("a session may have {} testaments", settings.testaments_max));
        }
        let max_bytes = settings.testaments_max_bytes;
        if estate.map_or(0, Estate::bytes) + testament.held.bytes() > max_bytes {
            return unavailable(format!("the testaments of a session may have {max_bytes} octets"));
        }
        self.0.entry(of).or_default().of_scope(scope).push(testament);
        Ok(())
    }

    fn flush(&mut self, of: RecipientKey, scope: Scope) {
        if let Some(estate) = self.0.get_mut(&of) {
            *estate.of_scope(scope) = Vec::new();
            if estate.len() == 0 {
                self.0.remove(&of);
            }
        }
    }

    /// Takes the testaments of a session that is gone, in the order in which they are published (TST-04).
    pub(in crate::realm) fn take(
        &mut self,
        of: RecipientKey,
    ) -> impl Iterator<Item = (Publish, Rulings)> + use<> {
        let Estate { detached, destroyed } = self.0.remove(&of).unwrap_or_default();
        detached.into_iter().chain(destroyed).map(|Testament { publish, ruling, .. }| {
            let subject = Subject::new(Action::Publish, &publish.topic, MatchPolicy::Exact);
            (publish, Rulings::from_iter([(subject, ruling)]))
        })
    }

    /// How many there are.
    pub(in crate::realm) fn len(&self) -> usize {
        self.0.values().map(Estate::len).sum()
    }
}

impl Estate {
    fn of_scope(&mut self, scope: Scope) -> &mut Vec<Testament> {
        match scope {
            Scope::Detached => &mut self.detached,
            Scope::Destroyed => &mut self.destroyed,
        }
    }

    fn len(&self) -> usize {
        self.detached.len() + self.destroyed.len()
    }

    fn bytes(&self) -> usize {
        self.detached.iter().chain(&self.destroyed).map(|testament| testament.held.bytes()).sum()
    }
}

impl Testament {
    /// Written as the PUBLISH that it stands for, and read back: options come as values, and there is one decoder
    /// that knows their types.
    fn new(settings: &RealmSettings, will: Will, ruling: Ruling) -> Result<Self, Refusal> {
        const SERIALIZER: SerializerId = SerializerId::Cbor;
        let Will { topic, args, kwargs, options, .. } = will;
        let publish = Publish {
            request: RequestId::FIRST,
            options: PublishOptions { extra: options, ..PublishOptions::default() }.into(),
            topic: topic.into(),
            payload: Payload::new(SERIALIZER, &args, &kwargs),
        };
        let refused =
            |error: String| invalid(format!("the argument \"publish_options\" cannot be used: {error}"));
        let frame = Message::from(publish).encode(SERIALIZER).map_err(|error| refused(error.to_string()))?;
        // The CALL was as deep as it may be at most, and held all this one level further down.
        let rules = DecodeRules {
            max_depth: DecodeRules::MAX_DEPTH,
            dict_max_bytes: settings.dict_max_bytes,
            ..DecodeRules::new(settings.profile)
        };
        let decoded = decode(SERIALIZER, &frame, &rules).map_err(|error| refused(error.to_string()))?;
        let Message::Publish(mut publish) = decoded else {
            return Err(refused("it is no PUBLISH".to_owned()));
        };
        check_resource_key(&publish.options, settings)?;
        // Nobody is there to be answered (TST-05).
        publish.options.acknowledge = None;
        Ok(Self { publish, ruling, held: Held::new(frame.len()) })
    }
}
