//! The same event more than once.

use e2e::{DEADLINE, Deployment, Event};

#[tokio::test]
async fn an_event_published_again_is_sent_once_and_logged_once() -> anyhow::Result<()> {
    let all = Deployment::start().await?;
    let webhook = all.webhook("/", &["deal.won"]).await?;
    let event = Event::new("deal.won", "repeated");
    all.crm.publish(event.as_json()).await?;
    all.crm.publish(event.as_json()).await?;
    all.receiver.wait_for(1, DEADLINE).await?;
    all.crm.publish(event.as_protobuf()).await?;
    all.crm.publish(event.as_binary("cloudEvents:")).await?;
    all.crm.publish(Event::new("deal.won", "last").as_json()).await?;

    all.api.wait_for_state(&webhook.id, "last", "delivered").await?;
    all.fanout
        .wait_for_metric(
            r#"webhook_events_consumed_total{event_type="deal.won",result="duplicate"}"#,
            3.0,
        )
        .await?;
    let arrived = all.receiver.count_by_webhook_id();
    assert_eq!((arrived.len(), all.receiver.count()), (2, 2));
    assert_eq!(all.api.deliveries(&webhook.id).await?.len(), 2);
    all.finish().await
}

#[tokio::test]
async fn an_event_published_again_to_a_process_that_cannot_remember_it_keeps_its_delivery_id() -> anyhow::Result<()> {
    let mut all = Deployment::start().await?;
    let webhook = all.webhook("/", &["deal.won"]).await?;
    let event = Event::new("deal.won", "repeated");
    all.crm.publish(event.as_json()).await?;
    all.receiver.wait_for(1, DEADLINE).await?;
    assert_eq!(all.fanout.stop().await?, 0);
    all.fanout.start_again().await?;
    all.crm.publish(event.as_json()).await?;

    let arrived = all.receiver.wait_for(2, DEADLINE).await?;
    assert_eq!(arrived[0].webhook_id(), arrived[1].webhook_id());
    assert_eq!(all.api.deliveries(&webhook.id).await?.len(), 1);
    all.finish().await
}

#[tokio::test]
async fn an_event_published_again_reaches_who_listens_by_then_and_nobody_twice() -> anyhow::Result<()> {
    let all = Deployment::start().await?;
    let event = Event::new("deal.won", "early");
    all.crm.publish(event.as_json()).await?;
    let nobody = r#"webhook_events_consumed_total{event_type="deal.won",result="no_subscriber"}"#;
    all.fanout.wait_for_metric(nobody, 1.0).await?;
    let first = all.webhook("/first", &["deal.won"]).await?;
    all.crm.publish(event.as_json()).await?;
    all.api.wait_for_state(&first.id, "early", "delivered").await?;
    let second = all.webhook("/second", &["deal.won"]).await?;
    all.crm.publish(event.as_json()).await?;
    all.api.wait_for_state(&second.id, "early", "delivered").await?;
    assert_eq!((all.receiver.count(), all.receiver.count_by_webhook_id().len()), (2, 2));
    all.finish().await
}

#[tokio::test]
async fn a_sender_that_stood_still_does_not_send_what_another_has_delivered_meanwhile() -> anyhow::Result<()> {
    const EVENTS: usize = 200;
    let all = Deployment::start().await?;
    let other = all.site.sender().await?;
    let webhook = all.webhook("/", &["deal.won"]).await?;
    all.sender.freeze();
    all.crm
        .publish_all(Event::deals_won("e", EVENTS).iter().map(Event::as_json))
        .await?;
    // The broker gives up the connection of the one that is frozen once heartbeats are missing.
    all.receiver.wait_for(EVENTS, DEADLINE).await?;
    // The log is what the two share: before an outcome is committed, nobody can know of the attempt.
    all.wait_until_logged("delivered", EVENTS).await?;
    all.sender.thaw();
    all.sender
        .wait_for_line("the process was suspended: jobs are deduplicated in the delivery log before they are sent")
        .await?;
    drop(other);
    all.crm.publish(Event::new("deal.won", "last").as_json()).await?;
    all.api.wait_for_state(&webhook.id, "last", "delivered").await?;
    all.wait_until_emptied().await?;
    assert_eq!(all.receiver.count(), EVENTS + 1, "nothing is sent again");
    all.finish().await
}
