//! Who gets an event: exclusion, blacklists, whitelists. Sessions have the numbers of those who appear: 1, 2, 3.

use expect_test::expect;

use wamp_proto::Profile;

use super::{RealmSettings, check, check_with, settings};

/// Conformance: BWL-01
#[test]
fn bwl_02_a_receiver_is_in_every_whitelist_and_in_no_blacklist() {
    check(
        r#"
            a> SUBSCRIBE 1 {} com.acme.tick
            b> SUBSCRIBE 1 {} com.acme.tick
            c> SUBSCRIBE 1 {} com.acme.tick
            pub> PUBLISH 1 {"eligible":[1,2,3],"exclude":[1]} com.acme.tick ["b and c"]
            pub> PUBLISH 2 {"eligible":[2,99]} com.acme.tick ["b"]
            pub> PUBLISH 3 {"exclude":[3,1,2]} com.acme.tick ["nobody"]
            pub> PUBLISH 4 {"eligible_authid":["c","a"],"exclude_authid":["a"]} com.acme.tick ["c"]
            pub> PUBLISH 5 {"eligible":[1],"eligible_authid":["b"]} com.acme.tick ["nobody"]
        "#,
        expect![[r#"
            a< SUBSCRIBED 1 sub#1
            b< SUBSCRIBED 1 sub#1
            c< SUBSCRIBED 1 sub#1
            b< EVENT sub#1 pub#1 {} ["b and c"]
            c< EVENT sub#1 pub#1 {} ["b and c"]
            b< EVENT sub#1 pub#2 {} ["b"]
            c< EVENT sub#1 pub#3 {} ["c"]
        "#]],
    );
}

/// Conformance: BWL-01
#[test]
fn bwl_02_roles_are_black_and_whitelisted() {
    check(
        r#"
            a is a in role guest
            a> SUBSCRIBE 1 {} com.acme.open.tick
            b> SUBSCRIBE 1 {} com.acme.open.tick
            pub> PUBLISH 1 {"eligible_authrole":["guest"]} com.acme.open.tick ["a"]
            pub> PUBLISH 2 {"exclude_authrole":["guest"]} com.acme.open.tick ["b"]
            pub> PUBLISH 3 {"eligible_authrole":["guest","anyone"],"exclude_authrole":["anyone","guest"]} com.acme.open.tick
        "#,
        expect![[r#"
            a< SUBSCRIBED 1 sub#1
            b< SUBSCRIBED 1 sub#1
            a< EVENT sub#1 pub#1 {} ["a"]
            b< EVENT sub#1 pub#2 {} ["b"]
        "#]],
    );
}

#[test]
fn bwl_03_an_empty_whitelist_lets_nobody_through() {
    check(
        r#"
            a> SUBSCRIBE 1 {} com.acme.tick
            pub> PUBLISH 1 {"eligible":[]} com.acme.tick ["nobody"]
            pub> PUBLISH 2 {"eligible_authid":[]} com.acme.tick ["nobody"]
            pub> PUBLISH 3 {"eligible_authrole":[]} com.acme.tick ["nobody"]
            pub> PUBLISH 4 {"exclude":[],"exclude_authid":[],"exclude_authrole":[]} com.acme.tick ["a"]
        "#,
        expect![[r#"
            a< SUBSCRIBED 1 sub#1
            a< EVENT sub#1 pub#1 {} ["a"]
        "#]],
    );
}

/// Conformance: EXC-02
#[test]
fn bwl_04_lists_grant_nothing() {
    check(
        r#"
            a> SUBSCRIBE 1 {} com.acme.tick
            b> SUBSCRIBE 1 {} com.acme.tock
            a> PUBLISH 2 {"eligible":[1,2]} com.acme.tick ["nobody"]
            a> PUBLISH 3 {"exclude_me":false} com.acme.tick ["a"]
            a> PUBLISH 4 {"exclude_me":false,"exclude":[1]} com.acme.tick ["nobody"]
        "#,
        expect![[r#"
            a< SUBSCRIBED 1 sub#1
            b< SUBSCRIBED 1 sub#2
            a< EVENT sub#1 pub#1 {} ["a"]
        "#]],
    );
}

#[test]
fn bwl_03_with_the_profile_crossbar_an_empty_whitelist_is_none() {
    check_with(
        RealmSettings { profile: Profile::Crossbar, ..settings() },
        r#"
            a> SUBSCRIBE 1 {} com.acme.tick
            pub> PUBLISH 1 {"eligible":[]} com.acme.tick [1]
            pub> PUBLISH 2 {"eligible_authid":[],"eligible_authrole":[]} com.acme.tick [2]
            pub> PUBLISH 3 {"eligible":[],"eligible_authid":["b"]} com.acme.tick ["nobody"]
            pub> PUBLISH 4 {"eligible":[],"exclude_authid":["a"]} com.acme.tick ["nobody"]
        "#,
        expect![[r#"
            a< SUBSCRIBED 1 sub#1
            a< EVENT sub#1 pub#1 {} [1]
            a< EVENT sub#1 pub#2 {} [2]
        "#]],
    );
}
