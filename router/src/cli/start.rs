//! `trunkline start`: runs a router until it is told to go down.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use trunkline::Server;
use trunkline::config::{Address, Config, Listener};

use super::signals::Signals;
use super::{check, descriptors, log, say};

/// What `trunkline start` takes.
#[derive(Debug, Args, Default)]
pub(super) struct Arguments {
    /// The configuration file; without one, a development router is started
    #[arg(long, value_name = "FILE", conflicts_with = "listen")]
    config: Option<PathBuf>,
    /// Address and port of the development router, for WebSocket and RawSocket [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
}

/// Starts the router, and returns once it went down.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    log("info");
    let config = match &arguments.config {
        Some(file) => check::load(file)?,
        None => development(arguments.listen),
    };
    for closed in config.closed_realms() {
        tracing::warn!("{closed}");
    }
    if let Err(error) = descriptors::raise_limit() {
        tracing::warn!(%error, "cannot raise the soft limit of open files to the hard one");
    }
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    if let Some(threads) = config.node.worker_threads {
        runtime.worker_threads(threads);
    }
    let runtime = runtime.enable_all().build().context("cannot start the runtime")?;
    runtime.block_on(serve(&config, arguments.config.is_none()))
}

/// What a router does that nobody configured.
fn development(listen: Option<SocketAddr>) -> Config {
    let mut config = Config::default();
    if let Some(address) = listen {
        let mut listener = Listener { addresses: vec![Address::Tcp(address)], ..Listener::default() };
        if !address.ip().is_loopback() {
            // Whoever wants others in wants their pages in, too.
            listener.allowed_origin_hosts = vec!["*".to_owned()];
        }
        config.listeners = vec![listener];
    }
    config
}

async fn serve(config: &Config, is_development: bool) -> anyhow::Result<()> {
    // Before anything listens: a signal that comes early must not kill the process.
    let mut signals = Signals::new().context("cannot listen to signals")?;
    let server = Server::start(config).await?;
    if is_development {
        for address in server.addresses() {
            let Address::Tcp(address) = address else { continue };
            say(&banner(config, address));
            if !address.ip().is_loopback() {
                tracing::warn!(%address, "other machines can reach this router, and it asks nobody who they are");
            }
        }
    } else {
        say(&summary(config, &server));
    }
    if let Some(max) = descriptors::sessions_max(config) {
        tracing::info!("there are descriptors for {max} sessions");
    }
    let signal = signals.next().await;
    tracing::info!(signal = signal.name, "going down; a second signal exits at once");
    tokio::select! {
        () = server.shut_down() => tracing::info!("down"),
        signal = signals.next() => {
            anyhow::bail!("{} came while going down: sessions were cut off", signal.name)
        }
    }
    Ok(())
}

/// What the router listens on, and which realms it has.
fn summary(config: &Config, server: &Server) -> String {
    let addresses = server.addresses().into_iter().map(|address| format!("  Address     {address}\n"));
    let realms = config.realms.iter().map(|realm| format!("  Realm       {}\n", realm.name));
    let templates = config
        .realm_templates
        .iter()
        .map(|template| format!("  Realms      {}   ({})\n", template.uri, template.match_policy.as_str()));
    let lines: String = addresses.chain(realms).chain(templates).collect();
    format!("trunkline {} is listening\n\n{lines}\nCtrl-C stops the router.\n", env!("CARGO_PKG_VERSION"))
}

/// What a client must connect to, and how.
fn banner(config: &Config, address: SocketAddr) -> String {
    let realm = config.realms.first().map_or("realm1", |realm| realm.name.as_str());
    let version = env!("CARGO_PKG_VERSION");
    format!(
        r#"trunkline {version} is listening

  WebSocket   ws://{address}/ws
  RawSocket   rs://{address}
  Realm       {realm}   (anonymous, everything allowed: for development)

Python (pip install autobahn), a procedure that everybody can call:

  from autobahn.asyncio.component import Component, run
  component = Component(transports="ws://{address}/ws", realm="{realm}")
  @component.on_join
  async def joined(session, details):
      await session.register(lambda a, b: a + b, "com.example.add")
      print("2 + 3 =", await session.call("com.example.add", 2, 3))
  run([component])

JavaScript (npm install wampy ws), a call to it while Python runs:

  import {{ Wampy }} from "wampy";
  import WebSocket from "ws"; // in a browser, leave this and the option ws out
  const wampy = new Wampy("ws://{address}/ws", {{ realm: "{realm}", ws: WebSocket }});
  await wampy.connect();
  const sum = await wampy.call("com.example.add", [20, 3]);
  console.log("20 + 3 =", sum.argsList[0]);
  await wampy.disconnect();

Ctrl-C stops the router.
"#
    )
}
