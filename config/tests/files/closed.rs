//! Realms that nobody can join.

use super::parse;

fn closed(text: &str) -> Vec<String> {
    parse(text).unwrap().closed_realms().map(|closed| closed.to_string()).collect()
}

const NO_ROLE: &str = "it has no `anonymous_role`, and no listener has a role for it in `anonymous_roles`";

#[test]
fn a_realm_without_a_role_for_anybody_is_closed() {
    assert_eq!(closed("realms = [{ name = 'a' }]"), [format!("nobody can join realm \"a\": {NO_ROLE}")]);
    assert_eq!(
        closed("realm_templates = [{ uri = 'a.' }]"),
        [format!("nobody can join realms of the template \"a.\": {NO_ROLE}")]
    );
}

#[test]
fn a_realm_that_no_listener_names_is_closed() {
    let text = "
        listeners = [{ realms = ['a'] }]
        realms = [{ name = 'a', anonymous_role = 'r', roles = [{ name = 'r' }] }]
        realm_templates = [{ uri = 'a.', anonymous_role = 'r', roles = [{ name = 'r' }] }]";
    assert_eq!(
        closed(text),
        ["nobody can join realms of the template \"a.\": no listener has it among its `realms`"]
    );
}

#[test]
fn one_listener_with_a_role_is_enough() {
    let text = "
        listeners = [
            { addresses = ['unix:a'], realms = ['b'] },
            { addresses = ['unix:b'], anonymous_roles = [{ realm = 'a', role = 'r' }] },
        ]
        realms = [
            { name = 'a', roles = [{ name = 'r' }] },
            { name = 'b', anonymous_role = 'r', roles = [{ name = 'r' }] },
        ]";
    assert_eq!(closed(text), [""; 0]);
}

#[test]
fn a_listener_for_suites_of_tests_opens_no_realm() {
    let realm = "realms = [{ name = 'a', anonymous_role = 'r', roles = [{ name = 'r' }] }]";
    let testee = "{ type = 'websocket-testee', addresses = ['unix:a'] }";
    let closed_for_want_of_a_listener = "nobody can join realm \"a\": no listener has it among its `realms`";
    assert_eq!(closed(&format!("listeners = [{testee}]\n{realm}")), [closed_for_want_of_a_listener]);
    assert_eq!(closed(&format!("listeners = [{testee}, {{}}]\n{realm}")), [""; 0]);
}
