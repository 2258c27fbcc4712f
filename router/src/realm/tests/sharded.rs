//! Sharded subscriptions: who gets an event that has a resource key.

use expect_test::expect;

use super::check;

#[test]
fn shs_01_an_event_goes_to_the_node_that_its_resource_key_belongs_to() {
    check(
        r#"
            north> SUBSCRIBE 1 {"nkey":"north"} com.acme.tick
            south> SUBSCRIBE 1 {"nkey":"south"} com.acme.tick
            twin> SUBSCRIBE 1 {"nkey":"south"} com.acme.tick
            log> SUBSCRIBE 1 {} com.acme.tick
            pub> PUBLISH 1 {"rkey":"sn1"} com.acme.tick ["sn1"]
            pub> PUBLISH 2 {"rkey":"sn2"} com.acme.tick ["sn2"]
            pub> PUBLISH 3 {"rkey":"sn3"} com.acme.tick ["sn3"]
            pub> PUBLISH 4 {"rkey":"sn1"} com.acme.tick ["sn1 again"]
            pub> PUBLISH 5 {} com.acme.tick ["everybody"]
        "#,
        expect![[r#"
            north< SUBSCRIBED 1 sub#1
            south< SUBSCRIBED 1 sub#1
            twin< SUBSCRIBED 1 sub#1
            log< SUBSCRIBED 1 sub#1
            north< EVENT sub#1 pub#1 {} ["sn1"]
            log< EVENT sub#1 pub#1 {} ["sn1"]
            north< EVENT sub#1 pub#2 {} ["sn2"]
            log< EVENT sub#1 pub#2 {} ["sn2"]
            south< EVENT sub#1 pub#3 {} ["sn3"]
            twin< EVENT sub#1 pub#3 {} ["sn3"]
            log< EVENT sub#1 pub#3 {} ["sn3"]
            north< EVENT sub#1 pub#4 {} ["sn1 again"]
            log< EVENT sub#1 pub#4 {} ["sn1 again"]
            north< EVENT sub#1 pub#5 {} ["everybody"]
            south< EVENT sub#1 pub#5 {} ["everybody"]
            twin< EVENT sub#1 pub#5 {} ["everybody"]
            log< EVENT sub#1 pub#5 {} ["everybody"]
        "#]],
    );
}

#[test]
fn shs_01_each_subscription_has_shards_of_its_own() {
    check(
        r#"
            north> SUBSCRIBE 1 {"nkey":"north"} com.acme.tick
            south> SUBSCRIBE 1 {"nkey":"south","match":"prefix"} com.acme
            pub> PUBLISH 1 {"rkey":"sn1"} com.acme.tick ["both"]
            pub> PUBLISH 2 {"rkey":"sn2"} com.acme.tick ["both"]
        "#,
        expect![[r#"
            north< SUBSCRIBED 1 sub#1
            south< SUBSCRIBED 1 sub#2
            south< EVENT sub#2 pub#1 {"topic":"com.acme.tick"} ["both"]
            north< EVENT sub#1 pub#1 {} ["both"]
            south< EVENT sub#2 pub#2 {"topic":"com.acme.tick"} ["both"]
            north< EVENT sub#1 pub#2 {} ["both"]
        "#]],
    );
}

#[test]
fn shs_01_the_last_subscribe_says_which_node_it_is() {
    check(
        r#"
            north> SUBSCRIBE 1 {"nkey":"north"} com.acme.tick
            south> SUBSCRIBE 1 {"nkey":"south"} com.acme.tick
            pub> PUBLISH 1 {"rkey":"sn1"} com.acme.tick ["one"]
            north> SUBSCRIBE 2 {"nkey":"south"} com.acme.tick
            pub> PUBLISH 2 {"rkey":"sn1"} com.acme.tick ["both"]
            north> SUBSCRIBE 3 {} com.acme.tick
            pub> PUBLISH 3 {"rkey":"sn1"} com.acme.tick ["both"]
            south> UNSUBSCRIBE 2 sub#1
            pub> PUBLISH 4 {"rkey":"sn1"} com.acme.tick ["north"]
        "#,
        expect![[r#"
            north< SUBSCRIBED 1 sub#1
            south< SUBSCRIBED 1 sub#1
            north< EVENT sub#1 pub#1 {} ["one"]
            north< SUBSCRIBED 2 sub#1
            north< EVENT sub#1 pub#2 {} ["both"]
            south< EVENT sub#1 pub#2 {} ["both"]
            north< SUBSCRIBED 3 sub#1
            north< EVENT sub#1 pub#3 {} ["both"]
            south< EVENT sub#1 pub#3 {} ["both"]
            south< UNSUBSCRIBED 2
            north< EVENT sub#1 pub#4 {} ["north"]
        "#]],
    );
}

#[test]
fn shs_01_what_a_node_leaves_goes_to_the_others() {
    check(
        r#"
            north> SUBSCRIBE 1 {"nkey":"north"} com.acme.tick
            south> SUBSCRIBE 1 {"nkey":"south"} com.acme.tick
            pub> PUBLISH 1 {"rkey":"sn1"} com.acme.tick
            pub> PUBLISH 2 {"rkey":"sn2"} com.acme.tick
            pub> PUBLISH 3 {"rkey":"sn3"} com.acme.tick
            north> leave
            pub> PUBLISH 4 {"rkey":"sn1"} com.acme.tick
            pub> PUBLISH 5 {"rkey":"sn2"} com.acme.tick
            pub> PUBLISH 6 {"rkey":"sn3"} com.acme.tick
        "#,
        expect![[r#"
            north< SUBSCRIBED 1 sub#1
            south< SUBSCRIBED 1 sub#1
            north< EVENT sub#1 pub#1 {}
            north< EVENT sub#1 pub#2 {}
            south< EVENT sub#1 pub#3 {}
            south< EVENT sub#1 pub#4 {}
            south< EVENT sub#1 pub#5 {}
            south< EVENT sub#1 pub#6 {}
        "#]],
    );
}

/// Whoever is left out by a list is the node nevertheless.
#[test]
fn shs_01_lists_narrow_the_shard() {
    check(
        r#"
            north> SUBSCRIBE 1 {"nkey":"north"} com.acme.tick
            south> SUBSCRIBE 1 {"nkey":"south"} com.acme.tick
            log> SUBSCRIBE 1 {} com.acme.tick
            pub> PUBLISH 1 {"rkey":"sn1","exclude_authid":["north"]} com.acme.tick [1]
            pub> PUBLISH 2 {"rkey":"sn1","exclude_authid":["south"]} com.acme.tick [2]
        "#,
        expect![[r#"
            north< SUBSCRIBED 1 sub#1
            south< SUBSCRIBED 1 sub#1
            log< SUBSCRIBED 1 sub#1
            log< EVENT sub#1 pub#1 {} [1]
            north< EVENT sub#1 pub#2 {} [2]
            log< EVENT sub#1 pub#2 {} [2]
        "#]],
    );
}

#[test]
fn shs_01_a_node_key_is_as_long_as_a_uri_may_be() {
    let key = "k".repeat(1025);
    let script = format!(
        r#"
            north> SUBSCRIBE 1 {{"nkey":"{key}"}} com.acme.tick
            north> SUBSCRIBE 2 {{"nkey":"{}"}} com.acme.tick
        "#,
        key.strip_prefix(|_: char| true).unwrap_or_default()
    );
    check(
        &script,
        expect![[r#"
        north< ERROR SUBSCRIBE 1 {} wamp.error.invalid_argument ["a node key has at most 1024 octets"]
        north< SUBSCRIBED 2 sub#1
    "#]],
    );
}

#[test]
fn shs_01_a_resource_key_is_as_long_as_a_uri_may_be() {
    let (long, longer) = ("k".repeat(1024), "k".repeat(1025));
    let script = format!(
        r#"
            log> SUBSCRIBE 1 {{}} com.acme.tick
            pub> PUBLISH 1 {{"rkey":"{longer}","acknowledge":true}} com.acme.tick
            pub> PUBLISH 2 {{"rkey":"{longer}"}} com.acme.tick
            pub> PUBLISH 3 {{"rkey":"{long}","acknowledge":true}} com.acme.tick
            pub> CALL 4 {{}} wamp.session.add_testament ["com.acme.tick",[],{{}},{{"rkey":"{longer}"}}]
        "#
    );
    check(
        &script,
        expect![[r#"
            log< SUBSCRIBED 1 sub#1
            pub< ERROR PUBLISH 1 {} wamp.error.invalid_argument ["a resource key has at most 1024 octets"]
            pub< PUBLISHED 3 pub#1
            log< EVENT sub#1 pub#1 {}
            pub< ERROR CALL 4 {} wamp.error.invalid_argument ["a resource key has at most 1024 octets"]
        "#]],
    );
}
