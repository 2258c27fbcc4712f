//! A PUBLISH that was admitted, as its subscribers are to see it: who published, how far that is trusted, how the
//! payload is packed. Whose it is to get is the [`Audience`]'s.

use wamp_proto::dict::{Dict, EventDetails, PublishOptions};
use wamp_proto::message::Publish;
use wamp_proto::{Payload, PublicationId, Uri, error_uri};

use super::admission::Applicant;
use super::audience::{Audience, Lists};
use super::authorization::Disclosure;
use super::packing::{carry_packing, is_packed};
use super::recipient::{Identity, RecipientKey};
use super::refusal::{Refusal, shown};
use super::settings::RealmSettings;

/// What is published, and to whom.
pub(super) struct Publication {
    pub(super) id: PublicationId,
    pub(super) topic: Uri,
    pub(super) payload: Payload,
    /// What every EVENT says, apart from the topic.
    pub(super) details: Dict<EventDetails>,
    pub(super) audience: Audience,
    /// Which shard gets it (SHS-01).
    pub(super) resource_key: Option<Uri>,
    /// Whether it is to be the topic's retained event (RET-01).
    pub(super) is_retained: bool,
}

impl Publication {
    /// # Errors
    /// If the publisher asks to be disclosed and must not be (PID-02), or the resource key is too long.
    pub(super) fn new(
        id: PublicationId,
        from: RecipientKey,
        Applicant { settings, identity: publisher, .. }: Applicant<'_>,
        disclosure: Disclosure,
        publish: Publish,
    ) -> Result<Self, Refusal> {
        check_resource_key(&publish.options, settings)?;
        let Publish { options, topic, payload, .. } = publish;
        let is_disclosed = is_disclosed(disclosure, &topic, options.disclose_me == Some(true))?;
        Ok(Self {
            id,
            topic,
            payload,
            details: event_details(publisher, is_disclosed, &options),
            audience: Audience::new(from, publisher.session, &options, settings.profile),
            resource_key: options.rkey.clone(),
            is_retained: options.retain == Some(true),
        })
    }

    /// Whether histories take it: not if it went by session IDs, which are others when it is looked up (HIS-07).
    pub(super) fn is_for_histories(&self) -> bool {
        !self.audience.lists().is_some_and(Lists::names_sessions)
    }
}

/// A resource key is hashed for each node of each subscription.
pub(super) fn check_resource_key(options: &PublishOptions, settings: &RealmSettings) -> Result<(), Refusal> {
    let max = settings.uri_rules.max_bytes;
    if options.rkey.as_ref().is_none_or(|resource_key| resource_key.len() <= max) {
        return Ok(());
    }
    Err(Refusal::new(error_uri::INVALID_ARGUMENT, format!("a resource key has at most {max} octets")))
}

fn is_disclosed(disclosure: Disclosure, topic: &str, is_asked_for: bool) -> Result<bool, Refusal> {
    match disclosure {
        Disclosure::OnRequest => Ok(is_asked_for),
        Disclosure::Forced => Ok(true),
        Disclosure::Refused if is_asked_for => Err(Refusal::new(
            error_uri::OPTION_DISALLOWED_DISCLOSE_ME,
            format!("publishers to {} are not disclosed", shown(topic)),
        )),
        Disclosure::Refused => Ok(false),
    }
}

fn event_details(publisher: &Identity, is_disclosed: bool, options: &PublishOptions) -> Dict<EventDetails> {
    let mut details: Dict<EventDetails> = Dict::new();
    if is_disclosed {
        details.publisher = Some(publisher.session);
        details.publisher_authid = Some((&*publisher.authid).into());
        details.publisher_authrole = Some((&*publisher.role.name).into());
    }
    if let Some(trustlevel) = publisher.role.trustlevel {
        details.trustlevel = Some(trustlevel);
    }
    if is_packed!(options) {
        carry_packing!(options => details);
    }
    details
}
