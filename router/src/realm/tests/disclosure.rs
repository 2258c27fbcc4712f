//! What an EVENT says about its publisher and about its payload. Sessions have the numbers of those who appear.

use expect_test::expect;

use super::check;

/// Conformance: PID-03
#[test]
fn pid_01_publishers_are_disclosed_if_they_ask_for_it() {
    check(
        r#"
            alice> SUBSCRIBE 1 {} com.acme.tick
            alice> SUBSCRIBE 2 {"match":"prefix"} com.acme
            bob> PUBLISH 1 {"disclose_me":true} com.acme.tick [1]
            bob> PUBLISH 2 {"disclose_me":false} com.acme.tick [2]
            bob> PUBLISH 3 {} com.acme.tick [3]
        "#,
        expect![[r#"
            alice< SUBSCRIBED 1 sub#1
            alice< SUBSCRIBED 2 sub#2
            alice< EVENT sub#2 pub#1 {"publisher":2,"publisher_authid":"bob","publisher_authrole":"anyone","topic":"com.acme.tick"} [1]
            alice< EVENT sub#1 pub#1 {"publisher":2,"publisher_authid":"bob","publisher_authrole":"anyone"} [1]
            alice< EVENT sub#2 pub#2 {"topic":"com.acme.tick"} [2]
            alice< EVENT sub#1 pub#2 {} [2]
            alice< EVENT sub#2 pub#3 {"topic":"com.acme.tick"} [3]
            alice< EVENT sub#1 pub#3 {} [3]
        "#]],
    );
}

#[test]
fn pid_02_who_must_not_be_disclosed_and_asks_for_it_does_not_publish() {
    check(
        r#"
            bob is bob in role citizen
            alice> SUBSCRIBE 1 {"match":"prefix"} com.acme
            bob> PUBLISH 1 {"disclose_me":true,"acknowledge":true} com.acme.vote.yes ["refused"]
            bob> PUBLISH 2 {"disclose_me":true} com.acme.vote.yes ["ignored"]
            bob> PUBLISH 3 {"acknowledge":true} com.acme.vote.yes ["secret"]
            bob> PUBLISH 4 {"disclose_me":true} com.acme.tick ["open"]
        "#,
        expect![[r#"
            alice< SUBSCRIBED 1 sub#1
            bob< ERROR PUBLISH 1 {} wamp.error.option_disallowed.disclose_me ["publishers to \"com.acme.vote.yes\" are not disclosed"]
            bob< PUBLISHED 3 pub#1
            alice< EVENT sub#1 pub#1 {"topic":"com.acme.vote.yes"} ["secret"]
            alice< EVENT sub#1 pub#2 {"publisher":1,"publisher_authid":"bob","publisher_authrole":"citizen","topic":"com.acme.tick"} ["open"]
        "#]],
    );
}

#[test]
fn pid_03_a_rule_may_disclose_whoever_publishes() {
    check(
        r#"
            bob is robert in role citizen
            alice> SUBSCRIBE 1 {} com.acme.law.new
            alice> SUBSCRIBE 2 {} com.acme.tick
            bob> PUBLISH 1 {} com.acme.law.new [1]
            bob> PUBLISH 2 {"disclose_me":false} com.acme.law.new [2]
            bob> PUBLISH 3 {} com.acme.tick [3]
        "#,
        expect![[r#"
            alice< SUBSCRIBED 1 sub#1
            alice< SUBSCRIBED 2 sub#2
            alice< EVENT sub#1 pub#1 {"publisher":1,"publisher_authid":"robert","publisher_authrole":"citizen"} [1]
            alice< EVENT sub#1 pub#2 {"publisher":1,"publisher_authid":"robert","publisher_authrole":"citizen"} [2]
            alice< EVENT sub#2 pub#3 {} [3]
        "#]],
    );
}

#[test]
fn trl_01_the_router_says_how_far_a_publisher_is_trusted() {
    check(
        r#"
            bob is bob in role sensor
            alice> SUBSCRIBE 1 {} com.acme.tick
            bob> PUBLISH 1 {"trustlevel":9} com.acme.tick [1]
            carol> PUBLISH 1 {"trustlevel":9} com.acme.tick [2]
        "#,
        expect![[r#"
            alice< SUBSCRIBED 1 sub#1
            alice< EVENT sub#1 pub#1 {"trustlevel":3} [1]
            alice< EVENT sub#1 pub#2 {} [2]
        "#]],
    );
}

#[test]
fn ppt_02_events_say_how_their_payload_is_packed() {
    check(
        r#"
            alice> SUBSCRIBE 1 {} com.acme.tick
            alice> SUBSCRIBE 2 {"match":"wildcard"} com..tick
            bob> PUBLISH 1 {"ppt_scheme":"wamp","ppt_serializer":"cbor","ppt_cipher":"aes256gcm","ppt_keyid":"k1"} com.acme.tick ["\u0000q83v"]
            bob> PUBLISH 2 {"ppt_scheme":"x_mine"} com.acme.tick ["\u0000q83v"]
            bob> PUBLISH 3 {"ppt_scheme":"","ppt_serializer":"cbor"} com.acme.tick ["plain"]
            bob> PUBLISH 4 {"enc_algo":"cryptobox","enc_serializer":"json","enc_key":"k2"} com.acme.tick ["\u0000q83v"]
            bob> PUBLISH 5 {"enc_key":"k2"} com.acme.tick ["plain"]
        "#,
        expect![[r#"
            alice< SUBSCRIBED 1 sub#1
            alice< SUBSCRIBED 2 sub#2
            alice< EVENT sub#2 pub#1 {"topic":"com.acme.tick","ppt_scheme":"wamp","ppt_serializer":"cbor","ppt_cipher":"aes256gcm","ppt_keyid":"k1"} ["\u0000q83v"]
            alice< EVENT sub#1 pub#1 {"ppt_scheme":"wamp","ppt_serializer":"cbor","ppt_cipher":"aes256gcm","ppt_keyid":"k1"} ["\u0000q83v"]
            alice< EVENT sub#2 pub#2 {"topic":"com.acme.tick","ppt_scheme":"x_mine"} ["\u0000q83v"]
            alice< EVENT sub#1 pub#2 {"ppt_scheme":"x_mine"} ["\u0000q83v"]
            alice< EVENT sub#2 pub#3 {"topic":"com.acme.tick"} ["plain"]
            alice< EVENT sub#1 pub#3 {} ["plain"]
            alice< EVENT sub#2 pub#4 {"topic":"com.acme.tick","enc_algo":"cryptobox","enc_serializer":"json","enc_key":"k2"} ["\u0000q83v"]
            alice< EVENT sub#1 pub#4 {"enc_algo":"cryptobox","enc_serializer":"json","enc_key":"k2"} ["\u0000q83v"]
            alice< EVENT sub#2 pub#5 {"topic":"com.acme.tick"} ["plain"]
            alice< EVENT sub#1 pub#5 {} ["plain"]
        "#]],
    );
}

#[test]
fn other_options_stay_with_the_router() {
    check(
        r#"
            alice> SUBSCRIBE 1 {} com.acme.tick
            bob> PUBLISH 1 {"forward_for":[{"session":7,"authid":"r","authrole":"router"}],"x_mine":1,"rkey":"sn1"} com.acme.tick [1]
        "#,
        expect![[r#"
            alice< SUBSCRIBED 1 sub#1
            alice< EVENT sub#1 pub#1 {} [1]
        "#]],
    );
}
