//! Profiles: connections that are written down, so that neither they nor their secrets are typed.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use serde::Deserialize;

use super::connection::Serializer;
use crate::cli::complain;

/// The name of the profile that is used if none is named.
const DEFAULT: &str = "default";

/// What is written down of a connection; the options of the same names say what each means.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Profile {
    pub(super) url: Option<String>,
    pub(super) realm: Option<String>,
    pub(super) authid: Option<String>,
    pub(super) ticket: Option<String>,
    pub(super) secret: Option<String>,
    pub(super) password: Option<String>,
    pub(super) autobahn_scram: bool,
    pub(super) key_file: Option<PathBuf>,
    pub(super) bind_channel: bool,
    pub(super) router_key: Option<String>,
    pub(super) cookie: Option<String>,
    pub(super) ca_file: Option<PathBuf>,
    pub(super) certificate_file: Option<PathBuf>,
    pub(super) certificate_key_file: Option<PathBuf>,
    pub(super) serializer: Option<Serializer>,
}

impl Profile {
    /// The profile of that name, or the default one, of the file that `TRUNKLINE_CLIENT_CONFIG` names, or of
    /// `trunkline/client.toml` where configurations of users are.
    pub(super) fn find(name: Option<&str>) -> anyhow::Result<Self> {
        let given = std::env::var_os("TRUNKLINE_CLIENT_CONFIG").map(PathBuf::from);
        let Some(path) = given.clone().or_else(usual_path) else {
            ensure!(name.is_none(), "there is no home directory to have a profile file in");
            return Ok(Self::default());
        };
        if given.is_none() && !path.exists() {
            ensure!(name.is_none(), "there is no profile file {}", path.display());
            return Ok(Self::default());
        }
        let text =
            std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let profile = Self::parse(&text, name, path.parent().unwrap_or(Path::new("")))
            .with_context(|| format!("{} cannot be used", path.display()))?;
        let secrets = [&profile.ticket, &profile.secret, &profile.password, &profile.cookie];
        if secrets.into_iter().any(Option::is_some) {
            let mode = path.metadata()?.permissions().mode();
            if mode & 0o077 != 0 {
                complain(&format!(
                    "trunkline: others can read the secrets in {}: chmod 600 it\n",
                    path.display()
                ));
            }
        }
        Ok(profile)
    }

    /// The same for whoever logs in otherwise. The certificate stays: a router may want one of every client.
    pub(super) fn without_credentials(self) -> Self {
        Self { key_file: None, ticket: None, secret: None, password: None, cookie: None, ..self }
    }

    /// Relative paths start from `folder`.
    fn parse(text: &str, name: Option<&str>, folder: &Path) -> anyhow::Result<Self> {
        let mut profiles: BTreeMap<String, Self> = toml::from_str(text).map_err(|error| {
            // What is quoted of the file may be a secret.
            let line =
                error.span().map_or(0, |span| text.get(..span.start).unwrap_or_default().lines().count());
            anyhow::anyhow!("line {}: {}", line.max(1), error.message())
        })?;
        let Some(mut profile) = profiles.remove(name.unwrap_or(DEFAULT)) else {
            let known: Vec<_> = profiles.keys().map(String::as_str).collect();
            ensure!(
                name.is_none(),
                "there is no profile {:?}; there are: {}",
                name.unwrap_or_default(),
                known.join(", ")
            );
            return Ok(Self::default());
        };
        let paths = [
            &mut profile.key_file,
            &mut profile.ca_file,
            &mut profile.certificate_file,
            &mut profile.certificate_key_file,
        ];
        for path in paths.into_iter().flatten() {
            *path = folder.join(&path);
        }
        Ok(profile)
    }
}

/// Where configurations of users are, by the XDG Base Directory Specification.
fn usual_path() -> Option<PathBuf> {
    let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let folder = absolute("XDG_CONFIG_HOME").or_else(|| Some(absolute("HOME")?.join(".config")))?;
    Some(folder.join("trunkline").join("client.toml"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"
        [default]
        realm = "realm1"
        [shop]
        url = "wss://example.com/ws"
        authid = "joe"
        ticket = "sesame"
        key_file = "joe.seed"
    "#;

    #[test]
    fn a_profile_is_taken_by_its_name_or_by_default() {
        let folder = Path::new("/etc/trunkline");
        let shop = Profile::parse(FILE, Some("shop"), folder).unwrap();
        assert_eq!(shop.url.as_deref(), Some("wss://example.com/ws"));
        assert_eq!(shop.key_file.as_deref(), Some(Path::new("/etc/trunkline/joe.seed")));
        assert_eq!(Profile::parse(FILE, None, folder).unwrap().realm.as_deref(), Some("realm1"));
        assert!(Profile::parse("", None, folder).unwrap().realm.is_none());
    }

    #[test]
    fn mistakes_are_told_without_quoting_secrets() {
        let error = |text, name| Profile::parse(text, name, Path::new("")).err().unwrap().to_string();
        assert_eq!(error(FILE, Some("shopp")), r#"there is no profile "shopp"; there are: default, shop"#);
        let text = error("[shop]\nticket = sesame\n", Some("shop"));
        assert!(text.starts_with("line 2: ") && !text.contains("sesame"), "{text}");
        assert!(error("[shop]\ntickets = \"sesame\"\n", Some("shop")).contains("unknown field `tickets`"));
    }
}
