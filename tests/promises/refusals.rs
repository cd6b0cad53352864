//! Programs that must not start say why, and nothing of them is seen before.

use std::net::TcpListener;

use e2e::Site;
use lapin::options::QueueDeclareOptions;
use lapin::types::{AMQPValue, FieldTable};

const PROGRAMS: [&str; 2] = ["fanout", "sender"];

/// `serve` ends by itself, with this status and all of these words on standard error.
async fn check_refusal(site: &Site, program: &str, status: i32, words: &[&str]) -> anyhow::Result<()> {
    let ended = site.run(program, &["serve"]).await?;
    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(status), "{program}: {said}");
    for word in words {
        assert!(said.contains(word), "{program} does not say {word:?}: {said}");
    }
    Ok(())
}

#[tokio::test]
async fn no_program_starts_on_a_schema_that_it_does_not_know() -> anyhow::Result<()> {
    let mut site = Site::new().await?;
    site.set("WEBHOOKS_HTTP__LISTEN", "127.0.0.1:0");
    site.set("WEBHOOKS_TELEMETRY__LISTEN", "127.0.0.1:0");
    for program in PROGRAMS {
        check_refusal(&site, program, 1, &["fanout migrate"]).await?;
    }
    site.migrate().await?;
    let future = "INSERT INTO schema_migrations (version, name) VALUES (999, 'from the future')";
    site.database().await?.execute(future).await?;
    for program in PROGRAMS {
        check_refusal(&site, program, 1, &["999"]).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_wrong_configuration_is_named_before_any_port_is_bound() -> anyhow::Result<()> {
    // Whoever tried to listen on these ports would fail for that reason.
    let (api, telemetry) = (TcpListener::bind("127.0.0.1:0")?, TcpListener::bind("127.0.0.1:0")?);
    let cases = [
        ("WEBHOOKS_RETRY__DELAYS", "soon"),
        ("WEBHOOKS_RETRY__DELAYS", "5m,1m"),
        ("WEBHOOKS_RETRI__DELAYS", "1m"),
        ("WEBHOOKS_AMQP__URL", ""),
        ("WEBHOOKS_AMQP__URL", "https://broker"),
        ("WEBHOOKS_DATABASE__URL", "mysql://user:hidden-password@host/name"),
        ("WEBHOOKS_SECRETS__KEY", "c2hvcnQ="),
        ("WEBHOOKS_EGRESS__ALLOW_NETWORKS", "everywhere"),
        ("WEBHOOKS_EGRESS__CA_FILE", "/there/is/no/such/file"),
    ];
    for (variable, value) in cases {
        let mut site = Site::new().await?;
        site.set("WEBHOOKS_HTTP__LISTEN", &api.local_addr()?.to_string());
        site.set("WEBHOOKS_TELEMETRY__LISTEN", &telemetry.local_addr()?.to_string());
        site.set(variable, value);
        for program in PROGRAMS {
            check_refusal(&site, program, 2, &[variable]).await?;
            let checked = site.run(program, &["config", "check"]).await?;
            assert_eq!(checked.status.code(), Some(2), "{variable}={value}");
            assert!(!String::from_utf8_lossy(&checked.stderr).contains("hidden-password"));
        }
    }
    Ok(())
}

/// The arguments of one of our queues, with one of them changed.
fn arguments(changed: &str, value: i64) -> FieldTable {
    let text = |text: &str| AMQPValue::LongString(text.into());
    let mut table = FieldTable::default();
    for (name, value) in [
        ("x-queue-type", text("quorum")),
        ("x-dead-letter-exchange", text("")),
        ("x-dead-letter-strategy", text("at-least-once")),
        ("x-overflow", text("reject-publish")),
        (changed, AMQPValue::LongLongInt(value)),
    ] {
        table.insert(name.into(), value);
    }
    table
}

#[tokio::test]
async fn a_queue_with_other_arguments_is_named_and_left_alone() -> anyhow::Result<()> {
    let limit = (
        "webhooks.deliveries",
        "webhooks.deliveries.rejected",
        "x-delivery-limit",
    );
    let bulk = (
        "webhooks.deliveries.bulk",
        "webhooks.deliveries.rejected",
        "x-delivery-limit",
    );
    let delay = ("webhooks.retry.1m", "webhooks.deliveries", "x-message-ttl");
    for (queue, dead_lettered_to, argument) in [limit, bulk, delay] {
        let mut site = Site::new().await?;
        site.migrate().await?;
        site.set("WEBHOOKS_HTTP__LISTEN", "127.0.0.1:0");
        site.set("WEBHOOKS_TELEMETRY__LISTEN", "127.0.0.1:0");
        let mut arguments = arguments(argument, 1000);
        arguments.insert(
            "x-dead-letter-routing-key".into(),
            AMQPValue::LongString(dead_lettered_to.into()),
        );
        let crm = site.crm().await?;
        crm.channel()
            .queue_declare(queue.into(), QueueDeclareOptions::durable(), arguments)
            .await?;
        for program in PROGRAMS {
            check_refusal(&site, program, 1, &[queue, argument]).await?;
        }
        assert_eq!(site.vhost().ready(queue).await?, Some(0), "the queue is still there");
    }
    Ok(())
}
