//! A RabbitMQ of which a node stops, dies or hangs, or that has an alarm, closes connections, or lacks deleted objects.

use std::time::Instant;

use testkit::servers::{Alarm, PrivateCluster};
use tokio::time::sleep_until;

use super::{Done, again_and_again};
use crate::random::fault::{BrokerFault, NodeFault};
use crate::random::installation::Installation;

pub(super) async fn happen(fault: BrokerFault, installation: &Installation, until: Instant) -> anyhow::Result<Done> {
    let mut broker = installation.broker.lock().await;
    let vhost = installation.site.vhost();
    match fault {
        BrokerFault::Node(number, fault) => go(&mut broker, number, fault, until).await?,
        BrokerFault::MemoryAlarm | BrokerFault::DiskAlarm => {
            let alarm = if fault == BrokerFault::MemoryAlarm {
                Alarm::Memory
            } else {
                Alarm::Disk
            };
            // Of one node it blocks the publishers of all.
            let node = broker.node(0);
            node.raise_alarm(alarm).await?;
            sleep_until(until.into()).await;
            node.clear_alarm(alarm).await?;
        }
        BrokerFault::CloseConnections => {
            return Ok(again_and_again(until, async || Ok(vhost.close_connections(1).await.map(drop)?)).await);
        }
        BrokerFault::DeleteExchange(name) => delete(vhost.delete_exchange(name).await),
        BrokerFault::DeleteQueue(name) => delete(vhost.delete_empty_queue(name).await),
    }
    Ok(Done::Yes)
}

/// Returns when all nodes are there, so that the next one that goes leaves a majority.
async fn go(broker: &mut PrivateCluster, number: usize, fault: NodeFault, until: Instant) -> anyhow::Result<()> {
    let node = broker.node(number);
    match fault {
        NodeFault::Freeze => node.instance().freeze(),
        NodeFault::Kill => node.kill_nine().await?,
        NodeFault::Stop => node.stop().await?,
        NodeFault::Drain => {
            node.drain().await?;
            node.stop().await?;
        }
    }
    sleep_until(until.into()).await;
    match fault {
        NodeFault::Freeze => node.instance().thaw(),
        _ => node.start_again().await?,
    }
    Ok(broker.wait_whole().await?)
}

/// It may be gone since it was deleted before, or not be empty.
fn delete(deleted: Result<(), testkit::servers::ServerError>) {
    if let Err(error) = deleted {
        println!("  not deleted: {error}");
    }
}
