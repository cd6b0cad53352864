//! The admin API in the hands of an administrator.

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use testkit::http::{Client, Response};
use testkit::wait;

use crate::DEADLINE;

/// A client of one account.
#[derive(Clone)]
pub struct Api {
    client: Client,
}

/// A webhook just created.
#[derive(Debug, Clone)]
pub struct Webhook {
    /// Its id.
    pub id: String,
    /// Its secret, in the form that receivers' libraries take.
    pub secret: String,
}

impl Api {
    /// The API at `fanout` (`http://host:port`), with this token.
    pub fn new(fanout: &str, token: &str) -> Self {
        Self {
            client: Client::new(format!("{fanout}/api/v1")).with_bearer(token),
        }
    }

    /// Creates a webhook with a generated secret.
    ///
    /// # Errors
    /// The API refuses.
    pub async fn create_webhook(&self, url: &str, event_types: &[&str]) -> anyhow::Result<Webhook> {
        self.create_webhook_from(&json!({"name": "ERP Sync", "url": url, "event_types": event_types}))
            .await
    }

    /// Creates a webhook from a whole form.
    ///
    /// # Errors
    /// The API refuses.
    pub async fn create_webhook_from(&self, form: &Value) -> anyhow::Result<Webhook> {
        let created = answered(201, &self.client.post("/webhooks", form).await?)?;
        let text = |name: &str| created[name].as_str().map(str::to_owned);
        let secret = text("secret_whsec").or_else(|| text("secret"));
        Ok(Webhook {
            id: text("id").context("an id")?,
            secret: secret.context("a secret")?,
        })
    }

    /// Changes what `edit` names.
    ///
    /// # Errors
    /// The API refuses.
    pub async fn edit_webhook(&self, id: &str, edit: &Value) -> anyhow::Result<Value> {
        answered(200, &self.client.patch(&format!("/webhooks/{id}"), edit).await?)
    }

    /// Deletes a webhook.
    ///
    /// # Errors
    /// The API refuses.
    pub async fn delete_webhook(&self, id: &str) -> anyhow::Result<()> {
        answered(204, &self.client.delete(&format!("/webhooks/{id}")).await?).map(drop)
    }

    /// Tests a webhook as it is saved; the answer, whatever it is.
    ///
    /// # Errors
    /// There is no answer.
    pub async fn test_webhook(&self, id: &str) -> anyhow::Result<Response> {
        Ok(self.client.post(&format!("/webhooks/{id}/test"), &json!({})).await?)
    }

    /// Tests a form that is not saved, and gives the result's sentence.
    ///
    /// # Errors
    /// The API refuses.
    pub async fn test_url(&self, url: &str) -> anyhow::Result<String> {
        let result = answered(200, &self.client.post("/webhooks/test", &json!({"url": url})).await?)?;
        result["message"]
            .as_str()
            .map(str::to_owned)
            .context("a result has a message")
    }

    /// A webhook as it is now.
    ///
    /// # Errors
    /// The API refuses.
    pub async fn webhook(&self, id: &str) -> anyhow::Result<Value> {
        answered(200, &self.client.get(&format!("/webhooks/{id}")).await?)
    }

    /// Waits until a webhook is so, and gives it.
    ///
    /// # Errors
    /// It never is; the error shows how it is instead.
    pub async fn wait_for_webhook(&self, id: &str, is_so: impl Fn(&Value) -> bool) -> anyhow::Result<Value> {
        let mut seen = Value::Null;
        let found = wait::until_some(DEADLINE, "a webhook", async || {
            seen = self.webhook(id).await.ok()?;
            is_so(&seen).then(|| seen.clone())
        });
        found.await.with_context(|| format!("the webhook is {seen:#}"))
    }

    /// Pauses a webhook.
    ///
    /// # Errors
    /// The API refuses.
    pub async fn pause(&self, id: &str) -> anyhow::Result<Value> {
        answered(200, &self.post(&format!("/webhooks/{id}/pause"), &json!({})).await?)
    }

    /// Resumes a webhook.
    ///
    /// # Errors
    /// The API refuses.
    pub async fn resume(&self, id: &str) -> anyhow::Result<Value> {
        answered(200, &self.post(&format!("/webhooks/{id}/resume"), &json!({})).await?)
    }

    /// The account's newest hundred notifications, newest first.
    ///
    /// # Errors
    /// The API refuses.
    pub async fn notifications(&self) -> anyhow::Result<Vec<Value>> {
        Ok(self.get("/notifications?limit=100").await?["data"]
            .as_array()
            .context("a page has data")?
            .clone())
    }

    /// Reads anything that is there.
    ///
    /// # Errors
    /// The API refuses.
    pub async fn get(&self, path: &str) -> anyhow::Result<Value> {
        answered(200, &self.client.get(path).await?)
    }

    /// Asks for anything; the answer may be any.
    ///
    /// # Errors
    /// The API does not answer.
    pub async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Response> {
        Ok(self.client.post(path, body).await?)
    }

    /// Replaces something.
    ///
    /// # Errors
    /// The API refuses.
    pub async fn put(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        answered(200, &self.client.put(path, body).await?)
    }

    /// The newest hundred deliveries of a webhook, newest first.
    ///
    /// # Errors
    /// The API refuses.
    pub async fn deliveries(&self, webhook: &str) -> anyhow::Result<Vec<Value>> {
        let page = answered(
            200,
            &self
                .client
                .get(&format!("/webhooks/{webhook}/deliveries?limit=100"))
                .await?,
        )?;
        Ok(page["data"].as_array().context("a page has data")?.clone())
    }

    /// One delivery with its payload and attempts.
    ///
    /// # Errors
    /// The API refuses.
    pub async fn delivery(&self, id: &str) -> anyhow::Result<Value> {
        answered(200, &self.client.get(&format!("/deliveries/{id}")).await?)
    }

    /// Waits until the webhook has one delivery of the event for which `is_so` holds, and gives it with its attempts.
    ///
    /// # Errors
    /// It never has; the error shows what it has instead.
    pub async fn wait_for_delivery(
        &self,
        webhook: &str,
        event: &str,
        is_so: impl Fn(&Value) -> bool,
    ) -> anyhow::Result<Value> {
        let mut seen = Value::Null;
        let found = wait::until_some(DEADLINE, "a delivery", async || {
            let listed = self.deliveries(webhook).await.ok()?;
            let id = listed.iter().find(|delivery| delivery["event_id"] == event)?["id"]
                .as_str()?
                .to_owned();
            seen = self.delivery(&id).await.ok()?;
            is_so(&seen).then(|| seen.clone())
        });
        found
            .await
            .with_context(|| format!("the delivery of {event} is {seen:#}"))
    }

    /// Waits until the delivery of the event to the webhook is in this state, and gives it with its attempts.
    ///
    /// # Errors
    /// It never is; the error shows how it is instead.
    pub async fn wait_for_state(&self, webhook: &str, event: &str, state: &str) -> anyhow::Result<Value> {
        self.wait_for_delivery(webhook, event, |delivery| delivery["state"] == state)
            .await
    }
}

fn answered(status: u16, answer: &Response) -> anyhow::Result<Value> {
    ensure!(
        answer.status.as_u16() == status,
        "the API answered {}: {}",
        answer.status,
        answer.text()
    );
    Ok(answer.json()?)
}
