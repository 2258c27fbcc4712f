//! Who is disclosed, how far trusted, which payloads pass and which shard is called (CID, TRL, PPT, SRD).

use expect_test::expect;

use super::*;

/// Conformance: CID-04
#[test]
fn cid_01_a_caller_that_asks_is_disclosed() {
    check(
        r#"
            bob> REGISTER 1 {} com.acme.add
            alice> CALL 1 {"disclose_me":true} com.acme.add
            alice> CALL 2 {} com.acme.add
            alice> CALL 3 {"disclose_me":false} com.acme.add
        "#,
        expect![[r#"
            bob< REGISTERED 1 reg#1
            bob< INVOCATION inv#1 reg#1 {"caller":2,"caller_authid":"alice","caller_authrole":"anyone"}
            bob< INVOCATION inv#2 reg#1 {}
            bob< INVOCATION inv#3 reg#1 {}
        "#]],
    );
}

#[test]
fn cid_02_a_registration_can_have_all_callers_disclosed() {
    check(
        r#"
            bob> REGISTER 1 {"disclose_caller":true} com.acme.add
            alice> CALL 1 {} com.acme.add
        "#,
        expect![[r#"
            bob< REGISTERED 1 reg#1
            bob< INVOCATION inv#1 reg#1 {"caller":2,"caller_authid":"alice","caller_authrole":"anyone"}
        "#]],
    );
}

/// Conformance: CID-02
#[test]
fn cid_03_who_may_not_be_disclosed_calls_nobody_who_is_told() {
    check(
        r#"
            bob> REGISTER 1 {} com.acme.add
            carol> REGISTER 1 {"disclose_caller":true} com.acme.curious
            dave is dave in role hidden
            dave> CALL 1 {"disclose_me":true} com.acme.add
            dave> CALL 2 {} com.acme.add
            dave> CALL 3 {} com.acme.curious
            dave> REGISTER 4 {"disclose_caller":true} com.acme.dave
            dave> REGISTER 5 {} com.acme.dave
        "#,
        expect![[r#"
            bob< REGISTERED 1 reg#1
            carol< REGISTERED 1 reg#2
            dave< ERROR CALL 1 {} wamp.error.option_disallowed.disclose_me ["the realm's rules do not permit disclosure"]
            bob< INVOCATION inv#1 reg#1 {}
            dave< ERROR CALL 3 {} wamp.error.option_disallowed.disclose_me ["the realm's rules do not permit disclosure"]
            dave< ERROR REGISTER 4 {} wamp.error.option_disallowed.disclose_me ["the realm's rules do not permit disclosure"]
            dave< REGISTERED 5 reg#3
        "#]],
    );
}

/// Conformance: TRL-01, CID-04
#[test]
fn cid_03_configuration_can_have_a_caller_disclosed_always() {
    check(
        r#"
            bob> REGISTER 1 {} com.acme.add
            erin is erin in role shown
            erin> CALL 1 {"trustlevel":9} com.acme.add
        "#,
        expect![[r#"
            bob< REGISTERED 1 reg#1
            bob< INVOCATION inv#1 reg#1 {"caller":2,"caller_authid":"erin","caller_authrole":"shown","trustlevel":3}
        "#]],
    );
}

/// Conformance: PPT-01, PPT-04
#[test]
fn ppt_02_the_keys_of_a_packed_payload_are_passed_on() {
    check(
        r#"
            bob> REGISTER 1 {} com.acme.add
            alice> CALL 1 {"ppt_scheme":"x_acme","ppt_serializer":"cbor","ppt_cipher":"aes256gcm","ppt_keyid":"k1","x":1} com.acme.add ["\u0000AAEC"]
            bob> YIELD inv#1 {"ppt_scheme":"x_acme","ppt_serializer":"cbor"} ["\u0000AAEC"]
            alice> CALL 2 {"ppt_scheme":""} com.acme.add
            bob> ERROR inv#2 {"ppt_scheme":"x_acme"} com.acme.failed ["\u0000AAEC"]
        "#,
        expect![[r#"
            bob< REGISTERED 1 reg#1
            bob< INVOCATION inv#1 reg#1 {"ppt_scheme":"x_acme","ppt_serializer":"cbor","ppt_cipher":"aes256gcm","ppt_keyid":"k1"} ["\u0000AAEC"]
            alice< RESULT 1 {"ppt_scheme":"x_acme","ppt_serializer":"cbor"} ["\u0000AAEC"]
            bob< INVOCATION inv#2 reg#1 {}
            alice< ERROR CALL 2 {"ppt_scheme":"x_acme"} com.acme.failed ["\u0000AAEC"]
        "#]],
    );
}

#[test]
fn ppt_07_a_callee_that_lacks_it_is_not_invoked() {
    check(
        r#"
            old> REGISTER 1 {} com.acme.old
            alice> CALL 1 {"ppt_scheme":"x_acme"} com.acme.old ["\u0000AAEC"]
        "#,
        expect![[r#"
            old< REGISTERED 1 reg#1
            alice< ERROR CALL 1 {} wamp.error.feature_not_supported ["the callee does not take payload passthru mode"]
        "#]],
    );
}

#[test]
fn ppt_08_a_caller_that_lacks_it_gets_an_error_and_the_callee_is_told() {
    check(
        r#"
            bob> REGISTER 1 {} com.acme.add
            old> CALL 1 {} com.acme.add
            bob> YIELD inv#1 {"ppt_scheme":"x_acme"} ["\u0000AAEC"]
            bob> YIELD inv#1 {}
        "#,
        expect![[r#"
            bob< REGISTERED 1 reg#1
            bob< INVOCATION inv#1 reg#1 {}
            bob< ERROR YIELD 1 {} wamp.error.feature_not_supported ["the caller does not take payload passthru mode"]
            old< ERROR CALL 1 {} wamp.error.feature_not_supported
        "#]],
    );
}

#[test]
fn tv_04_transparent_payload_is_passed_on_with_its_keys() {
    check(
        r#"
            bob> REGISTER 1 {} com.acme.add
            old> CALL 1 {"enc_algo":"cryptobox","enc_key":"k1","enc_serializer":"json"} com.acme.add "\u0000AAEC"
            bob> YIELD inv#1 {"enc_algo":"cryptobox","enc_serializer":"json"} "\u0000AAEC"
        "#,
        expect![[r#"
            bob< REGISTERED 1 reg#1
            bob< INVOCATION inv#1 reg#1 {"enc_algo":"cryptobox","enc_serializer":"json","enc_key":"k1"} \u0000AAEC
            old< RESULT 1 {"enc_algo":"cryptobox","enc_serializer":"json"} \u0000AAEC
        "#]],
    );
}

#[test]
fn srd_01_a_resource_key_has_its_callee() {
    check(
        r#"
            a> REGISTER 1 {"invoke":"roundrobin"} com.acme.get
            b> REGISTER 1 {"invoke":"roundrobin"} com.acme.get
            c> REGISTER 1 {"invoke":"roundrobin"} com.acme.get
            alice> CALL 1 {"runmode":"partition","rkey":"one"} com.acme.get ["one"]
            alice> CALL 2 {"runmode":"partition","rkey":"two"} com.acme.get ["two"]
            alice> CALL 3 {"runmode":"partition","rkey":"one"} com.acme.get ["one"]
            alice> CALL 4 {"runmode":"partition","rkey":"three"} com.acme.get ["three"]
            alice> CALL 5 {"runmode":"partition","rkey":"two"} com.acme.get ["two"]
        "#,
        expect![[r#"
            a< REGISTERED 1 reg#1
            b< REGISTERED 1 reg#1
            c< REGISTERED 1 reg#1
            c< INVOCATION inv#1 reg#1 {} ["one"]
            a< INVOCATION inv#1 reg#1 {} ["two"]
            c< INVOCATION inv#2 reg#1 {} ["one"]
            a< INVOCATION inv#2 reg#1 {} ["three"]
            a< INVOCATION inv#3 reg#1 {} ["two"]
        "#]],
    );
}

#[test]
fn srd_01_partition_needs_a_key_and_is_the_only_run_mode() {
    check(
        r#"
            a> REGISTER 1 {} com.acme.get
            alice> CALL 1 {"runmode":"partition"} com.acme.get
            alice> CALL 2 {"runmode":"all","rkey":"one"} com.acme.get
            alice> CALL 3 {"rkey":"one"} com.acme.get
        "#,
        expect![[r#"
            a< REGISTERED 1 reg#1
            alice< ERROR CALL 1 {} wamp.error.invalid_argument ["runmode \"partition\" needs an rkey"]
            alice< ERROR CALL 2 {} wamp.error.invalid_argument ["the only runmode is \"partition\""]
            a< INVOCATION inv#1 reg#1 {}
        "#]],
    );
}

/// Conformance: CID-04, TRL-01
#[test]
fn err_06_what_routers_say_cannot_be_forged_in_an_error() {
    check(
        r#"
            bob> REGISTER 1 {} com.acme.add
            alice> CALL 1 {} com.acme.add
            bob> ERROR inv#1 {"caller":7,"caller_authid":"root","trustlevel":9,"progress":true,"forward_for":[{"session":1}],"_acme":1,"reason":"x"} com.acme.failed
        "#,
        expect![[r#"
            bob< REGISTERED 1 reg#1
            bob< INVOCATION inv#1 reg#1 {}
            alice< ERROR CALL 1 {"_acme":1,"reason":"x"} com.acme.failed
        "#]],
    );
}

#[test]
fn ppt_08_a_packed_error_reaches_a_caller_that_takes_none_without_its_payload() {
    check(
        r#"
            bob> REGISTER 1 {} com.acme.add
            old> CALL 1 {} com.acme.add
            bob> ERROR inv#1 {"ppt_scheme":"x_acme"} com.acme.failed ["packed"]
        "#,
        expect![[r#"
            bob< REGISTERED 1 reg#1
            bob< INVOCATION inv#1 reg#1 {}
            old< ERROR CALL 1 {} com.acme.failed
        "#]],
    );
}

#[test]
fn srd_01_a_resource_key_is_as_long_as_a_uri_may_be() {
    check(
        r#"
            a> REGISTER 1 {} com.acme.get
            alice> CALL 1 {"runmode":"partition","rkey":"kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk"} com.acme.get
        "#,
        expect![[r#"
            a< REGISTERED 1 reg#1
            alice< ERROR CALL 1 {} wamp.error.invalid_argument ["the rkey is longer than a URI may be"]
        "#]],
    );
}
