//! A database for one test, and the values that tests are made of.

use domain::{
    AccountName, AddressPolicy, AutoPause, Conditions, DeliveryHead, DeliveryId, EndpointUrl, EventType, Next, Outcome,
    Role, SigningSecret, Trigger, WebhookId,
};
use jiff::Timestamp;
use rustls::RootCertStore;
use store::bearer::{Bearer, Who};
use store::outcomes::{AttemptRecord, DeliveryRecord, Disposition, OutboxEntry};
use store::webhooks::NewWebhook;
use store::{Database, SecretKey, SecretKeys};
use uuid::Uuid;

/// As the settings have it.
pub const AUTO_PAUSE: AutoPause = AutoPause {
    after: 10,
    within: std::time::Duration::ZERO,
    suspended: false,
};

/// Of a delivery that waits for the relay, and was not released before.
pub const WAITS: OutboxEntry = OutboxEntry {
    trigger: Trigger::Resume,
    returned: false,
    deferral: None,
};

/// The URL of an empty database.
pub async fn empty_database() -> String {
    testkit::shared_stack().await.create_database().await.unwrap()
}

/// The store on the database of this URL, with a key of its own choice.
pub fn open(url: &str, key: u8) -> Database {
    let keys = SecretKeys::new(SecretKey::new(&[key; 32]), Vec::new());
    Database::new(&url.parse().unwrap(), 4, RootCertStore::empty(), keys)
}

/// A store that is ready, and a plain connection to the same database.
pub async fn migrated() -> (Database, tokio_postgres::Client) {
    let url = empty_database().await;
    let database = open(&url, 1);
    database.migrate().await.unwrap();
    testkit::check_transitions(&url).await.unwrap();
    (database, connect(&url).await)
}

pub async fn connect(url: &str) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

pub fn account(name: &str) -> AccountName {
    name.parse().unwrap()
}

/// An administrator of an account.
pub fn admin(name: &str) -> Bearer {
    Bearer {
        who: Who::Token(Uuid::from_u128(1)),
        account: account(name),
        role: Role::Admin,
    }
}

/// The current time, in the database's precision.
pub fn now() -> Timestamp {
    Timestamp::from_microsecond(Timestamp::now().as_microsecond()).unwrap()
}

pub fn url(text: &str) -> EndpointUrl {
    EndpointUrl::parse(text, &AddressPolicy::public_only()).unwrap()
}

/// A webhook for `deal.won`.
pub fn new_webhook(name: &str) -> NewWebhook {
    NewWebhook {
        name: name.to_owned(),
        url: url("https://erp.example.com/hook"),
        event_types: [EventType::parse("deal.won").unwrap()].into_iter().collect(),
        conditions: Conditions::default(),
        secret: SigningSecret::generate(),
        description: String::new(),
        max_per_second: None,
    }
}

/// Adds a webhook.
pub async fn webhook(database: &Database, owner: &str, name: &str) -> WebhookId {
    database
        .create_webhook(&admin(owner), &new_webhook(name), 1_000)
        .await
        .unwrap()
        .unwrap()
        .id
}

/// A delivery for `acme` after its first attempt, which got 503.
pub fn retrying(webhook: WebhookId, event_id: &str, accepted_at: Timestamp) -> DeliveryRecord {
    DeliveryRecord {
        delivery: DeliveryHead {
            id: DeliveryId::derive(&account("acme"), "/crm", event_id, webhook),
            webhook,
            account: account("acme"),
            event_id: event_id.to_owned(),
            event_type: "deal.won".to_owned(),
            subject: None,
            accepted_at,
            payload: format!(r#"{{"id":"{event_id}"}}"#).into(),
            traceparent: None,
        },
        disposition: Disposition::Retrying {
            retry_in: std::time::Duration::from_secs(60),
        },
        attempts: 1,
        step: 1,
        attempt: Some(AttemptRecord {
            next: Next::RetryAt { step: 0 },
            ..attempt(Outcome::Http5xx, Some(503), accepted_at)
        }),
    }
}

/// The same delivery after one more attempt, which succeeded.
pub fn delivered(record: &DeliveryRecord) -> DeliveryRecord {
    DeliveryRecord {
        disposition: Disposition::Delivered,
        attempts: record.attempts + 1,
        attempt: Some(attempt(Outcome::Success, Some(200), record.delivery.accepted_at)),
        ..record.clone()
    }
}

pub fn attempt(outcome: Outcome, http_status: Option<u16>, at: Timestamp) -> AttemptRecord {
    AttemptRecord {
        trigger: Trigger::Event,
        at,
        url: None,
        deferred_for: std::time::Duration::ZERO,
        outcome,
        http_status,
        response_time_ms: 12,
        error: None,
        response_excerpt: b"busy \xff".to_vec(),
        next: if outcome.is_success() {
            Next::Delivered
        } else {
            Next::Failed
        },
    }
}
