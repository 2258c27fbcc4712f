//! What sessions do as callers and as callees.

use wamp_proto::SerializerId;
use wamp_proto::dict::{CallOptions, CancelMode};

use super::Simulation;
use crate::model::{Call, Chunk};
use crate::note::{Kind, Note};
use crate::pattern::{Pattern, any_uri};
use crate::reply::{Reply, SCHEME};

impl Simulation {
    pub(super) fn call(&mut self, name: u64) {
        let kind = self.kind(name);
        let offers: Vec<_> = match self.random.below(20) {
            // Now and then its own.
            0 => self.model.offers_of(name),
            1..14 => {
                let offers = self.model.offers(self.model.sessions[&name].realm);
                offers.into_iter().map(|(procedure, _)| procedure).collect()
            }
            _ => Vec::new(),
        };
        let offer = self.random.pick(offers.iter());
        let procedure = offer.map_or_else(|| any_uri(&mut self.random), Pattern::example);
        let options = self.call_options(name, &procedure);
        let (request, note) = self.peer(name).call(&procedure, kind, options.clone());
        let octets = note.octets(self.people[&name].peer.serializer);
        let is_in_chunks = options.progress == Some(true);
        self.in_model(|model| model.call(Call::new((name, request), procedure, options, note, octets)));
        if is_in_chunks && self.random.one_in(3) {
            for _ in 0..self.random.below(8) {
                self.go_on(name);
            }
        }
    }

    fn call_options(&mut self, name: u64, procedure: &str) -> CallOptions {
        let features = self.people[&name].peer.features;
        let timeout = [None, None, None, Some(0), Some(100), Some(1000), Some(4000)][self.random.below(7)];
        let is_partitioned = self.random.one_in(8);
        CallOptions {
            timeout: timeout.map(|most: u64| most / 2 + self.random.below(most as usize / 2 + 1) as u64),
            receive_progress: self.random.one_in(2).then_some(true),
            progress: (features.sends_chunks && self.random.one_in(3)).then_some(true),
            ppt_scheme: (features.packs_calls && self.random.one_in(6)).then(|| SCHEME.into()),
            runmode: is_partitioned.then(|| "partition".into()),
            rkey: (is_partitioned && !self.random.one_in(10)).then(|| {
                let realm = self.model.sessions[&name].realm;
                self.model.resource_key(realm, procedure, self.random.below(100)).into()
            }),
            ..CallOptions::default()
        }
    }

    /// Goes on with a call, which may be over.
    pub(super) fn go_on(&mut self, name: u64) {
        if self.model.sessions[&name].is_gone {
            return;
        }
        let kind = self.kind(name);
        let is_last = self.random.one_in(5);
        let unfinished: Vec<_> = self.people[&name].peer.unfinished.keys().copied().collect();
        let Some(request) = self.random.pick(unfinished.into_iter()) else { return };
        let note = self.peer(name).go_on(request, kind, is_last);
        let octets = note.octets(self.people[&name].peer.serializer);
        self.in_model(|model| model.chunk(name, request, Chunk { note, octets, is_last }));
    }

    /// Gives a call up, which may be over.
    pub(super) fn cancel(&mut self, name: u64) {
        let calls = self.people[&name].peer.calls();
        let Some(request) = self.random.pick(calls.into_iter()) else { return };
        let mode = [None, Some(CancelMode::Skip), Some(CancelMode::Kill), Some(CancelMode::KillNoWait)];
        let mode = mode[self.random.below(4)];
        self.peer(name).cancel(request, mode);
        self.in_model(|model| model.cancel(name, request, mode));
    }

    /// Answers an invocation, any of those that wait; now and then one that was answered before.
    pub(super) fn answer(&mut self, name: u64) {
        let reply = self.reply(name);
        let is_json = self.people[&name].peer.serializer == SerializerId::Json;
        let kind = if reply == Reply::Progress && is_json && self.random.one_in(2) {
            // Progressive results that cannot be carried to their callers are rare otherwise.
            Kind::JsonOnly
        } else {
            self.kind(name)
        };
        let peer = &mut self.people.get_mut(&name).expect("a person").peer;
        let (request, note) = if self.random.one_in(8)
            && let Some(request) = self.random.pick(peer.answered.iter().copied())
        {
            let note = Note { origin: name, number: 0, kind };
            peer.answer_again(request, note, reply);
            (request, note)
        } else if let Some(request) = self.random.pick(peer.unanswered.keys().copied()) {
            (request, peer.answer(request, kind, reply))
        } else {
            return;
        };
        self.in_model(|model| model.answered(name, request.value(), note, reply));
    }

    fn reply(&mut self, name: u64) -> Reply {
        match self.random.below(12) {
            0 | 1 => Reply::Failed,
            2..5 => Reply::Progress,
            5 | 6 => Reply::Unavailable,
            7 if self.people[&name].peer.features.takes_packed => Reply::Packed,
            _ => Reply::Result,
        }
    }
}
