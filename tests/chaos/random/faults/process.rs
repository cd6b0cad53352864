//! Programs that are killed, terminated, frozen, and run by a wrong clock.

use std::time::Instant;

use tokio::time::sleep_until;

use super::Done;
use crate::random::installation::Node;

pub(super) async fn kill(node: &Node, until: Instant) -> anyhow::Result<Done> {
    let mut program = node.program.lock().await;
    node.note_peak(&program).await;
    program.kill_nine()?;
    sleep_until(until.into()).await;
    program.launch_again()?;
    Ok(Done::Yes)
}

pub(super) async fn terminate(node: &Node, until: Instant) -> anyhow::Result<Done> {
    let mut program = node.program.lock().await;
    node.note_peak(&program).await;
    let status = program.stop().await?;
    anyhow::ensure!(
        status == 0,
        "{} ended with {status} when it was told to end",
        node.process
    );
    sleep_until(until.into()).await;
    program.launch_again()?;
    Ok(Done::Yes)
}

pub(super) async fn freeze(node: &Node, until: Instant) -> anyhow::Result<Done> {
    let program = node.program.lock().await;
    program.freeze();
    sleep_until(until.into()).await;
    program.thaw();
    Ok(Done::Yes)
}

pub(super) async fn skew_clock(node: &Node, seconds: i64, until: Instant) -> anyhow::Result<Done> {
    if !node.skew_clock(seconds)? {
        return Ok(Done::NotPossibleHere);
    }
    sleep_until(until.into()).await;
    node.skew_clock(0)?;
    Ok(Done::Yes)
}
