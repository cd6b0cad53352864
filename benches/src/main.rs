//! The product against the bare crates: the same events over the same broker, the same database server and the same
//! receiver, once through `fanout` and `sender` and once through two pages of code on lapin, hyper and tokio-postgres.
//! It prints ratios, because bare times say more about the machine than about the program.
//!
//! What is compared and how: `contest`. The two competitors: `product` and `bare`. What they share: `stage`. Every part
//! is a process of its own, as in production; the parts of the benchmark itself are this program with a hidden command.
//!
//! Where there is nothing bare to compare with, the product is compared with itself: beside troublesome webhooks and
//! alone (`isolation`), with many held deliveries and with none (`held`), with a month's log (`log`).
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod bare;
mod clock;
mod contest;
mod event;
mod flood;
mod held;
mod index_load;
mod installation;
mod isolation;
mod log;
mod machine;
mod pair;
mod part;
mod pipeline;
mod processes;
mod product;
mod publish;
mod quantile;
mod receiver;
mod report;
mod run;
mod settings;
mod stage;

use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};
use tokio::runtime::{Builder, Runtime};

use crate::settings::Settings;

/// Measures the product against the bare crates and prints ratios.
///
/// BENCH_ONLY=throughput|fanout10|latency|index|isolation|flood|held|log runs one section. BENCH_EVENTS (20000; of flood
/// 200000) is the number of deliveries of a round, BENCH_ROUNDS (5; of isolation 2) the number of rounds, BENCH_SECONDS (30;
/// of isolation 60, of flood 120) the length of a round of latency, isolation or flood, BENCH_SENDERS (1; of isolation
/// always 2) the number of sender processes, BENCH_BARE_ROWS (1) the most rows that the bare second hop writes at once,
/// BENCH_LOG_ROWS (5000000) the number of deliveries in the log.
#[derive(Parser)]
#[command(name = "bench", version = runtime::VERSION)]
struct Cli {
    #[command(subcommand)]
    part: Option<PartCommand>,
}

/// Parts of the benchmark, started by it; each reads its job from standard input.
#[derive(Subcommand)]
enum PartCommand {
    /// Publishes events.
    #[command(hide = true)]
    Publish,
    /// Counts what arrives.
    #[command(hide = true)]
    Receiver,
    /// The bare first hop.
    #[command(hide = true)]
    BareForward,
    /// The bare second hop.
    #[command(hide = true)]
    BarePost,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    runtime::install_crypto_provider();
    match run(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> anyhow::Result<()> {
    match cli.part {
        None => all_cores()?.block_on(measure()),
        // What surrounds the measured parts gets by with one thread, so that more of the machine is left for them.
        Some(PartCommand::Publish) => one_core()?.block_on(publish::run()),
        Some(PartCommand::Receiver) => one_core()?.block_on(receiver::run()),
        Some(PartCommand::BareForward) => all_cores()?.block_on(bare::forward::run()),
        Some(PartCommand::BarePost) => all_cores()?.block_on(bare::post::run()),
    }
}

/// Dropping the measurement stops everything it started.
async fn measure() -> anyhow::Result<()> {
    let settings = Settings::from_environment()?;
    tokio::select! {
        measured = run::run(&settings) => measured,
        interrupted = tokio::signal::ctrl_c() => {
            interrupted?;
            anyhow::bail!("interrupted")
        }
    }
}

fn all_cores() -> anyhow::Result<Runtime> {
    Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start threads")
}

fn one_core() -> anyhow::Result<Runtime> {
    Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")
}
