//! `[limits]`: what one session, one message, the waiting calls of one realm, and the process may take.

use std::time::Duration;

/// Limits of a session and of its messages, of the calls that wait in a realm, and of the process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Sessions at a time, those of all realms together; none stands for as many as the process has descriptors for.
    pub sessions_max: Option<usize>,
    /// Octets that all messages and events may take that wait or are kept: outboxes, call queues, histories, retained events
    /// and testaments of all realms together. None stands for half of what the process may use.
    pub memory_budget_bytes: Option<usize>,
    /// Octets of one message, in either framing. A listener may have a limit of its own.
    pub message_max_bytes: usize,
    /// Nesting of arrays and dicts in one message.
    pub message_max_depth: usize,
    /// Octets of one Options or Details dict.
    pub dict_max_bytes: usize,
    /// Octets of one URI.
    pub uri_max_bytes: usize,
    /// Components of one URI.
    pub uri_max_components: usize,
    /// Messages in the outbox of one session.
    pub outbox_max_messages: usize,
    /// Octets in the outbox of one session: about the bodies, plus 64 for each entry.
    pub outbox_max_bytes: usize,
    /// How long a session may leave the answers to its own requests unread before it is disconnected.
    pub outbox_stall: Duration,
    /// Subscriptions that one session may hold.
    pub subscriptions_max: usize,
    /// Registrations that one session may hold.
    pub registrations_max: usize,
    /// CALLs of one session that may wait for their final answer.
    pub open_calls_max: usize,
    /// Octets that the calls of one realm may take that wait in call queues, all together, with what open calls keep for
    /// later.
    pub waiting_calls_max_bytes: usize,
    /// Testaments that one session may leave, those of both scopes together (TST-01); with 0, none.
    pub testaments_max: usize,
    /// Octets that the testaments of one session may take, each as a whole PUBLISH in CBOR.
    pub testaments_max_bytes: usize,
    /// Messages of one session that may wait for an authorizer's answers; then reading from it pauses.
    pub pending_authorizations_max: usize,
    /// Octets that they may take: of the payload one for one, of what stands in front of it 16, which it takes when it
    /// is read.
    pub pending_authorizations_max_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            sessions_max: None,
            memory_budget_bytes: None,
            message_max_bytes: 1024 * 1024,
            message_max_depth: 64,
            dict_max_bytes: 16 * 1024,
            uri_max_bytes: 1024,
            uri_max_components: 32,
            outbox_max_messages: 65_536,
            outbox_max_bytes: 4 * 1024 * 1024,
            outbox_stall: Duration::from_secs(30),
            subscriptions_max: 8192,
            registrations_max: 8192,
            open_calls_max: 65_536,
            waiting_calls_max_bytes: 64 * 1024 * 1024,
            testaments_max: 16,
            testaments_max_bytes: 64 * 1024,
            pending_authorizations_max: 256,
            pending_authorizations_max_bytes: 1024 * 1024,
        }
    }
}
