//! The authorizer hook: a procedure decides what the rules of a role leave to it.
#![allow(clippy::expect_used, reason = "a helper fails the test that uses it")]

use std::time::Duration;

use bytes::Bytes;
use trunkline::config::{Action, Authorizer, Config, Disclose, EventHistory, MatchPolicy, Permission, Role};
use trunkline_tests::{
    DEADLINE, OTHER, Peer, RELAXED, STRICT, TestRouter, Transport, Via, config, error, event, hello,
};
use wamp_proto::error_uri::{
    AUTHORIZATION_FAILED, CANCELED, INVALID_URI, NO_SUCH_PROCEDURE, NOT_AUTHORIZED,
    OPTION_DISALLOWED_DISCLOSE_ME, UNAVAILABLE,
};
use wamp_proto::message::Invocation;
use wamp_proto::{Message, MessageCode, Profile, SerializerId, Value};

const RAW_JSON: Via = Via(Transport::RawSocket, SerializerId::Json);

/// What everybody is asked about who is a guest.
const ASK: &str = "com.example.ask.";

fn permission(uri: &str, allow: &[Action], ask: &[Action]) -> Permission {
    Permission {
        uri: uri.to_owned(),
        match_policy: MatchPolicy::Prefix,
        allow: allow.to_vec(),
        deny: Vec::new(),
        ask: ask.to_vec(),
        disclose: Disclose::Allowed,
    }
}

fn authorizer() -> Authorizer {
    Authorizer {
        procedure: "com.example.authorize".to_owned(),
        realm: None,
        timeout: DEADLINE * 2,
        cache_max: 0,
        cache_age: Duration::from_secs(3600),
    }
}

/// In every realm, anonymous sessions are guests, and the authorizer is asked about them; `backend` may do everything.
fn with(authorizer: &Authorizer) -> Config {
    let guest = vec![
        permission("com.example.", &Action::ALL, &[]),
        permission(ASK, &[], &Action::ALL),
        permission("wamp.", &[], &Action::ALL),
        permission("net.", &[], &[]),
    ];
    let mut config = config();
    for realm in &mut config.realms {
        realm.rules.anonymous_role = Some("guest".to_owned());
        realm.rules.authorizer = Some(authorizer.clone());
        let open = &realm.rules.roles[0];
        realm.rules.roles = vec![
            Role { name: "guest".to_owned(), permissions: guest.clone(), ..open.clone() },
            Role { name: "backend".to_owned(), ..open.clone() },
        ];
    }
    config
}

async fn start() -> TestRouter {
    TestRouter::with(&with(&authorizer())).await
}

/// The session that is the authorizer.
async fn judge(router: &TestRouter) -> Peer {
    let mut judge = Peer::join_as(router, "judge", "backend").await;
    judge.register("com.example.authorize").await;
    judge
}

/// The next message is that question.
async fn expect_question(judge: &mut Peer, action: &str, uri: &str) -> Invocation {
    let (invocation, _) = expect_question_with_options(judge, action, uri).await;
    invocation
}

async fn expect_question_with_options(judge: &mut Peer, action: &str, uri: &str) -> (Invocation, Value) {
    let invocation = judge.expect_invocation().await;
    let (args, kwargs) = invocation.payload.values().expect("values");
    assert!(kwargs.is_empty(), "{kwargs:?}");
    let [_, asked_uri, asked_action, options] = &args[..] else { panic!("four arguments: {args:?}") };
    assert_eq!((asked_action.as_str(), asked_uri.as_str()), (Some(action), Some(uri)));
    (invocation.clone(), options.clone())
}

/// Publishes, and wants to know what comes of it; returns the request's ID.
async fn publish(peer: &mut Peer, topic: &str, payload: &str) -> u64 {
    let request = peer.next_request();
    peer.send(&format!(r#"[16,{request},{{"acknowledge":true}},"{topic}",{payload}]"#)).await;
    request
}

async fn expect_published(peer: &mut Peer, request: u64) {
    let [_] = peer.expect(&format!("[17,{request},#]")).await;
}

#[tokio::test]
async fn authz_02_the_authorizer_learns_who_wants_what_and_decides() {
    let router = start().await;
    let mut judge = judge(&router).await;
    for via in Via::serializers() {
        let mut guest = Peer::connect(&router, "guest", via).await;
        guest.send(&hello(STRICT)).await;
        let welcome = guest.expect_welcome().await;
        let topic = "com.example.ask.tick";
        let request = guest.next_request();
        guest.send(&format!(r#"[32,{request},{{"match":"prefix"}},"{topic}"]"#)).await;
        let (invocation, options) = expect_question_with_options(&mut judge, "subscribe", topic).await;
        assert_eq!(options.get("match").and_then(Value::as_str), Some("prefix"));
        let (args, _) = invocation.payload.values().expect("values");
        let text = |key| args[0].get(key).and_then(Value::as_str);
        assert_eq!(args[0].get("session").and_then(Value::as_u64), Some(welcome.session.value()));
        assert_eq!(text("authid"), welcome.details.authid.as_deref());
        assert_eq!(text("realm"), Some(STRICT));
        assert_eq!([text("authrole"), text("authmethod")], [Some("guest"), Some("anonymous")]);
        assert_eq!(args[0].get("authextra"), Some(&Value::Dict(Vec::new())));
        judge.answer(&invocation, "[true]").await;
        let [subscription] = guest.expect(&format!("[33,{request},#]")).await;

        let request = publish(&mut guest, topic, "[1]").await;
        let invocation = expect_question(&mut judge, "publish", topic).await;
        judge.answer(&invocation, r#"[{"allow":false}]"#).await;
        guest.expect_error(MessageCode::Publish, request, NOT_AUTHORIZED).await;
        let request = publish(&mut guest, topic, "[2]").await;
        let invocation = expect_question(&mut judge, "publish", topic).await;
        judge.answer(&invocation, r#"[{"allow":true}]"#).await;
        expect_published(&mut guest, request).await;

        let request = guest.next_request();
        guest.send(&format!(r#"[64,{request},{{"invoke":"random"}},"{topic}"]"#)).await;
        let (invocation, options) = expect_question_with_options(&mut judge, "register", topic).await;
        assert_eq!(options.get("invoke").and_then(Value::as_str), Some("random"));
        judge.answer(&invocation, "[true]").await;
        let [_] = guest.expect(&format!("[65,{request},#]")).await;
        guest.unsubscribe(subscription).await;
        guest.expect_silence().await;
    }
    assert_eq!(router.router().counters().authorizers_failed.value(), 0);
}

/// Conformance: ERR-04
#[tokio::test]
async fn authz_02_whatever_the_authorizer_says_but_yes_allows_nothing() {
    let router = start().await;
    let mut judge = judge(&router).await;
    let mut guest = Peer::join(&router, "guest").await;
    let answers =
        ["[]", "[null]", "[1]", r#"["true"]"#, r#"[{}]"#, r#"[{"allow":true,"validate":{}}]"#, "[[true]]"];
    for answer in answers {
        let request = publish(&mut guest, "com.example.ask.tick", "[]").await;
        let invocation = expect_question(&mut judge, "publish", "com.example.ask.tick").await;
        judge.answer(&invocation, answer).await;
        guest.expect_error(MessageCode::Publish, request, AUTHORIZATION_FAILED).await;
    }
    let request = publish(&mut guest, "com.example.ask.tick", "[]").await;
    let invocation = expect_question(&mut judge, "publish", "com.example.ask.tick").await;
    judge.send(&format!(r#"[8,68,{},{{}},"com.example.error"]"#, invocation.request)).await;
    guest.expect_error(MessageCode::Publish, request, AUTHORIZATION_FAILED).await;
    let failed = router.router().counters().authorizers_failed.value();
    assert_eq!(failed, answers.len() as u64 + 1);
}

#[tokio::test]
async fn authz_02_without_an_authorizer_that_answers_nothing_is_allowed() {
    let router = start().await;
    let mut guest = Peer::join(&router, "guest").await;
    let request = publish(&mut guest, "com.example.ask.tick", "[]").await;
    guest.expect_error(MessageCode::Publish, request, AUTHORIZATION_FAILED).await;

    let mut mortal = judge(&router).await;
    let request = publish(&mut guest, "com.example.ask.tick", "[]").await;
    expect_question(&mut mortal, "publish", "com.example.ask.tick").await;
    drop(mortal);
    guest.expect_error(MessageCode::Publish, request, AUTHORIZATION_FAILED).await;

    let nobody = with(&Authorizer { realm: Some("com.example.nowhere".to_owned()), ..authorizer() });
    let mut nothing = nobody.clone();
    nothing.realms[0].rules.authorizer = None;
    for config in [nobody, nothing] {
        let router = TestRouter::with(&config).await;
        let mut guest = Peer::join(&router, "guest").await;
        let call = guest.call("com.example.ask.add", "").await;
        guest.expect_error(MessageCode::Call, call, AUTHORIZATION_FAILED).await;
    }
}

#[tokio::test]
async fn authz_02_an_authorizer_that_is_too_slow_allows_nothing() {
    let impatient = Authorizer { timeout: Duration::from_millis(1), ..authorizer() };
    let router = TestRouter::with(&with(&impatient)).await;
    let mut judge = judge(&router).await;
    let mut guest = Peer::join(&router, "guest").await;
    let request = publish(&mut guest, "com.example.ask.tick", "[]").await;
    let invocation = expect_question(&mut judge, "publish", "com.example.ask.tick").await;
    guest.expect_error(MessageCode::Publish, request, AUTHORIZATION_FAILED).await;
    // Too late, and no answer to anything else.
    judge.answer(&invocation, "[true]").await;
    judge.expect_silence().await;
    guest.expect_silence().await;
    drop((judge, guest));
    router.wait_until_empty().await;
}

#[tokio::test]
async fn authz_02_an_authorizer_that_minds_time_outs_itself_has_no_more_time() {
    let impatient = Authorizer { timeout: Duration::from_millis(1), ..authorizer() };
    let router = TestRouter::with(&with(&impatient)).await;
    let mut judge = Peer::join_with_features(&router, "judge", RAW_JSON).await;
    judge.register_with(r#"{"forward_timeout":true}"#, "com.example.authorize").await;
    let mut guest = Peer::join(&router, "guest").await;
    let request = publish(&mut guest, "com.example.ask.tick", "[]").await;
    expect_question(&mut judge, "publish", "com.example.ask.tick").await;
    guest.expect_error(MessageCode::Publish, request, AUTHORIZATION_FAILED).await;
}

#[tokio::test]
async fn authz_02_the_calls_that_a_session_may_have_open_do_not_bound_the_questions_about_all() {
    let mut config = with(&authorizer());
    config.limits.open_calls_max = 2;
    let router = TestRouter::with(&config).await;
    let mut judge = judge(&router).await;
    let mut guests = [Peer::join(&router, "ann").await, Peer::join(&router, "bob").await];
    let mut asked = Vec::new();
    for who in [0, 0, 1, 1] {
        let request = publish(&mut guests[who], "com.example.ask.tick", "[]").await;
        asked.push((who, request, expect_question(&mut judge, "publish", "com.example.ask.tick").await));
    }
    for (who, request, question) in asked {
        judge.answer(&question, "[true]").await;
        expect_published(&mut guests[who], request).await;
    }
}

#[tokio::test]
async fn authz_02_the_authorizer_is_asked_while_the_router_drains() {
    let mut config = with(&authorizer());
    config.node.drain_timeout = DEADLINE * 2;
    let router = TestRouter::with(&config).await;
    let mut judge = judge(&router).await;
    let mut guest = Peer::join(&router, "guest").await;
    judge.register("com.example.add").await;
    guest.call("com.example.add", "").await;
    let open = judge.expect_invocation().await;
    let going_down = tokio::spawn(router.shut_down());
    // Until calls are refused, and nothing else.
    while !{
        guest.call("com.example.nothing", "").await;
        matches!(guest.receive().await, Message::Error(error) if error.error == UNAVAILABLE)
    } {}
    let request = publish(&mut guest, "com.example.ask.tick", "[]").await;
    let question = expect_question(&mut judge, "publish", "com.example.ask.tick").await;
    judge.answer(&question, "[true]").await;
    expect_published(&mut guest, request).await;
    judge.answer(&open, "").await;
    drop((judge, guest));
    going_down.await.expect("the router is down");
}

#[tokio::test]
async fn authz_01_what_the_authorizer_denies_reveals_nothing() {
    let router = start().await;
    let mut judge = judge(&router).await;
    let mut guest = Peer::join(&router, "guest").await;
    judge.register("com.example.ask.there").await;
    for procedure in
        ["com.example.ask.there", "com.example.ask.not_there", "wamp.not_there", "wamp.session.count"]
    {
        let call = guest.call(procedure, "").await;
        let invocation = expect_question(&mut judge, "call", procedure).await;
        judge.answer(&invocation, "[false]").await;
        guest.expect_error(MessageCode::Call, call, NOT_AUTHORIZED).await;
    }
    let call = guest.call("com.example.ask.not_there", "").await;
    let invocation = expect_question(&mut judge, "call", "com.example.ask.not_there").await;
    judge.answer(&invocation, "[true]").await;
    guest.expect_error(MessageCode::Call, call, NO_SUCH_PROCEDURE).await;
    // Nobody is asked about what the rules decide, a pattern that they deny in part included.
    let request = guest.next_request();
    guest.send(&format!(r#"[32,{request},{{"match":"prefix"}},""]"#)).await;
    guest.expect_error(MessageCode::Subscribe, request, NOT_AUTHORIZED).await;
    guest.subscribe("com.example.open").await;
    let request = guest.next_request();
    guest.send(&format!(r#"[32,{request},{{"match":"prefix"}},"com.example."]"#)).await;
    let invocation = expect_question(&mut judge, "subscribe", "com.example.").await;
    judge.answer(&invocation, "[true]").await;
    let [_] = guest.expect(&format!("[33,{request},#]")).await;
    judge.expect_silence().await;
}

/// Conformance: ORD-01
#[tokio::test]
async fn authz_03_events_keep_their_order_however_the_authorizer_answers() {
    let router = start().await;
    let mut judge = judge(&router).await;
    for via in [
        RAW_JSON,
        Via(Transport::WebSocket, SerializerId::Cbor),
        Via(Transport::InProcess, SerializerId::Json),
    ] {
        let mut guest = Peer::join_via(&router, "guest", via).await;
        let mut bob = Peer::join_as(&router, "bob", "backend").await;
        let subscription = bob.subscribe_with(r#"{"match":"prefix"}"#, "com.example.").await;
        let a = publish(&mut guest, "com.example.ask.a", r#"["a"]"#).await;
        let b = publish(&mut guest, "com.example.ask.b", r#"["b"]"#).await;
        let c = publish(&mut guest, "com.example.c", r#"["c"]"#).await;
        let d = publish(&mut guest, "com.example.ask.d", r#"["d"]"#).await;
        let mut questions = Vec::new();
        for topic in ["com.example.ask.a", "com.example.ask.b", "com.example.ask.d"] {
            questions.push(expect_question(&mut judge, "publish", topic).await);
        }
        judge.answer(&questions[2], "[true]").await;
        judge.answer(&questions[1], "[false]").await;
        bob.expect_silence().await;
        judge.answer(&questions[0], "[true]").await;
        expect_published(&mut guest, a).await;
        guest.expect_error(MessageCode::Publish, b, NOT_AUTHORIZED).await;
        expect_published(&mut guest, c).await;
        expect_published(&mut guest, d).await;
        for (topic, name) in [("ask.a", "a"), ("c", "c"), ("ask.d", "d")] {
            let [_] = bob
                .expect(&format!(r#"[36,{subscription},#,{{"topic":"com.example.{topic}"}},["{name}"]]"#))
                .await;
        }
    }
}

/// Conformance: ORD-02, ORD-03
#[tokio::test]
async fn authz_03_calls_subscriptions_and_registrations_keep_their_order_too() {
    let router = start().await;
    let mut judge = judge(&router).await;
    let mut callee = Peer::join_as(&router, "callee", "backend").await;
    callee.register("com.example.ask.first").await;
    callee.register("com.example.second").await;
    let mut guest = Peer::join(&router, "guest").await;
    let first = guest.call("com.example.ask.first", "[1]").await;
    let second = guest.call("com.example.second", "[2]").await;
    let question = expect_question(&mut judge, "call", "com.example.ask.first").await;
    callee.expect_silence().await;
    judge.answer(&question, "[true]").await;
    for call in [first, second] {
        let invocation = callee.expect_invocation().await;
        callee.answer(&invocation, &format!("[{call}]")).await;
        guest.expect_message(&format!("[50,{call},{{}},[{call}]]")).await;
    }

    let subscribe = guest.next_request();
    guest.send(&format!(r#"[32,{subscribe},{{}},"com.example.ask.tick"]"#)).await;
    let register = guest.next_request();
    guest.send(&format!(r#"[64,{register},{{}},"com.example.add"]"#)).await;
    let unsubscribe = guest.next_request();
    guest.send(&format!("[34,{unsubscribe},7]")).await;
    let question = expect_question(&mut judge, "subscribe", "com.example.ask.tick").await;
    callee.publish("com.example.ask.tick", "[1]").await;
    callee.expect_silence().await;
    judge.answer(&question, "[true]").await;
    let [subscription] = guest.expect(&format!("[33,{subscribe},#]")).await;
    let [_] = guest.expect(&format!("[65,{register},#]")).await;
    let [] = guest.expect(&error(34, unsubscribe, "wamp.error.no_such_subscription")).await;
    callee.publish("com.example.ask.tick", "[2]").await;
    let [_] = guest.expect(&event(subscription, "[2]")).await;
}

#[tokio::test]
async fn authz_03_the_parts_of_a_call_wait_with_it() {
    let router = start().await;
    let mut judge = judge(&router).await;
    let mut callee = Peer::join_with_features(&router, "callee", RAW_JSON).await;
    callee.register("com.example.add").await;
    let mut caller = Peer::join_with_features(&router, "caller", RAW_JSON).await;
    let published = publish(&mut caller, "com.example.ask.tick", "[]").await;
    let call = caller.call_with(r#"{"progress":true}"#, r#""com.example.add",[1]"#).await;
    caller.send(&format!(r#"[48,{call},{{}},"com.example.add",[2]]"#)).await;
    let question = expect_question(&mut judge, "publish", "com.example.ask.tick").await;
    callee.expect_silence().await;
    judge.answer(&question, "[true]").await;
    expect_published(&mut caller, published).await;
    let [invocation, _] = callee.expect(r#"[68,#,#,{"progress":true},[1]]"#).await;
    let [again, _] = callee.expect("[68,#,#,{},[2]]").await;
    assert_eq!(again, invocation);
}

#[tokio::test]
async fn authz_03_answers_to_others_do_not_wait() {
    let router = start().await;
    let mut judge = judge(&router).await;
    let mut guest = Peer::join(&router, "guest").await;
    guest.register("com.example.add").await;
    let mut bob = Peer::join_as(&router, "bob", "backend").await;
    let request = publish(&mut guest, "com.example.ask.tick", "[]").await;
    let question = expect_question(&mut judge, "publish", "com.example.ask.tick").await;
    let call = bob.call("com.example.add", "").await;
    let invocation = guest.expect_invocation().await;
    guest.answer(&invocation, "[7]").await;
    bob.expect_message(&format!("[50,{call},{{}},[7]]")).await;
    let call = bob.call("com.example.add", "").await;
    let invocation = guest.expect_invocation().await;
    guest.send(&format!(r#"[8,68,{},{{}},"com.example.error"]"#, invocation.request)).await;
    bob.expect_error(MessageCode::Call, call, "com.example.error").await;
    judge.answer(&question, "[true]").await;
    expect_published(&mut guest, request).await;
}

#[tokio::test]
async fn authz_03_a_call_that_waits_can_be_canceled() {
    let router = start().await;
    let mut judge = judge(&router).await;
    let mut callee = Peer::join_as(&router, "callee", "backend").await;
    callee.register("com.example.ask.add").await;
    let mut guest = Peer::join(&router, "guest").await;
    let published = publish(&mut guest, "com.example.ask.tick", "[]").await;
    let canceled = guest.call("com.example.ask.add", "[1]").await;
    let call = guest.call("com.example.ask.add", "[2]").await;
    guest.send(&format!("[49,{canceled},{{}}]")).await;
    guest.expect_error(MessageCode::Call, canceled, CANCELED).await;
    for (action, uri) in [
        ("publish", "com.example.ask.tick"),
        ("call", "com.example.ask.add"),
        ("call", "com.example.ask.add"),
    ] {
        let question = expect_question(&mut judge, action, uri).await;
        judge.answer(&question, "[true]").await;
    }
    expect_published(&mut guest, published).await;
    let invocation = callee.expect_invocation().await;
    callee.answer(&invocation, "[2]").await;
    guest.expect_message(&format!("[50,{call},{{}},[2]]")).await;
    callee.expect_silence().await;
}

#[tokio::test]
async fn authz_03_nothing_happens_of_what_waits_when_the_session_leaves() {
    let router = start().await;
    let mut judge = judge(&router).await;
    let mut bob = Peer::join_as(&router, "bob", "backend").await;
    bob.subscribe_with(r#"{"match":"prefix"}"#, "com.example.ask.").await;
    for farewell in
        [Some(r#"[6,{},"wamp.close.close_realm"]"#), Some(r#"[3,{},"wamp.error.canceled"]"#), None]
    {
        let sessions = router.router().sessions();
        let mut guest = Peer::join_via(&router, "guest", RAW_JSON).await;
        publish(&mut guest, "com.example.ask.tick", "[]").await;
        guest.publish("com.example.ask.tock", "[]").await;
        let questions = [
            expect_question(&mut judge, "publish", "com.example.ask.tick").await,
            expect_question(&mut judge, "publish", "com.example.ask.tock").await,
        ];
        match farewell {
            Some(farewell) => guest.send(farewell).await,
            None => drop(guest),
        }
        router.wait_until("the guest left", |router| router.sessions() == sessions).await;
        for question in &questions {
            judge.answer(question, "[true]").await;
        }
        judge.expect_silence().await;
        bob.expect_silence().await;
    }
    let mut guest = Peer::connect(&router, "guest", RAW_JSON).await;
    let session = guest.hello(STRICT).await;
    guest.publish("com.example.ask.tick", "[]").await;
    let question = expect_question(&mut judge, "publish", "com.example.ask.tick").await;
    let kill = bob.call("wamp.session.kill", &format!("[{session}]")).await;
    bob.expect_message(&format!("[50,{kill},{{}}]")).await;
    judge.answer(&question, "[true]").await;
    guest.expect_goodbye("wamp.close.killed").await;
    bob.expect_silence().await;
    drop((judge, bob, guest));
    router.wait_until_empty().await;
}

#[tokio::test]
async fn authz_03_reading_pauses_while_as_much_waits_as_may_and_goes_on() {
    // Three frames of 50 to 55 octets, at 16 for each, are less than that, four are more.
    for bytes in [usize::MAX, 3 * 16 * 60] {
        let mut config = with(&authorizer());
        config.limits.pending_authorizations_max = if bytes == usize::MAX { 4 } else { 1000 };
        config.limits.pending_authorizations_max_bytes = bytes;
        let router = TestRouter::with(&config).await;
        let mut judge = judge(&router).await;
        for via in [RAW_JSON, Via(Transport::WebSocket, SerializerId::Json)] {
            let mut guest = Peer::join_via(&router, "guest", via).await;
            let requests: Vec<_> = (0..100).map(|_| guest.next_request()).collect();
            let frames: Vec<_> = requests
                .iter()
                .map(|request| format!(r#"[16,{request},{{"acknowledge":true}},"com.example.ask.tick"]"#))
                .collect();
            guest.send_all(&frames.iter().map(String::as_str).collect::<Vec<_>>()).await;
            let mut questions = Vec::new();
            for _ in 0..4 {
                questions.push(expect_question(&mut judge, "publish", "com.example.ask.tick").await);
            }
            // It would be asked about the fifth in front of this answer.
            judge.expect_silence().await;
            for request in requests {
                let question = match questions.is_empty() {
                    true => expect_question(&mut judge, "publish", "com.example.ask.tick").await,
                    false => questions.remove(0),
                };
                judge.answer(&question, "[true]").await;
                expect_published(&mut guest, request).await;
            }
        }
        assert!(router.router().counters().authorizations_backed_up.value() >= 2);
    }
}

#[tokio::test]
async fn authz_03_an_in_process_peer_that_sends_more_than_may_wait_has_to_go() {
    let mut config = with(&authorizer());
    config.limits.pending_authorizations_max = 4;
    let router = TestRouter::with(&config).await;
    let mut judge = judge(&router).await;
    let mut guest = router.router().connect(SerializerId::Json);
    let mut send = |message: &str| guest.send(&Bytes::copy_from_slice(message.as_bytes()));
    send(&hello(STRICT)).expect("open");
    for request in 1..=4 {
        send(&format!(r#"[16,{request},{{}},"com.example.ask.tick"]"#)).expect("room");
    }
    let question = expect_question(&mut judge, "publish", "com.example.ask.tick").await;
    judge.answer(&question, "[true]").await;
    // Sending goes on with what is decided, too.
    send(r#"[16,5,{},"com.example.ask.tick"]"#).expect("room again");
    send(r#"[16,6,{},"com.example.ask.tick"]"#).expect("taken, and the end");
    assert!(send(r#"[16,7,{},"com.example.ask.tick"]"#).is_err());
    assert_eq!(router.router().sessions(), 1);
}

#[tokio::test]
async fn authz_02_answers_are_remembered_until_they_are_flushed() {
    let remembering = Authorizer { cache_max: 10, ..authorizer() };
    let router = TestRouter::with(&with(&remembering)).await;
    let mut judge = judge(&router).await;
    let topic = "com.example.ask.tick";
    let mut ann = Peer::join_as(&router, "ann", "guest").await;
    let request = publish(&mut ann, topic, "[]").await;
    let question = expect_question(&mut judge, "publish", topic).await;
    judge.answer(&question, "[true]").await;
    expect_published(&mut ann, request).await;
    // The same principal, in whatever session.
    let mut again = Peer::join_as(&router, "ann", "guest").await;
    for peer in [&mut ann, &mut again] {
        let request = publish(peer, topic, "[]").await;
        expect_published(peer, request).await;
    }
    // Another principal, action, URI, match.
    let mut bob = Peer::join_as(&router, "bob", "guest").await;
    let request = publish(&mut bob, topic, "[]").await;
    let question = expect_question(&mut judge, "publish", topic).await;
    judge.answer(&question, "[false]").await;
    bob.expect_error(MessageCode::Publish, request, NOT_AUTHORIZED).await;
    let request = publish(&mut bob, topic, "[]").await;
    bob.expect_error(MessageCode::Publish, request, NOT_AUTHORIZED).await;
    for options in ["{}", r#"{"match":"prefix"}"#] {
        let request = ann.next_request();
        ann.send(&format!(r#"[32,{request},{options},"{topic}"]"#)).await;
        let question = expect_question(&mut judge, "subscribe", topic).await;
        judge.answer(&question, r#"[{"allow":true,"cache":false}]"#).await;
        let [subscription] = ann.expect(&format!("[33,{request},#]")).await;
        ann.unsubscribe(subscription).await;
    }
    let request = ann.next_request();
    ann.send(&format!(r#"[32,{request},{{}},"{topic}"]"#)).await;
    let question = expect_question(&mut judge, "subscribe", topic).await;
    // What is asked when everything is forgotten is not remembered either: two answers are there, one is to come.
    let flush = bob.next_request();
    bob.send(&format!(r#"[48,{flush},{{}},"wamp.trunkline.authorizer.flush"]"#)).await;
    let allowed = expect_question(&mut judge, "call", "wamp.trunkline.authorizer.flush").await;
    judge.answer(&allowed, r#"[{"allow":true,"cache":false}]"#).await;
    bob.expect_message(&format!("[50,{flush},{{}},[2]]")).await;
    judge.answer(&question, "[true]").await;
    let [_] = ann.expect(&format!("[33,{request},#]")).await;
    let request = publish(&mut ann, "com.example.ask.tock", "[]").await;
    let question = expect_question(&mut judge, "publish", "com.example.ask.tock").await;
    judge.answer(&question, "[true]").await;
    expect_published(&mut ann, request).await;
    let request = ann.next_request();
    ann.send(&format!(r#"[32,{request},{{}},"{topic}"]"#)).await;
    let question = expect_question(&mut judge, "subscribe", topic).await;
    judge.answer(&question, "[true]").await;
    let [_] = ann.expect(&format!("[33,{request},#]")).await;
    let flush = judge.call("wamp.trunkline.authorizer.flush", "").await;
    judge.expect_message(&format!("[50,{flush},{{}},[2]]")).await;
}

#[tokio::test]
async fn authz_02_answers_are_remembered_until_there_is_another_authorizer() {
    let remembering = Authorizer { cache_max: 10, ..authorizer() };
    let router = TestRouter::with(&with(&remembering)).await;
    let mut first = judge(&router).await;
    let topic = "com.example.ask.tick";
    let mut ann = Peer::join_as(&router, "ann", "guest").await;
    let request = publish(&mut ann, topic, "[]").await;
    let question = expect_question(&mut first, "publish", topic).await;
    first.answer(&question, "[true]").await;
    expect_published(&mut ann, request).await;
    drop(first);
    router.wait_until("the authorizer left", |router| router.sessions() == 1).await;
    let request = publish(&mut ann, topic, "[]").await;
    expect_published(&mut ann, request).await;

    let mut second = judge(&router).await;
    let request = publish(&mut ann, topic, "[]").await;
    let question = expect_question(&mut second, "publish", topic).await;
    second.answer(&question, "[false]").await;
    ann.expect_error(MessageCode::Publish, request, NOT_AUTHORIZED).await;
}

#[tokio::test]
async fn in_profile_crossbar_answers_are_remembered_that_say_so() {
    let remembering = Authorizer { cache_max: 10, ..authorizer() };
    let mut config = with(&remembering);
    config.realms[2].rules.profile = Profile::Crossbar;
    let router = TestRouter::with(&config).await;
    let mut judge = Peer::connect_as(&router, "judge", "backend");
    judge.hello(RELAXED).await;
    judge.register("com.example.authorize").await;
    let mut guest = Peer::join_realm(&router, "guest", RAW_JSON, RELAXED).await;
    for answer in ["[true]", r#"[{"allow":true}]"#, r#"[{"allow":true,"cache":true}]"#] {
        let request = publish(&mut guest, "com.example.ask.tick", "[]").await;
        let question = expect_question(&mut judge, "publish", "com.example.ask.tick").await;
        judge.answer(&question, answer).await;
        expect_published(&mut guest, request).await;
    }
    guest.publish_acknowledged("com.example.ask.tick", "[]").await;
}

#[tokio::test]
async fn authz_02_the_authorizer_is_not_asked_about_itself() {
    let router = start().await;
    let mut judge = Peer::join(&router, "judge").await;
    judge.register("com.example.authorize").await;
    let request = publish(&mut judge, "com.example.ask.tick", "[]").await;
    judge.expect_error(MessageCode::Publish, request, NOT_AUTHORIZED).await;
    let call = judge.call("wamp.session.count", "").await;
    judge.expect_error(MessageCode::Call, call, NOT_AUTHORIZED).await;
    judge.expect_silence().await;
}

#[tokio::test]
async fn authz_02_the_authorizer_may_be_in_another_realm() {
    let elsewhere = Authorizer { realm: Some(OTHER.to_owned()), ..authorizer() };
    let router = TestRouter::with(&with(&elsewhere)).await;
    let mut judge = Peer::connect_as(&router, "judge", "backend");
    judge.hello(OTHER).await;
    judge.register("com.example.authorize").await;
    let mut guest = Peer::join(&router, "guest").await;
    let request = publish(&mut guest, "com.example.ask.tick", "[]").await;
    let question = expect_question(&mut judge, "publish", "com.example.ask.tick").await;
    judge.answer(&question, "[true]").await;
    expect_published(&mut guest, request).await;
}

/// Conformance: CID-03
#[tokio::test]
async fn pid_02_disclosure_that_the_authorizer_refuses_is_refused() {
    let router = start().await;
    let mut judge = judge(&router).await;
    let mut bob = Peer::join_as(&router, "bob", "backend").await;
    let subscription = bob.subscribe("com.example.ask.tick").await;
    bob.register("com.example.ask.add").await;
    let mut guest = Peer::join(&router, "guest").await;
    let request = guest.next_request();
    guest
        .send(&format!(r#"[16,{request},{{"acknowledge":true,"disclose_me":true}},"com.example.ask.tick"]"#))
        .await;
    let (question, options) =
        expect_question_with_options(&mut judge, "publish", "com.example.ask.tick").await;
    assert_eq!(options.get("disclose_me"), Some(&true.into()));
    judge.answer(&question, r#"[{"allow":true,"disclose":false}]"#).await;
    guest.expect_error(MessageCode::Publish, request, OPTION_DISALLOWED_DISCLOSE_ME).await;
    let call = guest.call_with(r#"{"disclose_me":true}"#, r#""com.example.ask.add""#).await;
    let question = expect_question(&mut judge, "call", "com.example.ask.add").await;
    judge.answer(&question, r#"[{"allow":true,"disclose":false}]"#).await;
    guest.expect_error(MessageCode::Call, call, OPTION_DISALLOWED_DISCLOSE_ME).await;
    bob.expect_silence().await;

    let request = publish(&mut guest, "com.example.ask.tick", "[1]").await;
    let question = expect_question(&mut judge, "publish", "com.example.ask.tick").await;
    judge.answer(&question, r#"[{"allow":true,"disclose":true}]"#).await;
    expect_published(&mut guest, request).await;
    let [_, _] = bob.expect(&format!(r#"[36,{subscription},#,{{"publisher":#,"publisher_authid":"…"#)).await;
}

/// Conformance: URI-05, R2R-02
#[tokio::test]
async fn authz_01_what_routers_alone_may_say_cannot_be_forged() {
    let router = start().await;
    let mut judge = judge(&router).await;
    let mut bob = Peer::join_as(&router, "bob", "backend").await;
    let subscription = bob.subscribe("com.example.ask.tick").await;
    bob.register("com.example.ask.add").await;
    let mut guest = Peer::join(&router, "guest").await;
    let forged = r#""forward_for":[{"session":1,"authid":"root","authrole":"backend"}],"publisher":1,"publisher_authid":"root","caller":1,"caller_authid":"root","caller_authrole":"backend","trustlevel":9,"authrole":"backend""#;
    let request = guest.next_request();
    guest
        .send(&format!(r#"[16,{request},{{"acknowledge":true,{forged}}},"com.example.ask.tick",[1]]"#))
        .await;
    let (question, options) =
        expect_question_with_options(&mut judge, "publish", "com.example.ask.tick").await;
    assert_eq!(options, Value::Dict(vec![("acknowledge".to_owned(), true.into())]));
    let (args, _) = question.payload.values().expect("values");
    assert_eq!(args[0].get("authrole").and_then(Value::as_str), Some("guest"));
    judge.answer(&question, "[true]").await;
    expect_published(&mut guest, request).await;
    let [_] = bob.expect(&event(subscription, "[1]")).await;
    let call = guest.call_with(&format!("{{{forged}}}"), r#""com.example.ask.add",[2]"#).await;
    let (question, options) = expect_question_with_options(&mut judge, "call", "com.example.ask.add").await;
    assert_eq!(options, Value::Dict(Vec::new()));
    judge.answer(&question, "[true]").await;
    let [_, _] = bob.expect("[68,#,#,{},[2]]").await;
    assert!(call > 0);

    // Nobody is asked about what nobody may.
    let request = publish(&mut guest, "wamp.session.on_join", "[]").await;
    guest.expect_error(MessageCode::Publish, request, INVALID_URI).await;
    let request = guest.next_request();
    guest.send(&format!(r#"[64,{request},{{}},"wamp.trunkline.authorizer.flush"]"#)).await;
    guest.expect_error(MessageCode::Register, request, INVALID_URI).await;
    judge.expect_silence().await;
}

#[tokio::test]
async fn his_08_the_authorizer_decides_who_looks_up_past_events() {
    let mut config = with(&authorizer());
    config.realms[0].rules.event_history = vec![EventHistory {
        uri: ASK.to_owned(),
        match_policy: MatchPolicy::Prefix,
        limit: 10,
        max_bytes: 1 << 16,
        max_age: None,
    }];
    let router = TestRouter::with(&config).await;
    let mut judge = judge(&router).await;
    judge.publish("com.example.ask.tick", "[1]").await;
    let lookup = judge.call("wamp.subscription.lookup", r#"["com.example.ask.",{"match":"prefix"}]"#).await;
    let [history] = judge.expect(&format!("[50,{lookup},{{}},[#]]")).await;
    let mut guest = Peer::join(&router, "guest").await;
    for (allow, is_given) in [("false", false), ("true", true)] {
        let call = guest.call("wamp.subscription.get_events", &format!("[{history}]")).await;
        let question = expect_question(&mut judge, "call", "wamp.subscription.get_events").await;
        judge.answer(&question, "[true]").await;
        let (question, options) = expect_question_with_options(&mut judge, "subscribe", ASK).await;
        assert_eq!(options, Value::Dict(vec![("match".to_owned(), "prefix".into())]));
        judge.answer(&question, &format!("[{allow}]")).await;
        if is_given {
            let result = guest.expect_result(call).await;
            assert_eq!(result.payload.values().expect("values").0.len(), 1);
        } else {
            guest.expect_error(MessageCode::Call, call, NOT_AUTHORIZED).await;
        }
    }
}

#[tokio::test]
async fn ret_03_the_authorizer_decides_who_gets_retained_events() {
    let router = start().await;
    let mut judge = judge(&router).await;
    let request = judge.next_request();
    judge.send(&format!(r#"[16,{request},{{"retain":true}},"com.example.ask.tick",[1]]"#)).await;
    let mut guest = Peer::join(&router, "guest").await;
    for allow in ["false", "true"] {
        let request = guest.next_request();
        guest.send(&format!(r#"[32,{request},{{"get_retained":true}},"com.example.ask.tick"]"#)).await;
        let (question, options) =
            expect_question_with_options(&mut judge, "subscribe", "com.example.ask.tick").await;
        assert_eq!(options.get("get_retained"), Some(&true.into()));
        judge.answer(&question, &format!("[{allow}]")).await;
        if allow == "false" {
            guest.expect_error(MessageCode::Subscribe, request, NOT_AUTHORIZED).await;
        } else {
            let [subscription] = guest.expect(&format!("[33,{request},#]")).await;
            let [_] = guest.expect(&format!(r#"[36,{subscription},#,{{"retained":true}},[1]]"#)).await;
        }
    }
    guest.expect_silence().await;
}

#[tokio::test]
async fn tst_05_the_authorizer_decides_about_a_testament_when_it_is_added() {
    let router = start().await;
    let mut judge = judge(&router).await;
    let mut bob = Peer::join_as(&router, "bob", "backend").await;
    let subscription = bob.subscribe("com.example.ask.gone").await;
    let mut guest = Peer::join(&router, "guest").await;
    for (what, allow) in [("denied", false), ("allowed", true)] {
        let arguments = format!(r#"["com.example.ask.gone",["{what}"],{{}},{{"retain":true}}]"#);
        let call = guest.call("wamp.session.add_testament", &arguments).await;
        let question = expect_question(&mut judge, "call", "wamp.session.add_testament").await;
        judge.answer(&question, "[true]").await;
        let (question, options) =
            expect_question_with_options(&mut judge, "publish", "com.example.ask.gone").await;
        assert_eq!(options, Value::Dict(vec![("retain".to_owned(), true.into())]));
        judge.answer(&question, &format!("[{allow}]")).await;
        if allow {
            guest.expect_result(call).await;
        } else {
            guest.expect_error(MessageCode::Call, call, NOT_AUTHORIZED).await;
        }
    }
    drop(judge);
    drop(guest);
    let [_] = bob.expect(&event(subscription, r#"["allowed"]"#)).await;
    bob.expect_silence().await;
}
