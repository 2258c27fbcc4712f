//! Roles, what they permit, and how anonymous sessions get one.

use std::net::{Ipv4Addr, SocketAddr};

use trunkline::config::{
    Action, Address, AnonymousRole, Config, Disclose, Listener, MatchPolicy, Permission, Realm, RealmRules,
    RealmTemplate, Role, SlowSubscriber,
};
use trunkline_tests::{DEADLINE, Peer, STRICT, TestRouter, Transport, Via, config, hello};
use wamp_proto::error_uri::{
    NO_MATCHING_AUTH_METHOD, NO_SUCH_PROCEDURE, NO_SUCH_REALM, NO_SUCH_ROLE, NOT_AUTHORIZED, UNAVAILABLE,
};
use wamp_proto::{MessageCode, SerializerId};

const RAW_JSON: Via = Via(Transport::RawSocket, SerializerId::Json);

fn permission(uri: &str, match_policy: MatchPolicy, allow: &[Action], deny: &[Action]) -> Permission {
    Permission {
        uri: uri.to_owned(),
        match_policy,
        allow: allow.to_vec(),
        deny: deny.to_vec(),
        ask: Vec::new(),
        disclose: Disclose::Allowed,
    }
}

/// Anonymous sessions of [`STRICT`] are guests, who may little; `backend` may do everything.
fn with_roles() -> Config {
    use Action::{Call, Publish, Subscribe};
    let mut config = config();
    let guest = vec![
        permission("com.shop.", MatchPolicy::Prefix, &[Call, Subscribe], &[]),
        permission("com.shop.admin.", MatchPolicy::Prefix, &[], &[Call]),
        permission("com.shop.admin..public", MatchPolicy::Wildcard, &[Call], &[]),
        permission("com.shop.cart", MatchPolicy::Exact, &[Publish], &[]),
        permission("wamp.session.on_join", MatchPolicy::Exact, &[Subscribe], &[]),
    ];
    let rules = &mut config.realms[0].rules;
    rules.anonymous_role = Some("guest".to_owned());
    rules.roles = vec![
        Role { name: "guest".to_owned(), permissions: guest, ..Role::default() },
        Role { name: "backend".to_owned(), permissions: vec![Permission::everything()], ..Role::default() },
    ];
    config
}

#[tokio::test]
async fn authz_01_what_is_not_allowed_is_denied_and_reveals_nothing() {
    let router = TestRouter::with(&with_roles()).await;
    let mut backend = Peer::join_as(&router, "backend", "backend").await;
    backend.register_with(r#"{"match":"prefix"}"#, "com.").await;
    for via in Via::serializers() {
        let mut guest = Peer::connect(&router, "guest", via).await;
        guest.send(&hello(STRICT)).await;
        let welcome = guest.expect_welcome().await;
        assert_eq!(welcome.details.authrole.as_deref(), Some("guest"));
        // The same whether or not there is such a procedure.
        for procedure in
            ["com.other.there", "net.other.not_there", "com.shop.admin.wipe", "wamp.session.list"]
        {
            let call = guest.call(procedure, "").await;
            guest.expect_error(MessageCode::Call, call, NOT_AUTHORIZED).await;
        }
        for procedure in ["com.shop.order", "com.shop.admin.x.public"] {
            let call = guest.call(procedure, "").await;
            let invocation = backend.expect_invocation().await;
            backend.answer(&invocation, "").await;
            guest.expect_result(call).await;
        }
        let request = guest.next_request();
        guest.send(&format!(r#"[64,{request},{{}},"com.shop.order"]"#)).await;
        guest.expect_error(MessageCode::Register, request, NOT_AUTHORIZED).await;
    }
}

/// Conformance: PUB-01
#[tokio::test]
async fn authz_01_publishing_and_subscribing_are_authorized() {
    let router = TestRouter::with(&with_roles()).await;
    let mut backend = Peer::join_as(&router, "backend", "backend").await;
    backend.subscribe_with(r#"{"match":"prefix"}"#, "com.").await;
    let mut guest = Peer::join(&router, "guest").await;
    guest.publish("com.shop.cart", "[1]").await;
    backend.expect_event().await;
    guest.publish("com.shop.prices", "[2]").await;
    let request = guest.next_request();
    guest.send(&format!(r#"[16,{request},{{"acknowledge":true}},"com.shop.prices"]"#)).await;
    guest.expect_error(MessageCode::Publish, request, NOT_AUTHORIZED).await;
    backend.send(r#"[16,2,{"acknowledge":true},"com.silence"]"#).await;
    let [_] = backend.expect("[17,2,#]").await;

    guest.subscribe_with(r#"{"match":"prefix"}"#, "com.shop.").await;
    guest.subscribe_with(r#"{"match":"wildcard"}"#, "com.shop..x").await;
    guest.subscribe("wamp.session.on_join").await;
    for (options, topic) in [
        (r#"{"match":"prefix"}"#, "com."),
        (r#"{"match":"prefix"}"#, "com.shop"),
        (r#"{"match":"wildcard"}"#, "com..x"),
        (r#"{"match":"prefix"}"#, "wamp.session."),
        ("{}", "wamp.session.on_leave"),
    ] {
        let request = guest.next_request();
        guest.send(&format!(r#"[32,{request},{options},"{topic}"]"#)).await;
        guest.expect_error(MessageCode::Subscribe, request, NOT_AUTHORIZED).await;
    }
}

/// Conformance: AUTH-GEN-04
#[tokio::test]
async fn authz_01_without_a_role_nobody_joins() {
    let mut config = with_roles();
    config.realms.push(Realm::named("com.example.closed"));
    let router = TestRouter::with(&config).await;
    let mut alice = Peer::connect(&router, "alice", RAW_JSON).await;
    alice.send(&hello("com.example.closed")).await;
    alice.expect_abort(NO_MATCHING_AUTH_METHOD).await;
    let mut bob = Peer::connect_as(&router, "bob", "no such role");
    bob.send(&hello(STRICT)).await;
    bob.expect_abort(NO_SUCH_ROLE).await;
    router.wait_until_empty().await;
}

#[tokio::test]
async fn authz_01_a_listener_has_roles_and_realms_of_its_own() {
    let mut config = with_roles();
    config.listeners.push(Listener {
        addresses: vec![Address::Tcp(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))],
        realms: Some(vec![STRICT.to_owned()]),
        anonymous_roles: vec![AnonymousRole { realm: STRICT.to_owned(), role: "backend".to_owned() }],
        handshake_timeout: DEADLINE,
        ..Listener::default()
    });
    let router = TestRouter::with(&config).await;
    let Address::Tcp(address) = router.addresses()[1] else { panic!("the second listener is TCP") };
    let socket = async || tokio::net::TcpStream::connect(address).await.unwrap();
    let mut backend = Peer::join_over(socket().await, "backend", RAW_JSON).await;
    backend.register("com.shop.order").await;
    let mut guest = Peer::join(&router, "guest").await;
    let call = guest.call("com.shop.order", "").await;
    let invocation = backend.expect_invocation().await;
    backend.answer(&invocation, "").await;
    guest.expect_result(call).await;
    let mut elsewhere = Peer::connect_over(socket().await, "elsewhere", RAW_JSON).await;
    elsewhere.send(&hello(trunkline_tests::OTHER)).await;
    elsewhere.expect_abort(NO_SUCH_REALM).await;
}

/// Realms of tenants, two at a time.
fn with_tenants() -> Config {
    let mut config = config();
    let RealmRules { roles, anonymous_role, .. } = Realm::open("any").rules;
    config.realm_templates = vec![RealmTemplate {
        uri: "com.tenant.".to_owned(),
        match_policy: MatchPolicy::Wildcard,
        realms_max: 2,
        rules: RealmRules { roles, anonymous_role, ..RealmRules::default() },
    }];
    config
}

#[tokio::test]
async fn ses_02_a_template_makes_realms_that_go_with_their_last_session() {
    let router = TestRouter::with(&with_tenants()).await;
    let is_there = |name: &'static str| move |router: &trunkline::Router| router.holdings(name).is_some();
    let mut acme = Peer::join_realm(&router, "acme", RAW_JSON, "com.tenant.acme").await;
    let mut rival = Peer::join_realm(&router, "rival", RAW_JSON, "com.tenant.rival").await;
    rival.register("com.example.add").await;
    let call = acme.call("com.example.add", "").await;
    acme.expect_error(MessageCode::Call, call, NO_SUCH_PROCEDURE).await;
    let mut colleague = Peer::join_realm(&router, "colleague", RAW_JSON, "com.tenant.rival").await;
    let call = colleague.call("com.example.add", "").await;
    let invocation = rival.expect_invocation().await;
    rival.answer(&invocation, "").await;
    colleague.expect_result(call).await;

    let mut third = Peer::connect(&router, "third", RAW_JSON).await;
    third.send(&hello("com.tenant.third")).await;
    third.expect_abort(UNAVAILABLE).await;
    assert_eq!(router.router().counters().realms_over_limit.value(), 1);
    let mut nobody = Peer::connect(&router, "nobody", RAW_JSON).await;
    nobody.send(&hello("com.tenant.acme.sub")).await;
    nobody.expect_abort(NO_SUCH_REALM).await;

    drop(acme);
    router.wait_until("the realm is gone", |router| !is_there("com.tenant.acme")(router)).await;
    assert!(is_there("com.tenant.rival")(router.router()));
    Peer::join_realm(&router, "third", RAW_JSON, "com.tenant.third").await;
    drop((rival, colleague));
    router.wait_until_empty().await;
    router.wait_until("both realms are gone", |router| !is_there("com.tenant.rival")(router)).await;
}

#[tokio::test]
async fn ses_02_a_realm_of_a_template_is_born_again_while_its_last_session_leaves() {
    let router = TestRouter::with(&with_tenants()).await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let routing = router.router().clone();
        tasks.spawn_blocking(move || {
            for _ in 0..300 {
                let mut peer = routing.connect(SerializerId::Json);
                peer.send(&hello("com.tenant.acme").into()).unwrap();
                let welcome = peer.try_receive().unwrap();
                assert!(welcome.starts_with(b"[2,"), "{welcome:?}");
                peer.send(&bytes::Bytes::from_static(br#"[32,1,{},"com.example.tick"]"#)).unwrap();
                assert!(peer.try_receive().unwrap().starts_with(b"[33,"));
            }
        });
    }
    tasks.join_all().await;
    assert_eq!(router.router().sessions(), 0);
    assert!(router.router().holdings("com.tenant.acme").is_none());
}

#[tokio::test]
async fn a_slow_subscriber_misses_events_where_its_realm_says_so() {
    let mut config = config();
    config.limits.outbox_max_messages = 4;
    config.realms[0].rules.slow_subscriber = SlowSubscriber::DropEvents;
    let router = TestRouter::with(&config).await;
    let mut slow = Peer::join_via(&router, "slow", Via(Transport::InProcess, SerializerId::Json)).await;
    slow.subscribe("com.example.tick").await;
    let mut bob = Peer::join(&router, "bob").await;
    for _ in 0..10 {
        bob.publish("com.example.tick", "").await;
    }
    bob.expect_silence().await;
    for _ in 0..4 {
        slow.expect_event().await;
    }
    slow.expect_silence().await;
    assert_eq!(router.router().counters().events_dropped.value(), 6);
    assert_eq!(router.router().counters().slow_consumers.value(), 0);
}
