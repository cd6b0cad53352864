//! What an administrator does, through the admin API.

use anyhow::{Context as _, ensure};
use devstack::http::Client;
use http::StatusCode;
use serde_json::{Value, json};

/// The admin API of the demo's account.
pub struct Api {
    client: Client,
    token: String,
}

/// A webhook as it was created.
pub struct Webhook {
    id: String,
    /// What the receiver verifies with; shown once.
    pub secret: String,
}

impl Api {
    /// The API of `fanout` at `url`.
    pub fn new(url: &str, token: String) -> Self {
        Self {
            client: Client::new(url).with_bearer(&token),
            token,
        }
    }

    /// Where it is.
    pub fn url(&self) -> &str {
        self.client.base()
    }

    /// The token in use.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Whether `fanout` serves a page at `path`.
    pub async fn has_page(&self, path: &str) -> bool {
        self.client
            .get(path)
            .await
            .is_ok_and(|answer| answer.status.is_success() || answer.status.is_redirection())
    }

    /// Creates a webhook, after removing those of the same name that earlier demos left.
    pub async fn create_webhook(&self, name: &str, url: &str, event_types: &[&str]) -> anyhow::Result<Webhook> {
        self.remove_webhooks(name).await?;
        let body = json!({"name": name, "url": url, "event_types": event_types});
        let answer = self.client.post("/api/v1/webhooks", &body).await?;
        ensure!(
            answer.status == StatusCode::CREATED,
            "creating the webhook: {} {}",
            answer.status,
            answer.text()
        );
        let created = answer.json()?;
        let field = |name: &str| {
            let value = created[name].as_str().map(str::to_owned);
            value.with_context(|| format!("the created webhook has no {name}"))
        };
        Ok(Webhook {
            id: field("id")?,
            secret: field("secret")?,
        })
    }

    async fn remove_webhooks(&self, name: &str) -> anyhow::Result<()> {
        for webhook in self.list("/api/v1/webhooks").await? {
            if let (true, Some(id)) = (webhook["name"] == name, webhook["id"].as_str()) {
                self.client.delete(&format!("/api/v1/webhooks/{id}")).await?;
            }
        }
        Ok(())
    }

    /// Ids of the webhook's deliveries that the log shows as delivered.
    pub async fn delivered(&self, webhook: &Webhook) -> anyhow::Result<Vec<String>> {
        let deliveries = self
            .list(&format!("/api/v1/webhooks/{}/deliveries", webhook.id))
            .await?;
        let delivered = deliveries.iter().filter(|delivery| delivery["state"] == "delivered");
        Ok(delivered
            .filter_map(|delivery| Some(delivery["id"].as_str()?.to_owned()))
            .collect())
    }

    async fn list(&self, path: &str) -> anyhow::Result<Vec<Value>> {
        let answer = self.client.get(path).await?;
        ensure!(
            answer.status.is_success(),
            "GET {path}: {} {}",
            answer.status,
            answer.text()
        );
        Ok(answer.json()?["data"].as_array().cloned().unwrap_or_default())
    }
}
