//! Scenarios about the meta API.

use std::collections::HashMap;

use anyhow::Context as _;
use trunkline_client::proto::Value;
use trunkline_client::{
    ArgsKwargs, Client, Ended, FromPayload, IntoPayload, Raw, Reconnect, Reply, Subscription,
};

use crate::place::{Place, check_eq, check_error, next, session, within};

async fn ask<T: FromPayload + 'static>(
    client: &Client,
    procedure: &str,
    arguments: impl IntoPayload,
) -> anyhow::Result<T> {
    Ok(within(procedure, client.call::<T>(procedure, arguments)).await??)
}

/// What a dict has under that key.
fn of<'a>(dict: &'a Value, key: &str) -> Option<&'a Value> {
    let Value::Dict(entries) = dict else { return None };
    entries.iter().find(|(name, _)| name == key).map(|(_, value)| value)
}

/// The first event whose first argument is, or has as `session`, that session: others may come and go.
pub(crate) async fn about(events: &mut Subscription<Value>, session: u64) -> anyhow::Result<()> {
    loop {
        let event = next(events).await?;
        let id = of(&event.args, "session").unwrap_or(&event.args);
        if id.as_u64() == Some(session) {
            return Ok(());
        }
    }
}

pub(crate) async fn sessions(place: &Place) -> anyhow::Result<()> {
    let alice = place.join().await?;
    let mut joins = alice.subscribe::<Value>("wamp.session.on_join").await?;
    let mut leaves = alice.subscribe::<Value>("wamp.session.on_leave").await?;
    let bob = place.join().await?;
    let id = session(&bob)?.value();
    about(&mut joins, id).await?;
    let list: Vec<u64> = ask(&alice, "wamp.session.list", ()).await?;
    anyhow::ensure!(list.contains(&id) && list.contains(&session(&alice)?.value()), "{list:?} without {id}");
    let count: u64 = ask(&alice, "wamp.session.count", (["guest"],)).await?;
    anyhow::ensure!(count >= 2, "{count} sessions");
    check_eq!(ask::<u64>(&alice, "wamp.session.count", (["nobody"],)).await?, 0);
    let details: Value = ask(&alice, "wamp.session.get", id).await?;
    check_eq!(of(&details, "session").and_then(Value::as_u64), Some(id));
    check_eq!(of(&details, "authrole").and_then(Value::as_str), Some("guest"));
    within("GOODBYE", bob.leave()).await?;
    about(&mut leaves, id).await?;
    let gone = within("ERROR", alice.call::<Value>("wamp.session.get", id)).await?;
    check_error(gone, "wamp.error.no_such_session")
}

pub(crate) async fn who_left(place: &Place) -> anyhow::Result<()> {
    let (alice, bob) = (place.join().await?, place.join().await?);
    let joined = bob.joined().context("no session")?;
    let mut leaves = alice.subscribe::<Raw>("wamp.session.on_leave").await?;
    within("GOODBYE", bob.leave()).await?;
    loop {
        let (args, _) = next(&mut leaves).await?.args.0.values()?;
        if args.first().and_then(Value::as_u64) == Some(joined.session.value()) {
            let texts: Vec<_> = args.iter().skip(1).map(Value::as_str).collect();
            check_eq!(texts, [joined.authid.as_deref(), joined.authrole.as_deref()]);
            return Ok(());
        }
    }
}

pub(crate) async fn registrations(place: &Place) -> anyhow::Result<()> {
    let (alice, bob) = (place.join().await?, place.join().await?);
    let procedure = place.uri("one");
    bob.register(&procedure, async || Reply(1)).await?;
    let none: Option<u64> = ask(&alice, "wamp.registration.lookup", place.uri("nowhere")).await?;
    check_eq!(none, None);
    let id: u64 = ask(&alice, "wamp.registration.lookup", &procedure).await?;
    check_eq!(ask::<u64>(&alice, "wamp.registration.match", &procedure).await?, id);
    let list: Value = ask(&alice, "wamp.registration.list", ()).await?;
    let is_listed = of(&list, "exact").is_some_and(
        |exact| matches!(exact, Value::List(ids) if ids.iter().any(|other| other.as_u64() == Some(id))),
    );
    anyhow::ensure!(is_listed, "{list:?} without {id}");
    let details: Value = ask(&alice, "wamp.registration.get", id).await?;
    check_eq!(of(&details, "uri").and_then(Value::as_str), Some(&*procedure));
    check_eq!(of(&details, "match").and_then(Value::as_str), Some("exact"));
    check_eq!(of(&details, "invoke").and_then(Value::as_str), Some("single"));
    let callees: Vec<u64> = ask(&alice, "wamp.registration.list_callees", id).await?;
    check_eq!(callees, [session(&bob)?.value()]);
    check_eq!(ask::<u64>(&alice, "wamp.registration.count_callees", id).await?, 1);
    Ok(())
}

pub(crate) async fn registration_events(place: &Place) -> anyhow::Result<()> {
    let (alice, bob) = (place.join().await?, place.join().await?);
    let id = session(&bob)?.value();
    let subscribe = |event: &str| alice.subscribe::<(u64, Value)>(format!("wamp.registration.{event}"));
    let mut creations = subscribe("on_create").await?;
    let mut registers = subscribe("on_register").await?;
    let mut unregisters = subscribe("on_unregister").await?;
    let mut deletions = subscribe("on_delete").await?;
    let registration = bob.register(place.uri("one"), async || Reply(1)).await?;
    let number: u64 = ask(&alice, "wamp.registration.lookup", place.uri("one")).await?;
    let (by, details) = next(&mut creations).await?.args;
    check_eq!(by, id);
    check_eq!(of(&details, "uri").and_then(Value::as_str), Some(&*place.uri("one")));
    check_eq!(of(&details, "id").and_then(Value::as_u64), Some(number));
    registration.unregister().await?;
    for events in [&mut registers, &mut unregisters, &mut deletions] {
        let (by, registration) = next(events).await?.args;
        check_eq!((by, registration.as_u64()), (id, Some(number)));
    }
    Ok(())
}

pub(crate) async fn subscriptions(place: &Place) -> anyhow::Result<()> {
    let (alice, bob) = (place.join().await?, place.join().await?);
    let topic = place.uri("tick");
    let _ticks = bob.subscribe::<u64>(&topic).await?;
    let none: Option<u64> = ask(&alice, "wamp.subscription.lookup", place.uri("nowhere")).await?;
    check_eq!(none, None);
    let id: u64 = ask(&alice, "wamp.subscription.lookup", &topic).await?;
    check_eq!(ask::<Vec<u64>>(&alice, "wamp.subscription.match", &topic).await?, [id]);
    let details: Value = ask(&alice, "wamp.subscription.get", id).await?;
    check_eq!(of(&details, "uri").and_then(Value::as_str), Some(&*topic));
    let subscribers: Vec<u64> = ask(&alice, "wamp.subscription.list_subscribers", id).await?;
    check_eq!(subscribers, [session(&bob)?.value()]);
    check_eq!(ask::<u64>(&alice, "wamp.subscription.count_subscribers", id).await?, 1);
    Ok(())
}

pub(crate) async fn kill(place: &Place) -> anyhow::Result<()> {
    let alice = place.join().await?;
    let bob = within("WELCOME", place.client().reconnect(Reconnect::never()).connect()).await??;
    let why = HashMap::from([("reason", "com.example.close.why"), ("message", "because")]);
    let arguments = ArgsKwargs((session(&bob)?.value(),), why);
    let () = ask(&alice, "wamp.session.kill", arguments).await?;
    match within("GOODBYE", bob.closed()).await? {
        Ended::Goodbye(reason) => check_eq!(reason.uri(), "com.example.close.why"),
        other => anyhow::bail!("{other:?} in place of GOODBYE"),
    }
    Ok(())
}
