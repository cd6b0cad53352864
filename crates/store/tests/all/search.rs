//! The filtered list of webhooks.

use domain::{EventType, WebhookStatus};
use store::webhooks::WebhookFilter;
use strum::VariantArray;

use crate::fixture::{account, migrated, webhook};

#[tokio::test]
async fn the_database_derives_the_status_as_the_domain_does() {
    let (database, sql) = migrated().await;
    let mut number = 0;
    for reason in [None, Some("user"), Some("repeated_failures")] {
        for (consecutive, attempts) in [(0, 0), (0, 2), (0, 3), (1, 0), (1, 3)] {
            number += 1;
            let id = webhook(&database, "acme", &format!("number {number}")).await;
            let update =
                "UPDATE webhooks SET paused_reason = $2::text, consecutive_failures = $3, failed_attempts = $4,
                paused_at = CASE WHEN $2::text IS NOT NULL THEN now() END WHERE id = $1";
            sql.execute(update, &[&id.0, &reason, &consecutive, &attempts])
                .await
                .unwrap();
        }
    }
    let mut found = 0;
    for status in WebhookStatus::VARIANTS {
        let filter = WebhookFilter {
            status: Some(*status),
            ..WebhookFilter::default()
        };
        let webhooks = database.find_webhooks(&account("acme"), &filter, 100).await.unwrap();
        assert!(
            !webhooks.is_empty() && webhooks.iter().all(|webhook| webhook.status() == *status),
            "{status}"
        );
        found += webhooks.len();
    }
    assert_eq!(found, number);
}

#[tokio::test]
async fn texts_and_types_narrow_the_list_of_one_account() {
    let (database, _sql) = migrated().await;
    for name in ["ERP Sync", "50% of _all_", "Ünïcode"] {
        webhook(&database, "acme", name).await;
    }
    webhook(&database, "globex", "ERP Sync").await;
    let names = async |filter: WebhookFilter| -> Vec<String> {
        let found = database.find_webhooks(&account("acme"), &filter, 100).await.unwrap();
        found.into_iter().map(|webhook| webhook.name).collect()
    };
    let text = |text: &str| WebhookFilter {
        text: Some(text.to_owned()),
        whole_url: true,
        ..WebhookFilter::default()
    };
    assert_eq!(names(text("erp s")).await, ["ERP Sync"]);
    assert_eq!(names(text("%")).await, ["50% of _all_"]);
    assert_eq!(names(text("ünï")).await, ["Ünïcode"]);
    assert_eq!(names(text("ERP.example.com/HOOK")).await.len(), 3);
    let by_viewer = |text: &str| WebhookFilter {
        text: Some(text.to_owned()),
        ..WebhookFilter::default()
    };
    assert_eq!(names(by_viewer("ERP.example")).await.len(), 3, "the host is no secret");
    for hidden in ["hook", "/hook", "example.com/h"] {
        assert!(names(by_viewer(hidden)).await.is_empty(), "{hidden}");
    }
    let of_type = |name| WebhookFilter {
        event_type: EventType::parse(name),
        ..WebhookFilter::default()
    };
    assert_eq!(names(of_type("deal.won")).await.len(), 3);
    assert_eq!(names(of_type("deal.lost")).await, Vec::<String>::new());
    let first = database
        .find_webhooks(&account("acme"), &WebhookFilter::default(), 1)
        .await
        .unwrap()
        .remove(0);
    let after = Some((first.created_at, first.id));
    assert_eq!(
        names(WebhookFilter {
            after,
            ..WebhookFilter::default()
        })
        .await,
        ["50% of _all_", "Ünïcode"]
    );
}
