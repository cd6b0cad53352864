//! SSO tokens are exchanged for sessions, once each.

use domain::Role;
use domain::sso::Token;
use jiff::{Timestamp, ToSpan};
use store::bearer::{Bearer, Who};

use crate::fixture::{account, migrated, now};
use crate::sessions::{rules, voucher};

fn token(id: &str, dead_since: Timestamp) -> Token {
    let subject = "alice@example.com".to_owned();
    let (account, role, voucher) = (account("acme"), Role::Viewer, voucher("key-1"));
    Token {
        id: id.to_owned(),
        dead_since,
        subject,
        account,
        role,
        voucher,
    }
}

#[tokio::test]
async fn a_ticket_is_good_for_one_session_however_many_try() {
    let (database, sql) = migrated().await;
    let token = token("1", now() + 1.minute());
    let tries = (0..8).map(|_| database.start_session_by_sso_token(&token));
    let tries = futures_util::future::join_all(tries).await;
    let mut keys = tries.into_iter().filter_map(Result::unwrap);
    let (key, None) = (keys.next().unwrap(), keys.next()) else {
        panic!("it was good for two")
    };
    let session = database.session(&key, &rules(), true).await.unwrap().unwrap();
    let who = Who::Person("alice@example.com".to_owned());
    assert_eq!(
        session.bearer,
        Bearer {
            who,
            account: account("acme"),
            role: Role::Viewer
        }
    );
    assert_eq!(session.name, "alice@example.com");
    let count: i64 = sql
        .query_one("SELECT count(*) FROM console_sessions", &[])
        .await
        .unwrap()
        .get(0);
    assert_eq!(count, 1);
    database.end_session(&key).await.unwrap();
    assert!(database.session(&key, &rules(), true).await.unwrap().is_none());
    assert!(
        database.start_session_by_sso_token(&token).await.unwrap().is_none(),
        "nor ever again"
    );
}

#[tokio::test]
async fn a_session_by_ticket_ends_in_time_like_any_other() {
    let (database, sql) = migrated().await;
    let key = database
        .start_session_by_sso_token(&token("1", now()))
        .await
        .unwrap()
        .unwrap();
    for (age, alive) in [("29 minutes", true), ("31 minutes", false)] {
        let statement = "UPDATE console_sessions SET last_used_at = now() - $1::text::interval";
        sql.execute(statement, &[&age]).await.unwrap();
        assert_eq!(
            database.session(&key, &rules(), false).await.unwrap().is_some(),
            alive,
            "{age}"
        );
    }
}

#[tokio::test]
async fn used_tokens_are_deleted_once_they_are_certainly_refused() {
    let (database, sql) = migrated().await;
    for (id, dead_since) in [("old", now() - 61.minutes()), ("young", now() - 1.minute())] {
        database
            .start_session_by_sso_token(&token(id, dead_since))
            .await
            .unwrap()
            .unwrap();
    }
    assert_eq!(database.delete_used_sso_tokens().await.unwrap(), 1);
    let left = sql.query_one("SELECT id FROM sso_tokens_used", &[]).await.unwrap();
    assert_eq!(left.get::<_, &str>(0), "young");
}
