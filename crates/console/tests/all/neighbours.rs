//! What one account asks for, and another waits for.

use std::time::Duration;

use tokio::time::timeout;

use crate::api::{Api, OTHER_ACCOUNT, POOL};
use store::tokens::Role;

#[tokio::test]
async fn one_account_does_not_hold_all_connections() {
    let api = Api::start().await;
    let (acme, globex) = (api.admin().await, api.client(OTHER_ACCOUNT, Role::Admin).await);
    let sql = api.sql().await;
    // Whatever reads webhooks takes long from now on.
    sql.batch_execute("BEGIN; LOCK TABLE webhooks").await.unwrap();
    let slow: Vec<_> = (0..3 * POOL)
        .map(|_| {
            let client = acme.clone();
            tokio::spawn(async move { client.get("/api/v1/webhooks").await.unwrap().status.as_u16() })
        })
        .collect();
    let waiting =
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";
    let other = api.sql().await;
    let sees_them = async || other.query_one(waiting, &[]).await.unwrap().get::<_, i64>(0) >= POOL as i64 / 2;
    testkit::wait::until(Duration::from_secs(5), "the slow ones to be at it", sees_them)
        .await
        .unwrap();
    for _ in 0..5 {
        let answer = timeout(Duration::from_secs(2), globex.get("/api/v1/notifications")).await;
        assert_eq!(
            answer.expect("another account is answered at once").unwrap().status,
            200
        );
    }
    sql.batch_execute("COMMIT").await.unwrap();
    for slow in slow {
        assert_eq!(
            slow.await.unwrap(),
            200,
            "and nothing was refused that waited for a moment only"
        );
    }
}
