//! What the meta API shows of the registrations, and which callees it takes off them (META-REG).

use wamp_proto::{MatchPolicy, RegistrationId, RequestId, SessionId, Uri, error_uri};

use super::Dealer;
use super::registration::Registration;
use crate::realm::meta::{Description, IdsByPolicy};
use crate::realm::recipient::RecipientKey;
use crate::realm::refusal::Refusal;
use crate::realm::settings::RealmSettings;
use crate::realm::world::World;

/// A registration and what its callees have to do.
pub(in crate::realm) struct Workload {
    pub(in crate::realm) description: Description,
    pub(in crate::realm) waiting_calls: usize,
    pub(in crate::realm) callees: Vec<CalleeLoad>,
}

/// What one callee of a registration has to do.
pub(in crate::realm) struct CalleeLoad {
    pub(in crate::realm) session: SessionId,
    /// Invocations that it has not answered.
    pub(in crate::realm) open: u64,
    /// Invocations that it takes at a time, if it said so.
    pub(in crate::realm) concurrency: Option<u64>,
}

impl Dealer {
    /// Every registration.
    pub(in crate::realm) fn ids(&self) -> IdsByPolicy {
        let mut ids = IdsByPolicy::default();
        for (_, registration) in &self.registrations {
            ids.push(registration.match_policy, registration.id.value());
        }
        ids
    }

    /// The registration of that very procedure or pattern.
    pub(in crate::realm) fn lookup(&self, procedure: &str, policy: MatchPolicy) -> Option<RegistrationId> {
        let slot = self.slot_by_procedure.get(procedure, policy)?;
        self.registrations.get(*slot).map(|registration| registration.id)
    }

    /// The registration that a CALL of that procedure goes to.
    pub(in crate::realm) fn best_match(&self, procedure: &str) -> Option<RegistrationId> {
        self.registrations.get(self.find(procedure)?).map(|registration| registration.id)
    }

    /// The same, and whether that session is a callee of it.
    pub(in crate::realm) fn best_match_and_callee(
        &self,
        procedure: &str,
        session: RecipientKey,
    ) -> Option<(RegistrationId, bool)> {
        let found = self.registrations.get(self.find(procedure)?)?;
        Some((found.id, found.callees().iter().any(|callee| callee.key == session)))
    }

    /// A registration and what its callees have to do.
    pub(in crate::realm) fn workload(&self, id: RegistrationId) -> Option<Workload> {
        let registration = self.registration(id)?;
        let callees = registration.callees().iter().map(|callee| CalleeLoad {
            session: callee.session,
            open: callee.open,
            concurrency: callee.concurrency,
        });
        Some(Workload {
            description: registration.description(),
            waiting_calls: registration.waiting.len(),
            callees: callees.collect(),
        })
    }

    /// Session IDs of a registration's callees.
    pub(in crate::realm) fn callees(&self, id: RegistrationId) -> Option<Vec<u64>> {
        let registration = self.registration(id)?;
        Some(registration.callees().iter().map(|callee| callee.session.value()).collect())
    }

    /// How many callees a registration has.
    pub(in crate::realm) fn callee_count(&self, id: RegistrationId) -> Option<usize> {
        self.registration(id).map(|registration| registration.callees().len())
    }

    /// Whether a session waits for the answer to that CALL.
    pub(in crate::realm) fn has_open_call(&self, of: RecipientKey, request: RequestId) -> bool {
        self.parties.get(&of).is_some_and(|party| party.calls.contains_key(&request))
    }

    /// Takes a callee off a registration, whether or not it wants to, and tells it if it can be told (RRV-01).
    pub(in crate::realm) fn revoke(
        &mut self,
        settings: &RealmSettings,
        id: RegistrationId,
        callee: SessionId,
        reason: Option<Uri>,
        out: &impl World,
    ) -> Result<(), Refusal> {
        let Some(registration) = self.registration(id) else {
            return Err(Refusal::new(
                error_uri::NO_SUCH_REGISTRATION,
                format!("registration {id} does not exist"),
            ));
        };
        let Some(callee) = registration.callees().iter().find(|found| found.session == callee) else {
            return Err(Refusal::new(
                error_uri::NO_SUCH_SESSION,
                format!("session {callee} is no callee of registration {id} now"),
            ));
        };
        let key = callee.key;
        if let Some(party) = self.parties.get_mut(&key) {
            party.registrations.remove(&id);
        }
        // Nothing follows it, since the place is gone before anybody is invoked (ORD-05).
        super::tell_revoked(key, id, reason, out);
        self.remove(settings, id, key, out);
        Ok(())
    }

    fn registration(&self, id: RegistrationId) -> Option<&Registration> {
        self.registrations.get(*self.slot_by_id.get(&id)?)
    }
}
