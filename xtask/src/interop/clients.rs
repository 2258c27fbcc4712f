//! The third-party clients: how a peer of each is started, and which connections it has no means for.

use std::path::PathBuf;
use std::process::Command;

use super::connection::{Connection, Transport};
use super::provision;
use super::router::Listeners;
use crate::workspace::Workspace;

pub(super) struct Client {
    pub(super) name: &'static str,
    /// Part of the URIs that its peers use.
    pub(super) key: &'static str,
    program: PathBuf,
    arguments: Vec<PathBuf>,
    /// Why it cannot connect like that.
    pub(super) cannot: fn(Connection) -> Option<&'static str>,
}

impl Client {
    /// Installs what is missing under the target directory.
    pub(super) fn provision_all(workspace: &Workspace) -> anyhow::Result<Vec<Self>> {
        let python = provision::python(workspace)?;
        let node = provision::node(workspace)?;
        let go = provision::go(workspace)?;
        let scripts = workspace.root.join("tests/interop");
        Ok(vec![
            Self {
                name: "Autobahn|Python",
                key: "autobahn_python",
                program: python,
                arguments: vec![scripts.join("python/peer.py")],
                cannot: |_| None,
            },
            Self {
                name: "Autobahn|JS",
                key: "autobahn_js",
                program: "node".into(),
                // It makes buffers in a way that node calls deprecated.
                arguments: vec!["--no-deprecation".into(), node.join("autobahn.mjs")],
                cannot: autobahn_js_cannot,
            },
            Self {
                name: "wampy.js",
                key: "wampy",
                program: "node".into(),
                arguments: vec![node.join("wampy.mjs")],
                cannot: wampy_cannot,
            },
            Self {
                name: "nexus (Go)",
                key: "nexus",
                program: go,
                arguments: vec![scripts.join("payload.json")],
                cannot: nexus_cannot,
            },
        ])
    }

    /// A peer in `mode`, which uses URIs under `prefix`.
    pub(super) fn command(
        &self,
        mode: &str,
        connection: Connection,
        listeners: &Listeners,
        prefix: &str,
    ) -> Command {
        let mut command = Command::new(&self.program);
        // OpenSSL and Go read the first, node the second: all of them really check the certificate.
        command
            .env("SSL_CERT_FILE", &listeners.certificate)
            .env("NODE_EXTRA_CA_CERTS", &listeners.certificate);
        command.args(&self.arguments).arg(mode).arg(listeners.url(connection.transport));
        command.args([connection.serializer, prefix]);
        command
    }
}

fn autobahn_js_cannot(connection: Connection) -> Option<&'static str> {
    let Connection { transport, serializer } = connection;
    if transport == Transport::RawSocketTls {
        Some("its RawSocket has no TLS")
    } else if connection.is_batched() {
        Some("has no batched subprotocols")
    } else if transport.is_rawsocket() && serializer != "json" {
        Some("its RawSocket speaks JSON only")
    } else {
        None
    }
}

fn wampy_cannot(connection: Connection) -> Option<&'static str> {
    if connection.transport.is_rawsocket() {
        Some("speaks WebSocket only")
    } else if connection.transport == Transport::WebSocketUnix {
        Some("takes URLs that begin with ws:// or wss:// only")
    } else if connection.is_batched() {
        Some("has no batched subprotocols")
    } else {
        None
    }
}

fn nexus_cannot(connection: Connection) -> Option<&'static str> {
    connection.is_batched().then_some("has no batched subprotocols")
}
