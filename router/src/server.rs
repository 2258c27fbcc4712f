//! A router that listens: its listeners, their connections, and how it goes down.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use trunkline_config::{Address, Config, Listener, Node};

use crate::connection;
use crate::router::Router;

/// How long accepting rests when the system has no descriptor left for another connection.
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
    listeners: Vec<(SocketAddr, JoinHandle<()>)>,
    phase: watch::Sender<Phase>,
    node: Node,
}

/// Why a server could not start.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}")]
pub struct StartError {
    /// The address that could not be bound.
    pub address: SocketAddr,
    /// What the system said.
    pub source: io::Error,
}

impl Server {
    /// Starts the router of that configuration. Nothing listens if one address cannot be bound.
    ///
    /// # Errors
    /// With the first address that cannot be bound.
    pub async fn start(config: &Config) -> Result<Self, StartError> {
        let mut bound = Vec::new();
        for listener in &config.listeners {
            let shared = Arc::new(listener.clone());
            for address in &listener.addresses {
                let Address::Tcp(address) = *address else { continue };
                let failed = |source| StartError { address, source };
                let socket = TcpListener::bind(address).await.map_err(failed)?;
                let address = socket.local_addr().map_err(failed)?;
                bound.push((address, socket, shared.clone()));
            }
        }
        let router = Router::new(config);
        let (phase, _) = watch::channel(Phase::Accepting);
        let listeners = bound.into_iter().map(|(address, socket, listener)| {
            let accept = accept(socket, listener, router.clone(), phase.subscribe());
            (address, tokio::spawn(accept))
        });
        Ok(Self { listeners: listeners.collect(), router, phase, node: config.node.clone() })
    }

    /// The addresses listened on, in the order of the configuration; ports chosen by the system filled in.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.listeners.iter().map(|(address, _)| *address).collect()
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
    socket: TcpListener,
    listener: Arc<Listener>,
    router: Arc<Router>,
    mut phase: watch::Receiver<Phase>,
) {
    let mut socket = Some(socket);
    let mut connections = JoinSet::new();
    loop {
        let accepted = async {
            match &socket {
                Some(socket) => socket.accept().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            accepted = accepted => match accepted {
                Ok((stream, peer)) => {
                    router.counters().connections_accepted.increment();
                    connections.spawn(connection::serve(stream, peer, listener.clone(), router.clone()));
                }
                Err(error) => {
                    // Out of descriptors, most likely: connections that end make room.
                    tracing::warn!(%error, "accepting failed; it goes on in a moment");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(ended) = connections.join_next(), if !connections.is_empty() => {
                if let Err(error) = ended {
                    tracing::error!(%error, "a connection failed");
                }
            }
            changed = phase.changed() => {
                // A server that is dropped without ceremony takes its connections with it.
                if changed.is_err() || *phase.borrow() == Phase::Over {
                    connections.shutdown().await;
                    return;
                }
                socket = None;
            }
        }
        if socket.is_none() && connections.is_empty() {
            return;
        }
    }
}
