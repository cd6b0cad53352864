//! An API on a database of its own, and what tests do with it again and again.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use admin::{Admin, NoTestResult, TestSender, TestSending};
use console::Console;
use domain::{AccountName, AddressPolicy, AutoPause, ReleaseRate};
use futures_util::future::BoxFuture;
use http::StatusCode;
use jiff::Timestamp;
use pages::PageSettings;
use rustls::RootCertStore;
use serde_json::{Value, json};
use store::bearer::Who;
use store::tokens::{NewToken, Role};
use store::{Database, SecretKey, SecretKeys};
use testkit::http::{Client, Response};
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};
use web::{AccountLimit, AuthFailure, CallerLimits, RequestLimit, RequestObserver, ServedRequest};
use wire::{TestAttempt, TestRequest};

/// Whose webhooks most tests manage.
pub const ACCOUNT: &str = "acme";
/// As the settings have it.
pub const AUTO_PAUSE: AutoPause = AutoPause {
    after: 10,
    within: std::time::Duration::ZERO,
    suspended: false,
};
/// Connections to the database.
pub const POOL: usize = 4;
/// Somebody else.
pub const OTHER_ACCOUNT: &str = "globex";

/// Remembers why requests were refused.
#[derive(Default)]
struct Observer(Mutex<Vec<AuthFailure>>);

impl RequestObserver for Observer {
    fn served(&self, _: &ServedRequest<'_>) {}

    fn refused(&self, reason: AuthFailure) {
        self.0.lock().unwrap().push(reason);
    }
}

/// No sender runs.
struct NoSender;

impl TestSender for NoSender {
    fn send_test(&self, _: TestRequest) -> BoxFuture<'_, Result<TestAttempt, NoTestResult>> {
        Box::pin(async { Err(NoTestResult::TimedOut) })
    }

    fn timeout(&self) -> Duration {
        Duration::ZERO
    }
}

/// As the settings have it.
pub const LARGEST_EVENT: usize = 262_144;

/// A served API. It ends with the test.
pub struct Api {
    pub address: SocketAddr,
    pub use_cases: Admin,
    pub database: Database,
    pub database_url: String,
    observer: Arc<Observer>,
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

    /// An API whose tests are made by `sender`.
    pub async fn start_testing(sender: Arc<dyn TestSender>) -> Self {
        let url = testkit::shared_stack().await.create_database().await.unwrap();
        Self::start_all(&url, "", sender, 0, console()).await
    }

    /// An API with these settings of the console.
    pub async fn start_console(base_path: &str, console: PageSettings) -> Self {
        let url = testkit::shared_stack().await.create_database().await.unwrap();
        Self::start_all(&url, base_path, Arc::new(NoSender), 0, console).await
    }

    /// An API with these settings of the console on a database that is there, as after a restart.
    pub async fn start_on(database_url: &str, console: PageSettings) -> Self {
        Self::start_all(database_url, "", Arc::new(NoSender), 0, console).await
    }

    async fn start_all(
        database_url: &str,
        base_path: &str,
        sender: Arc<dyn TestSender>,
        per_minute: u32,
        pages: PageSettings,
    ) -> Self {
        let keys = SecretKeys::new(SecretKey::new(&[7; 32]), Vec::new());
        let database = Database::new(&database_url.parse().unwrap(), POOL, RootCertStore::empty(), keys);
        database.migrate().await.unwrap();
        let observer = Arc::new(Observer::default());
        let admin = Admin {
            database: database.clone(),
            address_policy: AddressPolicy::public_only(),
            release_rate: ReleaseRate::new(50.0),
            webhooks_per_account: 1_000,
            egress_addresses: vec!["192.0.2.7".to_owned(), "2001:db8::/64".to_owned()],
            check_limit: admin::check_limit(),
            largest_event: LARGEST_EVENT,
            test_sending: TestSending::by(sender),
        };
        let console = Console {
            admin: admin.clone(),
            limits: CallerLimits {
                per_caller: RequestLimit::per_minute(per_minute),
                per_account: AccountLimit::of_pool(POOL),
            },
            base_path: base_path.to_owned(),
            pages,
            observer: Arc::clone(&observer) as Arc<dyn RequestObserver>,
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        tokio::spawn(web::serve(listener, console.router(), stop.clone()));
        Self {
            address,
            use_cases: admin,
            database,
            database_url: database_url.to_owned(),
            observer,
            _stop: stop.drop_guard(),
        }
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
        self.token_until(account, role, None).await
    }

    pub async fn token_until(&self, account: &str, role: Role, expires_at: Option<Timestamp>) -> String {
        let new = NewToken {
            account: Some(&self::account(account)),
            role,
            name: "a test",
            expires_at,
        };
        self.database
            .create_token(&Who::Operator, &new)
            .await
            .unwrap()
            .text
            .expose()
            .to_owned()
    }

    /// Why requests were refused, since this was asked last.
    pub fn refusals(&self) -> Vec<AuthFailure> {
        std::mem::take(&mut *self.observer.0.lock().unwrap())
    }

    /// A plain connection to the database, for what the API cannot do.
    pub async fn sql(&self) -> tokio_postgres::Client {
        let (client, connection) = tokio_postgres::connect(&self.database_url, tokio_postgres::NoTls)
            .await
            .unwrap();
        tokio::spawn(connection);
        client
    }
}

/// As the settings have it.
pub fn console() -> PageSettings {
    PageSettings {
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
        assert!(
            problem[member].as_str().is_some_and(|text| !text.is_empty()),
            "{member} in {problem}"
        );
    }
    problem
}

/// Pointers and codes of a validation problem.
#[track_caller]
pub fn field_errors(answer: &Response) -> Vec<(String, String)> {
    let problem = problem(answer, 422);
    let errors = problem["errors"].as_array().unwrap();
    let text = |error: &Value, member| error[member].as_str().unwrap().to_owned();
    errors
        .iter()
        .map(|error| (text(error, "pointer"), text(error, "code")))
        .collect()
}

/// What [`field_errors`] is compared with.
pub fn expected(errors: &[(&str, &str)]) -> Vec<(String, String)> {
    errors
        .iter()
        .map(|(pointer, code)| ((*pointer).to_owned(), (*code).to_owned()))
        .collect()
}
