//! A private PostgreSQL under a test that kills it.

use devstack::servers::PrivatePostgres;
use tokio_postgres::{Client, NoTls};

async fn connect(url: &str) -> Result<Client, tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

#[tokio::test]
async fn committed_data_and_the_address_survive_kill_nine() {
    let mut server = PrivatePostgres::temporary().await.unwrap();
    let url = server.create_database().await.unwrap();
    let client = connect(&url).await.unwrap();
    client
        .batch_execute("CREATE TABLE kept AS SELECT 42 AS answer")
        .await
        .unwrap();

    server.kill_nine().await.unwrap();
    assert!(!server.instance().is_running());
    assert!(client.batch_execute("SELECT 1").await.is_err());
    assert!(connect(&url).await.is_err());

    server.start_again().await.unwrap();
    let row = connect(&url)
        .await
        .unwrap()
        .query_one("SELECT answer FROM kept", &[])
        .await
        .unwrap();
    assert_eq!(row.get::<_, i32>(0), 42);
}

#[tokio::test]
async fn an_orderly_stop_does_not_wait_for_clients() {
    let mut server = PrivatePostgres::temporary().await.unwrap();
    let _idle = connect(server.url()).await.unwrap();
    server.stop().await.unwrap();
    assert!(!server.instance().is_running());
    server.start_again().await.unwrap();
    connect(server.url()).await.unwrap();
}

#[tokio::test]
async fn strangers_are_turned_away() {
    let server = PrivatePostgres::temporary().await.unwrap();
    let address = server.url().split_once('@').unwrap().1;
    assert!(connect(&format!("postgres://webhooks:guess@{address}")).await.is_err());
    assert!(connect(&format!("postgres://webhooks@{address}")).await.is_err());
}

#[tokio::test]
async fn databases_are_separate() {
    let server = PrivatePostgres::temporary().await.unwrap();
    let (one, other) = (
        server.create_database().await.unwrap(),
        server.create_database().await.unwrap(),
    );
    connect(&one)
        .await
        .unwrap()
        .batch_execute("CREATE TABLE here ()")
        .await
        .unwrap();
    assert!(
        connect(&other)
            .await
            .unwrap()
            .batch_execute("TABLE here")
            .await
            .is_err()
    );
}
