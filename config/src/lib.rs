//! Typed settings of a Trunkline router, their defaults, and the files that they are read from.
//!
//! [`Config::load`] reads a file. What only the system can tell (certificates, addresses, owners) is left to the
//! router.
//!
//! Durations are [`Duration`]s here and carry their unit in the key (`…_ms`, `…_s`) in files.
#![forbid(unsafe_code)]

mod authentication;
mod closed;
mod file;
mod limits;
mod listener;
mod realm;

use std::time::Duration;

pub use ipnet::IpNet;
pub use wamp_proto::auth::AuthMethod;
pub use wamp_proto::auth::scram;
pub use wamp_proto::{Action, MatchPolicy, Profile};

pub use authentication::{
    Authentication, Authenticator, Authorizer, CertificateName, Cookie, JwtAlgorithm, JwtIssuer, JwtKey,
    ParseCertificateNameError, Principal, Secret, WampcraCredential,
};
pub use closed::ClosedRealm;
pub use file::{Environment, LoadError, Problems, ProcessEnvironment};
pub use limits::Limits;
pub use listener::{
    Address, AnonymousRole, Certificate, ClientCertificates, Listener, ListenerKind, ParseAddressError,
    ParseProxyError, ProxyHeader, Tls, TrustedProxy, UnixSocket,
};
pub use realm::{
    CallQueue, Disclose, EventHistory, Permission, Realm, RealmRules, RealmTemplate, RetainedEvents, Role,
    SlowSubscriber,
};

/// Everything a router needs to start.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The process as a whole.
    pub node: Node,
    /// What to listen on.
    pub listeners: Vec<Listener>,
    /// Realms that sessions may join.
    pub realms: Vec<Realm>,
    /// Realms that come into being when somebody joins one.
    pub realm_templates: Vec<RealmTemplate>,
    /// Limits of every session, whatever its realm.
    pub limits: Limits,
    /// What authentication may cost.
    pub authentication: Authentication,
}

/// The process as a whole, and how it goes down on SIGTERM or Ctrl-C.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Threads that serve sessions; none stands for one per core.
    pub worker_threads: Option<usize>,
    /// How long open invocations may still run.
    pub drain_timeout: Duration,
    /// How long sessions get to answer GOODBYE.
    pub close_timeout: Duration,
}

impl Default for Config {
    /// The development router: loopback only, realm `realm1`, open to everybody on this machine.
    fn default() -> Self {
        Self {
            node: Node::default(),
            listeners: vec![Listener::default()],
            realms: vec![Realm::open("realm1")],
            realm_templates: Vec::new(),
            limits: Limits::default(),
            authentication: Authentication::default(),
        }
    }
}

impl Default for Node {
    fn default() -> Self {
        Self {
            worker_threads: None,
            drain_timeout: Duration::from_secs(10),
            close_timeout: Duration::from_secs(2),
        }
    }
}
