//! Who called, as far as callees are told, and payloads that the router passes on unopened.

use trunkline::config::{Disclose, Permission, Role};
use trunkline_tests::{Peer, STRICT, TestRouter, Via, config};
use wamp_proto::error_uri::{FEATURE_NOT_SUPPORTED, OPTION_DISALLOWED_DISCLOSE_ME, PROTOCOL_VIOLATION};
use wamp_proto::{MessageCode, SerializerId};

/// Octets that are no text, as JSON spells them, and as they are.
const PACKED: &str = r#"["\u0000AAECA//+/Q=="]"#;
const OCTETS: [u8; 7] = [0, 1, 2, 3, 255, 254, 253];

const WORK: &str = r#""com.example.work""#;

/// Conformance: CID-04
#[tokio::test]
async fn cid_01_a_caller_that_asks_is_disclosed() {
    let router = TestRouter::start().await;
    for (ours, theirs) in Via::mixed() {
        let mut alice = Peer::connect(&router, "alice", ours).await;
        alice.send(&trunkline_tests::hello(STRICT)).await;
        let welcome = alice.expect_welcome().await;
        let caller = welcome.session;
        let authid = welcome.details.authid.as_deref().unwrap();
        let authrole = welcome.details.authrole.as_deref().unwrap();
        let mut bob = Peer::join_via(&router, "bob", theirs).await;
        let work = bob.register("com.example.work").await;
        let curious = bob.register_with(r#"{"disclose_caller":true}"#, "com.example.curious").await;
        let disclosed =
            format!(r#"{{"caller":{caller},"caller_authid":"{authid}","caller_authrole":"{authrole}"}}"#);
        alice.call_with(r#"{"disclose_me":true}"#, WORK).await;
        bob.expect_message(&format!("[68,1,{work},{disclosed}]")).await;
        alice.call_with("{}", WORK).await;
        bob.expect_message(&format!("[68,2,{work},{{}}]")).await;
        alice.call_with(r#"{"disclose_me":false}"#, WORK).await;
        bob.expect_message(&format!("[68,3,{work},{{}}]")).await;
        alice.call("com.example.curious", "").await;
        bob.expect_message(&format!("[68,4,{curious},{disclosed}]")).await;
    }
}

/// Conformance: CID-02
#[tokio::test]
async fn cid_03_disclosure_that_the_realm_denies_is_an_error() {
    let mut config = config();
    let everything = |disclose| vec![Permission { disclose, ..Permission::everything() }];
    let rules = &mut config.realms[0].rules;
    rules.anonymous_role = Some("hidden".to_owned());
    rules.roles = vec![
        Role { name: "hidden".to_owned(), permissions: everything(Disclose::Denied), ..Role::default() },
        Role {
            name: "known".to_owned(),
            trustlevel: Some(7),
            permissions: everything(Disclose::Always),
            ..Role::default()
        },
    ];
    let router = TestRouter::with(&config).await;
    let mut known = Peer::join_as(&router, "known", "known").await;
    let work = known.register("com.example.work").await;
    known.register_with(r#"{"disclose_caller":true}"#, "com.example.curious").await;
    for via in Via::sockets() {
        let mut alice = Peer::join_via(&router, "alice", via).await;
        let asked = alice.call_with(r#"{"disclose_me":true}"#, WORK).await;
        alice.expect_error(MessageCode::Call, asked, OPTION_DISALLOWED_DISCLOSE_ME).await;
        let asked = alice.call("com.example.curious", "").await;
        alice.expect_error(MessageCode::Call, asked, OPTION_DISALLOWED_DISCLOSE_ME).await;
        let request = alice.next_request();
        alice.send(&format!(r#"[64,{request},{{"disclose_caller":true}},"com.example.mine"]"#)).await;
        alice.expect_error(MessageCode::Register, request, OPTION_DISALLOWED_DISCLOSE_ME).await;
        known.expect_silence().await;
        let call = alice.call_with("{}", WORK).await;
        let invocation = known.expect_invocation().await;
        assert!(invocation.details.caller.is_none());
        known.answer(&invocation, "").await;
        alice.expect_result(call).await;
    }
    // Whoever is known always is, with a trust level.
    known.call("com.example.work", "").await;
    let [_, _] = known
        .expect(&format!(
            r#"[68,#,{work},{{"caller":#,"caller_authid":"known","caller_authrole":"known","trustlevel":7}}]"#
        ))
        .await;
}

/// Conformance: PPT-01, PPT-04
#[tokio::test]
async fn ppt_02_packed_payloads_reach_everybody_octet_for_octet() {
    let router = TestRouter::start().await;
    for ours in Via::sockets() {
        for theirs in Via::serializers() {
            let mut alice = Peer::join_with_features(&router, "alice", ours).await;
            let mut bob = Peer::join_with_features(&router, "bob", theirs).await;
            bob.register("com.example.work").await;
            let keys = r#"{"ppt_scheme":"x_acme","ppt_serializer":"cbor","ppt_cipher":"aes256gcm","ppt_keyid":"k1"}"#;
            for number in 1..=2 {
                let call = alice.call_with(keys, &format!("{WORK},{PACKED}")).await;
                let invocation = bob.receive_octets().await.unwrap();
                expect_packed(&invocation, theirs);
                assert!(find(&invocation, b"aes256gcm") && find(&invocation, b"k1"), "{invocation:?}");
                let answer = if number == 1 {
                    format!(r#"[70,1,{{"ppt_scheme":"x_acme"}},{PACKED}]"#)
                } else {
                    format!(r#"[8,68,2,{{"ppt_scheme":"x_acme"}},"com.example.error",{PACKED}]"#)
                };
                bob.send(&answer).await;
                let expected = if number == 1 {
                    format!(r#"[50,{call},{{"ppt_scheme":"x_acme"}},{PACKED}]"#)
                } else {
                    format!(r#"[8,48,{call},{{"ppt_scheme":"x_acme"}},"com.example.error",{PACKED}]"#)
                };
                alice.expect_message(&expected).await;
            }
        }
    }
}

/// The message has [`OCTETS`] in the way in which that serializer writes them.
fn expect_packed(message: &[u8], via: Via) {
    let written = match via.1 {
        SerializerId::Json => br#""\u0000AAECA//+/Q==""#.to_vec(),
        SerializerId::MsgPack => [&[0xc4, 7][..], &OCTETS].concat(),
        SerializerId::Cbor => [&[0x47][..], &OCTETS].concat(),
    };
    assert!(find(message, &written), "{via}: {message:02x?}");
}

fn find(message: &[u8], octets: &[u8]) -> bool {
    message.windows(octets.len()).any(|window| window == octets)
}

/// Conformance: PV-12
#[tokio::test]
async fn ppt_05_packed_payloads_of_who_did_not_announce_them_are_a_violation() {
    let router = TestRouter::start().await;
    let mut alice = Peer::join(&router, "alice").await;
    for via in Via::sockets() {
        for message in [
            r#"[48,2,{"ppt_scheme":"x_acme"},"com.example.work",["\u0000AAEC"]]"#,
            r#"[16,2,{"ppt_scheme":"x_acme"},"com.example.tick",["\u0000AAEC"]]"#,
            r#"[70,1,{"ppt_scheme":"x_acme"},["\u0000AAEC"]]"#,
        ] {
            let mut mallory = Peer::join_via(&router, "mallory", via).await;
            mallory.register("com.example.work").await;
            alice.call("com.example.work", "").await;
            mallory.expect_invocation().await;
            mallory.send(message).await;
            mallory.expect_abort(PROTOCOL_VIOLATION).await;
            assert_eq!(alice.receive().await.code(), MessageCode::Error);
        }
    }
}

/// Conformance: PPT-08
#[tokio::test]
async fn ppt_07_who_lacks_it_at_the_other_end_is_not_given_any() {
    let router = TestRouter::start().await;
    for (ours, theirs) in Via::mixed() {
        let mut able = Peer::join_with_features(&router, "able", ours).await;
        let mut old = Peer::join_via(&router, "old", theirs).await;
        old.register("com.example.old").await;
        able.register("com.example.work").await;
        let call =
            able.call_with(r#"{"ppt_scheme":"x_acme"}"#, &format!(r#""com.example.old",{PACKED}"#)).await;
        able.expect_error(MessageCode::Call, call, FEATURE_NOT_SUPPORTED).await;
        old.expect_silence().await;
        // The other way round, the callee is told, and the caller is not left waiting.
        let call = old.call("com.example.work", "").await;
        able.expect_invocation().await;
        able.send(&format!(r#"[70,1,{{"ppt_scheme":"x_acme"}},{PACKED}]"#)).await;
        able.expect_error(MessageCode::Yield, 1, FEATURE_NOT_SUPPORTED).await;
        old.expect_error(MessageCode::Call, call, FEATURE_NOT_SUPPORTED).await;
    }
}

#[tokio::test]
async fn tv_04_autobahns_transparent_payload_is_passed_on_octet_for_octet() {
    let router = TestRouter::start().await;
    const PAYLOAD: &str = r#""\u0000AAECA//+/Q==""#;
    for ours in Via::sockets() {
        for theirs in Via::serializers() {
            let mut alice = Peer::join_via(&router, "alice", ours).await;
            let mut bob = Peer::join_via(&router, "bob", theirs).await;
            bob.register("com.example.work").await;
            let keys = r#"{"enc_algo":"cryptobox","enc_serializer":"json","enc_key":"k1"}"#;
            let call = alice.call_with(keys, &format!("{WORK},{PAYLOAD}")).await;
            let invocation = bob.receive_octets().await.unwrap();
            expect_packed(&invocation, theirs);
            assert!(find(&invocation, b"cryptobox") && find(&invocation, b"k1"), "{invocation:?}");
            bob.send(&format!("[70,1,{keys},{PAYLOAD}]")).await;
            alice.expect_message(&format!("[50,{call},{keys},{PAYLOAD}]")).await;
        }
    }
}
