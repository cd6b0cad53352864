//! Makes faults happen, and puts them right.

mod broker;
mod database;
mod names;
mod process;
mod receiver;

use std::time::{Duration, Instant};

use futures_util::future::try_join_all;

use super::fault::{Fault, Process, Server};
use super::installation::Installation;
use super::load::Load;
use super::schedule::{Planned, Schedule};

/// The pause between two strokes of a fault that is done again and again.
const STROKE: Duration = Duration::from_secs(1);

/// Whether a fault was injected; some need tools that a machine may lack.
#[derive(Debug, PartialEq, Eq)]
enum Done {
    Yes,
    NotPossibleHere,
}

/// Carries the schedule out, from the beginning of the load on; returns when the last fault has been put right.
pub async fn carry_out(schedule: &Schedule, installation: &Installation, load: &Load) -> anyhow::Result<()> {
    let faults = schedule.0.iter().map(|planned| one(*planned, installation, load));
    try_join_all(faults).await.map(drop)
}

async fn one(planned: Planned, installation: &Installation, load: &Load) -> anyhow::Result<()> {
    let Planned { from, until, fault } = planned;
    tokio::time::sleep_until((load.begun + from).into()).await;
    let until = load.begun + until;
    let done = match fault {
        Fault::Kill(process) => process::kill(installation.node(process), until).await?,
        Fault::Terminate(process) => process::terminate(installation.node(process), until).await?,
        Fault::Freeze(process) => process::freeze(installation.node(process), until).await?,
        Fault::SkewClock(process, seconds) => process::skew_clock(installation.node(process), seconds, until).await?,
        Fault::Silence(process, server) => silence(installation, process, server, until).await?,
        Fault::Cut(process, server) => cut(installation, process, server, until).await?,
        Fault::Database(fault) => database::happen(fault, installation, until).await?,
        Fault::Broker(fault) => broker::happen(fault, installation, until).await?,
        Fault::Names(fault) => names::happen(fault, &installation.names, until).await?,
        Fault::Receiver(webhook, mood) => receiver::happen(webhook, mood, installation, load, until).await?,
    };
    if done == Done::NotPossibleHere {
        println!("  not possible on this machine: {fault}");
    }
    Ok(())
}

async fn silence(
    installation: &Installation,
    process: Process,
    server: Server,
    until: Instant,
) -> anyhow::Result<Done> {
    let link = installation.node(process).link(server).lock().await;
    link.silence();
    tokio::time::sleep_until(until.into()).await;
    link.speak();
    Ok(Done::Yes)
}

async fn cut(installation: &Installation, process: Process, server: Server, until: Instant) -> anyhow::Result<Done> {
    let mut link = installation.node(process).link(server).lock().await;
    link.cut().await;
    tokio::time::sleep_until(until.into()).await;
    link.open().await?;
    Ok(Done::Yes)
}

/// Repeats something. Single failures, on a server with another fault, are ignored.
async fn again_and_again(until: Instant, mut stroke: impl AsyncFnMut() -> anyhow::Result<()>) -> Done {
    while Instant::now() < until {
        // A broker that is frozen does not answer.
        let _ = tokio::time::timeout_at(until.into(), stroke()).await;
        tokio::time::sleep(STROKE).await;
    }
    Done::Yes
}
