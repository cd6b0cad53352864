//! `fanout event`: checks and publishes an event, for developers of CRM services.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use admin::{AcceptedEvent, CheckedEvent};
use anyhow::{Context, bail};
use broker::{Broker, Connector, Message, Telemetry, Topology, topology};
use clap::{Args, Subcommand};
use runtime::{Metrics, Program, Readiness};
use service::cli::print;
use settings::Settings;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::ready_database::ready_database;

/// How long a publish may take, the connection to the broker included.
const CONFIRMED_WITHIN: Duration = Duration::from_secs(30);

#[derive(Subcommand)]
pub(super) enum EventCommand {
    /// Check an event: whether it would be accepted, which webhooks would get it, and with which body. Nothing is published.
    Check(EventFile),
    /// Check an event, publish it to crm.events, and wait until the broker has confirmed it.
    Publish(EventFile),
}

#[derive(Args)]
pub(super) struct EventFile {
    /// File with the event (CloudEvents 1.0, JSON); - reads standard input.
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

pub(super) async fn run(settings: &Settings, command: &EventCommand) -> anyhow::Result<()> {
    match command {
        EventCommand::Check(event) => {
            let (accepted, _) = check(settings, event).await?;
            print(&report(&accepted))
        }
        EventCommand::Publish(event) => {
            let (accepted, message) = check(settings, event).await?;
            publish(settings, &accepted, message).await?;
            print(&format!("published {}\n", named(&accepted)))
        }
    }
}

/// The event, and its bytes.
///
/// # Errors
/// Why it would not be accepted.
async fn check(settings: &Settings, event: &EventFile) -> anyhow::Result<(AcceptedEvent, Vec<u8>)> {
    // One byte more shows that the event is too large, and no larger file is read.
    let most = settings.events.max_bytes as u64 + 1;
    let message = read(&event.file, most)?;
    let database = ready_database(settings).await?;
    match admin::check_event(&database, settings.events.max_bytes, None, &message).await? {
        CheckedEvent::Accepted(accepted) => Ok((accepted, message)),
        CheckedEvent::Refused { reason, detail } => bail!("not accepted ({}): {detail}", reason.name()),
    }
}

fn read(file: &Path, most: u64) -> anyhow::Result<Vec<u8>> {
    let mut message = Vec::new();
    let read = if file == Path::new("-") {
        std::io::stdin().take(most).read_to_end(&mut message)
    } else {
        std::fs::File::open(file).and_then(|file| file.take(most).read_to_end(&mut message))
    };
    read.with_context(|| format!("cannot read {}", file.display()))?;
    Ok(message)
}

fn named(event: &AcceptedEvent) -> String {
    format!(
        "{} of account {}, event id {}",
        event.event_type, event.account, event.event_id
    )
}

fn report(event: &AcceptedEvent) -> String {
    let mut text = format!("accepted: {}\n", named(event));
    for webhook in &event.webhooks {
        let answer = if webhook.outlook.would_get { "yes" } else { "no" };
        text += &format!("{}\t{answer}\t{}\t{}\n", webhook.id, webhook.name, webhook.outlook.why);
    }
    text + &event.body + "\n"
}

async fn publish(settings: &Settings, event: &AcceptedEvent, message: Vec<u8>) -> anyhow::Result<()> {
    let connector = Connector::from_settings(&settings.amqp, Program::Fanout.name());
    let telemetry = Telemetry::new(&Metrics::new(), &Readiness::new());
    let broker = Broker::new(connector, Topology::new(&settings.retry), telemetry);
    let end = CancellationToken::new();
    let publisher = broker.publisher(end.clone());
    let message = Message::new(topology::EVENTS_EXCHANGE, event.event_type.name(), message)
        .content_type("application/cloudevents+json")
        .message_id(&event.event_id);
    let published = timeout(CONFIRMED_WITHIN, publisher.publish(&message)).await;
    end.cancel();
    published
        .with_context(|| format!("the broker has not confirmed the event within {CONFIRMED_WITHIN:?}; it may have it"))?
        .context("the broker has refused the event")
}
