//! Browsers that join again by a cookie, and what a client says of its transport itself.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a helper fails the test that uses it")]

use trunkline::config::Config;
use trunkline_tests::logins::{VIA, abort, hello, with_principals};
use trunkline_tests::{OTHER, Peer, STRICT, TestRouter};
use wamp_proto::error_uri::NO_MATCHING_AUTH_METHOD;

/// A browser's WebSocket: what it is told, and the cookie that it got.
struct Tab {
    socket: tokio_tungstenite::WebSocketStream<tokio::net::TcpStream>,
    cookie: String,
}

impl Tab {
    async fn open(router: &TestRouter, cookie: Option<&str>) -> Self {
        use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
        let address = router.address();
        let mut request = format!("ws://{address}/ws").into_client_request().unwrap();
        let headers = request.headers_mut();
        headers.insert("Sec-WebSocket-Protocol", "wamp.2.json".parse().unwrap());
        if let Some(cookie) = cookie {
            headers.insert("Cookie", format!("other=1; cbtid={cookie}; more=2").parse().unwrap());
        }
        let socket = tokio::net::TcpStream::connect(address).await.unwrap();
        let (socket, response) = tokio_tungstenite::client_async(request, socket).await.unwrap();
        let set = response.headers().get("Set-Cookie").expect("a cookie").to_str().unwrap();
        for attribute in ["Secure", "HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=3600"] {
            assert!(set.contains(attribute), "{set}");
        }
        let cookie = set.split(['=', ';']).nth(1).unwrap().to_owned();
        Self { socket, cookie }
    }

    async fn send(&mut self, json: &str) {
        use futures_util::SinkExt as _;
        self.socket.send(json.into()).await.unwrap();
    }

    async fn receive(&mut self) -> String {
        use futures_util::StreamExt as _;
        let received = trunkline_tests::within_deadline("a message", self.socket.next()).await;
        received.unwrap().unwrap().into_text().unwrap().to_string()
    }

    /// Shows the cookie alone; returns the answer.
    async fn resume(&mut self, realm: &str) -> String {
        self.send(&hello(realm, &["cookie"], "", "{}")).await;
        self.receive().await
    }
}

fn with_cookies() -> Config {
    let mut config = with_principals();
    config.listeners[0].cookie =
        Some(trunkline::config::Cookie { max_age: std::time::Duration::from_secs(3600), cookies_max: 100 });
    config
}

async fn logged_in(router: &TestRouter, cookie: Option<&str>) -> Tab {
    let mut tab = Tab::open(router, cookie).await;
    tab.send(&hello(STRICT, &["cookie", "ticket"], "tom", "{}")).await;
    assert!(tab.receive().await.starts_with("[4,"), "an unknown cookie is no proof");
    tab.send(r#"[5,"old ticket",{}]"#).await;
    assert!(tab.receive().await.starts_with("[2,"));
    tab
}

#[tokio::test]
async fn auth_trn_02_a_browser_that_logged_in_joins_again_by_its_cookie() {
    let router = TestRouter::with(&with_cookies()).await;
    // Planted by somebody: log-in makes another one worth something.
    let first = logged_in(&router, Some("planted")).await;
    assert!(first.cookie != "planted" && first.cookie.len() >= 43);
    assert!(Tab::open(&router, Some("planted")).await.resume(STRICT).await.starts_with("[3,"));

    let mut second = Tab::open(&router, Some(&first.cookie)).await;
    let welcome = second.resume(STRICT).await;
    assert!(welcome.starts_with("[2,"), "{welcome}");
    for part in [
        r#""authid":"tom""#,
        r#""authrole":"user""#,
        r#""authmethod":"cookie""#,
        r#""authprovider":"cookie""#,
    ] {
        assert!(welcome.contains(part), "{welcome}");
    }
    assert_ne!(second.cookie, first.cookie);
    // It is for one realm, and for that principal.
    let refused = Tab::open(&router, Some(&second.cookie)).await.resume(OTHER).await;
    assert!(refused.starts_with("[3,"), "{refused}");
    let mut other = Tab::open(&router, Some(&second.cookie)).await;
    other.send(&hello(STRICT, &["cookie"], "carl", "{}")).await;
    assert!(other.receive().await.starts_with("[3,"));
    // No cookie, no entry.
    assert!(Tab::open(&router, None).await.resume(STRICT).await.starts_with("[3,"));
}

/// Conformance: META-SES-05
#[tokio::test]
async fn auth_trn_02_kill_and_log_out_revoke_the_cookie() {
    let router = TestRouter::with(&with_cookies()).await;
    let first = logged_in(&router, None).await;
    let mut second = Tab::open(&router, Some(&first.cookie)).await;
    assert!(second.resume(STRICT).await.starts_with("[2,"));
    second.send(r#"[6,{},"wamp.close.logout"]"#).await;
    assert!(second.receive().await.starts_with("[6,"));
    for cookie in [&first.cookie, &second.cookie] {
        assert!(Tab::open(&router, Some(cookie)).await.resume(STRICT).await.starts_with("[3,"));
    }

    let mut tab = logged_in(&router, None).await;
    let mut admin = Peer::join_as(&router, "admin", "user").await;
    admin.call("wamp.session.kill_by_authid", r#"["tom"]"#).await;
    assert!(tab.receive().await.starts_with("[6,"));
    assert!(Tab::open(&router, Some(&tab.cookie)).await.resume(STRICT).await.starts_with("[3,"));
}

/// Conformance: AUTH-TRN-01
#[tokio::test]
async fn auth_trn_02_what_a_client_says_of_its_transport_itself_proves_nothing() {
    let router = TestRouter::with(&with_cookies()).await;
    let mut peer = Peer::connect(&router, "client", VIA).await;
    let transport = r#""transport":{"auth":{"cookie":"x","tls":{"authid":"tom"}},"authid":"tom"}"#;
    peer.send(&format!(
        r#"[1,"{STRICT}",{{"roles":{{"caller":{{}}}},"authmethods":["tls","cookie"],"authid":"tom",{transport}}}]"#
    ))
    .await;
    assert_eq!(abort(peer).await.reason, NO_MATCHING_AUTH_METHOD);
}
