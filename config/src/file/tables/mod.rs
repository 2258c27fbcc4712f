//! The tables of a configuration file and their keys: name, kind of value, meaning, and the setting it becomes.
//!
//! The schema, the list of known keys and the tests of the documentation come from here, too. What a key is
//! when it is not given is the settings' own default.

mod authentication;

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use wamp_proto::{DecodeRules, MatchPolicy, Profile};

use super::read::{
    Boolean, Integer, Keys, List, Milliseconds, Seconds, Shaped, Shown, Table, Text, Word, table, tables,
};
use crate::{
    Action, Address, AnonymousRole, CallQueue, Certificate, ClientCertificates, Config, Disclose,
    EventHistory, Limits, Listener, ListenerKind, Node, Permission, ProxyHeader, Realm, RealmRules,
    RealmTemplate, RetainedEvents, Role, SlowSubscriber, Tls, TrustedProxy, UnixSocket,
};
use authentication::AUTHMETHOD;

/// No message is longer, whatever the limits say.
const GIBIBYTE: usize = 1 << 30;
/// Entries of a table or queue: more than memory holds anyway.
const ENTRIES_MAX: usize = 1 << 24;
/// RawSocket cannot announce less.
const MESSAGE_BYTES: RangeInclusive<usize> = 512..=GIBIBYTE;
/// A message of 1 MiB holds its session up for a minute at most.
const BYTES_PER_SECOND: RangeInclusive<usize> = 16 * 1024..=GIBIBYTE;
const COUNT: RangeInclusive<usize> = 1..=ENTRIES_MAX;
/// Less than one full outbox would be no budget.
const MEMORY_BYTES: RangeInclusive<usize> = 16 << 20..=isize::MAX as usize;
const DAY_MS: usize = 24 * 60 * 60 * 1000;
const TIMEOUT: RangeInclusive<usize> = 1..=DAY_MS;
/// Octets of a store that has room for a few small entries at least.
const STORE_BYTES: RangeInclusive<usize> = 1024..=GIBIBYTE;
/// Ten years: older than what memory keeps ever gets.
const AGE_S: RangeInclusive<usize> = 0..=10 * 365 * 24 * 60 * 60;
const MAX_AGE: &str = "How old these events may be, in seconds; 0 stands for any age.";

const MATCH: Word<MatchPolicy> = Word(&[
    (MatchPolicy::Exact.as_str(), MatchPolicy::Exact),
    (MatchPolicy::Prefix.as_str(), MatchPolicy::Prefix),
    (MatchPolicy::Wildcard.as_str(), MatchPolicy::Wildcard),
]);

const ACTION: Word<Action> = Word(&[
    (Action::Publish.as_str(), Action::Publish),
    (Action::Subscribe.as_str(), Action::Subscribe),
    (Action::Call.as_str(), Action::Call),
    (Action::Register.as_str(), Action::Register),
]);

/// A name that is not empty.
const NAME: Shaped<String> = Shaped {
    expected: "a name that is not empty",
    parse: |text, _| (!text.is_empty()).then(|| text.to_owned()),
};

/// A path, from the folder of the configuration file if it is relative.
const FILE_PATH: Shown<PathBuf> = Shown {
    what: "path",
    shape: Shaped {
        expected: "the path of a file",
        parse: |text, folder| (!text.is_empty()).then(|| folder.join(text)),
    },
};

const ADDRESS: Shown<Address> = Shown {
    what: "address",
    shape: Shaped {
        expected: "an address such as `127.0.0.1:8080`, `[::1]:8080` or `unix:trunkline.sock`",
        parse: |text, folder| {
            Some(match text.parse().ok()? {
                Address::Unix(path) => Address::Unix(folder.join(path)),
                address => address,
            })
        },
    },
};

impl Table for Config {
    fn blank() -> Self {
        Self { realms: Vec::new(), ..Self::default() }
    }

    fn describe(keys: &mut Keys<Self>) {
        keys.optional("node", table(), "The process as a whole.", |config, node| config.node = node);
        keys.optional(
            "limits",
            table(),
            "What one session, one message, the waiting calls of one realm and the process may take.",
            |config, limits| config.limits = limits,
        );
        keys.optional(
            "listeners",
            List { item: table(), min: 1 },
            "What to listen on; `127.0.0.1:8080` if it is not given.",
            |config, listeners| config.listeners = listeners,
        );
        keys.optional(
            "authentication",
            table(),
            "What authentication may cost, and how failures slow it down.",
            |config, authentication| config.authentication = authentication,
        );
        keys.optional("realms", tables(), "Realms that sessions may join.", |config, realms| {
            config.realms = realms;
        });
        keys.optional(
            "realm_templates",
            tables(),
            "Realms that come into being when somebody joins one.",
            |config, templates| config.realm_templates = templates,
        );
    }
}

impl Table for Node {
    fn blank() -> Self {
        Self::default()
    }

    fn describe(keys: &mut Keys<Self>) {
        keys.optional(
            "worker_threads",
            Integer(1..=1024),
            "Threads that serve sessions; one per core if it is not given.",
            |node, threads| node.worker_threads = Some(threads),
        );
        keys.optional(
            "drain_timeout_ms",
            Milliseconds(0..=DAY_MS),
            "How long open invocations may still run when the router goes down, in milliseconds.",
            |node, timeout| node.drain_timeout = timeout,
        );
        keys.optional(
            "close_timeout_ms",
            Milliseconds(0..=DAY_MS),
            "How long sessions get to answer GOODBYE when the router goes down, in milliseconds.",
            |node, timeout| node.close_timeout = timeout,
        );
    }
}

impl Table for Limits {
    fn blank() -> Self {
        Self::default()
    }

    fn describe(keys: &mut Keys<Self>) {
        keys.optional(
            "sessions_max",
            Integer(COUNT),
            "Sessions at a time, those of all realms together; as many as the process has descriptors for if it is not \
             given.",
            |limits, count| limits.sessions_max = Some(count),
        );
        keys.optional(
            "memory_budget_bytes",
            Integer(MEMORY_BYTES),
            "Octets that all may take together that waits or is kept: outboxes, call queues, histories, retained events, \
             testaments; half of what the process may use if it is not given.",
            |limits, octets| limits.memory_budget_bytes = Some(octets),
        );
        keys.optional(
            "message_max_bytes",
            Integer(MESSAGE_BYTES),
            "Octets of one message. A listener may have a limit of its own.",
            |limits, octets| limits.message_max_bytes = octets,
        );
        keys.optional(
            "message_max_depth",
            Integer(2..=DecodeRules::MAX_DEPTH),
            "Nesting of arrays and dicts in one message, the message itself included.",
            |limits, depth| limits.message_max_depth = depth,
        );
        keys.optional(
            "dict_max_bytes",
            Integer(256..=GIBIBYTE),
            "Octets of one Options or Details dict.",
            |limits, octets| limits.dict_max_bytes = octets,
        );
        // Tries of patterns are as deep as the longest URI; a test shows that this depth fits a thread's stack.
        keys.optional("uri_max_bytes", Integer(1..=4096), "Octets of one URI.", |limits, octets| {
            limits.uri_max_bytes = octets;
        });
        keys.optional(
            "uri_max_components",
            // Patterns are matched in a time that was tested up to here.
            Integer(1..=32),
            "Components of one URI.",
            |limits, components| limits.uri_max_components = components,
        );
        keys.optional(
            "outbox_max_messages",
            // At half of it reading pauses, so that there must be a half.
            Integer(16..=ENTRIES_MAX),
            "Messages that may wait for one session.",
            |limits, messages| limits.outbox_max_messages = messages,
        );
        keys.optional(
            "outbox_max_bytes",
            Integer(4096..=GIBIBYTE),
            "Octets that may wait for one session: about the bodies, plus 64 for each message. At least 8192 more than \
             the largest message.",
            |limits, octets| limits.outbox_max_bytes = octets,
        );
        keys.optional(
            "outbox_stall_ms",
            Milliseconds(TIMEOUT),
            "How long a session may leave the answers to its own requests unread before it is disconnected, in \
             milliseconds.",
            |limits, stall| limits.outbox_stall = stall,
        );
        keys.optional(
            "subscriptions_max",
            Integer(COUNT),
            "Subscriptions that one session may hold.",
            |limits, count| limits.subscriptions_max = count,
        );
        keys.optional(
            "registrations_max",
            Integer(COUNT),
            "Registrations that one session may hold.",
            |limits, count| limits.registrations_max = count,
        );
        keys.optional(
            "open_calls_max",
            Integer(COUNT),
            "CALLs of one session that may wait for their final answer.",
            |limits, count| limits.open_calls_max = count,
        );
        keys.optional(
            "waiting_calls_max_bytes",
            Integer(0..=GIBIBYTE),
            "Octets that the calls of one realm may take that wait in call queues, all together: payloads, plus 256 \
             for each call; and what open calls keep for later.",
            |limits, octets| limits.waiting_calls_max_bytes = octets,
        );
        keys.optional(
            "testaments_max",
            Integer(0..=ENTRIES_MAX),
            "Testaments that one session may leave; with 0, none.",
            |limits, count| limits.testaments_max = count,
        );
        keys.optional(
            "testaments_max_bytes",
            Integer(0..=GIBIBYTE),
            "Octets that the payloads and topics of the testaments of one session may take.",
            |limits, octets| limits.testaments_max_bytes = octets,
        );
        keys.optional(
            "pending_authorizations_max",
            // With none at all, nothing would ever be read again.
            Integer(1..=ENTRIES_MAX),
            "Messages of one session that may wait for an authorizer's answers; then reading from it pauses.",
            |limits, messages| limits.pending_authorizations_max = messages,
        );
        keys.optional(
            "pending_authorizations_max_bytes",
            Integer(1..=GIBIBYTE),
            "Octets that they may take: the payloads, and 16 for each octet in front of the payload.",
            |limits, octets| limits.pending_authorizations_max_bytes = octets,
        );
    }
}

impl Table for Listener {
    fn blank() -> Self {
        Self::default()
    }

    fn describe(keys: &mut Keys<Self>) {
        keys.optional(
            "type",
            Word(&[("router", ListenerKind::Router), ("websocket-testee", ListenerKind::WebsocketTestee)]),
            "What a connection leads to: the router, or its WebSocket alone, which sends every message back.",
            |listener, kind| listener.kind = kind,
        );
        keys.optional(
            "addresses",
            List { item: ADDRESS, min: 1 },
            "Where to listen: `127.0.0.1:8080`, `[::1]:8080` or `unix:trunkline.sock`. Port 0 lets the system \
             choose one.",
            |listener, addresses| listener.addresses = addresses,
        );
        keys.optional(
            "tls",
            table(),
            "The certificates. With them, the listener accepts TLS only.",
            |listener, tls| listener.tls = Some(tls),
        );
        keys.optional(
            "unix_socket",
            table(),
            "Mode and owner of the socket files among the addresses.",
            |listener, unix_socket| listener.unix_socket = unix_socket,
        );
        keys.optional(
            "websocket_paths",
            List {
                item: Shaped {
                    expected: "a path that begins with `/`",
                    parse: |text, _| {
                        let is_path = text.starts_with('/') && !text.contains(['?', '#', ' ']);
                        is_path.then(|| text.to_owned())
                    },
                },
                min: 0,
            },
            "HTTP paths that upgrade to WebSocket. With none, the listener speaks RawSocket only.",
            |listener, paths| listener.websocket_paths = paths,
        );
        keys.optional(
            "allowed_origin_hosts",
            List {
                item: Shaped {
                    expected: "a host alone, such as `example.com` or `[::1]`, or `*`",
                    parse: |text, _| is_host(text).then(|| text.to_owned()),
                },
                min: 0,
            },
            "Hosts whose pages a browser may connect from, whatever their port; `*` stands for every host.",
            |listener, hosts| listener.allowed_origin_hosts = hosts,
        );
        keys.optional(
            "handshake_timeout_ms",
            Milliseconds(TIMEOUT),
            "Time for a peer from accept to WELCOME, in milliseconds.",
            |listener, timeout| listener.handshake_timeout = timeout,
        );
        keys.optional(
            "http_head_max_bytes",
            Integer(512..=1 << 20),
            "Octets that an HTTP request head may have.",
            |listener, octets| listener.http_head_max_bytes = octets,
        );
        keys.optional(
            "message_max_bytes",
            Integer(MESSAGE_BYTES),
            "Octets of one message here; the key of `[limits]` if it is not given.",
            |listener, octets| listener.message_max_bytes = Some(octets),
        );
        keys.optional("connections_max", Integer(COUNT), "Connections at a time.", |listener, count| {
            listener.connections_max = count
        });
        keys.optional(
            "connections_per_address_max",
            Integer(COUNT),
            "Connections at a time from one source address. Peers on a Unix domain socket have none.",
            |listener, count| listener.connections_per_address_max = count,
        );
        keys.optional(
            "handshakes_max",
            Integer(COUNT),
            "Connections at a time that have not got WELCOME yet.",
            |listener, count| listener.handshakes_max = count,
        );
        keys.optional(
            "handshakes_per_address_max",
            Integer(COUNT),
            "Connections at a time from one source address that have not got WELCOME yet.",
            |listener, count| listener.handshakes_per_address_max = count,
        );
        keys.optional(
            "ping_interval_ms",
            Milliseconds(TIMEOUT),
            "A peer that was silent this long is sent a ping, after twice as long at the latest, in milliseconds.",
            |listener, interval| listener.ping_interval = interval,
        );
        keys.optional(
            "ping_timeout_ms",
            Milliseconds(TIMEOUT),
            "A peer from which nothing comes this long after a ping is taken for dead, in milliseconds.",
            |listener, timeout| listener.ping_timeout = timeout,
        );
        keys.optional(
            "trusted_proxies",
            List {
                item: Shaped {
                    expected: "a network such as `10.0.0.0/8`, an address, or `unix`",
                    parse: |text, _| text.parse::<TrustedProxy>().ok(),
                },
                min: 0,
            },
            "Peers that are believed what they say about a connection's source; needs `proxy_header`.",
            |listener, proxies| listener.trusted_proxies = proxies,
        );
        keys.optional(
            "proxy_header",
            Word(&[
                ("proxy-protocol", ProxyHeader::ProxyProtocol),
                ("forwarded", ProxyHeader::Forwarded),
                ("x-forwarded-for", ProxyHeader::XForwardedFor),
            ]),
            "How trusted proxies say where a connection comes from; needs `trusted_proxies`.",
            |listener, header| listener.proxy_header = Some(header),
        );
        keys.optional(
            "realms",
            List { item: NAME, min: 1 },
            "The only realms that can be joined here: names of realms, URIs of templates. All if it is not given.",
            |listener, realms| listener.realms = Some(realms),
        );
        keys.optional(
            "anonymous_roles",
            tables(),
            "Roles of anonymous sessions here, instead of those that their realms give them.",
            |listener, roles| listener.anonymous_roles = roles,
        );
        keys.optional(
            "authmethods",
            List { item: AUTHMETHOD, min: 1 },
            "The only authentication methods here. All that a realm has if it is not given.",
            |listener, methods| listener.authmethods = Some(methods),
        );
        keys.optional(
            "cookie",
            table(),
            "With it, browsers get a cookie by which they can join again.",
            |listener, cookie| listener.cookie = Some(cookie),
        );
    }
}

/// Whether that is what the host of an `Origin` can be, or `*`.
fn is_host(text: &str) -> bool {
    let is_port_or_url = |text: &str| text.contains(['/', ':', ' ', '@']);
    match text.strip_prefix('[') {
        Some(v6) => v6.strip_suffix(']').is_some_and(|v6| v6.parse::<std::net::Ipv6Addr>().is_ok()),
        None => !text.is_empty() && !is_port_or_url(text),
    }
}

impl Table for Tls {
    fn blank() -> Self {
        Self::with(Certificate::blank())
    }

    fn describe(keys: &mut Keys<Self>) {
        describe_certificate(keys, |tls| &mut tls.default_certificate);
        keys.optional(
            "certificates",
            tables(),
            "Further certificates, each for clients that name a host in it.",
            |tls, certificates| tls.certificates = certificates,
        );
        keys.optional(
            "client_ca_file",
            FILE_PATH,
            "PEM file with the authorities whose client certificates are accepted. Without it, clients are not asked \
             for one.",
            |tls, path| tls.client_ca_file = Some(path),
        );
        keys.optional(
            "client_certificates",
            Word(&[("optional", ClientCertificates::Optional), ("required", ClientCertificates::Required)]),
            "Whether clients must have a certificate; needs `client_ca_file`.",
            |tls, demand| tls.client_certificates = demand,
        );
        keys.optional(
            "client_crl_files",
            List { item: FILE_PATH, min: 1 },
            "PEM files with the revocation lists of all these authorities; needs `client_ca_file`.",
            |tls, files| tls.client_crl_files = files,
        );
    }
}

impl Table for Certificate {
    fn blank() -> Self {
        Self::default()
    }

    fn describe(keys: &mut Keys<Self>) {
        describe_certificate(keys, |certificate| certificate);
    }
}

/// Adds the keys of a certificate.
fn describe_certificate<T: Table>(keys: &mut Keys<T>, certificate: fn(&mut T) -> &mut Certificate) {
    keys.required(
        "certificate_file",
        FILE_PATH,
        "PEM file with the listener's certificate, and those that lead from it to the authority's.",
        move |table, path| certificate(table).certificate_file = path,
    );
    keys.required(
        "key_file",
        FILE_PATH,
        "PEM file with the private key of the first certificate.",
        move |table, path| certificate(table).key_file = path,
    );
}

impl Table for UnixSocket {
    fn blank() -> Self {
        Self::default()
    }

    fn describe(keys: &mut Keys<Self>) {
        keys.optional(
            "mode",
            Shaped {
                expected: "permission bits in octal, as a string: \"0660\"",
                parse: |text, _| {
                    let is_octal =
                        (3..=4).contains(&text.len()) && text.bytes().all(|octet| octet.is_ascii_digit());
                    let mode = is_octal.then(|| u32::from_str_radix(text, 8).ok()).flatten()?;
                    (mode <= 0o777).then_some(mode)
                },
            },
            "Permission bits in octal; what the umask leaves if it is not given.",
            |socket, mode| socket.mode = Some(mode),
        );
        keys.optional("owner", NAME, "User that owns the file, by name or number.", |socket, owner| {
            socket.owner = Some(owner);
        });
        keys.optional("group", NAME, "Group of the file, by name or number.", |socket, group| {
            socket.group = Some(group);
        });
    }
}

impl Table for AnonymousRole {
    fn blank() -> Self {
        Self { realm: String::new(), role: String::new() }
    }

    fn describe(keys: &mut Keys<Self>) {
        keys.required("realm", NAME, "Name of the realm, or URI of the template.", |anonymous, realm| {
            anonymous.realm = realm;
        });
        keys.required("role", NAME, "Name of one of its roles.", |anonymous, role| anonymous.role = role);
    }
}

impl Table for Realm {
    fn blank() -> Self {
        Self::named("")
    }

    fn describe(keys: &mut Keys<Self>) {
        keys.required("name", Text, "The realm's URI.", |realm, name| realm.name = name);
        describe_rules(keys, |realm| &mut realm.rules);
    }
}

impl Table for RealmTemplate {
    fn blank() -> Self {
        Self {
            uri: String::new(),
            match_policy: MatchPolicy::Wildcard,
            realms_max: 1000,
            rules: RealmRules::default(),
        }
    }

    fn describe(keys: &mut Keys<Self>) {
        keys.required("uri", Text, "URI pattern of the realms' names.", |template, uri| template.uri = uri);
        keys.optional(
            "match",
            MATCH,
            "How `uri` matches: \"prefix\" or \"wildcard\"; \"wildcard\" if it is not given.",
            |template, policy| {
                template.match_policy = policy;
            },
        );
        keys.optional(
            "realms_max",
            Integer(COUNT),
            "How many of these realms there may be at a time.",
            |template, count| template.realms_max = count,
        );
        describe_rules(keys, |template| &mut template.rules);
    }
}

/// Adds the keys that realms and templates have in common.
fn describe_rules<T: Table>(keys: &mut Keys<T>, rules: fn(&mut T) -> &mut RealmRules) {
    keys.optional(
        "profile",
        Word(&[("default", Profile::Default), ("strict", Profile::Strict), ("crossbar", Profile::Crossbar)]),
        "How strictly the protocol is taken.",
        move |table, profile| rules(table).profile = profile,
    );
    keys.optional(
        "strict_uris",
        Boolean,
        "Whether URI components are restricted to `[0-9a-z_]+`.",
        move |table, strict| rules(table).strict_uris = strict,
    );
    keys.optional(
        "slow_subscriber",
        Word(&[("disconnect", SlowSubscriber::Disconnect), ("drop-events", SlowSubscriber::DropEvents)]),
        "What becomes of a subscriber that does not keep up.",
        move |table, policy| rules(table).slow_subscriber = policy,
    );
    keys.optional(
        "call_timeout_ms",
        Integer(0..=DAY_MS),
        "Bound of every call, in milliseconds from CALL to the final answer, or from one progressive result to the \
         next; 0 stands for none.",
        move |table, milliseconds| rules(table).call_timeout_ms = milliseconds as u64,
    );
    keys.optional(
        "anonymous_role",
        NAME,
        "Role of sessions that prove nothing about themselves. Without it, they cannot join.",
        move |table, role| rules(table).anonymous_role = Some(role),
    );
    keys.optional(
        "roles",
        tables(),
        "What sessions may do. What no permission allows is denied.",
        move |table, roles| rules(table).roles = roles,
    );
    authentication::describe_rules(keys, rules);
    keys.optional(
        "call_queues",
        tables(),
        "Which calls may wait for a callee that is busy.",
        move |table, queues| rules(table).call_queues = queues,
    );
    keys.optional(
        "event_history",
        tables(),
        "Subscriptions whose past events are kept.",
        move |table, histories| rules(table).event_history = histories,
    );
    keys.optional(
        "retained_events",
        table(),
        "How much is kept of events that are published with `retain`.",
        move |table, retained| rules(table).retained_events = retained,
    );
}

impl Table for Role {
    fn blank() -> Self {
        Self::default()
    }

    fn describe(keys: &mut Keys<Self>) {
        keys.required("name", NAME, "The role's name, the authrole of its sessions.", |role, name| {
            role.name = name;
        });
        keys.optional(
            "trustlevel",
            Integer(0..=u32::MAX as usize),
            "`trustlevel` of what its sessions publish and call. Without it, EVENT and INVOCATION have none.",
            |role, level| role.trustlevel = Some(level as u64),
        );
        keys.optional(
            "messages_per_second",
            Integer(COUNT),
            "Messages that each of its sessions may send in one second. Beyond it, the session is read more slowly.",
            |role, count| role.messages_per_second = Some(count),
        );
        keys.optional(
            "bytes_per_second",
            Integer(BYTES_PER_SECOND),
            "Octets of these messages.",
            |role, octets| role.bytes_per_second = Some(octets),
        );
        keys.optional(
            "permissions",
            tables(),
            "For one action and URI, the most specific permission that names the action decides.",
            |role, permissions| role.permissions = permissions,
        );
    }
}

impl Table for Permission {
    fn blank() -> Self {
        Self {
            uri: String::new(),
            match_policy: MatchPolicy::Exact,
            allow: Vec::new(),
            deny: Vec::new(),
            ask: Vec::new(),
            disclose: Disclose::Allowed,
        }
    }

    fn describe(keys: &mut Keys<Self>) {
        keys.required("uri", Text, "URI pattern of topics and procedures.", |permission, uri| {
            permission.uri = uri;
        });
        keys.optional(
            "match",
            MATCH,
            "How `uri` matches; \"exact\" if it is not given.",
            |permission, policy| {
                permission.match_policy = policy;
            },
        );
        keys.optional(
            "allow",
            List { item: ACTION, min: 0 },
            "Actions that are allowed.",
            |permission, actions| {
                permission.allow = actions;
            },
        );
        keys.optional(
            "deny",
            List { item: ACTION, min: 0 },
            "Actions that are denied. One in no list is left to less specific permissions.",
            |permission, actions| permission.deny = actions,
        );
        keys.optional(
            "ask",
            List { item: ACTION, min: 0 },
            "Actions about which the realm's `authorizer` is asked.",
            |permission, actions| permission.ask = actions,
        );
        keys.optional(
            "disclose",
            Word(&[
                ("allowed", Disclose::Allowed),
                ("denied", Disclose::Denied),
                ("always", Disclose::Always),
            ]),
            "Whether subscribers and callees learn who published or called: \"allowed\" if somebody asks, \"denied\", \
             or \"always\".",
            |permission, disclose| permission.disclose = disclose,
        );
    }
}

impl Table for CallQueue {
    fn blank() -> Self {
        Self { uri: String::new(), match_policy: MatchPolicy::Exact, limit: 0, max_bytes: 1 << 20 }
    }

    fn describe(keys: &mut Keys<Self>) {
        keys.required(
            "uri",
            Text,
            "Pattern of the URIs of registrations that have such a queue, each one of its own.",
            |queue, uri| queue.uri = uri,
        );
        keys.optional("match", MATCH, "How `uri` matches; \"exact\" if it is not given.", |queue, policy| {
            queue.match_policy = policy;
        });
        keys.required("limit", Integer(COUNT), "Calls that may wait.", |queue, limit| queue.limit = limit);
        keys.optional(
            "max_bytes",
            Integer(STORE_BYTES),
            "Octets that the payloads of waiting calls may take, plus 256 for each call.",
            |queue, octets| queue.max_bytes = octets,
        );
    }
}

impl Table for EventHistory {
    fn blank() -> Self {
        Self {
            uri: String::new(),
            match_policy: MatchPolicy::Exact,
            limit: 1000,
            max_bytes: 1 << 20,
            max_age: None,
        }
    }

    fn describe(keys: &mut Keys<Self>) {
        keys.required(
            "uri",
            Text,
            "Topic of a subscription whose past events are kept, or pattern of its topics.",
            |history, uri| history.uri = uri,
        );
        keys.optional(
            "match",
            MATCH,
            "How `uri` matches; \"exact\" if it is not given.",
            |history, policy| {
                history.match_policy = policy;
            },
        );
        keys.optional(
            "limit",
            Integer(COUNT),
            "Events that are kept; the oldest go beyond it.",
            |history, limit| history.limit = limit,
        );
        keys.optional(
            "max_bytes",
            Integer(STORE_BYTES),
            "Octets that the payloads of these events may take, plus 256 for each event.",
            |history, octets| history.max_bytes = octets,
        );
        keys.optional("max_age_s", Seconds(AGE_S), MAX_AGE, |history, age| history.max_age = bound(age));
    }
}

impl Table for RetainedEvents {
    fn blank() -> Self {
        Self::default()
    }

    fn describe(keys: &mut Keys<Self>) {
        keys.optional(
            "limit",
            Integer(0..=ENTRIES_MAX),
            "Topics that may have retained events; the oldest events go beyond it. With 0, nothing is retained.",
            |retained, limit| retained.limit = limit,
        );
        keys.optional(
            "max_bytes",
            Integer(STORE_BYTES),
            "Octets that the payloads of retained events may take, plus 256 for each event.",
            |retained, octets| retained.max_bytes = octets,
        );
        keys.optional("max_age_s", Seconds(AGE_S), MAX_AGE, |retained, age| retained.max_age = bound(age));
    }
}

/// The bound that a file gives: 0 there stands for none.
fn bound(age: Duration) -> Option<Duration> {
    (!age.is_zero()).then_some(age)
}
