//! Sessions of the console, and what ends them.

use std::time::Duration;

use domain::Role;
use domain::sso::{Token, Voucher};
use jiff::ToSpan;
use store::Database;
use store::bearer::{Bearer, Who};
use store::sessions::{SessionFilter, SessionKey, SessionLimits, SessionRules};
use store::tokens::NewToken;

use crate::fixture::{account, migrated, now};

const LIMITS: SessionLimits = SessionLimits {
    idle: Duration::from_secs(30 * 60),
    absolute: Duration::from_secs(12 * 60 * 60),
};

pub fn voucher(key: &str) -> Voucher {
    Voucher {
        issuer: "https://crm.example.com".to_owned(),
        key_fingerprint: key.to_owned(),
    }
}

/// The CRM signs with the key `key-1`.
pub fn rules() -> SessionRules {
    SessionRules {
        limits: LIMITS,
        vouchers: vec![voucher("key-1")],
    }
}

/// A session of a person, by an SSO token signed with `key-1`.
async fn person(database: &Database, owner: &str, subject: &str, role: Role) -> SessionKey {
    let token = Token {
        id: uuid::Uuid::now_v7().to_string(),
        dead_since: now() + 1.minute(),
        subject: subject.to_owned(),
        account: account(owner),
        role,
        voucher: voucher("key-1"),
    };
    database.start_session_by_sso_token(&token).await.unwrap().unwrap()
}

/// The principal of a new token that never expires.
async fn bearer(database: &Database, owner: &str) -> Bearer {
    let new = NewToken {
        account: Some(&account(owner)),
        role: Role::Admin,
        name: "a token",
        expires_at: None,
    };
    let text = database.create_token(&Who::Operator, &new).await.unwrap().text;
    database.bearer(text.expose()).await.unwrap().unwrap()
}

async fn alive(database: &Database, key: &SessionKey) -> bool {
    database.session(key, &rules(), true).await.unwrap().is_some()
}

#[tokio::test]
async fn a_persons_session_is_worth_what_the_key_is_that_vouched_for_them() {
    let (database, _sql) = migrated().await;
    let (key, of_token) = (
        person(&database, "acme", "alice", Role::Admin).await,
        bearer(&database, "acme").await,
    );
    let of_token = database.start_session(&of_token).await.unwrap();
    let elsewhere = Voucher {
        issuer: "https://other.example.com".to_owned(),
        ..voucher("key-1")
    };
    let known = [
        (vec![], false),
        (vec![voucher("key-2")], false),
        (vec![elsewhere.clone()], false),
        (vec![voucher("key-2"), elsewhere, voucher("key-1")], true),
    ];
    for (vouchers, worth) in known {
        let rules = SessionRules { vouchers, ..rules() };
        assert_eq!(
            database.session(&key, &rules, true).await.unwrap().is_some(),
            worth,
            "{:?}",
            rules.vouchers
        );
        assert!(
            database.session(&of_token, &rules, true).await.unwrap().is_some(),
            "a token needs nobody to vouch"
        );
        assert_eq!(database.sessions(&rules).await.unwrap().len(), 1 + usize::from(worth));
    }
}

#[tokio::test]
async fn a_tokens_sessions_end_when_it_expires_and_when_it_is_revoked() {
    let (database, sql) = migrated().await;
    let by = bearer(&database, "acme").await;
    let key = database.start_session(&by).await.unwrap();
    assert!(alive(&database, &key).await);
    sql.batch_execute("UPDATE api_tokens SET expires_at = now()")
        .await
        .unwrap();
    assert!(!alive(&database, &key).await && database.sessions(&rules()).await.unwrap().is_empty());
    sql.batch_execute("UPDATE api_tokens SET expires_at = NULL")
        .await
        .unwrap();
    assert!(alive(&database, &key).await);
    let Who::Token(id) = by.who else { panic!() };
    database.revoke_token(&Who::Operator, id).await.unwrap();
    assert!(!alive(&database, &key).await);
}

#[tokio::test]
async fn a_new_ticket_ends_the_persons_sessions_with_another_role() {
    let (database, _sql) = migrated().await;
    let admin = person(&database, "acme", "alice", Role::Admin).await;
    let same = person(&database, "acme", "alice", Role::Admin).await;
    let (other, elsewhere) = (
        person(&database, "acme", "bob", Role::Admin).await,
        person(&database, "globex", "alice", Role::Admin).await,
    );
    assert!(alive(&database, &admin).await && alive(&database, &same).await);
    let viewer = person(&database, "acme", "alice", Role::Viewer).await;
    assert!(!alive(&database, &admin).await && !alive(&database, &same).await);
    for key in [viewer, other, elsewhere] {
        assert!(alive(&database, &key).await);
    }
}

#[tokio::test]
async fn nobody_has_any_number_of_sessions() {
    let (database, sql) = migrated().await;
    let by = bearer(&database, "acme").await;
    let (oldest, of_other) = (
        database.start_session(&by).await.unwrap(),
        bearer(&database, "acme").await,
    );
    let of_other = database.start_session(&of_other).await.unwrap();
    let persons = person(&database, "acme", "alice", Role::Admin).await;
    let mut newest = (
        database.start_session(&by).await.unwrap(),
        person(&database, "acme", "alice", Role::Admin).await,
    );
    for _ in 0..60 {
        newest = (
            database.start_session(&by).await.unwrap(),
            person(&database, "acme", "alice", Role::Admin).await,
        );
    }
    let count: i64 = sql
        .query_one("SELECT count(*) FROM console_sessions", &[])
        .await
        .unwrap()
        .get(0);
    assert_eq!(count, 50 + 50 + 1);
    assert!(!alive(&database, &oldest).await && !alive(&database, &persons).await);
    assert!(
        alive(&database, &newest.0).await && alive(&database, &newest.1).await && alive(&database, &of_other).await
    );
}

#[tokio::test]
async fn an_operator_lists_sessions_and_ends_those_of_an_account_a_person_or_one() {
    let (database, _sql) = migrated().await;
    let alice = person(&database, "acme", "alice", Role::Admin).await;
    let elsewhere = person(&database, "globex", "alice", Role::Viewer).await;
    let bob = person(&database, "acme", "bob", Role::Viewer).await;
    let token = bearer(&database, "acme").await;
    let of_token = database.start_session(&token).await.unwrap();
    let listed = database.sessions(&rules()).await.unwrap();
    let shown: Vec<_> = listed
        .iter()
        .map(|session| (session.who.to_string(), session.account.as_str()))
        .collect();
    let person = |name: &str| format!("person {name:?}");
    let expected = [
        (person("alice"), "acme"),
        (person("alice"), "globex"),
        (person("bob"), "acme"),
        (token.who.to_string(), "acme"),
    ];
    assert_eq!(shown, expected);
    assert!(listed.iter().all(|session| session.id.len() == 16));

    let end = async |filter: SessionFilter| database.end_sessions(&filter).await.unwrap().values().sum::<u64>();
    let (acme, subject) = (Some(account("acme")), Some("alice".to_owned()));
    assert_eq!(
        end(SessionFilter {
            id: Some("0".repeat(16)),
            ..SessionFilter::default()
        })
        .await,
        0
    );
    assert_eq!(
        end(SessionFilter {
            account: acme.clone(),
            subject,
            ..SessionFilter::default()
        })
        .await,
        1
    );
    assert!(!alive(&database, &alice).await && alive(&database, &elsewhere).await && alive(&database, &bob).await);
    assert_eq!(
        end(SessionFilter {
            id: Some(listed[2].id.clone()),
            ..SessionFilter::default()
        })
        .await,
        1
    );
    assert!(!alive(&database, &bob).await && alive(&database, &of_token).await);
    assert_eq!(
        end(SessionFilter {
            account: acme,
            ..SessionFilter::default()
        })
        .await,
        1
    );
    assert!(!alive(&database, &of_token).await && alive(&database, &elsewhere).await);
    assert_eq!(end(SessionFilter::default()).await, 1);
    assert!(!alive(&database, &elsewhere).await);
}

#[tokio::test]
async fn ended_sessions_are_removed_by_housekeeping_and_not_by_who_signs_in() {
    let (database, sql) = migrated().await;
    for (name, age, used) in [
        ("idle", "1 hour", "31 minutes"),
        ("old", "13 hours", "1 minute"),
        ("alive", "1 hour", "1 minute"),
    ] {
        person(&database, "acme", name, Role::Admin).await;
        let age_it = "UPDATE console_sessions SET created_at = now() - $2::text::interval,
            last_used_at = now() - $3::text::interval WHERE subject = $1";
        sql.execute(age_it, &[&name, &age, &used]).await.unwrap();
    }
    let count = async || {
        sql.query_one("SELECT count(*) FROM console_sessions", &[])
            .await
            .unwrap()
            .get::<_, i64>(0)
    };
    assert_eq!(count().await, 3);
    assert_eq!(database.delete_ended_sessions(LIMITS).await.unwrap(), 2);
    assert_eq!(count().await, 1);
}
