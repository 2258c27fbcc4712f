//! `trunkline publish` and `trunkline subscribe`.

use std::process::Stdio;
use std::sync::mpsc::sync_channel;

use crate::scene::{DEADLINE, OPEN, Process, Scene, lines, send, started_by, wait_until};

#[test]
fn subscribe_ends_when_nobody_reads_it_any_more() {
    let scene = Scene::new("head", OPEN);
    let mut subscribe = scene.begin(&["subscribe", "com.example.tick"], "subscribed");
    let publish = ["publish", "com.example.tick", "--acknowledge"];
    scene.good(&publish);
    assert_eq!(subscribe.line(), "com.example.tick");
    // Its thread closes the pipe as soon as nobody takes a line from it.
    subscribe.lines = sync_channel(1).1;
    let code = wait_until("it has ended", || {
        scene.good(&publish);
        subscribe.child.try_wait().unwrap()
    });
    assert_eq!(code.code(), Some(0));
}

#[test]
fn what_outlives_its_terminal_goes_on() {
    let scene = Scene::new("nohup", OPEN);
    let nohup = ["sh", "-c", r#"trap '' HUP; exec "$0" "$@""#];
    let mut command = started_by(&nohup, &scene.command(&["subscribe", "com.example.tick"]));
    let subscribe = Process::start(&mut command);
    subscribe.wait_for_note("subscribed");
    subscribe.signal("HUP");
    scene.good(&["publish", "com.example.tick", "--acknowledge"]);
    assert_eq!(subscribe.line(), "com.example.tick");
    assert_eq!(subscribe.interrupt(), Some(0));
}

#[tokio::test]
async fn whoever_reads_nothing_keeps_no_signal_away() {
    let scene = Scene::new("not-read", OPEN);
    let mut command = scene.command(&["subscribe", "com.example.tick"]);
    let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut subscribe = command.spawn().unwrap();
    let notes = lines(subscribe.stderr.take().unwrap());
    assert_eq!(notes.recv_timeout(DEADLINE).unwrap(), "subscribed");
    let url = format!("unix:{}", scene.folder.join("router.sock").display());
    let client = trunkline_client::connect(&url, "realm1").await.unwrap();
    // More than the pipe takes, and what waits for it.
    let long = "a".repeat(4000);
    for _ in 0..500 {
        client.publish("com.example.tick", &*long).acknowledge().await.unwrap();
    }
    send(&subscribe, "TERM");
    assert_eq!(subscribe.wait().unwrap().code(), Some(0));
}

#[tokio::test]
async fn a_slow_reader_keeps_its_session_and_hears_what_was_left_out() {
    let scene = Scene::new("slow-reader", OPEN);
    let mut child = scene
        .command(&["subscribe", "com.example.tick"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let notes = lines(child.stderr.take().unwrap());
    assert_eq!(notes.recv_timeout(DEADLINE).unwrap(), "subscribed");
    let url = format!("unix:{}", scene.folder.join("router.sock").display());
    let client = trunkline_client::connect(&url, "realm1").await.unwrap();
    // More than the router keeps for a session that is not read, the pipe and the client together.
    let long = "a".repeat(4000);
    for _ in 0..2000 {
        client.publish("com.example.tick", &*long).acknowledge().await.unwrap();
    }
    let output = lines(child.stdout.take().unwrap());
    while !output.try_iter().any(|line| line == "com.example.tick \"last\"") {
        client.publish("com.example.tick", "last").acknowledge().await.unwrap();
    }
    let note = notes.recv_timeout(DEADLINE).unwrap();
    assert!(note.ends_with(" events left out"), "{note}");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn subscribers_follow_topics_across_a_restart_of_the_router() {
    let mut scene = Scene::new("follow", OPEN);
    let all = scene.begin(&["subscribe", "com.example.", "--prefix", "--json"], "subscribed");
    let two = scene.begin(
        &["subscribe", "com.example.tick", "com.example.tock", "com.example.tick", "--count", "2"],
        "subscribed",
    );
    let publication = scene.good(&["publish", "com.example.tick", "1", "unit=s", "--acknowledge"]);
    let expected = format!(
        r#"{{"topic":"com.example.tick","publication":{},"details":{{"topic":"com.example.tick"}},"args":[1],"kwargs":{{"unit":"s"}}}}"#,
        publication.trim()
    );
    assert_eq!(all.line(), expected);
    assert_eq!(two.line(), r#"com.example.tick 1 unit="s""#);

    scene.router.child.kill().unwrap();
    scene.router.child.wait().unwrap();
    all.wait_for_note("the connection was lost");
    scene.router = Scene::start(&scene.folder);
    all.wait_for_note("joined again");
    two.wait_for_note("joined again");
    // Joined, but SUBSCRIBE may still be under way: the router answers the question behind it.
    let count = ["call", "wamp.subscription.lookup", "com.example.tock"];
    wait_until("it is subscribed again", || (!scene.good(&count).trim().is_empty()).then_some(()));
    assert_eq!(scene.good(&["publish", "com.example.tock", "2"]), "");
    assert_eq!(two.line(), "com.example.tock 2");
    assert_eq!(two.end(), Some(0));
    assert_eq!(all.interrupt(), Some(0));
}

#[test]
fn a_retained_event_waits_for_its_subscriber() {
    let scene = Scene::new("retained", OPEN);
    assert_eq!(scene.good(&["publish", "com.example.state", "open", "--retain"]), "");
    let (code, output, notes) = scene.run(&["subscribe", "com.example.state", "--retained", "--count", "1"]);
    assert_eq!((code, &*output, &*notes), (Some(0), "com.example.state \"open\"\n", "subscribed\n"));
}

#[test]
fn what_ends_the_session_is_told() {
    // A dict of options has no room for these.
    let scene = Scene::new("ended", OPEN);
    let authids = "a".repeat(100_000);
    for options in [&["--acknowledge"][..], &[]] {
        let publish = [&["publish", "com.example.tick", "--eligible-authid", &authids][..], options].concat();
        let (code, output, complaints) = scene.run(&publish);
        assert_eq!((code, &*output), (Some(1), ""), "{complaints}");
        assert!(complaints.contains("wamp.error.protocol_violation"), "{complaints}");
    }
}
