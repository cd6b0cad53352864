//! A path, a server or a client that neither answers nor closes anything.

use std::time::{Duration, Instant};

use e2e::{Deployment, Event, Link, Site};
use testkit::receiver::Answer;
use testkit::wait;

/// Time limit for everything to resume.
const PROMISED: Duration = Duration::from_secs(60);
const EVENTS: usize = 20;

#[tokio::test(flavor = "multi_thread")]
async fn outcomes_are_recorded_again_a_minute_after_the_way_to_the_database_fell_silent() -> anyhow::Result<()> {
    let mut site = Site::new().await?;
    let mut link = Link::to(site.database_url())?;
    link.open().await?;
    site.set("WEBHOOKS_DATABASE__URL", link.url());
    let all = Deployment::at(site).await?;
    all.webhook("/", &["deal.won"]).await?;
    let database = all.site.database().await?;
    let delivered = async |count| {
        let states = database.deliveries_by_state().await;
        states.is_ok_and(|states| states.get("delivered") == Some(&count))
    };
    all.crm.publish(Event::new("deal.won", "before").as_json()).await?;
    wait::until(PROMISED, "a delivery", async || delivered(1).await).await?;

    link.silence();
    link.speak();
    let begun = Instant::now();
    all.crm
        .publish_all(Event::deals_won("silent", EVENTS).iter().map(Event::as_json))
        .await?;
    wait::until(PROMISED, "outcomes to be recorded again", async || {
        delivered(1 + EVENTS as i64).await
    })
    .await?;
    // The admin API has a pool of its own, and the matching index a connection.
    let other = all.receiver.url("/other");
    let adds = async || all.api.create_webhook(&other, &["contact.created"]).await.is_ok();
    wait::until(PROMISED, "the admin API to answer", adds).await?;
    all.wait_until_known(2.0).await?;
    assert!(begun.elapsed() < PROMISED, "{:?}", begun.elapsed());
    all.finish().await
}

/// What a frozen sender left on the server: locks that no one releases.
const IDLE_IN_TRANSACTION: &str = "SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND state = 'idle in transaction' AND pid <> pg_backend_pid()";
const WAITING: &str = "SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock'";

#[tokio::test(flavor = "multi_thread")]
async fn a_sender_that_freezes_within_a_transaction_does_not_stop_the_others() -> anyhow::Result<()> {
    let all = Deployment::start().await?;
    all.receiver.answer(Answer::status(400));
    let webhook = all.webhook("/", &["deal.won"]).await?;
    let (holder, looker) = (all.site.database().await?, all.site.database().await?);
    let mut tries = 0;
    // The sender waits for the webhook's lock within its transaction; it is frozen there, and then gets the lock.
    loop {
        holder
            .execute(&format!(
                "BEGIN; SELECT FROM webhooks WHERE id = '{}' FOR UPDATE",
                webhook.id
            ))
            .await?;
        all.crm
            .publish(Event::new("deal.won", &format!("frozen-{tries}")).as_json())
            .await?;
        wait::until(PROMISED, "the sender to wait", async || {
            looker.count(WAITING).await.is_ok_and(|n| n > 0)
        })
        .await?;
        all.sender.freeze();
        holder.execute("ROLLBACK").await?;
        let has_lock = async || looker.count(IDLE_IN_TRANSACTION).await.is_ok_and(|n| n > 0);
        if wait::until(Duration::from_secs(2), "the lock", has_lock).await.is_ok() {
            break;
        }
        all.sender.thaw();
        tries += 1;
        anyhow::ensure!(tries < 10, "the sender was never caught within its transaction");
    }
    let mut other = all.site.sender().await?;
    let before = looker.count("SELECT count(*) FROM deliveries").await?;
    all.crm
        .publish_all(Event::deals_won("after", EVENTS).iter().map(Event::as_json))
        .await?;
    // Half of them wait with the frozen one, for the broker to notice.
    let recorded = async || {
        looker
            .count("SELECT count(*) FROM deliveries")
            .await
            .is_ok_and(|now| now >= before + EVENTS as i64 / 4)
    };
    wait::until(
        PROMISED,
        "the other sender to record failures of the same webhook",
        recorded,
    )
    .await?;
    all.sender.thaw();
    assert_eq!(other.stop().await?, 0);
    Ok(())
}
