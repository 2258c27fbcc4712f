//! What settings must be true together: names that meet, references that lead somewhere, URIs that are any.
//!
//! Types and ranges of single values were seen to before.

mod authentication;

use std::collections::BTreeMap;
use std::path::Component;

use wamp_proto::MatchPolicy;
use wamp_proto::uri::{UriError, UriRules, check_pattern, check_uri, is_reserved};

use super::problem::Problem;
use super::read::Places;
use crate::{
    Action, Address, Config, Listener, ListenerKind, Permission, Realm, RealmRules, RealmTemplate, Role,
};

/// Everything that is wrong with the settings as a whole.
pub(super) fn check(config: &Config, places: &Places) -> Vec<Problem> {
    let mut check = Check { config, places, problems: Vec::new() };
    check.outboxes();
    check.listeners();
    check.realms();
    check.templates();
    check.problems
}

/// Octets that an entry of an outbox may take besides the largest payload: its other fields, and what it costs to
/// keep.
const ENTRY_BYTES: usize = 8 * 1024;

/// Octets of a socket's path: `sun_path` has 108, and the last one is 0.
const SOCKET_PATH_MAX_BYTES: usize = 107;

struct Check<'a> {
    config: &'a Config,
    places: &'a Places,
    problems: Vec<Problem>,
}

/// Where the first of some things that must differ was met.
type Seen<K> = BTreeMap<K, String>;

impl<'a> Check<'a> {
    fn report(&mut self, path: &str, title: &str, label: &str, help: &str) {
        self.problems.push(Problem::new(title, self.places.find(path), label).help(help));
    }

    /// Reports the second of two things that must differ.
    fn once<K: Ord>(&mut self, seen: &mut Seen<K>, key: K, path: &str, title: &str, help: &str) {
        if let Some(first) = seen.get(&key) {
            let problem = Problem::new(title, self.places.find(path), "here again").help(help);
            self.problems.push(problem.related(self.places.find(first), "first here"));
        } else {
            seen.insert(key, path.to_owned());
        }
    }

    fn uri_rules(&self, strict: bool) -> UriRules {
        let limits = &self.config.limits;
        UriRules { strict, max_bytes: limits.uri_max_bytes, max_components: limits.uri_max_components }
    }

    /// A message that fits into no outbox would cost every recipient its session.
    fn outboxes(&mut self) {
        let limits = &self.config.limits;
        let listeners = self.config.listeners.iter().enumerate();
        let routing = listeners.filter(|(_, listener)| listener.kind == ListenerKind::Router);
        let listeners = routing.map(|(index, listener)| {
            (listener.message_max_bytes, format!("listeners.{index}.message_max_bytes"))
        });
        let keys = [(Some(limits.message_max_bytes), "limits.message_max_bytes".to_owned())];
        for (octets, path) in keys.into_iter().chain(listeners) {
            let Some(octets) = octets else { continue };
            let needed = octets.saturating_add(ENTRY_BYTES);
            if needed > limits.outbox_max_bytes {
                self.report(
                    &path,
                    "a message may be larger than the outbox it must go through",
                    &format!(
                        "the outbox takes {} octets, and must take {needed}: {ENTRY_BYTES} more than the message",
                        limits.outbox_max_bytes
                    ),
                    "raise `outbox_max_bytes` of `[limits]`, or lower `message_max_bytes`",
                );
            }
        }
    }

    fn listeners(&mut self) {
        let mut addresses = Seen::new();
        for (index, listener) in self.config.listeners.iter().enumerate() {
            let path = format!("listeners.{index}");
            for (index, address) in listener.addresses.iter().enumerate() {
                let path = format!("{path}.addresses.{index}");
                self.socket_path(&path, address);
                if !matches!(address, Address::Tcp(address) if address.port() == 0) {
                    self.once(
                        &mut addresses,
                        plain(address),
                        &path,
                        "an address is listened on twice",
                        "an address belongs to one listener, which serves all protocols",
                    );
                }
            }
            self.socket_files(&path, listener);
            self.proxies(&path, listener);
            self.client_certificates(&path, listener);
            self.testee(&path, listener);
            self.realms_of_listener(&path, listener);
            self.methods_of_listener(&path, listener);
        }
    }

    fn socket_path(&mut self, path: &str, address: &Address) {
        let Address::Unix(file) = address else { return };
        let octets = file.as_os_str().len();
        if octets > SOCKET_PATH_MAX_BYTES {
            self.report(
                path,
                &format!("the path of a socket file is longer than {SOCKET_PATH_MAX_BYTES} octets"),
                &format!("{octets} octets, with the folder that it starts from"),
                "the system takes no longer one: shorten it",
            );
        }
    }

    fn socket_files(&mut self, path: &str, listener: &Listener) {
        let has_file = listener.addresses.iter().any(|address| matches!(address, Address::Unix(_)));
        if !has_file && self.places.has(&format!("{path}.unix_socket")) {
            self.report(
                &format!("{path}.unix_socket"),
                "`unix_socket` without a Unix domain socket",
                "there is no file that this could be about",
                "add an address `unix:…` to the listener, or leave this out",
            );
        }
    }

    fn proxies(&mut self, path: &str, listener: &Listener) {
        // What is there and was a problem is not missing.
        let is_failed = |key: &str| self.is_failed(&format!("{path}.{key}"));
        match (listener.trusted_proxies.is_empty(), listener.proxy_header) {
            (false, None) if !is_failed("proxy_header") => self.report(
                &format!("{path}.trusted_proxies"),
                "`trusted_proxies` without `proxy_header`",
                "how do they say where a connection comes from?",
                "add `proxy_header`: \"proxy-protocol\", \"forwarded\" or \"x-forwarded-for\"",
            ),
            (true, Some(_)) if !is_failed("trusted_proxies") => self.report(
                &format!("{path}.proxy_header"),
                "`proxy_header` without `trusted_proxies`",
                "nobody would be believed",
                "add `trusted_proxies` with the addresses of the proxies, or leave this out",
            ),
            _ => {}
        }
    }

    /// Where no session is joined, nothing can be said about sessions.
    fn testee(&mut self, path: &str, listener: &Listener) {
        if listener.kind == ListenerKind::Router {
            return;
        }
        for key in ["realms", "anonymous_roles", "ping_interval_ms", "ping_timeout_ms"] {
            let path = format!("{path}.{key}");
            if self.places.has(&path) {
                self.report(
                    &path,
                    &format!("`{key}` of a listener that leads to no realm"),
                    "nobody joins anything here",
                    "leave it out, or `type = \"websocket-testee\"`",
                );
            }
        }
    }

    fn client_certificates(&mut self, path: &str, listener: &Listener) {
        let authorities = format!("{path}.tls.client_ca_file");
        if listener.tls.as_ref().is_none_or(|tls| tls.client_ca_file.is_some())
            || self.is_failed(&authorities)
        {
            return;
        }
        for key in ["client_certificates", "client_crl_files"] {
            let path = format!("{path}.tls.{key}");
            if self.places.has(&path) {
                self.report(
                    &path,
                    &format!("`{key}` without `client_ca_file`"),
                    "no client is asked for a certificate",
                    "add `client_ca_file` with the authorities whose certificates are accepted, or leave this out",
                );
            }
        }
    }

    /// Whether the file says something there that was a problem already.
    fn is_failed(&self, path: &str) -> bool {
        self.places.has(path) && !self.places.has_understood(path)
    }

    /// The rules of the realm or template that a listener names, and where they stand.
    fn rules(&self, name: &str) -> Option<(String, &'a RealmRules)> {
        let Config { realms, realm_templates, .. } = self.config;
        let realm = realms.iter().position(|realm| realm.name == name);
        let template = || realm_templates.iter().position(|template| template.uri == name);
        if let Some(index) = realm {
            return Some((format!("realms.{index}"), &realms.get(index)?.rules));
        }
        let index = template()?;
        Some((format!("realm_templates.{index}"), &realm_templates.get(index)?.rules))
    }

    /// Whether every item of a list has that key. If not, the one that is meant may be there.
    fn all_have(&self, list: &str, count: usize, key: &str) -> bool {
        (0..count).all(|index| self.places.has_understood(&format!("{list}.{index}.{key}")))
    }

    fn realms_of_listener(&mut self, path: &str, listener: &Listener) {
        let mut seen = Seen::new();
        for (index, name) in listener.realms.iter().flatten().enumerate() {
            let path = format!("{path}.realms.{index}");
            self.once(&mut seen, name, &path, "a realm is named twice", "leave one out");
            self.reference(&path, name);
        }
        let mut seen = Seen::new();
        for (index, anonymous) in listener.anonymous_roles.iter().enumerate() {
            let [realm, role] = ["realm", "role"].map(|key| format!("{path}.anonymous_roles.{index}.{key}"));
            if !self.places.has_understood(&realm) {
                continue;
            }
            let title = "a realm has two roles for anonymous sessions of one listener";
            self.once(&mut seen, &anonymous.realm, &realm, title, "leave one out");
            let Some((rules_path, rules)) = self.rules(&anonymous.realm) else {
                self.reference(&realm, &anonymous.realm);
                continue;
            };
            if self.places.has_understood(&role) {
                self.role(&role, &anonymous.role, &rules_path, rules);
            }
            if listener.kind == ListenerKind::Router && !listener.opens(&anonymous.realm) {
                let help = "add it to `realms` of the listener, or leave this out";
                self.report(&realm, "this realm cannot be joined here", "not among `realms`", help);
            }
        }
    }

    fn reference(&mut self, path: &str, name: &str) {
        let Config { realms, realm_templates, .. } = self.config;
        let all_have_names = self.all_have("realms", realms.len(), "name")
            && self.all_have("realm_templates", realm_templates.len(), "uri");
        if self.rules(name).is_none() && all_have_names {
            let help =
                "it must be the `name` of one of `[[realms]]`, or the `uri` of one of `[[realm_templates]]`";
            self.report(path, "a listener names a realm that is not there", "no such realm", help);
        }
    }

    fn role(&mut self, path: &str, name: &str, rules_path: &str, rules: &RealmRules) {
        let all_have_names = self.all_have(&format!("{rules_path}.roles"), rules.roles.len(), "name");
        if !rules.roles.iter().any(|role| role.name == name) && all_have_names {
            let help = "it must be the `name` of one of the realm's `roles`";
            self.report(path, "the realm has no role of this name", "no such role", help);
        }
    }

    fn realms(&mut self) {
        if self.config.realms.is_empty() && self.config.realm_templates.is_empty() {
            let keys = ["realms", "realm_templates"];
            if !keys.iter().any(|key| self.is_failed(key)) {
                let path = keys.into_iter().find(|key| self.places.has(key)).unwrap_or_default();
                let help = "add `[[realms]]` with a `name`, and `[[realms.roles]]` for those who may join";
                self.report(path, "there are no realms", "nobody could join anything", help);
            }
        }
        let mut names = Seen::new();
        for (index, Realm { name, rules }) in self.config.realms.iter().enumerate() {
            let path = format!("realms.{index}");
            let name_path = format!("{path}.name");
            if self.places.has_understood(&name_path) {
                let help = "put what belongs to the realm into one table";
                self.once(&mut names, name, &name_path, "a realm is described twice", help);
                self.realm_uri(&name_path, name, MatchPolicy::Exact);
            }
            self.realm(&path, rules);
        }
    }

    fn templates(&mut self) {
        let realms = self.config.realms.iter().enumerate();
        let mut names: Seen<_> =
            realms.map(|(index, realm)| (&realm.name, format!("realms.{index}.name"))).collect();
        names.retain(|_, path| self.places.has_understood(path));
        let mut uris = Seen::new();
        for (index, template) in self.config.realm_templates.iter().enumerate() {
            let RealmTemplate { uri, match_policy, rules, .. } = template;
            let path = format!("realm_templates.{index}");
            let uri_path = format!("{path}.uri");
            if self.places.has_understood(&uri_path) {
                let title = "two templates with the same `uri`";
                let help = "listeners know a template by its `uri`: put what belongs to it into one table";
                self.once(&mut uris, uri, &uri_path, title, help);
                if let Some(name) = names.get(uri) {
                    let title = "a template has the name of a realm for its `uri`";
                    let problem =
                        Problem::new(title, self.places.find(&uri_path), "which one do listeners mean?")
                            .help("listeners know both by it: leave one out, or choose another pattern");
                    self.problems.push(problem.related(self.places.find(name), "the realm"));
                }
                let match_path = format!("{path}.match");
                if is_one_name(uri, *match_policy) && !self.is_failed(&match_path) {
                    let place = if self.places.has(&match_path) { &match_path } else { &uri_path };
                    let help = "a realm with one name is one of `[[realms]]`; a template needs a pattern: `match = \
                                \"prefix\"`, or an empty component in `uri`";
                    self.report(place, "a template that matches one name alone", "this is a realm", help);
                } else {
                    self.realm_uri(&uri_path, uri, *match_policy);
                }
            }
            self.realm(&path, rules);
        }
    }

    fn realm_uri(&mut self, path: &str, uri: &str, policy: MatchPolicy) {
        if is_reserved(uri) {
            let help = "choose a name that does not begin with `wamp`";
            self.report(path, "the name is reserved for the router", "begins with `wamp`", help);
        } else {
            self.uri(path, uri, policy, false);
        }
    }

    fn uri(&mut self, path: &str, uri: &str, policy: MatchPolicy, strict: bool) {
        let rules = self.uri_rules(strict);
        let checked = match policy {
            MatchPolicy::Exact => check_uri(uri, &rules),
            MatchPolicy::Prefix | MatchPolicy::Wildcard => check_pattern(uri, policy, &rules),
        };
        let Err(error) = checked else { return };
        let title = match policy {
            MatchPolicy::Exact => "this is not a URI",
            MatchPolicy::Prefix => "this is not the beginning of a URI (`match = \"prefix\"`)",
            MatchPolicy::Wildcard => "this is not a pattern of URIs (`match = \"wildcard\"`)",
        };
        let help = match error {
            UriError::TooLong(_) => "shorten it, or raise `uri_max_bytes` of `[limits]`",
            UriError::TooManyComponents(_) => "shorten it, or raise `uri_max_components` of `[limits]`",
            UriError::EmptyComponent => {
                "components stand between dots, as in `com.example.topic`; only `match = \"wildcard\"` lets an \
                 empty one stand for any"
            }
            UriError::IllegalCharacter if strict => {
                "the realm has `strict_uris`: components consist of `0` to `9`, `a` to `z` and `_`"
            }
            UriError::IllegalCharacter => "a URI has no white space and no `#`",
        };
        self.report(path, title, &error.to_string(), help);
    }

    /// What a realm and a template have in common.
    fn realm(&mut self, path: &str, rules: &RealmRules) {
        if let Some(name) = &rules.anonymous_role {
            self.role(&format!("{path}.anonymous_role"), name, path, rules);
        }
        let rules_path = path;
        let mut names = Seen::new();
        for (index, role) in rules.roles.iter().enumerate() {
            let path = format!("{path}.roles.{index}");
            let name = format!("{path}.name");
            if self.places.has_understood(&name) {
                let help = "put all permissions of the role into one table";
                self.once(&mut names, &role.name, &name, "a role is described twice", help);
            }
            self.permissions(&path, role, rules, rules_path);
        }
        self.authentication_of_realm(rules_path, rules);
        let queues = rules.call_queues.iter().map(|queue| (queue.uri.as_str(), queue.match_policy));
        let title = "two call queues with the same `uri` and `match`";
        self.patterns(&format!("{path}.call_queues"), queues, rules.strict_uris, title);
        let histories =
            rules.event_history.iter().map(|history| (history.uri.as_str(), history.match_policy));
        let title = "two event histories with the same `uri` and `match`";
        self.patterns(&format!("{path}.event_history"), histories, rules.strict_uris, title);
    }

    /// The patterns of a list, which must differ, and its title where they do not.
    fn patterns<'p>(
        &mut self,
        list: &str,
        patterns: impl Iterator<Item = (&'p str, MatchPolicy)>,
        strict: bool,
        title: &str,
    ) {
        let mut seen = Seen::new();
        for (index, (uri, policy)) in patterns.enumerate() {
            let path = format!("{list}.{index}.uri");
            if self.places.has_understood(&path) {
                self.once(&mut seen, (uri, policy), &path, title, "leave one out");
                self.uri(&path, uri, policy, strict);
            }
        }
    }

    fn permissions(&mut self, path: &str, role: &Role, rules: &RealmRules, rules_path: &str) {
        let mut seen = Seen::new();
        for (index, permission) in role.permissions.iter().enumerate() {
            let path = format!("{path}.permissions.{index}");
            let uri = format!("{path}.uri");
            if !self.places.has_understood(&uri) {
                continue;
            }
            self.uri(&uri, &permission.uri, permission.match_policy, rules.strict_uris);
            let lists = ["allow", "deny", "ask"].map(|key| format!("{path}.{key}"));
            let actions = [&permission.allow, &permission.deny, &permission.ask];
            let is_empty = actions.iter().all(|actions| actions.is_empty());
            if is_empty && !lists.iter().any(|list| self.is_failed(list)) {
                let help = "add `allow`, `deny` or `ask` with some of \"publish\", \"subscribe\", \"call\", \"register\"";
                self.report(&uri, "a permission that allows and denies nothing", "what about it?", help);
            } else if !["allow", "ask"].iter().any(|key| self.is_failed(&format!("{path}.{key}"))) {
                self.disclose(&path, permission);
            }
            self.asks(&path, permission, rules, rules_path);
            for (list, actions) in lists.iter().zip(actions) {
                for (index, action) in actions.iter().enumerate() {
                    self.once(
                        &mut seen,
                        (&permission.uri, permission.match_policy, action),
                        &format!("{list}.{index}"),
                        "two permissions for the same action, `uri` and `match`",
                        "neither is more specific than the other: leave one out",
                    );
                }
            }
        }
    }

    /// What `disclose` is about must be allowed: of SUBSCRIBE nobody learns, and what is denied does not happen.
    fn disclose(&mut self, path: &str, permission: &Permission) {
        let path = format!("{path}.disclose");
        let is_disclosed = |action: &Action| *action != Action::Subscribe;
        let mut may_happen = permission.allow.iter().chain(&permission.ask);
        if self.places.has(&path) && !may_happen.any(is_disclosed) {
            let help = "`disclose` says something about what is allowed: add \"publish\", \"call\" or \"register\" to \
                        `allow`, or leave it out";
            self.report(
                &path,
                "`disclose` of a permission that allows neither publish, call nor register",
                "there is nothing to disclose",
                help,
            );
        }
    }
}

/// Whether a template's pattern matches nothing but itself.
fn is_one_name(uri: &str, policy: MatchPolicy) -> bool {
    match policy {
        MatchPolicy::Exact => true,
        MatchPolicy::Wildcard => uri.split('.').all(|component| !component.is_empty()),
        MatchPolicy::Prefix => false,
    }
}

/// The address, without what does not change where its path leads.
fn plain(address: &Address) -> Address {
    match address {
        Address::Unix(path) => {
            let parts = path.components().filter(|part| !matches!(part, Component::CurDir));
            Address::Unix(parts.collect())
        }
        Address::Tcp(address) => Address::Tcp(*address),
    }
}
