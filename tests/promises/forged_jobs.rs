//! Jobs that no fanout made.

use domain::{AccountName, DeliveryHead, DeliveryId, Trigger};
use e2e::{DEADLINE, Deployment, Message, take_all};
use testkit::wait;
use wire::DeliveryJob;

#[tokio::test]
async fn a_job_for_another_accounts_webhook_is_put_aside_and_leaves_no_trace() -> anyhow::Result<()> {
    let all = Deployment::start().await?;
    let webhook = all.webhook("/", &["deal.won"]).await?;
    let (account, id): (AccountName, _) = ("evil".parse()?, webhook.id.parse()?);
    let job = DeliveryJob {
        delivery: DeliveryHead {
            id: DeliveryId::derive(&account, "/forged", "1", id),
            webhook: id,
            account,
            event_id: "1".to_owned(),
            event_type: "deal.won".to_owned(),
            subject: None,
            accepted_at: jiff::Timestamp::now(),
            payload: r#"{"pay":"me"}"#.into(),
            traceparent: None,
        },
        attempt: 1,
        step: 0,
        trigger: Trigger::Event,
        deferred_for: Default::default(),
        repeat: false,
    };
    for paused in [false, true] {
        if paused {
            all.api.pause(&webhook.id).await?;
        }
        let message = Message::new("webhooks.deliveries", job.encode()).content_type(wire::DELIVERY_JOB);
        all.crm.publish_to("webhooks.delivery", message).await?;
        let vhost = all.site.vhost().clone();
        let aside = async || vhost.ready("webhooks.deliveries.rejected").await.ok() == Some(Some(1));
        wait::until(DEADLINE, "the job to be rejected", aside).await?;
        let taken = take_all(&vhost, "webhooks.deliveries.rejected").await?;
        assert_eq!(
            (
                taken[0].header("x-reject-reason").as_str(),
                taken[0].body == job.encode()
            ),
            ("other_account", true)
        );
    }
    assert_eq!(all.receiver.count(), 0);
    assert!(all.api.deliveries(&webhook.id).await?.is_empty());
    assert!(
        all.site.database().await?.deliveries_by_state().await?.is_empty(),
        "it is not in anybody's log"
    );
    all.finish().await
}
