//! The Rust client as publisher and subscriber: what goes over the wire, and which events reach whom.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a helper fails the test that uses it")]

use std::collections::HashMap;
use std::future::IntoFuture as _;

use futures_util::StreamExt as _;
use tokio::sync::mpsc;
use trunkline_client::{ArgsKwargs, Client, EventError, Subscription};
use trunkline_tests::{STRICT, Script, TestRouter, Via, answer, begin, client_of, joined, within_deadline};

/// Subscribes by the first request of a session: it is subscription 5.
async fn subscribed(client: &Client, script: &mut Script) -> Subscription<u64> {
    let subscribing = begin(client.subscribe::<u64>("com.example.tick"));
    script.expect(r#"[32,1,{},"com.example.tick"]"#).await;
    script.say("[33,1,5]");
    answer(subscribing).await.unwrap()
}

async fn next(subscription: &mut Subscription<u64>) -> Option<Result<u64, EventError>> {
    let event = within_deadline("an event", subscription.next()).await;
    event.map(|event| event.map(|event| event.args))
}

#[tokio::test]
async fn sub_03_several_handlers_have_one_subscription_and_the_last_one_ends_it() {
    let (client, mut script) = joined().await;
    let mut first = subscribed(&client, &mut script).await;
    // Nothing goes out: the session has that subscription.
    let mut second = within_deadline("no request", client.subscribe::<u64>("com.example.tick").into_future())
        .await
        .unwrap();
    let (tell, mut tells) = mpsc::unbounded_channel();
    let handling = client.subscribe::<u64>("com.example.tick").handle(move |event| {
        tell.send(event.unwrap().args).unwrap();
        std::future::ready(())
    });
    let handling = within_deadline("no request", handling).await.unwrap();
    script.say("[36,5,100,{},[1]]");
    assert_eq!((next(&mut first).await, next(&mut second).await), (Some(Ok(1)), Some(Ok(1))));
    assert_eq!(within_deadline("an event", tells.recv()).await, Some(1));
    within_deadline("no request", first.unsubscribe()).await.unwrap();
    within_deadline("no request", handling.unsubscribe()).await.unwrap();
    script.say("[36,5,101,{},[2]]");
    assert_eq!(next(&mut second).await, Some(Ok(2)));
    assert_eq!(within_deadline("the end of the handler", tells.recv()).await, None);
    let unsubscribing = begin(async move { second.unsubscribe().await });
    script.expect("[34,2,5]").await;
    script.say("[35,2]");
    answer(unsubscribing).await.unwrap();
}

#[tokio::test]
async fn sub_05_events_in_flight_behind_unsubscribe_are_nobodys() {
    let (client, mut script) = joined().await;
    let subscription = subscribed(&client, &mut script).await;
    let unsubscribing = begin(async move { subscription.unsubscribe().await });
    script.expect("[34,2,5]").await;
    script.say("[36,5,100,{},[1]]");
    script.say("[35,2]");
    answer(unsubscribing).await.unwrap();
    script.say("[36,5,101,{},[2]]");
    // The session goes on, and the next subscription sees none of them.
    let subscribing = begin(client.subscribe::<u64>("com.example.tick"));
    script.expect(r#"[32,3,{},"com.example.tick"]"#).await;
    script.say("[36,5,102,{},[3]]");
    script.say("[33,3,5]");
    script.say("[36,5,103,{},[4]]");
    assert_eq!(next(&mut answer(subscribing).await.unwrap()).await, Some(Ok(4)));
}

#[tokio::test]
async fn sub_05_no_event_comes_behind_unsubscribed_over_any_transport() {
    let router = TestRouter::start().await;
    for via in Via::sockets() {
        let (alice, bob) = (client_of(&router, via, STRICT), client_of(&router, via, STRICT));
        let (alice, bob) = (alice.connect().await.unwrap(), bob.connect().await.unwrap());
        let mut ticks = bob.subscribe::<u64>("com.example.tick").await.unwrap();
        let (tell, mut tells) = mpsc::unbounded_channel();
        let handler = move |event: Result<trunkline_client::Event<u64>, _>| {
            tell.send(event.unwrap().args).unwrap();
            std::future::ready(())
        };
        let other = bob.subscribe::<u64>("com.example.").prefix().handle(handler).await.unwrap();
        alice.publish("com.example.tick", 1).acknowledge().await.unwrap();
        assert_eq!(next(&mut ticks).await, Some(Ok(1)), "{via}");
        within_deadline("UNSUBSCRIBED", other.unsubscribe()).await.unwrap();
        alice.publish("com.example.tick", 2).acknowledge().await.unwrap();
        assert_eq!(next(&mut ticks).await, Some(Ok(2)), "{via}");
        assert_eq!(within_deadline("an event", tells.recv()).await, Some(1), "{via}");
        assert_eq!(within_deadline("the end", tells.recv()).await, None, "{via}");
        within_deadline("GOODBYE", async { tokio::join!(alice.leave(), bob.leave()) }).await;
    }
    router.wait_until_empty().await;
}

#[tokio::test]
async fn srv_02_a_revoked_subscription_ends_and_is_not_answered() {
    let (client, mut script) = joined().await;
    let mut subscription = subscribed(&client, &mut script).await;
    script.say("[36,5,100,{},[1]]");
    script.say(r#"[35,0,{"subscription":99,"reason":"com.example.other"}]"#);
    script.say(r#"[35,0,{"subscription":5,"reason":"com.example.why"}]"#);
    script.say("[36,5,101,{},[2]]");
    assert_eq!(next(&mut subscription).await, Some(Ok(1)));
    assert_eq!(next(&mut subscription).await, Some(Err(EventError::Revoked("com.example.why".to_owned()))));
    assert_eq!(next(&mut subscription).await, None);
    // There is nothing left to be taken back.
    within_deadline("nothing", subscription.unsubscribe()).await.unwrap();
    client.publish("com.example.tick", ()).await.unwrap();
    script.expect(r#"[16,2,{},"com.example.tick"]"#).await;
}

#[tokio::test]
async fn msg_12_events_without_arguments_and_with_empty_ones_are_the_same() {
    let (client, mut script) = joined().await;
    let subscribing =
        begin(client.subscribe::<ArgsKwargs<Option<u8>, HashMap<String, u8>>>("com.example.tick"));
    script.expect(r#"[32,1,{},"com.example.tick"]"#).await;
    script.say("[33,1,5]");
    let mut subscription = answer(subscribing).await.unwrap();
    for payload in ["", ",[]", ",[],{}"] {
        script.say(&format!("[36,5,100,{{}}{payload}]"));
        let event = within_deadline("an event", subscription.next()).await.unwrap().unwrap();
        assert_eq!(event.args, ArgsKwargs(None, HashMap::new()), "{payload}");
    }
}

/// Conformance: ID-06
#[tokio::test]
async fn err_01_what_the_router_refuses_fails_with_its_uri() {
    let (client, mut script) = joined().await;
    let subscribing = begin(client.subscribe::<()>("com.example.tick"));
    script.expect(r#"[32,1,{},"com.example.tick"]"#).await;
    let registering = begin(client.register("com.example.a", async || trunkline_client::Reply(())));
    script.expect(r#"[64,2,{},"com.example.a"]"#).await;
    let publishing = begin(client.publish("com.example.tick", ()).acknowledge());
    script.expect(r#"[16,3,{"acknowledge":true},"com.example.tick"]"#).await;
    script.say(r#"[8,16,3,{},"wamp.error.not_authorized"]"#);
    script.say(r#"[8,64,2,{},"wamp.error.procedure_already_exists"]"#);
    script.say(r#"[8,32,1,{},"wamp.error.invalid_uri"]"#);
    assert_eq!(answer(publishing).await.unwrap_err().uri(), Some("wamp.error.not_authorized"));
    let error = answer(registering).await.err().unwrap();
    assert_eq!(error.uri(), Some("wamp.error.procedure_already_exists"));
    let error = answer(subscribing).await.err().unwrap();
    assert_eq!(error.uri(), Some("wamp.error.invalid_uri"));
    // What was refused leaves nothing to be taken back.
    client.publish("com.example.tick", ()).await.unwrap();
    script.expect(r#"[16,4,{},"com.example.tick"]"#).await;
}

/// A queue of tokio says that it is empty when its task has had its share: that is not where events were left out.
#[tokio::test]
async fn what_was_left_out_is_told_behind_all_that_waited() {
    const CAPACITY: u64 = 500;
    let (client, mut script) = joined().await;
    let subscribing = begin(client.subscribe::<u64>("com.example.tick").capacity(CAPACITY as usize));
    script.expect(r#"[32,1,{},"com.example.tick"]"#).await;
    script.say("[33,1,5]");
    let mut ticks = answer(subscribing).await.unwrap();
    for tick in 0..CAPACITY + 3 {
        script.say(&format!("[36,5,9,{{}},[{tick}]]"));
    }
    // What is answered later came later.
    let call = begin(client.call::<()>("com.example.b", ()));
    script.expect(r#"[48,2,{},"com.example.b"]"#).await;
    script.say("[50,2,{}]");
    answer(call).await.unwrap();
    for tick in 0..CAPACITY {
        assert_eq!(next(&mut ticks).await, Some(Ok(tick)));
    }
    assert_eq!(next(&mut ticks).await, Some(Err(EventError::Lagged(3))));
}

#[tokio::test]
async fn a_handler_that_panics_is_given_the_next_event() {
    let (client, mut script) = joined().await;
    let (tell, mut tells) = mpsc::unbounded_channel();
    let handling = client.subscribe::<u64>("com.example.tick").handle(move |event| {
        let tick = event.unwrap().args;
        assert!(tick != 1, "before the future");
        let tell = tell.clone();
        async move {
            assert!(tick != 2, "in the future");
            tell.send(tick).unwrap();
        }
    });
    let handling = tokio::spawn(handling);
    script.expect(r#"[32,1,{},"com.example.tick"]"#).await;
    script.say("[33,1,5]");
    answer(handling).await.unwrap();
    for tick in 0..4 {
        script.say(&format!("[36,5,9,{{}},[{tick}]]"));
    }
    assert_eq!(within_deadline("EVENT", tells.recv()).await, Some(0));
    assert_eq!(within_deadline("EVENT", tells.recv()).await, Some(3));
}
