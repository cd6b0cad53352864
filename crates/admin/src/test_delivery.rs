//! Test deliveries: check what is to be tested, store it, let a sender make the attempt, and tell its result. Nothing is
//! dialled here.

mod form;
mod limits;
mod result;
mod sender;

use domain::endpoint_url::without_path;
use domain::{AuditAction, SigningSecret};
use runtime::TraceContext;
use store::audit::Entry;
use store::bearer::Bearer;
use store::test_requests::TestSubject;
use store::webhooks::Webhook;
use wire::TestRequest;

use crate::error::AdminError;
use crate::service::Admin;
pub use form::TestForm;
use form::Wanted;
use limits::Tested;
pub use result::TestResult;
pub use sender::{NoTestResult, TestSender, TestSending};

impl Admin {
    /// Tests what somebody filled in, for a new webhook or as an edit of `webhook`. Without a URL in the form, `webhook`
    /// is tested as it is saved, and the test delivery is kept in its log.
    ///
    /// # Errors
    /// [`AdminError::Invalid`], [`AdminError::TestTooSoon`], and [`AdminError::NoTestResult`] when no sender answers.
    pub async fn test_webhook(
        &self,
        by: &Bearer,
        webhook: Option<&Webhook>,
        form: TestForm,
    ) -> Result<TestResult, AdminError> {
        let (wanted, event_type) = form.check(&self.address_policy, webhook).map_err(AdminError::Invalid)?;
        let tested = match &wanted {
            Wanted::Saved(id) | Wanted::Form { webhook: Some(id), .. } => Tested::Webhook(*id),
            Wanted::Form { webhook: None, url, .. } => Tested::Form(&by.account, url),
        };
        let limits = &self.test_sending.limits;
        limits.admit(by.key(), &tested).map_err(AdminError::TestTooSoon)?;
        let _under_way = limits.begin(&by.account).map_err(AdminError::TestTooSoon)?;
        self.audit_unsaved(by, &wanted).await?;
        let subject = self.subject(by, wanted).await?;
        let test = self
            .database
            .add_test_request(&by.account, &subject, event_type)
            .await?;
        let test = test.ok_or(AdminError::NotFound)?;
        let traceparent = TraceContext::generate().to_string();
        let webhook_id = webhook.map(|webhook| webhook.id.to_string());
        tracing::info!(account = %by.account, by = %by.who, webhook_id, test_id = %test, traceparent, "test delivery requested");
        self.send(TestRequest {
            test,
            account: by.account.clone(),
            traceparent: Some(traceparent),
        })
        .await
    }

    /// A test of an unsaved form goes wherever somebody typed, signed with the webhook's secret if it is an edit of one:
    /// the audit entry is written before it is sent.
    async fn audit_unsaved(&self, by: &Bearer, wanted: &Wanted) -> Result<(), AdminError> {
        let Wanted::Form { webhook, url, .. } = wanted else {
            return Ok(());
        };
        let entry = match webhook {
            Some(id) => Entry::new(by, *id, AuditAction::Tested),
            None => Entry::of_account(&by.account, &by.who, AuditAction::Tested),
        };
        Ok(self
            .database
            .audit(entry.with_detail(format!("URL ({})", without_path(url.as_str()))))
            .await?)
    }

    /// Without a secret, an edit is signed with the webhook's, and a form with one that nobody knows.
    async fn subject(&self, by: &Bearer, wanted: Wanted) -> Result<TestSubject, AdminError> {
        let (url, secret) = match wanted {
            Wanted::Saved(id) => return Ok(TestSubject::Saved(id)),
            Wanted::Form {
                url,
                secret: Some(secret),
                ..
            } => (url, secret),
            Wanted::Form {
                webhook: None,
                url,
                secret: None,
            } => (url, SigningSecret::generate()),
            Wanted::Form {
                webhook: Some(id),
                url,
                secret: None,
            } => {
                let secret = self.database.current_secret(&by.account, id).await?;
                (url, secret.ok_or(AdminError::NotFound)?)
            }
        };
        Ok(TestSubject::Form { url, secret })
    }

    /// A request without a result is withdrawn, so that it is not sent later.
    async fn send(&self, request: TestRequest) -> Result<TestResult, AdminError> {
        let test = request.test;
        let account = request.account.clone();
        let no_result = match self.test_sending.sender.send_test(request).await {
            Ok(attempt) => return Ok(attempt.into()),
            Err(no_result) => no_result,
        };
        tracing::warn!(test_id = %test, %account, reason = %no_result, "test delivery without a result");
        if let Err(error) = self.database.delete_test_request(&account, test).await {
            // Housekeeping deletes it, too.
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, test_id = %test, "cannot withdraw a test request; it expires by itself");
        }
        Err(no_result.into())
    }
}
