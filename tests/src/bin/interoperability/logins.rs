//! Scenarios about log-ins. The principals are those of `trunkline_tests::logins` and `tests/crossbar/config.json`.

use anyhow::Context as _;
use trunkline_client::{Builder, ConnectError, Credential};
use trunkline_tests::logins::SEED;

use crate::place::{Place, check_eq, within};

pub(crate) async fn ticket(place: &Place) -> anyhow::Result<()> {
    log_in(place, "tom", "ticket", Credential::ticket("old ticket"), Credential::ticket("wrong")).await
}

pub(crate) async fn wampcra(place: &Place) -> anyhow::Result<()> {
    log_in(place, "carl", "wampcra", Credential::wampcra("secret"), Credential::wampcra("wrong")).await
}

pub(crate) async fn salted_wampcra(place: &Place) -> anyhow::Result<()> {
    log_in(place, "salim", "wampcra", Credential::wampcra("secret123"), Credential::wampcra("wrong")).await
}

pub(crate) async fn scram(place: &Place) -> anyhow::Result<()> {
    let (right, wrong) = (Credential::autobahn_scram("pencil"), Credential::autobahn_scram("wrong"));
    log_in(place, "sam", "scram", right, wrong).await
}

pub(crate) async fn wamp_scram(place: &Place) -> anyhow::Result<()> {
    log_in(place, "sam", "wamp-scram", Credential::scram("pencil"), Credential::scram("wrong")).await
}

pub(crate) async fn cryptosign(place: &Place) -> anyhow::Result<()> {
    let (right, wrong) = (Credential::cryptosign(SEED), Credential::cryptosign([8; 32]));
    log_in(place, "kate", "cryptosign", right, wrong).await
}

pub(crate) async fn unknown_principal(place: &Place) -> anyhow::Result<()> {
    refused(place, "nobody", Credential::ticket("old ticket")).await?;
    refused(place, "nobody", Credential::wampcra("secret")).await?;
    refused(place, "nobody", Credential::autobahn_scram("pencil")).await?;
    refused(place, "nobody", Credential::cryptosign(SEED)).await?;
    Ok(())
}

pub(crate) async fn denied_reason(place: &Place) -> anyhow::Result<()> {
    let error = refused(place, "carl", Credential::wampcra("wrong")).await?;
    check_eq!(error.reason(), Some("wamp.error.authentication_denied"));
    Ok(())
}

pub(crate) async fn several_methods(place: &Place) -> anyhow::Result<()> {
    // The last one is not known to every router.
    let offered = [Credential::cookie(), Credential::wampcra("secret"), Credential::scram("pencil")];
    takes_wampcra(place, offered).await
}

async fn takes_wampcra(place: &Place, offered: impl IntoIterator<Item = Credential>) -> anyhow::Result<()> {
    let builder = offered.into_iter().fold(place.client().authid("carl"), Builder::credential);
    let client = within("WELCOME", builder.connect()).await??;
    let joined = client.joined().context("no session")?;
    check_eq!(joined.authmethod.as_deref(), Some("wampcra"));
    Ok(())
}

/// With the right credential, and then in vain with the wrong one.
async fn log_in(
    place: &Place,
    authid: &str,
    method: &str,
    right: Credential,
    wrong: Credential,
) -> anyhow::Result<()> {
    let client = within("WELCOME", place.client().authid(authid).credential(right).connect()).await??;
    let joined = client.joined().context("no session")?;
    check_eq!(joined.authid.as_deref(), Some(authid));
    check_eq!(joined.authrole.as_deref(), Some("user"));
    check_eq!(joined.authmethod.as_deref(), Some(method));
    client.leave().await;
    refused(place, authid, wrong).await?;
    Ok(())
}

async fn refused(place: &Place, authid: &str, credential: Credential) -> anyhow::Result<ConnectError> {
    match within("ABORT", place.client().authid(authid).credential(credential).connect()).await? {
        Err(error @ ConnectError::Refused(_)) => Ok(error),
        other => anyhow::bail!("{other:?} in place of ABORT"),
    }
}
