//! The Rust client as caller and callee: what goes over the wire, and what it makes of answers, chunks and interrupts.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a helper fails the test that uses it")]

use std::collections::HashMap;
use std::future::{IntoFuture as _, pending};
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::sync::{Semaphore, mpsc};
use trunkline_client::{
    Args, ArgsKwargs, Cancellation, Chunks, Client, Error, Handler, Kwargs, Progress, Raw, Register,
    Registration, Reply, WampError,
};
use trunkline_tests::{STRICT, Script, TestRouter, Via, answer, begin, client_of, joined, within_deadline};

/// Registers the procedure by the first request of a session: it is registration 5.
async fn registered(register: Register, script: &mut Script) -> Registration {
    let registering = begin(register);
    let heard = script.hear().await.unwrap();
    assert!(heard.starts_with("[64,1,"), "{heard}");
    script.say("[65,1,5]");
    answer(registering).await.unwrap()
}

/// A client at a script, with that procedure.
async fn callee<Parameters>(handler: impl Handler<Parameters>) -> (Client, Script) {
    let (client, mut script) = joined().await;
    registered(client.register("com.example.a", handler), &mut script).await;
    (client, script)
}

/// A procedure of that name that never answers, and tells when it runs and when it is dropped.
fn endless() -> (impl Handler<()>, mpsc::UnboundedReceiver<&'static str>) {
    struct Tells(mpsc::UnboundedSender<&'static str>);
    impl Drop for Tells {
        fn drop(&mut self) {
            self.0.send("dropped").ok();
        }
    }
    let (tell, told) = mpsc::unbounded_channel();
    let handler = move || {
        let tells = Tells(tell.clone());
        async move {
            tells.0.send("runs").unwrap();
            pending::<Reply<()>>().await
        }
    };
    (handler, told)
}

async fn told(tells: &mut mpsc::UnboundedReceiver<&'static str>) -> &'static str {
    within_deadline("the procedure", tells.recv()).await.unwrap()
}

/// Conformance: ID-06
#[tokio::test]
async fn id_04_one_counter_for_all_requests_in_the_order_of_the_wire() {
    let (client, mut script) = joined().await;
    client.publish("com.example.tick", ()).await.unwrap();
    script.expect(r#"[16,1,{},"com.example.tick"]"#).await;
    let subscribing = begin(client.subscribe::<()>("com.example.tick"));
    script.expect(r#"[32,2,{},"com.example.tick"]"#).await;
    script.say("[33,2,10]");
    let subscription = answer(subscribing).await.unwrap();
    let registering = begin(client.register("com.example.a", async || Reply(1)));
    script.expect(r#"[64,3,{},"com.example.a"]"#).await;
    script.say("[65,3,11]");
    let registration = answer(registering).await.unwrap();
    let acknowledging = begin(client.publish("com.example.tick", ()).acknowledge());
    script.expect(r#"[16,4,{"acknowledge":true},"com.example.tick"]"#).await;
    script.say("[17,4,99]");
    assert_eq!(answer(acknowledging).await.unwrap().value(), 99);
    let call = begin(client.call::<()>("com.example.b", ()));
    script.expect(r#"[48,5,{},"com.example.b"]"#).await;
    // CANCEL, YIELD and ERROR take no ID.
    call.abort();
    script.expect(r#"[49,5,{"mode":"killnowait"}]"#).await;
    script.say("[68,1,11,{}]");
    script.expect("[70,1,{},[1]]").await;
    script.say("[68,2,77,{}]");
    script.expect(r#"[8,68,2,{},"wamp.error.unavailable"]"#).await;
    let unsubscribing = begin(subscription.unsubscribe());
    script.expect("[34,6,10]").await;
    script.say("[35,6]");
    answer(unsubscribing).await.unwrap();
    let unregistering = begin(registration.unregister());
    script.expect("[66,7,11]").await;
    script.say("[67,7]");
    answer(unregistering).await.unwrap();
    client.publish("com.example.tick", ()).await.unwrap();
    script.expect(r#"[16,8,{},"com.example.tick"]"#).await;
}

#[tokio::test]
async fn id_04_requests_of_many_tasks_leave_no_gap() {
    let (client, mut script) = joined().await;
    let publishing = (0..200).map(|_| begin(client.publish("com.example.tick", ())));
    let publishing: Vec<_> = publishing.collect();
    for request in 1..=200 {
        script.expect(&format!(r#"[16,{request},{{}},"com.example.tick"]"#)).await;
    }
    for published in publishing {
        answer(published).await.unwrap();
    }
}

/// Conformance: RPC-09
#[tokio::test]
async fn ord_04_answers_come_in_any_order() {
    let (client, mut script) = joined().await;
    let first = begin(client.subscribe::<u8>("com.example.first"));
    script.expect(r#"[32,1,{},"com.example.first"]"#).await;
    let second = begin(client.subscribe::<u8>("com.example.second"));
    script.expect(r#"[32,2,{},"com.example.second"]"#).await;
    let one = begin(client.register("com.example.one", async || Reply(1)));
    script.expect(r#"[64,3,{},"com.example.one"]"#).await;
    let two = begin(client.register("com.example.two", async || Reply(2)));
    script.expect(r#"[64,4,{},"com.example.two"]"#).await;
    let calls: Vec<_> = (5..8).map(|_| begin(client.call::<u64>("com.example.b", ()))).collect();
    for request in 5..8 {
        script.expect(&format!(r#"[48,{request},{{}},"com.example.b"]"#)).await;
    }
    for message in ["[50,7,{},[7]]", "[65,4,14]", "[33,2,12]", "[50,5,{},[5]]", "[65,3,13]", "[33,1,11]"] {
        script.say(message);
    }
    script.say(r#"[8,48,6,{},"com.example.failed"]"#);
    let (mut first, mut second) = (answer(first).await.unwrap(), answer(second).await.unwrap());
    answer(one).await.unwrap();
    answer(two).await.unwrap();
    let mut results = Vec::new();
    for call in calls {
        results.push(answer(call).await.map_err(|error| error.uri().map(str::to_owned)));
    }
    assert_eq!(results, [Ok(5), Err(Some("com.example.failed".to_owned())), Ok(7)]);
    script.say("[36,12,1,{},[2]]");
    script.say("[36,11,2,{},[1]]");
    assert_eq!(within_deadline("EVENT", first.next()).await.unwrap().unwrap().args, 1);
    assert_eq!(within_deadline("EVENT", second.next()).await.unwrap().unwrap().args, 2);
    script.say("[68,1,14,{}]");
    script.expect("[70,1,{},[2]]").await;
    script.say("[68,2,13,{}]");
    script.expect("[70,2,{},[1]]").await;
}

#[tokio::test]
async fn rpc_09_calls_are_under_way_in_both_directions_over_every_transport() {
    let router = TestRouter::start().await;
    for via in Via::sockets() {
        let client = client_of(&router, via, STRICT).connect().await.unwrap();
        let inner = client.clone();
        // The outer call is answered when the inner one is, by the session that makes both.
        let outer = move |Args(number): Args<u64>| {
            let client = inner.clone();
            async move { Ok::<u64, Error>(client.call::<u64>("com.example.double", number).await? + 1) }
        };
        client.register("com.example.outer", outer).await.unwrap();
        client
            .register("com.example.double", async |Args(number): Args<u64>| Reply(2 * number))
            .await
            .unwrap();
        let calls: Vec<_> =
            (0..50).map(|number| begin(client.call::<u64>("com.example.outer", number))).collect();
        for (number, call) in (0..).zip(calls) {
            assert_eq!(answer(call).await, Ok(2 * number + 1), "{via}");
        }
        within_deadline("GOODBYE", client.leave()).await;
    }
    router.wait_until_empty().await;
}

/// Conformance: MSG-12
#[tokio::test]
async fn msg_11_empty_arguments_are_left_out_and_keywords_stand_behind_a_list() {
    let (client, mut script) = callee(async |raw: Raw| Reply(raw)).await;
    let kwargs = || HashMap::from([("two", 2)]);
    let empty: HashMap<String, u8> = HashMap::new();
    client.publish("com.example.tick", ()).await.unwrap();
    script.expect(r#"[16,2,{},"com.example.tick"]"#).await;
    client.publish("com.example.tick", Kwargs(kwargs())).await.unwrap();
    script.expect(r#"[16,3,{},"com.example.tick",[],{"two":2}]"#).await;
    client.publish("com.example.tick", ArgsKwargs((1,), kwargs())).await.unwrap();
    script.expect(r#"[16,4,{},"com.example.tick",[1],{"two":2}]"#).await;
    client.publish("com.example.tick", ArgsKwargs((), empty)).await.unwrap();
    script.expect(r#"[16,5,{},"com.example.tick"]"#).await;
    // Absent and empty are the same for who receives them.
    for (request, payload) in (6..).zip(["", ",[]", ",[],{}"]) {
        let call = begin(client.call::<ArgsKwargs<Option<u8>, HashMap<String, u8>>>("com.example.b", ()));
        script.expect(&format!(r#"[48,{request},{{}},"com.example.b"]"#)).await;
        script.say(&format!("[50,{request},{{}}{payload}]"));
        assert_eq!(answer(call).await, Ok(ArgsKwargs(None, HashMap::new())), "{payload}");
    }
}

#[tokio::test]
async fn rpc_12_an_invocation_of_an_unknown_registration_is_answered_with_an_error() {
    let (client, mut script) = joined().await;
    script.say("[68,1,99,{}]");
    script.expect(r#"[8,68,1,{},"wamp.error.unavailable"]"#).await;
    registered(client.register("com.example.a", async || Reply(1)), &mut script).await;
    script.say("[68,2,5,{}]");
    script.expect("[70,2,{},[1]]").await;
}

/// Conformance: ERR-01
#[tokio::test]
async fn rpc_11_a_procedure_that_fails_is_answered_with_an_error_of_the_right_uri() {
    let fail = async |Args(how): Args<String>| match &*how {
        "own" => Err::<(), _>(WampError::of("com.example.error.own", &(1,))),
        "text" => Err(WampError::runtime("it broke")),
        _ => panic!("it is secret"),
    };
    let (_client, mut script) = callee(fail).await;
    script.say(r#"[68,1,5,{},["own"]]"#);
    script.expect(r#"[8,68,1,{},"com.example.error.own",[1]]"#).await;
    script.say(r#"[68,2,5,{},["text"]]"#);
    script.expect(r#"[8,68,2,{},"wamp.error.runtime_error",["it broke"]]"#).await;
    script.say(r#"[68,3,5,{},["panic"]]"#);
    script.expect(r#"[8,68,3,{},"wamp.error.runtime_error",["the procedure failed"]]"#).await;
    script.say("[68,4,5,{},[7]]");
    let error = script.hear().await.unwrap();
    assert!(error.starts_with(r#"[8,68,4,{},"wamp.error.invalid_argument""#), "{error}");
}

#[tokio::test]
async fn err_05_a_caller_learns_the_uri_of_an_error_and_a_time_out_is_one_of_its_own() {
    let (client, mut script) = joined().await;
    for (request, uri) in (1..).zip([
        "wamp.error.option_not_allowed",
        "wamp.error.option_disallowed.disclose_me",
        "wamp.error.network_failure",
        "wamp.error.unavailable",
        "wamp.error.no_available_callee",
        "wamp.error.feature_not_supported",
        "wamp.error.no_such_session",
        "wamp.error.timeout",
    ]) {
        let call = begin(client.call::<()>("com.example.b", ()));
        script.expect(&format!(r#"[48,{request},{{}},"com.example.b"]"#)).await;
        script.say(&format!("[8,48,{request},{{}},{uri:?}]"));
        match answer(call).await.unwrap_err() {
            Error::Timeout => assert_eq!(uri, "wamp.error.timeout"),
            error => assert_eq!(error.uri(), Some(uri)),
        }
    }
}

#[tokio::test]
async fn rrv_02_a_revoked_registration_is_gone_and_not_answered() {
    let (client, mut script) = joined().await;
    let registration = registered(client.register("com.example.a", async || Reply(1)), &mut script).await;
    script.say(r#"[67,0,{"registration":5,"reason":"com.example.why"}]"#);
    script.say(r#"[67,0,{"registration":99}]"#);
    script.say("[68,1,5,{}]");
    script.expect(r#"[8,68,1,{},"wamp.error.unavailable"]"#).await;
    // There is nothing left to be taken back.
    within_deadline("nothing", registration.unregister()).await.unwrap();
    client.publish("com.example.tick", ()).await.unwrap();
    script.expect(r#"[16,2,{},"com.example.tick"]"#).await;
}

#[tokio::test]
async fn pcr_03_progressive_results_end_in_one_answer_and_may_be_empty() {
    let router = TestRouter::start().await;
    for via in Via::serializers() {
        let client = client_of(&router, via, STRICT).connect().await.unwrap();
        let run = async |Args(fails): Args<bool>, progress: Progress<()>| {
            for _ in 0..3 {
                progress.send(()).await?;
            }
            if fails { Err(WampError::new("com.example.failed")) } else { Ok(()) }
        };
        client.register("com.example.run", run).await.unwrap();
        let call = client.call::<()>("com.example.run", false).progressive_results::<()>();
        let mut results = call.await.unwrap();
        for _ in 0..3 {
            assert_eq!(within_deadline("RESULT", results.next()).await, Some(Ok(())), "{via}");
        }
        assert_eq!(within_deadline("RESULT", results.next()).await, None, "{via}");
        assert_eq!(results.result().await, Ok(()), "{via}");
        let call = client.call::<()>("com.example.run", true).progressive_results::<()>();
        let items: Vec<_> = within_deadline("ERROR", call.await.unwrap().collect()).await;
        let [Ok(()), Ok(()), Ok(()), Err(error)] = &*items else { panic!("{via}: {items:?}") };
        assert_eq!(error.uri(), Some("com.example.failed"), "{via}");
        within_deadline("GOODBYE", client.leave()).await;
    }
}

#[tokio::test]
async fn pcr_03_what_comes_behind_the_answer_of_a_call_is_nobodys() {
    let (client, mut script) = joined().await;
    let opening = begin(client.call::<u8>("com.example.b", ()).progressive_results::<u8>());
    script.expect(r#"[48,1,{"receive_progress":true},"com.example.b"]"#).await;
    let mut results = answer(opening).await.unwrap();
    for message in [
        r#"[50,1,{"progress":true},[1]]"#,
        "[50,1,{},[2]]",
        r#"[50,1,{"progress":true},[3]]"#,
        "[50,1,{},[4]]",
    ] {
        script.say(message);
    }
    assert_eq!(within_deadline("RESULT", results.next()).await, Some(Ok(1)));
    assert_eq!(within_deadline("RESULT", results.next()).await, None);
    assert_eq!(results.result().await, Ok(2));
}

/// A queue of tokio says that it is empty when its task has had its share: that is not the end of the results.
#[tokio::test]
async fn pcr_03_every_progressive_result_that_waits_is_taken_before_the_end() {
    const RESULTS: u64 = 500;
    let (client, mut script) = joined().await;
    let opening = begin(client.call::<()>("com.example.a", ()).progressive_results::<u64>());
    script.expect(r#"[48,1,{"receive_progress":true},"com.example.a"]"#).await;
    let mut results = answer(opening).await.unwrap();
    for number in 0..RESULTS {
        script.say(&format!(r#"[50,1,{{"progress":true}},[{number}]]"#));
    }
    script.say("[50,1,{}]");
    // What is answered later came later.
    let call = begin(client.call::<()>("com.example.b", ()));
    script.expect(r#"[48,2,{},"com.example.b"]"#).await;
    script.say("[50,2,{}]");
    answer(call).await.unwrap();
    let mut taken = Vec::new();
    while let Some(number) = within_deadline("a progressive result", results.next()).await {
        taken.push(number.unwrap());
    }
    assert_eq!(taken, Vec::from_iter(0..RESULTS));
    results.result().await.unwrap();
}

#[tokio::test]
async fn pcr_05_a_callee_may_answer_once_or_hear_that_nobody_wants_progress() {
    let router = TestRouter::start().await;
    let client = client_of(&router, Via::json()[1], STRICT).connect().await.unwrap();
    client.register("com.example.once", async || Reply(1)).await.unwrap();
    let results = client.call::<u8>("com.example.once", ()).progressive_results::<u8>().await.unwrap();
    assert_eq!(results.result().await, Ok(1));

    // Who was not asked for progress sends none, whatever the procedure does.
    let (_client, mut script) = callee(async |progress: Progress<u8>| {
        progress.send(1).await?;
        Ok::<_, Error>(progress.is_wanted())
    })
    .await;
    script.say("[68,1,5,{}]");
    script.expect("[70,1,{},[false]]").await;
    script.say(r#"[68,2,5,{"receive_progress":true}]"#);
    script.expect(r#"[70,2,{"progress":true},[1]]"#).await;
    script.expect("[70,2,{},[true]]").await;
}

/// Conformance: PCI-01, PCI-02
#[tokio::test]
async fn pci_07_chunks_have_the_id_of_their_call_and_no_option_but_progress() {
    let (client, mut script) = joined().await;
    let call = client.call::<u64>("com.example.sum", 1).timeout(Duration::from_secs(60)).disclose_me();
    let opening = begin(call.progressive_invocation::<u64, ()>());
    let first = script.hear().await.unwrap();
    let first: serde_json::Value = serde_json::from_str(&first).unwrap();
    let options = serde_json::json!({ "timeout": 60_000, "receive_progress": true, "progress": true, "disclose_me": true });
    assert_eq!(first, serde_json::json!([48, 1, options, "com.example.sum", [1]]));
    let (mut chunks, results) = answer(opening).await.unwrap();
    chunks.send(2).await.unwrap();
    script.expect(r#"[48,1,{"progress":true},"com.example.sum",[2]]"#).await;
    // Another request in between.
    client.publish("com.example.tick", ()).await.unwrap();
    script.expect(r#"[16,2,{},"com.example.tick"]"#).await;
    chunks.finish(3).await.unwrap();
    script.expect(r#"[48,1,{},"com.example.sum",[3]]"#).await;
    script.say("[50,1,{},[6]]");
    assert_eq!(within_deadline("RESULT", results.result()).await, Ok(6));
    client.publish("com.example.tick", ()).await.unwrap();
    script.expect(r#"[16,3,{},"com.example.tick"]"#).await;
}

#[tokio::test]
async fn pci_01_the_parts_of_an_invocation_reach_one_run_of_its_procedure() {
    let (_client, mut script) = callee(async |chunks: Chunks<u64>| {
        let numbers: Vec<_> = chunks.map(Result::unwrap).collect().await;
        Reply((numbers,))
    })
    .await;
    script.say(r#"[68,1,5,{"progress":true},[1]]"#);
    script.say(r#"[68,2,5,{"progress":true},[10]]"#);
    script.say(r#"[68,1,5,{"progress":true},[2]]"#);
    script.say(r#"[68,2,5,{"progress":false},[20]]"#);
    script.expect("[70,2,{},[[10,20]]]").await;
    script.say("[68,1,5,{},[3]]");
    script.expect("[70,1,{},[[1,2,3]]]").await;
}

#[tokio::test]
async fn pci_01_without_the_feature_of_the_router_nothing_is_sent() {
    let (builder, mut scripts) = trunkline_tests::scripted();
    let joining = begin(async move { builder.connect().await });
    let mut script = within_deadline("a connection", scripts.recv()).await.unwrap();
    script.expect_hello().await;
    script.say(r#"[2,7,{"roles":{"broker":{},"dealer":{}}}]"#);
    let client = answer(joining).await.unwrap();
    let call = client.call::<u64>("com.example.sum", 1);
    let (_chunks, results) = call.progressive_invocation::<u64, ()>().await.unwrap();
    assert_eq!(results.result().await, Err(Error::Feature("progressive_call_invocations")));
    // Nor CANCEL, which it does not have either.
    let call = begin(client.call::<()>("com.example.b", ()));
    script.expect(r#"[48,1,{},"com.example.b"]"#).await;
    call.abort();
    assert!(call.await.unwrap_err().is_cancelled());
    client.publish("com.example.tick", ()).await.unwrap();
    script.expect(r#"[16,2,{},"com.example.tick"]"#).await;
}

#[tokio::test]
async fn pci_13_chunks_of_an_invocation_that_is_answered_are_ignored() {
    let (_client, mut script) = callee(async || Reply(1)).await;
    script.say(r#"[68,1,5,{"progress":true},[1]]"#);
    script.expect("[70,1,{},[1]]").await;
    script.say(r#"[68,1,5,{"progress":true},[2]]"#);
    script.say("[68,1,5,{},[3]]");
    script.say("[68,2,5,{}]");
    script.expect("[70,2,{},[1]]").await;
}

/// What a procedure tells of the parts that it gets: `None` is their end.
type Parts = mpsc::UnboundedReceiver<Option<Result<u64, String>>>;

/// A procedure that minds its cancellation, and tells what parts it gets.
fn collector() -> (impl Handler<(Cancellation, Chunks<u64>)>, Parts) {
    let (tell, tells) = mpsc::unbounded_channel();
    let handler = move |_: Cancellation, mut chunks: Chunks<u64>| {
        let tell = tell.clone();
        async move {
            while let Some(chunk) = chunks.next().await {
                tell.send(Some(chunk.map_err(|error| error.to_string()))).unwrap();
            }
            tell.send(None).unwrap();
            Reply(())
        }
    };
    (handler, tells)
}

/// Conformance: CAN-08
#[tokio::test]
async fn pci_01_a_progressive_invocation_that_is_cut_short_does_not_look_complete() {
    let (handler, mut tells) = collector();
    let (client, mut script) = callee(handler).await;
    for (request, cut_short) in [(1, true), (2, true), (3, false)] {
        script.say(&format!(r#"[68,{request},5,{{"progress":true}},[1]]"#));
        assert_eq!(within_deadline("a part", tells.recv()).await, Some(Some(Ok(1))));
        match request {
            1 => script.say(r#"[69,1,{"mode":"kill"}]"#),
            2 => script.say(r#"[69,2,{"mode":"killnowait"}]"#),
            _ => script.say("[68,3,5,{},[2]]"),
        }
        let next = within_deadline("what follows", tells.recv()).await.unwrap().unwrap();
        assert_eq!(next.is_err(), cut_short, "{next:?}");
        assert_eq!(within_deadline("the end", tells.recv()).await, Some(None));
        script.expect(&format!("[70,{request},{{}}]")).await;
    }
    script.say(r#"[68,4,5,{"progress":true},[1]]"#);
    assert_eq!(within_deadline("a part", tells.recv()).await, Some(Some(Ok(1))));
    drop(script);
    within_deadline("the end of the client", client.closed()).await;
    let next = within_deadline("what follows", tells.recv()).await.unwrap().unwrap();
    assert!(next.is_err(), "{next:?}");
}

#[tokio::test]
async fn can_08_interrupt_stops_a_procedure_and_kill_is_answered() {
    let (handler, mut tells) = endless();
    let (_client, mut script) = callee(handler).await;
    // Nobody's.
    script.say("[69,1,{}]");
    script.say("[68,1,5,{}]");
    assert_eq!(told(&mut tells).await, "runs");
    script.say(r#"[69,1,{"mode":"kill"}]"#);
    assert_eq!(told(&mut tells).await, "dropped");
    script.expect(r#"[8,68,1,{},"wamp.error.canceled"]"#).await;
    // Again, when it is over.
    script.say(r#"[69,1,{"mode":"kill"}]"#);
    script.say("[68,2,5,{}]");
    assert_eq!(told(&mut tells).await, "runs");
    script.say(r#"[69,2,{"mode":"killnowait"}]"#);
    assert_eq!(told(&mut tells).await, "dropped");
    // Not answered: the next message is of another invocation.
    script.say("[68,3,99,{}]");
    script.expect(r#"[8,68,3,{},"wamp.error.unavailable"]"#).await;
}

#[tokio::test]
async fn can_08_a_procedure_that_minds_its_cancellation_has_the_last_word() {
    let (tell, mut tells) = mpsc::unbounded_channel();
    let handler = move |Cancellation(cancellation): Cancellation| {
        tell.send("runs").unwrap();
        async move {
            cancellation.cancelled().await;
            Reply("half of it")
        }
    };
    let (_client, mut script) = callee(handler).await;
    script.say("[68,1,5,{}]");
    assert_eq!(told(&mut tells).await, "runs");
    script.say(r#"[69,1,{"mode":"kill"}]"#);
    script.expect(r#"[70,1,{},["half of it"]]"#).await;
}

#[tokio::test]
async fn tmo_01_the_time_of_a_call_stands_in_its_options_in_milliseconds() {
    let (client, mut script) = joined().await;
    for (request, (timeout, option)) in
        (1..).zip([(Duration::from_secs(90), 90_000), (Duration::from_millis(60_001), 60_001)])
    {
        let _call = begin(client.call::<()>("com.example.b", ()).timeout(timeout));
        script.expect(&format!(r#"[48,{request},{{"timeout":{option}}},"com.example.b"]"#)).await;
    }
    let _call = begin(client.call::<()>("com.example.b", ()));
    script.expect(r#"[48,3,{},"com.example.b"]"#).await;
    // 0 stands for none, at a callee as well.
    let (client, mut script) = callee(async || Reply(1)).await;
    script.say(r#"[68,1,5,{"timeout":0}]"#);
    script.expect("[70,1,{},[1]]").await;
    drop(client);
}

#[tokio::test]
async fn tmo_04_a_callee_that_minds_the_time_itself_answers_that_it_is_over() {
    let (handler, mut tells) = endless();
    let (client, mut script) = joined().await;
    registered(client.register("com.example.a", handler).forward_timeout(), &mut script).await;
    script.say(r#"[68,1,5,{"timeout":1}]"#);
    assert_eq!(told(&mut tells).await, "runs");
    script.expect(r#"[8,68,1,{},"wamp.error.timeout"]"#).await;
    assert_eq!(told(&mut tells).await, "dropped");

    let router = TestRouter::start().await;
    let client = client_of(&router, Via::json()[0], STRICT).connect().await.unwrap();
    let (handler, _tells) = endless();
    client.register("com.example.endless", handler).forward_timeout().await.unwrap();
    let timeout = Duration::from_secs(60);
    // The caller's own time is not over: it is the callee that minds its.
    let call = client.call::<()>("com.example.endless", ()).options(|options| options.timeout = Some(1));
    assert_eq!(
        within_deadline("ERROR", tokio::time::timeout(timeout, call.into_future())).await,
        Ok(Err(Error::Timeout))
    );
}

#[tokio::test]
async fn tmo_04_a_procedure_that_minds_its_cancellation_runs_on_when_its_time_is_over() {
    let (tell, mut tells) = mpsc::unbounded_channel();
    let handler = move |Cancellation(cancellation): Cancellation| {
        let tell = tell.clone();
        async move {
            cancellation.cancelled().await;
            tell.send("tidied up").unwrap();
            Reply(1)
        }
    };
    let (client, mut script) = joined().await;
    registered(client.register("com.example.a", handler).forward_timeout(), &mut script).await;
    script.say(r#"[68,1,5,{"timeout":1}]"#);
    script.expect(r#"[8,68,1,{},"wamp.error.timeout"]"#).await;
    assert_eq!(told(&mut tells).await, "tidied up");
    // Its result comes too late.
    client.publish("com.example.tick", ()).await.unwrap();
    script.expect(r#"[16,2,{},"com.example.tick"]"#).await;
}

#[tokio::test]
async fn tmo_04_a_callee_that_did_not_ask_for_it_leaves_the_time_to_the_router() {
    let gate = Arc::new(Semaphore::new(0));
    let opened = gate.clone();
    let handler = move || {
        let gate = gate.clone();
        async move {
            gate.acquire().await.unwrap().forget();
            Reply(1)
        }
    };
    let (client, mut script) = callee(handler).await;
    let (handler, _tells) = endless();
    let registering = begin(client.register("com.example.c", handler).forward_timeout());
    script.expect(r#"[64,2,{"forward_timeout":true},"com.example.c"]"#).await;
    script.say("[65,2,6]");
    answer(registering).await.unwrap();
    script.say(r#"[68,1,5,{"timeout":1}]"#);
    // When the longer time of this one is over, so is that of the first.
    script.say(r#"[68,2,6,{"timeout":50}]"#);
    script.expect(r#"[8,68,2,{},"wamp.error.timeout"]"#).await;
    opened.add_permits(1);
    script.expect("[70,1,{},[1]]").await;
}

#[tokio::test]
async fn a_caller_that_asks_gets_the_details_of_result_and_error() {
    let (client, mut script) = joined().await;
    let call = begin(client.call::<u64>("com.example.b", ()).with_details());
    script.expect(r#"[48,1,{},"com.example.b"]"#).await;
    script.say(r#"[50,1,{"x_cache":"hit"},[7]]"#);
    let (result, details) = answer(call).await.unwrap();
    assert_eq!(result, 7);
    assert_eq!(details.extra, [("x_cache".to_owned(), "hit".into())]);
    let call = begin(client.call::<u64>("com.example.b", ()).with_details());
    script.expect(r#"[48,2,{},"com.example.b"]"#).await;
    script.say(r#"[8,48,2,{"x_cache":"miss"},"com.example.error"]"#);
    let Err(Error::Wamp(error)) = answer(call).await else { panic!("no error") };
    assert_eq!(error.details().extra, [("x_cache".to_owned(), "miss".into())]);
}

#[tokio::test]
async fn tmo_06_a_caller_whose_time_is_over_cancels() {
    let (client, mut script) = joined().await;
    let call = begin(client.call::<()>("com.example.b", ()).timeout(Duration::from_millis(20)));
    script.expect(r#"[48,1,{"timeout":20},"com.example.b"]"#).await;
    assert_eq!(answer(call).await, Err(Error::Timeout));
    script.expect(r#"[49,1,{"mode":"killnowait"}]"#).await;
    // The late answer is nobody's.
    script.say("[50,1,{}]");
    let opening = begin(
        client.call::<()>("com.example.b", ()).timeout(Duration::from_millis(20)).progressive_results::<()>(),
    );
    script.expect(r#"[48,2,{"timeout":20,"receive_progress":true},"com.example.b"]"#).await;
    let results = answer(opening).await.unwrap();
    assert_eq!(within_deadline("the time", results.result()).await, Err(Error::Timeout));
    script.expect(r#"[49,2,{"mode":"killnowait"}]"#).await;
}
