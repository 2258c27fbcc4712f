//! Tickets that are JSON Web Tokens.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a helper fails the test that uses it")]

use trunkline::config::{Config, JwtIssuer, JwtKey, Secret};
use trunkline_tests::logins::{aborted, challenged, hello, said, welcomed, with_principals};
use trunkline_tests::{STRICT, TestRouter};
use wamp_proto::error_uri::{AUTHENTICATION_DENIED, TOKEN_EXPIRED};

fn token(claims: &str, secret: &str) -> String {
    let claims: serde_json::Value = serde_json::from_str(claims).unwrap();
    let key = jsonwebtoken::EncodingKey::from_secret(secret.as_bytes());
    jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key).unwrap()
}

fn in_seconds(seconds: i64) -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(now.as_secs()).unwrap() + seconds
}

fn with_tokens() -> Config {
    let mut config = with_principals();
    config.realms[0].rules.jwt = vec![JwtIssuer {
        issuer: Some("https://login.example".to_owned()),
        audience: vec!["trunkline".to_owned()],
        key: JwtKey::Secret(Secret("shared".to_owned())),
        authid_claim: "sub".to_owned(),
        role_claim: Some("roles".to_owned()),
        role: Some("guest".to_owned()),
    }];
    config
}

/// Conformance: AUTH-GEN-03
#[tokio::test]
async fn auth_tkt_01_a_token_is_a_ticket_that_names_its_bearer() {
    let router = TestRouter::with(&with_tokens()).await;
    let claims = |more: &str| {
        format!(
            r#"{{"iss":"https://login.example","aud":"trunkline","sub":"jo","exp":{}{more}}}"#,
            in_seconds(600)
        )
    };
    for (more, role) in
        [("", "guest"), (r#","roles":["admin","user"]"#, "user"), (r#","roles":"user""#, "user")]
    {
        for authid in ["", "jo"] {
            let (mut peer, _) = challenged(&router, &hello(STRICT, &["ticket"], authid, "{}")).await;
            let welcome = welcomed(&mut peer, &token(&claims(more), "shared"), "{}").await;
            assert_eq!(said(&welcome), ["jo", role, "ticket", "jwt"]);
        }
    }
    let expired = format!(
        r#"{{"iss":"https://login.example","aud":"trunkline","sub":"jo","exp":{}}}"#,
        in_seconds(-600)
    );
    for (claims, secret, authid) in [
        (claims(""), "other", "jo"),
        (claims(""), "shared", "tom"),
        (claims(r#","roles":["admin"]"#), "shared", "jo"),
        (claims("").replace("login", "elsewhere"), "shared", "jo"),
        (claims("").replace("trunkline", "other"), "shared", "jo"),
        (claims("").replace("sub", "name"), "shared", "jo"),
        (claims("").replace("exp", "expires"), "shared", "jo"),
        (claims(&format!(r#","nbf":{}"#, in_seconds(600))), "shared", "jo"),
        (expired, "shared", "jo"),
    ] {
        let (peer, _) = challenged(&router, &hello(STRICT, &["ticket"], authid, "{}")).await;
        let abort = aborted(peer, &token(&claims, secret), "{}").await;
        assert_eq!(abort.reason, AUTHENTICATION_DENIED, "{claims} {secret} {authid}");
    }
    // Principals still have tickets of their own.
    let (mut peer, _) = challenged(&router, &hello(STRICT, &["ticket"], "tom", "{}")).await;
    welcomed(&mut peer, "old ticket", "{}").await;
}

#[tokio::test]
async fn auth_tkt_01_a_session_ends_with_its_token() {
    let router = TestRouter::with(&with_tokens()).await;
    let claims = format!(
        r#"{{"iss":"https://login.example","aud":"trunkline","sub":"jo","exp":{}}}"#,
        // As much as clocks may differ is granted, but not to the session.
        in_seconds(1)
    );
    let (mut peer, _) = challenged(&router, &hello(STRICT, &["ticket"], "jo", "{}")).await;
    welcomed(&mut peer, &token(&claims, "shared"), "{}").await;
    peer.expect_goodbye(TOKEN_EXPIRED).await;
    assert_eq!(router.router().sessions(), 0);
}
