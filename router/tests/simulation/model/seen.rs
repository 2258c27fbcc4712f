//! How often what happened, to tell whether a simulation is about anything.

#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) overflows: u64,
    pub(crate) refused_invocations: u64,
    pub(crate) denials: u64,
    pub(crate) calls_that_waited: u64,
    pub(crate) choices_by_chance: u64,
    pub(crate) revocations: u64,
    pub(crate) progress: u64,
    pub(crate) skips: u64,
    pub(crate) kills: u64,
    pub(crate) interrupts: u64,
    pub(crate) timeouts: u64,
    pub(crate) chunks_passed_on: u64,
    pub(crate) chunks_that_waited: u64,
    pub(crate) chunks_lost: u64,
    pub(crate) reroutes: u64,
    pub(crate) gatherings: u64,
    pub(crate) testaments: u64,
    pub(crate) subscriptions_revoked: u64,
    pub(crate) sessions_killed: u64,
    pub(crate) results_lost: u64,
}
