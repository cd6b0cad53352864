//! The product's side of a contest: `fanout` and `sender` on the stage's own virtual host.

use broker::topology;
use domain::AccountName;

use crate::installation::Installation;
use crate::pipeline::{DeliveryLog, Hop, Pipeline, Running};
use crate::receiver::Conduct;
use crate::settings::Settings;
use crate::stage::Stage;

/// Tenant of all webhooks.
pub const ACCOUNT: &str = "bench";

/// Starts the product; each event matches `webhooks` webhooks of the receiver.
///
/// # Errors
/// When the programs are not built, or something does not start.
pub async fn start(stage: &Stage, settings: &Settings, webhooks: u32) -> anyhow::Result<Pipeline> {
    let installation = Installation::create(stage, stage.stack.amqp_url()).await?;
    let account: AccountName = ACCOUNT.parse()?;
    for number in 0..webhooks {
        installation.add_webhook(&account, Conduct::Answers(number)).await?;
    }
    let database_url = installation.database_url.clone();
    let log = DeliveryLog {
        database_url,
        count: "SELECT count(*) FROM deliveries WHERE state = 'delivered'",
    };
    let mut pipeline = Pipeline::new(topology::EVENTS_EXCHANGE, log);
    for (hop, name, instances) in [(Hop::First, "fanout", 1), (Hop::Second, "sender", settings.senders)] {
        for _ in 0..instances {
            let program = installation.start(name).await?;
            pipeline.add(hop, program.pid, Running::Service(program.service));
        }
    }
    Ok(pipeline)
}
