//! What a CALL asks for beyond the ordinary, and what its INVOCATION says of it.

use std::collections::{BTreeSet, VecDeque};
use std::num::NonZeroU64;

use wamp_proto::dict::{CallOptions, Dict, InvocationDetails};
use wamp_proto::{Payload, Profile, Uri, error_uri};

use super::gathering::Gathering;
use super::registration::{Callee, PendingCall};
use crate::realm::authorization::Disclosure;
use crate::realm::packing::{carry_packing, is_packed};
use crate::realm::recipient::{Identity, RecipientKey};
use crate::realm::refusal::Refusal;
use crate::realm::settings::RealmSettings;
use crate::realm::world::Moment;

/// The one run mode there is: the call goes to the callee that the resource key belongs to (SRD-01).
const PARTITION: &str = "partition";

/// What a waiting chunk counts for besides its payload.
const CHUNK_BYTES: usize = 64;

/// What few calls have: what their first CALL asked for, which holds to the end (PCI-06), and what became of it.
#[derive(Debug, Default)]
pub(super) struct Terms {
    /// Milliseconds until the caller has enough of it.
    pub(super) timeout: Option<NonZeroU64>,
    /// When the CALL came, of a call with a time-out.
    pub(super) since: Moment,
    /// The caller takes progressive results.
    pub(super) wants_progress: bool,
    /// The caller is disclosed to whatever callee.
    is_disclosed: bool,
    /// The caller is disclosed to nobody.
    is_hidden: bool,
    /// Decides which callee it is.
    pub(super) resource_key: Option<Box<str>>,
    /// How the payload is packed: the keys of PPT and of Autobahn's transparent form alone.
    packing: Option<Box<InvocationDetails>>,
    /// Of a progressive invocation.
    pub(super) chunks: Option<Chunks>,

    /// The callee was told that progressive results are welcome.
    pub(super) takes_progress: bool,
    /// The callee minds the time-out itself (TMO-03).
    pub(super) is_timeout_forwarded: bool,
    /// The callee was interrupted, and the caller waits for what it says (CAN-03).
    pub(super) is_killed: bool,
    /// Places of the callees that could not attend to it (RRT-03).
    tried: BTreeSet<u64>,
    /// What another callee needs, if the one at work cannot attend to it.
    pub(super) spare: Option<Spare>,
    /// The answers of all callees, if all were called.
    pub(super) gathering: Option<Gathering>,
}

/// A call in several messages (PCI).
#[derive(Debug)]
pub(super) struct Chunks {
    /// Copied: a slice of the caller's frame would keep the frame alive.
    pub(super) procedure: Box<str>,
    /// The payloads may be octets in Autobahn's transparent form.
    pub(super) is_transparent: bool,
    /// The last one came.
    pub(super) is_complete: bool,
    /// Chunks that wait with the first for a callee, and whether each is the last.
    pub(super) waiting: VecDeque<(Payload, bool)>,
    /// Of the INVOCATION that the first became.
    pub(super) details: Dict<InvocationDetails>,
}

impl Chunks {
    /// Octets that a waiting chunk counts for.
    pub(super) fn cost(payload: &Payload) -> usize {
        payload.raw().len() + CHUNK_BYTES
    }

    /// Octets that all waiting chunks count for.
    pub(super) fn waiting_bytes(&self) -> usize {
        self.waiting.iter().map(|(payload, _)| Self::cost(payload)).sum()
    }
}

/// A call as it was given to a callee.
#[derive(Debug)]
pub(super) struct Spare {
    pub(super) procedure: Option<Uri>,
    pub(super) payload: Payload,
}

impl Terms {
    /// The terms of a CALL, unless it is an ordinary one.
    ///
    /// # Errors
    /// If what it asks for cannot be had.
    pub(super) fn of(
        settings: &RealmSettings,
        procedure: &str,
        options: &Dict<CallOptions>,
        disclosure: Disclosure,
        now: impl FnOnce() -> Moment,
    ) -> Result<Option<Box<Self>>, Refusal> {
        if options.is_empty() && disclosure == Disclosure::OnRequest {
            return Ok(None);
        }
        let asks = options.disclose_me == Some(true);
        if asks && disclosure == Disclosure::Refused {
            return Err(Refusal::disclosure());
        }
        let resource_key = match (options.runmode.as_deref(), &options.rkey) {
            (None, _) => None,
            (Some(PARTITION), Some(key)) if key.len() > settings.uri_rules.max_bytes => {
                return Err(invalid("the rkey is longer than a URI may be"));
            }
            (Some(PARTITION), Some(key)) => Some(Box::from(&**key)),
            (Some(PARTITION), None) => return Err(invalid("runmode \"partition\" needs an rkey")),
            (Some(_), _) => return Err(invalid("the only runmode is \"partition\"")),
        };
        let timeout = options.timeout.and_then(NonZeroU64::new);
        let is_disclosed = asks || disclosure == Disclosure::Forced;
        let is_progressive = options.progress == Some(true);
        let terms = Self {
            timeout,
            wants_progress: options.receive_progress == Some(true),
            is_disclosed,
            is_hidden: disclosure == Disclosure::Refused,
            packing: packing(options),
            chunks: is_progressive.then(|| Chunks {
                procedure: procedure.into(),
                is_transparent: options.enc_algo.is_some(),
                is_complete: false,
                waiting: VecDeque::new(),
                details: Dict::new(),
            }),
            resource_key,
            ..Self::default()
        };
        let is_special = terms.timeout.is_some()
            || terms.wants_progress
            || terms.is_disclosed
            || terms.is_hidden
            || terms.packing.is_some()
            || terms.chunks.is_some()
            || terms.resource_key.is_some();
        Ok(is_special.then(|| {
            let since = if timeout.is_some() { now() } else { Moment::default() };
            Box::new(Self { since, ..terms })
        }))
    }

    /// Whether that callee can be given the call.
    ///
    /// # Errors
    /// If it lacks a feature, or wants to know a caller that may not be disclosed.
    pub(super) fn fit(&self, callee: &Callee) -> Result<(), Refusal> {
        let lacks = |what: &str| {
            Err(Refusal::new(error_uri::FEATURE_NOT_SUPPORTED, format!("the callee does not take {what}")))
        };
        if self.is_packed_for_passthru() && !callee.features.payload_passthru_mode {
            return lacks("payload passthru mode");
        }
        let features = callee.features;
        if self.chunks.is_some() && !(features.progressive_call_invocations && features.call_canceling) {
            return lacks("progressive call invocations");
        }
        if self.is_hidden && callee.wants_caller {
            return Err(Refusal::disclosure());
        }
        Ok(())
    }

    /// Notes that the callee at that place could not attend to it.
    pub(super) fn note_tried(&mut self, place: u64) {
        self.tried.insert(place);
    }

    pub(super) fn has_tried(&self, callee: &Callee) -> bool {
        self.tried.contains(&callee.place)
    }

    /// Milliseconds that are left of the caller's own time-out, 1 at least: the call may have waited.
    pub(super) fn time_left(&self, now: impl FnOnce() -> Moment) -> Option<u64> {
        let timeout = self.timeout?.get();
        let waited = now().since_start().saturating_sub(self.since.since_start()).as_millis();
        Some(timeout.saturating_sub(u64::try_from(waited).unwrap_or(u64::MAX)).max(1))
    }

    fn is_packed_for_passthru(&self) -> bool {
        self.packing.as_ref().is_some_and(|packing| packing.ppt_scheme.is_some())
    }

    /// Octets that the call keeps while it is open: of texts, of what another callee would need, of answers.
    pub(super) fn kept_bytes(&self) -> usize {
        self.text_bytes()
            + self.spare.as_ref().map_or(0, |spare| spare.payload.raw().len())
            + self.gathering.as_ref().map_or(0, Gathering::bytes)
    }

    /// Octets of the texts that the caller chose.
    pub(super) fn text_bytes(&self) -> usize {
        let packing = self.packing.as_ref().map_or(0, |packing| {
            let texts =
                [&packing.ppt_scheme, &packing.ppt_serializer, &packing.ppt_cipher, &packing.ppt_keyid]
                    .into_iter()
                    .chain([&packing.enc_serializer, &packing.enc_key]);
            texts.flatten().map(|text| text.len()).sum::<usize>()
        });
        let procedure = self.chunks.as_ref().map_or(0, |chunks| chunks.procedure.len());
        self.resource_key.as_ref().map_or(0, |key| key.len()) + packing + procedure
    }

    /// Whether answers of several callees can be put together.
    pub(super) fn fit_all(&self) -> Result<(), Refusal> {
        if self.chunks.is_some() || self.packing.is_some() || self.resource_key.is_some() {
            return Err(Refusal::new(
                error_uri::FEATURE_NOT_SUPPORTED,
                "a call of all callees is one message, not packed, and has no resource key".to_owned(),
            ));
        }
        Ok(())
    }
}

/// Milliseconds that the dealer gives a call, or the pause between two results of it (TMO-02, PCR-08).
pub(super) fn dealers_timeout(settings: &RealmSettings, terms: Option<&Terms>) -> Option<u64> {
    let own = terms.filter(|terms| !terms.is_timeout_forwarded && !terms.is_killed);
    let own = own.and_then(|terms| terms.timeout);
    own.into_iter().chain(settings.call_timeout).min().map(NonZeroU64::get)
}

/// What the INVOCATION of a call says to that callee, and what follows from it for the call.
pub(super) fn details(
    settings: &RealmSettings,
    call: &mut PendingCall,
    callee: &Callee,
    caller: Option<&Identity>,
    now: impl FnOnce() -> Moment,
) -> Dict<InvocationDetails> {
    let trustlevel = caller.and_then(|caller| caller.role.trustlevel);
    if call.terms.is_none() && !callee.wants_caller && trustlevel.is_none() && call.procedure.is_none() {
        return Dict::new();
    }
    let mut details =
        InvocationDetails { trustlevel, procedure: call.procedure.clone(), ..Default::default() };
    let mut is_disclosed = callee.wants_caller;
    if let Some(terms) = &mut call.terms {
        is_disclosed |= terms.is_disclosed;
        if let Some(packing) = &terms.packing {
            details = InvocationDetails { trustlevel, procedure: details.procedure, ..(**packing).clone() };
        }
        let features = callee.features;
        // Autobahn|JS announces progressive results alone.
        let can_be_stopped = features.call_canceling || settings.profile != Profile::Strict;
        terms.takes_progress = terms.wants_progress && features.progressive_call_results && can_be_stopped;
        details.receive_progress = terms.takes_progress.then_some(true);
        details.progress = terms.chunks.is_some().then_some(true);
        // Not the router's own: sessions wait for what it asks, whatever the callee makes of its time.
        terms.is_timeout_forwarded = callee.wants_timeout
            && features.call_timeout
            && terms.timeout.is_some()
            && call.caller != RecipientKey::ROUTER;
        if terms.is_timeout_forwarded {
            details.timeout = terms.time_left(now);
        }
    }
    if is_disclosed && let Some(caller) = caller {
        details.caller = Some(caller.session);
        details.caller_authid = Some((&*caller.authid).into());
        details.caller_authrole = Some((&*caller.role.name).into());
    }
    if let Some(chunks) = call.terms.as_mut().and_then(|terms| terms.chunks.as_mut()) {
        chunks.details = details.clone().into();
    }
    if details == InvocationDetails::default() { Dict::new() } else { details.into() }
}

/// What INVOCATION says of how the payload is packed.
fn packing(options: &CallOptions) -> Option<Box<InvocationDetails>> {
    is_packed!(options).then(|| {
        let mut details = Box::<InvocationDetails>::default();
        carry_packing!(options => details);
        details
    })
}

fn invalid(why: &str) -> Refusal {
    Refusal::new(error_uri::INVALID_ARGUMENT, why.to_owned())
}
