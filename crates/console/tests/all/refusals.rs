//! A client that is refused is counted and logged, without what it sent.

use std::sync::{Arc, Mutex};

use jiff::{Timestamp, ToSpan};
use serde_json::json;
use store::bearer::Who;
use store::tokens::{Role, fingerprint};
use tracing_subscriber::fmt::MakeWriter;
use web::AuthFailure::{self, ExpiredToken, Form, MissingToken, RevokedToken, Role as RoleOf, UnknownToken};

use crate::api::{ACCOUNT, Api, create, erp_sync, id, problem};
use crate::pages::browser::{Browser, LIST};

/// What is logged on this thread, as text.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

impl Log {
    pub fn start() -> (Self, tracing::subscriber::DefaultGuard) {
        let log = Self::default();
        let subscriber = tracing_subscriber::fmt()
            .with_writer(log.clone())
            .with_ansi(false)
            .finish();
        (log, tracing::subscriber::set_default(subscriber))
    }

    /// The lines with this message.
    pub fn lines(&self, message: &str) -> Vec<String> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        text.lines()
            .filter(|line| line.contains(message))
            .map(str::to_owned)
            .collect()
    }
}

#[tokio::test]
async fn every_refusal_has_its_reason_and_its_line_and_none_tells_the_token() {
    let (log, _guard) = Log::start();
    let api = Api::start().await;
    let webhook = create(&api.admin().await, &erp_sync()).await;
    let path = format!("/api/v1/webhooks/{}", id(&webhook));
    let expired = api
        .token_until(ACCOUNT, Role::Admin, Some(Timestamp::now() - 1.hour()))
        .await;
    let (revoked, viewer) = (
        api.token(ACCOUNT, Role::Admin).await,
        api.token(ACCOUNT, Role::Viewer).await,
    );
    let revoked_id = api.database.tokens().await.unwrap()[2].id;
    api.database.revoke_token(&Who::Operator, revoked_id).await.unwrap();
    let unknown = "ewh_there_never_was_such_a_token_as_this_one_here";
    let client = |token: &str| api.anonymous().with_bearer(token);

    problem(&api.anonymous().get(&path).await.unwrap(), 401);
    for token in [unknown, &revoked, &expired] {
        problem(&client(token).get(&path).await.unwrap(), 401);
    }
    problem(&client(&viewer).patch(&path, &json!({"name": "x"})).await.unwrap(), 403);
    let mut browser = Browser::new(&api);
    for token in [unknown, &revoked, &expired] {
        assert_eq!(browser.sign_in(token).await.status, 422);
    }
    let mut browser = Browser::signed_in(&api, ACCOUNT, Role::Viewer).await;
    assert_eq!(
        browser
            .post_fields(&format!("{LIST}/new"), &[("form_token", "x")])
            .await
            .status,
        403
    );
    assert_eq!(browser.get(&format!("{LIST}/{}/edit", id(&webhook))).await.status, 403);

    let expected: [AuthFailure; 10] = [
        MissingToken,
        UnknownToken,
        RevokedToken,
        ExpiredToken,
        RoleOf,
        UnknownToken,
        RevokedToken,
        ExpiredToken,
        Form,
        RoleOf,
    ];
    assert_eq!(api.refusals(), expected);
    let lines = log.lines("access refused");
    assert_eq!(lines.len(), expected.len(), "{lines:#?}");
    for (line, text) in lines.iter().zip([
        "reason=\"missing_token\" route=\"/api/v1/webhooks/{id}\"",
        &format!(
            "reason=\"unknown_token\" route=\"/api/v1/webhooks/{{id}}\" token=\"{}\"",
            fingerprint(unknown)
        ),
        &format!(
            "reason=\"revoked_token\" route=\"/api/v1/webhooks/{{id}}\" token=\"{}\"",
            fingerprint(&revoked)
        ),
        &format!(
            "reason=\"expired_token\" route=\"/api/v1/webhooks/{{id}}\" token=\"{}\"",
            fingerprint(&expired)
        ),
        "reason=\"role\" route=\"/api/v1/webhooks/{id}\"",
        &format!(
            "reason=\"unknown_token\" route=\"console\" token=\"{}\"",
            fingerprint(unknown)
        ),
        "reason=\"revoked_token\" route=\"console\"",
        "reason=\"expired_token\" route=\"console\"",
        "reason=\"form\" route=\"console\"",
        "reason=\"role\" route=\"console\"",
    ]) {
        assert!(line.contains(text), "{text} in {line}");
    }
    let all = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    for secret in [unknown, &revoked, &expired, &viewer] {
        assert!(!all.contains(&secret[4..]), "{all}");
    }
}

#[tokio::test]
async fn a_flood_of_refusals_is_counted_and_does_not_flood_the_log() {
    let (log, _guard) = Log::start();
    let api = Api::start().await;
    for _ in 0..200 {
        api.anonymous().get("/api/v1/webhooks").await.unwrap();
    }
    assert_eq!(api.refusals().len(), 200);
    assert_eq!(log.lines("access refused").len(), 20);
}
