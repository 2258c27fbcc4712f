//! What a router counts: events that an operator asks about, never messages one by one.

use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// Counts since the router started. Each only grows.
        #[derive(Debug, Default)]
        pub struct Counters {
            $($(#[$doc])* pub $name: Counter,)*
        }

        impl Counters {
            /// Every counter's name and value, in order of declaration.
            pub fn all(&self) -> Vec<(&'static str, u64)> {
                vec![$((stringify!($name), self.$name.value())),*]
            }
        }
    };
}

counters! {
    /// Connections accepted.
    connections_accepted,
    /// Pauses of accepting because the system had no descriptor, or no memory, left for another connection.
    accept_pauses,
    /// Connections refused because their listener had as many as it may have (RAW-03).
    connections_refused,
    /// Connections refused because their source address had as many as it may have.
    connections_refused_by_address,
    /// Connections refused because their listener had as many handshakes under way as it may have.
    handshakes_over_limit,
    /// Connections refused because their source address had as many handshakes under way as it may have.
    handshakes_over_limit_by_address,
    /// Connections refused because more memory was taken than may be.
    connections_refused_for_memory,
    /// Connections that ended before a WAMP transport stood: wrong octets, HTTP, refused handshakes.
    handshakes_refused,
    /// Connections whose peer took too long for its handshake or HELLO (SES-16).
    handshakes_timed_out,
    /// Sessions that joined a realm.
    sessions_joined,
    /// Sessions that left, for whatever reason.
    sessions_left,
    /// HELLOs answered with ABORT: no such realm, no authentication method, no role.
    joins_refused,
    /// Logins with a wrong credential, or under a name that nobody has.
    logins_failed,
    /// Logins refused unseen, since too many from there had failed.
    logins_shut_out,
    /// Times that an authenticator could not find out who a session is.
    authenticators_failed,
    /// HELLOs answered with ABORT because the router had as many sessions as it may have; among those above.
    sessions_over_limit,
    /// Times that reading from a session paused, since as many of its requests waited for the authorizer as may.
    authorizations_backed_up,
    /// Times that reading from a session paused, since it left answers to its own requests unread.
    reading_paused,
    /// Times that an authorizer could not say whether something is allowed.
    authorizers_failed,
    /// HELLOs answered with ABORT because more memory was taken than may be; among those above.
    sessions_refused_for_memory,
    /// HELLOs answered with ABORT because there were as many realms of their template as may be; among those above.
    realms_over_limit,
    /// Requests that failed while their session lived on: bad URIs, unknown procedures, limits.
    requests_refused,
    /// Of these, those whose URI was too long or had too many components.
    uris_over_limit,
    /// Of these, SUBSCRIBEs of sessions with as many subscriptions as they may have.
    subscriptions_over_limit,
    /// Of these, REGISTERs of sessions with as many registrations as they may have.
    registrations_over_limit,
    /// Of these, CALLs of sessions with as many open calls as they may have.
    open_calls_over_limit,
    /// Of these, CALLs that found every callee busy and no room to wait, or no room for what they need to be kept.
    waiting_calls_over_limit,
    /// Of these, testaments of sessions with as many, or as large ones, as they may have.
    testaments_over_limit,
    /// Sessions ended because the peer broke the protocol.
    protocol_violations,
    /// Messages over the size limit; each ended its connection.
    messages_too_large,
    /// Sessions ended because their outbox was full.
    slow_consumers,
    /// Sessions ended because more memory was taken than may be, and their outboxes were the fullest; among those above.
    outboxes_over_budget,
    /// EVENTs that a slow subscriber missed, where its realm says `drop-events`.
    events_dropped,
    /// Sessions ended because they left answers to their own requests unread.
    stalled_sessions,
    /// Sessions ended because nothing came from the peer, not even an answer to a ping.
    dead_peers,
    /// Pauses of reading because a session sent faster than its role may.
    reads_delayed,
    /// INVOCATIONs not sent because the callee's outbox was full.
    callees_full,
    /// EVENTs skipped for a recipient that could not take them: over its size limit, or not transcodable.
    events_undeliverable,
    /// Calls ended because the INVOCATION or the answer could not be carried to its recipient.
    calls_undeliverable,
}

/// One count.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn increment(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// The count so far.
    pub fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
