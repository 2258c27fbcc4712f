//! Whether one realm uses all cores: two threads in one realm against the same two threads in two realms.
//!
//! `cargo bench -p trunkline --bench realm_cores`. In process, without sockets. Each thread has sessions of its
//! own: a publisher and four subscribers of its topic, or a caller and its callee. Both kinds of run take turns,
//! so that a noisy machine disturbs both alike; the medians count.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a bench ends with what it finds"
)]

use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use bytes::Bytes;
use trunkline::config::{Config, Realm};
use trunkline::{InProcess, Router};
use wamp_proto::SerializerId;

const THREADS: usize = 2;
const REALMS: [&str; THREADS] = ["com.example.one", "com.example.two"];
const SUBSCRIBERS: usize = 4;
const ROUNDS: usize = 15;

/// How long one run lasts, about: the work is measured out in the first run.
const RUN: Duration = Duration::from_millis(400);

/// EVENTs between two looks into the subscribers' outboxes.
const BATCH: usize = 32;

/// Does the thread's work `count` times.
type Worker = fn(&Arc<Router>, &str, usize, &Barrier, usize) -> Duration;

fn main() {
    // `cargo test --benches` only wants to know that it builds and starts.
    let is_bench = std::env::args().any(|argument| argument == "--bench");
    println!(
        "{:<10} {:>16} {:>16} {:>8}   (medians of {ROUNDS}, per second)",
        "", "one realm", "two realms", "ratio"
    );
    for (name, worker) in [("publish", publish as Worker), ("call", call as Worker)] {
        let mut count = 2000;
        let (mut one, mut two) = (Vec::new(), Vec::new());
        for round in 0..=if is_bench { ROUNDS } else { 1 } {
            let rate_of_one = run(worker, [REALMS[0]; THREADS], count);
            let rate_of_two = run(worker, REALMS, count);
            if round == 0 {
                count = if is_bench {
                    (rate_of_two / THREADS as f64 * RUN.as_secs_f64()) as usize
                } else {
                    count
                };
                continue;
            }
            one.push(rate_of_one);
            two.push(rate_of_two);
        }
        let (one, two) = (median(&mut one), median(&mut two));
        println!("{name:<10} {one:>16.0} {two:>16.0} {:>7.0} %", one / two * 100.0);
    }
}

/// Messages or calls a second, of all threads together.
fn run(worker: Worker, realms: [&str; THREADS], count: usize) -> f64 {
    let config = Config { realms: REALMS.map(Realm::open).into(), ..Config::default() };
    let router = Router::new(&config);
    let start = Barrier::new(THREADS);
    let slowest = std::thread::scope(|scope| {
        let threads: Vec<_> = realms
            .into_iter()
            .enumerate()
            .map(|(number, realm)| {
                let (router, start) = (&router, &start);
                scope.spawn(move || worker(router, realm, number, start, count))
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).max().unwrap()
    });
    (count * THREADS) as f64 / slowest.as_secs_f64()
}

fn publish(router: &Arc<Router>, realm: &str, number: usize, start: &Barrier, count: usize) -> Duration {
    let mut subscribers: Vec<_> = (0..SUBSCRIBERS).map(|_| join(router, realm)).collect();
    for subscriber in &mut subscribers {
        ask(subscriber, &format!(r#"[32,1,{{}},"com.example.topic{number}"]"#));
    }
    let mut publisher = join(router, realm);
    let frames = frames(count, |request| {
        format!(
            r#"[16,{request},{{}},"com.example.topic{number}",["0123456789012345678901234567890123456789012345678901"]]"#
        )
    });
    start.wait();
    let began = Instant::now();
    for batch in frames.chunks(BATCH) {
        for frame in batch {
            publisher.send(frame).unwrap();
        }
        for subscriber in &mut subscribers {
            assert_eq!(std::iter::from_fn(|| subscriber.try_receive()).count(), batch.len());
        }
    }
    began.elapsed()
}

fn call(router: &Arc<Router>, realm: &str, number: usize, start: &Barrier, count: usize) -> Duration {
    let mut callee = join(router, realm);
    ask(&mut callee, &format!(r#"[64,1,{{}},"com.example.procedure{number}"]"#));
    let mut caller = join(router, realm);
    let calls = frames(count, |request| {
        format!(
            r#"[48,{request},{{}},"com.example.procedure{number}",["0123456789012345678901234567890123456789012345678901"]]"#
        )
    });
    // INVOCATIONs are numbered from 1, as calls are.
    let answers = frames(count, |request| {
        format!(r#"[70,{request},{{}},["0123456789012345678901234567890123456789012345678901"]]"#)
    });
    start.wait();
    let began = Instant::now();
    for (call, answer) in calls.iter().zip(&answers) {
        caller.send(call).unwrap();
        callee.try_receive().unwrap();
        callee.send(answer).unwrap();
        caller.try_receive().unwrap();
    }
    began.elapsed()
}

fn frames(count: usize, text: impl Fn(usize) -> String) -> Vec<Bytes> {
    (1..=count).map(|request| Bytes::from(text(request))).collect()
}

fn join(router: &Arc<Router>, realm: &str) -> InProcess {
    let mut peer = router.connect(SerializerId::Json);
    let roles = r#"{"roles":{"publisher":{},"subscriber":{},"caller":{},"callee":{}}}"#;
    ask(&mut peer, &format!(r#"[1,"{realm}",{roles}]"#));
    peer
}

fn ask(peer: &mut InProcess, message: &str) {
    peer.send(&Bytes::copy_from_slice(message.as_bytes())).unwrap();
    let answer = peer.try_receive().unwrap();
    assert!(!answer.starts_with(b"[3,") && !answer.starts_with(b"[8,"), "{answer:?}");
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
