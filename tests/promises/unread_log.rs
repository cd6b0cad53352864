//! Deliveries continue while the log is not read.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::time::{Duration, Instant};

use anyhow::Context;
use e2e::{Deployment, Event, Program};
use testkit::receiver::Answer;
use testkit::{shared_stack, wait};

const EVENTS: usize = 300;
const SEEN_WITHIN: Duration = Duration::from_secs(60);
const GRACE: Duration = Duration::from_secs(10);
const DROPPED: &str = "webhook_log_lines_dropped_total";

/// A deployment whose sender writes its log to a pipe that is not read.
async fn start(levels: &str, directory: &tempfile::TempDir) -> anyhow::Result<Deployment> {
    let servers = shared_stack().await;
    let mut site = e2e::Site::on(servers.create_vhost().await?, servers.create_database().await?)?;
    site.set("WEBHOOKS_SHUTDOWN__GRACE", "10s");
    site.set("WEBHOOKS_AUTO_PAUSE__AFTER", "0");
    let mut all = Deployment::at(site).await?;
    all.sender.stop().await?;
    all.site.set("RUST_LOG", levels);
    all.sender = all.site.launch_unread("sender", &directory.path().join("log"))?;
    all.sender.wait_ready().await?;
    Ok(all)
}

/// Publishes events that fail, then one for the webhook that takes everything.
async fn deliveries_go_on(all: &Deployment) -> anyhow::Result<()> {
    all.receiver.answer_at("/fails", Answer::status(500));
    all.webhook("/fails", &["deal.won"]).await?;
    let healthy = all.webhook("/healthy", &["invoice.paid"]).await?;
    all.crm
        .publish_all(Event::deals_won("e", EVENTS).iter().map(Event::as_json))
        .await?;
    all.receiver.wait_for(EVENTS, SEEN_WITHIN).await?;
    all.crm.publish(Event::new("invoice.paid", "h").as_json()).await?;
    all.api.wait_for_state(&healthy.id, "h", "delivered").await?;
    assert_eq!(all.sender.health().await?, 200);
    Ok(())
}

async fn ends_within_the_grace(sender: &mut Program) -> anyhow::Result<()> {
    let begun = Instant::now();
    assert_eq!(sender.stop().await?, 0);
    assert!(begun.elapsed() < GRACE);
    Ok(())
}

#[tokio::test]
async fn deliveries_and_health_go_on_while_nobody_reads_the_log() -> anyhow::Result<()> {
    let directory = tempfile::tempdir()?;
    let mut all = start("info", &directory).await?;
    deliveries_go_on(&all).await?;
    ends_within_the_grace(&mut all.sender).await
}

#[tokio::test]
async fn what_the_log_has_no_room_for_is_counted_and_said_once_it_is_read_again() -> anyhow::Result<()> {
    let directory = tempfile::tempdir()?;
    // Every step of every connection, so that the buffer overflows.
    let mut all = start("trace", &directory).await?;
    deliveries_go_on(&all).await?;
    let mut batch = 0;
    let dropped = async || {
        batch += 1;
        let more = Event::deals_won(&format!("more-{batch}"), EVENTS);
        all.crm.publish_all(more.iter().map(Event::as_json)).await.is_ok()
            && all.sender.metric(DROPPED).await.is_ok_and(|dropped| dropped > 0.0)
    };
    wait::until(SEEN_WITHIN, "lines to be dropped", dropped).await?;

    let pipe = File::options()
        .read(true)
        .write(true)
        .open(directory.path().join("log"))?;
    let reading = tokio::task::spawn_blocking(move || {
        let lines = BufReader::new(pipe).lines().map_while(Result::ok);
        lines
            .into_iter()
            .find(|line| line.contains("log lines were dropped because standard output was not read"))
    });
    let said = tokio::time::timeout(SEEN_WITHIN, reading)
        .await
        .context("the log never says it")??;
    let said: serde_json::Value = serde_json::from_str(&said.context("the log ended")?)?;
    assert!(said["lines"].as_u64() > Some(0) && said["level"] == "WARN", "{said}");
    ends_within_the_grace(&mut all.sender).await
}
