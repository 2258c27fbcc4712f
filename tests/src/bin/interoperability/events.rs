//! Scenarios about events.

use trunkline_client::proto::Value;
use trunkline_client::{Client, Event, Subscription};

use crate::place::{Place, check_eq, next, session, within};

pub(crate) async fn publish(place: &Place) -> anyhow::Result<()> {
    let (alice, bob) = (place.join().await?, place.join().await?);
    let mut ticks = bob.subscribe::<u64>(place.uri("tick")).await?;
    for tick in 0..10 {
        alice.publish(place.uri("tick"), tick).await?;
    }
    let publication = within("PUBLISHED", alice.publish(place.uri("tick"), 10).acknowledge()).await??;
    for tick in 0..10 {
        check_eq!(next(&mut ticks).await?.args, tick);
    }
    let last = next(&mut ticks).await?;
    check_eq!((last.args, last.publication, &*last.topic), (10, publication, &*place.uri("tick")));
    Ok(())
}

pub(crate) async fn exclude_me(place: &Place) -> anyhow::Result<()> {
    let alice = place.join().await?;
    let mut ticks = alice.subscribe::<u64>(place.uri("tick")).await?;
    within("PUBLISHED", alice.publish(place.uri("tick"), 1).acknowledge()).await??;
    within("PUBLISHED", alice.publish(place.uri("tick"), 2).exclude_me(false).acknowledge()).await??;
    check_eq!(next(&mut ticks).await?.args, 2);
    Ok(())
}

pub(crate) async fn receivers(place: &Place) -> anyhow::Result<()> {
    let (alice, bob, carol) = (place.join().await?, place.join().await?, place.join().await?);
    let topic = &*place.uri("tick");
    let (mut bobs, mut carols) = (bob.subscribe::<u64>(topic).await?, carol.subscribe::<u64>(topic).await?);
    let authid = |client: &Client| client.joined().and_then(|joined| joined.authid.clone());
    let (bobs_authid, carols_authid) = (authid(&bob), authid(&carol));
    let (bob, carol) = (session(&bob)?, session(&carol)?);
    alice.publish(topic, 1).eligible([bob]).await?;
    alice.publish(topic, 2).exclude([bob]).await?;
    alice.publish(topic, 3).eligible_authid(bobs_authid.clone()).await?;
    alice.publish(topic, 4).exclude_authid(bobs_authid).await?;
    alice.publish(topic, 5).eligible_authrole(["user"]).await?;
    alice.publish(topic, 6).exclude_authrole(["guest"]).await?;
    alice.publish(topic, 7).eligible([bob, carol]).exclude_authid(carols_authid).await?;
    within("PUBLISHED", alice.publish(topic, 8).eligible_authrole(["guest"]).acknowledge()).await??;
    for expected in [1, 3, 7, 8] {
        check_eq!(next(&mut bobs).await?.args, expected);
    }
    for expected in [2, 4, 8] {
        check_eq!(next(&mut carols).await?.args, expected);
    }
    Ok(())
}

pub(crate) async fn unsubscribe(place: &Place) -> anyhow::Result<()> {
    let (alice, bob) = (place.join().await?, place.join().await?);
    let first = bob.subscribe::<u64>(place.uri("tick")).await?;
    let mut second = bob.subscribe::<u64>(place.uri("tick")).await?;
    alice.publish(place.uri("tick"), 1).acknowledge().await?;
    within("UNSUBSCRIBED", first.unsubscribe()).await??;
    alice.publish(place.uri("tick"), 2).acknowledge().await?;
    // Another subscriber of the session has kept its subscription.
    check_eq!((next(&mut second).await?.args, next(&mut second).await?.args), (1, 2));
    within("UNSUBSCRIBED", second.unsubscribe()).await??;
    alice.publish(place.uri("tick"), 3).acknowledge().await?;
    let mut third = bob.subscribe::<u64>(place.uri("tick")).await?;
    alice.publish(place.uri("tick"), 4).acknowledge().await?;
    check_eq!(next(&mut third).await?.args, 4);
    Ok(())
}

pub(crate) async fn patterns(place: &Place) -> anyhow::Result<()> {
    let (alice, bob) = (place.join().await?, place.join().await?);
    let mut prefix = bob.subscribe::<u64>(place.uri("a.")).prefix().await?;
    let mut wildcard = bob.subscribe::<u64>(place.uri("a..c")).wildcard().await?;
    let mut exact = bob.subscribe::<u64>(place.uri("a.b.c")).await?;
    for (topic, number) in [("b", 1), ("a.b", 2), ("a.b.c", 3), ("a.d.c", 4)] {
        within("PUBLISHED", alice.publish(place.uri(topic), number).acknowledge()).await??;
    }
    let expect = async |events: &mut Subscription<u64>, expected: &[(&str, u64)]| {
        for (topic, number) in expected {
            let event = next(events).await?;
            check_eq!((&*event.topic, event.args), (&*place.uri(topic), *number));
        }
        anyhow::Ok(())
    };
    expect(&mut prefix, &[("a.b", 2), ("a.b.c", 3), ("a.d.c", 4)]).await?;
    expect(&mut wildcard, &[("a.b.c", 3), ("a.d.c", 4)]).await?;
    expect(&mut exact, &[("a.b.c", 3)]).await
}

pub(crate) async fn retained(place: &Place) -> anyhow::Result<()> {
    let (alice, bob) = (place.join().await?, place.join().await?);
    let topic = &*place.uri("state");
    within("PUBLISHED", alice.publish(topic, "on").retain().acknowledge()).await??;
    let mut states = bob.subscribe::<String>(topic).get_retained().await?;
    let kept = next(&mut states).await?;
    check_eq!((&*kept.args, kept.details.retained), ("on", Some(true)));
    within("PUBLISHED", alice.publish(topic, "off").acknowledge()).await??;
    let live = next(&mut states).await?;
    check_eq!((&*live.args, live.details.retained == Some(true)), ("off", false));
    Ok(())
}

pub(crate) async fn retained_publication(place: &Place) -> anyhow::Result<()> {
    let (alice, bob) = (place.join().await?, place.join().await?);
    let topic = &*place.uri("state");
    let publication = within("PUBLISHED", alice.publish(topic, "on").retain().acknowledge()).await??;
    let mut states = bob.subscribe::<String>(topic).get_retained().await?;
    check_eq!(next(&mut states).await?.publication, publication);
    Ok(())
}

pub(crate) async fn retained_pattern(place: &Place) -> anyhow::Result<()> {
    let (alice, bob) = (place.join().await?, place.join().await?);
    let topic = &*place.uri("state.lamp");
    within("PUBLISHED", alice.publish(topic, "on").retain().acknowledge()).await??;
    let mut states = bob.subscribe::<String>(place.uri("state.")).prefix().get_retained().await?;
    let kept = next(&mut states).await?;
    check_eq!((&*kept.args, &*kept.topic), ("on", topic));
    Ok(())
}

fn publisher(event: &Event<u64>) -> Option<u64> {
    event.details.publisher.map(|session| session.value())
}

pub(crate) async fn publisher_by_configuration(place: &Place) -> anyhow::Result<()> {
    let (alice, bob) = (place.join().await?, place.join().await?);
    let disclosed = &*place.disclosed_uri("tick");
    let mut ticks = bob.subscribe::<u64>(disclosed).await?;
    let mut others = bob.subscribe::<u64>(place.uri("tick")).await?;
    alice.publish(disclosed, 1).await?;
    alice.publish(place.uri("tick"), 2).await?;
    let event = next(&mut ticks).await?;
    check_eq!(publisher(&event), Some(session(&alice)?.value()));
    check_eq!(event.details.publisher_authrole.as_deref(), Some("guest"));
    check_eq!(publisher(&next(&mut others).await?), None);
    Ok(())
}

pub(crate) async fn publisher_on_request(place: &Place) -> anyhow::Result<()> {
    let (alice, bob) = (place.join().await?, place.join().await?);
    let mut ticks = bob.subscribe::<u64>(place.uri("tick")).await?;
    alice.publish(place.uri("tick"), 1).disclose_me().await?;
    check_eq!(publisher(&next(&mut ticks).await?), Some(session(&alice)?.value()));
    Ok(())
}

pub(crate) async fn testament(place: &Place) -> anyhow::Result<()> {
    let (alice, bob) = (place.join().await?, place.join().await?);
    let mut wills = bob.subscribe::<String>(place.uri("will")).await?;
    let will = (place.uri("will"), ["gone"], Value::Dict(Vec::new()));
    within("RESULT", alice.call::<Option<Value>>("wamp.session.add_testament", will)).await??;
    drop(alice);
    check_eq!(next(&mut wills).await?.args, "gone");
    Ok(())
}
