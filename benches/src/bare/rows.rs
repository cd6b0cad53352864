//! One row for each delivery, by COPY, over a few connections side by side.

use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;

use anyhow::Context;
use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, NoTls};
use uuid::Uuid;

use crate::pipeline::DeliveryLog;

/// Connections that write at the same time, so that commits share their flushes to disk; as many as the product's pool.
const CONNECTIONS: usize = 8;
/// Rows that wait for one of them.
const QUEUE: usize = 1024;

const CREATE_TABLE: &str = "CREATE TABLE deliveries (
    id          uuid        PRIMARY KEY,
    account     text        NOT NULL,
    webhook     integer     NOT NULL,
    payload     bytea       NOT NULL,
    status      smallint    NOT NULL,
    received_at timestamptz NOT NULL,
    posted_at   timestamptz NOT NULL
)";

const COPY: &str =
    "COPY deliveries (id, account, webhook, payload, status, received_at, posted_at) FROM STDIN (FORMAT binary)";

const TYPES: [Type; 7] = [
    Type::UUID,
    Type::TEXT,
    Type::INT4,
    Type::BYTEA,
    Type::INT2,
    Type::TIMESTAMPTZ,
    Type::TIMESTAMPTZ,
];

/// A delivery that was made.
#[derive(Debug)]
pub struct Row {
    /// Its id.
    pub id: Uuid,
    /// Whom it was for.
    pub webhook: u32,
    /// What was posted.
    pub payload: Bytes,
    /// How it was answered.
    pub status: i16,
    /// When it was taken from the broker.
    pub received_at: SystemTime,
    /// When it was answered.
    pub posted_at: SystemTime,
}

/// Writes rows.
pub struct Writers {
    queues: Vec<mpsc::Sender<Pending>>,
    next: AtomicUsize,
}

/// A row, and who waits until it is committed.
type Pending = (Row, oneshot::Sender<()>);

/// Creates the table.
///
/// # Errors
/// When the database refuses.
pub async fn create_table(database_url: &str) -> anyhow::Result<()> {
    Ok(connect(database_url).await?.batch_execute(CREATE_TABLE).await?)
}

/// How the rows are counted.
pub fn log(database_url: &str) -> DeliveryLog {
    DeliveryLog {
        database_url: database_url.to_owned(),
        count: "SELECT count(*) FROM deliveries WHERE status = 200",
    }
}

impl Writers {
    /// Connects. Each writer takes at most `rows` at once; the first failure is told through `failed`.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn start(database_url: &str, rows: usize, failed: &mpsc::Sender<anyhow::Error>) -> anyhow::Result<Self> {
        let mut queues = Vec::new();
        for _ in 0..CONNECTIONS {
            let client = connect(database_url).await?;
            let (queue, waiting) = mpsc::channel(QUEUE);
            let failed = failed.clone();
            tokio::spawn(async move {
                if let Err(error) = write_all(&client, waiting, rows).await {
                    // One failure ends the part, without waiting for the others.
                    let _ = failed.try_send(error);
                }
            });
            queues.push(queue);
        }
        Ok(Self {
            queues,
            next: AtomicUsize::new(0),
        })
    }

    /// Hands a row to the next writer in turn and returns once it is committed.
    ///
    /// # Errors
    /// When the writer has failed.
    pub async fn write(&self, row: Row) -> anyhow::Result<()> {
        let next = self.next.fetch_add(1, Ordering::Relaxed) % self.queues.len();
        let (committed, is_committed) = oneshot::channel();
        self.queues[next]
            .send((row, committed))
            .await
            .ok()
            .context("a writer has ended")?;
        is_committed.await.context("a writer has ended")
    }
}

async fn write_all(client: &Client, mut waiting: mpsc::Receiver<Pending>, rows: usize) -> anyhow::Result<()> {
    let copy = client.prepare(COPY).await?;
    let mut batch = Vec::with_capacity(rows);
    while waiting.recv_many(&mut batch, rows).await > 0 {
        let mut writer = pin!(BinaryCopyInWriter::new(client.copy_in(&copy).await?, &TYPES));
        for (row, _) in &batch {
            let account = "bench";
            let webhook = i32::try_from(row.webhook)?;
            let payload = row.payload.as_ref();
            let Row {
                id,
                status,
                received_at,
                posted_at,
                ..
            } = row;
            writer
                .as_mut()
                .write(&[id, &account, &webhook, &payload, status, received_at, posted_at])
                .await?;
        }
        writer.finish().await?;
        for (_, committed) in batch.drain(..) {
            // The caller is gone when the part ends.
            let _ = committed.send(());
        }
    }
    Ok(())
}

async fn connect(database_url: &str) -> anyhow::Result<Client> {
    let (client, connection) = tokio_postgres::connect(database_url, NoTls).await?;
    // Its error also reaches the next statement of the client.
    tokio::spawn(connection);
    Ok(client)
}
