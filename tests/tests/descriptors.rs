//! What happens when the process has no descriptor left. The limit is the whole process's: there is one test here.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a helper fails the test that uses it")]

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;
use trunkline_tests::{Peer, TestRouter, within_deadline};

#[tokio::test]
async fn without_a_descriptor_accepting_rests_and_goes_on_when_there_is_one() {
    let router = TestRouter::start().await;
    let mut alice = Peer::join(&router, "alice").await;
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    for round in 1..=2 {
        let socket = TcpSocket::new_v4().unwrap();
        setrlimit(Resource::RLIMIT_NOFILE, 1, hard).unwrap();
        let mut socket = socket.connect(router.address()).await.unwrap();
        socket.write_all(b"\x7f\xf1\0\0").await.unwrap();
        router.wait_until("accepting rests", |router| router.counters().accept_pauses.value() == round).await;
        // Who is in does not notice.
        for _ in 0..100 {
            alice.publish_acknowledged("com.example.tick", "").await;
        }
        setrlimit(Resource::RLIMIT_NOFILE, soft, hard).unwrap();
        let mut reply = [0; 4];
        within_deadline("a reply", socket.read_exact(&mut reply)).await.unwrap();
        assert_eq!(reply, [0x7F, 0xB1, 0, 0]);
        let counters = router.router().counters();
        assert_eq!(
            (counters.accept_pauses.value(), counters.connections_accepted.value()),
            (round, round + 1)
        );
    }
}
