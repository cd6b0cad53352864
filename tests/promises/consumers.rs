//! The programs' consumers at the broker are those they know, also after their connections or the database were lost.

use std::time::Duration;

use e2e::{DEADLINE, Deployment, Event, Program, Site};
use testkit::servers::PrivatePostgres;
use testkit::{shared_stack, wait};

/// From the return of the database to the last delivery.
const RECOVERY: Duration = Duration::from_secs(60);
const LEFT: &str = "the database has been unavailable for long (backpressure): job consumption stops";

/// Each queue has one consumer, whom its program knows, and nothing stays with it.
async fn check_consumers(all: &Deployment) -> anyhow::Result<()> {
    let vhost = all.site.vhost();
    let (events, jobs) = ("webhooks.events", ["webhooks.deliveries", "webhooks.deliveries.bulk"]);
    for (queue, program) in [(events, &all.fanout), (jobs[0], &all.sender), (jobs[1], &all.sender)] {
        let has_one = async || matches!(vhost.consumers(queue).await, Ok(Some(1)));
        wait::until(DEADLINE, format!("one consumer of {queue}"), has_one).await?;
        let none_left = async || matches!(vhost.unacknowledged(queue).await, Ok(Some(0)));
        wait::until(DEADLINE, format!("nothing unacknowledged in {queue}"), none_left).await?;
        program
            .wait_for_metric(&format!(r#"webhook_amqp_consumers{{queue="{queue}"}}"#), 1.0)
            .await?;
        program
            .wait_for_metric(
                &format!(r#"webhook_amqp_unacknowledged_messages{{queue="{queue}"}}"#),
                0.0,
            )
            .await?;
    }
    Ok(())
}

fn times(program: &Program, message: &str) -> usize {
    program
        .log_lines()
        .iter()
        .filter(|line| line.message() == message)
        .count()
}

async fn wait_all_arrived(all: &Deployment, events: usize) -> anyhow::Result<()> {
    let arrived = async || all.receiver.count_by_webhook_id().len() == events;
    Ok(wait::until(RECOVERY, format!("{events} deliveries"), arrived).await?)
}

#[tokio::test]
async fn a_database_that_was_away_for_long_leaves_no_job_behind() -> anyhow::Result<()> {
    const OUTAGES: usize = 3;
    const EVENTS: usize = 100;
    let mut database = PrivatePostgres::temporary().await?;
    let mut site = Site::on(
        shared_stack().await.create_vhost().await?,
        database.create_database().await?,
    )?;
    site.set("WEBHOOKS_SENDER__DATABASE_PATIENCE", "2s");
    let mut all = Deployment::at(site).await?;
    all.webhook("/", &["deal.won"]).await?;
    for outage in 1..=OUTAGES {
        let events = |when: &str| Event::deals_won(&format!("{when}-{outage}"), EVENTS);
        all.crm.publish_all(events("before").iter().map(Event::as_json)).await?;
        let (stopped, ()) = tokio::join!(database.stop(), async {
            for event in events("meanwhile") {
                all.crm.publish(event.as_json()).await.expect("the broker is there");
                tokio::time::sleep(Duration::from_millis(40)).await;
            }
        });
        stopped?;
        let left = async || times(&all.sender, LEFT) == outage;
        wait::until(DEADLINE, "jobs to be left in their queue", left).await?;
        database.start_again().await?;
        all.sender.wait_ready().await?;
        all.fanout.wait_ready().await?;
        wait_all_arrived(&all, 2 * EVENTS * outage).await?;
    }
    check_consumers(&all).await?;
    assert_eq!(times(&all.sender, LEFT), OUTAGES, "each outage is logged once");
    all.wait_until_emptied().await?;
    all.finish().await
}

#[tokio::test]
async fn connections_closed_under_load_leave_no_consumer_behind() -> anyhow::Result<()> {
    const ROUNDS: usize = 3;
    const EVENTS: usize = 200;
    let mut all = Deployment::start().await?;
    all.webhook("/", &["deal.won"]).await?;
    for round in 0..ROUNDS {
        all.crm
            .publish_all(Event::deals_won(&round.to_string(), EVENTS).iter().map(Event::as_json))
            .await?;
        all.site.vhost().close_connections(1).await?;
        all.crm = all.site.crm().await?;
    }
    wait_all_arrived(&all, ROUNDS * EVENTS).await?;
    check_consumers(&all).await?;
    all.wait_until_emptied().await?;
    all.finish().await
}
