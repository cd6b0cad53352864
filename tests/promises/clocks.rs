//! Machines whose clocks are wrong: everything that is decided by time is decided by the database's.

use std::time::Duration;

use e2e::{Deployment, Event, Site};
use testkit::receiver::{Answer, Receiver};
use testkit::servers::faketime_library;
use testkit::wait;

const WITHIN: Duration = Duration::from_secs(60);
const WARNING: &str =
    "clock skew: this host's clock differs from the database's, receivers may refuse the signature timestamps";

/// Programs started from now on have a clock that differs by this, as `faketime -f` reads it.
fn set_clock(site: &mut Site, by: &str) -> anyhow::Result<()> {
    site.set("LD_PRELOAD", &faketime_library()?.display().to_string());
    site.set("FAKETIME", by);
    // Time limits are not what is wrong.
    site.set("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sender_ten_minutes_behind_keeps_to_the_ladder_and_says_so() -> anyhow::Result<()> {
    let mut site = Site::new().await?;
    site.set("WEBHOOKS_RETRY__DELAYS", "1h");
    site.migrate().await?;
    let mut fanout = site.fanout().await?;
    set_clock(&mut site, "-10m")?;
    let sender = site.sender().await?;
    let receiver = Receiver::start(&site.ca).await?;
    receiver.answer(Answer::status(500));
    let (api, crm) = (site.api(&fanout, "acme").await?, site.crm().await?);
    let webhook = api.create_webhook(&receiver.url("/"), &["deal.won"]).await?;
    fanout
        .wait_for_metric("webhook_subscription_index_webhooks", 1.0)
        .await?;
    crm.publish(Event::new("deal.won", "e").as_json()).await?;
    api.wait_for_state(&webhook.id, "e", "retrying").await?;

    let database = site.database().await?;
    let due = "SELECT count(*) FROM deliveries
        WHERE next_attempt_at BETWEEN now() + interval '58 minutes' AND now() + interval '1 hour'";
    assert_eq!(database.count(due).await?, 1);
    // It looks for overdue retries when it starts.
    assert_eq!(fanout.stop().await?, 0);
    fanout.start_again().await?;
    let difference = async || {
        sender
            .metric("webhook_clock_difference_seconds")
            .await
            .unwrap_or_default()
    };
    wait::until(WITHIN, "the difference", async || {
        (599.0..601.0).contains(&difference().await)
    })
    .await?;
    assert_eq!(sender.wait_for_line(WARNING).await?.field("level"), "WARN");
    assert_eq!(receiver.count(), 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fanout_two_months_ahead_drops_nothing_and_files_events_under_today() -> anyhow::Result<()> {
    let mut site = Site::new().await?;
    site.migrate().await?;
    let database = site.database().await?;
    let days = "SELECT count(*) FROM pg_class WHERE relname ~ '^deliveries_[0-9]{8}$'";
    let before = database.count(days).await?;
    let right = site.sender().await?;
    set_clock(&mut site, "+60d")?;
    let fanout = site.fanout().await?;
    fanout
        .wait_for_line("retention: cannot delete all expired data; retrying")
        .await?;
    fanout.wait_for_line(WARNING).await?;
    let output = site.run("fanout", &["prune", "--dry-run"]).await?;
    assert!(output.status.success() && output.stdout.is_empty(), "{output:?}");
    assert!(!site.run("fanout", &["prune"]).await?.status.success());

    let receiver = Receiver::start(&site.ca).await?;
    let (api, crm) = (site.api(&fanout, "acme").await?, site.crm().await?);
    let webhook = api.create_webhook(&receiver.url("/"), &["deal.won"]).await?;
    fanout
        .wait_for_metric("webhook_subscription_index_webhooks", 1.0)
        .await?;
    crm.publish(Event::new("deal.won", "e").as_json()).await?;
    api.wait_for_state(&webhook.id, "e", "delivered").await?;
    let today = "SELECT count(*) FROM deliveries WHERE created_at BETWEEN now() - interval '2 minutes' AND now()";
    assert_eq!(database.count(today).await?, 1);
    assert_eq!(database.count(days).await?, before);
    drop((right, fanout));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn clocks_that_agree_are_not_worth_a_word() -> anyhow::Result<()> {
    let all = Deployment::start().await?;
    for program in [&all.fanout, &all.sender] {
        let difference = async || {
            program
                .metric("webhook_clock_difference_seconds")
                .await
                .unwrap_or(99.0)
                .abs()
        };
        wait::until(WITHIN, "a small difference", async || difference().await < 2.0).await?;
        assert!(!program.log().contains(WARNING));
    }
    all.finish().await
}
