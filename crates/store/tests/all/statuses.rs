//! Counting webhooks by status, as the domain derives it.

use domain::{PausedReason, WebhookHealth, WebhookStatus};
use store::webhooks::StatusCounts;

use crate::fixture::{migrated, webhook};

const SET: &str = "UPDATE webhooks SET consecutive_failures = $2, failed_attempts = $3, paused_reason = $4,
    paused_at = CASE WHEN $4::text IS NULL THEN NULL ELSE now() END WHERE id = $1";

#[tokio::test]
async fn every_health_is_counted_as_the_status_that_people_see() {
    let (database, sql) = migrated().await;
    assert_eq!(database.webhook_statuses().await.unwrap(), StatusCounts::default());
    let mut expected = StatusCounts::default();
    for failures in 0..2_u32 {
        for attempts in 0..5_u32 {
            for paused in [None, Some(PausedReason::User)] {
                let id = webhook(&database, &format!("a{failures}{attempts}"), "ERP Sync").await;
                let health = WebhookHealth {
                    consecutive_failures: failures,
                    failed_attempts: attempts,
                    paused,
                };
                let (failures, attempts) = (failures as i32, attempts as i32);
                sql.execute(SET, &[&id.0, &failures, &attempts, &paused.map(<&str>::from)])
                    .await
                    .unwrap();
                match health.status() {
                    WebhookStatus::Active => expected.active += 1,
                    WebhookStatus::Paused => expected.paused += 1,
                    WebhookStatus::Error => expected.error += 1,
                }
            }
        }
    }
    assert_eq!(database.webhook_statuses().await.unwrap(), expected);
}
