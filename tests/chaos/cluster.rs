//! A RabbitMQ of three nodes, of which one after the other goes, while events come in: each that was confirmed is
//! delivered, soon, and nobody who is connected has to be restarted.

mod installation;
mod load;

use std::time::Duration;

use anyhow::Context;
use testkit::wait;

use crate::known_queues::wait_until_written_down;
use crate::turn;
use installation::Installation;
use load::Load;

const NODES: usize = 3;
/// From a confirm to the delivery, and from one delivery to the next, whatever happens to one node.
const LATE: Duration = Duration::from_secs(30);
/// From the loss of a connection until a program is ready again.
const READY_WITHIN: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_whose_nodes_go_one_after_the_other_loses_nothing() -> anyhow::Result<()> {
    let _turn = turn().await;
    let mut installation = Installation::start(NODES).await?;
    for node in installation.cluster.nodes() {
        wait_until_written_down(node).await?;
    }
    let load = Load::start(&installation).await?;
    restart_one_after_the_other(&mut installation, &load)
        .await
        .context("rolling restart")?;
    kill_the_leaders(&mut installation, &load)
        .await
        .context("death of leaders")?;
    load.wait_for_some().await?;
    let published = load.end().await?;
    let delivered = published.wait_delivered(&installation.receiver).await?;
    println!("{delivered}");
    anyhow::ensure!(delivered.slowest < LATE, "a delivery took {:?}", delivered.slowest);
    anyhow::ensure!(
        delivered.longest_silence < LATE,
        "nothing was delivered for {:?}",
        delivered.longest_silence
    );
    installation.finish().await
}

async fn restart_one_after_the_other(installation: &mut Installation, load: &Load) -> anyhow::Result<()> {
    for number in 0..NODES {
        load.wait_for_some().await?;
        let node = installation.cluster.node(number);
        node.drain().await?;
        node.stop().await?;
        node.start_again().await?;
        installation.cluster.wait_whole().await?;
    }
    Ok(())
}

/// Kills the node that leads a queue, and while it is down breaks off all connections: programs that are connected, and one
/// that starts, are soon ready on the others.
async fn kill_the_leaders(installation: &mut Installation, load: &Load) -> anyhow::Result<()> {
    for queue in ["webhooks.tests", "webhooks.deliveries"] {
        load.wait_for_some().await?;
        let leader = installation
            .cluster
            .leader(installation.site.vhost(), queue)
            .await?
            .context("a leader")?;
        installation.cluster.node(leader).kill_nine().await?;
        installation.reconnect_all().await?;
        wait::until(READY_WITHIN, "all programs to be ready", async || {
            installation.are_ready().await
        })
        .await?;
        let late_comer = tokio::time::timeout(READY_WITHIN, installation.another_sender()).await;
        let mut late_comer = late_comer.context("a sender that starts is not ready in time")??;
        installation.test_button_works().await?;
        anyhow::ensure!(late_comer.stop().await? == 0, "a sender did not end in order");
        installation.cluster.node(leader).start_again().await?;
        installation.cluster.wait_whole().await?;
    }
    Ok(())
}
