//! On a real PostgreSQL in which another transaction holds locks.

use domain::{AccountName, DeliveryHead, DeliveryId, Next, Outcome, Trigger, WebhookId};
use runtime::Metrics;
use store::outcomes::{AttemptRecord, Disposition};
use store::{SecretKey, SecretKeys};
use tokio::time::timeout;
use tokio_postgres::{Client, NoTls};

use domain::AutoPause;

use super::*;

/// Much less than the timeout of a statement or a session.
const WITHIN: Duration = Duration::from_secs(8);
const OTHERS: usize = 40;

struct Scene {
    database: Database,
    recorder: Recorder,
    outage: DatabaseOutage,
    sql: Client,
}

impl Scene {
    async fn new() -> Self {
        let url = testkit::shared_stack().await.create_database().await.unwrap();
        let keys = SecretKeys::new(SecretKey::new(&[1; 32]), Vec::new());
        let database = Database::new(&url.parse().unwrap(), 4, rustls::RootCertStore::empty(), keys);
        database.migrate().await.unwrap();
        let metrics = Arc::new(SenderMetrics::new(&Metrics::new(), 1));
        let outage = DatabaseOutage::new(Duration::from_secs(60));
        let auto_pause = AutoPauseGuard::new(AutoPause::default(), &metrics);
        let recorder = Recorder::start(database.clone(), auto_pause, metrics, outage.clone());
        let (sql, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
        tokio::spawn(connection);
        Self {
            database,
            recorder,
            outage,
            sql,
        }
    }

    async fn webhook(&self) -> WebhookId {
        let webhook = WebhookId::generate();
        let add =
            "INSERT INTO webhooks (id, account, name, url, event_types) VALUES ($1, 'acme', 'n', 'u', '{deal.won}')";
        self.sql.execute(add, &[&webhook.0]).await.unwrap();
        webhook
    }

    /// Records an attempt of `stuck` and of many others, in one batch; all but the first must be written meanwhile.
    async fn others_are_written_while(&self, stuck: DeliveryRecord, other: WebhookId) {
        let mut waiting = vec![self.recorder.record(stuck)];
        waiting.extend((0..OTHERS).map(|n| self.recorder.record(failed(other, &format!("other {n}"), 1))));
        let mut waiting = waiting.into_iter().map(Box::pin).collect::<Vec<_>>();
        let mut stuck = waiting.remove(0);
        let others = futures_util::future::try_join_all(waiting);
        tokio::select! {
            biased;
            _ = &mut stuck => panic!("somebody has it locked"),
            others = timeout(WITHIN, others) => { others.expect("others do not wait").unwrap(); }
        }
        // And later records, one of the same webhook among them.
        timeout(WITHIN, self.recorder.record(failed(other, "later", 1)))
            .await
            .expect("nor do later ones")
            .unwrap();
        assert!(!self.outage.is_long());
        self.sql.batch_execute("ROLLBACK").await.unwrap();
        timeout(2 * WITHIN, stuck)
            .await
            .expect("it is written when it can be")
            .unwrap();
    }
}

fn failed(webhook: WebhookId, event: &str, attempts: u32) -> DeliveryRecord {
    let account: AccountName = "acme".parse().unwrap();
    let at = crate::ports::now();
    DeliveryRecord {
        delivery: DeliveryHead {
            id: DeliveryId::derive(&account, "/crm", event, webhook),
            webhook,
            account,
            event_id: event.to_owned(),
            event_type: "deal.won".to_owned(),
            subject: None,
            accepted_at: at,
            payload: "{}".into(),
            traceparent: None,
        },
        disposition: Disposition::Failed { error: None },
        attempts,
        step: 0,
        attempt: Some(AttemptRecord {
            trigger: Trigger::Event,
            at,
            url: None,
            deferred_for: Duration::ZERO,
            outcome: Outcome::Http4xx,
            http_status: Some(400),
            response_time_ms: 1,
            error: None,
            response_excerpt: Vec::new(),
            next: Next::Failed,
        }),
    }
}

#[tokio::test]
async fn a_locked_delivery_keeps_no_other_outcome_waiting() {
    let scene = Scene::new().await;
    let webhook = scene.webhook().await;
    let other = scene.webhook().await;
    let first = failed(webhook, "stuck", 1);
    scene
        .database
        .record(std::slice::from_ref(&first), AutoPause::default())
        .await
        .unwrap();
    scene
        .sql
        .batch_execute("BEGIN; SELECT FROM deliveries FOR UPDATE")
        .await
        .unwrap();
    scene
        .others_are_written_while(DeliveryRecord { attempts: 2, ..first }, other)
        .await;
}

#[tokio::test]
async fn a_locked_webhook_keeps_no_other_outcome_waiting() {
    let scene = Scene::new().await;
    let webhook = scene.webhook().await;
    let other = scene.webhook().await;
    let lock = format!("BEGIN; SELECT FROM webhooks WHERE id = '{}' FOR UPDATE", webhook.0);
    scene.sql.batch_execute(&lock).await.unwrap();
    scene.others_are_written_while(failed(webhook, "stuck", 1), other).await;
}

#[tokio::test]
async fn a_refused_outcome_is_told_and_the_others_are_written() {
    let scene = Scene::new().await;
    let webhook = scene.webhook().await;
    let refused = failed(webhook, "nul \0 inside", 1);
    let recorded = (0..OTHERS).map(|n| scene.recorder.record(failed(webhook, &format!("{n}"), 1)));
    let (refused, others) = tokio::join!(
        scene.recorder.record(refused),
        futures_util::future::try_join_all(recorded)
    );
    refused.unwrap_err();
    others.unwrap();
}
