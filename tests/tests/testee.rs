//! Listeners that send every WebSocket message back, for suites of tests such as the Autobahn|Testsuite.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a helper fails the test that uses it")]

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::frame::Frame as OneFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Message as Frame};
use tokio_tungstenite::{WebSocketStream, client_async};
use trunkline::config::{Config, ListenerKind};
use trunkline_tests::{DEADLINE, Peer, TestRouter, config, within_deadline};

/// A router that has such a listener, and behind it another one.
fn with_testee() -> Config {
    let mut config = config();
    let mut testee = config.listeners[0].clone();
    testee.kind = ListenerKind::WebsocketTestee;
    config.listeners.push(testee);
    config.listeners.swap(0, 1);
    config
}

/// An upgraded connection, and the subprotocol that was agreed on.
async fn connect(router: &TestRouter, offer: Option<&str>) -> (WebSocketStream<TcpStream>, Option<String>) {
    let mut request = format!("ws://{}/ws", router.address()).into_client_request().unwrap();
    if let Some(offer) = offer {
        request.headers_mut().insert("sec-websocket-protocol", offer.parse().unwrap());
    }
    let socket = TcpStream::connect(router.address()).await.unwrap();
    let (websocket, answer) = within_deadline("the upgrade", client_async(request, socket)).await.unwrap();
    let agreed = answer.headers().get("sec-websocket-protocol");
    (websocket, agreed.map(|agreed| agreed.to_str().unwrap().to_owned()))
}

async fn next(websocket: &mut WebSocketStream<TcpStream>) -> Frame {
    within_deadline("a message", websocket.next()).await.unwrap().unwrap()
}

#[tokio::test]
async fn messages_come_back_as_what_they_were() {
    let router = TestRouter::with(&with_testee()).await;
    let (mut websocket, _) = connect(&router, None).await;
    for frame in [
        Frame::text("hello"),
        Frame::binary(b"\xff\0".to_vec()),
        Frame::text(""),
        Frame::binary(vec![7; 200_000]),
        Frame::text("ä".repeat(70_000)),
    ] {
        websocket.send(frame.clone()).await.unwrap();
        assert_eq!(next(&mut websocket).await, frame);
    }
    let part = |text: &'static str, data, is_final| {
        Frame::Frame(OneFrame::message(text, OpCode::Data(data), is_final))
    };
    websocket.send(part("one, ", Data::Text, false)).await.unwrap();
    websocket.send(Frame::Ping("still there?".into())).await.unwrap();
    websocket.send(part("two", Data::Continue, true)).await.unwrap();
    assert_eq!(next(&mut websocket).await, Frame::Pong("still there?".into()));
    assert_eq!(next(&mut websocket).await, Frame::text("one, two"));
    let close = CloseFrame { code: CloseCode::Normal, reason: "enough".into() };
    websocket.close(Some(close.clone())).await.unwrap();
    assert_eq!(next(&mut websocket).await, Frame::Close(Some(close)));
}

#[tokio::test]
async fn what_comes_in_one_go_comes_back_in_order() {
    let router = TestRouter::with(&with_testee()).await;
    let (mut websocket, _) = connect(&router, None).await;
    let frames: Vec<_> =
        (0..500).map(|number| Frame::text(format!("{number} {}", "x".repeat(500)))).collect();
    for frame in &frames {
        websocket.feed(frame.clone()).await.unwrap();
    }
    websocket.flush().await.unwrap();
    for frame in frames {
        assert_eq!(next(&mut websocket).await, frame);
    }
}

#[tokio::test]
async fn any_subprotocol_will_do_or_none() {
    let router = TestRouter::with(&with_testee()).await;
    for (offer, agreed) in
        [(None, None), (Some("echo, wamp.2.json"), Some("echo")), (Some("x.y"), Some("x.y"))]
    {
        let (mut websocket, subprotocol) = connect(&router, offer).await;
        assert_eq!(subprotocol.as_deref(), agreed);
        websocket.send(Frame::text("hello")).await.unwrap();
        assert_eq!(next(&mut websocket).await, Frame::text("hello"));
    }
}

#[tokio::test]
async fn who_breaks_the_rules_or_a_limit_is_told_so() {
    let mut config = with_testee();
    config.listeners[0].message_max_bytes = Some(1000);
    let router = TestRouter::with(&config).await;
    let not_utf_8 = Frame::Frame(OneFrame::message(&b"\xff"[..], OpCode::Data(Data::Text), true));
    let continued = Frame::Frame(OneFrame::message("a", OpCode::Data(Data::Continue), true));
    for (frame, code) in [
        (Frame::binary(vec![0; 1001]), CloseCode::Size),
        (not_utf_8, CloseCode::Invalid),
        (continued, CloseCode::Protocol),
    ] {
        let (mut websocket, _) = connect(&router, None).await;
        websocket.send(Frame::binary(vec![0; 1000])).await.unwrap();
        assert_eq!(next(&mut websocket).await.len(), 1000);
        websocket.send(frame).await.unwrap();
        let Frame::Close(Some(close)) = next(&mut websocket).await else { panic!("no close frame") };
        assert_eq!(close.code, code);
    }
}

/// All that comes back until the connection ends.
async fn answer(router: &TestRouter, octets: &[u8]) -> String {
    let mut socket = TcpStream::connect(router.address()).await.unwrap();
    socket.write_all(octets).await.unwrap();
    let mut answer = Vec::new();
    within_deadline("the end", socket.read_to_end(&mut answer)).await.ok();
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn half_an_upgrade_times_out() {
    let mut config = with_testee();
    config.listeners[0].handshake_timeout = DEADLINE / 200;
    assert_eq!(answer(&TestRouter::with(&config).await, b"GET /ws").await, "");
}

#[tokio::test]
async fn nothing_but_websocket_is_spoken_there_and_wamp_elsewhere() {
    let testee = TestRouter::with(&with_testee()).await;
    assert_eq!(answer(&testee, b"\x7f\xf1\0\0").await, "");
    let page = answer(&testee, b"GET /ws HTTP/1.0\r\n\r\n").await;
    assert!(page.starts_with("HTTP/1.0 426 ") && page.contains("sends every message back"), "{page}");

    let mut config = with_testee();
    config.listeners.swap(0, 1);
    let router = TestRouter::with(&config).await;
    Peer::join(&router, "alice").await.publish_acknowledged("com.example.tick", "").await;
}

#[tokio::test]
async fn a_silent_connection_does_not_keep_the_router_from_going_down() {
    let mut config = with_testee();
    config.node.close_timeout = DEADLINE / 200;
    let router = TestRouter::with(&config).await;
    let (mut websocket, _) = connect(&router, None).await;
    within_deadline("down", router.shut_down()).await;
    assert!(within_deadline("the end", websocket.next()).await.is_none_or(|end| end.is_err()));
}
