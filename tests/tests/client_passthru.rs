//! The Rust client in payload passthru mode: what is packed, what is unpacked, and what is left as it came.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a helper fails the test that uses it")]

use std::collections::HashMap;

use futures_util::{SinkExt as _, StreamExt as _};
use trunkline_client::proto::Value;
use trunkline_client::{
    Args, ArgsKwargs, Chunks, Error, Passthru, Progress, Raw, Reply, SerializerId, WampError,
};
use trunkline_tests::{
    Peer, STRICT, TestRouter, Via, answer, begin, client_of, joined, scripted, within_deadline,
};

type Both = ArgsKwargs<(u8, String), HashMap<String, Vec<u8>>>;

fn both() -> Both {
    ArgsKwargs((1, "two".to_owned()), HashMap::from([("three".to_owned(), vec![3])]))
}

/// Octets as JSON has them: base64 behind U+0000.
fn octets(octets: &[u8]) -> String {
    let payload = Value::Bytes(octets.to_vec()).encode(SerializerId::Json);
    String::from_utf8(payload).unwrap()
}

/// Conformance: PPT-01
#[tokio::test]
async fn ppt_03_arguments_are_packed_as_a_map_of_args_and_kwargs_into_one_argument_of_octets() {
    let (client, mut script) = joined().await;
    let custom = Passthru::custom("mine", SerializerId::Json);
    client.publish("com.example.tick", both()).passthru(custom.clone()).await.unwrap();
    let packed = octets(br#"{"args":[1,"two"],"kwargs":{"three":[3]}}"#);
    let keys = r#""ppt_scheme":"x_mine","ppt_serializer":"json""#;
    script.expect(&format!(r#"[16,1,{{{keys}}},"com.example.tick",[{packed}]]"#)).await;
    let call = begin(client.call::<Both>("com.example.b", ()).passthru(custom));
    let nothing = octets(br#"{"args":[],"kwargs":{}}"#);
    script.expect(&format!(r#"[48,2,{{{keys}}},"com.example.b",[{nothing}]]"#)).await;
    script.say(&format!(r#"[50,2,{{{keys}}},[{packed}]]"#));
    assert_eq!(answer(call).await, Ok(both()));
    let call = begin(client.call::<()>("com.example.b", ()));
    script.expect(r#"[48,3,{},"com.example.b"]"#).await;
    script.say(&format!(r#"[8,48,3,{{{keys}}},"com.example.failed",[{packed}]]"#));
    let Error::Wamp(error) = answer(call).await.unwrap_err() else { panic!("an ERROR") };
    assert_eq!(error.args::<Both>().unwrap(), both());
}

#[tokio::test]
async fn ppt_01_results_and_errors_are_packed_as_their_registration_says() {
    let (client, mut script) = joined().await;
    let run = async |Args(fails): Args<bool>, progress: Progress<u8>| {
        progress.send(1).await?;
        if fails { Err(WampError::of("com.example.failed", &(2,))) } else { Ok(3) }
    };
    let packing = Passthru::custom("mine", SerializerId::Json);
    let registering = begin(client.register("com.example.a", run).passthru(packing));
    script.expect(r#"[64,1,{},"com.example.a"]"#).await;
    script.say("[65,1,5]");
    answer(registering).await.unwrap();
    let keys = r#""ppt_scheme":"x_mine","ppt_serializer":"json""#;
    let packed = |number| octets(format!(r#"{{"args":[{number}],"kwargs":{{}}}}"#).as_bytes());
    // The invocation itself is packed, or is not.
    let fails = octets(br#"{"args":[true],"kwargs":{}}"#);
    script.say(&format!(r#"[68,1,5,{{"receive_progress":true,{keys}}},[{fails}]]"#));
    script.expect(&format!(r#"[70,1,{{"progress":true,{keys}}},[{}]]"#, packed(1))).await;
    script.expect(&format!(r#"[8,68,1,{{{keys}}},"com.example.failed",[{}]]"#, packed(2))).await;
    script.say("[68,2,5,{},[false]]");
    script.expect(&format!("[70,2,{{{keys}}},[{}]]", packed(3))).await;
}

/// Conformance: PPT-03
#[tokio::test]
async fn ppt_10_every_scheme_and_serializer_passes_through_sessions_of_every_other() {
    let router = TestRouter::start().await;
    for (ours, theirs) in Via::mixed() {
        let (alice, bob) = (client_of(&router, ours, STRICT), client_of(&router, theirs, STRICT));
        let (alice, bob) = (alice.connect().await.unwrap(), bob.connect().await.unwrap());
        let packings = SerializerId::ALL
            .map(|serializer| [Passthru::mqtt_in(serializer), Passthru::custom("mine", serializer)]);
        for packing in packings.into_iter().flatten() {
            let swap = async |ArgsKwargs((number, text), kwargs): Both| match number {
                0 => Err(WampError::of("com.example.failed", &(text,))),
                _ => Ok(ArgsKwargs((text, number), kwargs)),
            };
            let swap = move |both: ArgsKwargs<_, _>| swap(both);
            let registration =
                bob.register("com.example.swap", swap).passthru(packing.clone()).await.unwrap();
            let call = alice.call("com.example.swap", both()).passthru(packing.clone());
            let ArgsKwargs(args, kwargs): ArgsKwargs<(String, u8), HashMap<String, Vec<u8>>> =
                call.await.unwrap();
            assert_eq!((args, kwargs), (("two".to_owned(), 1), both().1), "{ours} to {theirs}: {packing:?}");
            let refused = alice.call::<()>("com.example.swap", ArgsKwargs((0, "no"), both().1)).await;
            let Err(Error::Wamp(error)) = refused else { panic!("{refused:?}") };
            assert_eq!((error.uri(), error.message().as_deref()), ("com.example.failed", Some("no")));
            registration.unregister().await.unwrap();

            let mut events = bob.subscribe::<Both>("com.example.tick").await.unwrap();
            alice.publish("com.example.tick", both()).passthru(packing).acknowledge().await.unwrap();
            let event = within_deadline("EVENT", events.next()).await.unwrap().unwrap();
            assert_eq!(event.args, both(), "{ours} to {theirs}");
            assert!(event.details.ppt_scheme.is_some());
            events.unsubscribe().await.unwrap();
        }
    }
}

/// Conformance: PPT-10
#[tokio::test]
async fn ppt_10_native_is_the_serializer_of_the_session_and_the_default() {
    let (client, mut script) = joined().await;
    let call = begin(client.call::<u8>("com.example.b", 1).passthru(Passthru::mqtt()));
    let packed = octets(br#"{"args":[1],"kwargs":{}}"#);
    let keys = r#""ppt_scheme":"mqtt","ppt_serializer":"native""#;
    script.expect(&format!(r#"[48,1,{{{keys}}},"com.example.b",[{packed}]]"#)).await;
    script.say(&format!(r#"[50,1,{{"ppt_scheme":"mqtt"}},[{packed}]]"#));
    assert_eq!(answer(call).await, Ok(1));
}

#[tokio::test]
async fn ppt_06_nothing_packed_goes_to_a_router_that_did_not_announce_it() {
    let (builder, mut scripts) = scripted();
    let joining = begin(async move { builder.connect().await });
    let mut script = within_deadline("a connection", scripts.recv()).await.unwrap();
    script.expect_hello().await;
    script.say(r#"[2,7,{"roles":{"broker":{},"dealer":{}}}]"#);
    let client = answer(joining).await.unwrap();
    let packing = || Passthru::mqtt_in(SerializerId::Cbor);
    let refused = Error::Feature("payload_passthru_mode");
    let registering = begin(client.register("com.example.a", async || Reply(1)).passthru(packing()));
    script.expect(r#"[64,1,{},"com.example.a"]"#).await;
    script.say("[65,1,5]");
    answer(registering).await.unwrap();
    assert_eq!(client.call::<()>("com.example.b", 1).passthru(packing()).await, Err(refused.clone()));
    assert_eq!(client.publish("com.example.tick", 1).passthru(packing()).await, Err(refused.clone()));
    let acknowledged = client.publish("com.example.tick", 1).passthru(packing()).acknowledge().await;
    assert_eq!(acknowledged, Err(refused.clone()));
    let by_hand =
        client.call::<()>("com.example.b", 1).options(|options| options.ppt_scheme = Some("x_mine".into()));
    assert_eq!(by_hand.await, Err(refused));
    script.say("[68,1,5,{}]");
    let answered = script.hear().await.unwrap();
    assert!(answered.starts_with(r#"[8,68,1,{},"wamp.error.feature_not_supported""#), "{answered}");
    // None of them was sent.
    client.publish("com.example.tick", 1).await.unwrap();
    script.expect(r#"[16,2,{},"com.example.tick",[1]]"#).await;
}

#[tokio::test]
async fn ppt_09_a_subscriber_copes_with_what_it_cannot_unpack() {
    let (client, mut script) = joined().await;
    let subscribing = begin(client.subscribe::<Raw>("com.example.tick"));
    script.expect(r#"[32,1,{},"com.example.tick"]"#).await;
    script.say("[33,1,5]");
    let mut events = answer(subscribing).await.unwrap();
    let encrypted = octets(b"\x01\x02");
    for (details, payload) in [
        (
            r#"{"ppt_scheme":"wamp","ppt_serializer":"cbor","ppt_cipher":"aes256gcm"}"#,
            format!("[{encrypted}]"),
        ),
        (r#"{"ppt_scheme":"x_mine","ppt_serializer":"flatbuffers"}"#, format!("[{encrypted}]")),
        (r#"{"ppt_scheme":"x_mine","ppt_serializer":"json"}"#, format!("[{}]", octets(b"no map"))),
        (r#"{"ppt_scheme":"x_mine","ppt_serializer":"json"}"#, format!("[{}]", octets(br#"{"args":7}"#))),
        (
            r#"{"ppt_scheme":"x_mine","ppt_serializer":"json"}"#,
            format!("[{}]", octets(br#"{"args":[]} "#) + ",1"),
        ),
        (r#"{"ppt_scheme":"x_mine","ppt_serializer":"json"}"#, r#"["plain"]"#.to_owned()),
        (r#"{"ppt_scheme":""}"#, "[1]".to_owned()),
    ] {
        script.say(&format!("[36,5,100,{details},{payload}]"));
        let event = within_deadline("EVENT", events.next()).await.unwrap().unwrap();
        assert_eq!(event.args.0.raw(), payload.as_bytes(), "{details}");
        assert!(event.details.ppt_scheme.is_some());
    }
}

/// Conformance: PPT-09
#[tokio::test]
async fn ppt_09_a_peer_without_the_feature_gets_the_event_and_no_call() {
    let router = TestRouter::start().await;
    let client = client_of(&router, Via::json()[0], STRICT).connect().await.unwrap();
    let mut bob = Peer::join(&router, "bob").await;
    let subscription = bob.subscribe("com.example.tick").await;
    bob.register("com.example.a").await;
    let packing = || Passthru::mqtt_in(SerializerId::Json);
    client.publish("com.example.tick", 1).passthru(packing()).acknowledge().await.unwrap();
    let packed = octets(br#"{"args":[1],"kwargs":{}}"#);
    let details = r#"{"ppt_scheme":"mqtt","ppt_serializer":"json"}"#;
    let [_publication] = bob.expect(&format!("[36,{subscription},#,{details},[{packed}]]")).await;
    let refused = client.call::<()>("com.example.a", 1).passthru(packing()).await.unwrap_err();
    assert_eq!(refused.uri(), Some("wamp.error.feature_not_supported"));
}

#[tokio::test]
async fn ppt_11_progressive_results_and_the_parts_of_invocations_are_packed_too() {
    let router = TestRouter::start().await;
    let (ours, theirs) = (Via::json()[0], Via::json()[1]);
    let (alice, bob) = (client_of(&router, ours, STRICT), client_of(&router, theirs, STRICT));
    let (alice, bob) = (alice.connect().await.unwrap(), bob.connect().await.unwrap());
    let packing = || Passthru::custom("mine", SerializerId::Cbor);
    let sum = async |mut chunks: Chunks<u64>, progress: Progress<u64>| {
        let mut sum = 0;
        while let Some(chunk) = chunks.next().await {
            sum += chunk.map_err(WampError::invalid_argument)?;
            progress.send(sum).await?;
        }
        Ok::<_, WampError>(sum)
    };
    bob.register("com.example.sum", sum).passthru(packing()).await.unwrap();
    let call = alice.call::<u64>("com.example.sum", 1).passthru(packing());
    let (mut chunks, results) = call.progressive_invocation::<u64, u64>().await.unwrap();
    chunks.send(2).await.unwrap();
    chunks.finish(3).await.unwrap();
    let mut results = std::pin::pin!(results);
    for sum in [1, 3, 6] {
        assert_eq!(within_deadline("RESULT", results.next()).await, Some(Ok(sum)));
    }
    assert_eq!(within_deadline("RESULT", results.next()).await, None);

    // On the wire: a chunk says nothing but `progress`, and is packed nevertheless.
    let (client, mut script) = joined().await;
    let call = client.call::<u64>("com.example.sum", 1).passthru(Passthru::mqtt_in(SerializerId::Json));
    let opening = tokio::spawn(call.progressive_invocation::<u64, ()>());
    let first = script.hear().await.unwrap();
    assert!(first.contains(r#""ppt_scheme":"mqtt""#), "{first}");
    let (chunks, _results) = answer(opening).await.unwrap();
    chunks.finish(2).await.unwrap();
    let packed = octets(br#"{"args":[2],"kwargs":{}}"#);
    script.expect(&format!(r#"[48,1,{{}},"com.example.sum",[{packed}]]"#)).await;
}
