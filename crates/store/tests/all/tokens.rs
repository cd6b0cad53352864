//! API tokens.

use jiff::ToSpan;
use store::Database;
use store::bearer::Who;
use store::tokens::{NewToken, Role, TokenRefusal, TokenText};
use uuid::Uuid;

use crate::fixture::{account, admin, migrated, now};

async fn create(database: &Database, role: Role, name: &str) -> TokenText {
    let new = NewToken {
        account: Some(&account("acme")),
        role,
        name,
        expires_at: None,
    };
    database.create_token(&Who::Operator, &new).await.unwrap().text
}

#[tokio::test]
async fn a_token_names_its_bearer_until_it_is_revoked() {
    let (database, _sql) = migrated().await;
    let text = create(&database, Role::Viewer, "for a test").await;
    let bearer = database.bearer(text.expose()).await.unwrap().unwrap();
    assert_eq!((bearer.account, bearer.role), (account("acme"), Role::Viewer));
    let listed = database.tokens().await.unwrap();
    let id = listed[0].id;
    assert_eq!(
        (listed.len(), &bearer.who, listed[0].name.as_str()),
        (1, &Who::Token(id), "for a test")
    );
    assert!(listed[0].last_used_at.is_some() && listed[0].revoked_at.is_none() && listed[0].expires_at.is_none());

    assert!(database.revoke_token(&Who::Operator, id).await.unwrap());
    assert_eq!(
        database.bearer(text.expose()).await.unwrap(),
        Err(TokenRefusal::Revoked)
    );
    let revoked_at = database.tokens().await.unwrap()[0].revoked_at;
    assert!(revoked_at.is_some() && database.revoke_token(&Who::Operator, id).await.unwrap());
    assert_eq!(database.tokens().await.unwrap()[0].revoked_at, revoked_at);
    assert!(!database.revoke_token(&Who::Operator, Uuid::nil()).await.unwrap());
}

#[tokio::test]
async fn an_account_lists_and_revokes_its_own_tokens_only() {
    let (database, _sql) = migrated().await;
    for name in ["first", "second", "third"] {
        create(&database, Role::Viewer, name).await;
    }
    let names = async |owner: &str| -> Vec<String> {
        let tokens = database.account_tokens(&account(owner), None, 10).await.unwrap();
        tokens.into_iter().map(|token| token.name).collect()
    };
    assert_eq!(names("acme").await, ["first", "second", "third"]);
    assert_eq!(names("globex").await, Vec::<String>::new());
    let second = database.tokens().await.unwrap()[1].id;
    assert!(!database.revoke_account_token(&admin("globex"), second).await.unwrap());
    assert!(database.revoke_account_token(&admin("acme"), second).await.unwrap());
    assert!(!database.revoke_account_token(&admin("acme"), second).await.unwrap());
    assert_eq!(names("acme").await, ["first", "third"]);
}

#[tokio::test]
async fn a_token_lets_nobody_in_once_its_time_is_over() {
    let (database, sql) = migrated().await;
    let expires_at = Some(now() + 90.hours());
    let new = NewToken {
        account: Some(&account("acme")),
        role: Role::Admin,
        name: "for a quarter",
        expires_at,
    };
    let text = database.create_token(&Who::Operator, &new).await.unwrap().text;
    assert!(database.bearer(text.expose()).await.unwrap().is_ok());
    assert_eq!(database.tokens().await.unwrap()[0].expires_at, expires_at);
    sql.batch_execute("UPDATE api_tokens SET expires_at = now()")
        .await
        .unwrap();
    assert_eq!(
        database.bearer(text.expose()).await.unwrap(),
        Err(TokenRefusal::Expired)
    );
}

#[tokio::test]
async fn what_is_no_token_names_nobody() {
    let (database, _sql) = migrated().await;
    let text = create(&database, Role::Admin, "").await;
    let text = text.expose();
    for wrong in [
        "",
        &text[1..],
        &text[..text.len() - 1],
        &text.to_uppercase(),
        "' OR 1=1 --",
        "\0",
        &"x".repeat(100_000),
    ] {
        assert_eq!(database.bearer(wrong).await.unwrap(), Err(TokenRefusal::Unknown));
    }
}

#[tokio::test]
async fn a_tokens_text_is_kept_nowhere() {
    let (database, sql) = migrated().await;
    let text = create(&database, Role::Admin, "").await;
    let row = sql
        .query_one("SELECT t::text || encode(hash, 'escape') FROM api_tokens t", &[])
        .await
        .unwrap();
    let random = text.expose().split_once('_').unwrap().1;
    assert!(!row.get::<_, &str>(0).contains(random) && !format!("{text:?}").contains(random));
    let fingerprint = store::tokens::fingerprint(text.expose());
    let hash: String = sql
        .query_one("SELECT encode(hash, 'hex') FROM api_tokens", &[])
        .await
        .unwrap()
        .get(0);
    assert_eq!((fingerprint.len(), hash.starts_with(&fingerprint)), (6, true));
}
