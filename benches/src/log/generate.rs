//! Making a log of millions of deliveries, in SQL.

use std::time::Instant;

use anyhow::Context;
use domain::{EventType, WebhookId};
use futures_util::{StreamExt, TryStreamExt, stream};
use jiff::civil::Date;
use jiff::{Timestamp, tz::TimeZone};
use tokio_postgres::{Client, NoTls};
use uuid::Uuid;

use super::subject::{Subject, WEBHOOKS, days};

/// Webhooks of one account.
const PER_ACCOUNT: usize = 10;
/// Days made at once, each over a connection of its own.
const AT_ONCE: usize = 2;

const ADD_WEBHOOKS: &str = "INSERT INTO webhooks (id, account, name, url, event_types)
    SELECT id, account, 'Benchmark', 'https://receiver.example.com/', $3::text[]
    FROM unnest($1::uuid[], $2::text[]) AS given (id, account)";

/// 95 of 100 are delivered, four failed. One of 1,000 is of the last type, the others of the types before it alike.
const ADD_DAY: &str = r#"INSERT INTO deliveries (id, created_on, account, webhook_id, event_id, event_type, state, attempts,
        step, http_status, response_time_ms, payload, created_at, updated_at, next_attempt_at)
    SELECT gen_random_uuid(), $1::date, ($2::text[])[webhook], ($3::uuid[])[webhook], 'event-' || number,
        ($4::text[])[type], state, CASE state WHEN 'failed' THEN 4 ELSE 1 END, CASE state WHEN 'failed' THEN 3 ELSE 0 END,
        CASE state WHEN 'delivered' THEN 200 ELSE 503 END, 12,
        convert_to(format('{"type":"%s","id":"event-%s","data":{"note":"%s"}}', ($4::text[])[type], number,
            repeat('n', 140)), 'UTF8'),
        at, at, CASE state WHEN 'retrying' THEN at + interval '1 minute' END
    FROM (SELECT number,
            CASE WHEN random() < 0.2 THEN 1 ELSE 2 + floor(random() * (cardinality($3::uuid[]) - 1))::int END AS webhook,
            CASE WHEN random() < 0.001 THEN cardinality($4::text[])
                ELSE 1 + floor(random() * (cardinality($4::text[]) - 1))::int END AS type,
            (ARRAY['delivered', 'failed', 'retrying'])[
                width_bucket(random(), ARRAY[0, 0.95, 0.99]::float8[])] AS state,
            $1::date::timestamp AT TIME ZONE 'UTC' + make_interval(secs => $5::float8 * number / $6) AS at
        FROM generate_series(1, $6::int) AS number) AS drawn"#;

/// Only of the day that will be removed: pages do not read them.
const ADD_ATTEMPTS: &str = "INSERT INTO attempts (delivery_id, created_on, number, trigger, at, outcome, http_status,
        response_time_ms)
    SELECT id, created_on, 1, 'event', created_at, 'success', 200, 12 FROM deliveries WHERE created_on = $1";

const ADD_COUNTS: &str = "INSERT INTO attempt_counts (webhook_id, hour, delivered, failed, retried, response_time_ms)
    SELECT webhook, hour, 7, 1, 1, 108 FROM unnest($1::uuid[]) AS webhook, generate_series(
        date_trunc('hour', now()) - make_interval(hours => $2 - 1), date_trunc('hour', now()), interval '1 hour') AS hour";

const BYTES: &str = "SELECT sum(pg_total_relation_size(inhrelid))::bigint FROM pg_inherits
    WHERE inhparent = 'deliveries'::regclass";

/// Makes `rows` deliveries. Returns the webhooks they are of, the seconds that took and the bytes they take.
pub async fn generate(url: &str, rows: u32) -> anyhow::Result<(Vec<Subject>, (f64, u64))> {
    let begin = Instant::now();
    let client = connect(url).await?;
    let subjects = add_webhooks(&client).await?;
    let days = days();
    for day in &days {
        client.execute("SELECT create_log_partitions($1)", &[day]).await?;
    }
    let rows_a_day = i32::try_from(rows as usize / days.len())?;
    let adding = stream::iter(&days).map(|day| add_day(url, *day, rows_a_day, &subjects));
    adding
        .buffer_unordered(AT_ONCE)
        .try_for_each(|()| async { Ok(()) })
        .await?;
    client.execute(ADD_ATTEMPTS, &[&days[0]]).await?;
    client
        .execute(ADD_COUNTS, &[&ids(&subjects), &i32::try_from(days.len() * 24)?])
        .await?;
    // What autovacuum would do over time; and pending writes must not happen during the measurement.
    for statement in [
        "VACUUM (ANALYZE) deliveries, attempts, attempt_counts, webhooks",
        "CHECKPOINT",
    ] {
        client.batch_execute(statement).await?;
    }
    let bytes: i64 = client.query_one(BYTES, &[]).await?.get(0);
    Ok((subjects, (begin.elapsed().as_secs_f64(), u64::try_from(bytes)?)))
}

/// A connection whose statements are not waited for until they are on disk.
async fn connect(url: &str) -> anyhow::Result<Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    // Its error also reaches the next statement of the client.
    tokio::spawn(connection);
    client.batch_execute("SET synchronous_commit = off").await?;
    Ok(client)
}

async fn add_webhooks(client: &Client) -> anyhow::Result<Vec<Subject>> {
    let subject = |number: usize| {
        let account = format!("bench-{}", number / PER_ACCOUNT).parse()?;
        anyhow::Ok(Subject {
            account,
            webhook: WebhookId::generate(),
        })
    };
    let subjects: Vec<Subject> = (0..WEBHOOKS).map(subject).collect::<Result<_, _>>()?;
    client
        .execute(ADD_WEBHOOKS, &[&ids(&subjects), &accounts(&subjects), &types()])
        .await?;
    Ok(subjects)
}

/// Evenly over the day, or over what has passed of it.
async fn add_day(url: &str, day: Date, rows: i32, subjects: &[Subject]) -> anyhow::Result<()> {
    let client = connect(url).await?;
    let passed = Timestamp::now().duration_since(day.to_zoned(TimeZone::UTC)?.timestamp());
    let seconds = passed.as_secs_f64().min(86_399.0);
    let accounts = accounts(subjects);
    let ids = ids(subjects);
    let added = client
        .execute(ADD_DAY, &[&day, &accounts, &ids, &types(), &seconds, &rows])
        .await;
    added.with_context(|| format!("deliveries of {day}"))?;
    Ok(())
}

fn ids(subjects: &[Subject]) -> Vec<Uuid> {
    subjects.iter().map(|subject| subject.webhook.0).collect()
}

fn accounts(subjects: &[Subject]) -> Vec<&str> {
    subjects.iter().map(|subject| subject.account.as_str()).collect()
}

fn types() -> Vec<&'static str> {
    EventType::all().map(EventType::name).collect()
}
