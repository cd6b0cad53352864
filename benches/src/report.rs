//! The figures as a table: ratios first, each with its spread, the bars beside them. It does not judge.

mod life;

use std::fmt::{self, Write as _};

use crate::contest::{Consumer, Round, Rounds};
use crate::event::EVENT_BYTES;
use crate::index_load::IndexLoad;
use crate::machine::Machine;
use crate::pair::{Pair, Spread};
use crate::pipeline::Hop;
use crate::settings::Settings;

const HEADINGS: [&str; 5] = ["", "product ÷ bare", "bar", "product", "bare"];
const LIFE_HEADINGS: [&str; 5] = ["", "ratio", "bar", "measured", "compared with"];
const LOG_HEADINGS: [&str; 5] = ["", "p50 ÷ bare", "bar", "p99, ms", "p50, ms"];
const THROUGHPUT_BAR: &str = "≥ 0.8";
const P99_BAR: &str = "≤ 3";
const NO_BAR: &str = "";

/// Gathers the figures; shown at the end.
pub struct Report {
    introduction: String,
    results: Vec<[String; 5]>,
    costs: Vec<[String; 5]>,
    life: Vec<[String; 5]>,
    log: Vec<[String; 5]>,
    notes: Vec<String>,
}

impl Report {
    /// Without figures yet.
    pub fn new(machine: &Machine, settings: &Settings) -> Self {
        let Settings {
            events,
            rounds,
            senders,
            bare_rows,
            ..
        } = settings;
        let introduction = format!(
            "The product against the bare crates on {machine}.\n\
             {rounds} rounds of each in turn, {events} deliveries a round of throughput, events of {EVENT_BYTES} bytes, \
             {senders} sender process(es), bare COPY of at most {bare_rows} row(s).\n\
             Median (smallest to largest round); a ratio is of medians, its spread that of the rounds pair by pair.\n"
        );
        let (results, costs, life, log) = Default::default();
        Self {
            introduction,
            results,
            costs,
            life,
            log,
            notes: Vec::new(),
        }
    }

    /// A workload as fast as it goes.
    pub fn throughput(&mut self, name: &str, rounds: &Rounds) {
        let rate = rounds.rounds.each(|round| round.deliveries_per_second);
        self.results
            .push(row(format!("{name}, deliveries/s"), &rate, THROUGHPUT_BAR));
        self.cpu(name, &rounds.rounds);
        for (hop, peak) in &rounds.peak_memory {
            let megabytes = |bytes: u64| vec![bytes as f64 / 1e6];
            let peak = Pair {
                bare: megabytes(peak.bare),
                product: megabytes(peak.product),
            };
            self.costs.push(row(
                format!("{name}, peak memory, MB: {}", hop_name(*hop)),
                &peak,
                NO_BAR,
            ));
        }
        self.repeats(name, rounds);
    }

    /// A workload at a modest rate.
    pub fn latency(&mut self, rounds: &Rounds) {
        let rate = rounds.workload.per_second.unwrap_or_default();
        for (name, quantile, bar) in [
            ("p50", (|round| round.p50_ms) as fn(&Round) -> f64, NO_BAR),
            ("p99", |round| round.p99_ms, P99_BAR),
        ] {
            let name = format!("latency at {rate} events/s, {name}, ms");
            self.results.push(row(name, &rounds.rounds.each(quantile), bar));
        }
        self.repeats("latency", rounds);
    }

    /// The matching index; bare is reading the rows and nothing else.
    pub fn index(&mut self, load: &IndexLoad) {
        let IndexLoad {
            webhooks,
            types,
            seconds,
            bytes_per_subscription,
        } = load;
        self.results.push(row(
            format!("index load, {webhooks} webhooks × {types} type(s), s"),
            seconds,
            NO_BAR,
        ));
        self.notes.push(format!(
            "The index of {webhooks} webhooks × {types} type(s) takes {bytes_per_subscription:.1} bytes per subscription."
        ));
    }

    fn cpu(&mut self, name: &str, rounds: &Pair<Vec<Round>>) {
        let consumers = [
            (Consumer::Hop(Hop::First), hop_name(Hop::First)),
            (Consumer::Hop(Hop::Second), hop_name(Hop::Second)),
            (Consumer::Broker, "RabbitMQ"),
            (Consumer::Database, "PostgreSQL"),
            (Consumer::Receiver, "receiver"),
        ];
        for (consumer, consumer_name) in consumers {
            let cpu = rounds.each(|round| round.cpu[&consumer]);
            self.costs
                .push(row(format!("{name}, CPU s per 1000: {consumer_name}"), &cpu, NO_BAR));
        }
        let cpu = rounds.each(|round| round.cpu.values().sum());
        self.costs
            .push(row(format!("{name}, CPU s per 1000: all"), &cpu, NO_BAR));
    }

    fn repeats(&mut self, name: &str, rounds: &Rounds) {
        let sides = &rounds.rounds;
        for (side, rounds) in [("product", &sides.product), ("bare", &sides.bare)] {
            let repeats: u32 = rounds.iter().map(|round| round.repeats).sum();
            if repeats > 0 {
                self.notes
                    .push(format!("{name}, {side}: {repeats} deliveries arrived more than once."));
            }
        }
    }
}

fn hop_name(hop: Hop) -> &'static str {
    match hop {
        Hop::First => "first hop (fanout)",
        Hop::Second => "second hop (sender)",
    }
}

fn row(name: String, rounds: &Pair<Vec<f64>>, bar: &str) -> [String; 5] {
    let bar = bar.to_owned();
    [
        name,
        spread(rounds.ratio()),
        bar,
        spread(rounds.product()),
        spread(rounds.bare()),
    ]
}

fn spread(
    Spread {
        median,
        smallest,
        largest,
    }: Spread,
) -> String {
    let median = number(median);
    let smallest = number(smallest);
    let largest = number(largest);
    if smallest == largest {
        median
    } else {
        format!("{median} ({smallest} to {largest})")
    }
}

/// Three digits that count, and no more places than that takes.
fn number(value: f64) -> String {
    let places = match value.abs() {
        100.0.. => 0,
        10.0.. => 1,
        1.0.. => 2,
        _ => 3,
    };
    format!("{value:.places$}")
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n{}", self.introduction)?;
        let tables = [
            (HEADINGS, &self.results),
            (HEADINGS, &self.costs),
            (LIFE_HEADINGS, &self.life),
            (LOG_HEADINGS, &self.log),
        ];
        for (headings, table) in tables {
            if !table.is_empty() {
                writeln!(f, "{}", table_text(headings, table))?;
            }
        }
        self.notes.iter().try_for_each(|note| writeln!(f, "{note}"))
    }
}

fn table_text(headings: [&str; 5], rows: &[[String; 5]]) -> String {
    let headings = headings.map(str::to_owned);
    let rows = || std::iter::once(&headings).chain(rows);
    let widths: [usize; 5] =
        std::array::from_fn(|column| rows().map(|row| row[column].chars().count()).max().unwrap_or_default());
    let mut text = String::new();
    for row in rows() {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(widths) {
            write!(line, "{cell:<width$}  ").expect("a string always takes more");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_three_digits_and_their_spread() {
        assert_eq!(
            [0.0123, 1.5, 12.34, 1234.5].map(number),
            ["0.012", "1.50", "12.3", "1234"]
        );
        let one = Pair {
            bare: vec![2.0],
            product: vec![1.0],
        };
        assert_eq!(row("x".into(), &one, "≥ 0.8"), ["x", "0.500", "≥ 0.8", "1.00", "2.00"]);
        assert_eq!(spread(Spread::of(&[1.0, 2.0, 3.0])), "2.00 (1.00 to 3.00)");
    }

    #[test]
    fn columns_stand_below_each_other() {
        let text = table_text(
            HEADINGS,
            &[row(
                "a".into(),
                &Pair {
                    bare: vec![2.0],
                    product: vec![1.0],
                },
                "",
            )],
        );
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0].find("product ÷"), lines[1].find("0.500"));
    }
}
