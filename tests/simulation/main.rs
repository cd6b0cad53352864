//! The flow of a delivery, with the code of fanout and sender in one process: broker, database, receivers and clock are
//! simulated, and a seed decides what is lost, late, repeated, reordered, killed, paused and deleted. Thousands of
//! histories take seconds, since their clock is paused.
//!
//! `SIMULATION_SEEDS=7` runs one history, `SIMULATION_SEEDS=1-100000` as many.

#![allow(clippy::unwrap_used)]

mod broker;
mod check;
mod history;
mod processes;
mod random;
mod receiver;
mod store;
mod world;

use std::ops::RangeInclusive;

use check::{Report, check};
use world::Sabotage;

/// Histories of a usual run.
const SEEDS: RangeInclusive<u64> = 1..=1000;
/// Histories in which a deliberate fault has to be found.
const SABOTAGED: RangeInclusive<u64> = 1..=60;

fn seeds() -> RangeInclusive<u64> {
    let Ok(text) = std::env::var("SIMULATION_SEEDS") else {
        return SEEDS;
    };
    let (first, last) = text.split_once('-').unwrap_or((&text, &text));
    let number = |text: &str| {
        text.parse()
            .expect("SIMULATION_SEEDS is a number, or two with a hyphen")
    };
    number(first)..=number(last)
}

/// A history, and whether it kept every promise.
fn history(seed: u64, sabotage: Sabotage) -> Result<Report, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let (world, published) = history::run(seed, sabotage).await?;
        check(&world, &published)
    })
}

#[test]
fn every_history_keeps_every_promise() {
    let mut total = Report::default();
    for seed in seeds() {
        match history(seed, Sabotage::None) {
            Ok(report) => total += report,
            Err(broken) => panic!("SIMULATION_SEEDS={seed}: {broken}"),
        }
    }
    println!("{:?}: {total:?}", seeds());
    if seeds() == SEEDS {
        let Report {
            failed,
            deferred,
            auto_pauses,
            repeats,
            ..
        } = total;
        assert!(
            [failed, deferred, auto_pauses, repeats].iter().all(|count| *count > 0),
            "the histories are harmless: {total:?}"
        );
    }
}

/// Whether some history breaks a promise, or ends in a panic.
fn is_found(sabotage: Sabotage) -> bool {
    SABOTAGED
        .into_iter()
        .any(|seed| !matches!(std::panic::catch_unwind(|| history(seed, sabotage)), Ok(Ok(_))))
}

#[test]
fn deliberate_faults_are_found() {
    for sabotage in [
        Sabotage::AcknowledgesFirst,
        Sabotage::DoesNotDeduplicate,
        Sabotage::ForgetsRetries,
        Sabotage::IgnoresPauses,
    ] {
        assert!(is_found(sabotage), "{sabotage:?} was not found");
    }
}
