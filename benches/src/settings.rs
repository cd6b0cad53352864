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
    /// Rounds of each kind of the isolation section.
    pub isolation_rounds: usize,
    /// Seconds of an isolation round.
    pub isolation_seconds: u32,
    /// Events of one account of the flood section.
    pub flood_events: u32,
    /// Seconds of a flood round.
    pub flood_seconds: u32,
    /// Deliveries of the log section.
    pub log_rows: u32,
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
    /// A webhook beside others that hang or fail.
    Isolation,
    /// A webhook while another account floods.
    Flood,
    /// Many held deliveries, and their release.
    Held,
    /// The delivery log of a month.
    Log,
}

impl Section {
    const NAMES: &str = "throughput, fanout10, latency, index, isolation, flood, held, log";

    fn parse(text: &str) -> Option<Self> {
        match text {
            "throughput" => Some(Self::Throughput),
            "fanout10" => Some(Self::Fanout10),
            "latency" => Some(Self::Latency),
            "index" => Some(Self::Index),
            "isolation" => Some(Self::Isolation),
            "flood" => Some(Self::Flood),
            "held" => Some(Self::Held),
            "log" => Some(Self::Log),
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
                    .with_context(|| format!("BENCH_ONLY is {text:?}, not one of {}", Section::NAMES))?,
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
            isolation_rounds: number("BENCH_ROUNDS", 2)?.try_into()?,
            isolation_seconds: number("BENCH_SECONDS", 60)?,
            flood_events: number("BENCH_EVENTS", 200_000)?,
            flood_seconds: number("BENCH_SECONDS", 120)?,
            log_rows: number("BENCH_LOG_ROWS", 5_000_000)?,
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
    let number = text
        .parse()
        .with_context(|| format!("{name} is {text:?}, not a number"))?;
    ensure!(number > 0, "{name} must not be 0");
    Ok(number)
}
