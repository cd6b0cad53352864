//! Creating, listing, editing and deleting webhooks.

use domain::{EventType, EventTypeSet, WebhookStatus};
use store::webhooks::{Creation, Edit, EditOutcome, WebhookFilter};

use crate::fixture::{account, admin, migrated, new_webhook, url, webhook};

#[tokio::test]
async fn a_webhook_is_what_was_added() {
    let (database, _sql) = migrated().await;
    let new = new_webhook("ERP Sync");
    let created = database.create_webhook(&admin("acme"), &new, 1).await.unwrap().unwrap();
    assert_eq!(
        (created.name.as_str(), created.url.as_str()),
        ("ERP Sync", "https://erp.example.com/hook")
    );
    assert_eq!(
        (created.event_types, created.version, created.held),
        (new.event_types, 1, 0)
    );
    assert_eq!((created.status(), created.paused_at), (WebhookStatus::Active, None));
    assert_eq!(
        database.webhook(&account("acme"), created.id).await.unwrap(),
        Some(created.clone())
    );
    let secret = database
        .current_secret(&account("acme"), created.id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(secret.expose(), new.secret.expose());
    assert!(database.webhook_exists(&account("acme"), created.id).await.unwrap());
}

#[tokio::test]
async fn accounts_do_not_see_each_other() {
    let (database, _sql) = migrated().await;
    let id = webhook(&database, "acme", "ERP Sync").await;
    let other = account("globex");
    let edit = Edit {
        name: Some("mine".to_owned()),
        ..Edit::default()
    };
    assert_eq!(database.webhook(&other, id).await.unwrap(), None);
    assert!(!database.webhook_exists(&other, id).await.unwrap());
    assert!(database.current_secret(&other, id).await.unwrap().is_none());
    assert_eq!(
        database
            .find_webhooks(&other, &WebhookFilter::default(), 10)
            .await
            .unwrap(),
        []
    );
    assert_eq!(
        database.edit_webhook(&admin("globex"), id, &edit, None).await.unwrap(),
        EditOutcome::NotFound
    );
    assert_eq!(
        database.delete_webhook(&admin("globex"), id, None).await.unwrap(),
        EditOutcome::NotFound
    );
    assert_eq!(
        database.webhook(&account("acme"), id).await.unwrap().unwrap().version,
        1
    );
}

#[tokio::test]
async fn an_edit_changes_what_it_names_and_counts() {
    let (database, _sql) = migrated().await;
    let (acme, id) = (admin("acme"), webhook(&database, "acme", "ERP Sync").await);
    let edit = Edit {
        url: Some(url("https://new.example.com/")),
        ..Edit::default()
    };
    let EditOutcome::Done(edited) = database.edit_webhook(&acme, id, &edit, Some(1)).await.unwrap() else {
        panic!()
    };
    assert_eq!(
        (edited.name.as_str(), edited.url.as_str(), edited.version),
        ("ERP Sync", "https://new.example.com/", 2)
    );
    assert!(edited.updated_at > edited.created_at);
    let types: EventTypeSet = [EventType::parse("deal.lost").unwrap()].into_iter().collect();
    let edit = Edit {
        name: Some("Ledger".to_owned()),
        event_types: Some(types),
        ..Edit::default()
    };
    assert_eq!(
        database.edit_webhook(&acme, id, &edit, Some(1)).await.unwrap(),
        EditOutcome::Stale
    );
    let EditOutcome::Done(edited) = database.edit_webhook(&acme, id, &edit, None).await.unwrap() else {
        panic!()
    };
    assert_eq!(
        (edited.name.as_str(), edited.event_types, edited.version),
        ("Ledger", types, 3)
    );
}

#[tokio::test]
async fn a_deleted_webhook_is_gone_with_its_secrets() {
    let (database, sql) = migrated().await;
    let (acme, id) = (admin("acme"), webhook(&database, "acme", "ERP Sync").await);
    assert_eq!(
        database.delete_webhook(&acme, id, Some(7)).await.unwrap(),
        EditOutcome::Stale
    );
    assert_eq!(
        database.delete_webhook(&acme, id, Some(1)).await.unwrap(),
        EditOutcome::Done(())
    );
    assert_eq!(
        database.delete_webhook(&acme, id, None).await.unwrap(),
        EditOutcome::NotFound
    );
    assert!(database.endpoint(id).await.unwrap().is_none());
    let secrets: i64 = sql
        .query_one("SELECT count(*) FROM webhook_secrets", &[])
        .await
        .unwrap()
        .get(0);
    assert_eq!(secrets, 0);
}

#[tokio::test]
async fn a_deleted_webhook_is_remembered_and_its_id_is_not_used_again() {
    let (database, _sql) = migrated().await;
    let (acme, id) = (admin("acme"), webhook(&database, "acme", "ERP Sync").await);
    let (ours, other) = (account("acme"), account("globex"));
    assert!(database.deleted_webhooks(&ours, 10).await.unwrap().is_empty());
    assert!(database.has_log(&ours, id).await.unwrap() && !database.has_log(&other, id).await.unwrap());
    database.delete_webhook(&acme, id, None).await.unwrap();
    let later = webhook(&database, "acme", "Billing").await;
    database.delete_webhook(&acme, later, None).await.unwrap();
    let names: Vec<_> = database
        .deleted_webhooks(&ours, 10)
        .await
        .unwrap()
        .into_iter()
        .map(|deleted| deleted.name)
        .collect();
    assert_eq!(names, ["Billing", "ERP Sync"]);
    assert_eq!(
        database.deleted_webhook(&ours, id).await.unwrap().unwrap().name,
        "ERP Sync"
    );
    assert!(database.has_log(&ours, id).await.unwrap());
    assert!(!database.has_log(&other, id).await.unwrap());
    assert_eq!(database.deleted_webhook(&other, id).await.unwrap(), None);
    for owner in [admin("acme"), admin("globex")] {
        let created = database.create_webhook_as(&owner, id, &new_webhook("Again"), 10).await;
        let Creation::Created(created) = created.unwrap() else {
            panic!()
        };
        assert_ne!(created.id, id);
    }
}

#[tokio::test]
async fn pages_go_from_the_oldest_on() {
    let (database, _sql) = migrated().await;
    let mut added = Vec::new();
    for number in 0..5 {
        added.push(webhook(&database, "acme", &format!("number {number}")).await);
    }
    let (mut seen, mut filter) = (Vec::new(), WebhookFilter::default());
    loop {
        let page = database.find_webhooks(&account("acme"), &filter, 2).await.unwrap();
        let Some(last) = page.last() else { break };
        filter.after = Some((last.created_at, last.id));
        seen.extend(page.iter().map(|webhook| webhook.id));
    }
    assert_eq!(seen, added);
}

#[tokio::test]
async fn a_limit_holds_even_for_webhooks_added_at_once() {
    let (database, _sql) = migrated().await;
    let (acme, new) = (admin("acme"), new_webhook("ERP Sync"));
    let adding = (0..12).map(|_| database.create_webhook(&acme, &new, 5));
    let added = futures_util::future::join_all(adding).await;
    assert_eq!(
        added
            .into_iter()
            .filter(|added| added.as_ref().unwrap().is_some())
            .count(),
        5
    );
    assert!(
        database
            .create_webhook(&admin("globex"), &new, 5)
            .await
            .unwrap()
            .is_some()
    );
}
