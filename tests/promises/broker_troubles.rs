//! A broker that refuses a message, lacks a deleted object, or closes a connection: other deliveries continue, and
//! nothing is posted twice.

use e2e::{DEADLINE, Deployment, Event, Site};
use lapin::options::QueueDeclareOptions;
use lapin::types::FieldTable;
use testkit::receiver::Answer;
use testkit::wait;

const EVENTS: usize = 400;

/// Each event was posted, and posted once.
async fn posted_once(all: &Deployment, events: usize) -> anyhow::Result<()> {
    let arrived = async || all.receiver.count_by_webhook_id().len() == events;
    wait::until(DEADLINE, "all events", arrived).await?;
    all.wait_until_emptied().await?;
    assert_eq!(all.receiver.count(), events, "{:?}", repeated(all));
    Ok(())
}

fn repeated(all: &Deployment) -> Vec<(String, usize)> {
    all.receiver
        .count_by_webhook_id()
        .into_iter()
        .filter(|(_, posts)| *posts > 1)
        .collect()
}

#[tokio::test]
async fn a_notification_that_has_nowhere_to_go_disturbs_no_delivery_and_is_sent() -> anyhow::Result<()> {
    let all = Deployment::start().await?;
    all.crm
        .channel()
        .exchange_delete("crm.notifications".into(), Default::default())
        .await?;
    all.receiver.answer_at("/failing", Answer::status(404));
    let failing = all.webhook("/failing", &["invoice.paid"]).await?;
    all.webhook("/well", &["deal.won"]).await?;

    let (good, bad) = (
        Event::deals_won("e", EVENTS),
        (0..10).map(|n| Event::new("invoice.paid", &format!("f-{n}"))),
    );
    let events = good.iter().map(Event::as_json).chain(bad.map(|event| event.as_json()));
    all.crm.publish_all(events).await?;
    all.api
        .wait_for_webhook(&failing.id, |it| it["status"] == "paused")
        .await?;
    // The warning before it, and the pause.
    all.fanout
        .wait_for_metric(r#"webhook_notifications_total{channel="broker",result="sent"}"#, 2.0)
        .await?;
    posted_once(&all, EVENTS + 10).await?;
    assert_eq!(all.fanout.metric("webhook_amqp_declared_again_total").await?, 1.0);
    all.finish().await
}

#[tokio::test]
async fn an_exchange_of_ours_that_was_deleted_is_back_without_a_restart() -> anyhow::Result<()> {
    let all = Deployment::start().await?;
    all.webhook("/", &["deal.won"]).await?;
    all.crm
        .channel()
        .exchange_delete("webhooks.delivery".into(), Default::default())
        .await?;
    all.crm
        .publish_all(Event::deals_won("e", EVENTS).iter().map(Event::as_json))
        .await?;
    posted_once(&all, EVENTS).await?;
    all.finish().await
}

#[tokio::test]
async fn what_is_published_again_after_a_lost_connection_is_not_posted_again() -> anyhow::Result<()> {
    let all = Deployment::start().await?;
    all.webhook("/", &["deal.won"]).await?;
    for round in 0..3 {
        let events = Event::deals_won(&format!("e{round}"), EVENTS);
        let (published, closed) = tokio::join!(
            all.crm.publish_all(events.iter().map(Event::as_json)),
            all.site.vhost().close_connections_named("fanout publisher"),
        );
        published?;
        closed?;
    }
    posted_once(&all, 3 * EVENTS).await?;
    all.finish().await
}

#[tokio::test]
async fn a_queue_of_tests_that_cannot_be_had_stops_nothing_but_tests() -> anyhow::Result<()> {
    let mut site = Site::new().await?;
    site.migrate().await?;
    // A queue of this name with other arguments: not durable.
    let crm = site.crm().await?;
    let own = QueueDeclareOptions {
        exclusive: true,
        ..QueueDeclareOptions::default()
    };
    crm.channel()
        .queue_declare("webhooks.tests".into(), own, FieldTable::default())
        .await?;
    let user = site
        .vhost()
        .permit("^(webhooks|crm)", "^(webhooks|crm|amq)", ".*")
        .await?;
    site.set("WEBHOOKS_AMQP__URL", &user);
    let all = Deployment::at(site).await?;
    all.webhook("/", &["deal.won"]).await?;
    all.crm.publish(Event::new("deal.won", "e").as_json()).await?;
    all.receiver.wait_for(1, DEADLINE).await?;

    // Once it can be had, tests work without a restart.
    drop(crm);
    let webhook = all.webhook("/tested", &["deal.lost"]).await?;
    let works = async || {
        all.api
            .test_webhook(&webhook.id)
            .await
            .is_ok_and(|answer| answer.status == 200)
    };
    wait::until(DEADLINE, "a test to be made", works).await?;
    all.finish().await
}
