//! An account that looks as if it had been in use for a while.

use e2e::{Deployment, Webhook};
use serde_json::json;

/// Everything that no API makes: a past.
const PAST: &str = include_str!("seed.sql");

/// The types of events of the brief's own example.
const ERP_EVENTS: [&str; 2] = ["deal.won", "invoice.paid"];

/// Adds webhooks in every condition, and their past; gives "ERP Sync".
///
/// # Errors
/// The API or the database refuses.
pub async fn fill(all: &Deployment) -> anyhow::Result<Webhook> {
    let types = all.api.get("/event-types").await?;
    let every: Vec<_> = types["data"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|known| &known["type"])
        .collect();
    let form =
        |name: &str, url: &str, events: serde_json::Value| json!({"name": name, "url": url, "event_types": events});
    let erp = form("ERP Sync", "https://erp.company.com/api/crm-webhook", json!(ERP_EVENTS));
    let erp = all.api.create_webhook_from(&erp).await?;
    for other in [
        form(
            "Data warehouse",
            "https://ingest.warehouse.example/v2/crm",
            json!(every),
        ),
        form(
            "Support desk",
            "https://desk.company.com/hooks/easycrm",
            json!(["ticket.created", "ticket.resolved"]),
        ),
        form(
            "Deal alerts",
            "https://chat.company.com/hooks/T02/B7",
            json!(["deal.won", "deal.lost", "quote.accepted"]),
        ),
        form(
            "Partner mailing",
            "https://mail.partner.example/crm",
            json!(["contact.created", "contact.updated"]),
        ),
    ] {
        all.api.create_webhook_from(&other).await?;
    }
    all.site.database().await?.execute(PAST).await?;
    Ok(erp)
}
