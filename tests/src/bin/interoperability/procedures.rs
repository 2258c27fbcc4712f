//! Scenarios about registrations, and about which callee is called.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::{Notify, mpsc};
use trunkline_client::{Client, InvocationPolicy, Procedure, Registration, Reply};

use crate::place::{Place, check_eq, check_error, within};

pub(crate) async fn unregister(place: &Place) -> anyhow::Result<()> {
    let (callee, caller) = (place.join().await?, place.join().await?);
    let registration = callee.register(place.uri("one"), async || Reply(1)).await?;
    check_eq!(within("RESULT", caller.call::<u8>(place.uri("one"), ())).await??, 1);
    within("UNREGISTERED", registration.unregister()).await??;
    let result = within("ERROR", caller.call::<u8>(place.uri("one"), ())).await?;
    check_error(result, "wamp.error.no_such_procedure")?;
    callee.register(place.uri("one"), async || Reply(2)).await?;
    check_eq!(within("RESULT", caller.call::<u8>(place.uri("one"), ())).await??, 2);
    Ok(())
}

pub(crate) async fn second_registration(place: &Place) -> anyhow::Result<()> {
    let (one, two) = (place.join().await?, place.join().await?);
    one.register(place.uri("one"), async || Reply(1)).await?;
    let second = within("ERROR", two.register(place.uri("one"), async || Reply(2))).await?;
    check_error(second.map(|_| ()), "wamp.error.procedure_already_exists")
}

async fn name(Procedure(procedure): Procedure) -> Reply<String> {
    Reply(procedure)
}

pub(crate) async fn prefix_registration(place: &Place) -> anyhow::Result<()> {
    let (callee, caller) = (place.join().await?, place.join().await?);
    callee.register(place.uri("a"), name).prefix().await?;
    let longer = async |Procedure(procedure): Procedure| Reply(format!("longer {procedure}"));
    callee.register(place.uri("a.b"), longer).prefix().await?;
    let called = |uri: &str| within("RESULT", caller.call::<String>(place.uri(uri), ()));
    check_eq!(called("a.c").await??, place.uri("a.c"));
    check_eq!(called("a.b.c").await??, format!("longer {}", place.uri("a.b.c")));
    let result = called("b").await?;
    check_error(result, "wamp.error.no_such_procedure")
}

pub(crate) async fn wildcard_registration(place: &Place) -> anyhow::Result<()> {
    let (callee, caller) = (place.join().await?, place.join().await?);
    callee.register(place.uri("a..c"), name).wildcard().await?;
    callee.register(place.uri("a.exact.c"), async || Reply("exact")).await?;
    let called = |uri: &str| within("RESULT", caller.call::<String>(place.uri(uri), ()));
    check_eq!(called("a.b.c").await??, place.uri("a.b.c"));
    check_eq!(called("a.exact.c").await??, "exact");
    let result = called("a.b.d").await?;
    check_error(result, "wamp.error.no_such_procedure")
}

/// Three callees of a shared registration, which answer with their number.
async fn share(place: &Place, policy: InvocationPolicy) -> anyhow::Result<Vec<(Client, Registration)>> {
    let mut callees = Vec::new();
    for number in 0..3_u8 {
        let callee = place.join().await?;
        let answer = move || async move { Reply(number) };
        let registration = callee.register(place.uri("shared"), answer).invoke(policy).await?;
        callees.push((callee, registration));
    }
    Ok(callees)
}

async fn answers(place: &Place, caller: &Client, calls: usize) -> anyhow::Result<Vec<u8>> {
    let mut answers = Vec::new();
    for _ in 0..calls {
        answers.push(within("RESULT", caller.call(place.uri("shared"), ())).await??);
    }
    Ok(answers)
}

pub(crate) async fn roundrobin(place: &Place) -> anyhow::Result<()> {
    let caller = place.join().await?;
    let _callees = share(place, InvocationPolicy::RoundRobin).await?;
    let answers = answers(place, &caller, 6).await?;
    let turn = |from: usize| answers.iter().skip(from).take(3).copied().collect::<Vec<_>>();
    check_eq!(turn(0), turn(3));
    check_eq!(turn(0).into_iter().collect::<BTreeSet<_>>(), BTreeSet::from([0, 1, 2]));
    Ok(())
}

pub(crate) async fn first_and_last(place: &Place) -> anyhow::Result<()> {
    let caller = place.join().await?;
    let mut callees = share(place, InvocationPolicy::First).await?;
    check_eq!(answers(place, &caller, 3).await?, [0, 0, 0]);
    // The next one steps in.
    let (_, registration) = callees.remove(0);
    registration.unregister().await?;
    check_eq!(answers(place, &caller, 3).await?, [1, 1, 1]);
    for (_, registration) in callees {
        registration.unregister().await?;
    }
    let mut callees = share(place, InvocationPolicy::Last).await?;
    check_eq!(answers(place, &caller, 3).await?, [2, 2, 2]);
    let (_, registration) = callees.remove(2);
    registration.unregister().await?;
    check_eq!(answers(place, &caller, 3).await?, [1, 1, 1]);
    Ok(())
}

pub(crate) async fn random(place: &Place) -> anyhow::Result<()> {
    let caller = place.join().await?;
    let _callees = share(place, InvocationPolicy::Random).await?;
    // That one of three never answers in 60 calls has a chance of about 1 in 10^10.
    let answers = answers(place, &caller, 60).await?;
    check_eq!(answers.into_iter().collect::<BTreeSet<_>>(), BTreeSet::from([0, 1, 2]));
    Ok(())
}

pub(crate) async fn concurrency(place: &Place) -> anyhow::Result<()> {
    let caller = place.join().await?;
    let (began, mut begins) = mpsc::channel(4);
    let go_on = Arc::new(Notify::new());
    let mut callees = Vec::new();
    for number in 0..2_u8 {
        let callee = place.join().await?;
        let (began, go_on) = (began.clone(), go_on.clone());
        let answer = move || {
            let (began, go_on) = (began.clone(), go_on.clone());
            async move {
                let gone_on = go_on.notified();
                began.send(number).await.ok();
                gone_on.await;
                Reply(number)
            }
        };
        callee
            .register(place.uri("slow"), answer)
            .invoke(InvocationPolicy::RoundRobin)
            .concurrency(1)
            .await?;
        callees.push(callee);
    }
    let call = || tokio::spawn(caller.call::<u8>(place.uri("slow"), ()).into_future());
    let calls = [call(), call()];
    let mut busy = BTreeSet::new();
    for _ in &calls {
        busy.extend(within("INVOCATION", begins.recv()).await?);
    }
    check_eq!(busy, BTreeSet::from([0, 1]));
    match within("ERROR", caller.call::<u8>(place.uri("slow"), ())).await? {
        Err(error) if error.uri().is_some_and(|uri| uri.ends_with(".error.max_concurrency_reached")) => {}
        other => anyhow::bail!("{other:?} of a call that nobody is free for"),
    }
    go_on.notify_waiters();
    for call in calls {
        within("RESULT", call).await???;
    }
    Ok(())
}

pub(crate) async fn callee_leaves(place: &Place) -> anyhow::Result<()> {
    let (callee, caller) = (place.join().await?, place.join().await?);
    let began = Arc::new(Notify::new());
    let slow = {
        let began = began.clone();
        move || {
            began.notify_one();
            std::future::pending::<Reply<()>>()
        }
    };
    callee.register(place.uri("slow"), slow).await?;
    let call = tokio::spawn(caller.call::<()>(place.uri("slow"), ()).into_future());
    within("INVOCATION", began.notified()).await?;
    // Its last handle: the connection ends.
    drop(callee);
    check_error(within("ERROR", call).await??, "wamp.error.canceled")
}
