//! One call of all callees: the policy `all`; and the callee with the least to do: `leastbusy`.

use expect_test::expect;

use super::*;

#[test]
fn all_the_result_has_the_answer_of_each_callee_in_the_order_of_registration() {
    check(
        r#"
            a> REGISTER 1 {"invoke":"all"} com.acme.vote
            b> REGISTER 1 {"invoke":"all"} com.acme.vote
            
            alice> CALL 1 {} com.acme.vote [1]
            b> YIELD inv#1 {} ["b"] {"k":1}
            a> ERROR inv#1 {} com.acme.failed ["a"]
            b> YIELD inv#1 {}
        "#,
        expect![[r#"
            a< REGISTERED 1 reg#1
            b< REGISTERED 1 reg#1
            a< INVOCATION inv#1 reg#1 {} [1]
            b< INVOCATION inv#1 reg#1 {} [1]
            alice< RESULT 1 {} [{"error":"com.acme.failed","args":["a"],"kwargs":{}},{"args":["b"],"kwargs":{"k":1}}]
        "#]],
    );
}

#[test]
fn all_each_answer_is_a_progressive_result_if_the_caller_takes_such() {
    check(
        r#"
            a> REGISTER 1 {"invoke":"all"} com.acme.vote
            b> REGISTER 1 {"invoke":"all"} com.acme.vote
            
            alice> CALL 1 {"receive_progress":true} com.acme.vote
            b> YIELD inv#1 {"progress":true} ["dropped"]
            b> YIELD inv#1 {} ["b"]
            a> YIELD inv#1 {} ["a"]
        "#,
        expect![[r#"
            a< REGISTERED 1 reg#1
            b< REGISTERED 1 reg#1
            a< INVOCATION inv#1 reg#1 {}
            b< INVOCATION inv#1 reg#1 {}
            alice< RESULT 1 {"progress":true} [{"args":["b"],"kwargs":{}}]
            alice< RESULT 1 {"progress":true} [{"args":["a"],"kwargs":{}}]
            alice< RESULT 1 {} [{"args":["a"],"kwargs":{}},{"args":["b"],"kwargs":{}}]
        "#]],
    );
}

/// Conformance: RPC-08
#[test]
fn all_who_leaves_is_reported_and_not_waited_for() {
    check(
        r#"
            a> REGISTER 1 {"invoke":"all"} com.acme.vote
            b> REGISTER 1 {"invoke":"all"} com.acme.vote
            
            alice> CALL 1 {} com.acme.vote
            b> leave
            a> YIELD inv#1 {} ["a"]
            alice> CALL 2 {} com.acme.vote
            a> leave
        "#,
        expect![[r#"
            a< REGISTERED 1 reg#1
            b< REGISTERED 1 reg#1
            a< INVOCATION inv#1 reg#1 {}
            b< INVOCATION inv#1 reg#1 {}
            alice< RESULT 1 {} [{"args":["a"],"kwargs":{}},{"error":"wamp.error.canceled","args":["the callee is gone"],"kwargs":{}}]
            a< INVOCATION inv#2 reg#1 {}
            alice< RESULT 2 {} [{"error":"wamp.error.canceled","args":["the callee is gone"],"kwargs":{}}]
        "#]],
    );
}

#[test]
fn all_cancel_reaches_all() {
    check(
        r#"
            a> REGISTER 1 {"invoke":"all"} com.acme.vote
            old> REGISTER 1 {"invoke":"all"} com.acme.vote
            b> REGISTER 1 {"invoke":"all"} com.acme.vote
            alice> CALL 1 {} com.acme.vote
            a> YIELD inv#1 {} ["a"]
            alice> CANCEL 1 {"mode":"kill"}
            b> ERROR inv#1 {} wamp.error.canceled
            alice> CALL 2 {} com.acme.vote
            alice> CANCEL 2 {"mode":"skip"}
            alice> CALL 3 {} com.acme.vote
            alice> CANCEL 3 {"mode":"killnowait"}
            a> YIELD inv#3 {}
        "#,
        expect![[r#"
            a< REGISTERED 1 reg#1
            old< REGISTERED 1 reg#1
            b< REGISTERED 1 reg#1
            a< INVOCATION inv#1 reg#1 {}
            old< INVOCATION inv#1 reg#1 {}
            b< INVOCATION inv#1 reg#1 {}
            b< INTERRUPT 1 {"mode":"kill"}
            alice< RESULT 1 {} [{"args":["a"],"kwargs":{}},{"error":"wamp.error.canceled","args":[],"kwargs":{}},{"error":"wamp.error.canceled","args":[],"kwargs":{}}]
            a< INVOCATION inv#2 reg#1 {}
            old< INVOCATION inv#2 reg#1 {}
            b< INVOCATION inv#2 reg#1 {}
            alice< ERROR CALL 2 {} wamp.error.canceled ["the caller canceled the call"]
            a< INVOCATION inv#3 reg#1 {}
            old< INVOCATION inv#3 reg#1 {}
            b< INVOCATION inv#3 reg#1 {}
            alice< ERROR CALL 3 {} wamp.error.canceled ["the caller canceled the call"]
            a< INTERRUPT 3 {"mode":"killnowait"}
            b< INTERRUPT 3 {"mode":"killnowait"}
        "#]],
    );
}

#[test]
fn all_the_time_out_reaches_all_and_the_callers_leaving_too() {
    check(
        r#"
            a> REGISTER 1 {"invoke":"all"} com.acme.vote
            b> REGISTER 1 {"invoke":"all"} com.acme.vote
            
            alice> CALL 1 {"timeout":200} com.acme.vote
            a> YIELD inv#1 {} ["a"]
            200 ms later
            alice> CALL 2 {} com.acme.vote
            alice> leave
        "#,
        expect![[r#"
            a< REGISTERED 1 reg#1
            b< REGISTERED 1 reg#1
            a< INVOCATION inv#1 reg#1 {}
            b< INVOCATION inv#1 reg#1 {}
            alice< ERROR CALL 1 {} wamp.error.timeout ["the call took too long"]
            b< INTERRUPT 1 {"mode":"killnowait"}
            a< INVOCATION inv#2 reg#1 {}
            b< INVOCATION inv#2 reg#1 {}
            a< INTERRUPT 2 {"mode":"killnowait"}
            b< INTERRUPT 2 {"mode":"killnowait"}
        "#]],
    );
}

#[test]
fn all_busy_and_full_callees_are_reported() {
    check(
        r#"
            a> REGISTER 1 {"invoke":"all","concurrency":1} com.acme.vote
            b> REGISTER 1 {"invoke":"all"} com.acme.vote
            alice> CALL 1 {} com.acme.vote
            b is full
            carol> CALL 1 {} com.acme.vote
        "#,
        expect![[r#"
            a< REGISTERED 1 reg#1
            b< REGISTERED 1 reg#1
            a< INVOCATION inv#1 reg#1 {}
            b< INVOCATION inv#1 reg#1 {}
            carol< RESULT 1 {} [{"error":"trunkline.error.max_concurrency_reached","args":[],"kwargs":{}},{"error":"wamp.error.unavailable","args":[],"kwargs":{}}]
        "#]],
    );
}

/// Conformance: CID-04
#[test]
fn all_identity_only_if_disclosed() {
    check(
        r#"
            erin is erin in role shown
            erin> REGISTER 1 {"invoke":"all"} com.acme.vote
            b> REGISTER 1 {"invoke":"all"} com.acme.vote
            alice> CALL 1 {} com.acme.vote
            erin> YIELD inv#1 {} ["e"]
            b> YIELD inv#1 {} ["b"]
        "#,
        expect![[r#"
            erin< REGISTERED 1 reg#1
            b< REGISTERED 1 reg#1
            erin< INVOCATION inv#1 reg#1 {}
            b< INVOCATION inv#1 reg#1 {}
            alice< RESULT 1 {} [{"session":1,"authid":"erin","authrole":"shown","args":["e"],"kwargs":{}},{"args":["b"],"kwargs":{}}]
        "#]],
    );
}

/// Conformance: PPT-07, PCI-04
#[test]
fn all_what_cannot_be_put_together_is_refused() {
    check(
        r#"
            a> REGISTER 1 {"invoke":"all"} com.acme.vote
            b> REGISTER 1 {"invoke":"all"} com.acme.vote
            
            stream> CALL 1 {"progress":true} com.acme.vote
            stream> CALL 2 {"ppt_scheme":"x_acme"} com.acme.vote
            stream> CALL 3 {"runmode":"partition","rkey":"one"} com.acme.vote
            stream> CALL 4 {} com.acme.vote
            a> YIELD inv#1 {"ppt_scheme":"x_acme"} ["\u0000AAEC"]
            b> YIELD inv#1 {}
        "#,
        expect![[r#"
            a< REGISTERED 1 reg#1
            b< REGISTERED 1 reg#1
            stream< ERROR CALL 1 {} wamp.error.feature_not_supported ["a call of all callees is one message, not packed, and has no resource key"]
            stream< ERROR CALL 2 {} wamp.error.feature_not_supported ["a call of all callees is one message, not packed, and has no resource key"]
            stream< ERROR CALL 3 {} wamp.error.feature_not_supported ["a call of all callees is one message, not packed, and has no resource key"]
            a< INVOCATION inv#1 reg#1 {}
            b< INVOCATION inv#1 reg#1 {}
            stream< RESULT 4 {} [{"error":"wamp.error.feature_not_supported","args":[],"kwargs":{}},{"args":[],"kwargs":{}}]
        "#]],
    );
}

#[test]
fn all_answers_larger_than_a_message_end_the_call() {
    check_with(
        RealmSettings { message_max_bytes: 200, ..settings() },
        r#"
            a> REGISTER 1 {"invoke":"all"} com.acme.vote
            b> REGISTER 1 {"invoke":"all"} com.acme.vote
            
            alice> CALL 1 {} com.acme.vote
            a> YIELD inv#1 {} ["xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"]
            b> YIELD inv#1 {} ["b"]
        "#,
        expect![[r#"
            a< REGISTERED 1 reg#1
            b< REGISTERED 1 reg#1
            a< INVOCATION inv#1 reg#1 {}
            b< INVOCATION inv#1 reg#1 {}
            alice< ERROR CALL 1 {} wamp.error.payload_size_exceeded ["the answers of all callees are larger than a message"]
            b< INTERRUPT 1 {"mode":"killnowait"}
        "#]],
    );
}

/// Conformance: RRT-01
#[test]
fn all_unavailable_is_an_answer_as_any_other() {
    check(
        r#"
            a> REGISTER 1 {"invoke":"all"} com.acme.vote
            b> REGISTER 1 {"invoke":"all"} com.acme.vote
            
            alice> CALL 1 {} com.acme.vote
            a> ERROR inv#1 {} wamp.error.unavailable
            b> YIELD inv#1 {} ["b"]
        "#,
        expect![[r#"
            a< REGISTERED 1 reg#1
            b< REGISTERED 1 reg#1
            a< INVOCATION inv#1 reg#1 {}
            b< INVOCATION inv#1 reg#1 {}
            alice< RESULT 1 {} [{"error":"wamp.error.unavailable","args":[],"kwargs":{}},{"args":["b"],"kwargs":{}}]
        "#]],
    );
}

#[test]
fn all_going_down_ends_it() {
    check(
        r#"
            a> REGISTER 1 {"invoke":"all"} com.acme.vote
            b> REGISTER 1 {"invoke":"all"} com.acme.vote
            
            alice> CALL 1 {} com.acme.vote
            a> YIELD inv#1 {}
            drain
            cancel
        "#,
        expect![[r#"
            a< REGISTERED 1 reg#1
            b< REGISTERED 1 reg#1
            a< INVOCATION inv#1 reg#1 {}
            b< INVOCATION inv#1 reg#1 {}
            alice< ERROR CALL 1 {} wamp.error.canceled ["the router is going down"]
            b< INTERRUPT 1 {"mode":"killnowait"}
        "#]],
    );
}

#[test]
fn leastbusy_takes_the_callee_with_the_fewest_open_invocations() {
    check(
        r#"
            a> REGISTER 1 {"invoke":"leastbusy"} com.acme.get
            b> REGISTER 1 {"invoke":"leastbusy"} com.acme.get
            alice> CALL 1 {} com.acme.get [1]
            alice> CALL 2 {} com.acme.get [2]
            alice> CALL 3 {} com.acme.get [3]
            b> YIELD inv#1 {}
            alice> CALL 4 {} com.acme.get [4]
            alice> CALL 5 {} com.acme.get [5]
        "#,
        expect![[r#"
            a< REGISTERED 1 reg#1
            b< REGISTERED 1 reg#1
            a< INVOCATION inv#1 reg#1 {} [1]
            b< INVOCATION inv#1 reg#1 {} [2]
            a< INVOCATION inv#2 reg#1 {} [3]
            alice< RESULT 2 {}
            b< INVOCATION inv#2 reg#1 {} [4]
            b< INVOCATION inv#3 reg#1 {} [5]
        "#]],
    );
}

/// Conformance: CON-03
#[test]
fn all_kill_leaves_the_place_of_who_cannot_be_interrupted_taken() {
    check(
        r#"
            old> REGISTER 1 {"invoke":"all","concurrency":1} com.acme.get
            new> REGISTER 1 {"invoke":"all"} com.acme.get
            alice> CALL 1 {} com.acme.get
            alice> CANCEL 1 {"mode":"kill"}
            new> YIELD inv#1 {}
            alice> CALL 2 {} com.acme.get
            old> YIELD inv#1 {}
            alice> CALL 3 {} com.acme.get
        "#,
        expect![[r#"
            old< REGISTERED 1 reg#1
            new< REGISTERED 1 reg#1
            old< INVOCATION inv#1 reg#1 {}
            new< INVOCATION inv#1 reg#1 {}
            new< INTERRUPT 1 {"mode":"kill"}
            alice< RESULT 1 {} [{"error":"wamp.error.canceled","args":[],"kwargs":{}},{"args":[],"kwargs":{}}]
            new< INVOCATION inv#2 reg#1 {}
            old< INVOCATION inv#2 reg#1 {}
            new< INVOCATION inv#3 reg#1 {}
        "#]],
    );
}

/// Conformance: RRT-03
#[test]
fn all_who_was_unavailable_is_not_asked_again() {
    check(
        r#"
            a> REGISTER 1 {"invoke":"roundrobin"} com.acme.get
            alice> CALL 1 {} com.acme.get
            a> REGISTER 2 {"invoke":"all","force_reregister":true} com.acme.get
            a> ERROR inv#1 {} wamp.error.unavailable
        "#,
        expect![[r#"
            a< REGISTERED 1 reg#1
            a< INVOCATION inv#1 reg#1 {}
            a< REGISTERED 2 reg#1
            alice< RESULT 1 {} [{"error":"wamp.error.unavailable","args":[],"kwargs":{}}]
        "#]],
    );
}

/// Conformance: CAN-03
#[test]
fn all_in_profile_crossbar_kill_ends_in_canceled() {
    check_with(
        RealmSettings { profile: Profile::Crossbar, ..settings() },
        r#"
            a> REGISTER 1 {"invoke":"all"} com.acme.get
            b> REGISTER 1 {"invoke":"all"} com.acme.get
            alice> CALL 1 {} com.acme.get
            alice> CANCEL 1 {"mode":"kill"}
            a> YIELD inv#1 {} ["a"]
            b> YIELD inv#1 {} ["b"]
        "#,
        expect![[r#"
            a< REGISTERED 1 reg#1
            b< REGISTERED 1 reg#1
            a< INVOCATION inv#1 reg#1 {}
            b< INVOCATION inv#1 reg#1 {}
            a< INTERRUPT 1 {"mode":"kill"}
            b< INTERRUPT 1 {"mode":"kill"}
            alice< ERROR CALL 1 {} wamp.error.canceled ["the call was canceled"]
        "#]],
    );
}

#[test]
fn all_answers_are_kept_as_far_as_the_realm_has_room() {
    check_with(
        RealmSettings { waiting_calls_max_bytes: 700, ..settings() },
        r#"
            a> REGISTER 1 {"invoke":"all"} com.acme.get
            b> REGISTER 1 {"invoke":"all"} com.acme.get
            alice> CALL 1 {} com.acme.get
            alice> CALL 2 {} com.acme.get
            a> YIELD inv#1 {} ["xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"]
            a> YIELD inv#2 {} ["xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"]
            b> YIELD inv#1 {}
        "#,
        expect![[r#"
            a< REGISTERED 1 reg#1
            b< REGISTERED 1 reg#1
            a< INVOCATION inv#1 reg#1 {}
            b< INVOCATION inv#1 reg#1 {}
            a< INVOCATION inv#2 reg#1 {}
            b< INVOCATION inv#2 reg#1 {}
            alice< ERROR CALL 2 {} wamp.error.unavailable ["the realm has no room for what the call needs to be kept"]
            b< INTERRUPT 2 {"mode":"killnowait"}
            alice< RESULT 1 {} [{"args":["xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"],"kwargs":{}},{"args":[],"kwargs":{}}]
        "#]],
    );
}

/// Conformance: PPT-02
#[test]
fn all_a_packed_error_is_no_answer_beside_others() {
    check(
        r#"
            a> REGISTER 1 {"invoke":"all"} com.acme.get
            alice> CALL 1 {} com.acme.get
            a> ERROR inv#1 {"ppt_scheme":"x_acme"} com.acme.failed ["packed"]
        "#,
        expect![[r#"
            a< REGISTERED 1 reg#1
            a< INVOCATION inv#1 reg#1 {}
            alice< RESULT 1 {} [{"error":"wamp.error.feature_not_supported","args":[],"kwargs":{}}]
        "#]],
    );
}
