//! A message whose properties no client library can read ends the connection of everybody who takes it.

use e2e::{DEADLINE, Deployment, Event};
use testkit::raw_amqp::RawPublisher;
use testkit::wait;

const GOOD: usize = 200;
const POISONED: u32 = 10;

#[tokio::test]
async fn messages_that_break_the_connection_are_parked_and_no_others() -> anyhow::Result<()> {
    let mut all = Deployment::start().await?;
    all.webhook("/", &["deal.won"]).await?;
    let mut hostile = RawPublisher::connect(all.site.vhost().url()).await?;
    for (number, event) in Event::deals_won("good", GOOD).iter().enumerate() {
        if number % (GOOD / POISONED as usize) == 7 {
            let poison = Event::new("deal.won", &format!("poisoned-{number}")).as_json();
            hostile.publish("crm.events", "deal.won", b"\xff\xfe", poison.body()).await?;
        }
        all.crm.publish(event.as_json()).await?;
    }

    all.receiver.wait_for(GOOD, 3 * DEADLINE).await?;
    let vhost = all.site.vhost().clone();
    let parked = async || vhost.ready("webhooks.events.rejected").await.ok() == Some(Some(POISONED));
    wait::until(3 * DEADLINE, "the broker to park the poisoned events", parked).await?;
    let by_id = all.receiver.count_by_webhook_id();
    assert_eq!(by_id.len(), GOOD);
    assert!(all.fanout.is_running());
    all.finish_with_rejected(POISONED, 0).await
}
