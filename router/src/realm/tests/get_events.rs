//! `wamp.subscription.get_events`, as callers see it.

use expect_test::expect;

use super::*;

/// A realm that keeps the events of `com.acme.tick`, and of everything below `com.acme.log.`.
fn kept() -> RealmSettings {
    let limits = StoreLimits { events: 100, max_bytes: 1 << 20, max_age: None };
    let histories = [
        ("com.acme.tick".to_owned(), MatchPolicy::Exact, limits),
        ("com.acme.log.".to_owned(), MatchPolicy::Prefix, limits),
    ];
    RealmSettings { histories: histories.into(), ..settings() }
}

/// Conformance: HIS-09, HIS-05
#[test]
fn his_01_every_event_is_a_positional_result() {
    check_with(
        kept(),
        r#"
            alice> PUBLISH 1 {} com.acme.tick [1]
            1500 ms later
            alice> PUBLISH 2 {"disclose_me":true} com.acme.tick [2] {"k":"v"}
            alice> PUBLISH 3 {} com.acme.log.door ["open"]
            alice> PUBLISH 4 {} com.acme.other [4]
            bob> SUBSCRIBE 1 {} com.acme.tick
            bob> SUBSCRIBE 2 {"match":"prefix"} com.acme.log.
            bob> SUBSCRIBE 3 {} com.acme.other
            bob> CALL 4 {} wamp.subscription.get_events [sub#1]
            bob> CALL 5 {} wamp.subscription.get_events [sub#2]
            bob> CALL 6 {} wamp.subscription.get_events [sub#3]
            bob> CALL 7 {} wamp.subscription.get_events [sub#1] {"reverse":true,"limit":1}
        "#,
        expect![[r#"
            bob< SUBSCRIBED 1 sub#1
            bob< SUBSCRIBED 2 sub#2
            bob< SUBSCRIBED 3 sub#3
            bob< RESULT 4 {} [{"timestamp":"2026-11-22T12:00:00.000Z","subscription":sub#1,"publication":6607762075843606,"details":{},"args":[1]},{"timestamp":"2026-11-22T12:00:01.500Z","subscription":sub#1,"publication":4208324896946219,"details":{"publisher":1,"publisher_authid":"alice","publisher_authrole":"anyone"},"args":[2],"kwargs":{"k":"v"}}]
            bob< RESULT 5 {} [{"timestamp":"2026-11-22T12:00:01.500Z","subscription":sub#2,"publication":1808887718048832,"details":{"topic":"com.acme.log.door"},"args":["open"]}]
            bob< RESULT 6 {}
            bob< RESULT 7 {} [{"timestamp":"2026-11-22T12:00:01.500Z","subscription":sub#1,"publication":4208324896946219,"details":{"publisher":1,"publisher_authid":"alice","publisher_authrole":"anyone"},"args":[2],"kwargs":{"k":"v"}}]
        "#]],
    );
}

/// Conformance: HIS-04
#[test]
fn meta_gen_01_arguments_of_get_events_that_do_not_fit() {
    check_with(
        kept(),
        r#"
            bob> SUBSCRIBE 1 {} com.acme.tick
            bob> CALL 2 {} wamp.subscription.get_events
            bob> CALL 3 {} wamp.subscription.get_events ["one"]
            bob> CALL 4 {} wamp.subscription.get_events [sub#1] {"limit":0}
            bob> CALL 5 {} wamp.subscription.get_events [sub#1] {"from_time":"yesterday"}
            bob> CALL 6 {} wamp.subscription.get_events [7]
            bob> CALL 7 {} wamp.subscription.get_events [sub#1,10]
            bob> CALL 8 {} wamp.subscription.get_events [sub#1] {"from_time":"2030-01-01T00:00:00Z","before_time":"2020-01-01T00:00:00Z"}
        "#,
        expect![[r#"
            bob< SUBSCRIBED 1 sub#1
            bob< ERROR CALL 2 {} wamp.error.invalid_argument ["the argument \"subscription\" is missing"]
            bob< ERROR CALL 3 {} wamp.error.invalid_argument ["the argument \"subscription\" has to be an ID in [1, 2^53]"]
            bob< ERROR CALL 4 {} wamp.error.invalid_argument ["limit has to be a positive integer"]
            bob< ERROR CALL 5 {} wamp.error.invalid_argument ["from_time has to be a time as in RFC 3339"]
            bob< ERROR CALL 6 {} wamp.error.no_such_subscription ["subscription 7 does not exist"]
            bob< ERROR CALL 7 {} wamp.error.invalid_argument ["arguments too many: 1"]
            bob< RESULT 8 {}
        "#]],
    );
}

#[test]
fn his_08_a_caller_who_may_not_call_or_not_subscribe_gets_nothing() {
    check_with(
        kept(),
        r#"
            alice> PUBLISH 1 {} com.acme.tick [1]
            alice> SUBSCRIBE 2 {} com.acme.tick
            carol is carol in role clerk
            carol> CALL 1 {} wamp.subscription.get_events [sub#1]
            gus is gus in role guest
            gus> CALL 1 {} wamp.subscription.get_events [sub#1]
        "#,
        expect![[r#"
            alice< SUBSCRIBED 2 sub#1
            carol< ERROR CALL 1 {} wamp.error.not_authorized ["role \"clerk\" may not subscribe \"com.acme.tick\""]
            gus< ERROR CALL 1 {} wamp.error.not_authorized ["role \"guest\" may not call \"wamp.subscription.get_events\""]
        "#]],
    );
}

#[test]
fn a_18_in_profile_crossbar_one_list_the_newest_first() {
    check_with(
        RealmSettings { profile: Profile::Crossbar, ..kept() },
        r#"
            alice> PUBLISH 1 {} com.acme.tick [1]
            alice> PUBLISH 2 {} com.acme.tick [2]
            bob> SUBSCRIBE 1 {} com.acme.tick
            bob> SUBSCRIBE 2 {} com.acme.other
            bob> CALL 3 {} wamp.subscription.get_events [sub#1]
            bob> CALL 4 {} wamp.subscription.get_events [sub#1,1]
            bob> CALL 5 {} wamp.subscription.get_events [sub#2]
        "#,
        expect![[r#"
            bob< SUBSCRIBED 1 sub#1
            bob< SUBSCRIBED 2 sub#2
            bob< RESULT 3 {} [[{"timestamp":"2026-11-22T12:00:00.000Z","subscription":sub#1,"publication":4208324896946219,"details":{},"args":[2]},{"timestamp":"2026-11-22T12:00:00.000Z","subscription":sub#1,"publication":6607762075843606,"details":{},"args":[1]}]]
            bob< RESULT 4 {} [[{"timestamp":"2026-11-22T12:00:00.000Z","subscription":sub#1,"publication":4208324896946219,"details":{},"args":[2]}]]
            bob< ERROR CALL 5 {} wamp.error.history_unavailable ["subscription sub#2 has no history"]
        "#]],
    );
}

/// Conformance: META-SUB-01, META-SUB-04
#[test]
fn his_09_a_subscription_with_a_history_is_there_before_and_after_its_subscribers() {
    check_with(
        kept(),
        r#"
            m> SUBSCRIBE 1 {"match":"prefix"} wamp.subscription.
            bob> SUBSCRIBE 1 {} com.acme.tick
            bob> UNSUBSCRIBE 2 sub#2
            bob> CALL 3 {} wamp.subscription.get [sub#2]
            bob> CALL 4 {} wamp.subscription.count_subscribers [sub#2]
        "#,
        expect![[r#"
            m< SUBSCRIBED 1 sub#1
            m< EVENT sub#1 pub#1 {"topic":"wamp.subscription.on_create"} [1,{"id":sub#1,"created":"2026-11-22T12:00:00Z","uri":"wamp.subscription.","match":"prefix"}]
            m< EVENT sub#1 pub#2 {"topic":"wamp.subscription.on_subscribe"} [1,sub#1]
            bob< SUBSCRIBED 1 sub#2
            m< EVENT sub#1 pub#3 {"topic":"wamp.subscription.on_subscribe"} [2,sub#2]
            bob< UNSUBSCRIBED 2
            m< EVENT sub#1 pub#4 {"topic":"wamp.subscription.on_unsubscribe"} [2,sub#2]
            bob< RESULT 3 {} [{"id":sub#2,"created":"2026-11-22T11:00:00Z","uri":"com.acme.tick","match":"exact"}]
            bob< RESULT 4 {} [0]
        "#]],
    );
}

#[test]
fn his_01_what_no_message_can_hold_is_refused_and_can_be_asked_for_in_parts() {
    check_with(
        RealmSettings { message_max_bytes: 512, ..kept() },
        r#"
            alice> PUBLISH 1 {} com.acme.tick [1]
            alice> PUBLISH 2 {} com.acme.tick [2]
            alice> PUBLISH 3 {} com.acme.tick [3]
            alice> PUBLISH 4 {} com.acme.tick [4]
            bob> SUBSCRIBE 1 {} com.acme.tick
            bob> CALL 2 {} wamp.subscription.get_events [sub#1]
            bob> CALL 3 {} wamp.subscription.get_events [sub#1] {"limit":1}
        "#,
        expect![[r#"
            bob< SUBSCRIBED 1 sub#1
            bob< ERROR CALL 2 {} wamp.error.payload_size_exceeded ["the result is larger than a message may be; ask for less, for example with limit"]
            bob< RESULT 3 {} [{"timestamp":"2026-11-22T12:00:00.000Z","subscription":sub#1,"publication":6607762075843606,"details":{},"args":[1]}]
        "#]],
    );
}
