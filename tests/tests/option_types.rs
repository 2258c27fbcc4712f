//! Options of calls and registrations whose values are not of their type.

use trunkline_tests::{Peer, TestRouter, Via};
use wamp_proto::error_uri::PROTOCOL_VIOLATION;

/// Conformance: PV-08
#[tokio::test]
async fn msg_07_a_known_option_with_a_wrong_type_is_a_violation() {
    let router = TestRouter::start().await;
    for message in [
        r#"[49,1,{"mode":"softly"}]"#,
        r#"[49,1,{"mode":7}]"#,
        r#"[48,2,{"timeout":"soon"},"com.example.work"]"#,
        r#"[48,2,{"timeout":-1},"com.example.work"]"#,
        r#"[48,2,{"timeout":1.5},"com.example.work"]"#,
        r#"[48,2,{"progress":1},"com.example.work"]"#,
        r#"[48,2,{"receive_progress":"yes"},"com.example.work"]"#,
        r#"[48,2,{"disclose_me":"yes"},"com.example.work"]"#,
        r#"[48,2,{"rkey":7},"com.example.work"]"#,
        r#"[48,2,{"runmode":true},"com.example.work"]"#,
        r#"[48,2,{"ppt_scheme":7},"com.example.work"]"#,
        r#"[48,2,{"enc_algo":7},"com.example.work"]"#,
        r#"[64,2,{"invoke":"any"},"com.example.other"]"#,
        r#"[64,2,{"invoke":["first"]},"com.example.other"]"#,
        r#"[64,2,{"concurrency":"many"},"com.example.other"]"#,
        r#"[64,2,{"disclose_caller":1},"com.example.other"]"#,
        r#"[64,2,{"forward_timeout":1},"com.example.other"]"#,
        r#"[64,2,{"force_reregister":{}},"com.example.other"]"#,
        r#"[70,1,{"progress":"yes"}]"#,
        r#"[70,1,{"ppt_scheme":{}}]"#,
    ] {
        for via in Via::sockets() {
            let mut mallory = Peer::join_with_features(&router, "mallory", via).await;
            mallory.register("com.example.work").await;
            mallory.send(message).await;
            mallory.expect_abort(PROTOCOL_VIOLATION).await;
        }
    }
    assert_eq!(router.router().counters().protocol_violations.value(), 20 * 6);
}
