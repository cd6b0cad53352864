//! What may stand between the programs and the database.

use e2e::{Deployment, Event, Site};
use testkit::certificates::TestCa;
use testkit::servers::{PoolMode, PrivatePgbouncer, PrivatePostgres};
use testkit::shared_stack;

async fn site_behind(mode: PoolMode) -> anyhow::Result<(Site, PrivatePgbouncer)> {
    let servers = shared_stack().await;
    let mut site = Site::on(servers.create_vhost().await?, servers.create_database().await?)?;
    let pooler = PrivatePgbouncer::start(site.database_url(), mode).await?;
    site.set("WEBHOOKS_DATABASE__URL", pooler.url());
    Ok((site, pooler))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_that_gives_each_client_a_session_needs_no_setting() -> anyhow::Result<()> {
    let (site, _pooler) = site_behind(PoolMode::Session).await?;
    let all = Deployment::at(site).await?;
    let webhook = all.webhook("/", &["deal.won"]).await?;
    all.crm.publish(Event::new("deal.won", "e").as_json()).await?;
    all.api.wait_for_state(&webhook.id, "e", "delivered").await?;
    all.finish().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_that_shares_sessions_is_refused_in_a_sentence() -> anyhow::Result<()> {
    let (mut site, pooler) = site_behind(PoolMode::Transaction).await?;
    let direct = site.database_url().to_owned();
    let refused = site.run("fanout", &["migrate"]).await?;
    let said = String::from_utf8(refused.stderr)?;
    assert!(
        !refused.status.success() && said.contains("set pool_mode = session"),
        "{said}"
    );
    site.set("WEBHOOKS_DATABASE__URL", &direct);
    site.migrate().await?;
    site.set("WEBHOOKS_DATABASE__URL", pooler.url());
    for program in ["fanout", "sender"] {
        let mut program = site.launch(program)?;
        assert_eq!(program.wait_end(e2e::DEADLINE).await?, 1);
        assert!(program.log().contains("set pool_mode = session"), "{}", program.log());
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_settings_accept_the_start_accepts() -> anyhow::Result<()> {
    let mut site = Site::new().await?;
    site.migrate().await?;
    let plain = site.database_url().to_owned();
    for (url, right) in [
        (format!("{plain}?sslmode=disable"), true),
        (format!("{plain}?sslmode=prefer&connect_timeout=3"), true),
        (format!("{plain}?sslmode=verify"), false),
        (format!("{plain}?sslcert=x"), false),
        (format!("{plain}?sslmode=verify-full&sslrootcert=/nowhere"), false),
        (plain.replace("postgres://", "mysql://"), false),
    ] {
        site.set("WEBHOOKS_DATABASE__URL", &url);
        for arguments in [&["config", "check"][..], &["migrate"]] {
            let status = site.run("fanout", arguments).await?.status.code();
            assert_eq!(status, Some(if right { 0 } else { 2 }), "{url} {arguments:?}");
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_is_trusted_by_its_own_authority_alone() -> anyhow::Result<()> {
    let database = PrivatePostgres::temporary().await?;
    let (authority, stranger) = (TestCa::new(), TestCa::new());
    database.serve_tls(&authority.issue(&[])).await?;
    let directory = tempfile::tempdir()?;
    let (right, wrong) = (directory.path().join("right.pem"), directory.path().join("wrong.pem"));
    std::fs::write(&right, authority.pem())?;
    std::fs::write(&wrong, stranger.pem())?;
    let mut site = Site::on(
        shared_stack().await.create_vhost().await?,
        database.create_database().await?,
    )?;
    let plain = site.database_url().to_owned();
    let by_name = plain.replace("127.0.0.1", "localhost");
    let encrypted = "SELECT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name <> ''";
    for (url, ca_file, trusted) in [
        (
            format!("{plain}?sslmode=verify-full&sslrootcert={}", wrong.display()),
            "",
            false,
        ),
        (format!("{plain}?sslmode=verify-full"), "", false),
        (
            format!("{plain}?sslmode=verify-full&sslrootcert={}", right.display()),
            "",
            true,
        ),
        (
            format!("{by_name}?sslmode=verify-full"),
            right.to_str().unwrap_or_default(),
            true,
        ),
        (
            format!("{plain}?sslmode=verify-ca"),
            right.to_str().unwrap_or_default(),
            true,
        ),
        (
            format!("{plain}?sslmode=require"),
            right.to_str().unwrap_or_default(),
            true,
        ),
    ] {
        site.set("WEBHOOKS_DATABASE__URL", &url);
        site.set("WEBHOOKS_DATABASE__CA_FILE", ca_file);
        let checked = site.run("fanout", &["config", "check"]).await?;
        assert!(checked.status.success(), "{url}");
        let migrated = site.run("fanout", &["migrate"]).await?;
        let said = String::from_utf8_lossy(&migrated.stderr).into_owned();
        assert_eq!(migrated.status.success(), trusted, "{url}: {said}");
        assert!(trusted || said.contains("certificate"), "{url}: {said}");
    }
    let mut fanout = site.launch("fanout")?;
    fanout.wait_ready().await?;
    let (client, connection) = tokio_postgres::connect(&plain, tokio_postgres::NoTls).await?;
    tokio::spawn(connection);
    let sessions = client.query(encrypted, &[]).await?;
    assert!(
        !sessions.is_empty() && sessions.iter().all(|session| session.get::<_, bool>(0)),
        "all are encrypted"
    );
    Ok(())
}
