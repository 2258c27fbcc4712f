//! The router that the scenarios run against: where it is, how it is restarted, and what it does not have.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use tokio::sync::Mutex;
use trunkline::config::{Address, Config, Disclose, MatchPolicy, Permission, Realm};
use trunkline_tests::{TestRouter, logins};

use crate::crossbar::Crossbar;
use crate::place::{DISCLOSED, REALM};

/// A running router. Clones are the same one.
#[derive(Clone)]
pub(crate) struct Router {
    pub(crate) address: SocketAddr,
    running: Arc<Mutex<Running>>,
    not_had: &'static [(&'static str, &'static str)],
}

enum Running {
    Trunkline { config: Box<Config>, router: Option<TestRouter> },
    Crossbar(Crossbar),
}

impl Router {
    /// Ours, with a realm as `tests/crossbar/config.json` describes it.
    pub(crate) async fn trunkline() -> anyhow::Result<Self> {
        let mut config = logins::with_principals();
        let Realm { name, rules } = &mut config.realms[0];
        REALM.clone_into(name);
        rules.profile = wamp_proto::Profile::Default;
        rules.anonymous_role = Some("guest".to_owned());
        for role in &mut rules.roles {
            role.permissions.push(Permission {
                uri: DISCLOSED.to_owned(),
                match_policy: MatchPolicy::Prefix,
                disclose: Disclose::Always,
                ..Permission::everything()
            });
        }
        config.limits.message_max_bytes = 4 * 1024 * 1024;
        config.limits.outbox_max_bytes = 16 * 1024 * 1024;
        let router = TestRouter::try_with(&config).await?;
        let address = router.address();
        // The next one has to be where this one was.
        config.listeners[0].addresses = vec![Address::Tcp(address)];
        let running = Running::Trunkline { config: Box::new(config), router: Some(router) };
        Ok(Self { address, running: Arc::new(Mutex::new(running)), not_had: &[] })
    }

    /// Crossbar.io: its program, and its configuration, in which the port is replaced by a free one.
    pub(crate) async fn crossbar(program: &Path, config: &Path) -> anyhow::Result<Self> {
        let crossbar = Crossbar::start(program, config).await?;
        let (address, not_had) = (crossbar.address(), crate::crossbar::NOT_HAD);
        Ok(Self { address, running: Arc::new(Mutex::new(Running::Crossbar(crossbar))), not_had })
    }

    /// Why the router does not have that scenario, if it does not.
    pub(crate) fn lacks(&self, scenario: &str) -> Option<&'static str> {
        self.not_had.iter().find(|(name, _)| *name == scenario).map(|(_, why)| *why)
    }

    /// Stops it, and starts it again at the same address.
    pub(crate) async fn restart(&self) -> anyhow::Result<()> {
        match &mut *self.running.lock().await {
            Running::Trunkline { config, router } => {
                if let Some(router) = router.take() {
                    router.shut_down().await;
                }
                *router = Some(TestRouter::try_with(config).await?);
                Ok(())
            }
            Running::Crossbar(crossbar) => crossbar.restart().await,
        }
    }

    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        match &mut *self.running.lock().await {
            Running::Trunkline { router, .. } => {
                if let Some(router) = router.take() {
                    router.shut_down().await;
                }
                Ok(())
            }
            Running::Crossbar(crossbar) => crossbar.stop().await,
        }
    }

    /// What a router in a process of its own has printed.
    pub(crate) async fn log(&self) -> String {
        match &*self.running.lock().await {
            Running::Trunkline { .. } => String::new(),
            Running::Crossbar(crossbar) => crossbar.log(),
        }
    }
}
