//! The guide docs/rust-client.md: logging in. `client/tests/guide.rs` runs it.
#![allow(clippy::print_stdout, reason = "the guide shows what it prints")]

use std::error::Error;

use trunkline_client::{Client, Credential, Tls};

/// The test's router knows its public key. A real seed stands in a file that nobody else can read.
const SEED: &str = "0707070707070707070707070707070707070707070707070707070707070707";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (url, authority) =
        arguments.next().zip(arguments.next()).ok_or("usage: guide_authentication URL AUTHORITY.pem")?;
    credentials(&url, &authority).await?;
    refused(&url, &authority).await
}

async fn credentials(url: &str, authority: &str) -> Result<(), Box<dyn Error>> {
    // guide: credentials
    let tls = Tls::with_roots_pem(&std::fs::read(authority)?)?;
    let identities = [
        ("tom", Credential::ticket("new ticket")),
        ("carl", Credential::wampcra("secret")),
        ("sam", Credential::scram("pencil")),
        ("kate", Credential::cryptosign_hex(SEED)?),
    ];
    for (authid, credential) in identities {
        let builder = Client::builder(url, "realm1").tls(tls.clone()).authid(authid).credential(credential);
        let client = builder.connect().await?;
        if let Some(joined) = client.joined() {
            println!("{authid}: {:?}", joined.authmethod);
        }
        client.leave().await;
    }
    // guide: end
    Ok(())
}

async fn refused(url: &str, authority: &str) -> Result<(), Box<dyn Error>> {
    let tls = Tls::with_roots_pem(&std::fs::read(authority)?)?;
    // guide: refused
    let builder = Client::builder(url, "realm1").tls(tls).authid("tom").credential(Credential::ticket("?"));
    match builder.connect().await {
        Ok(_) => println!("welcome"),
        Err(error) => println!("{:?}", error.reason()),
    }
    // guide: end
    Ok(())
}
