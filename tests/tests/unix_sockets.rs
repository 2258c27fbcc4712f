//! Listeners with several addresses, Unix domain sockets among them.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a helper fails the test that uses it")]

use std::fs::{self, File};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::Barrier;
use std::thread;

use tokio::net::{TcpStream, UnixStream};
use trunkline::config::{Address, Config, UnixSocket};
use trunkline::{StartError, check};
use trunkline_tests::{Peer, Scratch, TestRouter, Transport, Via, config, event};
use wamp_proto::SerializerId;

/// A configuration whose one listener has these addresses besides the TCP port that it has anyway.
fn listening(addresses: &[Address]) -> Config {
    let mut config = config();
    config.listeners[0].addresses.extend_from_slice(addresses);
    config
}

fn unix(path: &Path) -> Address {
    Address::Unix(path.to_owned())
}

/// Why that configuration does not start, as a user reads it.
async fn start_error(config: &Config) -> String {
    said(&TestRouter::try_with(config).await.expect_err("no start"))
}

fn said(error: &StartError) -> String {
    let mut line = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        line = format!("{line}: {error}");
        cause = error.source();
    }
    line
}

#[tokio::test]
async fn sessions_by_unix_socket_and_by_tcp_share_a_realm() {
    let scratch = Scratch::new();
    let path = scratch.path("trunkline.sock");
    let router = TestRouter::with(&listening(&[unix(&path)])).await;
    let mut alice = Peer::join(&router, "alice").await;
    for via in Via::sockets() {
        let mut bob = Peer::join_over(UnixStream::connect(&path).await.unwrap(), "bob", via).await;
        let tick = bob.subscribe("com.example.tick").await;
        alice.publish("com.example.tick", "[7]").await;
        let [_] = bob.expect(&event(tick, "[7]")).await;
        bob.register("com.example.add").await;
        let call = alice.call("com.example.add", "[1,2]").await;
        let invocation = bob.expect_invocation().await;
        bob.answer(&invocation, "[3]").await;
        alice.expect_message(&format!("[50,{call},{{}},[3]]")).await;
        bob.expect_pong(b"still there?").await;
        bob.send(r#"[6,{},"wamp.close.normal"]"#).await;
        bob.expect_goodbye("wamp.close.goodbye_and_out").await;
    }
    router.wait_until("alice is left", |router| router.sessions() == 1).await;
}

#[tokio::test]
async fn a_large_message_passes_a_unix_socket_unharmed() {
    let scratch = Scratch::new();
    let path = scratch.path("trunkline.sock");
    let router = TestRouter::with(&listening(&[unix(&path)])).await;
    for via in Via::json() {
        let mut bob = Peer::join_over(UnixStream::connect(&path).await.unwrap(), "bob", via).await;
        let tick = bob.subscribe("com.example.tick").await;
        let payload = format!("[\"{}\"]", "x".repeat(900_000));
        let mut alice = Peer::join_over(UnixStream::connect(&path).await.unwrap(), "alice", via).await;
        alice.publish("com.example.tick", &payload).await;
        let [_] = bob.expect(&event(tick, &payload)).await;
    }
    drop(router);
}

#[tokio::test]
async fn the_socket_file_has_its_mode_and_owner_and_goes_with_the_router() {
    let scratch = Scratch::new();
    let path = scratch.path("trunkline.sock");
    let mut config = listening(&[unix(&path)]);
    let own = fs::metadata(scratch.path("")).unwrap();
    config.listeners[0].unix_socket = UnixSocket {
        mode: Some(0o620),
        owner: Some(own.uid().to_string()),
        group: Some(own.gid().to_string()),
    };
    let router = TestRouter::with(&config).await;
    let file = fs::symlink_metadata(&path).unwrap();
    assert!(file.file_type().is_socket());
    assert_eq!(file.permissions().mode() & 0o7777, 0o620);
    assert_eq!((file.uid(), file.gid()), (own.uid(), own.gid()));
    router.shut_down().await;
    assert!(!path.exists());
}

#[tokio::test]
async fn names_of_users_and_groups_are_looked_up() {
    let scratch = Scratch::new();
    let path = scratch.path("trunkline.sock");
    let mut config = listening(&[unix(&path)]);
    config.listeners[0].unix_socket.owner = Some("no such user".to_owned());
    let expected =
        format!("cannot listen on unix:{}: there is no user \"no such user\" on this system", path.display());
    assert_eq!(start_error(&config).await, expected);
    assert_eq!(check(&config).iter().map(said).collect::<Vec<_>>(), [expected]);
    config.listeners[0].unix_socket =
        UnixSocket { group: Some("no such group".to_owned()), ..UnixSocket::default() };
    assert!(start_error(&config).await.ends_with("there is no group \"no such group\" on this system"));
    assert!(!path.exists());
    // Who is root may give files away; everybody else at least learns that the name is known.
    config.listeners[0].unix_socket = UnixSocket { owner: Some("root".to_owned()), ..UnixSocket::default() };
    assert!(check(&config).is_empty());
    match TestRouter::try_with(&config).await {
        Ok(_) => assert_eq!(fs::symlink_metadata(&path).unwrap().uid(), 0),
        Err(error) => {
            assert!(said(&error).contains("cannot set the owner of the socket file"), "{}", said(&error));
            assert!(!path.exists());
        }
    }
}

#[tokio::test]
async fn a_socket_file_that_nobody_listens_on_is_replaced() {
    let scratch = Scratch::new();
    let path = scratch.path("trunkline.sock");
    drop(UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    let _router = TestRouter::with(&listening(&[unix(&path)])).await;
    let via = Via(Transport::RawSocket, SerializerId::Cbor);
    Peer::join_over(UnixStream::connect(&path).await.unwrap(), "alice", via).await;
}

#[tokio::test]
async fn a_file_or_another_router_at_the_path_stays_untouched() {
    let scratch = Scratch::new();
    let file = scratch.file("trunkline.conf", "precious");
    let error = start_error(&listening(&[unix(&file)])).await;
    assert_eq!(
        error,
        format!("cannot listen on unix:{}: there is a file at this path that is no socket", file.display())
    );
    assert_eq!(fs::read(&file).unwrap(), b"precious");

    let path = scratch.path("trunkline.sock");
    let _first = TestRouter::with(&listening(&[unix(&path)])).await;
    let error = start_error(&listening(&[unix(&path)])).await;
    assert_eq!(error, format!("cannot listen on unix:{}: another process listens there", path.display()));
    let via = Via(Transport::RawSocket, SerializerId::Json);
    Peer::join_over(UnixStream::connect(&path).await.unwrap(), "alice", via).await;
}

#[tokio::test]
async fn a_router_that_is_about_to_listen_keeps_its_path() {
    let scratch = Scratch::new();
    let path = scratch.path("trunkline.sock");
    let lock = scratch.path("trunkline.sock.lock");
    // A router stopped between binding and listening is this: a lock, and a socket that refuses connections.
    let locked = File::create(&lock).unwrap();
    locked.lock().unwrap();
    let bound = tokio::net::UnixSocket::new_stream().unwrap();
    bound.bind(&path).unwrap();
    let inode = fs::symlink_metadata(&path).unwrap().ino();
    let error = start_error(&listening(&[unix(&path)])).await;
    assert!(error.contains("another process is about to listen there"), "{error}");
    assert_eq!(fs::symlink_metadata(&path).unwrap().ino(), inode);
    // Had it been killed, its lock would be gone, though not the file.
    drop((locked, bound));
    let _router = TestRouter::with(&listening(&[unix(&path)])).await;
    let via = Via(Transport::RawSocket, SerializerId::Json);
    Peer::join_over(UnixStream::connect(&path).await.unwrap(), "alice", via).await;
    assert!(!lock.exists());
}

#[tokio::test]
async fn a_lock_is_neither_followed_nor_emptied() {
    let scratch = Scratch::new();
    let path = scratch.path("trunkline.sock");
    let elsewhere = scratch.path("elsewhere");
    let lock = scratch.path("trunkline.sock.lock");
    symlink(&elsewhere, &lock).unwrap();
    start_error(&listening(&[unix(&path)])).await;
    assert!(!elsewhere.exists() && !path.exists());
    fs::remove_file(&lock).unwrap();
    fs::write(&lock, "precious").unwrap();
    let _router = TestRouter::with(&listening(&[unix(&path)])).await;
    assert_eq!(fs::read(&lock).unwrap(), b"precious");
}

#[test]
fn one_of_many_routers_that_start_at_once_gets_the_path() {
    let scratch = Scratch::new();
    let path = scratch.path("trunkline.sock");
    drop(UnixListener::bind(&path).unwrap());
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (start, stop) = (Barrier::new(8), Barrier::new(8));
    let started = thread::scope(|scope| {
        let starting: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    runtime().block_on(async {
                        start.wait();
                        let router = TestRouter::try_with(&listening(&[unix(&path)])).await;
                        stop.wait();
                        router.is_ok()
                    })
                })
            })
            .collect();
        starting.into_iter().map(|thread| thread.join().unwrap()).filter(|ok| *ok).count()
    });
    assert_eq!(started, 1);
}

#[tokio::test]
async fn nothing_listens_if_one_address_cannot() {
    let scratch = Scratch::new();
    let path = scratch.path("trunkline.sock");
    let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let taken = taken.local_addr().map(|address| (taken, address)).unwrap();
    let error = start_error(&listening(&[unix(&path), Address::Tcp(taken.1)])).await;
    assert!(error.starts_with(&format!("cannot listen on {}: ", taken.1)), "{error}");
    assert!(!error.contains('\n'));
    assert!(!path.exists());
}

/// Two routers on one port, the first for every IPv6 address, the second for every IPv4 address.
async fn side_by_side() -> Option<(u16, [TestRouter; 2])> {
    let mut config = config();
    config.listeners[0].addresses = vec![Address::Tcp(SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)))];
    let six = TestRouter::with(&config).await;
    let port = six.address().port();
    config.listeners[0].addresses = vec![Address::Tcp(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)))];
    let four = TestRouter::try_with(&config).await.ok()?;
    Some((port, [six, four]))
}

#[tokio::test]
async fn ipv4_and_ipv6_of_one_port_stand_side_by_side() {
    let mut found = None;
    for _ in 0..20 {
        // Somebody else on this machine may have the port of IPv4.
        found = side_by_side().await;
        if found.is_some() {
            break;
        }
    }
    let (port, routers) = found.expect("a port that is free for both");
    let via = Via(Transport::WebSocket, SerializerId::Json);
    for (address, router) in
        [IpAddr::from(Ipv6Addr::LOCALHOST), Ipv4Addr::LOCALHOST.into()].into_iter().zip(&routers)
    {
        Peer::join_over(TcpStream::connect((address, port)).await.unwrap(), "alice", via).await;
        assert_eq!(router.router().counters().sessions_joined.value(), 1, "{address}");
    }
}
