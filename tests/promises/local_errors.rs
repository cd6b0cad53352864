//! Local errors are charged to no webhook: deliveries are deferred and sent once the fault is over. Failures of
//! receivers are told apart from them.

use std::collections::BTreeMap;

use e2e::{DEADLINE, Deployment, Event, Site};
use serde_json::json;
use testkit::name_server::{DnsReply, NameServer};
use testkit::receiver::Receiver;
use testkit::servers::free_ports;
use testkit::wait;

const EVENTS: usize = 12;
const LOCAL: &str = "webhook_delivery_attempts_total{outcome=\"local_error\",trigger=\"event\"}";

async fn states(all: &Deployment) -> BTreeMap<String, i64> {
    let Ok(database) = all.site.database().await else {
        return BTreeMap::new();
    };
    database.deliveries_by_state().await.unwrap_or_default()
}

async fn wait_for_state_of_all(all: &Deployment, state: &str, count: usize) -> anyhow::Result<()> {
    let expected = BTreeMap::from([(state.to_owned(), i64::try_from(count)?)]);
    wait::until(DEADLINE, format!("{count} deliveries {state}"), async || {
        states(all).await == expected
    })
    .await?;
    Ok(())
}

/// More deliveries than auto-pause needs, of which none fails.
async fn check_that_nobody_is_charged(all: &Deployment, webhook: &str) -> anyhow::Result<()> {
    all.crm
        .publish_all(Event::deals_won("e", EVENTS).iter().map(Event::as_json))
        .await?;
    wait_for_state_of_all(all, "queued", EVENTS).await?;
    assert!(all.sender.metric(LOCAL).await? >= 1.0);
    let seen = all.api.webhook(webhook).await?;
    assert_eq!(
        (&seen["status"], &seen["consecutive_failures"]),
        (&json!("active"), &json!(0))
    );
    assert!(all.api.notifications().await?.is_empty());
    all.sender.wait_unmet(&["egress"]).await
}

#[tokio::test]
async fn while_the_egress_proxy_is_away_nothing_fails_and_all_goes_out_afterwards() -> anyhow::Result<()> {
    let [nobody] = free_ports();
    let mut all = Deployment::with(&[
        ("WEBHOOKS_EGRESS__PROXY", &format!("http://127.0.0.1:{nobody}")),
        ("WEBHOOKS_RETRY__DELAYS", "1s,2s"),
    ])
    .await?;
    let webhook = all.webhook("/", &["deal.won"]).await?;
    check_that_nobody_is_charged(&all, &webhook.id).await?;
    assert_eq!(all.sender.stop().await?, 0);
    all.site.set("WEBHOOKS_EGRESS__PROXY", "");
    all.sender = all.site.sender().await?;
    wait_for_state_of_all(&all, "delivered", EVENTS).await?;
    assert_eq!(all.receiver.count(), EVENTS);
    all.wait_until_emptied().await?;
    all.finish().await
}

/// As many receivers as make it certain that it is not them.
const HOSTS: [&str; 3] = ["one.example.com", "two.example.com", "three.example.com"];
/// Resolves as long as anything does.
const WITNESS: &str = "witness.example.com";
const BAD: &str = "bad.example.com";

#[tokio::test]
async fn a_zone_that_fails_is_the_receivers_and_name_servers_that_resolve_nothing_are_ours() -> anyhow::Result<()> {
    let names = NameServer::start().await?;
    let well = DnsReply::addresses(["127.0.0.1"]).ttl(1);
    names.answer(WITNESS, well.clone());
    names.answer(BAD, DnsReply::servfail());
    let mut site = Site::new().await?;
    site.set("WEBHOOKS_EGRESS__NAME_SERVERS", &names.address().to_string());
    site.set("WEBHOOKS_RETRY__DELAYS", "1s,2s,1h");
    let all = Deployment::at(site).await?;
    let identity = all.site.ca.issue(&[HOSTS[0], HOSTS[1], HOSTS[2], WITNESS, BAD]);
    let receiver = Receiver::builder(&all.site.ca).identity(identity).start().await?;
    for host in HOSTS {
        all.webhook_at(&receiver.url_as(host, "/"), &["deal.won"]).await?;
    }
    all.webhook_at(&receiver.url_as(WITNESS, "/"), &["contact.created"])
        .await?;
    let bad = all.webhook_at(&receiver.url_as(BAD, "/"), &["invoice.paid"]).await?;
    all.crm
        .publish(Event::new("contact.created", "first").as_json())
        .await?;
    receiver.wait_for(1, DEADLINE).await?;
    all.crm.publish(Event::new("invoice.paid", "zone").as_json()).await?;
    let retried = all
        .api
        .wait_for_delivery(&bad.id, "zone", |it| it["state"] == "retrying")
        .await?;
    assert_eq!(
        retried["attempts"][0]["outcome"], "dns_error",
        "the zone of one receiver fails"
    );

    names.answer_everything(DnsReply::servfail());
    all.crm
        .publish_all(Event::deals_won("e", EVENTS).iter().map(Event::as_json))
        .await?;
    let delivered = i64::try_from(EVENTS * HOSTS.len())?;
    let waiting = async || {
        states(&all)
            .await
            .get("queued")
            .is_some_and(|count| *count >= delivered / 2)
    };
    wait::until(DEADLINE, "deliveries to wait", waiting).await?;
    all.sender.wait_unmet(&["egress"]).await?;

    names.answer_everything(well);
    let gone_out = async || {
        states(&all)
            .await
            .get("delivered")
            .is_some_and(|count| *count > delivered)
    };
    wait::until(DEADLINE, "everything to go out", gone_out).await?;
    let webhooks = all.api.get("/webhooks").await?;
    let failed = webhooks["data"]
        .as_array()
        .into_iter()
        .flatten()
        .any(|it| it["consecutive_failures"] != json!(0));
    assert!(!failed && all.api.notifications().await?.is_empty(), "{webhooks}");
    all.wait_until_emptied().await?;
    all.finish().await
}
