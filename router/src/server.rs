//! A router that listens: its listeners, their connections, and how it goes down.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep_until};
use trunkline_config::{Address, Config, ListenerKind, Node};

use crate::authentication::{Issuer, JwtKeyError};
use crate::connection;
use crate::listen::{self, Acceptor, BindError, Entrance, TlsError};
use crate::router::Router;
use crate::testee;

/// How long accepting rests at most when the system has no descriptor left for another connection: somebody else may
/// make room.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How far a server is on its way down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Accepting,
    Draining,
    Over,
}

/// A router that listens.
#[derive(Debug)]
pub struct Server {
    router: Arc<Router>,
    listeners: Vec<(Address, JoinHandle<()>)>,
    phase: watch::Sender<Phase>,
    node: Node,
}

/// Why a server could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// That address cannot be listened on.
    #[error("cannot listen on {address}")]
    Address {
        /// The address.
        address: Address,
        /// Why.
        source: BindError,
    },
    /// A listener's certificate or key is of no use.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The keys of an issuer of tokens are of no use.
    #[error(transparent)]
    JwtKey(#[from] JwtKeyError),
}

/// Looks for what only this system can tell about a configuration, without listening: certificates and keys, owners
/// of socket files. An address that is in use shows at the start only.
pub fn check(config: &Config) -> Vec<StartError> {
    let mut errors: Vec<StartError> = unusable_keys(config).map(StartError::from).collect();
    for listener in &config.listeners {
        let (tls, owners) = listen::check(listener);
        errors.extend(tls.map(StartError::from));
        errors.extend(owners.into_iter().map(|(address, source)| StartError::Address { address, source }));
    }
    errors
}

fn unusable_keys(config: &Config) -> impl Iterator<Item = JwtKeyError> {
    let realms = config.realms.iter().map(|realm| &realm.rules);
    let rules = realms.chain(config.realm_templates.iter().map(|template| &template.rules));
    rules.flat_map(|rules| &rules.jwt).filter_map(|issuer| Issuer::load(issuer).err())
}

impl Server {
    /// Starts the router of that configuration. Nothing listens if one address cannot be bound, or one certificate or
    /// key cannot be used.
    ///
    /// # Errors
    /// With the first address, certificate or key that is of no use.
    pub async fn start(config: &Config) -> Result<Self, StartError> {
        Self::start_with(config, Router::new(config)).await
    }

    /// Starts listening for a router that was made before, of the same configuration: with its
    /// [authenticators](Router::authenticate_with) in place, for example.
    ///
    /// # Errors
    /// With the first address, certificate or key that is of no use.
    pub async fn start_with(config: &Config, router: Arc<Router>) -> Result<Self, StartError> {
        if let Some(error) = unusable_keys(config).next() {
            return Err(error.into());
        }
        let mut entrances = Vec::new();
        for listener in &config.listeners {
            entrances.push(Arc::new(Entrance::new(listener, &router)?));
        }
        let mut bound = Vec::new();
        for entrance in &entrances {
            for address in &entrance.listener.addresses {
                let failed = |source| StartError::Address { address: address.clone(), source };
                let acceptor =
                    Acceptor::bind(address, &entrance.listener.unix_socket).await.map_err(failed)?;
                let address = acceptor.address().map_err(|error| failed(error.into()))?;
                bound.push((address, acceptor, entrance.clone()));
            }
        }
        let (phase, _) = watch::channel(Phase::Accepting);
        let listeners = bound.into_iter().map(|(address, acceptor, entrance)| {
            let accept = accept(acceptor, entrance, router.clone(), phase.subscribe());
            (address, tokio::spawn(accept))
        });
        Ok(Self { listeners: listeners.collect(), router, phase, node: config.node.clone() })
    }

    /// The addresses listened on, in the order of the configuration; ports chosen by the system filled in.
    pub fn addresses(&self) -> Vec<Address> {
        self.listeners.iter().map(|(address, _)| address.clone()).collect()
    }

    /// The router behind the listeners.
    pub fn router(&self) -> &Arc<Router> {
        &self.router
    }

    /// Goes down in good order: accepts nothing more, lets open calls be answered, says GOODBYE to every
    /// session, and waits for each as long as the configuration allows.
    pub async fn shut_down(self) {
        self.phase.send_replace(Phase::Draining);
        self.router.drain(self.node.drain_timeout).await;
        self.router.close();
        let accepting: Vec<_> = self.listeners.into_iter().map(|(_, task)| task).collect();
        let ended = async {
            for task in accepting {
                if let Err(error) = task.await {
                    tracing::error!(%error, "a listener failed");
                }
            }
        };
        tokio::pin!(ended);
        if tokio::time::timeout(self.node.close_timeout, &mut ended).await.is_err() {
            self.phase.send_replace(Phase::Over);
            ended.await;
        }
    }
}

/// Accepts connections until the server goes down, and returns when all of them have ended.
async fn accept(
    acceptor: Acceptor,
    entrance: Arc<Entrance>,
    router: Arc<Router>,
    mut phase: watch::Receiver<Phase>,
) {
    let mut acceptor = Some(acceptor);
    let mut connections = JoinSet::new();
    // Accepting failed, and is not tried again before.
    let mut rests_until = None;
    loop {
        let accepted = async {
            let Some(acceptor) = &acceptor else { return std::future::pending().await };
            if let Some(until) = rests_until {
                sleep_until(until).await;
            }
            acceptor.accept().await
        };
        tokio::select! {
            accepted = accepted => match accepted {
                Ok((stream, peer)) => {
                    if rests_until.take().is_some() {
                        tracing::info!("accepting again");
                    }
                    router.counters().connections_accepted.increment();
                    let entrance = entrance.clone();
                    match entrance.listener.kind {
                        ListenerKind::Router => {
                            connections.spawn(connection::serve(stream, peer, entrance, router.clone()))
                        }
                        ListenerKind::WebsocketTestee => connections.spawn(testee::serve(stream, peer, entrance)),
                    };
                }
                // That connection is gone; the next one is none the worse for it.
                Err(error) if is_over(&error) => tracing::debug!(%error, "a connection ended before it was accepted"),
                Err(error) => {
                    // Out of descriptors, most likely.
                    if rests_until.is_none() {
                        router.counters().accept_pauses.increment();
                        tracing::warn!(%error, "accepting rests until there is room");
                    }
                    rests_until = Some(Instant::now() + ACCEPT_PAUSE);
                }
            },
            Some(ended) = connections.join_next(), if !connections.is_empty() => {
                if let Err(error) = ended {
                    tracing::error!(%error, "a connection failed");
                }
                // It made room.
                rests_until = rests_until.map(|_| Instant::now());
            }
            changed = phase.changed() => {
                // A server that is dropped without ceremony takes its connections with it.
                if changed.is_err() || *phase.borrow() == Phase::Over {
                    connections.shutdown().await;
                    return;
                }
                acceptor = None;
            }
        }
        if acceptor.is_none() && connections.is_empty() {
            return;
        }
    }
}

/// Whether accepting failed because of the connection alone.
fn is_over(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}
