//! The Rust client against a scripted router: HELLO, violations, and every way in which a session ends.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a helper fails the test that uses it")]

use std::future::IntoFuture as _;
use std::time::Duration;

use futures_util::StreamExt as _;
use serde_json::{Value, json};
use trunkline_client::proto::error_uri::{GOODBYE_AND_OUT, PROTOCOL_VIOLATION};
use trunkline_client::{Client, ConnectError, Ended, Error, Reconnect, Reply};
use trunkline_tests::{SCRIPTED, Script, WELCOME, joined, scripted, within_deadline};

/// Why the client has no session any more.
async fn ended(client: &Client) -> Ended {
    within_deadline("the end of the client", client.closed()).await
}

/// A client that said HELLO, and what becomes of it when the router answers with that.
async fn answered_hello(answer: &[u8]) -> (Result<Client, ConnectError>, Script) {
    let (builder, mut scripts) = scripted();
    let router = async {
        let mut script = scripts.recv().await.unwrap();
        script.expect_hello().await;
        script.say_octets(answer);
        script
    };
    within_deadline("the end of HELLO", async { tokio::join!(builder.connect(), router) }).await
}

/// What the router says to an open session is a violation.
async fn breaks_the_protocol(message: &[u8]) {
    let (client, mut script) = joined().await;
    let call = tokio::spawn(client.call::<()>("com.example.slow", ()).into_future());
    script.expect(r#"[48,1,{},"com.example.slow"]"#).await;
    script.say_octets(message);
    script.expect_abort(PROTOCOL_VIOLATION).await;
    let message = String::from_utf8_lossy(message);
    assert!(matches!(ended(&client).await, Ended::Protocol(_)), "{message}");
    assert_eq!(call.await.unwrap(), Err(Error::Disconnected), "{message}");
    assert_eq!(client.call::<()>("com.example.slow", ()).await, Err(Error::Closed), "{message}");
}

/// What the router answers HELLO with is a violation.
async fn breaks_the_opening(message: &[u8]) {
    let (client, mut script) = answered_hello(message).await;
    let message = String::from_utf8_lossy(message);
    assert!(matches!(client, Err(ConnectError::Protocol(_))), "{message}: {client:?}");
    script.expect_abort(PROTOCOL_VIOLATION).await;
}

/// Conformance: SES-02, SES-04, FEAT-03, FEAT-04, FEAT-05, FEAT-06, FEAT-07, AUTH-GEN-01
#[tokio::test]
async fn ses_01_hello_comes_first_and_names_every_role_with_its_features() {
    let (builder, mut scripts) = scripted();
    let joining = tokio::spawn(builder.agent("thermometer/1").connect());
    let mut script = within_deadline("a connection", scripts.recv()).await.unwrap();
    let hello: Value = serde_json::from_str(&script.expect_hello().await).unwrap();
    let yes = |names: &[&str]| {
        let features = names.iter().map(|name| ((*name).to_owned(), json!(true))).collect();
        json!({ "features": Value::Object(features) })
    };
    let caller = [
        "caller_identification",
        "call_canceling",
        "progressive_call_results",
        "progressive_call_invocations",
        "call_timeout",
        "sharded_registration",
        "payload_passthru_mode",
    ];
    let more_of_callee = [
        "call_trustlevels",
        "pattern_based_registration",
        "shared_registration",
        "registration_revocation",
        "call_reroute",
    ];
    let roles = json!({
        "publisher": yes(&[
            "publisher_identification",
            "publisher_exclusion",
            "subscriber_blackwhite_listing",
            "shareded_subscriptions",
            "payload_passthru_mode",
        ]),
        "subscriber": yes(&[
            "publisher_identification",
            "pattern_based_subscription",
            "publication_trustlevels",
            "subscription_revocation",
            "shareded_subscriptions",
            "payload_passthru_mode",
        ]),
        "caller": yes(&caller),
        "callee": yes(&[&caller[..], &more_of_callee].concat()),
    });
    let details = json!({ "roles": roles, "agent": "thermometer/1", "authmethods": ["anonymous"] });
    assert_eq!(hello, json!([1, SCRIPTED, details]));
    // A router may leave its agent out.
    script.say(WELCOME);
    let client = within_deadline("WELCOME", joining).await.unwrap().unwrap();
    assert_eq!(client.joined().unwrap().agent, None);
    assert_eq!(client.joined().unwrap().session.value(), 7);
}

/// Conformance: PV-08
#[tokio::test]
async fn pv_02_welcome_or_challenge_in_an_open_session() {
    for message in [WELCOME, r#"[4,"ticket",{}]"#] {
        breaks_the_protocol(message.as_bytes()).await;
    }
}

#[tokio::test]
async fn pv_03_goodbye_or_error_before_the_session_is_open() {
    for message in [r#"[6,{},"wamp.close.close_realm"]"#, r#"[8,48,1,{},"com.example.failed"]"#] {
        breaks_the_opening(message.as_bytes()).await;
    }
}

#[tokio::test]
async fn pv_04_answers_and_invocations_before_the_session_is_open() {
    for message in
        ["[17,1,2]", "[33,1,2]", "[35,1]", "[36,1,2,{}]", "[50,1,{}]", "[65,1,2]", "[67,1]", "[68,1,2,{}]"]
    {
        breaks_the_opening(message.as_bytes()).await;
    }
}

#[tokio::test]
async fn pv_05_error_for_what_no_client_asks() {
    for request_type in [1, 5, 33, 49, 68, 69, 99] {
        let error = format!(r#"[8,{request_type},1,{{}},"com.example.failed"]"#);
        breaks_the_protocol(error.as_bytes()).await;
    }
}

#[tokio::test]
async fn msg_10_what_only_clients_say_is_not_for_a_client() {
    for message in [
        r#"[1,"com.example.realm",{"roles":{"caller":{}}}]"#,
        r#"[5,"signature",{}]"#,
        r#"[16,1,{},"com.example.tick"]"#,
        r#"[32,1,{},"com.example.tick"]"#,
        "[34,1,2]",
        r#"[48,1,{},"com.example.add"]"#,
        "[49,1,{}]",
        r#"[64,1,{},"com.example.add"]"#,
        "[66,1,2]",
        "[70,1,{}]",
    ] {
        breaks_the_protocol(message.as_bytes()).await;
        breaks_the_opening(message.as_bytes()).await;
    }
}

#[tokio::test]
async fn ser_08_what_cannot_be_decoded_ends_a_session_before_and_after_welcome() {
    for octets in
        [&b"[36,1,2,{}"[..], b"", b"no list", b"[36,1,2,{}] and more", b"[36,1,2,{\"topic\":\"\xff\"}]"]
    {
        breaks_the_protocol(octets).await;
        breaks_the_opening(octets).await;
    }
}

#[tokio::test]
async fn msg_09_a_message_of_an_unknown_type_is_a_violation() {
    for message in ["[99,1]", "[337,5]", "[]"] {
        breaks_the_protocol(message.as_bytes()).await;
    }
}

#[tokio::test]
async fn msg_07_unknown_keys_are_passed_over_and_wrong_types_of_known_ones_are_not() {
    let welcome =
        r#"[2,7,{"roles":{"broker":{"x_new":1,"features":{"x_new":{}}},"dealer":{},"x_role":{}},"x_y":[]}]"#;
    let (client, mut script) = answered_hello(welcome.as_bytes()).await;
    let client = client.unwrap();
    let register = tokio::spawn(client.register("com.example.a", async || Reply(1)).into_future());
    script.expect(r#"[64,1,{},"com.example.a"]"#).await;
    script.say("[65,1,2]");
    within_deadline("REGISTERED", register).await.unwrap().unwrap();
    script.say(r#"[68,1,2,{"x_new":{"a":[1]}}]"#);
    script.expect("[70,1,{},[1]]").await;
    let call = tokio::spawn(client.call::<u8>("com.example.a", ()).into_future());
    script.expect(r#"[48,2,{},"com.example.a"]"#).await;
    script.say(r#"[50,2,{"x_new":null},[5]]"#);
    assert_eq!(within_deadline("RESULT", call).await.unwrap(), Ok(5));

    for message in [
        r#"[68,1,2,{"progress":1}]"#,
        r#"[50,1,{"progress":"yes"}]"#,
        r#"[36,1,2,{"publisher":"me"}]"#,
        r#"[35,0,{"subscription":"five"}]"#,
    ] {
        breaks_the_protocol(message.as_bytes()).await;
    }
    breaks_the_opening(br#"[2,7,{"roles":{"broker":1}}]"#).await;
}

#[tokio::test]
async fn pv_08_nothing_goes_out_after_abort_and_nothing_that_came_with_the_violation_counts() {
    let (client, mut script) = joined().await;
    let register = tokio::spawn(client.register("com.example.a", async || Reply(1)).into_future());
    script.expect(r#"[64,1,{},"com.example.a"]"#).await;
    script.say("[65,1,2]");
    within_deadline("REGISTERED", register).await.unwrap().unwrap();
    let call = tokio::spawn(client.call::<()>("com.example.b", ()).into_future());
    script.expect(r#"[48,2,{},"com.example.b"]"#).await;
    // In one burst: an invocation that would be refused, the violation, an invocation that would be answered, a result.
    for message in ["[68,1,99,{}]", "[16,1]", "[68,2,2,{}]", "[50,2,{}]"] {
        script.say(message);
    }
    script.expect_abort(PROTOCOL_VIOLATION).await;
    assert_eq!(within_deadline("the call", call).await.unwrap(), Err(Error::Disconnected));
}

#[tokio::test]
async fn ws_03_a_frame_against_the_rules_of_the_transport_is_answered_with_abort() {
    let (client, mut script) = joined().await;
    script.break_transport();
    script.expect_abort(PROTOCOL_VIOLATION).await;
    assert!(matches!(ended(&client).await, Ended::Protocol(_)));
}

/// Conformance: SES-10, ERR-02
#[tokio::test]
async fn ses_07_a_goodbye_of_the_router_is_answered_once() {
    for reason in ["wamp.close.system_shutdown", "wamp.close.killed", "wamp.close.normal", "com.example.why"]
    {
        let (client, mut script) = joined().await;
        script.say(&format!(r#"[6,{{"message":"so long"}},"{reason}"]"#));
        script.expect(r#"[6,{},"wamp.close.goodbye_and_out"]"#).await;
        script.expect_closed().await;
        let Ended::Goodbye(said) = ended(&client).await else { panic!("{reason}") };
        assert_eq!((said.uri(), said.message()), (reason, Some("so long")));
    }
}

/// Conformance: SES-07, SES-10
#[tokio::test]
async fn ses_08_who_said_goodbye_ignores_everything_but_goodbye() {
    let (client, mut script) = joined().await;
    let leaving = tokio::spawn({
        let client = client.clone();
        async move { client.leave().await }
    });
    script.expect(r#"[6,{},"wamp.close.close_realm"]"#).await;
    for message in ["[36,1,2,{}]", "[68,1,2,{}]", WELCOME, r#"[16,1,{},"com.example.tick"]"#, "no list"] {
        script.say(message);
    }
    script.say(&format!(r#"[6,{{}},"{GOODBYE_AND_OUT}"]"#));
    // The answer is not answered.
    script.expect_closed().await;
    within_deadline("GOODBYE", leaving).await.unwrap();
    assert!(matches!(ended(&client).await, Ended::Left));
}

#[tokio::test]
async fn ses_09_goodbyes_that_cross_are_each_others_answer() {
    let (client, mut script) = joined().await;
    let leaving = tokio::spawn(async move { client.leave().await });
    script.expect(r#"[6,{},"wamp.close.close_realm"]"#).await;
    script.say(r#"[6,{},"wamp.close.system_shutdown"]"#);
    script.expect_closed().await;
    within_deadline("GOODBYE", leaving).await.unwrap();
}

#[tokio::test]
async fn ses_11_abort_is_not_answered_in_any_state() {
    for abort in [
        r#"[3,{},"wamp.error.no_such_realm"]"#,
        r#"[3,{"message":"no"},"wamp.error.no_such_realm",[1]]"#,
        r#"[3,{},"wamp.error.no_such_realm",[1],{"two":2}]"#,
    ] {
        let (client, mut script) = answered_hello(abort.as_bytes()).await;
        assert_eq!(client.unwrap_err().reason(), Some("wamp.error.no_such_realm"));
        script.expect_closed().await;

        let (client, mut script) = joined().await;
        script.say(abort);
        script.expect_closed().await;
        let Ended::Aborted(reason) = ended(&client).await else { panic!("{abort}") };
        assert_eq!(reason.uri(), "wamp.error.no_such_realm");
    }
}

#[tokio::test]
async fn id_07_the_next_session_counts_from_1_again() {
    let (builder, mut scripts) = scripted();
    let at_once = Reconnect::default().min_delay(Duration::ZERO);
    let joining = tokio::spawn(builder.reconnect(at_once).connect());
    let mut script = within_deadline("a connection", scripts.recv()).await.unwrap();
    script.expect_hello().await;
    script.say(WELCOME);
    let client = within_deadline("WELCOME", joining).await.unwrap().unwrap();
    for request in 1..=3 {
        client.publish("com.example.tick", ()).await.unwrap();
        script.expect(&format!(r#"[16,{request},{{}},"com.example.tick"]"#)).await;
    }
    let mut states = client.states();
    drop(script);
    let mut script = within_deadline("a connection", scripts.recv()).await.unwrap();
    script.expect_hello().await;
    script.say(&WELCOME.replacen('7', "8", 1));
    let is_next = |state| match state {
        trunkline_client::State::Joined(joined) => joined.session.value() == 8,
        _ => false,
    };
    let rejoined = async { while !is_next(states.next().await.unwrap()) {} };
    within_deadline("the next session", rejoined).await;
    client.publish("com.example.tick", ()).await.unwrap();
    script.expect(r#"[16,1,{},"com.example.tick"]"#).await;
}

/// Conformance: MSG-11
#[tokio::test]
async fn uri_01_a_client_sends_no_uri_that_is_none() {
    let (client, mut script) = joined().await;
    for uri in ["", "com..example", "com.example tick", "com.#", ".com"] {
        assert!(matches!(client.publish(uri, ()).await, Err(Error::Uri { .. })), "{uri}");
        assert!(matches!(client.call::<()>(uri, ()).await, Err(Error::Uri { .. })), "{uri}");
        assert!(matches!(client.subscribe::<()>(uri).await, Err(Error::Uri { .. })), "{uri}");
        assert!(client.register(uri, async || Reply(())).await.is_err(), "{uri}");
    }
    // Nothing was sent, and no request ID taken.
    client.publish("com.example.tick", ()).await.unwrap();
    script.expect(r#"[16,1,{},"com.example.tick"]"#).await;
}

#[tokio::test]
async fn all_that_was_asked_for_before_leaving_goes_out_before_goodbye() {
    let (client, mut script) = joined().await;
    let publishers = (0..10).map(|_| {
        let client = client.clone();
        tokio::spawn(async move {
            for _ in 0..100 {
                client.publish("com.example.tick", ()).await.unwrap();
            }
        })
    });
    for publisher in publishers.collect::<Vec<_>>() {
        publisher.await.unwrap();
    }
    let leaving = tokio::spawn(async move { client.leave().await });
    for request in 1..=1000 {
        script.expect(&format!(r#"[16,{request},{{}},"com.example.tick"]"#)).await;
    }
    script.expect(r#"[6,{},"wamp.close.close_realm"]"#).await;
    script.say(r#"[6,{},"wamp.close.goodbye_and_out"]"#);
    within_deadline("the end of the client", leaving).await.unwrap();
}
