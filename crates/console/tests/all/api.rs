//! An API on a database of its own, and what tests do with it again and again.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use console::{ApiState, ConsoleSettings, NoAnswer, RequestLimit, RequestObserver, ServedRequest, Tester, Tests};
use domain::{AccountName, AddressPolicy, AutoPause, ReleasePace};
use futures_util::future::BoxFuture;
use http::StatusCode;
use rustls::RootCertStore;
use serde_json::{Value, json};
use store::tokens::Role;
use store::{Database, SecretKey, SecretKeys};
use testkit::http::{Client, Response};
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};
use wire::{TestAttempt, TestRequest};

/// Whose webhooks most tests manage.
pub const ACCOUNT: &str = "acme";
/// As the settings have it.
pub const AUTO_PAUSE: AutoPause = AutoPause { after: 10 };
/// Somebody else.
pub const OTHER_ACCOUNT: &str = "globex";

struct Nobody;

impl RequestObserver for Nobody {
    fn served(&self, _: &ServedRequest) {}
}

/// No sender runs.
struct NoSender;

impl Tester for NoSender {
    fn test(&self, _: TestRequest) -> BoxFuture<'_, Result<TestAttempt, NoAnswer>> {
        Box::pin(async { Err(NoAnswer::Late) })
    }

    fn patience(&self) -> Duration {
        Duration::ZERO
    }
}

/// A served API. It ends with the test.
pub struct Api {
    pub address: SocketAddr,
    pub database: Database,
    pub database_url: String,
    _stop: DropGuard,
}

impl Api {
    pub async fn start() -> Self {
        Self::start_below("").await
    }

    pub async fn start_below(base_path: &str) -> Self {
        let url = testkit::shared_stack().await.create_database().await.unwrap();
        Self::start_with(&url, base_path).await
    }

    pub async fn start_with(database_url: &str, base_path: &str) -> Self {
        Self::start_all(database_url, base_path, Arc::new(NoSender), 0, console()).await
    }

    /// An API that answers each token so often.
    pub async fn start_limited(per_minute: u32) -> Self {
        let url = testkit::shared_stack().await.create_database().await.unwrap();
        Self::start_all(&url, "", Arc::new(NoSender), per_minute, console()).await
    }

    /// An API whose tests are made by `tester`.
    pub async fn start_testing(tester: Arc<dyn Tester>) -> Self {
        let url = testkit::shared_stack().await.create_database().await.unwrap();
        Self::start_all(&url, "", tester, 0, console()).await
    }

    /// An API with these settings of the console.
    pub async fn start_console(base_path: &str, console: ConsoleSettings) -> Self {
        let url = testkit::shared_stack().await.create_database().await.unwrap();
        Self::start_all(&url, base_path, Arc::new(NoSender), 0, console).await
    }

    async fn start_all(
        database_url: &str,
        base_path: &str,
        tester: Arc<dyn Tester>,
        per_minute: u32,
        console: ConsoleSettings,
    ) -> Self {
        let keys = SecretKeys::new(SecretKey::new(&[7; 32]), Vec::new());
        let database = Database::new(&database_url.parse().unwrap(), 4, RootCertStore::empty(), keys);
        database.migrate().await.unwrap();
        let state = ApiState {
            database: database.clone(),
            policy: AddressPolicy::public_only(),
            release_pace: ReleasePace::new(50.0),
            request_limit: RequestLimit::per_minute(per_minute),
            base_path: base_path.to_owned(),
            console,
            tests: Tests::by(tester),
            observer: Arc::new(Nobody),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        tokio::spawn(console::serve(listener, console::router(state), stop.clone()));
        Self { address, database, database_url: database_url.to_owned(), _stop: stop.drop_guard() }
    }

    /// A client without a token.
    pub fn anonymous(&self) -> Client {
        Client::new(format!("http://{}", self.address))
    }

    /// A client with a new token.
    pub async fn client(&self, account: &str, role: Role) -> Client {
        self.anonymous().with_bearer(&self.token(account, role).await)
    }

    /// A client that may do everything to [`ACCOUNT`].
    pub async fn admin(&self) -> Client {
        self.client(ACCOUNT, Role::Admin).await
    }

    pub async fn token(&self, account: &str, role: Role) -> String {
        let token = self.database.create_token(&self::account(account), role, "a test").await.unwrap();
        token.expose().to_owned()
    }

    /// A plain connection to the database, for what the API cannot do.
    pub async fn sql(&self) -> tokio_postgres::Client {
        let (client, connection) = tokio_postgres::connect(&self.database_url, tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(connection);
        client
    }
}

/// As the settings have it.
pub fn console() -> ConsoleSettings {
    ConsoleSettings {
        public_url: "http://127.0.0.1:8080".parse().unwrap(),
        frame_ancestors: Vec::new(),
        identity_provider: None,
        retention_days: 30,
        auto_pause_after: 10,
    }
}

pub fn account(name: &str) -> AccountName {
    name.parse().unwrap()
}

/// A body that adds a webhook.
pub fn erp_sync() -> Value {
    json!({"name": "ERP Sync", "url": "https://erp.example.com/hook", "event_types": ["deal.won", "invoice.paid"]})
}

/// Adds a webhook and returns the whole answer's body.
pub async fn create(client: &Client, body: &Value) -> Value {
    let answer = client.post("/api/v1/webhooks", body).await.unwrap();
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    answer.json().unwrap()
}

/// The id of an object.
pub fn id(object: &Value) -> &str {
    object["id"].as_str().unwrap()
}

/// A body of status 200.
#[track_caller]
pub fn ok(answer: &Response) -> Value {
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    assert_eq!(answer.headers["content-type"], "application/json");
    answer.json().unwrap()
}

/// The problem of this status, after checking what every problem has.
#[track_caller]
pub fn problem(answer: &Response, status: u16) -> Value {
    assert_eq!(answer.status.as_u16(), status, "{}", answer.text());
    assert_eq!(answer.headers["content-type"], "application/problem+json");
    assert_eq!(answer.headers["x-content-type-options"], "nosniff");
    assert_eq!(answer.headers["cache-control"], "no-store");
    let problem: Value = answer.json().unwrap();
    assert_eq!(problem["status"], status);
    for member in ["type", "title", "detail"] {
        assert!(problem[member].as_str().is_some_and(|text| !text.is_empty()), "{member} in {problem}");
    }
    problem
}

/// Pointers and codes of a validation problem.
#[track_caller]
pub fn field_errors(answer: &Response) -> Vec<(String, String)> {
    let problem = problem(answer, 422);
    let errors = problem["errors"].as_array().unwrap();
    let text = |error: &Value, member| error[member].as_str().unwrap().to_owned();
    errors.iter().map(|error| (text(error, "pointer"), text(error, "code"))).collect()
}

/// What [`field_errors`] is compared with.
pub fn expected(errors: &[(&str, &str)]) -> Vec<(String, String)> {
    errors.iter().map(|(pointer, code)| ((*pointer).to_owned(), (*code).to_owned())).collect()
}
