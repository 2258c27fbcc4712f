//! Sessions without IO: what goes out for what comes in, octet by octet.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a helper fails the test that uses it")]

use std::sync::{Arc, Weak};

use bytes::Bytes;
use futures_util::FutureExt as _;
use tokio::sync::{oneshot, watch};
use wamp_proto::dict::{
    BrokerRole, CallOptions, DealerFeatures, DealerRole, Dict, RouterRoles, SubscribeOptions,
};
use wamp_proto::message::Welcome;
use wamp_proto::{ClientSession, Message, Payload, SerializerId, SessionId};

use super::{Session, Standing, Terms};
use crate::client::Shared;
use crate::command::{Answer, Command, Key, NewCall, NewProcedure, NewSubscriber, Outcome};
use crate::error::Error;
use crate::event::{EventReceiver, buffer};
use crate::invocation::{Invocation, Run};
use crate::payload_queue::payload_queue;
use crate::state::{Ended, State};

/// A session, and the handles that keep its client alive.
struct Scene {
    session: Option<Session>,
    shared: Arc<Shared>,
}

type Answered<T> = oneshot::Receiver<Result<T, Error>>;

impl Scene {
    fn new() -> Self {
        let (_, state) = watch::channel(State::Connecting);
        let (shared, _) = Shared::new(SerializerId::Json, 64, state);
        let mut scene = Self { session: None, shared };
        scene.begin(Standing::default());
        scene
    }

    fn begin(&mut self, standing: Standing) {
        self.begin_with(standing, 1000);
    }

    fn begin_with(&mut self, standing: Standing, send_max_bytes: usize) {
        let mut protocol = ClientSession::new();
        let features = DealerFeatures {
            call_canceling: Some(true),
            progressive_call_invocations: Some(true),
            ..DealerFeatures::default()
        };
        let dealer = DealerRole { features: Some(features.into()), ..DealerRole::default() };
        let roles = RouterRoles {
            dealer: Some(dealer.into()),
            broker: Some(BrokerRole::default().into()),
            ..RouterRoles::default()
        };
        let session = SessionId::new(7).unwrap();
        let welcome = Welcome { session, details: Dict::new() };
        protocol.receive(Message::Welcome(welcome)).unwrap();
        let terms = Terms { serializer: SerializerId::Json, send_max_bytes, send_max_depth: 4 };
        let shared: Weak<Shared> = Arc::downgrade(&self.shared);
        self.session = Some(Session::new(protocol, terms, roles.into(), standing, shared));
    }

    /// Another session takes the place of this one.
    fn begin_again(&mut self) {
        let standing = self.session.take().unwrap().end(&Error::Disconnected);
        self.begin(standing);
    }

    fn session(&mut self) -> &mut Session {
        self.session.as_mut().unwrap()
    }

    /// The router says that.
    fn hear(&mut self, message: &str) -> Result<(), Ended> {
        self.session().receive(&Bytes::copy_from_slice(message.as_bytes()))
    }

    /// Exactly this was said since one asked last.
    #[track_caller]
    fn said(&mut self, expected: &[&str]) {
        let said = self.session().outgoing().drain(..);
        let said: Vec<_> = said.map(|body| String::from_utf8(body.to_vec()).unwrap()).collect();
        assert_eq!(said, expected);
    }

    fn subscribe(&mut self, key: Key, topic: &str) -> (EventReceiver, Answered<()>) {
        self.subscribe_with(key, topic, SubscribeOptions::default())
    }

    fn subscribe_with(
        &mut self,
        key: Key,
        topic: &str,
        options: SubscribeOptions,
    ) -> (EventReceiver, Answered<()>) {
        let (events, receiver) = buffer(8);
        let (ready, answer) = oneshot::channel();
        let options = if options == SubscribeOptions::default() { Dict::new() } else { options.into() };
        let subscriber = NewSubscriber { key, topic: topic.into(), options, events, ready };
        self.session().command(Command::Subscribe(Box::new(subscriber)));
        (receiver, answer)
    }

    fn unsubscribe(&mut self, subscriber: Key) -> Answered<()> {
        let (done, answer) = oneshot::channel();
        self.session().command(Command::Unsubscribe { subscriber, done: Some(done) });
        answer
    }

    fn register(&mut self, key: Key, procedure: &str) -> Answered<()> {
        let (ready, answer) = oneshot::channel();
        let handler = Arc::new(|_: Invocation| -> futures_util::future::BoxFuture<'static, _> {
            Box::pin(std::future::ready(Ok(Payload::EMPTY)))
        });
        let run =
            Run { procedure: procedure.into(), handler, places: None, minds_timeout: false, passthru: None };
        let options = Dict::new();
        let procedure = NewProcedure { key, procedure: procedure.into(), options, run, ready };
        self.session().command(Command::Register(Box::new(procedure)));
        answer
    }

    fn call(&mut self, key: Key, procedure: &str, payload: Payload) -> Answered<Outcome> {
        let (answer, receiver) = oneshot::channel();
        let (procedure, options) = (procedure.into(), Dict::new());
        let call = NewCall { key, procedure, options, payload, answer, passthru: None, progress: None };
        self.session().command(Command::Call(Box::new(call)));
        receiver
    }
}

/// What an answer is, if it is there.
fn answered<T>(answer: &mut Answered<T>) -> Option<Result<T, Error>> {
    answer.try_recv().ok()
}

#[test]
fn sub_03_unsubscribe_goes_out_with_the_last_subscriber() {
    let mut scene = Scene::new();
    let (_first, mut ready) = scene.subscribe(1, "com.example.tick");
    scene.said(&[r#"[32,1,{},"com.example.tick"]"#]);
    assert_eq!(answered(&mut ready), None);
    scene.hear("[33,1,5]").unwrap();
    assert_eq!(answered(&mut ready), Some(Ok(())));
    let (_second, mut ready) = scene.subscribe(2, "com.example.tick");
    scene.said(&[]);
    assert_eq!(answered(&mut ready), Some(Ok(())));
    assert_eq!(answered(&mut scene.unsubscribe(1)), Some(Ok(())));
    scene.said(&[]);
    let mut done = scene.unsubscribe(2);
    scene.said(&["[34,2,5]"]);
    assert_eq!(answered(&mut done), None);
    scene.hear("[35,2]").unwrap();
    assert_eq!(answered(&mut done), Some(Ok(())));
}

#[test]
fn sub_03_a_subscriber_that_is_about_to_come_keeps_the_subscription() {
    let mut scene = Scene::new();
    let (_first, mut first) = scene.subscribe(1, "com.example.tick");
    let (_second, mut second) = scene.subscribe(2, "com.example.tick");
    scene.said(&[r#"[32,1,{},"com.example.tick"]"#, r#"[32,2,{},"com.example.tick"]"#]);
    scene.hear("[33,1,5]").unwrap();
    assert_eq!((answered(&mut first), answered(&mut second)), (Some(Ok(())), None));
    // The router has subscribed the second by now: UNSUBSCRIBE would take its subscription too.
    assert_eq!(answered(&mut scene.unsubscribe(1)), Some(Ok(())));
    scene.said(&[]);
    scene.hear("[33,2,5]").unwrap();
    assert_eq!(answered(&mut second), Some(Ok(())));
    scene.unsubscribe(2);
    scene.said(&["[34,3,5]"]);
}

#[test]
fn sub_05_a_subscriber_that_goes_before_the_router_answers_leaves_nothing_behind() {
    let mut scene = Scene::new();
    drop(scene.subscribe(1, "com.example.tick"));
    scene.unsubscribe(1);
    scene.said(&[r#"[32,1,{},"com.example.tick"]"#]);
    scene.hear("[33,1,5]").unwrap();
    scene.said(&["[34,2,5]"]);
    // In flight, and nobody's.
    scene.hear(r#"[36,5,9,{},[1]]"#).unwrap();
    drop(scene.register(3, "com.example.add"));
    scene.session().command(Command::Unregister { procedure: 3, done: None });
    scene.said(&[r#"[64,3,{},"com.example.add"]"#]);
    scene.hear("[65,3,6]").unwrap();
    scene.said(&["[66,4,6]"]);
}

#[test]
fn the_next_session_has_what_the_last_one_had() {
    let mut scene = Scene::new();
    let (_tick, _) = scene.subscribe(1, "com.example.tick");
    let retained = SubscribeOptions { get_retained: Some(true), ..SubscribeOptions::default() };
    let (_kept, _) = scene.subscribe_with(2, "com.example.kept", retained.clone());
    let _answers = (scene.register(3, "com.example.a"), scene.register(4, "com.example.b"));
    for answer in ["[33,1,5]", "[33,2,6]", "[65,3,7]", "[65,4,8]"] {
        scene.hear(answer).unwrap();
    }
    let mut call = scene.call(5, "com.example.c", Payload::EMPTY);
    // Not answered yet: it still wants the retained event.
    let (_late, mut late) = scene.subscribe_with(6, "com.example.late", retained);
    scene.begin_again();
    assert_eq!(answered(&mut call), Some(Err(Error::Disconnected)));
    let mut said: Vec<_> = scene.session().outgoing().drain(..).map(|body| body.to_vec()).collect();
    // Topics come in any order, procedures in that in which they were registered.
    let mut topics: Vec<_> =
        said.drain(..3).map(|body| String::from_utf8(body).unwrap().split_off(6)).collect();
    topics.sort();
    assert_eq!(
        topics,
        [
            r#"{"get_retained":true},"com.example.late"]"#,
            r#"{},"com.example.kept"]"#,
            r#"{},"com.example.tick"]"#
        ]
    );
    let procedures: Vec<_> = said.into_iter().map(|body| String::from_utf8(body).unwrap()).collect();
    assert_eq!(procedures, [r#"[64,4,{},"com.example.a"]"#, r#"[64,5,{},"com.example.b"]"#]);
    for answer in ["[33,1,15]", "[33,2,16]", "[33,3,17]"] {
        scene.hear(answer).unwrap();
    }
    assert_eq!(answered(&mut late), Some(Ok(())));
    // The router still has an earlier session of this client.
    scene.hear(r#"[8,64,4,{},"wamp.error.procedure_already_exists"]"#).unwrap();
    assert!(scene.session().is_to_restore());
    scene.session().restore();
    scene.said(&[r#"[64,6,{},"com.example.a"]"#]);
    assert!(!scene.session().is_to_restore());
}

#[test]
fn what_the_next_router_takes_no_more_keeps_nobody_waiting() {
    let mut scene = Scene::new();
    let (_tick, _) = scene.subscribe(1, "com.example.tick");
    let _answer = scene.register(2, "com.example.a");
    scene.hear("[33,1,5]").unwrap();
    scene.hear("[65,2,6]").unwrap();
    let standing = scene.session.take().unwrap().end(&Error::Disconnected);
    scene.begin_with(standing, 20);
    scene.said(&[]);
    assert!(!scene.session().is_restoring());
    assert!(scene.session().is_to_restore());
    scene.begin_again();
    scene.said(&[r#"[32,1,{},"com.example.tick"]"#, r#"[64,2,{},"com.example.a"]"#]);
}

#[test]
fn srv_02_rrv_02_what_the_router_takes_back_is_gone_and_not_answered() {
    let mut scene = Scene::new();
    let (_tick, _) = scene.subscribe(1, "com.example.tick");
    let _answer = scene.register(2, "com.example.a");
    scene.hear("[33,1,5]").unwrap();
    scene.hear("[65,2,6]").unwrap();
    scene.session().outgoing().clear();
    scene.hear(r#"[35,0,{"subscription":5,"reason":"com.example.because"}]"#).unwrap();
    scene.hear(r#"[67,0,{"registration":6}]"#).unwrap();
    scene.hear(r#"[35,0,{"subscription":99}]"#).unwrap();
    scene.said(&[]);
    scene.begin_again();
    scene.said(&[]);
}

#[test]
fn id_04_a_request_that_is_not_sent_takes_no_id() {
    let mut scene = Scene::new();
    let long = Payload::new(SerializerId::Json, &["x".repeat(1000).into()], &[]);
    let mut call = scene.call(1, "com.example.a", long);
    assert_eq!(answered(&mut call), Some(Err(Error::TooLarge { octets: 1030, limit: 1000 })));
    let _call = scene.call(2, "com.example.a", Payload::EMPTY);
    scene.said(&[r#"[48,1,{},"com.example.a"]"#]);
}

#[tokio::test]
async fn rpc_12_pci_13_an_invocation_is_answered_once_whatever_it_is_for() {
    let mut scene = Scene::new();
    scene.hear(r#"[68,1,99,{}]"#).unwrap();
    scene.said(&[r#"[8,68,1,{},"wamp.error.unavailable"]"#]);
    let _answer = scene.register(1, "com.example.a");
    scene.hear("[65,1,6]").unwrap();
    scene.session().outgoing().clear();
    // Its first part is answered; the parts behind it are ignored.
    scene.hear(r#"[68,2,6,{"progress":true}]"#).unwrap();
    assert_eq!(scene.session().take_work().count(), 1);
    let token = scene.session().invocations.token;
    let answer = || Answer::Final(Ok(Payload::EMPTY));
    scene.session().command(Command::Answer {
        token,
        request: wamp_proto::RequestId::new(2).unwrap(),
        answer: answer(),
    });
    scene.said(&["[70,2,{}]"]);
    scene.hear(r#"[68,2,6,{"progress":true}]"#).unwrap();
    scene.hear(r#"[68,2,6,{}]"#).unwrap();
    assert_eq!(scene.session().take_work().count(), 0);
    // A late answer, or one to an earlier session, is nobody's.
    scene.session().command(Command::Answer {
        token,
        request: wamp_proto::RequestId::new(2).unwrap(),
        answer: answer(),
    });
    scene.hear(r#"[68,3,6,{}]"#).unwrap();
    let earlier = Command::Answer {
        token: token + 1,
        request: wamp_proto::RequestId::new(3).unwrap(),
        answer: answer(),
    };
    scene.session().command(earlier);
    scene.said(&[]);
}

/// Conformance: PCI-01
#[tokio::test]
async fn pci_01_parts_that_come_faster_than_they_are_taken_end_the_call_and_no_session() {
    let mut scene = Scene::new();
    let _answer = scene.register(1, "com.example.a");
    scene.hear("[65,1,6]").unwrap();
    scene.session().outgoing().clear();
    let long = "x".repeat(9 << 20);
    let part = format!(r#"[68,2,6,{{"progress":true}},["{long}"]]"#);
    // The first one is with the procedure, one of that length waits, and there is no room for two.
    scene.hear(&part).unwrap();
    let running: Vec<_> = scene.session().take_work().collect();
    scene.hear(&part).unwrap();
    scene.said(&[]);
    scene.hear(&part).unwrap();
    scene.said(&[r#"[8,68,2,{},"wamp.error.unavailable",["the parts come too fast"]]"#]);
    drop(running);
    scene.hear(r#"[68,2,6,{}]"#).unwrap();
    scene.said(&[]);
}

#[test]
fn a_caller_that_takes_progressive_results_too_slowly_is_told_and_its_call_canceled() {
    let mut scene = Scene::new();
    let (answer, mut answered_with) = oneshot::channel();
    let (progress, mut results) = payload_queue(1);
    let (procedure, payload, progress) = ("com.example.a".into(), Payload::EMPTY, Some(progress));
    let call = NewCall { key: 1, procedure, options: Dict::new(), payload, answer, passthru: None, progress };
    scene.session().command(Command::Call(Box::new(call)));
    scene.said(&[r#"[48,1,{},"com.example.a"]"#]);
    scene.hear(r#"[50,1,{"progress":true},[1]]"#).unwrap();
    assert_eq!(answered(&mut answered_with), None);
    scene.hear(r#"[50,1,{"progress":true},[2]]"#).unwrap();
    assert_eq!(answered(&mut answered_with), Some(Err(Error::Overrun)));
    scene.said(&[r#"[49,1,{"mode":"killnowait"}]"#]);
    assert!(results.try_recv().is_some() && results.try_recv().is_none());
    // What is still under way is nobody's.
    scene.hear(r#"[50,1,{"progress":true},[3]]"#).unwrap();
    scene.hear(r#"[8,48,1,{},"wamp.error.canceled"]"#).unwrap();
}

/// Conformance: CAN-08
#[test]
fn pci_10_nothing_is_sent_for_a_call_behind_its_last_part_or_behind_cancel() {
    let mut scene = Scene::new();
    for key in [1, 2] {
        let (answer, _answered) = oneshot::channel();
        let options = CallOptions { progress: Some(true), ..CallOptions::default() }.into();
        let (procedure, payload) = ("com.example.a".into(), Payload::EMPTY);
        let call = NewCall { key, procedure, options, payload, answer, passthru: None, progress: None };
        scene.session().command(Command::Call(Box::new(call)));
        scene.said(&[&format!(r#"[48,{key},{{"progress":true}},"com.example.a"]"#)]);
    }
    let chunk = |call, is_last| Command::Chunk { call, payload: Payload::EMPTY, is_last };
    scene.session().command(chunk(1, true));
    scene.said(&[r#"[48,1,{},"com.example.a"]"#]);
    scene.session().command(chunk(1, true));
    scene.session().command(chunk(1, false));
    scene.said(&[]);
    // Its results and its sink are dropped one after the other.
    scene.session().command(Command::Cancel { call: 2 });
    scene.said(&[r#"[49,2,{"mode":"killnowait"}]"#]);
    scene.session().command(chunk(2, false));
    scene.session().command(Command::Cancel { call: 2 });
    scene.said(&[]);
    scene.hear(r#"[8,48,2,{},"wamp.error.canceled"]"#).unwrap();
    scene.hear("[50,1,{}]").unwrap();
}

#[test]
fn a_procedure_that_is_taken_back_while_it_is_registered_again_is_gone_when_the_router_says_so() {
    let mut scene = Scene::new();
    let _ready = scene.register(1, "com.example.a");
    scene.hear("[65,1,5]").unwrap();
    for answer in ["[65,1,6]", r#"[8,64,1,{},"wamp.error.procedure_already_exists"]"#] {
        scene.begin_again();
        let (done, mut taken_back) = oneshot::channel();
        scene.said(&[r#"[64,1,{},"com.example.a"]"#]);
        scene.session().command(Command::Unregister { procedure: 1, done: Some(done) });
        scene.said(&[]);
        assert_eq!(answered(&mut taken_back), None);
        scene.hear(answer).unwrap();
        if answer.starts_with("[65") {
            scene.said(&["[66,2,6]"]);
            assert_eq!(answered(&mut taken_back), None);
            scene.hear("[67,2]").unwrap();
        }
        assert_eq!(answered(&mut taken_back), Some(Ok(())));
        assert!(!scene.session().is_to_restore());
        let _ready = scene.register(1, "com.example.a");
        scene.session().outgoing().clear();
    }
}

#[test]
fn ses_08_what_the_router_refused_to_restore_is_not_asked_for_behind_goodbye() {
    let mut scene = Scene::new();
    let (_tick, _ready) = scene.subscribe(1, "com.example.tick");
    scene.hear("[33,1,5]").unwrap();
    scene.begin_again();
    scene.said(&[r#"[32,1,{},"com.example.tick"]"#]);
    scene.hear(r#"[8,32,1,{},"wamp.error.not_authorized"]"#).unwrap();
    assert!(scene.session().is_to_restore());
    scene.session().leave();
    scene.session().say_goodbye(false);
    scene.said(&[r#"[6,{},"wamp.close.close_realm"]"#]);
    scene.session().restore();
    scene.said(&[]);
}

#[test]
fn ret_02_retained_events_are_for_those_who_asked_for_them() {
    let mut scene = Scene::new();
    let (mut plain, _ready) = scene.subscribe(1, "com.example.tick");
    scene.hear("[33,1,5]").unwrap();
    let options = SubscribeOptions { get_retained: Some(true), ..SubscribeOptions::default() };
    let (mut asking, _ready) = scene.subscribe_with(2, "com.example.tick", options);
    scene.hear("[33,2,5]").unwrap();
    scene.hear(r#"[36,5,8,{"retained":true},[1]]"#).unwrap();
    scene.hear("[36,5,9,{},[2]]").unwrap();
    let topic = "com.example.tick".into();
    let next = |events: &mut EventReceiver| {
        let event = std::future::poll_fn(|cx| events.poll_next::<u64>(cx, &topic)).now_or_never();
        event.flatten().map(|event| event.unwrap().args)
    };
    assert_eq!([next(&mut plain), next(&mut plain)], [Some(2), None]);
    assert_eq!([next(&mut asking), next(&mut asking), next(&mut asking)], [Some(1), Some(2), None]);
}

#[test]
fn ses_07_goodbye_is_answered_and_pv_08_a_violation_aborted() {
    let mut scene = Scene::new();
    let _call = scene.call(1, "com.example.a", Payload::EMPTY);
    let ended = scene.hear(r#"[6,{},"wamp.close.system_shutdown"]"#).unwrap_err();
    assert!(matches!(ended, Ended::Goodbye(reason) if reason.uri() == "wamp.close.system_shutdown"));
    scene.said(&[r#"[6,{},"wamp.close.goodbye_and_out"]"#]);

    let mut scene = Scene::new();
    let _call = scene.call(1, "com.example.a", Payload::EMPTY);
    assert!(matches!(scene.hear("[2,7,{}]").unwrap_err(), Ended::Protocol(_)));
    let out: Vec<_> = scene.session().outgoing().drain(..).collect();
    let [abort] = &*out else { panic!("{out:?}") };
    assert!(String::from_utf8_lossy(abort).contains("wamp.error.protocol_violation"));
}
