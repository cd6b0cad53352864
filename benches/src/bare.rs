//! The baseline: the same two hops as a competent engineer would write them in an afternoon on lapin, hyper and
//! tokio-postgres, without the product's features. No matching, no signing, no retries, no recovery; but the same
//! guarantees while nothing fails: quorum queues, persistent and confirmed publishes, rows committed before the message
//! is acknowledged.

mod connections;
pub mod forward;
pub mod post;
mod rows;
mod topology;

use std::time::Duration;

use anyhow::Context;

use crate::part::Part;
use crate::pipeline::{Hop, Pipeline, Running};
use crate::settings::Settings;
use crate::stage::Stage;

/// From a part's start to its first word.
const START: Duration = Duration::from_secs(30);

/// Starts both hops; each event goes to `webhooks` addresses of the receiver.
///
/// # Errors
/// When the servers refuse, or a part does not start.
pub async fn start(stage: &Stage, settings: &Settings, webhooks: u32) -> anyhow::Result<Pipeline> {
    let amqp_url = stage.stack.amqp_url().to_owned();
    topology::declare(&amqp_url)
        .await
        .context("cannot declare the bare queues")?;
    let database_url = stage.stack.create_database().await?;
    rows::create_table(&database_url).await?;
    let mut pipeline = Pipeline::new(topology::EVENTS_EXCHANGE, rows::log(&database_url));
    let mut forward = Part::start("bare-forward")?;
    let () = forward
        .ask(
            &forward::Forward {
                amqp_url: amqp_url.clone(),
                webhooks,
            },
            START,
        )
        .await?;
    pipeline.add(Hop::First, forward.pid(), Running::Part(forward));
    for _ in 0..settings.senders {
        let mut post = Part::start("bare-post")?;
        let job = post::Post {
            amqp_url: amqp_url.clone(),
            database_url: database_url.clone(),
            receiver: stage.address.clone(),
            rows: settings.bare_rows,
        };
        let () = post.ask(&job, START).await?;
        pipeline.add(Hop::Second, post.pid(), Running::Part(post));
    }
    Ok(pipeline)
}
