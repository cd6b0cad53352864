//! Secrets at rest.

use domain::SigningSecret;
use rustls::RootCertStore;
use store::webhooks::{EditOutcome, NewWebhook};
use store::{Database, Rekeyed, SecretKey, SecretKeys, StoreError};

use crate::fixture::{account, admin, empty_database, migrated, new_webhook, open};

const EVERY_ROW_AS_TEXT: &str = "SELECT id, encode(ciphertext, 'escape') || encode(ciphertext, 'hex') || s::text
    FROM webhook_secrets s UNION ALL SELECT id, w::text FROM webhooks w";

#[tokio::test]
async fn no_column_holds_a_secret_in_the_clear() {
    let (database, sql) = migrated().await;
    let secret = "a secret that scans for text would find";
    let new = NewWebhook {
        secret: SigningSecret::parse(secret).unwrap(),
        ..new_webhook("ERP Sync")
    };
    let id = database
        .create_webhook(&admin("acme"), &new, 1)
        .await
        .unwrap()
        .unwrap()
        .id;
    let rows = sql.query(EVERY_ROW_AS_TEXT, &[]).await.unwrap();
    let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(rows.len(), 2);
    for row in rows {
        let text: &str = row.get(1);
        assert!(!text.contains(secret) && !text.contains(&hex) && !text.contains("would find"));
    }
    assert_eq!(
        database.endpoint(id).await.unwrap().unwrap().secrets[0].expose(),
        secret
    );
}

#[tokio::test]
async fn a_secret_works_in_its_own_row_only() {
    let (database, sql) = migrated().await;
    let acme = account("acme");
    let mut ids = Vec::new();
    for name in ["left", "right"] {
        ids.push(
            database
                .create_webhook(&admin("acme"), &new_webhook(name), 2)
                .await
                .unwrap()
                .unwrap()
                .id,
        );
    }
    let swap = "UPDATE webhook_secrets s SET ciphertext = o.ciphertext FROM webhook_secrets o WHERE o.id <> s.id";
    assert_eq!(sql.execute(swap, &[]).await.unwrap(), 2);
    for id in ids {
        assert!(matches!(
            database.current_secret(&acme, id).await,
            Err(StoreError::Secret)
        ));
        assert!(matches!(database.endpoint(id).await, Err(StoreError::Secret)));
    }
}

/// Another tenant's secret, moved to the attacker's webhook with write access to the database.
#[tokio::test]
async fn a_row_moved_to_another_webhook_or_account_does_not_decrypt() {
    let (database, sql) = migrated().await;
    let theirs = database
        .create_webhook(&admin("globex"), &new_webhook("Theirs"), 1)
        .await
        .unwrap()
        .unwrap()
        .id;
    let mine = database
        .create_webhook(&admin("acme"), &new_webhook("Mine"), 1)
        .await
        .unwrap()
        .unwrap()
        .id;
    sql.execute("DELETE FROM webhook_secrets WHERE webhook_id = $1", &[&mine.0])
        .await
        .unwrap();
    let moved = sql
        .execute("UPDATE webhook_secrets SET webhook_id = $1", &[&mine.0])
        .await
        .unwrap();
    assert_eq!(moved, 1);
    assert!(matches!(
        database.current_secret(&account("acme"), mine).await,
        Err(StoreError::Secret)
    ));

    sql.execute("UPDATE webhook_secrets SET webhook_id = $1", &[&theirs.0])
        .await
        .unwrap();
    assert!(
        database
            .current_secret(&account("globex"), theirs)
            .await
            .unwrap()
            .is_some(),
        "back where it belongs"
    );
    sql.execute("UPDATE webhooks SET account = 'acme' WHERE id = $1", &[&theirs.0])
        .await
        .unwrap();
    assert!(matches!(
        database.current_secret(&account("acme"), theirs).await,
        Err(StoreError::Secret)
    ));
    assert!(matches!(database.endpoint(theirs).await, Err(StoreError::Secret)));
}

/// The store with the first of these keys as the current one, and the others as former ones.
fn with_keys(url: &str, keys: &[u8]) -> Database {
    let mut keys = keys.iter().map(|key| SecretKey::new(&[*key; 32]));
    let keys = SecretKeys::new(keys.next().unwrap(), keys.collect());
    Database::new(&url.parse().unwrap(), 4, RootCertStore::empty(), keys)
}

#[tokio::test]
async fn a_key_is_retired_by_encrypting_its_secrets_again_while_everything_runs() {
    let url = empty_database().await;
    let before = with_keys(&url, &[1, 2]);
    before.migrate().await.unwrap();
    let mut ids = Vec::new();
    for number in 0..450 {
        let id = before
            .create_webhook(&admin("acme"), &new_webhook("ERP Sync"), 1_000)
            .await
            .unwrap()
            .unwrap()
            .id;
        let expected = before.endpoint(id).await.unwrap().unwrap().secrets[0]
            .expose()
            .to_owned();
        // A few of them sign with a replaced secret, too.
        if number % 100 == 0 {
            before
                .rotate_secret(&admin("acme"), id, &SigningSecret::generate())
                .await
                .unwrap()
                .unwrap();
        }
        ids.push((id, expected));
    }
    let after = with_keys(&url, &[2, 1]);
    let running = tokio::spawn({
        let (before, ids) = (before.clone(), ids.clone());
        async move {
            for (id, expected) in ids {
                let endpoint = before.endpoint(id).await.unwrap().unwrap();
                assert!(endpoint.secrets.iter().any(|secret| secret.expose() == expected));
            }
        }
    });
    assert_eq!(
        after.rekey_secrets().await.unwrap(),
        Rekeyed {
            changed: 455,
            current: 0,
            unreadable: 0
        }
    );
    running.await.unwrap();
    assert_eq!(
        after.rekey_secrets().await.unwrap(),
        Rekeyed {
            changed: 0,
            current: 455,
            unreadable: 0
        }
    );

    let alone = with_keys(&url, &[2]);
    assert!(alone.has_all_keys().await.unwrap(), "it starts without the former key");
    for (id, expected) in &ids {
        let endpoint = alone.endpoint(*id).await.unwrap().unwrap();
        assert!(endpoint.secrets.iter().any(|secret| secret.expose() == *expected));
    }
    assert!(
        !with_keys(&url, &[1]).has_all_keys().await.unwrap(),
        "and the former key opens nothing any more"
    );
    let without = with_keys(&url, &[3]).rekey_secrets().await.unwrap();
    assert_eq!(
        without,
        Rekeyed {
            changed: 0,
            current: 0,
            unreadable: 455
        }
    );
}

#[tokio::test]
async fn another_key_reads_nothing() {
    let url = empty_database().await;
    let database = open(&url, 1);
    database.migrate().await.unwrap();
    let id = database
        .create_webhook(&admin("acme"), &new_webhook("ERP Sync"), 1)
        .await
        .unwrap()
        .unwrap()
        .id;
    let other = open(&url, 2);
    assert!(matches!(other.endpoint(id).await, Err(StoreError::Secret)));
    assert!(!other.has_all_keys().await.unwrap());
    assert!(database.has_all_keys().await.unwrap());
}

#[tokio::test]
async fn a_replaced_secret_signs_until_it_expires() {
    let (database, sql) = migrated().await;
    let new = new_webhook("ERP Sync");
    let id = database
        .create_webhook(&admin("acme"), &new, 1)
        .await
        .unwrap()
        .unwrap()
        .id;
    let expire = "UPDATE webhook_secrets SET expires_at = now() + $1::text::interval";
    sql.execute(expire, &[&"1 hour"]).await.unwrap();
    assert_eq!(database.endpoint(id).await.unwrap().unwrap().secrets.len(), 1);
    assert!(database.current_secret(&account("acme"), id).await.unwrap().is_none());
    sql.execute(expire, &[&"-1 hour"]).await.unwrap();
    assert!(database.endpoint(id).await.unwrap().is_none());
}

#[tokio::test]
async fn at_most_three_replaced_secrets_go_on_signing() {
    let (database, sql) = migrated().await;
    let by = admin("acme");
    let id = database
        .create_webhook(&by, &new_webhook("ERP Sync"), 1)
        .await
        .unwrap()
        .unwrap()
        .id;
    let other = database
        .create_webhook(&by, &new_webhook("Ledger"), 2)
        .await
        .unwrap()
        .unwrap()
        .id;
    database
        .rotate_secret(&by, other, &SigningSecret::generate())
        .await
        .unwrap()
        .unwrap();
    let mut given = Vec::new();
    for _ in 0..6 {
        let secret = SigningSecret::generate();
        database.rotate_secret(&by, id, &secret).await.unwrap().unwrap();
        given.push(secret.expose().to_owned());
    }
    let signing = database.endpoint(id).await.unwrap().unwrap().secrets;
    let mut signing: Vec<_> = signing.iter().map(|secret| secret.expose().to_owned()).collect();
    signing.sort();
    let mut newest = given.split_off(2);
    newest.sort();
    assert_eq!(signing, newest, "the one in use and three others");
    assert_eq!(
        database.endpoint(other).await.unwrap().unwrap().secrets.len(),
        2,
        "another webhook keeps its own"
    );
    let kept: i64 = sql
        .query_one("SELECT count(*) FROM webhook_secrets", &[])
        .await
        .unwrap()
        .get(0);
    assert_eq!(kept, 4 + 2);
}

fn header(name: &str, value: &str) -> domain::RequestHeader {
    domain::RequestHeader::new(name, value, false).unwrap()
}

#[tokio::test]
async fn request_headers_are_encrypted_replaced_and_rekeyed() {
    let (database, sql) = migrated().await;
    let id = database
        .create_webhook(&admin("acme"), &new_webhook("ERP Sync"), 1)
        .await
        .unwrap()
        .unwrap()
        .id;
    let acme = "acme".parse().unwrap();
    let given = [header("authorization", "Bearer canary-value"), header("x-env", "prod")];
    let set = async |by: &str, headers: &[domain::RequestHeader]| {
        let change = |_: &[domain::RequestHeader]| Ok::<_, ()>(headers.to_vec());
        database
            .change_request_headers(&admin(by), id, None, change)
            .await
            .unwrap()
    };
    assert_eq!(set("acme", &given).await, EditOutcome::Done(Ok(given.to_vec())));
    assert_eq!(set("globex", &given).await, EditOutcome::NotFound);
    assert_eq!(database.request_headers(&acme, id).await.unwrap().unwrap(), given);
    assert_eq!(
        database.request_headers(&"globex".parse().unwrap(), id).await.unwrap(),
        None
    );
    let endpoint = database.endpoint(id).await.unwrap().unwrap();
    assert_eq!(endpoint.headers, given);
    let stored = database.webhook(&acme, id).await.unwrap().unwrap();
    assert_eq!(
        (stored.header_names.join(","), stored.version),
        ("authorization,x-env".to_owned(), 2)
    );
    let all = "SELECT (SELECT h::text FROM webhook_headers h) || (SELECT string_agg(a::text, '') FROM audit_entries a)";
    let text: String = sql.query_one(all, &[]).await.unwrap().get(0);
    let hex: String = "canary-value".bytes().map(|byte| format!("{byte:02x}")).collect();
    assert!(!text.contains("canary-value") && !text.contains(&hex), "{text}");
    assert_eq!(database.rekey_secrets().await.unwrap().current, 2);
    sql.execute("UPDATE webhook_headers SET ciphertext = 'damaged'", &[])
        .await
        .unwrap();
    assert!(database.request_headers(&acme, id).await.is_err());
    assert_eq!(set("acme", &[]).await, EditOutcome::Done(Ok(Vec::new())));
    assert_eq!(database.request_headers(&acme, id).await.unwrap().unwrap(), []);
    assert_eq!(database.endpoint(id).await.unwrap().unwrap().headers, []);
}
