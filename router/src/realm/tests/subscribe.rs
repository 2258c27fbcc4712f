//! SUBSCRIBE, UNSUBSCRIBE, and what subscriptions are called.

use expect_test::expect;

use super::{RealmSettings, Stage, check, settings};

/// Conformance: ID-06
#[test]
fn sub_01_subscribe_is_answered_once() {
    check(
        r#"
            alice> SUBSCRIBE 1 {} com.acme.tick
        "#,
        expect![[r#"
            alice< SUBSCRIBED 1 sub#1
        "#]],
    );
}

/// Conformance: URI-06, PV-10
#[test]
fn sub_01_a_bad_topic_is_answered_with_one_error() {
    check(
        r#"
            alice> SUBSCRIBE 1 {} com..tick
        "#,
        expect![[r#"
            alice< ERROR SUBSCRIBE 1 {} wamp.error.invalid_uri ["the URI has an empty component"]
        "#]],
    );
}

#[test]
fn uri_06_after_a_bad_uri_the_session_lives_on() {
    check(
        r#"
            alice> SUBSCRIBE 1 {} com.acme.#
            alice> SUBSCRIBE 2 {} com.acme.tick
        "#,
        expect![[r#"
            alice< ERROR SUBSCRIBE 1 {} wamp.error.invalid_uri ["the URI has an illegal character"]
            alice< SUBSCRIBED 2 sub#1
        "#]],
    );
}

#[test]
fn uri_05_the_routers_own_topics_may_be_subscribed() {
    check(
        r#"
            alice> SUBSCRIBE 1 {} wamp.session.on_join
        "#,
        expect![[r#"
            alice< SUBSCRIBED 1 sub#1
        "#]],
    );
}

#[test]
fn sub_02_subscribing_again_returns_the_same_subscription() {
    check(
        r#"
            alice> SUBSCRIBE 1 {} com.acme.tick
            alice> SUBSCRIBE 2 {} com.acme.tick
        "#,
        expect![[r#"
            alice< SUBSCRIBED 1 sub#1
            alice< SUBSCRIBED 2 sub#1
        "#]],
    );
}

/// Conformance: SUB-06
#[test]
fn sub_02_subscribing_again_brings_no_event_twice() {
    check(
        r#"
            alice> SUBSCRIBE 1 {} com.acme.tick
            alice> SUBSCRIBE 2 {"match":"exact"} com.acme.tick
            bob> PUBLISH 1 {} com.acme.tick [7]
        "#,
        expect![[r#"
            alice< SUBSCRIBED 1 sub#1
            alice< SUBSCRIBED 2 sub#1
            alice< EVENT sub#1 pub#1 {} [7]
        "#]],
    );
}

/// Conformance: SUB-04
#[test]
fn sub_02_one_unsubscribe_undoes_any_number_of_subscribes() {
    check(
        r#"
            alice> SUBSCRIBE 1 {} com.acme.tick
            alice> SUBSCRIBE 2 {} com.acme.tick
            alice> UNSUBSCRIBE 3 sub#1
            bob> PUBLISH 1 {} com.acme.tick [7]
            alice> UNSUBSCRIBE 4 sub#1
        "#,
        expect![[r#"
            alice< SUBSCRIBED 1 sub#1
            alice< SUBSCRIBED 2 sub#1
            alice< UNSUBSCRIBED 3
            alice< ERROR UNSUBSCRIBE 4 {} wamp.error.no_such_subscription ["subscription sub#1 is not held by this session"]
        "#]],
    );
}

#[test]
fn id_03_subscribers_of_a_topic_share_the_subscription() {
    check(
        r#"
            alice> SUBSCRIBE 1 {} com.acme.tick
            bob> SUBSCRIBE 1 {} com.acme.tick
            bob> SUBSCRIBE 2 {} com.acme.tock
        "#,
        expect![[r#"
            alice< SUBSCRIBED 1 sub#1
            bob< SUBSCRIBED 1 sub#1
            bob< SUBSCRIBED 2 sub#2
        "#]],
    );
}

/// Conformance: ID-06
#[test]
fn sub_04_unsubscribe_is_answered_once() {
    check(
        r#"
            alice> SUBSCRIBE 1 {} com.acme.tick
            alice> UNSUBSCRIBE 2 sub#1
        "#,
        expect![[r#"
            alice< SUBSCRIBED 1 sub#1
            alice< UNSUBSCRIBED 2
        "#]],
    );
}

/// Conformance: PV-10
#[test]
fn sub_04_an_unknown_subscription_cannot_be_given_up() {
    check(
        r#"
            alice> UNSUBSCRIBE 1 4711
        "#,
        expect![[r#"
            alice< ERROR UNSUBSCRIBE 1 {} wamp.error.no_such_subscription ["subscription 4711 is not held by this session"]
        "#]],
    );
}

#[test]
fn sub_04_a_subscription_of_another_session_cannot_be_given_up() {
    check(
        r#"
            alice> SUBSCRIBE 1 {} com.acme.tick
            bob> UNSUBSCRIBE 1 sub#1
            carol> PUBLISH 1 {} com.acme.tick [7]
        "#,
        expect![[r#"
            alice< SUBSCRIBED 1 sub#1
            bob< ERROR UNSUBSCRIBE 1 {} wamp.error.no_such_subscription ["subscription sub#1 is not held by this session"]
            alice< EVENT sub#1 pub#1 {} [7]
        "#]],
    );
}

#[test]
fn sub_04_a_subscription_cannot_be_given_up_twice() {
    check(
        r#"
            alice> SUBSCRIBE 1 {} com.acme.tick
            alice> UNSUBSCRIBE 2 sub#1
            alice> UNSUBSCRIBE 3 sub#1
        "#,
        expect![[r#"
            alice< SUBSCRIBED 1 sub#1
            alice< UNSUBSCRIBED 2
            alice< ERROR UNSUBSCRIBE 3 {} wamp.error.no_such_subscription ["subscription sub#1 is not held by this session"]
        "#]],
    );
}

#[test]
fn ord_02_subscribed_arrives_before_the_first_event() {
    check(
        r#"
            alice> SUBSCRIBE 1 {} com.acme.tick
            bob> PUBLISH 1 {} com.acme.tick [7]
        "#,
        expect![[r#"
            alice< SUBSCRIBED 1 sub#1
            alice< EVENT sub#1 pub#1 {} [7]
        "#]],
    );
}

/// Conformance: SUB-05
#[test]
fn ord_05_no_event_after_unsubscribed() {
    check(
        r#"
            alice> SUBSCRIBE 1 {} com.acme.tick
            bob> PUBLISH 1 {} com.acme.tick [1]
            alice> UNSUBSCRIBE 2 sub#1
            bob> PUBLISH 2 {} com.acme.tick [2]
        "#,
        expect![[r#"
            alice< SUBSCRIBED 1 sub#1
            alice< EVENT sub#1 pub#1 {} [1]
            alice< UNSUBSCRIBED 2
        "#]],
    );
}

#[test]
fn sub_05_unsubscribing_one_topic_leaves_the_others() {
    check(
        r#"
            alice> SUBSCRIBE 1 {} com.acme.tick
            alice> SUBSCRIBE 2 {} com.acme.tock
            alice> UNSUBSCRIBE 3 sub#1
            bob> PUBLISH 1 {} com.acme.tick [1]
            bob> PUBLISH 2 {} com.acme.tock [2]
        "#,
        expect![[r#"
            alice< SUBSCRIBED 1 sub#1
            alice< SUBSCRIBED 2 sub#2
            alice< UNSUBSCRIBED 3
            alice< EVENT sub#2 pub#1 {} [2]
        "#]],
    );
}

/// The last of the subscribers takes the place of the one who goes, and must be found there.
#[test]
fn who_unsubscribes_takes_nobody_else_along() {
    check(
        r#"
            alice> SUBSCRIBE 1 {} com.acme.tick
            bob> SUBSCRIBE 1 {} com.acme.tick
            carol> SUBSCRIBE 1 {} com.acme.tick
            dave> SUBSCRIBE 1 {} com.acme.tick
            alice> UNSUBSCRIBE 2 sub#1
            dave> UNSUBSCRIBE 2 sub#1
            erin> PUBLISH 1 {} com.acme.tick [7]
            carol> UNSUBSCRIBE 2 sub#1
            bob> UNSUBSCRIBE 2 sub#1
            erin> PUBLISH 2 {} com.acme.tick [8]
        "#,
        expect![[r#"
            alice< SUBSCRIBED 1 sub#1
            bob< SUBSCRIBED 1 sub#1
            carol< SUBSCRIBED 1 sub#1
            dave< SUBSCRIBED 1 sub#1
            alice< UNSUBSCRIBED 2
            dave< UNSUBSCRIBED 2
            carol< EVENT sub#1 pub#1 {} [7]
            bob< EVENT sub#1 pub#1 {} [7]
            carol< UNSUBSCRIBED 2
            bob< UNSUBSCRIBED 2
        "#]],
    );
}

#[test]
fn a_topic_without_subscribers_comes_back_under_the_same_id() {
    check(
        r#"
            alice> SUBSCRIBE 1 {} com.acme.tick
            alice> UNSUBSCRIBE 2 sub#1
            bob> SUBSCRIBE 1 {} com.acme.tick
        "#,
        expect![[r#"
            alice< SUBSCRIBED 1 sub#1
            alice< UNSUBSCRIBED 2
            bob< SUBSCRIBED 1 sub#1
        "#]],
    );
}

#[test]
fn a_topic_has_the_same_id_in_every_router_with_the_same_key() {
    let id = |settings| {
        let mut stage = Stage::new(settings);
        stage.play("alice> SUBSCRIBE 1 {} com.acme.tock\nalice> SUBSCRIBE 2 {} com.acme.tick");
        let id = stage.id("sub#2");
        stage.clear();
        id
    };
    let here = id(settings());
    assert_eq!(id(RealmSettings { table_key: [0; 16], ..settings() }), here);
    assert_ne!(id(RealmSettings { name: "realm2".into(), ..settings() }), here, "in another realm");
    assert_ne!(id(RealmSettings { subscription_key: [0; 16], ..settings() }), here, "with another key");
}
