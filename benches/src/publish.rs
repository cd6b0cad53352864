//! The publisher: a CRM service that publishes events with confirms, as fast as the broker takes them or at a steady
//! rate.

use std::time::Duration;

use anyhow::ensure;
use futures_util::{StreamExt, TryStreamExt, stream};
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep_until};

use crate::clock::now_ns;
use crate::event::{Stamp, event, event_type};
use crate::part::Owner;

/// Publishes in flight, not yet confirmed.
const PIPELINE: usize = 1000;

/// What to publish.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Publish {
    /// The broker.
    pub amqp_url: String,
    /// Where to.
    pub exchange: String,
    /// Tenants of the events, in turn.
    pub accounts: Vec<String>,
    /// Number of the run.
    pub run: u32,
    /// How many.
    pub events: u32,
    /// Evenly spaced at this rate, whatever becomes of those before; `None` for as fast as the broker takes them.
    pub per_second: Option<u32>,
}

/// What was published.
#[derive(Debug, Serialize, Deserialize)]
pub struct Published {
    /// When the first publish began, in nanoseconds since the Unix epoch.
    pub first_ns: u64,
}

/// The part: does one job and ends.
///
/// # Errors
/// When the broker does not take the events.
pub async fn run() -> anyhow::Result<()> {
    let mut owner = Owner::new();
    let job: Publish = owner.job().await?;
    ensure!(!job.accounts.is_empty(), "the events need an account");
    let connection = Connection::connect(&job.amqp_url, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    let begin = Instant::now();
    let first_ns = now_ns();
    let publishes = stream::iter(0..job.events).then(|number| async move {
        if let Some(rate) = job.per_second {
            sleep_until(begin + Duration::from_secs(1) * number / rate).await;
        }
        number
    });
    publishes
        .map(|number| publish(&channel, &job, number))
        .buffer_unordered(PIPELINE)
        .try_for_each(async |()| Ok(()))
        .await?;
    owner.answer(&Published { first_ns })?;
    Ok(connection.close(200, "done".into()).await?)
}

async fn publish(channel: &Channel, job: &Publish, number: u32) -> anyhow::Result<()> {
    let stamp = Stamp {
        run: job.run,
        number,
        published_ns: now_ns(),
    };
    let account = &job.accounts[number as usize % job.accounts.len()];
    let body = event(account, stamp);
    let properties = BasicProperties::default()
        .with_delivery_mode(2)
        .with_content_type("application/json".into());
    let exchange = job.exchange.as_str().into();
    let key = event_type().name().into();
    let confirm = channel.basic_publish(
        exchange,
        key,
        BasicPublishOptions::default(),
        body.as_bytes(),
        properties,
    );
    ensure!(confirm.await?.await?.is_ack(), "the broker refused an event");
    Ok(())
}
