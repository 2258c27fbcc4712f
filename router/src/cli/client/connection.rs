//! Where the router is, and who its client is there: options, then the environment, then a profile.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use clap::builder::BoolishValueParser;
use clap::{Args, ValueEnum};
use serde::Deserialize;
use trunkline_client::proto::auth::cryptosign::parse_public_key;
use trunkline_client::proto::uri::{UriRules, check_uri};
use trunkline_client::{
    Address, Builder, Client, ConnectError, Credential, Reconnect, SerializerId, Tls, TransportError,
};

use super::{profile, wrong_arguments};

/// The router of a machine that has just been set up.
const URL: &str = "ws://127.0.0.1:8080/ws";

const REALM: &str = "realm1";

/// What all commands of the client take, and profiles keep.
#[derive(Clone, Debug, Default, Args, Deserialize)]
#[command(next_help_heading = "Connection")]
#[serde(deny_unknown_fields, default)]
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
    #[arg(long, env = "TRUNKLINE_AUTOBAHN_SCRAM", value_name = "YES|NO", value_parser = BoolishValueParser::new())]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "yes")]
    autobahn_scram: Option<bool>,
    /// A file with the seed of the key of cryptosign, as `trunkline keygen --out` writes it
    #[arg(long, env = "TRUNKLINE_KEY_FILE", value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// The signature of cryptosign is valid on this TLS connection only
    #[arg(long, env = "TRUNKLINE_BIND_CHANNEL", value_name = "YES|NO", value_parser = BoolishValueParser::new())]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "yes")]
    bind_channel: Option<bool>,
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
    #[arg(long, env = "TRUNKLINE_CERTIFICATE_FILE", value_name = "FILE")]
    certificate_file: Option<PathBuf>,
    /// The key of that certificate
    #[arg(long, env = "TRUNKLINE_CERTIFICATE_KEY_FILE", value_name = "FILE")]
    certificate_key_file: Option<PathBuf>,
    /// The serializer; the first that the router has of cbor, msgpack and json if nothing else is said
    #[arg(long, env = "TRUNKLINE_SERIALIZER")]
    serializer: Option<Serializer>,
    /// Which profile of the profile file; "default", if it has one and nothing else is said
    #[arg(long, env = "TRUNKLINE_PROFILE", value_name = "NAME")]
    #[serde(skip)]
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
    /// Whether it has a secret that others should not read.
    pub(super) fn has_secret(&self) -> bool {
        [&self.ticket, &self.secret, &self.password, &self.cookie].into_iter().any(Option::is_some)
    }

    /// Files, of which a profile may have names that start from its own folder.
    pub(super) fn files(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        let Self { key_file, ca_file, certificate_file, certificate_key_file, .. } = self;
        [key_file, ca_file, certificate_file, certificate_key_file].into_iter().flatten()
    }

    /// Whether it says how to log in.
    fn has_credential(&self) -> bool {
        self.has_secret() || self.key_file.is_some() || self.certificate_file.is_some()
    }

    /// What is said, and for the rest what is written down. Whoever says how to log in does not log in as it is written
    /// down; but the certificate stays, a router may want one of every client.
    fn or(self, written: Self) -> Self {
        let is_said = self.has_credential();
        // What belongs to a key, or to a password, belongs to another one, too.
        let (has_key, has_password) =
            (!is_said || self.key_file.is_some(), !is_said || self.password.is_some());
        Self {
            url: self.url.or(written.url),
            realm: self.realm.or(written.realm),
            authid: self.authid.or(written.authid),
            ticket: self.ticket.or(written.ticket.filter(|_| !is_said)),
            secret: self.secret.or(written.secret.filter(|_| !is_said)),
            password: self.password.or(written.password.filter(|_| !is_said)),
            autobahn_scram: self.autobahn_scram.or(written.autobahn_scram.filter(|_| has_password)),
            key_file: self.key_file.or(written.key_file.filter(|_| !is_said)),
            bind_channel: self.bind_channel.or(written.bind_channel.filter(|_| has_key)),
            router_key: self.router_key.or(written.router_key.filter(|_| has_key)),
            cookie: self.cookie.or(written.cookie.filter(|_| !is_said)),
            ca_file: self.ca_file.or(written.ca_file),
            certificate_file: self.certificate_file.or(written.certificate_file),
            certificate_key_file: self.certificate_key_file.or(written.certificate_key_file),
            serializer: self.serializer.or(written.serializer),
            profile: None,
        }
    }

    /// Joins the realm.
    ///
    /// # Errors
    /// [`WrongArguments`](super::WrongArguments), before anything is sent, or [`ConnectError`].
    pub(super) async fn join(self, reconnect: Reconnect) -> anyhow::Result<Client> {
        let (builder, place) = self.builder().map_err(wrong_arguments)?;
        let joined = builder.reconnect(reconnect).connect().await;
        // Looked at before anything is sent.
        let is_header_wrong = matches!(joined, Err(ConnectError::Transport(TransportError::Header { .. })));
        let joined = joined.with_context(|| format!("cannot join {place}"));
        if is_header_wrong { joined.map_err(wrong_arguments) } else { joined }
    }

    /// How to join, and what to call that.
    fn builder(self) -> anyhow::Result<(Builder, String)> {
        let written = profile::find(self.profile.as_deref())?;
        let proves_by_certificate = self.certificate_file.is_some() || !self.has_credential();
        let all = self.or(written);
        let url = all.url.as_deref().unwrap_or(URL);
        // It is not repeated: if it has a password, that is the mistake.
        url.parse::<Address>().context("the URL of the router cannot be used")?;
        let realm = all.realm.as_deref().unwrap_or(REALM);
        check_uri(realm, &UriRules::loose()).with_context(|| format!("{realm:?} is no realm"))?;
        let mut builder = Client::builder(url, realm).agent(concat!("trunkline/", env!("CARGO_PKG_VERSION")));
        if let Some(authid) = &all.authid {
            builder = builder.authid(authid);
        }
        if let Some(tls) = all.tls()? {
            builder = builder.tls(tls);
        }
        for credential in all.credentials(proves_by_certificate)? {
            builder = builder.credential(credential);
        }
        if let Some(cookie) = &all.cookie {
            builder = builder.header("Cookie", cookie);
        }
        if let Some(serializer) = all.serializer {
            builder = builder.serializers([match serializer {
                Serializer::Json => SerializerId::Json,
                Serializer::Msgpack => SerializerId::MsgPack,
                Serializer::Cbor => SerializerId::Cbor,
            }]);
        }
        Ok((builder, format!("{realm} at {url}")))
    }

    /// Ways to log in, the strongest first: the router takes the first that it can.
    fn credentials(&self, by_certificate: bool) -> anyhow::Result<Vec<Credential>> {
        let mut credentials = Vec::new();
        let binds_channel = self.bind_channel.unwrap_or(false);
        let is_autobahn = self.autobahn_scram.unwrap_or(false);
        if let Some(file) = &self.key_file {
            let mut key = Credential::cryptosign_hex(read(file)?.trim())
                .with_context(|| format!("{} has no seed", file.display()))?;
            if binds_channel {
                key = key.bound_to_channel();
            }
            if let Some(router_key) = &self.router_key {
                let router_key = parse_public_key(router_key).context("the router key is no public key")?;
                key = key.expecting_router(router_key);
            }
            credentials.push(key);
        }
        // Whoever relies on these relies on nothing without what they belong to.
        let has_key = self.key_file.is_some();
        ensure!(has_key || !binds_channel, "--bind-channel needs a key: --key-file");
        ensure!(has_key || self.router_key.is_none(), "--router-key needs a key: --key-file");
        ensure!(self.password.is_some() || !is_autobahn, "--autobahn-scram needs --password");
        if by_certificate && self.certificate_file.is_some() {
            credentials.push(Credential::tls());
        }
        if let Some(password) = &self.password {
            let scram = if is_autobahn { Credential::autobahn_scram } else { Credential::scram };
            credentials.push(scram(password.clone()));
        }
        credentials.extend(self.secret.clone().map(Credential::wampcra));
        credentials.extend(self.ticket.clone().map(Credential::ticket));
        credentials.extend(self.cookie.as_ref().map(|_| Credential::cookie()));
        Ok(credentials)
    }

    /// Whom to trust, and what certificate to show, if that is said.
    fn tls(&self) -> anyhow::Result<Option<Tls>> {
        let certificate = match (&self.certificate_file, &self.certificate_key_file) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (Some(_), None) => bail!("--certificate-file needs --certificate-key-file"),
            (None, Some(_)) => bail!("--certificate-key-file needs --certificate-file"),
            (None, None) => None,
        };
        let unusable = |file: &Path| format!("{} cannot be used", file.display());
        let tls = match &self.ca_file {
            Some(file) => Tls::with_roots_pem(read(file)?.as_bytes()).with_context(|| unusable(file))?,
            None if certificate.is_none() => return Ok(None),
            None => Tls::system()?,
        };
        let Some((certificate, key)) = certificate else { return Ok(Some(tls)) };
        let tls = tls.client_certificate_pem(read(certificate)?.as_bytes(), read(key)?.as_bytes());
        tls.map(Some).with_context(|| unusable(certificate))
    }
}

fn read(file: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))
}
