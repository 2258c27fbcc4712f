//! The session meta API.

use expect_test::expect;
use wamp_proto::Profile;

use super::{RealmSettings, check, check_with, settings};

fn crossbar() -> RealmSettings {
    RealmSettings { profile: Profile::Crossbar, ..settings() }
}

/// Conformance: META-SES-02
#[test]
fn meta_ses_01_members_learn_who_joins_and_who_leaves() {
    check(
        r#"
            alice> SUBSCRIBE 1 {} wamp.session.on_join
            alice> SUBSCRIBE 2 {} wamp.session.on_leave
            bob is robert in role guest
            bob> leave
            alice> UNSUBSCRIBE 3 sub#1
            carol> SUBSCRIBE 1 {} com.acme.tick
            carol> leave
        "#,
        expect![[r#"
            alice< SUBSCRIBED 1 sub#1
            alice< SUBSCRIBED 2 sub#2
            alice< EVENT sub#1 pub#1 {} [{"session":2,"authid":"robert","authrole":"guest","authmethod":"anonymous","authprovider":"static"}]
            alice< EVENT sub#2 pub#2 {} [2,"robert","guest"]
            alice< UNSUBSCRIBED 3
            carol< SUBSCRIBED 1 sub#3
            alice< EVENT sub#2 pub#3 {} [3,"carol","anyone"]
        "#]],
    );
}

#[test]
fn meta_ses_02_who_breaks_the_protocol_leaves_too() {
    check(
        r#"
            alice> SUBSCRIBE 1 {} wamp.session.on_leave
            bob> YIELD inv#1 {}
        "#,
        expect![[r#"
            alice< SUBSCRIBED 1 sub#1
            bob! YIELD for invocation 1, which was never issued
            alice< EVENT sub#1 pub#1 {} [2,"bob","anyone"]
        "#]],
    );
}

#[test]
fn meta_ses_02_in_the_profile_crossbar_on_leave_names_the_session_alone() {
    check_with(
        crossbar(),
        r#"
            alice> SUBSCRIBE 1 {} wamp.session.on_leave
            bob> leave
        "#,
        expect![[r#"
            alice< SUBSCRIBED 1 sub#1
            alice< EVENT sub#1 pub#1 {} [2]
        "#]],
    );
}

#[test]
fn meta_ses_03_count_and_list_take_a_filter_of_roles() {
    check(
        r#"
            alice> CALL 1 {} wamp.session.count
            bob is bob in role guest
            carol is carol in role guest
            alice> CALL 2 {} wamp.session.count
            alice> CALL 3 {} wamp.session.count [["guest"]]
            alice> CALL 4 {} wamp.session.count [["guest","anyone"]]
            alice> CALL 5 {} wamp.session.count [[]]
            alice> CALL 6 {} wamp.session.count [null]
            alice> CALL 7 {} wamp.session.list
            alice> CALL 8 {} wamp.session.list [] {"filter_authroles":["guest"]}
            bob> leave
            alice> CALL 9 {} wamp.session.list
            alice> CALL 10 {} wamp.session.list [["nobody"]]
        "#,
        expect![[r#"
            alice< RESULT 1 {} [1]
            alice< RESULT 2 {} [3]
            alice< RESULT 3 {} [2]
            alice< RESULT 4 {} [3]
            alice< RESULT 5 {} [0]
            alice< RESULT 6 {} [3]
            alice< RESULT 7 {} [[1,2,3]]
            alice< RESULT 8 {} [[2,3]]
            alice< RESULT 9 {} [[1,3]]
            alice< RESULT 10 {} [[]]
        "#]],
    );
}

#[test]
fn meta_ses_04_get_returns_what_on_join_said() {
    check(
        r#"
            alice> CALL 1 {} wamp.session.get [1]
            alice> CALL 2 {} wamp.session.get [] {"session":1}
            alice> CALL 3 {} wamp.session.get [1.0]
            alice> CALL 4 {} wamp.session.get [77]
        "#,
        expect![[r#"
            alice< RESULT 1 {} [{"session":1,"authid":"alice","authrole":"anyone","authmethod":"anonymous","authprovider":"static"}]
            alice< RESULT 2 {} [{"session":1,"authid":"alice","authrole":"anyone","authmethod":"anonymous","authprovider":"static"}]
            alice< RESULT 3 {} [{"session":1,"authid":"alice","authrole":"anyone","authmethod":"anonymous","authprovider":"static"}]
            alice< ERROR CALL 4 {} wamp.error.no_such_session ["session 77 does not exist"]
        "#]],
    );
}

#[test]
fn meta_gen_01_malformed_arguments_are_named() {
    check(
        r#"
            alice> CALL 1 {} wamp.session.get
            alice> CALL 2 {} wamp.session.get ["1"]
            alice> CALL 3 {} wamp.session.get [0]
            alice> CALL 4 {} wamp.session.get [1.5]
            alice> CALL 5 {} wamp.session.get [1,2]
            alice> CALL 6 {} wamp.session.get [1] {"session":1}
            alice> CALL 7 {} wamp.session.get [1] {"seession":1}
            alice> CALL 8 {} wamp.session.count ["guest"]
            alice> CALL 9 {} wamp.session.count [[1]]
            alice> CALL 10 {} wamp.session.kill [2,7]
            alice> CALL 11 {} wamp.session.kill_by_authid
            alice> CALL 12 {} wamp.registration.list [1]
            alice> CALL 13 {} wamp.registration.lookup ["com.acme.add","prefix"]
            alice> CALL 14 {} wamp.registration.lookup ["com.acme.add",{"match":"best"}]
            alice> CALL 15 {} wamp.subscription.match [7]
        "#,
        expect![[r#"
            alice< ERROR CALL 1 {} wamp.error.invalid_argument ["the argument \"session\" is missing"]
            alice< ERROR CALL 2 {} wamp.error.invalid_argument ["the argument \"session\" has to be an ID in [1, 2^53]"]
            alice< ERROR CALL 3 {} wamp.error.invalid_argument ["the argument \"session\" has to be an ID in [1, 2^53]"]
            alice< ERROR CALL 4 {} wamp.error.invalid_argument ["the argument \"session\" has to be an ID in [1, 2^53]"]
            alice< ERROR CALL 5 {} wamp.error.invalid_argument ["arguments too many: 1"]
            alice< ERROR CALL 6 {} wamp.error.invalid_argument ["the argument \"session\" is given twice"]
            alice< ERROR CALL 7 {} wamp.error.invalid_argument ["there is no argument \"seession\""]
            alice< ERROR CALL 8 {} wamp.error.invalid_argument ["the argument \"filter_authroles\" has to be a list of texts"]
            alice< ERROR CALL 9 {} wamp.error.invalid_argument ["the argument \"filter_authroles\" has to be a list of texts"]
            alice< ERROR CALL 10 {} wamp.error.invalid_argument ["the argument \"reason\" has to be text"]
            alice< ERROR CALL 11 {} wamp.error.invalid_argument ["the argument \"authid\" is missing"]
            alice< ERROR CALL 12 {} wamp.error.invalid_argument ["arguments too many: 1"]
            alice< ERROR CALL 13 {} wamp.error.invalid_argument ["the argument \"options\" has to be a dict"]
            alice< ERROR CALL 14 {} wamp.error.invalid_argument ["\"match\" of the argument \"options\" has to be exact, prefix or wildcard"]
            alice< ERROR CALL 15 {} wamp.error.invalid_argument ["the argument \"topic\" has to be text"]
        "#]],
    );
}

#[test]
fn meta_gen_01_arguments_beyond_the_limit_are_refused_before_they_are_read() {
    let script = format!("alice> CALL 1 {{}} wamp.session.get [\"{}\"]", "x".repeat(70_000));
    check(
        &script,
        expect![[r#"
        alice< ERROR CALL 1 {} wamp.error.invalid_argument ["the router's own procedures take 69632 octets of arguments at most"]
    "#]],
    );
}

#[test]
fn meta_procedures_take_no_chunks_and_no_packed_payloads() {
    check(
        r#"
            alice> CALL 1 {"progress":true} wamp.session.count
            alice> CALL 2 {"ppt_scheme":"x_custom"} wamp.session.count ["b"]
            alice> CALL 3 {"enc_algo":"cryptobox"} wamp.session.count ["b"]
            alice> CALL 4 {"receive_progress":true,"timeout":1} wamp.session.count
        "#,
        expect![[r#"
            alice< ERROR CALL 1 {} wamp.error.feature_not_supported ["the router's own procedures take no calls in several chunks"]
            alice< ERROR CALL 2 {} wamp.error.feature_not_supported ["the router's own procedures take no packed payloads"]
            alice< ERROR CALL 3 {} wamp.error.feature_not_supported ["the router's own procedures take no packed payloads"]
            alice< RESULT 4 {} [1]
        "#]],
    );
}

/// Conformance: META-SES-10
#[test]
fn meta_ses_05_a_killed_session_is_told_why_and_gone_at_once() {
    check(
        r#"
            alice> SUBSCRIBE 1 {} wamp.session.on_leave
            bob> SUBSCRIBE 1 {} com.acme.tick
            carol> SUBSCRIBE 1 {} com.acme.tick
            dave> SUBSCRIBE 1 {} com.acme.tick
            alice> CALL 2 {} wamp.session.kill [2]
            alice> CALL 3 {} wamp.session.kill [3] {"reason":"com.acme.enough","message":"go away"}
            alice> CALL 4 {} wamp.session.kill [4,"com.acme.enough","now"]
            alice> CALL 5 {} wamp.session.list
            alice> CALL 6 {} wamp.subscription.list
        "#,
        expect![[r#"
            alice< SUBSCRIBED 1 sub#1
            bob< SUBSCRIBED 1 sub#2
            carol< SUBSCRIBED 1 sub#2
            dave< SUBSCRIBED 1 sub#2
            bob< GOODBYE {} wamp.close.killed
            alice< RESULT 2 {}
            alice< EVENT sub#1 pub#1 {} [2,"bob","anyone"]
            carol< GOODBYE {"message":"go away"} com.acme.enough
            alice< RESULT 3 {}
            alice< EVENT sub#1 pub#2 {} [3,"carol","anyone"]
            dave< GOODBYE {"message":"now"} com.acme.enough
            alice< RESULT 4 {}
            alice< EVENT sub#1 pub#3 {} [4,"dave","anyone"]
            alice< RESULT 5 {} [[1]]
            alice< RESULT 6 {} [{"exact":[sub#1],"prefix":[],"wildcard":[]}]
        "#]],
    );
}

#[test]
fn meta_ses_05_in_the_profile_crossbar_the_default_reason_is_normal() {
    check_with(
        crossbar(),
        r#"
            bob> CALL 1 {} wamp.session.count
            alice> CALL 1 {} wamp.session.kill [1]
        "#,
        expect![[r#"
            bob< RESULT 1 {} [1]
            bob< GOODBYE {} wamp.close.normal
            alice< RESULT 1 {}
        "#]],
    );
}

#[test]
fn meta_ses_06_who_cannot_be_killed_and_for_no_reason_is_not() {
    check(
        r#"
            bob> CALL 1 {} wamp.session.count
            alice> CALL 1 {} wamp.session.kill [2]
            alice> CALL 2 {} wamp.session.kill [77]
            alice> CALL 3 {} wamp.session.kill [1] {"reason":""}
            alice> CALL 4 {} wamp.session.kill_by_authid ["bob"] {"reason":"com..x"}
            alice> CALL 5 {} wamp.session.kill_by_authrole ["anyone"] {"reason":"x y"}
            alice> CALL 6 {} wamp.session.kill_all [] {"reason":""}
            alice> CALL 7 {} wamp.session.count
        "#,
        expect![[r#"
            bob< RESULT 1 {} [1]
            alice< ERROR CALL 1 {} wamp.error.no_such_session ["there is no other session 2"]
            alice< ERROR CALL 2 {} wamp.error.no_such_session ["there is no other session 77"]
            alice< ERROR CALL 3 {} wamp.error.invalid_uri ["the URI has an empty component"]
            alice< ERROR CALL 4 {} wamp.error.invalid_uri ["the URI has an empty component"]
            alice< ERROR CALL 5 {} wamp.error.invalid_uri ["the URI has an illegal character"]
            alice< ERROR CALL 6 {} wamp.error.invalid_uri ["the URI has an empty component"]
            alice< RESULT 7 {} [2]
        "#]],
    );
}

#[test]
fn meta_ses_07_kill_by_authid_returns_who_was_killed_and_spares_the_caller() {
    check(
        r#"
            a is alice in role anyone
            b is alice in role guest
            c is carol in role anyone
            d is alice in role anyone
            a> CALL 1 {} wamp.session.kill_by_authid ["alice"] {"message":"only one of you"}
            a> CALL 2 {} wamp.session.kill_by_authid ["alice"]
            a> CALL 3 {} wamp.session.list
        "#,
        expect![[r#"
            b< GOODBYE {"message":"only one of you"} wamp.close.killed
            d< GOODBYE {"message":"only one of you"} wamp.close.killed
            a< RESULT 1 {} [[2,4]]
            a< RESULT 2 {} [[]]
            a< RESULT 3 {} [[1,3]]
        "#]],
    );
}

#[test]
fn meta_ses_08_kill_by_authrole_returns_how_many_were_killed_and_spares_the_caller() {
    check(
        r#"
            a> SUBSCRIBE 1 {} wamp.session.on_leave
            b is b in role guest
            c is c in role guest
            a> CALL 2 {} wamp.session.kill_by_authrole ["guest"]
            a> CALL 3 {} wamp.session.kill_by_authrole ["anyone"]
            a> CALL 4 {} wamp.session.list
        "#,
        expect![[r#"
            a< SUBSCRIBED 1 sub#1
            b< GOODBYE {} wamp.close.killed
            c< GOODBYE {} wamp.close.killed
            a< RESULT 2 {} [2]
            a< EVENT sub#1 pub#1 {} [2,"b","guest"]
            a< EVENT sub#1 pub#2 {} [3,"c","guest"]
            a< RESULT 3 {} [0]
            a< RESULT 4 {} [[1]]
        "#]],
    );
}

/// Conformance: TST-06
#[test]
fn meta_ses_09_kill_all_spares_the_caller_and_is_not_announced() {
    check(
        r#"
            a> SUBSCRIBE 1 {} wamp.session.on_leave
            a> SUBSCRIBE 2 {} com.acme.gone
            b> CALL 1 {} wamp.session.add_testament ["com.acme.gone",[],{}]
            c> CALL 1 {} wamp.session.add_testament ["com.acme.gone",[],{},{},"detached"]
            a> CALL 3 {} wamp.session.kill_all ["com.acme.enough"]
            a> CALL 4 {} wamp.session.list
        "#,
        expect![[r#"
            a< SUBSCRIBED 1 sub#1
            a< SUBSCRIBED 2 sub#2
            b< RESULT 1 {}
            c< RESULT 1 {}
            b< GOODBYE {} com.acme.enough
            c< GOODBYE {} com.acme.enough
            a< RESULT 3 {} [2]
            a< RESULT 4 {} [[1]]
        "#]],
    );
}

/// Conformance: META-SES-08
#[test]
fn meta_ses_09_in_the_profile_crossbar_killers_learn_whom_they_killed() {
    check_with(
        crossbar(),
        r#"
            a> CALL 1 {} wamp.session.count
            b is b in role guest
            c is c in role guest
            d> CALL 1 {} wamp.session.count
            a> CALL 2 {} wamp.session.kill_by_authrole ["guest"]
            a> CALL 3 {} wamp.session.kill_all
        "#,
        expect![[r#"
            a< RESULT 1 {} [1]
            d< RESULT 1 {} [4]
            b< GOODBYE {} wamp.close.normal
            c< GOODBYE {} wamp.close.normal
            a< RESULT 2 {} [[2,3]]
            d< GOODBYE {} wamp.close.normal
            a< RESULT 3 {} [[4]]
        "#]],
    );
}

#[test]
fn meta_ses_11_meta_procedures_are_authorized_as_any_other() {
    check(
        r#"
            g is g in role guest
            g> CALL 1 {} wamp.session.count
            g> CALL 2 {} wamp.session.nothing
            alice> CALL 1 {} wamp.session.nothing
        "#,
        expect![[r#"
            g< ERROR CALL 1 {} wamp.error.not_authorized ["role \"guest\" may not call \"wamp.session.count\""]
            g< ERROR CALL 2 {} wamp.error.not_authorized ["role \"guest\" may not call \"wamp.session.nothing\""]
            alice< ERROR CALL 1 {} wamp.error.no_such_procedure ["no procedure \"wamp.session.nothing\" is registered"]
        "#]],
    );
}

#[test]
fn meta_procedures_answer_while_the_realm_drains() {
    check(
        r#"
            drain
            alice> CALL 1 {} wamp.session.count
            alice> CALL 2 {} com.acme.add
        "#,
        expect![[r#"
            alice< RESULT 1 {} [1]
            alice< ERROR CALL 2 {} wamp.error.unavailable ["the router is going down"]
        "#]],
    );
}

#[test]
fn pv_07_a_meta_call_with_the_request_of_an_open_call_is_a_violation() {
    check(
        r#"
            bob> REGISTER 1 {} com.acme.add
            alice> CALL 1 {} com.acme.add
            alice> CALL 1 {} wamp.session.count
        "#,
        expect![[r#"
            bob< REGISTERED 1 reg#1
            bob< INVOCATION inv#1 reg#1 {}
            alice! the request ID 1 does not follow 1
            bob< INTERRUPT 1 {"mode":"killnowait"}
        "#]],
    );
}

#[test]
fn meta_ses_03_the_filter_has_a_thousand_roles_at_most() {
    let roles = |count: usize| vec![r#""guest""#; count].join(",");
    let (most, more) = (roles(1000), roles(1001));
    let script = format!(
        "g is g in role guest
        alice> CALL 1 {{}} wamp.session.count [[{most}]]
        alice> CALL 2 {{}} wamp.session.count [[{more}]]
        alice> CALL 3 {{}} wamp.session.list [[{most}]]
        alice> CALL 4 {{}} wamp.session.list [[{more}]]"
    );
    check(
        &script,
        expect![[r#"
            alice< RESULT 1 {} [1]
            alice< ERROR CALL 2 {} wamp.error.invalid_argument ["the argument \"filter_authroles\" has 1000 authroles at most"]
            alice< RESULT 3 {} [[1]]
            alice< ERROR CALL 4 {} wamp.error.invalid_argument ["the argument \"filter_authroles\" has 1000 authroles at most"]
        "#]],
    );
}

#[test]
fn cid_03_who_must_not_be_disclosed_and_asks_for_it_calls_no_meta_procedure() {
    check(
        r#"
            bob is bob in role hidden
            bob> CALL 1 {"disclose_me":true} wamp.session.count
            bob> CALL 2 {"disclose_me":true} wamp.session.nothing
            bob> CALL 3 {"disclose_me":false} wamp.session.count
            alice> CALL 1 {"disclose_me":true} wamp.session.count
        "#,
        expect![[r#"
            bob< ERROR CALL 1 {} wamp.error.option_disallowed.disclose_me ["the realm's rules do not permit disclosure"]
            bob< ERROR CALL 2 {} wamp.error.no_such_procedure ["no procedure \"wamp.session.nothing\" is registered"]
            bob< RESULT 3 {} [1]
            alice< RESULT 1 {} [2]
        "#]],
    );
}
