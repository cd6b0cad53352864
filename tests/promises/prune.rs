//! Old days on the command line, and by itself.

use e2e::{DEADLINE, Site};
use testkit::wait;

const DAYS: &str = "SELECT create_log_partitions((now() AT TIME ZONE 'UTC')::date - 31);
    SELECT create_log_partitions((now() AT TIME ZONE 'UTC')::date - 29)";

async fn printed(site: &Site, arguments: &[&str]) -> anyhow::Result<Vec<String>> {
    let output = site.run("fanout", arguments).await?;
    anyhow::ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?.lines().map(str::to_owned).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_prints_the_days_that_go_and_removes_them_unless_only_asked() -> anyhow::Result<()> {
    let site = Site::new().await?;
    site.migrate().await?;
    site.database().await?.execute(DAYS).await?;
    let gone = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(31 * 24);
    let expected = [gone.to_string()[..10].to_owned()];

    assert_eq!(printed(&site, &["prune", "--dry-run"]).await?, expected);
    assert_eq!(printed(&site, &["prune", "--dry-run"]).await?, expected);
    assert_eq!(printed(&site, &["prune"]).await?, expected);
    assert!(printed(&site, &["prune"]).await?.is_empty());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_fanout_removes_old_days_and_shows_how_far_the_log_reaches() -> anyhow::Result<()> {
    let site = Site::new().await?;
    site.migrate().await?;
    site.database().await?.execute(DAYS).await?;
    let mut fanout = site.fanout().await?;
    let now = jiff::Timestamp::now().as_second() as f64;
    let days = async |metric: &str| fanout.metric(metric).await.map(|at| (at - now) / 86400.0);
    let reaches = async || {
        let oldest = days("webhook_log_oldest_partition_timestamp_seconds")
            .await
            .unwrap_or_default();
        let newest = days("webhook_log_newest_partition_timestamp_seconds")
            .await
            .unwrap_or_default();
        (-30.0..=-29.0).contains(&oldest) && (6.0..=7.0).contains(&newest)
    };
    wait::until(DEADLINE, "the oldest day to be gone", reaches).await?;
    assert_eq!(fanout.stop().await?, 0);
    Ok(())
}
