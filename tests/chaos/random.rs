//! Random faults, several at a time, against a whole installation under load; afterwards nothing may be lost.
//!
//! `make chaos` runs many seeds for minutes each (CHAOS_SEEDS, CHAOS_SECONDS, CHAOS_RATE, CHAOS_NODES), `cargo test`
//! two for half a minute. docs/reliability.md explains both.

mod checker;
mod facts;
mod fault;
mod faults;
mod installation;
mod load;
mod names;
mod report;
mod schedule;
mod seed;
mod settle;
mod small_disk;

use std::env;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;

use crate::turn;
use checker::Bounds;
use installation::Installation;
use load::Load;
use report::Report;
use schedule::Schedule;

/// Short enough for every run of the tests, and each with several kinds of faults.
const SEEDS: &str = "1,2";
const SECONDS: u64 = 30;
/// Of the broker.
const NODES: u64 = 1;
/// Events in a second, over all publishers; each goes to one or two webhooks.
const RATE: u64 = 20;
const BOUNDS: Bounds = Bounds {
    repeats_percent: 5.0,
    calm_p99: Duration::from_secs(2),
    memory_mib: 256,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_wrongly_failed_or_paused_by_random_faults() -> anyhow::Result<()> {
    let _turn = turn().await;
    let length = Duration::from_secs(number("CHAOS_SECONDS", SECONDS)?);
    let (rate, nodes) = (number("CHAOS_RATE", RATE)?, number("CHAOS_NODES", NODES)?);
    anyhow::ensure!((1..=3).contains(&nodes), "CHAOS_NODES: 1, 2 or 3");
    let mut failed = Vec::new();
    for seed in seeds()? {
        let report = run(seed, length, rate, nodes as usize)
            .await
            .with_context(|| format!("seed {seed}"))?;
        println!("{report}");
        if !report.violations.is_empty() {
            failed.push(seed);
        }
    }
    anyhow::ensure!(failed.is_empty(), "violations with the seeds {failed:?}");
    Ok(())
}

async fn run(seed: u64, length: Duration, rate: u64, nodes: usize) -> anyhow::Result<Report> {
    let schedule = Schedule::of(seed, length, Installation::scope(nodes, Load::moody()));
    println!(
        "seed {seed}, {} s, {rate} events a second, {nodes} broker nodes:\n{schedule}",
        length.as_secs()
    );
    let installation = Installation::start(nodes).await?;
    let load = Arc::new(Load::prepare(&installation, schedule.clone()).await?);
    let publishing = load.publish(&installation.site, rate, length);
    let ran = tokio::try_join!(publishing, faults::carry_out(&schedule, &installation, &load));
    let settled = match ran {
        Ok(_) => settle::settle(&installation, &load).await,
        Err(error) => Err(error),
    };
    let (facts, took) = match settled {
        Ok(settled) => settled,
        Err(error) => {
            report::keep_logs(seed, &schedule, &installation, &[]).await?;
            return Err(error);
        }
    };
    let report = Report::of(seed, &facts, took, checker::check(&facts, &BOUNDS));
    if !report.violations.is_empty() {
        report::keep_logs(seed, &schedule, &installation, &report.violations).await?;
    }
    Ok(report)
}

/// A list such as `1,2,7`, or a range such as `1-20`.
fn seeds() -> anyhow::Result<Vec<u64>> {
    let text = env::var("CHAOS_SEEDS")
        .ok()
        .filter(|text| !text.is_empty())
        .unwrap_or_else(|| SEEDS.to_owned());
    let mut seeds = Vec::new();
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let number = |text: &str| {
            text.trim()
                .parse::<u64>()
                .with_context(|| format!("CHAOS_SEEDS: {text:?}"))
        };
        seeds.extend(number(first)?..=number(last)?);
    }
    Ok(seeds)
}

fn number(variable: &str, default: u64) -> anyhow::Result<u64> {
    match env::var(variable) {
        Ok(text) if !text.is_empty() => text.parse().with_context(|| format!("{variable}: {text:?}")),
        _ => Ok(default),
    }
}
