//! Passwords that are replaced while the programs run.

use e2e::{DEADLINE, Deployment, Event, Site};
use testkit::servers::PrivatePostgres;
use testkit::shared_stack;
use testkit::wait;

#[tokio::test(flavor = "multi_thread")]
async fn replaced_passwords_are_read_from_their_files_without_a_restart() -> anyhow::Result<()> {
    let directory = tempfile::tempdir()?;
    let (database_file, broker_file) = (directory.path().join("database"), directory.path().join("broker"));
    let database = PrivatePostgres::temporary().await?;
    let mut site = Site::on(
        shared_stack().await.create_vhost().await?,
        database.create_database().await?,
    )?;
    site.migrate().await?;
    let (owner, connection) = tokio_postgres::connect(site.database_url(), tokio_postgres::NoTls).await?;
    tokio::spawn(connection);
    owner
        .batch_execute("CREATE ROLE rotated SUPERUSER LOGIN PASSWORD 'former'")
        .await?;
    let mut url = url::Url::parse(site.database_url())?;
    let mut database_url = |password: &str| -> anyhow::Result<String> {
        url.set_username("rotated")
            .and_then(|()| url.set_password(Some(password)))
            .map_err(|()| anyhow::anyhow!("a URL"))?;
        Ok(url.to_string())
    };
    std::fs::write(&database_file, database_url("former")?)?;
    std::fs::write(&broker_file, site.vhost().permit_as("former", ".*", ".*", ".*").await?)?;
    for (variable, file) in [
        ("WEBHOOKS_DATABASE__URL", &database_file),
        ("WEBHOOKS_AMQP__URL", &broker_file),
    ] {
        site.set(variable, "");
        site.set(&format!("{variable}_FILE"), &file.display().to_string());
    }
    let all = Deployment::at(site).await?;
    let webhook = all.webhook("/", &["deal.won"]).await?;
    all.crm.publish(Event::new("deal.won", "before").as_json()).await?;
    all.api.wait_for_state(&webhook.id, "before", "delivered").await?;

    owner.batch_execute("ALTER ROLE rotated PASSWORD 'latter'").await?;
    std::fs::write(&database_file, database_url("latter")?)?;
    std::fs::write(
        &broker_file,
        all.site.vhost().permit_as("latter", ".*", ".*", ".*").await?,
    )?;
    let ended = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = 'rotated'";
    assert!(owner.query_one(ended, &[]).await?.get::<_, i64>(0) > 0);
    all.site.vhost().close_connections(4).await?;
    let connected = async || {
        owner
            .query_one("SELECT count(*) FROM pg_stat_activity WHERE usename = 'rotated'", &[])
            .await
            .is_ok_and(|row| row.get::<_, i64>(0) > 0)
    };
    wait::until(DEADLINE, "sessions with the new password", connected).await?;
    let crm = all.site.crm().await?;
    crm.publish(Event::new("deal.won", "after").as_json()).await?;
    all.api.wait_for_state(&webhook.id, "after", "delivered").await?;
    all.finish().await
}
