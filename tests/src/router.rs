//! A router for one test.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::interval;
use trunkline::config::{Address, Config, Listener, Realm};
use trunkline::{Router, Server, StartError};
use wamp_proto::Profile;

use crate::{DEADLINE, within_deadline};

/// The realm that suites use: the specification without exception.
pub const STRICT: &str = "com.example.strict";

/// A second realm under the same rules.
pub const OTHER: &str = "com.example.other";

/// The realm with the default profile, which third-party clients meet.
pub const RELAXED: &str = "com.example.relaxed";

/// Between two looks at a condition.
const LOOK: Duration = Duration::from_millis(2);

/// A server on a port of its own. It stops with the test's runtime.
#[derive(Debug)]
pub struct TestRouter {
    server: Server,
}

/// The configuration of [`TestRouter::start`]: three realms, port 0, and no time limit that a busy machine
/// could meet by accident.
pub fn config() -> Config {
    let realm = |name, profile| {
        let mut realm = Realm::open(name);
        realm.rules.profile = profile;
        realm
    };
    Config {
        listeners: vec![Listener {
            addresses: vec![Address::Tcp(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))],
            handshake_timeout: DEADLINE * 2,
            ping_timeout: DEADLINE * 2,
            ..Listener::default()
        }],
        realms: vec![
            realm(STRICT, Profile::Strict),
            realm(OTHER, Profile::Strict),
            realm(RELAXED, Profile::Default),
        ],
        ..Config::default()
    }
}

impl TestRouter {
    /// Starts a router with the configuration [`config`].
    pub async fn start() -> Self {
        Self::with(&config()).await
    }

    /// Starts a router with that configuration.
    pub async fn with(config: &Config) -> Self {
        Self::try_with(config).await.expect("port 0 is free")
    }

    /// Starts a router with that configuration, if it can.
    ///
    /// # Errors
    /// If the router cannot start.
    pub async fn try_with(config: &Config) -> Result<Self, StartError> {
        Ok(Self { server: Server::start(config).await? })
    }

    /// The first TCP address that it listens on.
    pub fn address(&self) -> SocketAddr {
        let tcp = |address| if let Address::Tcp(address) = address { Some(address) } else { None };
        self.server.addresses().into_iter().find_map(tcp).expect("a TCP address")
    }

    /// Everything that it listens on, in the order of the configuration.
    pub fn addresses(&self) -> Vec<Address> {
        self.server.addresses()
    }

    /// What routes, for its counters and for in-process peers.
    pub fn router(&self) -> &Arc<Router> {
        self.server.router()
    }

    /// Looks again and again until `condition` holds. The only place that waits for time to pass.
    ///
    /// # Panics
    /// If it does not hold before the deadline.
    pub async fn wait_until(&self, what: &str, condition: impl Fn(&Router) -> bool) {
        let router = self.router();
        wait_until(what, || condition(router)).await;
    }

    /// Waits until nobody is joined and no realm keeps anything.
    ///
    /// # Panics
    /// If something is still there at the deadline.
    pub async fn wait_until_empty(&self) {
        self.wait_until("everybody is gone and nothing is left", |router| {
            let is_empty = |realm| router.holdings(realm).is_some_and(|left| left == Default::default());
            router.sessions() == 0 && [STRICT, OTHER, RELAXED].into_iter().all(is_empty)
        })
        .await;
    }

    /// Goes down, see [`Server::shut_down`].
    pub async fn shut_down(self) {
        self.server.shut_down().await;
    }
}

async fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let looking = async {
        let mut look = interval(LOOK);
        while !condition() {
            look.tick().await;
        }
    };
    within_deadline(what, looking).await;
}
