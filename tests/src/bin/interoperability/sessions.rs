//! Scenarios about opening and ending sessions.

use std::sync::Arc;

use anyhow::Context as _;
use futures_util::StreamExt as _;
use tokio::sync::Notify;
use trunkline_client::proto::Value;
use trunkline_client::{Args, Error, Reply, State};

use crate::meta::about;
use crate::place::{Place, REALM, check_eq, next, session, within};

pub(crate) async fn join(place: &Place) -> anyhow::Result<()> {
    let client = place.join().await?;
    let joined = client.joined().context("no session")?;
    check_eq!(joined.realm, REALM);
    check_eq!(joined.authrole.as_deref(), Some("guest"));
    check_eq!(joined.authmethod.as_deref(), Some("anonymous"));
    anyhow::ensure!(joined.authid.is_some(), "no authid");
    let other = place.join().await?;
    anyhow::ensure!(session(&client)? != session(&other)?, "two sessions of one ID");
    Ok(())
}

pub(crate) async fn unknown_realm(place: &Place) -> anyhow::Result<()> {
    let refused = within("ABORT", place.client_of("com.example.nowhere").connect()).await?;
    check_eq!(refused.err().as_ref().and_then(|error| error.reason()), Some("wamp.error.no_such_realm"));
    Ok(())
}

pub(crate) async fn leave(place: &Place) -> anyhow::Result<()> {
    let (callee, caller) = (place.join().await?, place.join().await?);
    let (began, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let slow = {
        let (began, go_on) = (began.clone(), go_on.clone());
        move || {
            let (began, go_on) = (began.clone(), go_on.clone());
            async move {
                began.notify_one();
                go_on.notified().await;
                Reply("done")
            }
        }
    };
    callee.register(place.uri("slow"), slow).await?;
    let mut taken_back = caller.subscribe::<Value>("wamp.registration.on_unregister").await?;
    let mut left = caller.subscribe::<Value>("wamp.session.on_leave").await?;
    let id = session(&callee)?.value();
    let call = tokio::spawn(caller.call::<String>(place.uri("slow"), ()).into_future());
    within("INVOCATION", began.notified()).await?;
    let leaving = tokio::spawn({
        let callee = callee.clone();
        async move { callee.leave().await }
    });
    // The procedure is taken back, though it runs.
    about(&mut taken_back, id).await?;
    go_on.notify_one();
    check_eq!(within("RESULT", call).await??, Ok("done".to_owned()));
    within("GOODBYE", leaving).await??;
    about(&mut left, id).await?;
    check_eq!(callee.call::<()>(place.uri("slow"), ()).await, Err(Error::Closed));
    Ok(())
}

pub(crate) async fn reconnect(place: &Place) -> anyhow::Result<()> {
    let (alice, bob) = (place.join().await?, place.join().await?);
    let mut ticks = alice.subscribe::<u64>(place.uri("tick")).await?;
    alice.register(place.uri("double"), async |Args(number): Args<u64>| Reply(2 * number)).await?;
    let watched = [(session(&alice)?, alice.states()), (session(&bob)?, bob.states())];
    place.router.restart().await?;
    for (before, mut states) in watched {
        let back = async {
            // IDs are random: no other session has this one.
            while let Some(state) = states.next().await {
                if matches!(state, State::Joined(joined) if joined.session != before) {
                    return true;
                }
            }
            false
        };
        anyhow::ensure!(within("a new session", back).await?, "the client gave up");
    }
    // Alice's requests wait until her subscriptions and registrations are back.
    within("PUBLISHED", alice.publish(place.uri("other"), ()).acknowledge()).await??;
    let result = within("RESULT", async {
        loop {
            match bob.call::<u64>(place.uri("double"), 21).await {
                // Bob may have been faster than Alice.
                Err(error) if error.uri() == Some("wamp.error.no_such_procedure") => {}
                result => return result,
            }
        }
    });
    check_eq!(result.await?, Ok(42));
    within("PUBLISHED", bob.publish(place.uri("tick"), 7).acknowledge()).await??;
    check_eq!(next(&mut ticks).await?.args, 7);
    Ok(())
}
