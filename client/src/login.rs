//! From an open transport to an open session: HELLO, CHALLENGE and AUTHENTICATE, WELCOME.

use std::io;

use futures_util::{SinkExt as _, StreamExt as _};
use wamp_proto::auth::client::{Answer, Login, Refusal};
use wamp_proto::dict::{
    CalleeFeatures, CalleeRole, CallerFeatures, CallerRole, ClientRoles, Dict, HelloDetails,
    PublisherFeatures, PublisherRole, SubscriberFeatures, SubscriberRole,
};
use wamp_proto::message::{Challenge, Hello, Message, Welcome};
use wamp_proto::session::{ClientInput, Violation};
use wamp_proto::{ClientSession, DecodeRules, SerializerId, decode};

use crate::credential::Credential;
use crate::error::{ConnectError, Reason};
use crate::transport::{self, Opened, Transport};

/// Whom a client says that it is, and to which realm.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) realm: String,
    pub(crate) authid: Option<String>,
    pub(crate) credentials: Vec<Credential>,
    pub(crate) agent: String,
}

impl Identity {
    pub(crate) fn new(realm: &str) -> Self {
        Self {
            realm: realm.to_owned(),
            authid: None,
            credentials: Vec::new(),
            agent: concat!("trunkline-client/", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }

    /// Opens a session on that transport.
    pub(crate) async fn log_in(&self, opened: &mut Opened) -> Result<(ClientSession, Welcome), ConnectError> {
        let mut prepared = Vec::with_capacity(self.credentials.len());
        for credential in &self.credentials {
            prepared.push(credential.prepare(opened.channel).await?);
        }
        if prepared.is_empty() {
            prepared.push(wamp_proto::auth::client::Credential::Anonymous);
        }
        let mut login = Login::new(self.authid.as_deref(), prepared, rand::random());
        let mut details = HelloDetails {
            agent: Some(self.agent.as_str().into()),
            roles: Some(roles()),
            ..HelloDetails::default()
        };
        login.hello(&mut details);
        let mut line = Line { transport: &mut *opened.transport, serializer: opened.serializer };
        line.say(Hello { realm: self.realm.as_str().into(), details: details.into() }).await?;

        let mut protocol = ClientSession::new();
        loop {
            match line.hear(&mut protocol).await? {
                ClientInput::Challenge(challenge) => {
                    // A key may take a tenth of a second to derive: not on a thread that others wait for.
                    let computed = tokio::task::spawn_blocking(move || {
                        let answer = login.answer(&challenge);
                        (login, challenge, answer)
                    });
                    let (used, challenge, answer) =
                        computed.await.map_err(|error| ConnectError::Credential(error.to_string()))?;
                    login = used;
                    let answer = match answer {
                        Ok(Answer::Authenticate(authenticate)) => authenticate,
                        Ok(Answer::ToSign(text)) => match self.signed(&challenge, &text).await {
                            Ok(Answer::Authenticate(authenticate)) => authenticate,
                            Ok(Answer::ToSign(_)) => return line.refuse(Refusal::NotOffered).await,
                            Err(error) => {
                                line.say(Refusal::NotOffered.abort()).await.ok();
                                return Err(error);
                            }
                        },
                        Err(refusal) => return line.refuse(refusal).await,
                    };
                    line.say(answer).await?;
                }
                ClientInput::Welcome(welcome) => {
                    return match login.check_welcome(&welcome) {
                        Ok(()) => Ok((protocol, welcome)),
                        Err(refusal) => line.refuse(refusal).await,
                    };
                }
                ClientInput::Aborted(abort) => return Err(ConnectError::Refused(Reason::from(&abort))),
                // Everything else is a violation before WELCOME.
                _ => {}
            }
        }
    }

    /// The answer of whoever signs for this client (AUTH-CRA-05).
    async fn signed(&self, challenge: &Challenge, text: &str) -> Result<Answer, ConnectError> {
        for credential in &self.credentials {
            if let Some(signature) = credential.sign(text).await {
                return Ok(Answer::signed(&signature?));
            }
        }
        Err(ConnectError::Credential(format!("nobody signs for {:?}", challenge.authmethod)))
    }
}

/// A transport on which one message is said or heard at a time.
struct Line<'a> {
    transport: &'a mut dyn Transport,
    serializer: SerializerId,
}

impl Line<'_> {
    async fn say(&mut self, message: impl Into<Message>) -> Result<(), ConnectError> {
        let body = message.into().encode(self.serializer);
        let body = body.map_err(|error| ConnectError::Protocol(error.to_string()))?;
        self.transport.send(body).await.map_err(lost)
    }

    async fn hear(&mut self, protocol: &mut ClientSession) -> Result<ClientInput, ConnectError> {
        let frame = match self.transport.next().await {
            Some(frame) => frame.map_err(lost)?,
            None => return Err(lost(io::ErrorKind::UnexpectedEof.into())),
        };
        let message = decode(self.serializer, &frame, &DecodeRules::default()).map_err(Violation::from);
        match message.and_then(|message| protocol.receive(message)) {
            Ok(input) => Ok(input),
            Err(violation) => {
                self.say(violation.abort()).await.ok();
                Err(ConnectError::Protocol(violation.to_string()))
            }
        }
    }

    /// Goes no further, and says why (SES-12).
    async fn refuse<T>(&mut self, refusal: Refusal) -> Result<T, ConnectError> {
        self.say(refusal.abort()).await.ok();
        Err(refusal.into())
    }
}

fn lost(error: io::Error) -> ConnectError {
    transport::lost(error).into()
}

/// The roles of this client, and the features that it has (FEAT-03 to FEAT-06).
fn roles() -> Dict<ClientRoles> {
    const YES: Option<bool> = Some(true);
    let publisher = PublisherFeatures {
        publisher_identification: YES,
        publisher_exclusion: YES,
        subscriber_blackwhite_listing: YES,
        sharded_subscriptions: YES,
        payload_passthru_mode: YES,
        ..PublisherFeatures::default()
    };
    let subscriber = SubscriberFeatures {
        publisher_identification: YES,
        pattern_based_subscription: YES,
        publication_trustlevels: YES,
        subscription_revocation: YES,
        sharded_subscriptions: YES,
        payload_passthru_mode: YES,
        ..SubscriberFeatures::default()
    };
    let caller = CallerFeatures {
        caller_identification: YES,
        call_canceling: YES,
        progressive_call_results: YES,
        progressive_call_invocations: YES,
        call_timeout: YES,
        sharded_registration: YES,
        payload_passthru_mode: YES,
        ..CallerFeatures::default()
    };
    let callee = CalleeFeatures {
        caller_identification: YES,
        call_canceling: YES,
        call_timeout: YES,
        call_trustlevels: YES,
        progressive_call_results: YES,
        progressive_call_invocations: YES,
        pattern_based_registration: YES,
        shared_registration: YES,
        sharded_registration: YES,
        call_reroute: YES,
        registration_revocation: YES,
        payload_passthru_mode: YES,
        ..CalleeFeatures::default()
    };
    ClientRoles {
        publisher: Some(
            PublisherRole { features: Some(publisher.into()), ..PublisherRole::default() }.into(),
        ),
        subscriber: Some(
            SubscriberRole { features: Some(subscriber.into()), ..SubscriberRole::default() }.into(),
        ),
        caller: Some(CallerRole { features: Some(caller.into()), ..CallerRole::default() }.into()),
        callee: Some(CalleeRole { features: Some(callee.into()), ..CalleeRole::default() }.into()),
        ..ClientRoles::default()
    }
    .into()
}
