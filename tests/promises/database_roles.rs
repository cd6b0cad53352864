//! Roles of least privilege, made by the files that operators use.

use e2e::{Deployment, Event, Site};
use testkit::receiver::Answer;
use testkit::servers::PrivatePostgres;
use testkit::shared_stack;

const ROLES: &str = include_str!("../../deploy/postgres/roles.sql");
const GRANTS: &str = include_str!("../../deploy/postgres/grants.sql");
const PASSWORDS: &str = "ALTER ROLE webhooks_owner PASSWORD 'pw'; ALTER ROLE webhooks_fanout PASSWORD 'pw';
    ALTER ROLE webhooks_sender PASSWORD 'pw'";
const DAYS: &str = "SELECT create_log_partitions((now() AT TIME ZONE 'UTC')::date - 31)";

/// The URL of `site`'s database for a role.
fn url_as(site: &Site, role: &str) -> String {
    let (_, place) = site.database_url().rsplit_once('@').expect("a URL with credentials");
    format!("postgres://{role}:pw@{place}")
}

/// A site on a server of its own, since roles are the whole server's.
async fn site() -> anyhow::Result<(Site, PrivatePostgres)> {
    let server = PrivatePostgres::temporary().await?;
    let site = Site::on(
        shared_stack().await.create_vhost().await?,
        server.create_database().await?,
    )?;
    Ok((site, server))
}

async fn refused(site: &Site, role: &str, statements: &[&str]) -> anyhow::Result<()> {
    let database = e2e::Database::connect(&url_as(site, role)).await?;
    for statement in statements {
        let error = database.execute(statement).await.expect_err(statement);
        assert!(
            format!("{error:?}").contains("permission denied") || format!("{error:?}").contains("must be owner"),
            "{role} {statement}: {error:?}"
        );
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn both_programs_do_everything_with_roles_that_may_do_no_more() -> anyhow::Result<()> {
    let (mut site, _server) = site().await?;
    let administrator = site.database().await?;
    for _ in 0..2 {
        administrator.execute(ROLES).await?;
    }
    administrator.execute(PASSWORDS).await?;
    site.set("WEBHOOKS_DATABASE__URL", &url_as(&site, "webhooks_owner"));
    site.migrate().await?;
    site.migrate().await?;
    administrator.execute(GRANTS).await?;
    administrator.execute(DAYS).await?;
    let days = "SELECT count(*) FROM pg_class WHERE relname ~ '^deliveries_[0-9]{8}$'";
    let before = administrator.count(days).await?;

    site.set("WEBHOOKS_DATABASE__URL", &url_as(&site, "webhooks_fanout"));
    let fanout = site.fanout().await?;
    let api = site.api(&fanout, "acme").await?;
    site.set("WEBHOOKS_DATABASE__URL", &url_as(&site, "webhooks_sender"));
    let sender = site.sender().await?;
    let receiver = testkit::receiver::Receiver::start(&site.ca).await?;
    let crm = site.crm().await?;
    let all = Deployment {
        fanout,
        sender,
        receiver,
        api,
        crm,
        site,
    };

    let webhook = all.webhook("/", &["deal.won"]).await?;
    all.crm.publish(Event::new("deal.won", "good").as_json()).await?;
    all.api.wait_for_state(&webhook.id, "good", "delivered").await?;
    assert_eq!(all.api.test_webhook(&webhook.id).await?.status.as_u16(), 200);
    // Failures, auto-pause, held deliveries and their release, a manual retry and the webhook's deletion.
    all.receiver.answer(Answer::status(400));
    let bad = Event::deals_won("bad", 10);
    all.crm.publish_all(bad.iter().map(Event::as_json)).await?;
    all.api
        .wait_for_webhook(&webhook.id, |webhook| webhook["status"] == "paused")
        .await?;
    all.crm.publish(Event::new("deal.won", "held").as_json()).await?;
    all.api.wait_for_state(&webhook.id, "held", "held").await?;
    all.receiver.answer(Answer::ok());
    all.api.resume(&webhook.id).await?;
    all.api.wait_for_state(&webhook.id, "held", "delivered").await?;
    let failed = all.api.wait_for_state(&webhook.id, "bad-0", "failed").await?;
    let retry = format!("/deliveries/{}/retry", failed["id"].as_str().unwrap_or_default());
    assert!(all.api.post(&retry, &serde_json::json!({})).await?.status.is_success());
    all.api.wait_for_state(&webhook.id, "bad-0", "delivered").await?;
    // The old partition was dropped when fanout started; a missing one is created on demand.
    let gone = async || administrator.count(days).await.is_ok_and(|now| now == before - 1);
    testkit::wait::until(e2e::DEADLINE, "the old day to be dropped", gone).await?;
    all.api.delete_webhook(&webhook.id).await?;

    let secrets = [
        "SELECT FROM api_tokens",
        "SELECT FROM console_sessions",
        "SELECT FROM audit_entries",
        "INSERT INTO api_tokens (id) VALUES (gen_random_uuid())",
        "DELETE FROM console_sessions",
        "INSERT INTO audit_entries (id) VALUES (gen_random_uuid())",
        "UPDATE webhooks SET url = 'https://evil.example'",
        "DELETE FROM webhooks",
        "DROP TABLE deliveries",
        "CREATE TABLE mine (x int)",
        "SET ROLE webhooks_log",
        "SET ROLE webhooks_owner",
    ];
    refused(&all.site, "webhooks_sender", &secrets).await?;
    let powers = [
        "UPDATE audit_entries SET detail = ''",
        "TRUNCATE audit_entries",
        "DROP TABLE webhooks",
        "ALTER TABLE audit_entries DISABLE TRIGGER ALL",
        "CREATE TABLE mine (x int)",
        "SET ROLE webhooks_owner",
        "DELETE FROM schema_migrations",
    ];
    refused(&all.site, "webhooks_fanout", &powers).await?;
    all.finish().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_cannot_make_days_is_refused_at_the_start() -> anyhow::Result<()> {
    let (mut site, _server) = site().await?;
    site.migrate().await?;
    let administrator = site.database().await?;
    administrator
        .execute(
            "CREATE ROLE dml LOGIN PASSWORD 'pw'; GRANT USAGE ON SCHEMA public TO dml;
            GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO dml;
            GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO dml",
        )
        .await?;
    site.set("WEBHOOKS_DATABASE__URL", &url_as(&site, "dml"));
    for program in ["fanout", "sender"] {
        let mut program = site.launch(program)?;
        assert_eq!(program.wait_end(e2e::DEADLINE).await?, 1);
        assert!(
            program
                .log()
                .contains("role dml may not make the days of the delivery log"),
            "{}",
            program.log()
        );
    }
    Ok(())
}
