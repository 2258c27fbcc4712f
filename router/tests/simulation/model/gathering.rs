//! One call of all callees: whom it went to, and what they answered.

use wamp_proto::error_uri;

use super::Model;
use super::calls::{Call, CallKey, Obstacle, Undispatched};
use super::session::Answer;
use crate::reply::{Content, Part};

#[derive(Clone)]
pub(super) struct Member {
    callee: u64,
    /// None, if it was not invoked.
    request: Option<u64>,
    answer: Option<Part>,
    /// Of the answer, as the callee wrote it.
    octets: usize,
}

impl Member {
    /// Octets that it counts for while others have to answer.
    pub(super) fn octets(&self) -> usize {
        64 + self.octets
    }
}

impl Model {
    pub(super) fn dispatch_to_all(&mut self, number: u64, mut call: Call) -> Result<(), Box<Undispatched>> {
        if call.is_in_chunks() || call.is_packed() || call.resource_key().is_some() {
            return Err(Box::new((Obstacle::Never(error_uri::FEATURE_NOT_SUPPORTED), call)));
        }
        let mut members = Vec::new();
        for callee in self.registration(number).expect("a registration").callees.clone() {
            let (request, answer) = if call.tried.contains(&callee.place) {
                (None, Some(Part::error(error_uri::UNAVAILABLE)))
            } else if !self.has_room(&callee) {
                (None, Some(Part::error(error_uri::MAX_CONCURRENCY_REACHED)))
            } else if let Some(invoked) = self.invoke_for(number, &callee, &call) {
                (Some(invoked.request), None)
            } else {
                (None, Some(Part::error(error_uri::UNAVAILABLE)))
            };
            members.push(Member { callee: callee.name, request, answer, octets: 0 });
        }
        let (caller, request) = call.key();
        if let Some(parts) = all_answers(&members) {
            self.answer(caller, request, Answer::Result(Content::All(parts)));
            return Ok(());
        }
        self.seen.gatherings += 1;
        call.gathering = Some(members);
        self.member(caller).is_party = true;
        self.underway.push(call);
        Ok(())
    }

    /// One of all callees answered. The last one makes the call's own answer.
    pub(super) fn gathered(&mut self, key: CallKey, (callee, request): (u64, u64), part: Part) {
        let session = &self.sessions[&callee];
        let octets = match &part {
            Part::Result(note) | Part::Failed(note) => note.octets(session.serializer),
            // Said by the router itself.
            Part::Error(_) if session.has_left => "[\"the callee is gone\"]".len(),
            Part::Error(_) => 0,
        };
        let part = part.told();
        let call = self.find_call(key).expect("a call");
        let members = call.gathering.as_mut().expect("a call of all");
        let member = members.iter_mut().find(|it| it.callee == callee && it.request == Some(request));
        let member = member.expect("one of those called");
        member.answer = Some(part.clone());
        member.octets = octets;
        let parts = all_answers(members);
        if call.options.receive_progress == Some(true) && !call.is_killed {
            self.answer(key.0, key.1, Answer::Progress(Content::All(vec![part])));
        }
        if let Some(parts) = parts {
            self.take_call(key);
            self.answer(key.0, key.1, Answer::Result(Content::All(parts)));
        }
    }
}

fn all_answers(members: &[Member]) -> Option<Vec<Part>> {
    members.iter().map(|member| member.answer.clone()).collect()
}
