//! Retained events: who gets one, and which. Sessions have the numbers of those who appear: 1, 2, 3.

use std::time::Duration;

use expect_test::expect;

use super::{RealmSettings, StoreLimits, check, check_with, settings};

fn retaining(limits: StoreLimits) -> RealmSettings {
    RealmSettings { retained: limits, ..settings() }
}

/// Conformance: RET-02
#[test]
fn ret_01_the_last_event_that_its_publisher_wants_retained_is() {
    check(
        r#"
            bob> PUBLISH 1 {"acknowledge":true,"retain":true} com.acme.tick ["old"]
            bob> PUBLISH 2 {"acknowledge":true,"retain":true} com.acme.tick ["new"]
            bob> PUBLISH 3 {"acknowledge":true,"retain":false} com.acme.tick ["passing"]
            bob> PUBLISH 4 {"acknowledge":true} com.acme.tick ["passing"]
            alice> SUBSCRIBE 1 {"get_retained":true} com.acme.tick
            carol> SUBSCRIBE 1 {"get_retained":false} com.acme.tick
            dave> SUBSCRIBE 1 {} com.acme.tick
            alice> SUBSCRIBE 2 {"get_retained":true} com.acme.tock
        "#,
        expect![[r#"
            bob< PUBLISHED 1 pub#1
            bob< PUBLISHED 2 pub#2
            bob< PUBLISHED 3 pub#3
            bob< PUBLISHED 4 pub#4
            alice< SUBSCRIBED 1 sub#1
            alice< EVENT sub#1 pub#2 {"retained":true} ["new"]
            carol< SUBSCRIBED 1 sub#1
            dave< SUBSCRIBED 1 sub#1
            alice< SUBSCRIBED 2 sub#2
        "#]],
    );
}

#[test]
fn ret_02_whoever_subscribes_again_gets_it_again() {
    check(
        r#"
            alice> SUBSCRIBE 1 {"get_retained":true} com.acme.tick
            bob> PUBLISH 1 {"retain":true} com.acme.tick [1]
            alice> SUBSCRIBE 2 {"get_retained":true} com.acme.tick
            alice> SUBSCRIBE 3 {} com.acme.tick
        "#,
        expect![[r#"
            alice< SUBSCRIBED 1 sub#1
            alice< EVENT sub#1 pub#1 {} [1]
            alice< SUBSCRIBED 2 sub#1
            alice< EVENT sub#1 pub#1 {"retained":true} [1]
            alice< SUBSCRIBED 3 sub#1
        "#]],
    );
}

/// Conformance: PID-01, PPT-02, TRL-01
#[test]
fn ret_02_a_retained_event_says_what_the_event_said() {
    check(
        r#"
            bob is robert in role sensor
            bob> PUBLISH 1 {"retain":true,"disclose_me":true,"ppt_scheme":"x_mine","ppt_keyid":"k1"} com.acme.tick [1] {"two":2}
            bob> leave
            alice> SUBSCRIBE 1 {"get_retained":true} com.acme.tick
        "#,
        expect![[r#"
            alice< SUBSCRIBED 1 sub#1
            alice< EVENT sub#1 pub#1 {"publisher":1,"publisher_authid":"robert","publisher_authrole":"sensor","trustlevel":3,"retained":true,"ppt_scheme":"x_mine","ppt_keyid":"k1"} [1] {"two":2}
        "#]],
    );
}

#[test]
fn ret_03_who_was_not_to_get_the_event_gets_the_one_before() {
    check(
        r#"
            pub> PUBLISH 1 {"retain":true} com.acme.tick ["for all, old"]
            pub> PUBLISH 2 {"retain":true} com.acme.tick ["for all"]
            pub> PUBLISH 3 {"retain":true,"eligible_authid":["carol"]} com.acme.tick ["superseded"]
            pub> PUBLISH 4 {"retain":true,"eligible_authid":["bob"]} com.acme.tick ["for bob"]
            alice> SUBSCRIBE 1 {"get_retained":true} com.acme.tick
            bob> SUBSCRIBE 1 {"get_retained":true} com.acme.tick
            carol> SUBSCRIBE 1 {"get_retained":true} com.acme.tick
            pub> PUBLISH 5 {"retain":true,"exclude":[2]} com.acme.tick ["not for 2"]
            alice> SUBSCRIBE 2 {"get_retained":true} com.acme.tick
            carol> SUBSCRIBE 2 {"get_retained":true} com.acme.tick
            pub> PUBLISH 6 {"retain":true,"exclude_me":false} com.acme.tick ["for all again"]
            bob> SUBSCRIBE 2 {"get_retained":true} com.acme.tick
            alice> SUBSCRIBE 3 {"get_retained":true} com.acme.tick
        "#,
        expect![[r#"
            alice< SUBSCRIBED 1 sub#1
            alice< EVENT sub#1 pub#1 {"retained":true} ["for all"]
            bob< SUBSCRIBED 1 sub#1
            bob< EVENT sub#1 pub#2 {"retained":true} ["for bob"]
            carol< SUBSCRIBED 1 sub#1
            carol< EVENT sub#1 pub#1 {"retained":true} ["for all"]
            bob< EVENT sub#1 pub#3 {} ["not for 2"]
            carol< EVENT sub#1 pub#3 {} ["not for 2"]
            alice< SUBSCRIBED 2 sub#1
            alice< EVENT sub#1 pub#1 {"retained":true} ["for all"]
            carol< SUBSCRIBED 2 sub#1
            carol< EVENT sub#1 pub#3 {"retained":true} ["not for 2"]
            alice< EVENT sub#1 pub#4 {} ["for all again"]
            bob< EVENT sub#1 pub#4 {} ["for all again"]
            carol< EVENT sub#1 pub#4 {} ["for all again"]
            bob< SUBSCRIBED 2 sub#1
            bob< EVENT sub#1 pub#4 {"retained":true} ["for all again"]
            alice< SUBSCRIBED 3 sub#1
            alice< EVENT sub#1 pub#4 {"retained":true} ["for all again"]
        "#]],
    );
}

#[test]
fn ret_03_a_restricted_event_alone_is_for_its_audience_only() {
    check(
        r#"
            pub> PUBLISH 1 {"retain":true,"exclude_authrole":["guest"]} com.acme.open.tick [1]
            alice is alice in role guest
            alice> SUBSCRIBE 1 {"get_retained":true} com.acme.open.tick
            alice> SUBSCRIBE 2 {"get_retained":true} com.acme.open.secret
            bob> SUBSCRIBE 1 {"get_retained":true} com.acme.open.tick
        "#,
        expect![[r#"
            alice< SUBSCRIBED 1 sub#1
            alice< ERROR SUBSCRIBE 2 {} wamp.error.not_authorized ["role \"guest\" may not subscribe \"com.acme.open.secret\""]
            bob< SUBSCRIBED 1 sub#1
            bob< EVENT sub#1 pub#1 {"retained":true} [1]
        "#]],
    );
}

/// Conformance: EXC-01
#[test]
fn ret_03_publishers_get_their_own_if_they_would_have() {
    check(
        r#"
            bob> PUBLISH 1 {"retain":true} com.acme.tick ["for others"]
            bob> SUBSCRIBE 2 {"get_retained":true} com.acme.tick
            bob> PUBLISH 3 {"retain":true,"exclude_me":false} com.acme.tock ["for all"]
            bob> SUBSCRIBE 4 {"get_retained":true} com.acme.tock
        "#,
        expect![[r#"
            bob< SUBSCRIBED 2 sub#1
            bob< SUBSCRIBED 4 sub#2
            bob< EVENT sub#2 pub#1 {"retained":true} ["for all"]
        "#]],
    );
}

/// Conformance: RET-03, EXC-01
#[test]
fn ret_02_publishers_get_the_last_event_of_another() {
    check(
        r#"
            alice> PUBLISH 1 {"retain":true} com.acme.tick ["of alice"]
            bob> PUBLISH 1 {"retain":true} com.acme.tick ["of bob"]
            bob> SUBSCRIBE 2 {"get_retained":true} com.acme.tick
            bob> PUBLISH 3 {"retain":true} com.acme.tick ["of bob again"]
            bob> SUBSCRIBE 4 {"get_retained":true} com.acme.tick
            alice> SUBSCRIBE 2 {"get_retained":true} com.acme.tick
            carol> SUBSCRIBE 1 {"get_retained":true} com.acme.tick
            carol> PUBLISH 2 {"retain":true} com.acme.tick ["of carol"]
            carol> PUBLISH 3 {"retain":true,"exclude_authid":["x","bob"]} com.acme.tick ["not for bob"]
            alice> SUBSCRIBE 3 {"get_retained":true} com.acme.tick
            bob> SUBSCRIBE 5 {"get_retained":true} com.acme.tick
            carol> SUBSCRIBE 4 {"get_retained":true} com.acme.tick
            dave> PUBLISH 1 {"retain":true,"exclude_me":false} com.acme.tick ["for all"]
            dave> PUBLISH 2 {"retain":true} com.acme.tick ["of dave"]
            dave> SUBSCRIBE 3 {"get_retained":true} com.acme.tick
        "#,
        expect![[r#"
            bob< SUBSCRIBED 2 sub#1
            bob< EVENT sub#1 pub#1 {"retained":true} ["of alice"]
            bob< SUBSCRIBED 4 sub#1
            bob< EVENT sub#1 pub#1 {"retained":true} ["of alice"]
            alice< SUBSCRIBED 2 sub#1
            alice< EVENT sub#1 pub#2 {"retained":true} ["of bob again"]
            carol< SUBSCRIBED 1 sub#1
            carol< EVENT sub#1 pub#2 {"retained":true} ["of bob again"]
            bob< EVENT sub#1 pub#3 {} ["of carol"]
            alice< EVENT sub#1 pub#3 {} ["of carol"]
            alice< EVENT sub#1 pub#4 {} ["not for bob"]
            alice< SUBSCRIBED 3 sub#1
            alice< EVENT sub#1 pub#4 {"retained":true} ["not for bob"]
            bob< SUBSCRIBED 5 sub#1
            bob< EVENT sub#1 pub#3 {"retained":true} ["of carol"]
            carol< SUBSCRIBED 4 sub#1
            carol< EVENT sub#1 pub#2 {"retained":true} ["of bob again"]
            bob< EVENT sub#1 pub#5 {} ["for all"]
            alice< EVENT sub#1 pub#5 {} ["for all"]
            carol< EVENT sub#1 pub#5 {} ["for all"]
            bob< EVENT sub#1 pub#6 {} ["of dave"]
            alice< EVENT sub#1 pub#6 {} ["of dave"]
            carol< EVENT sub#1 pub#6 {} ["of dave"]
            dave< SUBSCRIBED 3 sub#1
            dave< EVENT sub#1 pub#5 {"retained":true} ["for all"]
        "#]],
    );
}

#[test]
fn ret_04_an_event_outlives_its_publisher_and_arrives_first_as_any_other() {
    check(
        r#"
            alice> SUBSCRIBE 1 {} com.acme.tick
            bob> PUBLISH 1 {"retain":true} com.acme.tick [1]
            alice> UNSUBSCRIBE 2 sub#1
            bob> leave
            alice> leave
            carol> SUBSCRIBE 1 {"get_retained":true} com.acme.tick
        "#,
        expect![[r#"
            alice< SUBSCRIBED 1 sub#1
            alice< EVENT sub#1 pub#1 {} [1]
            alice< UNSUBSCRIBED 2
            carol< SUBSCRIBED 1 sub#1
            carol< EVENT sub#1 pub#1 {"retained":true} [1]
        "#]],
    );
}

#[test]
fn ret_05_patterns_bring_the_retained_event_of_every_topic_that_they_match() {
    check(
        r#"
            bob> PUBLISH 1 {"retain":true} com.acme.b.tick ["b"]
            bob> PUBLISH 2 {"retain":true} com.acme.a.tick ["a"]
            bob> PUBLISH 3 {"retain":true} com.acme.a.tock ["a.tock"]
            bob> PUBLISH 4 {"retain":true} com.acmes ["acmes"]
            bob> PUBLISH 5 {"retain":true} com.other.a.tick ["other"]
            bob> PUBLISH 6 {"retain":true,"eligible":[]} com.acme.c.tick ["nobody"]
            alice> SUBSCRIBE 1 {"get_retained":true,"match":"prefix"} com.acme
            alice> SUBSCRIBE 2 {"get_retained":true,"match":"wildcard"} com.acme..tick
            alice> SUBSCRIBE 3 {"get_retained":true,"match":"wildcard"} com..a.
            alice> SUBSCRIBE 4 {"get_retained":true} com.acme.a.tick
        "#,
        expect![[r#"
            alice< SUBSCRIBED 1 sub#1
            alice< EVENT sub#1 pub#1 {"topic":"com.acme.a.tick","retained":true} ["a"]
            alice< EVENT sub#1 pub#2 {"topic":"com.acme.a.tock","retained":true} ["a.tock"]
            alice< EVENT sub#1 pub#3 {"topic":"com.acme.b.tick","retained":true} ["b"]
            alice< EVENT sub#1 pub#4 {"topic":"com.acmes","retained":true} ["acmes"]
            alice< SUBSCRIBED 2 sub#2
            alice< EVENT sub#2 pub#1 {"topic":"com.acme.a.tick","retained":true} ["a"]
            alice< EVENT sub#2 pub#3 {"topic":"com.acme.b.tick","retained":true} ["b"]
            alice< SUBSCRIBED 3 sub#3
            alice< EVENT sub#3 pub#1 {"topic":"com.acme.a.tick","retained":true} ["a"]
            alice< EVENT sub#3 pub#2 {"topic":"com.acme.a.tock","retained":true} ["a.tock"]
            alice< EVENT sub#3 pub#5 {"topic":"com.other.a.tick","retained":true} ["other"]
            alice< SUBSCRIBED 4 sub#4
            alice< EVENT sub#4 pub#1 {"retained":true} ["a"]
        "#]],
    );
}

#[test]
fn a_retained_event_without_a_payload_clears_nothing() {
    check(
        r#"
            bob> PUBLISH 1 {"retain":true} com.acme.tick ["first"]
            bob> PUBLISH 2 {"retain":true} com.acme.tick
            alice> SUBSCRIBE 1 {"get_retained":true} com.acme.tick
        "#,
        expect![[r#"
            alice< SUBSCRIBED 1 sub#1
            alice< EVENT sub#1 pub#1 {"retained":true}
        "#]],
    );
}

#[test]
fn no_more_topics_have_retained_events_than_allowed() {
    check_with(
        retaining(StoreLimits { events: 2, max_bytes: 1 << 20, max_age: None }),
        r#"
            bob> PUBLISH 1 {"retain":true} com.acme.a [1]
            bob> PUBLISH 2 {"retain":true} com.acme.b [2]
            bob> PUBLISH 3 {"retain":true,"exclude_authid":["x"]} com.acme.b ["second of b"]
            bob> PUBLISH 4 {"retain":true} com.acme.a ["renewed"]
            bob> PUBLISH 5 {"retain":true} com.acme.c [3]
            alice> SUBSCRIBE 1 {"get_retained":true,"match":"prefix"} com.acme
        "#,
        expect![[r#"
            alice< SUBSCRIBED 1 sub#1
            alice< EVENT sub#1 pub#1 {"topic":"com.acme.a","retained":true} ["renewed"]
            alice< EVENT sub#1 pub#2 {"topic":"com.acme.c","retained":true} [3]
        "#]],
    );
}

#[test]
fn where_nothing_may_be_retained_nothing_is() {
    check_with(
        retaining(StoreLimits::default()),
        r#"
            bob> PUBLISH 1 {"retain":true,"acknowledge":true} com.acme.a [1]
            alice> SUBSCRIBE 1 {"get_retained":true} com.acme.a
        "#,
        expect![[r#"
            bob< PUBLISHED 1 pub#1
            alice< SUBSCRIBED 1 sub#1
        "#]],
    );
}

#[test]
fn retained_events_take_no_more_octets_than_allowed() {
    let long = "x".repeat(600);
    let script = r#"
        bob> PUBLISH 1 {"retain":true} com.acme.a ["short"]
        bob> PUBLISH 2 {"retain":true} com.acme.b ["short"]
        bob> PUBLISH 3 {"retain":true} com.acme.c ["long"]
        alice> SUBSCRIBE 1 {"get_retained":true,"match":"prefix"} com.acme
        bob> PUBLISH 4 {"retain":true} com.acme.b ["longlong"]
        alice> SUBSCRIBE 2 {"get_retained":true,"match":"prefix"} com.acme.b
        alice> SUBSCRIBE 3 {"get_retained":true,"match":"prefix"} com.acme.c
    "#;
    let mut stage = super::Stage::new(retaining(StoreLimits { events: 100, max_bytes: 1200, max_age: None }));
    let played = stage.play(&script.replace("long", &long)).replace(&long, "long");
    // What has no room even alone is not kept, and neither is what it superseded.
    expect![[r#"
        alice< SUBSCRIBED 1 sub#1
        alice< EVENT sub#1 pub#1 {"topic":"com.acme.b","retained":true} ["short"]
        alice< EVENT sub#1 pub#2 {"topic":"com.acme.c","retained":true} ["long"]
        alice< EVENT sub#1 pub#3 {"topic":"com.acme.b"} ["longlong"]
        alice< SUBSCRIBED 2 sub#2
        alice< SUBSCRIBED 3 sub#3
        alice< EVENT sub#3 pub#2 {"topic":"com.acme.c","retained":true} ["long"]
    "#]]
    .assert_eq(&played);
    stage.clear();
}

#[test]
fn retained_events_get_no_older_than_allowed() {
    check_with(
        retaining(StoreLimits { events: 100, max_bytes: 1 << 20, max_age: Some(Duration::from_secs(1)) }),
        r#"
            bob> PUBLISH 1 {"retain":true} com.acme.a [1]
            600 ms later
            bob> PUBLISH 2 {"retain":true} com.acme.b [2]
            400 ms later
            alice> SUBSCRIBE 1 {"get_retained":true,"match":"prefix"} com.acme
            1 ms later
            alice> SUBSCRIBE 2 {"get_retained":true,"match":"prefix"} com.acme
        "#,
        expect![[r#"
            alice< SUBSCRIBED 1 sub#1
            alice< EVENT sub#1 pub#1 {"topic":"com.acme.a","retained":true} [1]
            alice< EVENT sub#1 pub#2 {"topic":"com.acme.b","retained":true} [2]
            alice< SUBSCRIBED 2 sub#1
            alice< EVENT sub#1 pub#2 {"topic":"com.acme.b","retained":true} [2]
        "#]],
    );
}

/// Conformance: RET-02
#[test]
fn ret_05_a_pattern_brings_as_much_as_one_message_and_the_first_event_at_any_rate() {
    let long = "x".repeat(800);
    let script = r#"
        bob> PUBLISH 1 {"retain":true} com.acme.a ["a"]
        bob> PUBLISH 2 {"retain":true} com.acme.b ["b"]
        bob> PUBLISH 3 {"retain":true} com.acme.c ["long"]
        bob> PUBLISH 4 {"retain":true} com.acme.d ["d"]
        alice> SUBSCRIBE 1 {"get_retained":true,"match":"prefix"} com.acme.
        alice> SUBSCRIBE 2 {"get_retained":true,"match":"prefix"} com.acme.c
        alice> SUBSCRIBE 3 {"get_retained":true,"match":"wildcard"} com..c
    "#;
    let mut stage = super::Stage::new(RealmSettings { message_max_bytes: 1000, ..settings() });
    let played = stage.play(&script.replace("long", &long)).replace(&long, "long");
    expect![[r#"
        alice< SUBSCRIBED 1 sub#1
        alice< EVENT sub#1 pub#1 {"topic":"com.acme.a","retained":true} ["a"]
        alice< EVENT sub#1 pub#2 {"topic":"com.acme.b","retained":true} ["b"]
        alice< SUBSCRIBED 2 sub#2
        alice< EVENT sub#2 pub#3 {"topic":"com.acme.c","retained":true} ["long"]
        alice< SUBSCRIBED 3 sub#3
        alice< EVENT sub#3 pub#3 {"topic":"com.acme.c","retained":true} ["long"]
    "#]]
    .assert_eq(&played);
    stage.clear();
}
