//! Where the router is, and who its client is there: options, then the environment, then a profile.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use clap::builder::BoolishValueParser;
use clap::{Args, ValueEnum};
use serde::Deserialize;
use trunkline_client::{Client, Credential, Reconnect, SerializerId, Tls};

use super::profile::Profile;

/// The router of a machine that has just been set up.
const URL: &str = "ws://127.0.0.1:8080/ws";

const REALM: &str = "realm1";

/// What all commands of the client take.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Connection")]
pub(super) struct Connection {
    /// ws://…, wss://…, rs://… and rss://… (RawSocket), unix:/path; ws://127.0.0.1:8080/ws if nothing else is said
    #[arg(long, env = "TRUNKLINE_URL", value_name = "URL")]
    url: Option<String>,
    /// The realm to join; realm1 if nothing else is said
    #[arg(long, env = "TRUNKLINE_REALM", value_name = "URI")]
    realm: Option<String>,
    /// Who the client claims to be
    #[arg(long, env = "TRUNKLINE_AUTHID")]
    authid: Option<String>,
    /// A ticket, or a token. Other users of this machine can see it: rather use the environment, or a profile
    #[arg(long, env = "TRUNKLINE_TICKET", hide_env_values = true)]
    ticket: Option<String>,
    /// The secret of WAMP-CRA; see --ticket
    #[arg(long, env = "TRUNKLINE_SECRET", hide_env_values = true)]
    secret: Option<String>,
    /// The password of WAMP-SCRAM; see --ticket
    #[arg(long, env = "TRUNKLINE_PASSWORD", hide_env_values = true)]
    password: Option<String>,
    /// The password is for SCRAM as Autobahn and Crossbar.io have it
    #[arg(long, env = "TRUNKLINE_AUTOBAHN_SCRAM", value_parser = BoolishValueParser::new())]
    autobahn_scram: bool,
    /// A file with the seed of the key of cryptosign, as `trunkline keygen --out` writes it
    #[arg(long, env = "TRUNKLINE_KEY_FILE", value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// The signature of cryptosign is valid on this TLS connection only
    #[arg(long, env = "TRUNKLINE_BIND_CHANNEL", value_parser = BoolishValueParser::new())]
    bind_channel: bool,
    /// The public key of the only router that cryptosign logs in at, in hexadecimal
    #[arg(long, env = "TRUNKLINE_ROUTER_KEY", value_name = "KEY")]
    router_key: Option<String>,
    /// The cookie that the router gave to a browser, as name=value
    #[arg(long, env = "TRUNKLINE_COOKIE", hide_env_values = true, value_name = "COOKIE")]
    cookie: Option<String>,
    /// Certificates to trust instead of the system's, as PEM
    #[arg(long, env = "TRUNKLINE_CA_FILE", value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// The certificate of this client, as PEM, for routers that log in by it
    #[arg(long, env = "TRUNKLINE_CERTIFICATE_FILE", value_name = "FILE", requires = "certificate_key_file")]
    certificate_file: Option<PathBuf>,
    /// The key of that certificate
    #[arg(long, env = "TRUNKLINE_CERTIFICATE_KEY_FILE", value_name = "FILE")]
    certificate_key_file: Option<PathBuf>,
    /// The serializer; the first that the router has of cbor, msgpack and json if nothing else is said
    #[arg(long, env = "TRUNKLINE_SERIALIZER")]
    serializer: Option<Serializer>,
    /// Which profile of the profile file; "default", if it has one and nothing else is said
    #[arg(long, env = "TRUNKLINE_PROFILE", value_name = "NAME")]
    profile: Option<String>,
}

/// The serializers, as one names them.
#[derive(Clone, Copy, Debug, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(super) enum Serializer {
    Json,
    Msgpack,
    Cbor,
}

impl Connection {
    /// Whether options or environment say how to log in.
    fn has_credential(&self) -> bool {
        let files = [&self.key_file, &self.certificate_file];
        let secrets = [&self.ticket, &self.secret, &self.password, &self.cookie];
        files.into_iter().any(Option::is_some) || secrets.into_iter().any(Option::is_some)
    }

    /// Joins the realm, for one request: if the session ends, that is all.
    pub(super) async fn join_once(self) -> anyhow::Result<Client> {
        self.join_with(Reconnect::never()).await
    }

    /// Joins the realm, again and again.
    pub(super) async fn join(self) -> anyhow::Result<Client> {
        self.join_with(Reconnect::default()).await
    }

    async fn join_with(self, reconnect: Reconnect) -> anyhow::Result<Client> {
        let mut profile = Profile::find(self.profile.as_deref())?;
        let logs_in_otherwise = self.has_credential();
        if logs_in_otherwise {
            profile = profile.without_credentials();
        }
        let url = self.url.or(profile.url).unwrap_or_else(|| URL.to_owned());
        let realm = self.realm.or(profile.realm).unwrap_or_else(|| REALM.to_owned());
        let mut builder =
            Client::builder(&url, &realm).agent(concat!("trunkline/", env!("CARGO_PKG_VERSION")));
        if let Some(authid) = self.authid.or(profile.authid) {
            builder = builder.authid(authid);
        }
        // The strongest first: the router takes the first that it can.
        let is_certificate_named = self.certificate_file.is_some();
        let certificate = self.certificate_file.or(profile.certificate_file);
        let certificate_key = self.certificate_key_file.or(profile.certificate_key_file);
        let ca_file = self.ca_file.or(profile.ca_file);
        if ca_file.is_some() || certificate.is_some() {
            builder =
                builder.tls(tls(ca_file.as_deref(), certificate.as_deref(), certificate_key.as_deref())?);
        }
        if let Some(file) = self.key_file.or(profile.key_file) {
            let seed = read(&file)?;
            let mut key = Credential::cryptosign_hex(seed.trim())
                .with_context(|| format!("{} has no seed", file.display()))?;
            if self.bind_channel || profile.bind_channel {
                key = key.bound_to_channel();
            }
            if let Some(router) = self.router_key.or(profile.router_key) {
                let router = trunkline_client::proto::auth::cryptosign::parse_public_key(&router);
                key = key.expecting_router(router.context("--router-key is no public key")?);
            }
            builder = builder.credential(key);
        }
        // A profile's is shown to the router in either case.
        if is_certificate_named || (certificate.is_some() && !logs_in_otherwise) {
            builder = builder.credential(Credential::tls());
        }
        if let Some(password) = self.password.or(profile.password) {
            let is_autobahn = self.autobahn_scram || profile.autobahn_scram;
            let scram = if is_autobahn { Credential::autobahn_scram } else { Credential::scram };
            builder = builder.credential(scram(password));
        }
        if let Some(secret) = self.secret.or(profile.secret) {
            builder = builder.credential(Credential::wampcra(secret));
        }
        if let Some(ticket) = self.ticket.or(profile.ticket) {
            builder = builder.credential(Credential::ticket(ticket));
        }
        if let Some(cookie) = self.cookie.or(profile.cookie) {
            builder = builder.header("Cookie", cookie).credential(Credential::cookie());
        }
        if let Some(serializer) = self.serializer.or(profile.serializer) {
            builder = builder.serializers([match serializer {
                Serializer::Json => SerializerId::Json,
                Serializer::Msgpack => SerializerId::MsgPack,
                Serializer::Cbor => SerializerId::Cbor,
            }]);
        }
        builder.reconnect(reconnect).connect().await.with_context(|| format!("cannot join {realm} at {url}"))
    }
}

fn tls(
    ca_file: Option<&Path>,
    certificate: Option<&Path>,
    certificate_key: Option<&Path>,
) -> anyhow::Result<Tls> {
    let tls = match ca_file {
        Some(file) => Tls::with_roots_pem(read(file)?.as_bytes())
            .with_context(|| format!("{} cannot be used", file.display()))?,
        None => Tls::system()?,
    };
    let Some(certificate) = certificate else { return Ok(tls) };
    ensure!(certificate_key.is_some(), "the certificate {} needs a key", certificate.display());
    let key = certificate_key.map(read).transpose()?.unwrap_or_default();
    tls.client_certificate_pem(read(certificate)?.as_bytes(), key.as_bytes())
        .with_context(|| format!("{} cannot be used", certificate.display()))
}

fn read(file: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))
}
