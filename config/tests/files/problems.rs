//! What is said about mistakes.

use std::path::Path;

use expect_test::{Expect, expect};
use trunkline_config::Config;

use super::{MadeUp, parse};

fn check(text: &str, expected: &Expect) {
    expected.assert_eq(&parse(text).expect_err("a mistake").to_string());
}

#[test]
fn every_mistake_of_a_file_is_shown_in_the_order_of_the_file() {
    check(
        r#"
[node]
worker_thread = 4
drain_timeout_ms = "10s"

[limits]
message_max_bytes = 0
uri_max_components = 33

[[listeners]]
addresses = ["localhost:8080", "127.0.0.1:8080"]
trusted_proxies = ["10.0.0.0/8"]
realms = ["com.example.shop", "com.example.shoe"]
unix_socket.mode = "0660"

[[listeners]]
addresses = ["[::1]:8080", "127.0.0.1:8080"]
proxy_header = "forwarded"

[[listeners.anonymous_roles]]
realm = "com.example.shop"
role = "backend"

[[realms]]
name = "com.example.shop"
profile = "strickt"
anonymous_role = "guest"

[[realms.roles]]
name = "frontend"

[[realms.roles.permissions]]
uri = "com..orders"
allow = ["call", "subscribe"]
deny = ["call"]

[[realms.roles]]
name = "frontend"

[[realms.call_queues]]
uri = "com.example.render"

[[realms]]
name = "com.example.shop"

[[realms]]
name = "wamp.shop"

[[realm_templates]]
uri = "com.example.tenant."
match = "exact"
"#,
        &expect![[r#"
            error: unknown key in `[node]`
             --> etc/trunkline.toml:3:1
              |
            3 | worker_thread = 4
              | ^^^^^^^^^^^^^ not known here
              |
              = help: did you mean `worker_threads`?

            error: `drain_timeout_ms` must be an integer from 0 to 86400000
             --> etc/trunkline.toml:4:20
              |
            4 | drain_timeout_ms = "10s"
              |                    ^^^^^ this is a string

            error: `message_max_bytes` must be an integer from 512 to 1073741824
             --> etc/trunkline.toml:7:21
              |
            7 | message_max_bytes = 0
              |                     ^ too small

            error: `uri_max_components` must be an integer from 1 to 32
             --> etc/trunkline.toml:8:22
              |
            8 | uri_max_components = 33
              |                      ^^ too large

            error: an item of `addresses` must be an address such as `127.0.0.1:8080`, `[::1]:8080` or `unix:trunkline.sock`
              --> etc/trunkline.toml:11:14
               |
            11 | addresses = ["localhost:8080", "127.0.0.1:8080"]
               |              ^^^^^^^^^^^^^^^^ this does not fit

            error: `trusted_proxies` without `proxy_header`
              --> etc/trunkline.toml:12:19
               |
            12 | trusted_proxies = ["10.0.0.0/8"]
               |                   ^^^^^^^^^^^^^^ how do they say where a connection comes from?
               |
               = help: add `proxy_header`: "proxy-protocol", "forwarded" or "x-forwarded-for"

            error: a listener names a realm that is not there
              --> etc/trunkline.toml:13:31
               |
            13 | realms = ["com.example.shop", "com.example.shoe"]
               |                               ^^^^^^^^^^^^^^^^^^ no such realm
               |
               = help: it must be the `name` of one of `[[realms]]`, or the `uri` of one of `[[realm_templates]]`

            error: `unix_socket` without a Unix domain socket
              --> etc/trunkline.toml:14:1
               |
            14 | unix_socket.mode = "0660"
               | ^^^^^^^^^^^ there is no file that this could be about
               |
               = help: add an address `unix:…` to the listener, or leave this out

            error: an address is listened on twice
              --> etc/trunkline.toml:17:28
               |
            11 | addresses = ["localhost:8080", "127.0.0.1:8080"]
               |                                ---------------- first here
            ...
            17 | addresses = ["[::1]:8080", "127.0.0.1:8080"]
               |                            ^^^^^^^^^^^^^^^^ here again
               |
               = help: an address belongs to one listener, which serves all protocols

            error: `proxy_header` without `trusted_proxies`
              --> etc/trunkline.toml:18:16
               |
            18 | proxy_header = "forwarded"
               |                ^^^^^^^^^^^ nobody would be believed
               |
               = help: add `trusted_proxies` with the addresses of the proxies, or leave this out

            error: the realm has no role of this name
              --> etc/trunkline.toml:22:8
               |
            22 | role = "backend"
               |        ^^^^^^^^^ no such role
               |
               = help: it must be the `name` of one of the realm's `roles`

            error: `profile` must be one of "default", "strict", "crossbar"
              --> etc/trunkline.toml:26:11
               |
            26 | profile = "strickt"
               |           ^^^^^^^^^ this is another word
               |
               = help: did you mean "strict"?

            error: the realm has no role of this name
              --> etc/trunkline.toml:27:18
               |
            27 | anonymous_role = "guest"
               |                  ^^^^^^^ no such role
               |
               = help: it must be the `name` of one of the realm's `roles`

            error: this is not a URI
              --> etc/trunkline.toml:33:7
               |
            33 | uri = "com..orders"
               |       ^^^^^^^^^^^^^ the URI has an empty component
               |
               = help: components stand between dots, as in `com.example.topic`; only `match = "wildcard"` lets an empty one stand for any

            error: two permissions for the same action, `uri` and `match`
              --> etc/trunkline.toml:35:9
               |
            34 | allow = ["call", "subscribe"]
               |          ------ first here
            35 | deny = ["call"]
               |         ^^^^^^ here again
               |
               = help: neither is more specific than the other: leave one out

            error: a role is described twice
              --> etc/trunkline.toml:38:8
               |
            30 | name = "frontend"
               |        ---------- first here
            ...
            38 | name = "frontend"
               |        ^^^^^^^^^^ here again
               |
               = help: put all permissions of the role into one table

            error: `[[realms.call_queues]]` without `limit`
              --> etc/trunkline.toml:40:1
               |
            40 | [[realms.call_queues]]
               | ^^^^^^^^^^^^^^^^^^^^^^ `limit` is missing here
               |
               = help: `limit`: Calls that may wait.

            error: a realm is described twice
              --> etc/trunkline.toml:44:8
               |
            25 | name = "com.example.shop"
               |        ------------------ first here
            ...
            44 | name = "com.example.shop"
               |        ^^^^^^^^^^^^^^^^^^ here again
               |
               = help: put what belongs to the realm into one table

            error: the name is reserved for the router
              --> etc/trunkline.toml:47:8
               |
            47 | name = "wamp.shop"
               |        ^^^^^^^^^^^ begins with `wamp`
               |
               = help: choose a name that does not begin with `wamp`

            error: a template that matches one name alone
              --> etc/trunkline.toml:51:9
               |
            51 | match = "exact"
               |         ^^^^^^^ this is a realm
               |
               = help: a realm with one name is one of `[[realms]]`; a template needs a pattern: `match = "prefix"`, or an empty component in `uri`

            etc/trunkline.toml: 20 problems"#]],
    );
}

#[test]
fn a_text_that_is_not_toml_is_one_problem() {
    check(
        "[[realms]]\nname = \"a\n[[realm\n",
        &expect![[r#"
            error: this is not TOML
             --> etc/trunkline.toml:2:10
              |
            2 | name = "a
              |          ^ invalid basic string, expected `"`
              |
              = help: nothing else was checked; see https://toml.io for the format

            etc/trunkline.toml: 1 problem"#]],
    );
    check(
        "[node]\nworker_threads = 1\nworker_threads = 2\n",
        &expect![[r#"
        error: this is not TOML
         --> etc/trunkline.toml:3:1
          |
        3 | worker_threads = 2
          | ^^^^^^^^^^^^^^ duplicate key
          |
          = help: nothing else was checked; see https://toml.io for the format

        etc/trunkline.toml: 1 problem"#]],
    );
}

#[test]
fn a_file_without_realms_is_a_mistake() {
    check(
        "",
        &expect![[r#"
        error: there are no realms
         --> etc/trunkline.toml:1:1
          |
        1 |
          | ^ nobody could join anything
          |
          = help: add `[[realms]]` with a `name`, and `[[realms.roles]]` for those who may join

        etc/trunkline.toml: 1 problem"#]],
    );
    check(
        "[node]\nworker_threads = 1\n",
        &expect![[r#"
        error: there are no realms
         --> etc/trunkline.toml:1:1
          |
        1 | [node]
          | ^ nobody could join anything
          |
          = help: add `[[realms]]` with a `name`, and `[[realms.roles]]` for those who may join

        etc/trunkline.toml: 1 problem"#]],
    );
    for text in ["realms = []", "realm_templates = []", "realms = []\nrealm_templates = []"] {
        check_single(&[(text, "there are no realms")]);
    }
}

#[test]
fn tables_and_lists_that_are_mixed_up_are_explained() {
    check(
        "[realms]\nname = 'a'\n",
        &expect![[r#"
            error: `realms` must be a list
             --> etc/trunkline.toml:1:1
              |
            1 | [realms]
              | ^^^^^^^^ this is a table
              |
              = help: there can be several: write `[[realms]]`

            etc/trunkline.toml: 1 problem"#]],
    );
    check(
        "node = 1\n[[realms]]\nname = 'a'\n[[listeners]]\naddresses = '127.0.0.1:8080'\n",
        &expect![[r#"
        error: `node` must be a table
         --> etc/trunkline.toml:1:8
          |
        1 | node = 1
          |        ^ this is an integer

        error: `addresses` must be a list
         --> etc/trunkline.toml:5:13
          |
        5 | addresses = '127.0.0.1:8080'
          |             ^^^^^^^^^^^^^^^^ this is a string
          |
          = help: put it in brackets

        etc/trunkline.toml: 2 problems"#]],
    );
    check(
        "realms = [1]",
        &expect![[r#"
        error: an item of `realms` must be a table
         --> etc/trunkline.toml:1:11
          |
        1 | realms = [1]
          |           ^ this is an integer

        etc/trunkline.toml: 1 problem"#]],
    );
}

#[test]
fn keys_that_are_like_none_are_answered_with_all_there_are() {
    check(
        "[[realms]]\nname = 'a'\n[[listeners]]\ntls.chain = 'a'\n",
        &expect![[r#"
        error: `[listeners.tls]` without `certificate_file`
         --> etc/trunkline.toml:4:1
          |
        4 | tls.chain = 'a'
          | ^^^ `certificate_file` is missing here
          |
          = help: `certificate_file`: PEM file with the listener's certificate, and those that lead from it to the authority's.

        error: `[listeners.tls]` without `key_file`
         --> etc/trunkline.toml:4:1
          |
        4 | tls.chain = 'a'
          | ^^^ `key_file` is missing here
          |
          = help: `key_file`: PEM file with the private key of the first certificate.

        error: unknown key in `[listeners.tls]`
         --> etc/trunkline.toml:4:5
          |
        4 | tls.chain = 'a'
          |     ^^^^^ not known here
          |
          = help: known here: certificate_file, key_file, certificates, client_ca_file, client_certificates, client_crl_files

        etc/trunkline.toml: 3 problems"#]],
    );
}

/// Each with words of its own problem, and no other.
fn check_single(mistakes: &[(&str, &str)]) {
    for (text, words) in mistakes {
        let problems = parse(text).expect_err(text);
        assert_eq!(problems.len(), 1, "{problems}");
        assert!(problems.to_string().contains(words), "no {words:?} in:\n{problems}");
    }
}

#[test]
fn values_are_of_their_type_and_in_their_range() {
    for (table, setting, words) in [
        ("[node]", "worker_threads = 0", "from 1 to 1024"),
        ("[node]", "worker_threads = -1", "too small"),
        ("[node]", "worker_threads = 99999999999999999999", "too large"),
        ("[node]", "worker_threads = 0x1_000", "too large"),
        ("[node]", "worker_threads = 1.0", "this is a number with a fraction"),
        ("[node]", "close_timeout_ms = 86400001", "too large"),
        ("[limits]", "message_max_bytes = 511", "from 512"),
        ("[limits]", "message_max_depth = 257", "to 256"),
        ("[limits]", "uri_max_bytes = 0", "too small"),
        ("[limits]", "outbox_stall_ms = 0", "too small"),
        ("[limits]", "open_calls_max = true", "this is a boolean"),
        ("[limits]", "waiting_calls_max_bytes = 1073741825", "from 0 to 1073741824"),
        ("[limits]", "testaments_max = -1", "from 0 to 16777216"),
        ("[limits]", "testaments_max_bytes = 1073741825", "from 0 to 1073741824"),
        ("[limits]", "pending_authorizations_max = 0", "too small"),
        ("[limits]", "pending_authorizations_max_bytes = 0", "too small"),
        ("[[listeners]]", "message_max_bytes = 0", "too small"),
        ("[[listeners]]", "message_max_bytes = 2000000000", "too large"),
        ("[[listeners]]", "connections_max = 0", "too small"),
        ("[[listeners]]", "ping_interval_ms = 1979-05-27", "this is a date or time"),
        ("[[listeners]]", "addresses = ['unix:']", "must be an address"),
        ("[[listeners]]", "addresses = ['127.0.0.1']", "must be an address"),
        ("[[listeners]]", "addresses = []", "at least 1"),
        ("[[listeners]]", "websocket_paths = ['ws']", "begins with `/`"),
        ("[[listeners]]", "allowed_origin_hosts = ['https://example.com']", "a host alone"),
        ("[[listeners]]", "allowed_origin_hosts = ['example.com:443']", "a host alone"),
        ("[[listeners]]", "allowed_origin_hosts = ['::1']", "a host alone"),
        ("[[listeners]]", "realms = []", "at least 1"),
        ("[[listeners]]", "tls = { certificate_file = 'a' }", "`key_file` is missing"),
        ("[[listeners]]", "tls = { certificate_file = 'a', key_file = '' }", "the path of a file"),
        (
            "[[listeners]]",
            "tls = { certificate_file = 'a', key_file = 'b', certificates = [{ key_file = 'c' }] }",
            "`[[listeners.tls.certificates]]` without `certificate_file`",
        ),
        (
            "[[listeners]]",
            "tls = { certificate_file = 'a', key_file = 'b', client_crl_files = [] }",
            "at least 1",
        ),
        (
            "[[listeners]]",
            "tls = { certificate_file = 'a', key_file = 'b', client_certificates = 'require' }",
            "did you mean \"required\"",
        ),
        ("[[listeners]]", "trusted_proxies = ['10.0.0.0/33']\nproxy_header = 'forwarded'", "a network"),
        ("[[listeners]]", "addresses = ['unix:a']\nunix_socket.mode = '0999'", "in octal"),
        ("[[listeners]]", "addresses = ['unix:a']\nunix_socket.mode = '7777'", "in octal"),
        ("[[listeners]]", "addresses = ['unix:a']\nunix_socket.mode = 0o660", "as a string"),
        ("[[listeners]]", "addresses = ['unix:a']\nunix_socket.owner = ''", "a name that is not empty"),
    ] {
        let text = format!("{table}\n{setting}\n[[realms]]\nname = 'a'\n");
        let problems = parse(&text).expect_err(setting).to_string();
        assert!(problems.contains(words), "no {words:?} in:\n{problems}");
    }
}

#[test]
fn listeners_meet_nobody_else_and_name_what_is_there() {
    let realm = "[[realms]]\nname = 'a'\nroles = [{ name = 'r' }]\n";
    let listener = |keys: &str| format!("{realm}[[listeners]]\n{keys}\n");
    let single = |keys: &str, words: &str| check_single(&[(&listener(keys), words)]);
    single("addresses = ['[::1]:80', '[0::1]:80']", "an address is listened on twice");
    single("realms = ['a', 'a']", "a realm is named twice");
    single("realms = ['b']", "a realm that is not there");
    single("anonymous_roles = [{ realm = 'b', role = 'r' }]", "a realm that is not there");
    single("anonymous_roles = [{ realm = 'a', role = 's' }]", "no role of this name");
    single(
        "anonymous_roles = [{ realm = 'a', role = 'r' }, { realm = 'a', role = 'r' }]",
        "two roles for anonymous sessions",
    );
    let two = format!("{realm}[[realms]]\nname = 'b'\n");
    let text = two + "[[listeners]]\nrealms = ['b']\nanonymous_roles = [{ realm = 'a', role = 'r' }]\n";
    check_single(&[(&text, "cannot be joined here")]);
    check_single(&[(&(listener("") + "[[listeners]]\n"), "an address is listened on twice")]);
    let tls = |keys: &str| format!("tls = {{ certificate_file = 'a', key_file = 'b', {keys} }}");
    single(&tls("client_certificates = 'optional'"), "`client_certificates` without `client_ca_file`");
    single(&tls("client_crl_files = ['c']"), "`client_crl_files` without `client_ca_file`");
    // What is there and was a problem is not missing.
    single(&tls("client_ca_file = '', client_certificates = 'required'"), "must be the path of a file");
    let testee = "type = 'websocket-testee'";
    for key in [
        "realms = ['a']",
        "anonymous_roles = [{ realm = 'a', role = 'r' }]",
        "ping_interval_ms = 1",
        "ping_timeout_ms = 1",
    ] {
        single(&format!("{testee}\n{key}"), "of a listener that leads to no realm");
        parse(&listener(key)).unwrap();
    }
    single("type = 'websocket-test'", "did you mean \"websocket-testee\"");
    // There is no outbox that its messages would go through.
    parse(&listener(&format!("{testee}\nmessage_max_bytes = 16777216"))).unwrap();
    single("message_max_bytes = 16777216", "larger than the outbox");
    // Each gets a port of its own.
    parse(&listener("addresses = ['127.0.0.1:0', '127.0.0.1:0']")).unwrap();
    parse(&listener("websocket_paths = []\nallowed_origin_hosts = ['[::1]', '*', 'example.com']")).unwrap();
}

#[test]
fn realms_and_templates_are_told_apart() {
    check_single(&[
        ("realms = [{ name = 'a' }, { name = 'a' }]", "a realm is described twice"),
        ("realms = [{ name = 'wamp' }]", "reserved"),
        ("realms = [{ name = 'a b' }]", "no white space"),
        ("realms = [{ name = 'a' }]\nrealm_templates = [{ uri = 'wamp.' }]", "reserved"),
        ("realm_templates = [{ uri = 'a.' }, { uri = 'a.', match = 'wildcard' }]", "two templates"),
        // Which of them would a listener mean?
        ("realm_templates = [{ uri = 'a.' }, { uri = 'a.', match = 'prefix' }]", "two templates"),
        (
            "realms = [{ name = 'a' }]\nrealm_templates = [{ uri = 'a', match = 'prefix' }]",
            "has the name of a realm",
        ),
        ("realm_templates = [{ uri = 'a', match = 'exact' }]", "matches one name alone"),
        ("realm_templates = [{ uri = 'a.b' }]", "matches one name alone"),
        ("realm_templates = [{ uri = 'a', match = 'wildcart' }]", "did you mean"),
        ("realm_templates = [{ uri = 'a..b', match = 'prefix' }]", "the beginning of a URI"),
        ("realm_templates = [{ uri = 'a.', realms_max = 0 }]", "too small"),
        ("realm_templates = [{ uri = 'a.', anonymous_role = 'r' }]", "no role of this name"),
        ("limits.uri_max_bytes = 3\nrealms = [{ name = 'abcd' }]", "`uri_max_bytes`"),
        ("limits.uri_max_components = 1\nrealms = [{ name = 'a.b' }]", "`uri_max_components`"),
    ]);
    let text = "realm_templates = [{ uri = 'a.' }, { uri = 'a', match = 'prefix' }]";
    assert_eq!(parse(text).unwrap().realm_templates.len(), 2);
    let clash = "realms = [{ name = 'a' }]\nrealm_templates = [{ uri = 'a', match = 'exact' }]";
    let problems = parse(clash).unwrap_err().to_string();
    assert!(
        problems.contains("has the name of a realm") && problems.contains("one name alone"),
        "{problems}"
    );
}

#[test]
fn permissions_and_queues_do_not_tie() {
    let realm = |keys: &str| format!("[[realms]]\nname = 'a'\n{keys}\n");
    let role =
        |permissions: &str| realm(&format!("roles = [{{ name = 'r', permissions = [{permissions}] }}]"));
    for (text, words) in [
        (role("{ uri = 'b', allow = ['call'] }, { uri = 'b', deny = ['call'] }"), "two permissions"),
        (role("{ uri = 'b', allow = ['call', 'call'] }"), "two permissions"),
        (role("{ uri = 'b' }"), "allows and denies nothing"),
        (role("{ uri = 'b', allow = [] }"), "allows and denies nothing"),
        (role("{ uri = 'b', allow = [], deny = [] }"), "allows and denies nothing"),
        (role("{ uri = '', allow = ['call'] }"), "not a URI"),
        (role("{ uri = 'b', allow = ['cal'] }"), "did you mean \"call\"?"),
        (
            realm(
                "strict_uris = true\nroles = [{ name = 'r', permissions = [{ uri = 'B', allow = ['call'] }] }]",
            ),
            "strict_uris",
        ),
        (
            realm("call_queues = [{ uri = 'b', limit = 1 }, { uri = 'b', match = 'exact', limit = 2 }]"),
            "two call queues",
        ),
        (realm("call_queues = [{ uri = 'b', limit = 0 }]"), "too small"),
        (realm("call_queues = [{ uri = 'b..c', limit = 1 }]"), "an empty component"),
    ] {
        check_single(&[(&text, words)]);
    }
    let text = role(
        "{ uri = 'b', allow = ['call'] }, { uri = 'b', deny = ['register'] }, \
                     { uri = 'b', match = 'prefix', deny = ['call'] }, { uri = 'b.', match = 'prefix', allow = ['call'] }",
    );
    assert_eq!(parse(&text).unwrap().realms[0].rules.roles[0].permissions.len(), 4);
}

#[test]
fn what_a_realm_keeps_and_discloses_is_of_its_type_and_in_its_range() {
    check(
        r#"
[limits]
testaments_max = 16777217
testaments_max_bytes = "64k"

[[realms]]
name = "com.example.shop"
call_timeout_ms = -1

[[realms.roles]]
name = "frontend"
trustlevel = -1

[[realms.roles.permissions]]
uri = "com.example.shop."
match = "prefix"
allow = ["call"]
disclose = "alway"

[[realms.event_history]]
uri = "com.example.shop.prices"
limit = 0
max_bytes = 1023
max_age_s = 0.5

[[realms.event_history]]
match = "prefix"

[[realms]]
name = "com.example.house"
retained_events = { limit = -1, max_bytes = 1073741825, max_age_s = 315360001, max_age_ms = 1 }
"#,
        &expect![[r#"
            error: `testaments_max` must be an integer from 0 to 16777216
             --> etc/trunkline.toml:3:18
              |
            3 | testaments_max = 16777217
              |                  ^^^^^^^^ too large

            error: `testaments_max_bytes` must be an integer from 0 to 1073741824
             --> etc/trunkline.toml:4:24
              |
            4 | testaments_max_bytes = "64k"
              |                        ^^^^^ this is a string

            error: `call_timeout_ms` must be an integer from 0 to 86400000
             --> etc/trunkline.toml:8:19
              |
            8 | call_timeout_ms = -1
              |                   ^^ too small

            error: `trustlevel` must be an integer from 0 to 4294967295
              --> etc/trunkline.toml:12:14
               |
            12 | trustlevel = -1
               |              ^^ too small

            error: `disclose` must be one of "allowed", "denied", "always"
              --> etc/trunkline.toml:18:12
               |
            18 | disclose = "alway"
               |            ^^^^^^^ this is another word
               |
               = help: did you mean "always"?

            error: `limit` must be an integer from 1 to 16777216
              --> etc/trunkline.toml:22:9
               |
            22 | limit = 0
               |         ^ too small

            error: `max_bytes` must be an integer from 1024 to 1073741824
              --> etc/trunkline.toml:23:13
               |
            23 | max_bytes = 1023
               |             ^^^^ too small

            error: `max_age_s` must be an integer from 0 to 315360000
              --> etc/trunkline.toml:24:13
               |
            24 | max_age_s = 0.5
               |             ^^^ this is a number with a fraction

            error: `[[realms.event_history]]` without `uri`
              --> etc/trunkline.toml:26:1
               |
            26 | [[realms.event_history]]
               | ^^^^^^^^^^^^^^^^^^^^^^^^ `uri` is missing here
               |
               = help: `uri`: Topic of a subscription whose past events are kept, or pattern of its topics.

            error: `limit` must be an integer from 0 to 16777216
              --> etc/trunkline.toml:31:29
               |
            31 | retained_events = { limit = -1, max_bytes = 1073741825, max_age_s = 315360001, max_age_ms = 1 }
               |                             ^^ too small

            error: `max_bytes` must be an integer from 1024 to 1073741824
              --> etc/trunkline.toml:31:45
               |
            31 | retained_events = { limit = -1, max_bytes = 1073741825, max_age_s = 315360001, max_age_ms = 1 }
               |                                             ^^^^^^^^^^ too large

            error: `max_age_s` must be an integer from 0 to 315360000
              --> etc/trunkline.toml:31:69
               |
            31 | retained_events = { limit = -1, max_bytes = 1073741825, max_age_s = 315360001, max_age_ms = 1 }
               |                                                                     ^^^^^^^^^ too large

            error: unknown key in `[realms.retained_events]`
              --> etc/trunkline.toml:31:80
               |
            31 | retained_events = { limit = -1, max_bytes = 1073741825, max_age_s = 315360001, max_age_ms = 1 }
               |                                                                                ^^^^^^^^^^ not known here
               |
               = help: did you mean `max_age_s`?

            etc/trunkline.toml: 13 problems"#]],
    );
}

#[test]
fn nothing_is_disclosed_where_nothing_is_allowed() {
    let permission = |keys: &str| {
        format!(
            "[[realms]]\nname = 'a'\n[[realms.roles]]\nname = 'r'\n[[realms.roles.permissions]]\nuri = 'b'\n{keys}\n"
        )
    };
    check(
        &permission("deny = ['call']\ndisclose = 'denied'"),
        &expect![[r#"
        error: `disclose` of a permission that allows neither publish, call nor register
         --> etc/trunkline.toml:8:12
          |
        8 | disclose = 'denied'
          |            ^^^^^^^^ there is nothing to disclose
          |
          = help: `disclose` says something about what is allowed: add "publish", "call" or "register" to `allow`, or leave it out

        etc/trunkline.toml: 1 problem"#]],
    );
    let neither = "allows neither publish, call nor register";
    check_single(&[
        (&permission("allow = ['subscribe']\ndisclose = 'always'"), neither),
        (&permission("allow = ['subscribe']\ndeny = ['publish']\ndisclose = 'allowed'"), neither),
        (&permission("disclose = 'always'"), "allows and denies nothing"),
        (&permission("allow = ['cal']\ndisclose = 'always'"), "did you mean \"call\"?"),
    ]);
    for allowed in ["publish", "call", "register"] {
        parse(&permission(&format!("allow = ['{allowed}']\ndisclose = 'always'"))).unwrap();
    }
}

#[test]
fn histories_have_patterns_of_their_own() {
    check(
        r#"
[[realms]]
name = "com.example"
strict_uris = true

[[realms.event_history]]
uri = "com.example.prices"

[[realms.event_history]]
uri = "com.example.prices"
match = "exact"
limit = 10

[[realms.event_history]]
uri = "com..prices"
match = "prefix"

[[realm_templates]]
uri = "com.example.tenant."

[[realm_templates.event_history]]
uri = "com.example.Preise"

[[realm_templates.event_history]]
uri = "com.example.Preise"
match = "wildcard"

[[realm_templates.event_history]]
uri = "com.example. prices"
"#,
        &expect![[r#"
            error: two event histories with the same `uri` and `match`
              --> etc/trunkline.toml:10:7
               |
             7 | uri = "com.example.prices"
               |       -------------------- first here
            ...
            10 | uri = "com.example.prices"
               |       ^^^^^^^^^^^^^^^^^^^^ here again
               |
               = help: leave one out

            error: this is not the beginning of a URI (`match = "prefix"`)
              --> etc/trunkline.toml:15:7
               |
            15 | uri = "com..prices"
               |       ^^^^^^^^^^^^^ the URI has an empty component
               |
               = help: components stand between dots, as in `com.example.topic`; only `match = "wildcard"` lets an empty one stand for any

            error: this is not a URI
              --> etc/trunkline.toml:29:7
               |
            29 | uri = "com.example. prices"
               |       ^^^^^^^^^^^^^^^^^^^^^ the URI has an illegal character
               |
               = help: a URI has no white space and no `#`

            etc/trunkline.toml: 3 problems"#]],
    );
    let histories = "{ uri = 'b' }, { uri = 'b', match = 'prefix' }, { uri = '', match = 'prefix' }, \
                     { uri = 'b.', match = 'wildcard' }, { uri = 'wamp.session.on_join' }";
    parse(&format!("realms = [{{ name = 'a', event_history = [{histories}] }}]")).unwrap();
    check_single(&[
        ("realms = [{ name = 'a', strict_uris = true, event_history = [{ uri = 'B' }] }]", "`strict_uris`"),
        (
            "realms = [{ name = 'a', event_history = [{ uri = 'b', match = 'prefx' }] }]",
            "did you mean \"prefix\"?",
        ),
        ("realms = [{ name = 'a', event_history = { uri = 'b' } }]", "write `[[realms.event_history]]`"),
        ("realms = [{ name = 'a', retained_events = [{ limit = 1 }] }]", "must be a table"),
    ]);
}

#[test]
fn no_message_is_larger_than_an_outbox() {
    let realms = "realms = [{ name = 'a' }]\n";
    for keys in [
        "limits.outbox_max_bytes = 1056767",
        "limits.message_max_bytes = 4186113",
        "listeners = [{ message_max_bytes = 4186113 }]",
        "listeners = [{ message_max_bytes = 1073741824 }]",
    ] {
        check_single(&[(&format!("{realms}{keys}"), "larger than the outbox")]);
    }
    for keys in ["limits.outbox_max_bytes = 1056768", "listeners = [{ message_max_bytes = 4186112 }]"] {
        parse(&format!("{realms}{keys}")).unwrap();
    }
    check(
        "[limits]\nmessage_max_bytes = 65536\noutbox_max_bytes = 65536\n[[realms]]\nname = 'a'\n",
        &expect![[r#"
            error: a message may be larger than the outbox it must go through
             --> etc/trunkline.toml:2:21
              |
            2 | message_max_bytes = 65536
              |                     ^^^^^ the outbox takes 65536 octets, and must take 73728: 8192 more than the message
              |
              = help: raise `outbox_max_bytes` of `[limits]`, or lower `message_max_bytes`

            etc/trunkline.toml: 1 problem"#]],
    );
}

#[test]
fn a_socket_file_has_one_listener_and_a_path_that_the_system_takes() {
    let addresses = |addresses: &str| format!("realms = [{{ name = 'a' }}]\nlisteners = [{{ {addresses} }}]");
    let twice = ["unix:a.sock", "unix:./a.sock"].map(|address| format!("'{address}'")).join(", ");
    let text = addresses(&format!("addresses = [{twice}]"));
    check_single(&[(&text, "an address is listened on twice")]);
    // Paths start from here, not from another folder.
    let problems = Config::parse(&text, Path::new("trunkline.toml"), &MadeUp::default()).unwrap_err();
    assert!(problems.to_string().contains("an address is listened on twice"), "{problems}");

    let long = |octets: usize| addresses(&format!("addresses = ['unix:/{}']", "a".repeat(octets - 1)));
    parse(&long(107)).unwrap();
    check_single(&[(&long(108), "longer than 107 octets")]);
    // The folder counts, and octets do, not characters.
    let relative = addresses(&format!("addresses = ['unix:{}']", "a".repeat(104)));
    check_single(&[(&relative, "longer than 107 octets")]);
    let umlauts = addresses(&format!("addresses = ['unix:/{}']", "ä".repeat(54)));
    check_single(&[(&umlauts, "longer than 107 octets")]);
}

#[test]
fn proxies_and_their_header_come_together() {
    let listener = |keys: &str| format!("realms = [{{ name = 'a' }}]\nlisteners = [{{ {keys} }}]");
    for (keys, words) in [
        ("proxy_header = 'forwarded'", "`proxy_header` without `trusted_proxies`"),
        ("proxy_header = 'forwarded', trusted_proxies = []", "`proxy_header` without `trusted_proxies`"),
        ("trusted_proxies = ['::1']", "`trusted_proxies` without `proxy_header`"),
        ("proxy_header = 'forwarded', trusted_proxies = ['nobody']", "must be a network"),
    ] {
        check_single(&[(&listener(keys), words)]);
    }
    parse(&listener("trusted_proxies = []")).unwrap();
}

/// Whatever is wrong with the name of a realm, those who use it are not blamed.
#[test]
fn one_mistake_is_one_problem() {
    check_single(&[
        ("realms = [{ name = 1 }]\nlisteners = [{ realms = ['a'] }]", "this is an integer"),
        ("realms = [{ nam = 'a', name = 'b' }]", "did you mean `name`?"),
        (
            "realms = [{ name = 'a' }]\nlisteners = [{ trusted_proxies = ['::1'], proxy_header = 'x' }]",
            "another word",
        ),
        ("realms = 1", "a list"),
        ("realms = [1]", "a table"),
        ("listeners = []\nrealms = [{ name = 'a' }]", "at least 1"),
        ("realms = [{ name = 'a', anonymous_role = 'r', roles = [{ name = 1 }] }]", "this is an integer"),
    ]);
}
