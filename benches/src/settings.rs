//! What the environment asks for.

use std::env;

use anyhow::{Context, bail, ensure};

/// How much is measured.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Deliveries of a round of the throughput sections.
    pub events: u32,
    /// Rounds of each side.
    pub rounds: usize,
    /// Seconds of a latency round.
    pub seconds: u32,
    /// Sender processes, and processes of the bare second hop.
    pub senders: usize,
    /// Most rows that the bare second hop writes at once. With 1, the default, it batches none.
    pub bare_rows: usize,
    /// The only section to run.
    only: Option<Section>,
}

/// A part of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    /// One webhook matches each event.
    Throughput,
    /// Ten webhooks match each event.
    Fanout10,
    /// Publish to POST, at a modest rate.
    Latency,
    /// From the database to the matching index.
    Index,
}

impl Section {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "throughput" => Some(Self::Throughput),
            "fanout10" => Some(Self::Fanout10),
            "latency" => Some(Self::Latency),
            "index" => Some(Self::Index),
            _ => None,
        }
    }
}

impl Settings {
    /// Reads the environment.
    ///
    /// # Errors
    /// When a value cannot be used.
    pub fn from_environment() -> anyhow::Result<Self> {
        let only = match given("BENCH_ONLY") {
            Some(text) => Some(
                Section::parse(&text)
                    .with_context(|| format!("BENCH_ONLY is {text:?}, not throughput, fanout10, latency or index"))?,
            ),
            None => None,
        };
        // The load, the receiver and the peak memory are measured on servers that are started for it.
        for name in ["WEBHOOKS_AMQP__URL", "WEBHOOKS_DATABASE__URL"] {
            if given(name).is_some() {
                bail!("{name} is set, but the benchmark starts servers of its own: unset it");
            }
        }
        Ok(Self {
            events: number("BENCH_EVENTS", 20_000)?,
            rounds: number("BENCH_ROUNDS", 5)?.try_into()?,
            seconds: number("BENCH_SECONDS", 30)?,
            senders: number("BENCH_SENDERS", 1)?.try_into()?,
            bare_rows: number("BENCH_BARE_ROWS", 1)?.try_into()?,
            only,
        })
    }

    /// Whether the section is asked for.
    pub fn wants(&self, section: Section) -> bool {
        self.only.is_none_or(|only| only == section)
    }
}

fn given(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

fn number(name: &str, default: u32) -> anyhow::Result<u32> {
    let Some(text) = given(name) else { return Ok(default) };
    let number = text.parse().with_context(|| format!("{name} is {text:?}, not a number"))?;
    ensure!(number > 0, "{name} must not be 0");
    Ok(number)
}
