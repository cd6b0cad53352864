//! Load time and memory of the subscription index. Compared with merely reading the same rows with tokio-postgres.

use std::hint::black_box;
use std::pin::pin;
use std::time::Instant;

use anyhow::ensure;
use domain::{EventType, SubscriptionIndex};
use futures_util::StreamExt;
use store::Database;
use tokio_postgres::{Client, NoTls};
use uuid::Uuid;

use crate::installation;
use crate::pair::Pair;
use crate::settings::Settings;
use crate::stage::Stage;

const SUBSCRIPTIONS: u32 = 1_000_000;
const ACCOUNTS: u32 = 10_000;

/// Accounts, and the types of a webhook, in turn. The last type of the catalogue has no subscriptions.
const INSERT: &str = "INSERT INTO webhooks (id, account, name, url, event_types)
    SELECT gen_random_uuid(), 'account-' || number % $1::int, 'Benchmark', 'https://receiver.example.com/' || number,
        (SELECT array_agg(($2::text[])[1 + (number + place) % (cardinality($2::text[]) - 1)])
         FROM generate_series(1, $3::int) place)
    FROM generate_series(1, $4::int) number";

const READ: &str = "SELECT account, id, event_types FROM webhooks";

/// One shape of a million subscriptions.
pub struct IndexLoad {
    /// Webhooks that have them.
    pub webhooks: usize,
    /// Types that each subscribes to.
    pub types: u32,
    /// Seconds of each round: mere reading, and loading the index.
    pub seconds: Pair<Vec<f64>>,
    /// Memory of the index.
    pub bytes_per_subscription: f64,
}

/// Measures webhooks that subscribe to `types` types each.
///
/// # Errors
/// When the database refuses.
pub async fn run(stage: &Stage, settings: &Settings, types: u32) -> anyhow::Result<IndexLoad> {
    let url = stage.stack.create_database().await?;
    let database = installation::database(&url, stage.stack.secrets_key())?;
    database.migrate().await?;
    let (client, connection) = tokio_postgres::connect(&url, NoTls).await?;
    // Its error also reaches the next statement of the client.
    tokio::spawn(connection);
    insert(&client, types).await?;
    // The first of each is a warm-up.
    read(&client).await?;
    let (_, index) = load(&database).await?;
    let mut seconds = Pair::<Vec<f64>>::default();
    for number in 1..=settings.rounds {
        seconds.bare.push(read(&client).await?);
        seconds.product.push(load(&database).await?.0);
        eprintln!(
            "index of webhooks with {types} types, round {number} of {}",
            settings.rounds
        );
    }
    ensure!(
        index.subscriptions() == SUBSCRIPTIONS as usize,
        "{} subscriptions were loaded",
        index.subscriptions()
    );
    let bytes_per_subscription = index.heap_bytes() as f64 / index.subscriptions() as f64;
    Ok(IndexLoad {
        webhooks: index.webhooks(),
        types,
        seconds,
        bytes_per_subscription,
    })
}

async fn insert(client: &Client, types: u32) -> anyhow::Result<()> {
    // Triggers off: a million notifications would have no listener.
    client.batch_execute("SET session_replication_role = replica").await?;
    let names: Vec<&str> = EventType::all().map(EventType::name).collect();
    let accounts = i32::try_from(ACCOUNTS)?;
    let webhooks = i32::try_from(SUBSCRIPTIONS / types)?;
    client
        .execute(INSERT, &[&accounts, &names, &i32::try_from(types)?, &webhooks])
        .await?;
    Ok(client.batch_execute("VACUUM ANALYZE webhooks").await?)
}

/// Seconds to read and decode every row, and discard it.
async fn read(client: &Client) -> anyhow::Result<f64> {
    let begin = Instant::now();
    let nothing: [&str; 0] = [];
    let mut rows = pin!(client.query_raw(READ, nothing).await?);
    while let Some(row) = rows.next().await {
        let row = row?;
        black_box((row.get::<_, &str>(0), row.get::<_, Uuid>(1), row.get::<_, Vec<&str>>(2)));
    }
    Ok(begin.elapsed().as_secs_f64())
}

/// Seconds to load the index as fanout does, and the index.
async fn load(database: &Database) -> anyhow::Result<(f64, SubscriptionIndex)> {
    let begin = Instant::now();
    let mut builder = SubscriptionIndex::builder();
    database
        .subscriptions(|s| builder.add(s.account, s.webhook, s.event_types, s.conditions))
        .await?;
    let index = builder.build();
    Ok((begin.elapsed().as_secs_f64(), index))
}
