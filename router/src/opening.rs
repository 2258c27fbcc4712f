//! A session from HELLO to WELCOME: what its protocol takes, what it is refused with, and how it joins.
//!
//! Who it is, is found out by [`crate::authentication`], or known to the program that embeds the router.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use trunkline_config::AuthMethod;
use wamp_proto::dict::{
    BrokerFeatures, BrokerRole, ChallengeExtra, DealerFeatures, DealerRole, RouterRoles, WelcomeDetails,
};
use wamp_proto::message::{Abort, Authenticate, Challenge, Hello, Welcome};
use wamp_proto::session::{RouterInput, abort};
use wamp_proto::uri::check_uri;
use wamp_proto::{Message, RouterSession, SerializerId, SessionId, Value, Violation, decode, error_uri};

use crate::authentication::{Admitted, Refused};
use crate::realm::{Features, Identity};
use crate::realms::RealmPlan;
use crate::router::Router;
use crate::session::Session;

/// How much of a name from a stranger is repeated in logs and explanations.
const SHOWN_CHARACTERS: usize = 64;

/// A session that has not joined yet.
pub(crate) struct Opening<'a> {
    router: &'a Arc<Router>,
    protocol: RouterSession,
    serializer: SerializerId,
    features: Features,
    /// The realm that HELLO named: cut short, and escaped wherever it appears.
    realm: String,
    /// Says in the logs who that is.
    peer: &'a (dyn fmt::Display + Send + Sync),
}

impl<'a> Opening<'a> {
    /// Takes the frame that has to be HELLO, and looks for the realm that it names; `opens` says whether that realm,
    /// known by the label of its plan, can be joined from there.
    ///
    /// # Errors
    /// With the ABORT to send, or nothing to say to a client that aborted itself.
    pub(crate) fn hello(
        router: &'a Arc<Router>,
        opens: impl Fn(&str) -> bool,
        serializer: SerializerId,
        frame: &Bytes,
        peer: &'a (dyn fmt::Display + Send + Sync),
    ) -> Result<(Self, Hello, Arc<RealmPlan>), Option<Abort>> {
        let mut opening = Self {
            router,
            protocol: RouterSession::new(),
            serializer,
            features: Features::default(),
            realm: String::new(),
            peer,
        };
        let RouterInput::Hello(hello) = opening.receive(frame)? else { return Err(None) };
        opening.features = Features::announced(&hello.details);
        opening.realm = hello.realm.chars().take(SHOWN_CHARACTERS).collect();
        check_uri(&hello.realm, router.realm_uri_rules())
            .map_err(|error| opening.refuse(&Refused::new(error_uri::INVALID_URI, error.to_string())))?;
        let plan = router.realms().plan(&hello.realm).filter(|plan| opens(&plan.label)).cloned();
        let Some(plan) = plan else {
            let message = format!("no realm {:?}", opening.realm);
            return Err(Some(opening.refuse(&Refused::new(error_uri::NO_SUCH_REALM, message))));
        };
        Ok((opening, hello, plan))
    }

    /// The CHALLENGE of that method. AUTHENTICATE answers it (AUTH-GEN-02).
    pub(crate) fn challenge(&mut self, method: AuthMethod, extra: Vec<(String, Value)>) -> Message {
        self.protocol.challenge();
        Challenge { authmethod: method.as_str().into(), extra: ChallengeExtra { extra }.into() }.into()
    }

    /// Takes the frame that has to be AUTHENTICATE.
    ///
    /// # Errors
    /// With the ABORT to send, or nothing to say to a client that aborted itself.
    pub(crate) fn authenticate(&mut self, frame: &Bytes) -> Result<Authenticate, Option<Abort>> {
        match self.receive(frame)? {
            RouterInput::Authenticate(authenticate) => Ok(authenticate),
            _ => Err(None),
        }
    }

    fn receive(&mut self, frame: &Bytes) -> Result<RouterInput, Option<Abort>> {
        let message = decode(self.serializer, frame, self.router.decode_rules()).map_err(Violation::from);
        message.and_then(|message| self.protocol.receive(message)).map_err(|violation| {
            self.router.counters().protocol_violations.increment();
            tracing::debug!(peer = %self.peer, %violation, "protocol violation before the session opened");
            Some(violation.abort())
        })
    }

    /// The ABORT of somebody who may not join.
    pub(crate) fn refuse(&self, refused: &Refused) -> Abort {
        let Refused { reason, message, cause } = refused;
        self.router.counters().joins_refused.increment();
        let (peer, realm) = (self.peer, &self.realm);
        tracing::info!(target: "trunkline::audit", %peer, ?realm, reason, cause, "join refused");
        abort(reason, message)
    }

    /// Joins the realm.
    ///
    /// Returns the session and its WELCOME, which precedes everything else (SES-06, ORD-07).
    ///
    /// # Errors
    /// With the ABORT to send, if the realm takes nobody now.
    pub(crate) fn join(mut self, admitted: &Admitted) -> Result<(Session, Welcome), Abort> {
        let Admitted { realm, plan, authid, role, authmethod, authprovider, session, login, .. } = admitted;
        if self.router.memory().is_exceeded() {
            self.router.counters().sessions_refused_for_memory.increment();
            return Err(self.refuse(&Refused::new(error_uri::UNAVAILABLE, "the router is short of memory")));
        }
        let Some(seat) = self.router.seats().take() else {
            self.router.counters().sessions_over_limit.increment();
            let message = "the router has as many sessions as it may have";
            return Err(self.refuse(&Refused::new(error_uri::UNAVAILABLE, message)));
        };
        let identity = |session| Identity {
            session,
            authid: (&**authid).into(),
            role: role.clone(),
            authmethod,
            authprovider,
            features: self.features,
        };
        let joined = self.router.realms().join(realm, plan, *session, login.as_ref(), identity);
        let (driver, membership) = joined.map_err(|reason| {
            self.refuse(&Refused::new(reason, "the realm does not take the session now"))
        })?;
        self.protocol.welcome(plan.profile);
        let welcome = welcome(membership.session, admitted);
        tracing::info!(
            target: "trunkline::audit",
            peer = %self.peer, session = membership.session.value(), realm = %realm.escape_debug(), authid,
            authrole = %role.name, authmethod, "joined"
        );
        let Self { protocol, router, serializer, .. } = self;
        let mut session =
            Session::new(protocol, router.clone(), (driver, membership), admitted, serializer, seat);
        if let Some(time) = admitted.expires {
            session.expire_at(time);
        }
        if role.asks() {
            session.wait_for_authorizer();
        }
        Ok((session, welcome))
    }
}

fn welcome(session: SessionId, admitted: &Admitted) -> Welcome {
    let details = WelcomeDetails {
        agent: Some(concat!("Trunkline/", env!("CARGO_PKG_VERSION")).into()),
        roles: Some(roles().into()),
        realm: Some(admitted.realm.as_str().into()),
        authid: Some(admitted.authid.as_str().into()),
        authrole: Some((&*admitted.role.name).into()),
        authmethod: Some(admitted.authmethod.into()),
        authprovider: Some(admitted.authprovider.into()),
        authextra: admitted.authextra.clone(),
        ..WelcomeDetails::default()
    };
    Welcome { session, details: details.into() }
}

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
