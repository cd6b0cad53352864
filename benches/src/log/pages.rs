//! Reading the log as the API and the console do, compared with a bare read of one page of one day.

use std::hint::black_box;
use std::time::Instant;

use anyhow::Context;
use domain::{DeliveryState, EventType};
use jiff::{Timestamp, ToSpan};
use store::Database;
use store::delivery_log::{Filter, Place};
use store::stats::Window;
use strum::{IntoStaticStr, VariantArray};
use tokio_postgres::{NoTls, Row};

use super::subject::{DAYS, Subject, days};
use crate::quantile::Times;

/// Reads of each kind.
const READS: usize = 200;
/// Small webhooks, read in turn.
const SMALL: usize = 20;
/// Lines of a page, and one more that says whether there is another.
const LINES: i64 = 26;
/// Which page is read by its cursor.
const DEEP: usize = 100;

const BARE: &str = "SELECT id, webhook_id, event_id, event_type, state, test, attempts, http_status, error,
        response_time_ms, created_at, updated_at, next_attempt_at
    FROM deliveries WHERE webhook_id = $1 AND created_on = $2 ORDER BY created_at DESC, id DESC LIMIT $3";

/// What is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr, VariantArray)]
pub enum Page {
    /// The newest.
    #[strum(serialize = "first page")]
    First,
    /// The hundredth, by its cursor.
    #[strum(serialize = "page 100")]
    Deep,
    /// The newest that failed: one of 25.
    #[strum(serialize = "failed")]
    Failed,
    /// The newest of a type of which there is one of 1,000.
    #[strum(serialize = "rare type")]
    Rare,
    /// Those of the rare type that failed.
    #[strum(serialize = "rare type, failed")]
    RareFailed,
    /// Those of two days.
    #[strum(serialize = "two days")]
    Between,
    /// The chart's numbers of a day.
    #[strum(serialize = "stats of 24 h")]
    StatsOfDay,
    /// The chart's numbers of a month.
    #[strum(serialize = "stats of 30 d")]
    StatsOfMonth,
}

/// How long reads took: of the webhook with a fifth of the log, and of twenty with a thousandth each.
pub struct Pages {
    /// One page of today, with tokio-postgres alone.
    pub bare: [Times; 2],
    /// Through the store.
    pub read: Vec<(Page, [Times; 2])>,
}

/// A webhook whose log is read, and the place of its hundredth page.
struct Reader {
    subject: Subject,
    deep: Place,
}

impl Page {
    async fn read(self, database: &Database, reader: &Reader, number: usize) -> anyhow::Result<()> {
        let Subject { account, webhook } = &reader.subject;
        let window = match self {
            Self::StatsOfDay => Window::Day,
            Self::StatsOfMonth => Window::Month,
            _ => {
                black_box(
                    database
                        .deliveries(account, *webhook, &self.filter(reader, number)?, LINES)
                        .await?,
                );
                return Ok(());
            }
        };
        black_box(database.webhook_stats(account, *webhook, window).await?);
        Ok(())
    }

    fn filter(self, reader: &Reader, number: usize) -> anyhow::Result<Filter> {
        let failed = Some(DeliveryState::Failed);
        let rare = EventType::all().last().map(|event_type| event_type.name().to_owned());
        Ok(match self {
            Self::Deep => Filter {
                place: reader.deep,
                ..Filter::default()
            },
            Self::Failed => Filter {
                state: failed,
                ..Filter::default()
            },
            Self::Rare => Filter {
                event_type: rare,
                ..Filter::default()
            },
            Self::RareFailed => Filter {
                state: failed,
                event_type: rare,
                ..Filter::default()
            },
            Self::Between => {
                let days_ago = i64::try_from(number)? % (DAYS - 3) + 1;
                let until = Timestamp::now().checked_sub((days_ago * 24).hours())?;
                Filter {
                    since: Some(until.checked_sub(48.hours())?),
                    until: Some(until),
                    ..Filter::default()
                }
            }
            Self::First | Self::StatsOfDay | Self::StatsOfMonth => Filter::default(),
        })
    }
}

/// Measures every kind, of the big webhook and of small ones.
pub async fn run(url: &str, database: &Database, subjects: &[Subject]) -> anyhow::Result<Pages> {
    let sizes = [
        readers(database, &subjects[..1]).await?,
        readers(database, &subjects[1..=SMALL]).await?,
    ];
    let bare = [bare(url, &sizes[0]).await?, bare(url, &sizes[1]).await?];
    let mut read = Vec::new();
    for page in Page::VARIANTS.iter().copied() {
        let mut times = [Times::default(); 2];
        for (times, readers) in times.iter_mut().zip(&sizes) {
            *times = time(database, page, readers).await?;
        }
        read.push((page, times));
    }
    Ok(Pages { bare, read })
}

async fn time(database: &Database, page: Page, readers: &[Reader]) -> anyhow::Result<Times> {
    let mut milliseconds = Vec::new();
    for number in 0..READS {
        let begin = Instant::now();
        page.read(database, &readers[number % readers.len()], number).await?;
        milliseconds.push(begin.elapsed().as_secs_f64() * 1000.0);
    }
    Ok(Times::of(milliseconds))
}

async fn bare(url: &str, readers: &[Reader]) -> anyhow::Result<Times> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    // Its error also reaches the next statement of the client.
    tokio::spawn(connection);
    let statement = client.prepare(BARE).await?;
    let today = *days().last().context("there are days")?;
    let mut milliseconds = Vec::new();
    for number in 0..READS {
        let begin = Instant::now();
        let webhook = readers[number % readers.len()].subject.webhook.0;
        let rows = client.query(&statement, &[&webhook, &today, &LINES]).await?;
        rows.iter().for_each(decode);
        milliseconds.push(begin.elapsed().as_secs_f64() * 1000.0);
    }
    Ok(Times::of(milliseconds))
}

fn decode(row: &Row) {
    black_box((
        row.get::<_, uuid::Uuid>("id"),
        row.get::<_, String>("event_id"),
        row.get::<_, String>("event_type"),
    ));
    black_box((
        row.get::<_, Timestamp>("created_at"),
        row.get::<_, Timestamp>("updated_at"),
    ));
}

async fn readers(database: &Database, subjects: &[Subject]) -> anyhow::Result<Vec<Reader>> {
    let mut readers = Vec::new();
    for subject in subjects {
        readers.push(Reader {
            subject: subject.clone(),
            deep: place_of_deep(database, subject).await?,
        });
    }
    Ok(readers)
}

/// Goes there page by page, as people do.
async fn place_of_deep(database: &Database, subject: &Subject) -> anyhow::Result<Place> {
    let mut filter = Filter::default();
    for _ in 1..DEEP {
        let page = database
            .deliveries(&subject.account, subject.webhook, &filter, LINES - 1)
            .await?;
        let Some(last) = page.last() else { break };
        filter.place = Place::After(last.created_at, last.id);
    }
    Ok(filter.place)
}
