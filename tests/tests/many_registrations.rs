//! The meta API beside 100,000 registrations.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a helper fails the test that uses it")]

use bytes::Bytes;
use trunkline::config::{Config, Limits, Realm};
use trunkline::{InProcess, Router};
use wamp_proto::{DecodeRules, Message, SerializerId, Value, decode};

const REGISTRATIONS: u64 = 100_000;

fn ask(peer: &mut InProcess, message: &str) -> Message {
    peer.send(&Bytes::copy_from_slice(message.as_bytes())).expect("an open session");
    let frame = peer.try_receive().expect("an answer");
    decode(SerializerId::Json, &frame, &DecodeRules::default()).expect("a message")
}

fn join(router: &std::sync::Arc<Router>) -> InProcess {
    let mut peer = router.connect(SerializerId::Json);
    let welcome = ask(&mut peer, r#"[1,"realm1",{"roles":{"caller":{},"callee":{}}}]"#);
    assert!(matches!(welcome, Message::Welcome(_)), "{welcome:?}");
    peer
}

fn result(peer: &mut InProcess, request: u64, procedure: &str, arguments: &str) -> Vec<Value> {
    match ask(peer, &format!(r#"[48,{request},{{}},"wamp.registration.{procedure}",{arguments}]"#)) {
        Message::CallResult(result) => result.payload.values().expect("values").0,
        other => panic!("{procedure}: {other:?}"),
    }
}

/// Conformance: META-REG-05, META-REG-06
#[test]
fn meta_reg_04_a_hundred_thousand_registrations_are_listed_whole() {
    let registrations_max = usize::try_from(REGISTRATIONS).unwrap();
    let limits = Limits { registrations_max, ..Limits::default() };
    let router = Router::new(&Config { limits, realms: vec![Realm::open("realm1")], ..Config::default() });
    let mut callee = join(&router);
    for request in 1..=REGISTRATIONS {
        let answer = ask(&mut callee, &format!(r#"[64,{request},{{}},"com.example.p{request}"]"#));
        assert!(matches!(answer, Message::Registered(_)), "{answer:?}");
    }

    let mut caller = join(&router);
    let listed = result(&mut caller, 1, "list", "[]");
    let exact = listed.first().and_then(|ids| ids.get("exact")).and_then(Value::as_list).expect("a list");
    assert_eq!(exact.len() as u64, REGISTRATIONS);

    let id = result(&mut caller, 2, "lookup", r#"["com.example.p77777"]"#).remove(0);
    assert_eq!(result(&mut caller, 3, "match", r#"["com.example.p77777"]"#), std::slice::from_ref(&id));
    let id = id.as_u64().expect("an ID");
    let described = result(&mut caller, 4, "get", &format!("[{id}]")).remove(0);
    assert_eq!(described.get("uri").and_then(Value::as_str), Some("com.example.p77777"));
    assert_eq!(result(&mut caller, 5, "count_callees", &format!("[{id}]")), [Value::from(1)]);
}
