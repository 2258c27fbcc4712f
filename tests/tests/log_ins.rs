//! Log-ins that succeed, and yet let nobody in: too many guesses went before, or nobody can join what they lead to.
#![allow(clippy::expect_used, reason = "a helper fails the test that uses it")]

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use trunkline::config::{
    AuthMethod, Authentication, Config, MatchPolicy, Principal, RealmTemplate, Secret, WampcraCredential,
};
use trunkline::{Attempt, Authenticator, Decision, Vouched};
use trunkline_tests::{Peer, STRICT, TestRouter, Transport, Via, config};
use wamp_proto::auth::wampcra;
use wamp_proto::error_uri::{AUTHENTICATION_DENIED, NO_SUCH_REALM};
use wamp_proto::message::Abort;
use wamp_proto::{Message, SerializerId, Value};

const VIA: Via = Via(Transport::RawSocket, SerializerId::Json);
const HOUR: Duration = Duration::from_secs(3600);

/// Carl logs in by a secret, who fails twice is shut out for an hour, and there are realms for whatever room.
fn with_carl() -> Config {
    let mut config = config();
    let rules = &mut config.realms[0].rules;
    let role = rules.roles[0].name.clone();
    let secret = WampcraCredential::Secret(Secret("secret".to_owned()));
    rules.principals = vec![Principal { wampcra: vec![secret], ..Principal::new("carl", &role) }];
    config.realm_templates = vec![RealmTemplate {
        uri: "com.example.room.".to_owned(),
        match_policy: MatchPolicy::Prefix,
        realms_max: 10,
        rules: config.realms[1].rules.clone(),
    }];
    config.authentication = Authentication {
        failures_free: 1,
        failure_delay: HOUR,
        failure_delay_max: HOUR,
        ..Authentication::default()
    };
    config
}

/// Says HELLO as Carl; returns what CHALLENGE wants to have signed.
async fn challenged(router: &TestRouter, method: &str) -> (Peer, String) {
    let mut peer = Peer::connect(router, "carl", VIA).await;
    let details = format!(r#"{{"roles":{{"caller":{{}}}},"authmethods":["{method}"],"authid":"carl"}}"#);
    peer.send(&format!(r#"[1,"{STRICT}",{details}]"#)).await;
    let Message::Challenge(challenge) = peer.receive().await else { panic!("no CHALLENGE") };
    let found = challenge.extra.extra.iter().find(|(key, _)| key == "challenge");
    let text = found.and_then(|(_, value)| value.as_str()).unwrap_or_default();
    (peer, text.to_owned())
}

async fn aborted(mut peer: Peer, signature: &str) -> Abort {
    peer.send(&format!(r#"[5,"{signature}",{{}}]"#)).await;
    let Message::Abort(abort) = peer.receive().await else { panic!("no ABORT") };
    peer.expect_closed().await;
    abort
}

#[tokio::test]
async fn who_guesses_over_many_connections_at_once_gets_no_more_guesses_and_learns_nothing() {
    let router = TestRouter::with(&with_carl()).await;
    // All of them begin before the first fails.
    let mut guesses = Vec::new();
    for _ in 0..3 {
        guesses.push(challenged(&router, "wampcra").await);
    }
    let (right, challenge) = guesses.pop().expect("three");
    let mut wrong = Vec::new();
    for (peer, _) in guesses {
        wrong.push(aborted(peer, "wrong").await);
    }
    let late = aborted(right, &wampcra::sign(b"secret", &challenge)).await;
    assert_eq!(late.reason, AUTHENTICATION_DENIED);
    assert_eq!(format!("{late:?}"), format!("{:?}", wrong[0]));
    assert_eq!(router.router().counters().logins_shut_out.value(), 1);
}

/// Sends everybody to a realm that is called like what they show for a ticket.
#[derive(Debug)]
struct Usher;

impl Authenticator for Usher {
    fn authenticate(&self, attempt: Attempt) -> Pin<Box<dyn Future<Output = Decision> + Send + '_>> {
        let realm = attempt.details.get("ticket").and_then(Value::as_str).map(str::to_owned);
        Box::pin(async move {
            Ok(Vouched { principal: Principal::new("guest", "anonymous"), realm, extra: None })
        })
    }
}

#[tokio::test]
async fn an_authenticator_leads_to_no_realm_whose_name_is_none() {
    let mut config = with_carl();
    config.realms[0].rules.principals.clear();
    let router = TestRouter::with(&config).await;
    assert!(router.router().authenticate_with(STRICT, &[AuthMethod::Ticket], Arc::new(Usher)));
    for name in ["com.example.room.a b".to_owned(), format!("com.example.room.{}", "x".repeat(2000))] {
        let (peer, _) = challenged(&router, "ticket").await;
        assert_eq!(aborted(peer, &name).await.reason, NO_SUCH_REALM, "{name}");
    }
    let (mut peer, _) = challenged(&router, "ticket").await;
    peer.send(r#"[5,"com.example.room.one",{}]"#).await;
    assert_eq!(peer.expect_welcome().await.details.realm.as_deref(), Some("com.example.room.one"));
}
