//! Many sessions at once, through everything but the sockets: codec, session, realm, driver and outbox.
//!
//! A run follows from its seed alone, and one that fails prints it. `SIM_SEED` runs that one seed instead of the
//! fixed ones, and `SIM_STEPS` sets how far each goes; a long run, worth it after changes to the realm or its
//! driver:
//!
//! ```sh
//! SIM_SEED=$RANDOM SIM_STEPS=10000000 cargo test --release -p trunkline --test simulation
//! ```
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on panics")]

mod concurrent;
mod features;
mod model;
mod note;
mod pattern;
mod peer;
mod random;
mod reply;
mod seeded;

const SEEDS: [u64; 4] = [1, 2, 3, 4];
const STEPS: usize = 10_000;

fn from_environment<T: std::str::FromStr>(variable: &str) -> Option<T> {
    let value = std::env::var(variable).ok()?;
    let Ok(value) = value.parse() else { panic!("{variable} is not a number: {value}") };
    Some(value)
}

/// Whatever happens, everybody gets exactly what is due to it, in order.
///
/// Conformance: ORD-01, ORD-02, ORD-03, ORD-06, ORD-07, ID-05, PUB-01, PUB-02, RPC-06, RPC-08, SES-14
/// Conformance: PBS-02, PBS-03, PBS-04, PBS-05, PBS-06, EXC-02, BWL-02, BWL-03, BWL-04, AUTHZ-01
/// Conformance: PBR-02, PBR-03, PBR-04, PBR-05, PBR-06, SHR-02, SHR-03, SHR-04, RRV-01
/// Conformance: CON-01, CON-02, CON-03, CON-04, CON-05, CON-06, CON-07, CON-08
/// Conformance: CAN-02, CAN-03, CAN-04, CAN-05, CAN-06, CAN-07, TMO-01, TMO-02, TMO-03, TMO-05
/// Conformance: PCR-01, PCR-02, PCR-03, PCR-04, PCR-06, PCR-08, PCI-01, PCI-02, PCI-04, PCI-05, PCI-06, PCI-11
/// Conformance: PCI-14, RRT-01, RRT-02, RRT-03, SRD-01, PPT-07, PPT-08
/// Conformance: TST-01, TST-02, TST-04, SRV-01
#[test]
fn ord_05_a_thousand_sessions_at_random() {
    let steps = from_environment("SIM_STEPS").unwrap_or(STEPS);
    match from_environment("SIM_SEED") {
        Some(seed) => _ = seeded::run(seed, steps),
        None => std::thread::scope(|scope| {
            for seed in SEEDS {
                scope.spawn(move || seeded::run(seed, steps));
            }
        }),
    }
}

/// Whatever fails can be looked at again.
#[test]
fn a_run_with_the_same_seed_is_the_same_run() {
    let digests = [1, 1, 2].map(|seed| seeded::run(seed, STEPS / 5));
    assert_eq!(digests[0], digests[1]);
    assert_ne!(digests[0], digests[2]);
}
