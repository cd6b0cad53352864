//! The cost of many held deliveries of one webhook: the list of webhooks while they exist, and their release.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use domain::{AccountName, WebhookId};
use http::StatusCode;
use serde_json::json;
use store::bearer::Who;
use store::tokens::{NewToken, Role};
use testkit::http::Client;
use tokio::time::sleep;
use tokio_postgres::NoTls;

use crate::event::{EVENT_BYTES, event_type};
use crate::installation::{Installation, admin, peaks};
use crate::pair::Pair;
use crate::quantile::Times;
use crate::receiver::{Conduct, Counts, Expect, Question};
use crate::settings::Settings;
use crate::stage::Stage;

/// Held deliveries.
pub const HELD: u32 = 200_000;
/// The configured release rate.
pub const PER_SECOND: u32 = 1000;
/// Webhooks of the account: a page of the list.
pub const WEBHOOKS: u32 = 25;

/// Requests for the list.
const REQUESTS: usize = 200;
/// Rows that one statement holds, as a busy sender does.
const BATCH: u32 = 500;
/// From the resume to the first and to the second look.
const EARLY: Duration = Duration::from_secs(20);
const LATE: Duration = Duration::from_secs(60);
const ANSWER: Duration = Duration::from_secs(30);

/// Deliveries as senders hold them, with the stamps that the receiver knows them by.
const HOLD: &str = r#"WITH held AS (
        INSERT INTO deliveries (id, created_on, account, webhook_id, event_id, event_type, state, attempts, step,
            payload, created_at, updated_at)
        SELECT gen_random_uuid(), (at AT TIME ZONE 'UTC')::date, $1::text, $2::uuid, 'held-' || number, $3::text, 'held', 0, 0,
            convert_to(format('{"type":"%s","id":"held-%s","data":{"stamp":"%s.%s.%s","note":"%s"}}', $3::text, number,
                lpad($4::bigint::text, 10, '0'), lpad(number::text, 10, '0'), repeat('0', 20), repeat('n', $5::int)),
                'UTF8'),
            at, now()
        FROM generate_series($6::int, $7::int) AS number,
            LATERAL (SELECT now() - interval '1 hour' + number * interval '10 ms' AS at) AS accepted
        RETURNING id, created_on, created_at, webhook_id
    )
    INSERT INTO waiting_deliveries (delivery_id, created_on, created_at, webhook_id, trigger, held)
    SELECT id, created_on, created_at, webhook_id, 'resume', true FROM held"#;

/// What was measured.
pub struct Held {
    /// The list with nothing held (bare), and with all of it.
    pub list: Pair<Times>,
    /// The list while they are released.
    pub list_while_released: Times,
    /// Deliveries removed from the outbox, per second.
    pub released_per_second: f64,
    /// Deliveries that arrived, per second.
    pub arrived_per_second: f64,
    /// Deliveries that arrived more than once.
    pub repeats: u32,
    /// By program, the most memory ever held at the first look (bare) and at the second, in bytes.
    pub peak_memory: BTreeMap<&'static str, Pair<u64>>,
}

/// A webhook that is paused, with the API that it is managed by.
struct Paused {
    account: AccountName,
    webhook: WebhookId,
    api: Client,
}

/// Measures it.
///
/// # Errors
/// When something fails.
pub async fn run(stage: &mut Stage, settings: &Settings, next_run: &mut u32) -> anyhow::Result<Held> {
    let run = *next_run;
    *next_run += 1;
    let mut installation = Installation::create(stage, stage.stack.create_vhost().await?.url()).await?;
    installation.set("WEBHOOKS_RELEASE__PER_SECOND", &PER_SECOND.to_string());
    installation.set("WEBHOOKS_API__PER_MINUTE", "0");
    let mut programs = vec![installation.start("fanout").await?];
    for _ in 0..settings.senders {
        programs.push(installation.start("sender").await?);
    }
    let paused = pause_one(&installation, programs[0].api.clone()).await?;
    let expect = Expect {
        run,
        events: HELD,
        webhooks: 1,
    };
    let () = stage.receiver.ask(&Question::Expect(expect), ANSWER).await?;
    let nothing_held = list(&paused.api).await?;
    hold(&installation, &paused, run).await?;
    ensure!(paused.held().await? == HELD, "the triggers did not count what is held");
    let all_held = list(&paused.api).await?;
    eprintln!("held: {HELD} deliveries of one webhook are held; the list was asked for");
    let resumed = paused
        .api
        .post(&format!("/api/v1/webhooks/{}/resume", paused.webhook), &json!({}))
        .await?;
    ensure!(
        resumed.status == StatusCode::OK,
        "the webhook was not resumed: {}",
        resumed.text()
    );
    let begin = Instant::now();
    sleep(EARLY).await;
    let early = peaks(&programs);
    let list_while_released = list(&paused.api).await?;
    sleep(LATE.saturating_sub(begin.elapsed())).await;
    let counts: Counts = stage.receiver.ask(&Question::Count, ANSWER).await?;
    let seconds = begin.elapsed().as_secs_f64();
    let left = paused.held().await?;
    let late = peaks(&programs);
    for mut program in programs {
        program.service.kill_nine()?;
    }
    Ok(Held {
        list: Pair {
            bare: nothing_held,
            product: all_held,
        },
        list_while_released,
        released_per_second: f64::from(HELD - left) / seconds,
        arrived_per_second: f64::from(counts.arrived) / seconds,
        repeats: counts.repeats,
        peak_memory: early
            .into_iter()
            .map(|(name, early)| {
                (
                    name,
                    Pair {
                        bare: early,
                        product: late[name],
                    },
                )
            })
            .collect(),
    })
}

/// A page of webhooks, the first of which is paused.
async fn pause_one(installation: &Installation, api: String) -> anyhow::Result<Paused> {
    let account: AccountName = "bench".parse()?;
    let webhook = installation.add_webhook(&account, Conduct::Answers(0)).await?;
    for number in 1..WEBHOOKS {
        installation.add_webhook(&account, Conduct::Answers(number)).await?;
    }
    installation
        .database
        .pause_webhook(&admin(&account), webhook)
        .await?
        .context("the webhook was just added")?;
    let new = NewToken {
        account: Some(&account),
        role: Role::Admin,
        name: "bench",
        expires_at: None,
    };
    let created = installation.database.create_token(&Who::Operator, &new).await?;
    Ok(Paused {
        account,
        webhook,
        api: Client::new(api).with_bearer(created.text.expose()),
    })
}

async fn hold(installation: &Installation, paused: &Paused, run: u32) -> anyhow::Result<()> {
    let (client, connection) = tokio_postgres::connect(&installation.database_url, NoTls).await?;
    // Its error also reaches the next statement of the client.
    tokio::spawn(connection);
    let statement = client.prepare(HOLD).await?;
    let run = i64::from(run);
    let padding = i32::try_from(EVENT_BYTES)?;
    for from in (0..HELD).step_by(BATCH as usize) {
        let (from, to) = (i32::try_from(from)?, i32::try_from(from + BATCH - 1)?);
        let account = paused.account.as_str();
        let webhook = &paused.webhook.0;
        client
            .execute(
                &statement,
                &[&account, webhook, &event_type().name(), &run, &padding, &from, &to],
            )
            .await?;
    }
    Ok(())
}

impl Paused {
    /// Its held deliveries, by the API.
    async fn held(&self) -> anyhow::Result<u32> {
        let webhook = self
            .api
            .get(&format!("/api/v1/webhooks/{}", self.webhook))
            .await?
            .json()?;
        Ok(webhook["held"]
            .as_u64()
            .with_context(|| format!("a webhook has a number held: {webhook}"))?
            .try_into()?)
    }
}

/// Asks for the first page of the list, again and again.
async fn list(api: &Client) -> anyhow::Result<Times> {
    let mut milliseconds = Vec::new();
    for _ in 0..REQUESTS {
        let begin = Instant::now();
        let page = api.get("/api/v1/webhooks").await?;
        milliseconds.push(begin.elapsed().as_secs_f64() * 1000.0);
        ensure!(
            page.status == StatusCode::OK,
            "the list was not answered: {}",
            page.text()
        );
    }
    Ok(Times::of(milliseconds))
}
