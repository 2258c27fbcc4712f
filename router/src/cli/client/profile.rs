//! Profiles: connections that are written down, so that neither they nor their secrets are typed.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, bail, ensure};
use serde::Deserialize as _;

use super::connection::Connection;
use crate::cli::complain;

/// The name of the profile that is used if none is named.
const DEFAULT: &str = "default";

/// The profile of that name, or the default one, of the file that `TRUNKLINE_CLIENT_CONFIG` names, or of
/// `trunkline/client.toml` where configurations of users are.
pub(super) fn find(name: Option<&str>) -> anyhow::Result<Connection> {
    let given =
        std::env::var_os("TRUNKLINE_CLIENT_CONFIG").filter(|path| !path.is_empty()).map(PathBuf::from);
    let Some(path) = given.clone().or_else(usual_path) else {
        ensure!(name.is_none(), "there is no home directory to have a profile file in");
        return Ok(Connection::default());
    };
    if given.is_none() && !path.exists() {
        ensure!(name.is_none(), "there is no profile file {}", path.display());
        return Ok(Connection::default());
    }
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let profile = parse(&text, name, path.parent().unwrap_or(Path::new("")))
        .with_context(|| format!("{} cannot be used", path.display()))?;
    if profile.has_secret() && path.metadata()?.permissions().mode() & 0o077 != 0 {
        let path = path.display();
        complain(&format!("trunkline: others can read the secrets in {path}: chmod 600 it\n"));
    }
    Ok(profile)
}

/// The profile of that name, or the default one. Relative paths start from `folder`.
fn parse(text: &str, name: Option<&str>, folder: &Path) -> anyhow::Result<Connection> {
    let file: toml::Table = toml::from_str(text).map_err(|error| {
        let start = error.span().map_or(0, |span| span.start);
        let line = text.get(..start).unwrap_or_default().matches('\n').count() + 1;
        anyhow!("line {line}: {}", error.message())
    })?;
    let mut profiles = BTreeMap::new();
    for (name, profile) in file {
        let profile = read(&name, profile)?;
        profiles.insert(name, profile);
    }
    let Some(mut profile) = profiles.remove(name.unwrap_or(DEFAULT)) else {
        let known: Vec<_> = profiles.keys().map(String::as_str).collect();
        ensure!(
            name.is_none(),
            "there is no profile {:?}; there are: {}",
            name.unwrap_or_default(),
            known.join(", ")
        );
        return Ok(Connection::default());
    };
    for path in profile.files() {
        *path = folder.join(&path);
    }
    Ok(profile)
}

/// One profile. Errors name its keys, but quote no values: they may be secrets.
fn read(name: &str, profile: toml::Value) -> anyhow::Result<Connection> {
    let toml::Value::Table(entries) = profile else {
        bail!("{name} belongs to no profile: write [{DEFAULT}] above it");
    };
    for (key, value) in &entries {
        let entry = toml::Table::from_iter([(key.clone(), value.clone())]);
        if let Err(error) = Connection::deserialize(entry) {
            let is_harmless = error.message().starts_with("unknown ");
            let message = if is_harmless { error.message() } else { "a value of another type is expected" };
            bail!("[{name}], {key}: {message}");
        }
    }
    Connection::deserialize(entries).map_err(|_| anyhow!("[{name}] is no profile"))
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
        let mut shop = parse(FILE, Some("shop"), folder).unwrap();
        let files: Vec<_> = shop.files().collect();
        assert_eq!(files, [Path::new("/etc/trunkline/joe.seed")]);
        assert!(shop.has_secret());
        assert!(!parse(FILE, None, folder).unwrap().has_secret());
        parse("", None, folder).unwrap();
    }

    #[test]
    fn mistakes_are_told_without_quoting_secrets() {
        let error = |text: &str, name| parse(text, name, Path::new("")).err().unwrap().to_string();
        assert_eq!(error(FILE, Some("shopp")), r#"there is no profile "shopp"; there are: default, shop"#);
        let unquoted = error("[shop]\nticket = sesame\n", Some("shop"));
        assert!(unquoted.starts_with("line 2: ") && !unquoted.contains("sesame"), "{unquoted}");
        let twice = error("[shop]\nurl = \"a\"\nurl = \"b\"\n", Some("shop"));
        assert!(twice.starts_with("line 3: "), "{twice}");
        let unknown = error("[shop]\ntickets = \"sesame\"\n", Some("shop"));
        assert!(unknown.starts_with("[shop], tickets: unknown field `tickets`, expected "), "{unknown}");
        assert_eq!(
            error("ticket = \"sesame\"\n", None),
            "ticket belongs to no profile: write [default] above it"
        );
        for wrong in ["ticket = 123", "autobahn_scram = \"123\""] {
            let wrong = error(&format!("[shop]\n{wrong}\n"), Some("shop"));
            assert!(
                wrong.ends_with(": a value of another type is expected") && !wrong.contains("123"),
                "{wrong}"
            );
        }
        let variant = error("[shop]\nserializer = \"xml\"\n", None);
        assert!(
            variant.contains("unknown variant `xml`, expected one of `json`, `msgpack`, `cbor`"),
            "{variant}"
        );
    }
}
