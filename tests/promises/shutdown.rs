//! SIGTERM, and several processes of a kind.

use std::time::{Duration, Instant};

use e2e::{DEADLINE, Deployment, Event};
use testkit::receiver::{Answer, Script};
use testkit::wait;

const ACCEPTED: &str = r#"webhook_events_consumed_total{event_type="deal.won",result="accepted"}"#;
const DELIVERED: &str = r#"webhook_deliveries_finished_total{result="delivered"}"#;
const GRACE: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_program_told_to_end_under_load_loses_nothing_and_sends_nothing_twice() -> anyhow::Result<()> {
    let count = 1500;
    let mut all = Deployment::with(&[("WEBHOOKS_SHUTDOWN__GRACE", "20s")]).await?;
    all.receiver.answer(Answer::ok().delay(Duration::from_millis(50)));
    all.webhook("/", &["deal.won"]).await?;
    all.crm
        .publish_all(Event::deals_won("e", count).iter().map(Event::as_json))
        .await?;

    all.receiver.wait_for(50, DEADLINE).await?;
    let begun = Instant::now();
    assert_eq!((all.sender.stop().await?, all.fanout.stop().await?), (0, 0));
    assert!(begun.elapsed() < GRACE);
    assert!(
        all.receiver.count() < count,
        "everything was done before the programs were told to end"
    );
    tokio::try_join!(all.fanout.start_again(), all.sender.start_again())?;

    all.receiver.wait_for(count, DEADLINE).await?;
    assert_eq!(all.receiver.count_by_webhook_id().len(), count);
    let database = all.site.database().await?;
    let logged = async || database.deliveries_by_state().await.ok() == Some([("delivered".to_owned(), 1500)].into());
    wait::until(DEADLINE, "all deliveries in the log", logged).await?;
    assert_eq!(all.receiver.count(), count, "something was sent twice");
    all.wait_until_emptied().await?;
    all.finish().await
}

#[tokio::test]
async fn an_attempt_that_outlasts_the_grace_is_handed_back_and_made_again() -> anyhow::Result<()> {
    let mut all = Deployment::with(&[("WEBHOOKS_SHUTDOWN__GRACE", "1s")]).await?;
    all.receiver.answer(Script::sequence([Answer::hang()], Answer::ok()));
    let webhook = all.webhook("/", &["deal.won"]).await?;
    all.crm.publish(Event::new("deal.won", "e").as_json()).await?;
    all.receiver.wait_for(1, DEADLINE).await?;

    let begun = Instant::now();
    assert_eq!(all.sender.stop().await?, 0);
    assert!(
        begun.elapsed() < Duration::from_secs(4),
        "one second of grace, and a little for the rest"
    );
    all.sender.start_again().await?;
    let delivery = all.api.wait_for_state(&webhook.id, "e", "delivered").await?;
    assert_eq!(delivery["attempts"].as_array().map(Vec::len), Some(1));
    assert_eq!(all.receiver.count_by_webhook_id().len(), 1);
    all.finish().await
}

#[tokio::test]
async fn two_fanouts_and_two_senders_share_the_work() -> anyhow::Result<()> {
    let count = 400;
    let all = Deployment::start().await?;
    all.receiver.answer(Answer::ok().delay(Duration::from_millis(20)));
    all.webhook("/", &["deal.won"]).await?;
    let (mut fanout, mut sender) = tokio::try_join!(all.site.fanout(), all.site.sender())?;
    all.crm
        .publish_all(Event::deals_won("e", count).iter().map(Event::as_json))
        .await?;

    all.receiver.wait_for(count, DEADLINE).await?;
    assert_eq!(all.receiver.count_by_webhook_id().len(), count);
    for (series, pair) in [(ACCEPTED, [&all.fanout, &fanout]), (DELIVERED, [&all.sender, &sender])] {
        let all_done = async || {
            let done = [
                pair[0].metric(series).await.unwrap_or_default(),
                pair[1].metric(series).await.unwrap_or_default(),
            ];
            done[0] + done[1] == count as f64 && done.iter().all(|done| *done > 0.0)
        };
        wait::until(DEADLINE, format!("both to have a part in {series}"), all_done).await?;
    }
    assert_eq!((fanout.stop().await?, sender.stop().await?), (0, 0));
    assert_eq!(all.receiver.count(), count);
    all.finish().await
}
