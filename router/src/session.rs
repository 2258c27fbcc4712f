//! One session, whatever carries it: frames in, routed requests out.
//!
//! A connection drives it from its socket, a program that embeds the router from its own thread. There is
//! one path through the router for both.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use trunkline_config::Listener;
use wamp_proto::dict::{
    BrokerFeatures, BrokerRole, DealerFeatures, DealerRole, Dict, RouterRoles, WelcomeDetails,
};
use wamp_proto::message::{Abort, CallResult, Error, Goodbye, Hello, Welcome};
use wamp_proto::session::{RouterInput, abort};
use wamp_proto::uri::check_uri;
use wamp_proto::{
    DecodeRules, Message, MessageCode, Payload, Profile, RequestId, RouterSession, SerializerId, Violation,
    decode, error_uri,
};

use crate::counters::Counters;
use crate::outbox::Outbox;
use crate::pace::Rate;
use crate::realm::{Features, Identity, Outgoing, Request};
use crate::realm_driver::{Membership, RealmDriver};
use crate::realms::RealmPlan;
use crate::router::Router;
use crate::seats::Seat;

/// The method of sessions that need no proof.
const ANONYMOUS: &str = "anonymous";

/// The method of sessions that the embedding program vouches for.
const IN_PROCESS: &str = "in-process";

/// Who vouches for a session: what the router was told.
const AUTHPROVIDER: &str = "static";

/// How much of a name from a stranger is repeated in logs and explanations.
const SHOWN_CHARACTERS: usize = 64;

/// A session that joined its realm, and leaves it when dropped.
#[derive(Debug)]
pub(crate) struct Session {
    protocol: RouterSession,
    router: Arc<Router>,
    driver: Arc<RealmDriver>,
    membership: Membership,
    rate: Rate,
    rules: DecodeRules,
    serializer: SerializerId,
    /// Calls that lost a progressive result on the way here, and whose final answer is still to be written.
    spoiled_calls: Vec<RequestId>,
    _seat: Seat,
}

/// Where a session comes in, and what that says about it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Arrival<'a> {
    /// A listener.
    Listener(&'a Listener),
    /// The program that embeds the router.
    InProcess,
    /// The same, which vouches for the session.
    Vouched { authid: &'a str, authrole: &'a str },
}

/// What becomes of a session after a frame.
#[derive(Debug)]
pub(crate) enum Flow {
    /// It goes on.
    Continue,
    /// The client leaves: answer with this GOODBYE.
    Leave(Goodbye),
    /// The session is over, and there is nothing to say.
    Over,
}

impl Session {
    /// Takes the frame that has to be HELLO, and joins the realm that it names.
    ///
    /// Returns the session and its WELCOME, which precedes everything else (SES-06, ORD-07).
    ///
    /// `peer` says in the logs who that is.
    ///
    /// # Errors
    /// With the ABORT to send, or nothing to say to a client that aborted itself.
    pub(crate) fn open(
        router: &Arc<Router>,
        arrival: Arrival<'_>,
        serializer: SerializerId,
        frame: &Bytes,
        peer: &dyn fmt::Display,
    ) -> Result<(Self, Welcome), Option<Abort>> {
        let counters = router.counters();
        let violated = |violation: &Violation| {
            counters.protocol_violations.increment();
            tracing::debug!(%peer, %violation, "protocol violation before the session opened");
            Some(violation.abort())
        };
        let rules = router.decode_rules();
        let message = decode(serializer, frame, rules).map_err(|error| violated(&Violation::from(error)))?;
        let mut protocol = RouterSession::new();
        let input = protocol.receive(message).map_err(|violation| violated(&violation))?;
        let RouterInput::Hello(hello) = input else { return Err(None) };
        // Named by a stranger: cut short, and escaped wherever it appears.
        let realm = hello.realm.chars().take(SHOWN_CHARACTERS).collect::<String>();
        let refused = |reason, message: &str| {
            counters.joins_refused.increment();
            tracing::info!(target: "trunkline::audit", %peer, ?realm, reason, "join refused");
            Some(abort(reason, message))
        };
        check_uri(&hello.realm, router.realm_uri_rules())
            .map_err(|error| refused(error_uri::INVALID_URI, &error.to_string()))?;
        let plan = router
            .realms()
            .plan(&hello.realm)
            .filter(|plan| arrival.leads_to(plan))
            .ok_or_else(|| refused(error_uri::NO_SUCH_REALM, &format!("no realm {realm:?}")))?;
        // No list, or an empty one, offers no proof: that is what anonymous means (AUTH-GEN-01).
        if arrival.authmethod() == ANONYMOUS
            && let Some(methods) = &hello.details.authmethods
            && !methods.is_empty()
            && !methods.iter().any(|method| method == ANONYMOUS)
        {
            return Err(refused(no_auth_method(plan.profile), "this realm takes the method \"anonymous\""));
        }
        let role = match arrival.role(plan) {
            Some(name) => plan.role(name).ok_or_else(|| {
                refused(error_uri::NO_SUCH_ROLE, &format!("realm {realm:?} has no role {name:?}"))
            })?,
            None => {
                return Err(refused(no_auth_method(plan.profile), "this realm takes no anonymous sessions"));
            }
        };
        if router.memory().is_exceeded() {
            counters.sessions_refused_for_memory.increment();
            return Err(refused(error_uri::UNAVAILABLE, "the router is short of memory"));
        }
        let seat = router.seats().take().ok_or_else(|| {
            counters.sessions_over_limit.increment();
            refused(error_uri::UNAVAILABLE, "the router has as many sessions as it may have")
        })?;
        let authid = arrival.authid();
        let features = Features::announced(&hello.details);
        let (driver, membership) = router
            .realms()
            .join(&hello.realm, plan, |session| Identity {
                session,
                authid: (&*authid).into(),
                role: role.clone(),
                authmethod: arrival.authmethod(),
                authprovider: AUTHPROVIDER,
                features,
            })
            .map_err(|reason| refused(reason, "the realm takes no sessions now"))?;
        let profile = plan.profile;
        let DecodeRules { nil_is_empty_dict, float_is_integer, .. } = DecodeRules::new(profile);
        let rules = DecodeRules { nil_is_empty_dict, float_is_integer, ..rules.clone() };
        protocol.welcome(profile);
        let welcome = welcome(&hello, &membership, arrival.authmethod(), &authid, &role.name);
        tracing::info!(
            target: "trunkline::audit",
            %peer, session = membership.session.value(), ?realm, authrole = %role.name,
            authmethod = arrival.authmethod(), "joined"
        );
        let session = Self {
            protocol,
            router: router.clone(),
            driver,
            membership,
            rate: plan.rate(&role.name),
            rules,
            serializer,
            spoiled_calls: Vec::new(),
            _seat: seat,
        };
        Ok((session, welcome))
    }

    /// Takes the client's next frame.
    ///
    /// # Errors
    /// If the client broke the protocol. What the session held is released; send the ABORT and close.
    pub(crate) fn receive(&mut self, frame: &Bytes) -> Result<Flow, Violation> {
        let result = self.route(frame);
        if let Err(violation) = &result {
            self.violated(violation);
        }
        result
    }

    fn route(&mut self, frame: &Bytes) -> Result<Flow, Violation> {
        let message = match decode(self.serializer, frame, &self.rules) {
            // Behind our GOODBYE nothing counts but the peer's, and nothing more is said (SES-08).
            Err(_) if !self.protocol.is_open() => return Ok(Flow::Continue),
            message => message?,
        };
        let request = match self.protocol.receive(message)? {
            RouterInput::Publish(publish) => Request::Publish(publish),
            RouterInput::Subscribe(subscribe) => Request::Subscribe(subscribe),
            RouterInput::Unsubscribe(unsubscribe) => Request::Unsubscribe(unsubscribe),
            RouterInput::Call(call) => Request::Call(call),
            RouterInput::Register(register) => Request::Register(register),
            RouterInput::Unregister(unregister) => Request::Unregister(unregister),
            RouterInput::Yield(yielded) => Request::Yield(yielded),
            RouterInput::Error(error) => Request::Error(error),
            RouterInput::Chunk(call) => Request::Chunk(call),
            RouterInput::Cancel(cancel) => Request::Cancel(cancel),
            RouterInput::Ignored => return Ok(Flow::Continue),
            RouterInput::Leave(_) => {
                self.driver.leave(self.membership.key);
                // Crossbar.io's clients are used to another word.
                let reason = match self.driver.settings().profile {
                    Profile::Crossbar => error_uri::NORMAL,
                    Profile::Default | Profile::Strict => error_uri::GOODBYE_AND_OUT,
                };
                return Ok(Flow::Leave(goodbye(reason)));
            }
            RouterInput::Left | RouterInput::Aborted => {
                self.driver.leave(self.membership.key);
                return Ok(Flow::Over);
            }
            RouterInput::Hello(_) => {
                return Err(Violation::State { message: MessageCode::Hello, state: "in an open session" });
            }
        };
        self.driver.handle(self.membership.key, request)?;
        self.router.relieve_memory();
        Ok(Flow::Continue)
    }

    /// Ends the session of a client that broke the protocol: nothing of it counts any more (PV-08).
    pub(crate) fn violated(&mut self, violation: &Violation) {
        self.protocol.end();
        self.driver.leave(self.membership.key);
        self.driver.counters().protocol_violations.increment();
        tracing::debug!(session = self.membership.session.value(), %violation, "protocol violation");
    }

    /// The router says GOODBYE of its own accord. Returns the octets, if it may and if the peer can take them:
    /// without Details, where these are too long for it.
    pub(crate) fn say_goodbye(&mut self, goodbye: &Goodbye, max_bytes: usize) -> Option<Bytes> {
        if !self.protocol.goodbye() {
            return None;
        }
        let brief = Goodbye { details: Dict::new(), reason: goodbye.reason.clone() };
        let bodies = [goodbye.clone(), brief].map(|goodbye| Message::from(goodbye).encode(self.serializer));
        bodies.into_iter().flatten().find(|body| body.len() <= max_bytes)
    }

    /// The octets of a message for this session, none if there is no way to carry it there.
    ///
    /// The party that waits for it learns why: the caller of an INVOCATION or of a RESULT (RAW-13, SER-09).
    pub(crate) fn body(&mut self, message: &Outgoing, max_bytes: usize) -> Option<Bytes> {
        let is_spoiled = !self.spoiled_calls.is_empty() && self.ends_spoiled_call(message.message());
        let error = match message.body(self.serializer) {
            _ if is_spoiled => error_uri::PAYLOAD_SIZE_EXCEEDED,
            Ok(body) if body.len() <= max_bytes => return Some(body),
            Ok(_) => error_uri::PAYLOAD_SIZE_EXCEEDED,
            Err(_) => error_uri::INVALID_ARGUMENT,
        };
        let counters = self.driver.counters();
        let (request_type, request) = match message.message() {
            Message::Invocation(invocation) => {
                counters.calls_undeliverable.increment();
                self.driver.undeliverable(self.membership.key, invocation.request, error);
                return None;
            }
            // More of it may come, which means nothing without this part: the call ends here.
            Message::CallResult(CallResult { request, details, .. }) if details.progress == Some(true) => {
                counters.calls_undeliverable.increment();
                let was_open = self.driver.end_call(self.membership.key, *request, error);
                if !was_open && !self.spoiled_calls.contains(request) {
                    // Its final answer is on its way already, behind all of its parts.
                    self.spoiled_calls.push(*request);
                }
                return None;
            }
            // The request is over for the core: its sender gets this as the final answer instead.
            Message::CallResult(CallResult { request, .. }) => {
                counters.calls_undeliverable.increment();
                (MessageCode::Call as u64, *request)
            }
            Message::Error(Error { request_type, request, .. }) => {
                counters.calls_undeliverable.increment();
                (*request_type, *request)
            }
            _ => {
                counters.events_undeliverable.increment();
                return None;
            }
        };
        let instead = Error {
            request_type,
            request,
            details: Dict::new(),
            error: error.into(),
            payload: Payload::EMPTY,
        };
        Message::from(instead).encode(self.serializer).ok().filter(|body| body.len() <= max_bytes)
    }

    /// Whether that is the final answer to a call of which a part could not be carried here.
    fn ends_spoiled_call(&mut self, message: &Message) -> bool {
        let request = match message {
            Message::CallResult(result) if result.details.progress != Some(true) => result.request,
            Message::Error(error) if error.request_type == MessageCode::Call as u64 => error.request,
            _ => return false,
        };
        let place = self.spoiled_calls.iter().position(|spoiled| *spoiled == request);
        place.map(|place| self.spoiled_calls.swap_remove(place)).is_some()
    }

    /// The messages that wait for this session.
    pub(crate) fn outbox(&self) -> &Outbox {
        &self.membership.outbox
    }

    /// How fast it may send.
    pub(crate) fn rate(&self) -> Rate {
        self.rate
    }

    pub(crate) fn counters(&self) -> &Counters {
        self.driver.counters()
    }

    /// The session's ID, for logs.
    pub(crate) fn id(&self) -> u64 {
        self.membership.session.value()
    }
}

impl Drop for Session {
    /// However a session ends, nothing of it stays behind (SES-14, SES-15).
    fn drop(&mut self) {
        self.driver.leave(self.membership.key);
        self.router.realms().retire_if_empty(&self.driver);
    }
}

impl<'a> Arrival<'a> {
    fn leads_to(self, plan: &RealmPlan) -> bool {
        match self {
            Self::Listener(listener) => listener.opens(&plan.label),
            Self::InProcess | Self::Vouched { .. } => true,
        }
    }

    /// The name of the role that a session gets which proves nothing about itself.
    fn role(self, plan: &'a RealmPlan) -> Option<&'a str> {
        let of_realm = plan.anonymous_role();
        match self {
            Self::Listener(listener) => {
                let here = listener.anonymous_roles.iter().find(|role| role.realm == plan.label);
                here.map(|role| role.role.as_str()).or(of_realm)
            }
            Self::InProcess => of_realm,
            Self::Vouched { authrole, .. } => Some(authrole),
        }
    }

    fn authmethod(self) -> &'static str {
        match self {
            Self::Listener(_) | Self::InProcess => ANONYMOUS,
            Self::Vouched { .. } => IN_PROCESS,
        }
    }

    fn authid(self) -> String {
        match self {
            Self::Vouched { authid, .. } => authid.to_owned(),
            Self::Listener(_) | Self::InProcess => {
                format!("{SESSION_AUTHID_PREFIX}{:014x}", rand::random::<u64>() >> 8)
            }
        }
    }
}

/// That nothing which the client offers is configured, as the realm's clients know it.
fn no_auth_method(profile: Profile) -> &'static str {
    match profile {
        Profile::Crossbar => error_uri::CROSSBAR_NO_AUTH_METHOD,
        Profile::Default | Profile::Strict => error_uri::NO_MATCHING_AUTH_METHOD,
    }
}

/// A GOODBYE that needs no words.
pub(crate) fn goodbye(reason: &'static str) -> Goodbye {
    Goodbye { details: Dict::new(), reason: reason.into() }
}

fn welcome(
    hello: &Hello,
    membership: &Membership,
    authmethod: &'static str,
    authid: &str,
    authrole: &str,
) -> Welcome {
    Welcome {
        session: membership.session,
        details: WelcomeDetails {
            agent: Some(concat!("Trunkline/", env!("CARGO_PKG_VERSION")).into()),
            roles: Some(roles().into()),
            realm: Some(hello.realm.clone()),
            authid: Some(authid.into()),
            authrole: Some(authrole.into()),
            authmethod: Some(authmethod.into()),
            authprovider: Some(AUTHPROVIDER.into()),
            ..WelcomeDetails::default()
        }
        .into(),
    }
}

/// Marks the authids that the router made up (AUTH-ANON-01).
const SESSION_AUTHID_PREFIX: &str = "anonymous-";

/// The roles of the router. A feature is announced from the change that implements it.
fn roles() -> RouterRoles {
    let broker = BrokerFeatures {
        publisher_identification: Some(true),
        publisher_exclusion: Some(true),
        subscriber_blackwhite_listing: Some(true),
        pattern_based_subscription: Some(true),
        publication_trustlevels: Some(true),
        subscription_meta_api: Some(true),
        session_meta_api: Some(true),
        event_history: Some(true),
        event_retention: Some(true),
        subscription_revocation: Some(true),
        sharded_subscriptions: Some(true),
        payload_passthru_mode: Some(true),
        payload_transparency: Some(true),
        ..BrokerFeatures::default()
    };
    let dealer = DealerFeatures {
        progressive_call_results: Some(true),
        progressive_call_invocations: Some(true),
        call_canceling: Some(true),
        call_timeout: Some(true),
        caller_identification: Some(true),
        call_trustlevels: Some(true),
        pattern_based_registration: Some(true),
        shared_registration: Some(true),
        sharded_registration: Some(true),
        registration_revocation: Some(true),
        call_reroute: Some(true),
        payload_passthru_mode: Some(true),
        payload_transparency: Some(true),
        invoke_all: Some(true),
        invoke_leastbusy: Some(true),
        registration_meta_api: Some(true),
        session_meta_api: Some(true),
        testament_meta_api: Some(true),
        ..DealerFeatures::default()
    };
    RouterRoles {
        broker: Some(BrokerRole { features: Some(broker.into()), ..BrokerRole::default() }.into()),
        dealer: Some(DealerRole { features: Some(dealer.into()), ..DealerRole::default() }.into()),
        ..RouterRoles::default()
    }
}
