//! The subscription meta API.

use expect_test::expect;
use wamp_proto::Profile;

use super::{RealmSettings, check, check_with, settings};

/// Conformance: META-SUB-01
#[test]
fn meta_sub_02_events_come_in_order() {
    check(
        r#"
            m> SUBSCRIBE 1 {"match":"prefix"} wamp.subscription.
            a> SUBSCRIBE 1 {} com.acme.tick
            a> SUBSCRIBE 2 {} com.acme.tick
            500 ms later
            b> SUBSCRIBE 1 {} com.acme.tick
            b> SUBSCRIBE 2 {"match":"wildcard"} com..tick
            a> UNSUBSCRIBE 3 sub#2
            b> leave
        "#,
        expect![[r#"
            m< SUBSCRIBED 1 sub#1
            m< EVENT sub#1 pub#1 {"topic":"wamp.subscription.on_create"} [1,{"id":sub#1,"created":"2026-11-22T12:00:00Z","uri":"wamp.subscription.","match":"prefix"}]
            m< EVENT sub#1 pub#2 {"topic":"wamp.subscription.on_subscribe"} [1,sub#1]
            a< SUBSCRIBED 1 sub#2
            m< EVENT sub#1 pub#3 {"topic":"wamp.subscription.on_create"} [2,{"id":sub#2,"created":"2026-11-22T12:00:00Z","uri":"com.acme.tick","match":"exact"}]
            m< EVENT sub#1 pub#4 {"topic":"wamp.subscription.on_subscribe"} [2,sub#2]
            a< SUBSCRIBED 2 sub#2
            b< SUBSCRIBED 1 sub#2
            m< EVENT sub#1 pub#5 {"topic":"wamp.subscription.on_subscribe"} [3,sub#2]
            b< SUBSCRIBED 2 sub#3
            m< EVENT sub#1 pub#6 {"topic":"wamp.subscription.on_create"} [3,{"id":sub#3,"created":"2026-11-22T12:00:00.5Z","uri":"com..tick","match":"wildcard"}]
            m< EVENT sub#1 pub#7 {"topic":"wamp.subscription.on_subscribe"} [3,sub#3]
            a< UNSUBSCRIBED 3
            m< EVENT sub#1 pub#8 {"topic":"wamp.subscription.on_unsubscribe"} [2,sub#2]
            m< EVENT sub#1 pub#9 {"topic":"wamp.subscription.on_unsubscribe"} [3,sub#3]
            m< EVENT sub#1 pub#10 {"topic":"wamp.subscription.on_delete"} [3,sub#3]
            m< EVENT sub#1 pub#11 {"topic":"wamp.subscription.on_unsubscribe"} [3,sub#2]
            m< EVENT sub#1 pub#12 {"topic":"wamp.subscription.on_delete"} [3,sub#2]
        "#]],
    );
}

#[test]
fn meta_sub_05_meta_events_are_ordinary_events_to_the_cause_too() {
    check(
        r#"
            a> SUBSCRIBE 1 {} wamp.subscription.on_subscribe
            a> SUBSCRIBE 2 {"match":"wildcard"} wamp..on_unsubscribe
            a> SUBSCRIBE 3 {} com.acme.tick
            a> UNSUBSCRIBE 4 sub#3
            a> UNSUBSCRIBE 5 sub#2
        "#,
        expect![[r#"
            a< SUBSCRIBED 1 sub#1
            a< EVENT sub#1 pub#1 {} [1,sub#1]
            a< SUBSCRIBED 2 sub#2
            a< EVENT sub#1 pub#2 {} [1,sub#2]
            a< SUBSCRIBED 3 sub#3
            a< EVENT sub#1 pub#3 {} [1,sub#3]
            a< UNSUBSCRIBED 4
            a< EVENT sub#2 pub#4 {"topic":"wamp.subscription.on_unsubscribe"} [1,sub#3]
            a< UNSUBSCRIBED 5
        "#]],
    );
}

#[test]
fn meta_sub_05_in_the_profile_crossbar_meta_topics_are_not_announced() {
    check_with(
        RealmSettings { profile: Profile::Crossbar, ..settings() },
        r#"
            m> SUBSCRIBE 1 {"match":"prefix"} wamp.subscription.
            a> SUBSCRIBE 1 {} wamp.session.on_join
            a> SUBSCRIBE 2 {} com.acme.tick
            a> leave
        "#,
        expect![[r#"
            m< SUBSCRIBED 1 sub#1
            a< SUBSCRIBED 1 sub#2
            a< SUBSCRIBED 2 sub#3
            m< EVENT sub#1 pub#1 {"topic":"wamp.subscription.on_create"} [2,{"id":sub#3,"created":"2026-11-22T12:00:00Z","uri":"com.acme.tick","match":"exact"}]
            m< EVENT sub#1 pub#2 {"topic":"wamp.subscription.on_subscribe"} [2,sub#3]
            m< EVENT sub#1 pub#3 {"topic":"wamp.subscription.on_unsubscribe"} [2,sub#3]
            m< EVENT sub#1 pub#4 {"topic":"wamp.subscription.on_delete"} [2,sub#3]
        "#]],
    );
}

#[test]
fn meta_sub_03_subscriptions_are_found_by_their_uri_and_by_what_they_match() {
    check(
        r#"
            m> CALL 1 {} wamp.subscription.list
            a> SUBSCRIBE 1 {} com.acme.tick
            a> SUBSCRIBE 2 {"match":"prefix"} com.acme
            a> SUBSCRIBE 3 {"match":"wildcard"} com..tick
            b> SUBSCRIBE 1 {} com.acme.tick
            m> CALL 2 {} wamp.subscription.list
            m> CALL 3 {} wamp.subscription.lookup ["com.acme.tick"]
            m> CALL 4 {} wamp.subscription.lookup ["com.acme",{"match":"prefix"}]
            m> CALL 5 {} wamp.subscription.lookup ["com.acme"]
            m> CALL 6 {} wamp.subscription.match ["com.acme.tick"]
            m> CALL 7 {} wamp.subscription.match ["com.other.tick"]
            m> CALL 8 {} wamp.subscription.match ["com.other.tock"]
        "#,
        expect![[r#"
            m< RESULT 1 {} [{"exact":[],"prefix":[],"wildcard":[]}]
            a< SUBSCRIBED 1 sub#1
            a< SUBSCRIBED 2 sub#2
            a< SUBSCRIBED 3 sub#3
            b< SUBSCRIBED 1 sub#1
            m< RESULT 2 {} [{"exact":[sub#1],"prefix":[sub#2],"wildcard":[sub#3]}]
            m< RESULT 3 {} [sub#1]
            m< RESULT 4 {} [sub#2]
            m< RESULT 5 {} [null]
            m< RESULT 6 {} [[sub#1,sub#2,sub#3]]
            m< RESULT 7 {} [[sub#3]]
            m< RESULT 8 {} [null]
        "#]],
    );
}

#[test]
fn meta_sub_04_a_subscription_and_its_subscribers() {
    check(
        r#"
            a> SUBSCRIBE 1 {"match":"prefix"} com.acme.
            b> SUBSCRIBE 1 {"match":"prefix"} com.acme.
            m> CALL 1 {} wamp.subscription.get [sub#1]
            m> CALL 2 {} wamp.subscription.list_subscribers [sub#1]
            m> CALL 3 {} wamp.subscription.count_subscribers [] {"subscription":sub#1}
            m> CALL 4 {} wamp.subscription.get [77]
            m> CALL 5 {} wamp.subscription.list_subscribers [77]
            m> CALL 6 {} wamp.subscription.count_subscribers [77]
        "#,
        expect![[r#"
            a< SUBSCRIBED 1 sub#1
            b< SUBSCRIBED 1 sub#1
            m< RESULT 1 {} [{"id":sub#1,"created":"2026-11-22T12:00:00Z","uri":"com.acme.","match":"prefix"}]
            m< RESULT 2 {} [[1,2]]
            m< RESULT 3 {} [2]
            m< ERROR CALL 4 {} wamp.error.no_such_subscription ["subscription 77 does not exist"]
            m< ERROR CALL 5 {} wamp.error.no_such_subscription ["subscription 77 does not exist"]
            m< ERROR CALL 6 {} wamp.error.no_such_subscription ["subscription 77 does not exist"]
        "#]],
    );
}

/// Conformance: ORD-05
#[test]
fn srv_01_a_removed_subscriber_is_told_if_it_can_be() {
    check(
        r#"
            m> SUBSCRIBE 1 {"match":"prefix"} wamp.subscription.
            a> SUBSCRIBE 1 {} com.acme.tick
            old> SUBSCRIBE 1 {} com.acme.tick
            b> SUBSCRIBE 1 {} com.acme.tick
            m> CALL 2 {} wamp.subscription.remove_subscriber [sub#2,2,"com.acme.enough"]
            m> CALL 3 {} wamp.subscription.remove_subscriber [sub#2,3]
            m> PUBLISH 4 {} com.acme.tick [7]
            m> CALL 5 {} wamp.subscription.remove_subscriber [] {"subscription":sub#2,"subscriber":4}
            m> PUBLISH 6 {} com.acme.tick [8]
            a> UNSUBSCRIBE 2 sub#2
            a> SUBSCRIBE 3 {} com.acme.tick
        "#,
        expect![[r#"
            m< SUBSCRIBED 1 sub#1
            m< EVENT sub#1 pub#1 {"topic":"wamp.subscription.on_create"} [1,{"id":sub#1,"created":"2026-11-22T12:00:00Z","uri":"wamp.subscription.","match":"prefix"}]
            m< EVENT sub#1 pub#2 {"topic":"wamp.subscription.on_subscribe"} [1,sub#1]
            a< SUBSCRIBED 1 sub#2
            m< EVENT sub#1 pub#3 {"topic":"wamp.subscription.on_create"} [2,{"id":sub#2,"created":"2026-11-22T12:00:00Z","uri":"com.acme.tick","match":"exact"}]
            m< EVENT sub#1 pub#4 {"topic":"wamp.subscription.on_subscribe"} [2,sub#2]
            old< SUBSCRIBED 1 sub#2
            m< EVENT sub#1 pub#5 {"topic":"wamp.subscription.on_subscribe"} [3,sub#2]
            b< SUBSCRIBED 1 sub#2
            m< EVENT sub#1 pub#6 {"topic":"wamp.subscription.on_subscribe"} [4,sub#2]
            a< UNSUBSCRIBED 0 {"subscription":sub#2,"reason":"com.acme.enough"}
            m< EVENT sub#1 pub#7 {"topic":"wamp.subscription.on_unsubscribe"} [2,sub#2]
            m< RESULT 2 {}
            m< EVENT sub#1 pub#8 {"topic":"wamp.subscription.on_unsubscribe"} [3,sub#2]
            m< RESULT 3 {}
            b< EVENT sub#2 pub#9 {} [7]
            b< UNSUBSCRIBED 0 {"subscription":sub#2}
            m< EVENT sub#1 pub#10 {"topic":"wamp.subscription.on_unsubscribe"} [4,sub#2]
            m< EVENT sub#1 pub#11 {"topic":"wamp.subscription.on_delete"} [4,sub#2]
            m< RESULT 5 {}
            a< ERROR UNSUBSCRIBE 2 {} wamp.error.no_such_subscription ["subscription sub#2 is not held by this session"]
            a< SUBSCRIBED 3 sub#2
            m< EVENT sub#1 pub#12 {"topic":"wamp.subscription.on_create"} [2,{"id":sub#2,"created":"2026-11-22T12:00:00Z","uri":"com.acme.tick","match":"exact"}]
            m< EVENT sub#1 pub#13 {"topic":"wamp.subscription.on_subscribe"} [2,sub#2]
        "#]],
    );
}

#[test]
fn srv_01_what_cannot_be_removed() {
    check(
        r#"
            a> SUBSCRIBE 1 {} com.acme.tick
            m> CALL 1 {} wamp.subscription.remove_subscriber [77,1]
            m> CALL 2 {} wamp.subscription.remove_subscriber [sub#1,2]
            m> CALL 3 {} wamp.subscription.remove_subscriber [sub#1,99]
            m> CALL 4 {} wamp.subscription.remove_subscriber [sub#1,1,"x y"]
            m> CALL 5 {} wamp.subscription.count_subscribers [sub#1]
        "#,
        expect![[r#"
            a< SUBSCRIBED 1 sub#1
            m< ERROR CALL 1 {} wamp.error.no_such_subscription ["subscription 77 does not exist"]
            m< ERROR CALL 2 {} wamp.error.no_such_session ["session 2 is no subscriber of subscription sub#1 now"]
            m< ERROR CALL 3 {} wamp.error.no_such_session ["session 99 is no subscriber of subscription sub#1 now"]
            m< ERROR CALL 4 {} wamp.error.invalid_uri ["the URI has an illegal character"]
            m< RESULT 5 {} [1]
        "#]],
    );
}
