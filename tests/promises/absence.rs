//! Programs start without broker and database, wait for both, lose them again and come back, without flooding the log.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use e2e::{Api, DEADLINE, Deployment, Event, Link, Site};
use testkit::receiver::Receiver;
use testkit::wait;

const BROKER: [&str; 2] = ["broker consumer", "broker publisher"];
const DATABASE: [&str; 1] = ["database"];
/// Time limit for the work that remains at the end.
const GRACE: Duration = Duration::from_secs(25);
/// Failed tries to connect, of each program, after which one that logs each would have shown it.
const TRIES: usize = 4;

/// A deployment whose programs reach broker and database over paths that the test cuts.
struct Cuttable {
    all: Deployment,
    broker: Link,
    database: Link,
}

impl Cuttable {
    /// Both paths are cut, and the programs wait.
    async fn start() -> anyhow::Result<Self> {
        let mut site = Site::new().await?;
        site.migrate().await?;
        let (token, crm) = (site.token("acme", "admin").await?, site.crm().await?);
        let (broker, database) = (Link::to(site.vhost().url())?, Link::to(site.database_url())?);
        site.set("WEBHOOKS_AMQP__URL", broker.url());
        site.set("WEBHOOKS_DATABASE__URL", database.url());
        let (fanout, sender) = (site.launch("fanout")?, site.launch("sender")?);
        let (api, receiver) = (Api::new(fanout.api_url(), &token), Receiver::start(&site.ca).await?);
        let all = Deployment {
            fanout,
            sender,
            receiver,
            api,
            crm,
            site,
        };
        all.fanout.wait_alive().await?;
        all.sender.wait_alive().await?;
        Ok(Self { all, broker, database })
    }

    /// Both paths are open, and an event becomes a POST.
    async fn start_working() -> anyhow::Result<Self> {
        let mut cuttable = Self::start().await?;
        cuttable.database.open().await?;
        cuttable.broker.open().await?;
        cuttable.wait_ready().await?;
        cuttable.all.webhook("/", &["deal.won"]).await?;
        cuttable.check_works("before").await?;
        Ok(cuttable)
    }

    async fn wait_ready(&mut self) -> anyhow::Result<()> {
        self.all.fanout.wait_ready().await?;
        self.all.sender.wait_ready().await
    }

    /// Waits until both programs lack exactly these conditions; they live nevertheless.
    async fn wait_unmet(&self, conditions: &[&str]) -> anyhow::Result<()> {
        for program in [&self.all.fanout, &self.all.sender] {
            program.wait_unmet(conditions).await?;
            assert_eq!(program.health().await?, 200);
        }
        Ok(())
    }

    /// Where the programs' logs end now.
    fn log_ends(&self) -> [usize; 2] {
        [&self.all.fanout, &self.all.sender].map(|program| program.log_lines().len())
    }

    /// Since then both programs have warned, and said nothing twice.
    fn check_said_once(&self, since: [usize; 2]) {
        for (program, since) in [&self.all.fanout, &self.all.sender].into_iter().zip(since) {
            let lines = program.log_lines().split_off(since);
            assert!(
                lines.iter().any(|line| line.field("level") == "WARN"),
                "no warning in {lines:?}"
            );
            let mut times: BTreeMap<&str, usize> = BTreeMap::new();
            lines
                .iter()
                .for_each(|line| *times.entry(line.message()).or_default() += 1);
            assert!(times.values().all(|times| *times == 1), "{times:?}");
        }
    }

    /// An event still becomes a POST.
    async fn check_works(&self, event: &str) -> anyhow::Result<()> {
        let before = self.all.receiver.count();
        self.all.crm.publish(Event::new("deal.won", event).as_json()).await?;
        self.all.receiver.wait_for(before + 1, DEADLINE).await.map(drop)
    }
}

/// Turns away until both programs have tried often.
async fn let_them_try(link: &mut Link) -> anyhow::Result<()> {
    let before = link.turned_away();
    link.turn_away().await?;
    let tried = async || link.turned_away() >= before + 2 * TRIES;
    Ok(wait::until(DEADLINE, "tries to connect", tried).await?)
}

#[tokio::test]
async fn programs_wait_for_a_broker_that_comes_after_the_database() -> anyhow::Result<()> {
    let mut cuttable = Cuttable::start().await?;
    cuttable.wait_unmet(&[&BROKER[..], &DATABASE].concat()).await?;
    let absent = cuttable.log_ends();
    cuttable.database.open().await?;
    let_them_try(&mut cuttable.broker).await?;
    cuttable.check_said_once(absent);
    cuttable.wait_unmet(&BROKER).await?;

    cuttable.broker.open().await?;
    cuttable.wait_ready().await?;
    cuttable.all.webhook("/", &["deal.won"]).await?;
    cuttable.check_works("e").await?;
    cuttable.all.finish().await
}

#[tokio::test]
async fn programs_wait_for_a_database_that_comes_after_the_broker() -> anyhow::Result<()> {
    let mut cuttable = Cuttable::start().await?;
    cuttable.broker.open().await?;
    let_them_try(&mut cuttable.database).await?;
    cuttable.check_said_once([0, 0]);
    assert!(cuttable.all.fanout.unmet().await?.contains(&"database".to_owned()));

    cuttable.database.open().await?;
    cuttable.wait_ready().await?;
    cuttable.all.webhook("/", &["deal.won"]).await?;
    cuttable.check_works("e").await?;
    cuttable.all.finish().await
}

#[tokio::test]
async fn programs_that_lose_the_database_go_on_when_it_is_back() -> anyhow::Result<()> {
    let mut cuttable = Cuttable::start_working().await?;
    let present = cuttable.log_ends();
    cuttable.database.cut().await;
    cuttable.wait_unmet(&DATABASE).await?;
    // fanout continues with its subscription index; senders wait, since they cannot record outcomes.
    let meanwhile = Event::deals_won("meanwhile", 50);
    cuttable
        .all
        .crm
        .publish_all(meanwhile.iter().map(Event::as_json))
        .await?;
    let accepted = r#"webhook_events_consumed_total{event_type="deal.won",result="accepted"}"#;
    cuttable.all.fanout.wait_for_metric(accepted, 51.0).await?;
    let_them_try(&mut cuttable.database).await?;
    cuttable.check_said_once(present);

    cuttable.database.open().await?;
    cuttable.wait_ready().await?;
    cuttable.all.receiver.wait_for(51, DEADLINE).await?;
    cuttable.check_works("after").await?;
    assert_eq!(cuttable.all.receiver.count_by_webhook_id().len(), 52);
    cuttable.all.wait_until_emptied().await?;
    cuttable.all.finish().await
}

#[tokio::test]
async fn programs_that_lose_the_broker_go_on_when_it_is_back() -> anyhow::Result<()> {
    let mut cuttable = Cuttable::start_working().await?;
    let present = cuttable.log_ends();
    let_them_try(&mut cuttable.broker).await?;
    cuttable.wait_unmet(&BROKER).await?;
    cuttable.check_said_once(present);
    cuttable.broker.open().await?;
    cuttable.wait_ready().await?;
    cuttable.check_works("after").await?;
    cuttable.all.wait_until_emptied().await?;
    cuttable.all.finish().await
}

#[tokio::test]
async fn fanout_that_waits_for_the_broker_ends_when_it_is_told_to() -> anyhow::Result<()> {
    let mut cuttable = Cuttable::start_working().await?;
    let_them_try(&mut cuttable.broker).await?;
    cuttable.wait_unmet(&BROKER).await?;
    let told = Instant::now();
    assert_eq!(cuttable.all.fanout.stop().await?, 0);
    assert!(told.elapsed() < GRACE, "something waited for the broker");
    Ok(())
}
