//! `trunkline init`: a configuration to begin with, and a certificate for this machine.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, bail};
use clap::Args;
use rcgen::{CertificateParams, DnType, KeyPair};

use super::{say, write_new};

/// The configuration. It names the other two files.
const STARTER: &str = include_str!("starter.toml");

/// Longer than most people look at a certificate that they should replace.
const CERTIFICATE_VALIDITY: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// What `trunkline init` takes.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Folder to write to; made if it is not there
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
}

/// Writes the files, unless one of them is there.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let dir = &arguments.dir;
    let (certificate, key) = self_signed().context("cannot make a certificate")?;
    let files = [
        ("key.pem", key.as_str(), 0o600),
        ("certificate.pem", certificate.as_str(), 0o644),
        ("trunkline.toml", STARTER, 0o644),
    ]
    .map(|(name, content, mode)| (dir.join(name), content, mode));
    for (path, ..) in &files {
        // A link that leads nowhere is somebody's, too.
        if path.symlink_metadata().is_ok() {
            bail!("{} is there already: nothing was written", path.display());
        }
    }
    fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    for (index, (path, content, mode)) in files.iter().enumerate() {
        if let Err(error) = write_new(path, content, *mode) {
            // Half of the files would keep the next run from writing any.
            for (path, ..) in files.iter().take(index) {
                fs::remove_file(path).ok();
            }
            return Err(error).with_context(|| format!("cannot write {}", path.display()));
        }
    }
    let [(key, ..), (certificate, ..), (config, ..)] = &files;
    say(&next_steps(config, certificate, key));
    Ok(())
}

/// A certificate for `localhost`, and its key, as PEM.
fn self_signed() -> Result<(String, String), rcgen::Error> {
    let mut params = CertificateParams::new(["localhost", "127.0.0.1", "::1"].map(str::to_owned))?;
    params.distinguished_name.push(DnType::CommonName, "Trunkline on localhost");
    let now = SystemTime::now();
    params.not_before = now.into();
    params.not_after = (now + CERTIFICATE_VALIDITY).into();
    let key = KeyPair::generate()?;
    let certificate = params.self_signed(&key)?;
    Ok((certificate.pem(), key.serialize_pem()))
}

fn next_steps(config: &Path, certificate: &Path, key: &Path) -> String {
    let [config, certificate, key] = [config, certificate, key].map(Path::display);
    format!(
        "\
wrote {config}
      {certificate}   self-signed, for localhost, for a year
      {key}           readable by you alone

Next:
  1. Read {config}, and put the names of your topics and procedures into it.
  2. trunkline check {config}
  3. trunkline start --config {config}

Browsers on this machine then connect to wss://localhost:8443/ws, once they trust the certificate; backends to the
socket file that the configuration names. Before others connect, put a certificate of your own in the place of
this one.
"
    )
}
