//! `trunkline keygen`: key pairs for `cryptosign`.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use wamp_proto::auth::cryptosign::{public_key, to_hex};

use super::{complain, print, toml_string, write_new};

/// What `trunkline keygen` takes.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Write the seed to this file, which must not be there, instead of showing it
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Makes a key pair, and prints what goes into configuration files.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let seed = rand::random();
    let [seed, public_key] = [seed, public_key(&seed)].map(|key| to_hex(&key));
    let router_key = match &arguments.out {
        None => {
            print(&format!("# The seed, which is the private key: {seed}\n"))?;
            seed
        }
        Some(path) => {
            let cannot = || format!("cannot write {}", path.display());
            write_new(path, &format!("{seed}\n"), 0o600).with_context(cannot)?;
            let path = path.canonicalize().with_context(cannot)?;
            complain(&format!("wrote the seed, which is the private key, to {}\n", path.display()));
            format!("file:{}", path.display())
        }
    };
    print(&format!(
        "\
# The public key: {public_key}
# In [[realms.principals]], of a client that has the seed:
cryptosign = [\"{public_key}\"]
# In [authentication], if it is the router that has it:
#router_key = {}
",
        toml_string(&router_key)
    ))
}
