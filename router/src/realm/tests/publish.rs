//! PUBLISH, PUBLISHED, EVENT.

use expect_test::expect;

use super::check;

#[test]
fn pub_01_publish_is_not_answered_unless_asked_for() {
    check(
        r#"
            bob> PUBLISH 1 {} com.acme.tick [7]
            bob> PUBLISH 2 {"acknowledge":false} com.acme.tick [8]
            bob> PUBLISH 3 {"acknowledge":true} com.acme.tick [9]
        "#,
        expect![[r#"
            bob< PUBLISHED 3 pub#1
        "#]],
    );
}

/// Conformance: URI-06
#[test]
fn pub_01_a_bad_topic_is_not_answered_unless_asked_for() {
    check(
        r#"
            bob> PUBLISH 1 {} com..tick [7]
            bob> PUBLISH 2 {"acknowledge":false} wamp.tick [8]
            bob> PUBLISH 3 {"acknowledge":true} com.acme.tick [9]
        "#,
        expect![[r#"
            bob< PUBLISHED 3 pub#1
        "#]],
    );
}

/// Conformance: ID-06
#[test]
fn pub_02_publish_is_acknowledged_when_asked_for() {
    check(
        r#"
            bob> PUBLISH 1 {"acknowledge":true} com.acme.tick [7] {"a":1}
        "#,
        expect![[r#"
            bob< PUBLISHED 1 pub#1
        "#]],
    );
}

/// Conformance: URI-06, PV-10
#[test]
fn pub_02_a_bad_topic_is_answered_with_one_error() {
    check(
        r#"
            bob> PUBLISH 1 {"acknowledge":true} com..tick [7]
        "#,
        expect![[r#"
            bob< ERROR PUBLISH 1 {} wamp.error.invalid_uri ["the URI has an empty component"]
        "#]],
    );
}

#[test]
fn uri_05_nobody_publishes_on_the_routers_topics() {
    check(
        r#"
            alice> SUBSCRIBE 1 {} wamp.session.on_join
            bob> PUBLISH 1 {"acknowledge":true} wamp.session.on_join [7]
            bob> PUBLISH 2 {} wamp.session.on_join [8]
        "#,
        expect![[r#"
            alice< SUBSCRIBED 1 sub#1
            alice< EVENT sub#1 pub#1 {} [{"session":2,"authid":"bob","authrole":"anyone","authmethod":"anonymous","authprovider":"static"}]
            bob< ERROR PUBLISH 1 {} wamp.error.invalid_uri ["URIs that begin with \"wamp\" are the router's"]
        "#]],
    );
}

#[test]
fn uri_05_only_the_whole_component_wamp_is_reserved() {
    check(
        r#"
            alice> SUBSCRIBE 1 {} wampx.tick
            bob> PUBLISH 1 {"acknowledge":true} wampx.tick [7]
        "#,
        expect![[r#"
            alice< SUBSCRIBED 1 sub#1
            bob< PUBLISHED 1 pub#1
            alice< EVENT sub#1 pub#1 {} [7]
        "#]],
    );
}

#[test]
fn pub_03_the_publisher_does_not_get_its_own_event() {
    check(
        r#"
            alice> SUBSCRIBE 1 {} com.acme.tick
            bob> SUBSCRIBE 1 {} com.acme.tick
            bob> PUBLISH 2 {} com.acme.tick [7]
        "#,
        expect![[r#"
            alice< SUBSCRIBED 1 sub#1
            bob< SUBSCRIBED 1 sub#1
            alice< EVENT sub#1 pub#1 {} [7]
        "#]],
    );
}

#[test]
fn exc_01_exclude_me_false_brings_the_publisher_its_own_event() {
    check(
        r#"
            bob> SUBSCRIBE 1 {} com.acme.tick
            bob> PUBLISH 2 {"exclude_me":false} com.acme.tick [1]
            bob> PUBLISH 3 {"exclude_me":true} com.acme.tick [2]
            bob> PUBLISH 4 {} com.acme.tick [3]
        "#,
        expect![[r#"
            bob< SUBSCRIBED 1 sub#1
            bob< EVENT sub#1 pub#1 {} [1]
        "#]],
    );
}

#[test]
fn exc_01_a_publisher_that_does_not_subscribe_gets_nothing() {
    check(
        r#"
            alice> SUBSCRIBE 1 {} com.acme.tick
            bob> PUBLISH 1 {"exclude_me":false} com.acme.tick [1]
        "#,
        expect![[r#"
            alice< SUBSCRIBED 1 sub#1
            alice< EVENT sub#1 pub#1 {} [1]
        "#]],
    );
}

#[test]
fn pub_04_the_payload_arrives_as_it_was_sent() {
    check(
        r#"
            alice> SUBSCRIBE 1 {} com.acme.tick
            bob> PUBLISH 1 {} com.acme.tick [1, 2.50, "\u00e4", null, {"b": [true]}] {"x": {}, "a": -0.0}
        "#,
        expect![[r#"
            alice< SUBSCRIBED 1 sub#1
            alice< EVENT sub#1 pub#1 {} [1, 2.50, "\u00e4", null, {"b": [true]}] {"x": {}, "a": -0.0}
        "#]],
    );
}

#[test]
fn pub_04_absent_and_empty_elements_stay_what_they_were() {
    check(
        r#"
            alice> SUBSCRIBE 1 {} com.acme.tick
            bob> PUBLISH 1 {} com.acme.tick
            bob> PUBLISH 2 {} com.acme.tick []
            bob> PUBLISH 3 {} com.acme.tick [] {}
            bob> PUBLISH 4 {} com.acme.tick [] {"a":1}
        "#,
        expect![[r#"
            alice< SUBSCRIBED 1 sub#1
            alice< EVENT sub#1 pub#1 {}
            alice< EVENT sub#1 pub#2 {} []
            alice< EVENT sub#1 pub#3 {} [] {}
            alice< EVENT sub#1 pub#4 {} [] {"a":1}
        "#]],
    );
}

#[test]
fn pub_05_details_of_an_event_are_empty() {
    check(
        r#"
            alice> SUBSCRIBE 1 {} com.acme.tick
            bob> PUBLISH 1 {"_trace_id":"x"} com.acme.tick [7]
        "#,
        expect![[r#"
            alice< SUBSCRIBED 1 sub#1
            alice< EVENT sub#1 pub#1 {} [7]
        "#]],
    );
}

#[test]
fn sub_06_each_subscriber_of_the_topic_gets_one_event() {
    check(
        r#"
            alice> SUBSCRIBE 1 {} com.acme.tick
            bob> SUBSCRIBE 1 {} com.acme.tick
            carol> SUBSCRIBE 1 {} com.acme.tock
            dave> PUBLISH 1 {} com.acme.tick [7]
        "#,
        expect![[r#"
            alice< SUBSCRIBED 1 sub#1
            bob< SUBSCRIBED 1 sub#1
            carol< SUBSCRIBED 1 sub#2
            alice< EVENT sub#1 pub#1 {} [7]
            bob< EVENT sub#1 pub#1 {} [7]
        "#]],
    );
}

#[test]
fn a_topic_is_matched_exactly() {
    check(
        r#"
            alice> SUBSCRIBE 1 {} com.acme.tick
            bob> PUBLISH 1 {} com.acme [1]
            bob> PUBLISH 2 {} com.acme.tick.x [2]
            bob> PUBLISH 3 {} com.acme.Tick [3]
        "#,
        expect![[r#"
            alice< SUBSCRIBED 1 sub#1
        "#]],
    );
}

#[test]
fn id_08_published_and_events_carry_the_same_publication() {
    check(
        r#"
            alice> SUBSCRIBE 1 {} com.acme.tick
            bob> SUBSCRIBE 1 {} com.acme.tick
            carol> PUBLISH 1 {"acknowledge":true} com.acme.tick [7]
            carol> PUBLISH 2 {"acknowledge":true} com.acme.tick [7]
        "#,
        expect![[r#"
            alice< SUBSCRIBED 1 sub#1
            bob< SUBSCRIBED 1 sub#1
            carol< PUBLISHED 1 pub#1
            alice< EVENT sub#1 pub#1 {} [7]
            bob< EVENT sub#1 pub#1 {} [7]
            carol< PUBLISHED 2 pub#2
            alice< EVENT sub#1 pub#2 {} [7]
            bob< EVENT sub#1 pub#2 {} [7]
        "#]],
    );
}

/// Conformance: PUB-02
#[test]
fn ord_06_published_precedes_the_publishers_own_event() {
    check(
        r#"
            bob> SUBSCRIBE 1 {} com.acme.tick
            bob> PUBLISH 2 {"acknowledge":true,"exclude_me":false} com.acme.tick [7]
        "#,
        expect![[r#"
            bob< SUBSCRIBED 1 sub#1
            bob< PUBLISHED 2 pub#1
            bob< EVENT sub#1 pub#1 {} [7]
        "#]],
    );
}

#[test]
fn ord_01_events_of_one_publisher_keep_their_order_across_topics() {
    check(
        r#"
            alice> SUBSCRIBE 1 {} com.acme.tick
            alice> SUBSCRIBE 2 {} com.acme.tock
            bob> PUBLISH 1 {} com.acme.tick [1]
            bob> PUBLISH 2 {} com.acme.tock [2]
            bob> PUBLISH 3 {"acknowledge":true} com.acme.tick [3]
            bob> PUBLISH 4 {} com.acme.tock [4]
        "#,
        expect![[r#"
            alice< SUBSCRIBED 1 sub#1
            alice< SUBSCRIBED 2 sub#2
            alice< EVENT sub#1 pub#1 {} [1]
            alice< EVENT sub#2 pub#2 {} [2]
            bob< PUBLISHED 3 pub#3
            alice< EVENT sub#1 pub#3 {} [3]
            alice< EVENT sub#2 pub#4 {} [4]
        "#]],
    );
}
