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
    all.crm.publish(Event::new("deal.won", "last").as_json()).await?;

    all.api.wait_for_state(&webhook.id, "last", "delivered").await?;
    all.fanout
        .wait_for_metric(r#"webhook_events_consumed_total{event_type="deal.won",result="duplicate"}"#, 2.0)
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
