//! API tokens.

use store::bearer::Who;
use store::tokens::Role;
use uuid::Uuid;

use crate::fixture::{account, migrated};

#[tokio::test]
async fn a_token_names_its_bearer_until_it_is_revoked() {
    let (database, _sql) = migrated().await;
    let text = database.create_token(&account("acme"), Role::Viewer, "for a test").await.unwrap();
    let bearer = database.bearer(text.expose()).await.unwrap().unwrap();
    assert_eq!((bearer.account, bearer.role), (account("acme"), Role::Viewer));
    let listed = database.tokens().await.unwrap();
    let id = listed[0].id;
    assert_eq!((listed.len(), &bearer.who, listed[0].name.as_str()), (1, &Who::Token(id), "for a test"));
    assert!(listed[0].last_used_at.is_some() && listed[0].revoked_at.is_none());

    assert!(database.revoke_token(id).await.unwrap());
    assert_eq!(database.bearer(text.expose()).await.unwrap(), None);
    let revoked_at = database.tokens().await.unwrap()[0].revoked_at;
    assert!(revoked_at.is_some() && database.revoke_token(id).await.unwrap());
    assert_eq!(database.tokens().await.unwrap()[0].revoked_at, revoked_at);
    assert!(!database.revoke_token(Uuid::nil()).await.unwrap());
}

#[tokio::test]
async fn what_is_no_token_names_nobody() {
    let (database, _sql) = migrated().await;
    let text = database.create_token(&account("acme"), Role::Admin, "").await.unwrap();
    let text = text.expose();
    for wrong in
        ["", &text[1..], &text[..text.len() - 1], &text.to_uppercase(), "' OR 1=1 --", "\0", &"x".repeat(100_000)]
    {
        assert_eq!(database.bearer(wrong).await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_tokens_text_is_kept_nowhere() {
    let (database, sql) = migrated().await;
    let text = database.create_token(&account("acme"), Role::Admin, "").await.unwrap();
    let row = sql.query_one("SELECT t::text || encode(hash, 'escape') FROM api_tokens t", &[]).await.unwrap();
    let random = text.expose().split_once('_').unwrap().1;
    assert!(!row.get::<_, &str>(0).contains(random) && !format!("{text:?}").contains(random));
}
