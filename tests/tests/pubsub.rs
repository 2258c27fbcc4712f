//! Publish & Subscribe.

use bytes::Bytes;
use trunkline_tests::{Peer, RELAXED, TestRouter, Transport, Via, event};
use wamp_proto::error_uri::{INVALID_URI, NO_SUCH_SUBSCRIPTION, PROTOCOL_VIOLATION};
use wamp_proto::{DecodeRules, Message, MessageCode, SerializerId, decode};

const RAW_JSON: Via = Via(Transport::RawSocket, SerializerId::Json);

/// Text, numbers, octets and nesting, as args and kwargs.
const PAYLOAD: &str = include_str!("../interop/payload.json");

#[tokio::test]
async fn sub_01_subscribe_gets_exactly_one_answer() {
    let router = TestRouter::start().await;
    for via in Via::sockets() {
        let mut alice = Peer::join_via(&router, "alice", via).await;
        alice.send(r#"[32,1,{},"com.example.tick"]"#).await;
        let [tick] = alice.expect("[33,1,#]").await;
        assert!((1..=1 << 53).contains(&tick));
        alice.send(r#"[32,2,{},"com..tick"]"#).await;
        let refusal = alice.expect_error(MessageCode::Subscribe, 2, INVALID_URI).await;
        assert!(refusal.details.is_empty());
        alice.expect_silence().await;
    }
}

/// Conformance: SUB-06
#[tokio::test]
async fn sub_02_subscribing_again_gives_the_same_subscription_and_one_event() {
    let router = TestRouter::start().await;
    let mut bob = Peer::join(&router, "bob").await;
    for via in Via::serializers() {
        let mut alice = Peer::join_via(&router, "alice", via).await;
        let tick = alice.subscribe("com.example.tick").await;
        for _ in 0..3 {
            assert_eq!(alice.subscribe("com.example.tick").await, tick);
        }
        let publication = bob.publish_acknowledged("com.example.tick", "[7]").await;
        assert_eq!(alice.expect(&event(tick, "[7]")).await, [publication]);
        alice.expect_silence().await;
        // One UNSUBSCRIBE ends it.
        alice.unsubscribe(tick).await;
        bob.publish_acknowledged("com.example.tick", "[8]").await;
        alice.expect_silence().await;
    }
}

#[tokio::test]
async fn sub_04_unsubscribe_is_for_subscriptions_that_the_session_holds() {
    let router = TestRouter::start().await;
    let mut bob = Peer::join(&router, "bob").await;
    let tick = bob.subscribe("com.example.tick").await;
    for via in Via::serializers() {
        let mut alice = Peer::join_via(&router, "alice", via).await;
        // Bob's, nobody's, and one given up before.
        alice.send(&format!("[34,1,{tick}]")).await;
        alice.expect_error(MessageCode::Unsubscribe, 1, NO_SUCH_SUBSCRIPTION).await;
        alice.send("[34,2,77]").await;
        alice.expect_error(MessageCode::Unsubscribe, 2, NO_SUCH_SUBSCRIPTION).await;
        alice.send(r#"[32,3,{},"com.example.tock"]"#).await;
        let [tock] = alice.expect("[33,3,#]").await;
        alice.send(&format!("[34,4,{tock}]")).await;
        alice.expect_message("[35,4]").await;
        alice.send(&format!("[34,5,{tock}]")).await;
        alice.expect_error(MessageCode::Unsubscribe, 5, NO_SUCH_SUBSCRIPTION).await;
        // Bob keeps his.
        alice.publish("com.example.tick", "").await;
        let [_] = bob.expect(&event(tick, "")).await;
    }
}

#[tokio::test]
async fn sub_05_no_event_comes_after_unsubscribed() {
    let router = TestRouter::start().await;
    let mut bob = Peer::join(&router, "bob").await;
    for via in Via::sockets() {
        let mut alice = Peer::join_via(&router, "alice", via).await;
        let tick = alice.subscribe("com.example.tick").await;
        let tock = alice.subscribe("com.example.tock").await;
        alice.unsubscribe(tick).await;
        bob.publish("com.example.tick", "[1]").await;
        bob.publish("com.example.tock", "[2]").await;
        let [_] = alice.expect(&event(tock, "[2]")).await;
    }
}

/// Conformance: SUB-05, ORD-02
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ord_05_no_event_comes_after_unsubscribed_in_any_interleaving() {
    let router = TestRouter::start().await;
    let mut bob = Peer::join_via(&router, "bob", RAW_JSON).await;
    let mut alice = Peer::join(&router, "alice").await;
    let subscribing = async {
        let mut events = 0;
        for _ in 0..100 {
            let request = alice.next_request();
            alice.send(&format!(r#"[32,{request},{{}},"com.example.tick"]"#)).await;
            // Before SUBSCRIBED there is no EVENT.
            let [tick] = alice.expect(&format!("[33,{request},#]")).await;
            let request = alice.next_request();
            alice.send(&format!("[34,{request},{tick}]")).await;
            while let Message::Event(event) = alice.receive().await {
                assert_eq!(event.subscription.value(), tick);
                events += 1;
            }
            // That was UNSUBSCRIBED; now the answer is the first thing to come.
            alice.expect_silence().await;
        }
        events
    };
    let publishing = async {
        loop {
            bob.publish_acknowledged("com.example.tick", "[7]").await;
        }
    };
    tokio::select! {
        _events = subscribing => {}
        () = publishing => {}
    }
}

#[tokio::test]
async fn pub_01_an_unacknowledged_publish_is_never_answered() {
    let router = TestRouter::start().await;
    for via in Via::sockets() {
        let mut alice = Peer::join_via(&router, "alice", via).await;
        for options in ["{}", r#"{"acknowledge":false}"#] {
            for topic in ["com.example.tick", "com..tick", "wamp.tick"] {
                let request = alice.next_request();
                alice.send(&format!(r#"[16,{request},{options},"{topic}",[7]]"#)).await;
            }
        }
        alice.expect_silence().await;
    }
}

#[tokio::test]
async fn pub_02_an_acknowledged_publish_is_answered_exactly_once() {
    let router = TestRouter::start().await;
    for via in Via::sockets() {
        let mut alice = Peer::join_via(&router, "alice", via).await;
        // Without any subscriber.
        alice.send(r#"[16,1,{"acknowledge":true},"com.example.tick"]"#).await;
        let [publication] = alice.expect("[17,1,#]").await;
        assert!((1..=1 << 53).contains(&publication));
        alice.send(r#"[16,2,{"acknowledge":true},"com..tick"]"#).await;
        let refusal = alice.expect_error(MessageCode::Publish, 2, INVALID_URI).await;
        assert!(refusal.details.is_empty());
        alice.expect_silence().await;
    }
}

/// Conformance: EXC-01
#[tokio::test]
async fn pub_03_the_publisher_does_not_get_its_own_event_unless_it_asks() {
    let router = TestRouter::start().await;
    for via in Via::sockets() {
        let mut alice = Peer::join_via(&router, "alice", via).await;
        let mut bob = Peer::join_via(&router, "bob", via).await;
        let tick = alice.subscribe("com.example.tick").await;
        bob.subscribe("com.example.tick").await;
        for options in ["{}", r#"{"exclude_me":true}"#] {
            let request = alice.next_request();
            alice.send(&format!(r#"[16,{request},{options},"com.example.tick",[1]]"#)).await;
            let [_] = bob.expect(&event(tick, "[1]")).await;
            alice.expect_silence().await;
        }
    }
}

#[tokio::test]
async fn exc_01_exclude_me_false_gives_the_publisher_its_event() {
    let router = TestRouter::start().await;
    for via in Via::sockets() {
        let mut alice = Peer::join_via(&router, "alice", via).await;
        let mut bob = Peer::join_via(&router, "bob", via).await;
        // Not subscribed yet: nothing to get.
        alice.send(r#"[16,1,{"exclude_me":false},"com.example.tick",[0]]"#).await;
        alice.expect_silence().await;
        let tick = alice.subscribe("com.example.tick").await;
        bob.subscribe("com.example.tick").await;
        let request = alice.next_request();
        alice.send(&format!(r#"[16,{request},{{"exclude_me":false}},"com.example.tick",[1]]"#)).await;
        let publication: [u64; 1] = alice.expect(&event(tick, "[1]")).await;
        assert_eq!(bob.expect(&event(tick, "[1]")).await, publication);
    }
}

#[tokio::test]
async fn exc_01_exclude_me_has_to_be_a_boolean() {
    let router = TestRouter::start().await;
    for via in Via::serializers() {
        for value in ["1", "0", r#""false""#, "[]", "null"] {
            let mut mallory = Peer::join_via(&router, "mallory", via).await;
            mallory.send(&format!(r#"[16,1,{{"exclude_me":{value}}},"com.example.tick"]"#)).await;
            mallory.expect_abort(PROTOCOL_VIOLATION).await;
        }
    }
}

/// Conformance: PUB-05
#[tokio::test]
async fn pub_04_events_carry_the_payload_unchanged() {
    let router = TestRouter::start().await;
    for via in Via::sockets() {
        let mut alice = Peer::join_via(&router, "alice", via).await;
        let mut bob = Peer::join_via(&router, "bob", via).await;
        let tick = bob.subscribe("com.example.tick").await;
        // Absent stays absent, empty stays empty.
        for payload in [
            "",
            "[]",
            "[],{}",
            "[1,[2,{\"x\":null}],-1.5,\"\"]",
            r#"[],{"a":1}"#,
            r#"[7],{"b":[true,false]}"#,
        ] {
            alice.publish("com.example.tick", payload).await;
            let [_] = bob.expect(&event(tick, payload)).await;
        }
    }
}

#[tokio::test]
async fn pub_04_equal_serializers_pass_every_octet_through() {
    let router = TestRouter::start().await;
    // Written as no encoder would: spaces, exponents, long forms, indefinite lengths.
    let json: (&[u8], &[u8]) = (
        b"[16,1,{},\"com.example.tick\", [ 1.50 , 1e2,\"\\u0041\" ] , {\"a\" :\t1} ]",
        b"[ 1.50 , 1e2,\"\\u0041\" ] , {\"a\" :\t1}",
    );
    let msgpack: (&[u8], &[u8]) = (
        b"\x95\x10\x01\x80\xb0com.example.tick\xdc\0\x02\xcd\0\x07\xd9\x01x",
        b"\xdc\0\x02\xcd\0\x07\xd9\x01x",
    );
    let cbor: (&[u8], &[u8]) = (
        b"\x85\x10\x01\xa0\x70com.example.tick\x9f\x19\0\x07\x7f\x61x\x61y\xff\xff",
        b"\x9f\x19\0\x07\x7f\x61x\x61y\xff\xff",
    );
    for (serializer, (publish, payload)) in SerializerId::ALL.into_iter().zip([json, msgpack, cbor]) {
        let via = Via(Transport::WebSocket, serializer);
        let mut bob = Peer::join_via(&router, "bob", via).await;
        bob.subscribe("com.example.tick").await;
        let mut alice = Peer::join_via(&router, "alice", via).await;
        alice.send_octets(vec![Bytes::from_static(publish)]).await;
        let event = bob.receive_octets().await.unwrap();
        let is_inside = event.windows(payload.len()).any(|octets| octets == payload);
        assert!(is_inside, "{serializer:?}: {event:?}");
    }
}

/// Conformance: SER-06
#[tokio::test]
async fn ser_01_all_serializers_meet_on_one_realm() {
    let router = TestRouter::start().await;
    let expected = {
        // The file is an object with args and kwargs; a carrier makes its values comparable.
        let carrier = Bytes::from(format!("[70,1,{{}},[{PAYLOAD}]]"));
        let carrier = decode(SerializerId::Json, &carrier, &DecodeRules::default()).unwrap();
        let (values, _) = carrier.payload().unwrap().values().unwrap();
        let args = values[0].get("args").unwrap().clone();
        (args, values[0].get("kwargs").unwrap().clone())
    };
    let (args, kwargs) = {
        let (_, args) = PAYLOAD.split_once("\"args\":").unwrap();
        let (args, kwargs) = args.split_once("\"kwargs\":").unwrap();
        (
            args.trim().trim_end_matches(',').to_owned(),
            kwargs.trim().strip_suffix('}').unwrap().trim().to_owned(),
        )
    };
    for theirs in SerializerId::ALL {
        for ours in SerializerId::ALL {
            let mut bob = Peer::join_via(&router, "bob", Via(Transport::WebSocket, theirs)).await;
            bob.subscribe("com.example.tick").await;
            bob.register("com.example.echo").await;
            let mut alice = Peer::join_via(&router, "alice", Via(Transport::RawSocket, ours)).await;
            alice.publish("com.example.tick", &format!("{args},{kwargs}")).await;
            let event = bob.expect_event().await;
            let (got_args, got_kwargs) = event.payload.values().unwrap();
            assert_eq!(wamp_proto::Value::List(got_args), expected.0, "{ours:?} to {theirs:?}");
            assert_eq!(wamp_proto::Value::Dict(got_kwargs), expected.1, "{ours:?} to {theirs:?}");

            // There and back again.
            let call = alice.call("com.example.echo", &format!("{args},{kwargs}")).await;
            let invocation = bob.expect_invocation().await;
            bob.answer(&invocation, &format!("{args},{kwargs}")).await;
            let result = alice.expect_result(call).await;
            let (got_args, got_kwargs) = result.payload.values().unwrap();
            assert_eq!(wamp_proto::Value::List(got_args), expected.0, "{theirs:?} to {ours:?}");
            assert_eq!(wamp_proto::Value::Dict(got_kwargs), expected.1, "{theirs:?} to {ours:?}");
        }
    }
}

#[tokio::test]
async fn ser_06_octets_and_numbers_are_converted_in_both_directions() {
    let router = TestRouter::start().await;
    let payload_of = |serializer| -> &'static [u8] {
        match serializer {
            // 3 octets, 2^63, 0.5, null, a nested dict.
            SerializerId::Json => br#"["\u0000AQID",9223372036854775808,0.5,null,{"a":{"b":[true]}}]"#,
            SerializerId::MsgPack => {
                b"\x95\xc4\x03\x01\x02\x03\xcf\x80\0\0\0\0\0\0\0\xcb\x3f\xe0\0\0\0\0\0\0\xc0\x81\xa1a\x81\xa1b\x91\xc3"
            }
            SerializerId::Cbor => {
                b"\x85\x43\x01\x02\x03\x1b\x80\0\0\0\0\0\0\0\xf9\x38\0\xf6\xa1\x61a\xa1\x61b\x81\xf5"
            }
        }
    };
    let publish = |serializer| -> Bytes {
        let head: &[u8] = match serializer {
            SerializerId::Json => br#"[16,1,{},"com.example.tick","#,
            SerializerId::MsgPack => b"\x95\x10\x01\x80\xb0com.example.tick",
            SerializerId::Cbor => b"\x85\x10\x01\xa0\x70com.example.tick",
        };
        let tail: &[u8] = if serializer == SerializerId::Json { b"]" } else { b"" };
        [head, payload_of(serializer), tail].concat().into()
    };
    for ours in SerializerId::ALL {
        for theirs in SerializerId::ALL {
            let mut bob = Peer::join_via(&router, "bob", Via(Transport::RawSocket, theirs)).await;
            bob.subscribe("com.example.tick").await;
            let mut alice = Peer::join_via(&router, "alice", Via(Transport::RawSocket, ours)).await;
            alice.send_octets(vec![publish(ours)]).await;
            let event = bob.expect_event().await;
            let (values, _) = event.payload.values().unwrap();
            assert_eq!(values[0], wamp_proto::Value::Bytes(vec![1, 2, 3]), "{ours:?} to {theirs:?}");
            assert_eq!(values[1], wamp_proto::Value::Integer(1 << 63), "{ours:?} to {theirs:?}");
            assert_eq!(values[2], wamp_proto::Value::Float(0.5), "{ours:?} to {theirs:?}");
            if theirs == SerializerId::Json {
                let json = std::str::from_utf8(event.payload.raw()).unwrap();
                assert!(json.starts_with(r#"["\u0000AQID",9223372036854775808,"#), "{json}");
            }
            if theirs == SerializerId::MsgPack {
                assert!(event.payload.raw().starts_with(b"\x95\xc4\x03\x01\x02\x03\xcf\x80"));
            }
            if theirs == SerializerId::Cbor {
                assert!(event.payload.raw().starts_with(b"\x85\x43\x01\x02\x03\x1b\x80"));
            }
        }
    }
}

#[tokio::test]
async fn ord_01_events_of_one_publisher_arrive_in_order_across_topics() {
    let router = TestRouter::start().await;
    for via in Via::sockets() {
        let mut bob = Peer::join_via(&router, "bob", via).await;
        let mut topics = Vec::new();
        for topic in ["com.example.tick", "com.example.tock", "com.example.tack"] {
            topics.push((topic, bob.subscribe(topic).await));
        }
        let mut alice = Peer::join_via(&router, "alice", via).await;
        for number in 0..300 {
            alice.publish(topics[number % 3].0, &format!("[{number}]")).await;
        }
        for number in 0..300 {
            let [_] = bob.expect(&event(topics[number % 3].1, &format!("[{number}]"))).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ord_02_subscribed_precedes_the_first_event() {
    let router = TestRouter::start().await;
    let mut bob = Peer::join(&router, "bob").await;
    let publishing = tokio::spawn(async move {
        for number in 0..2000 {
            bob.publish("com.example.tick", &format!("[{number}]")).await;
        }
        bob.expect_silence().await;
        bob
    });
    let mut subscribers = Vec::new();
    for via in Via::sockets().chain(Via::sockets()) {
        let mut alice = Peer::join_via(&router, "alice", via).await;
        alice.send(r#"[32,1,{},"com.example.tick"]"#).await;
        let [tick] = alice.expect("[33,1,#]").await;
        subscribers.push((alice, tick));
    }
    let mut bob = publishing.await.unwrap();
    bob.publish("com.example.tick", r#"["last"]"#).await;
    for (alice, tick) in &mut subscribers {
        // From the first one on, none is missing.
        let mut next = None;
        loop {
            let event = alice.expect_event().await;
            assert_eq!(event.subscription.value(), *tick);
            match event.payload.values().unwrap().0[0].as_i64() {
                Some(number) => assert_eq!(number, next.replace(number + 1).unwrap_or(number)),
                None => break,
            }
        }
        assert!(next.is_none_or(|next| next == 2000), "{next:?}");
    }
}

#[tokio::test]
async fn ord_06_the_publisher_gets_published_before_its_own_event() {
    let router = TestRouter::start().await;
    for via in Via::sockets() {
        let mut alice = Peer::join_via(&router, "alice", via).await;
        let tick = alice.subscribe("com.example.tick").await;
        for _ in 0..20 {
            let request = alice.next_request();
            let options = r#"{"acknowledge":true,"exclude_me":false}"#;
            alice.send(&format!(r#"[16,{request},{options},"com.example.tick",[7]]"#)).await;
            let published: [u64; 1] = alice.expect(&format!("[17,{request},#]")).await;
            assert_eq!(alice.expect(&event(tick, "[7]")).await, published);
        }
    }
}

#[tokio::test]
async fn tv_05_publisher_exclusion_disabled_replays() {
    let router = TestRouter::start().await;
    for via in Via::sockets() {
        // The request IDs of the official vector skip forward, which the strict profile does not take.
        let mut alice = Peer::join_realm(&router, "alice", via, RELAXED).await;
        alice.send(r#"[32,123,{},"com.myapp.mytopic1"]"#).await;
        let [subscription] = alice.expect("[33,123,#]").await;
        alice.send(r#"[16,789,{"exclude_me":false},"com.myapp.mytopic1",["Hello, world!"]]"#).await;
        let [_] = alice.expect(&event(subscription, r#"["Hello, world!"]"#)).await;
        alice.expect_silence().await;
    }
}

#[tokio::test]
async fn events_go_to_the_subscribers_of_their_topic_only() {
    let router = TestRouter::start().await;
    let mut bob = Peer::join(&router, "bob").await;
    bob.subscribe("com.example.tick").await;
    let mut alice = Peer::join(&router, "alice").await;
    for topic in ["com.example", "com.example.tick.tock", "com.example.ticks", "com.example.tic"] {
        alice.publish_acknowledged(topic, "[7]").await;
    }
    bob.expect_silence().await;
}
