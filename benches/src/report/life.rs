//! The sections in which the product is compared with itself.

use super::{NO_BAR, Report, number, row};
use crate::flood::Flood;
use crate::held::{self, Held};
use crate::isolation::{self, Isolation, Neighbours, Round};
use crate::log::{self, Log};
use crate::pair::Pair;
use crate::quantile::Times;
use crate::receiver::{Manner, Received};

const MIB: f64 = 1024.0 * 1024.0;

impl Report {
    /// A webhook beside others, compared with the same webhook alone.
    pub fn isolation(&mut self, isolation: &Isolation) {
        let Some(alone) = isolation.get(&Neighbours::Nobody) else {
            return;
        };
        for (neighbours, rounds) in isolation {
            if *neighbours != Neighbours::Nobody {
                self.isolation_times(*neighbours, rounds, alone);
            }
        }
        for (neighbours, rounds) in isolation {
            self.isolation_costs(&neighbours_name(*neighbours).0, rounds);
        }
        self.notes.push(format!(
            "Isolation: {} round(s) of each in turn; {} events/s to the webhook that is measured, {} to each kind of \
             neighbour; {} senders.",
            alone.len(),
            isolation::RATE,
            isolation::NEIGHBOUR_RATE,
            isolation::SENDERS
        ));
    }

    fn isolation_times(&mut self, neighbours: Neighbours, rounds: &[Round], alone: &[Round]) {
        let (name, bar) = neighbours_name(neighbours);
        for (quantile, bar, of) in [
            ("p50", NO_BAR, (|round| round.received.p50_ns) as fn(&Round) -> u64),
            ("p99", bar, |round| round.received.p99_ns),
        ] {
            let each = |rounds: &[Round]| rounds.iter().map(|round| of(round) as f64 / 1e6).collect();
            let pair = Pair {
                bare: each(alone),
                product: each(rounds),
            };
            self.life
                .push(row(format!("isolation, {quantile} {name}, ms ÷ alone"), &pair, bar));
        }
    }

    fn isolation_costs(&mut self, name: &str, rounds: &[Round]) {
        for program in ["fanout", "sender"] {
            let each = |of: fn(&Pair<u64>) -> u64| {
                rounds
                    .iter()
                    .filter_map(|round| Some(of(round.peak_memory.get(program)?) as f64 / MIB))
                    .collect()
            };
            let pair = Pair {
                bare: each(|memory| memory.bare),
                product: each(|memory| memory.product),
            };
            self.life.push(row(
                format!("isolation, peak memory of {program} {name}, MiB: end ÷ half"),
                &pair,
                NO_BAR,
            ));
        }
        let sum = |of: fn(&Round) -> u32| rounds.iter().map(of).sum::<u32>();
        self.notes.push(format!(
            "Isolation, {name}: {} requests were left without a whole answer, {} were answered with 500 or 429; {} repeats.",
            sum(|round| round.counts.unanswered),
            sum(|round| round.counts.failed),
            sum(|round| round.received.repeats)
        ));
    }

    /// A webhook while another account floods, compared with the same webhook alone.
    pub fn flood(&mut self, flood: &Flood) {
        let beside = [
            ("that answers", flood.beside_one_that_answers),
            ("that fails", flood.beside_one_that_fails),
        ];
        for (name, received) in beside {
            for (quantile, bar, of) in [
                ("p50", NO_BAR, (|received| received.p50_ns) as fn(Received) -> u64),
                ("p99", "< 5000 ms", |received| received.p99_ns),
            ] {
                let milliseconds = |received| vec![of(received) as f64 / 1e6];
                let pair = Pair {
                    bare: milliseconds(flood.alone),
                    product: milliseconds(received),
                };
                self.life.push(row(
                    format!("flood, {quantile} beside one {name}, ms ÷ alone"),
                    &pair,
                    bar,
                ));
            }
        }
    }

    /// Many held deliveries.
    pub fn held(&mut self, held: &Held) {
        let nothing = held.list.bare;
        for (name, times) in [
            ("held", held.list.product),
            ("while they are released", held.list_while_released),
        ] {
            for (quantile, bar, of) in [
                ("p50", NO_BAR, (|times| times.p50_ms) as fn(Times) -> f64),
                ("p99", "< 50 ms", |times| times.p99_ms),
            ] {
                let pair = Pair {
                    bare: vec![of(nothing)],
                    product: vec![of(times)],
                };
                self.life.push(row(
                    format!("held, {quantile} of the list {name}, ms ÷ nothing held"),
                    &pair,
                    bar,
                ));
            }
        }
        for (name, rate) in [
            ("released", held.released_per_second),
            ("arrived", held.arrived_per_second),
        ] {
            let pair = Pair {
                bare: vec![f64::from(held::PER_SECOND)],
                product: vec![rate],
            };
            self.life
                .push(row(format!("held, {name} per second ÷ configured"), &pair, NO_BAR));
        }
        for (program, Pair { bare, product }) in &held.peak_memory {
            let pair = Pair {
                bare: vec![*bare as f64 / MIB],
                product: vec![*product as f64 / MIB],
            };
            let name = format!("held, peak memory of {program} while released, MiB: 60 s ÷ 20 s");
            self.life.push(row(name, &pair, "< 100 MiB"));
        }
        self.notes.push(format!(
            "Held: {} deliveries of one of {} webhooks; {} arrived more than once.",
            held::HELD,
            held::WEBHOOKS,
            held.repeats
        ));
    }

    /// The log of a month.
    pub fn log(&mut self, log: &Log) {
        for (place, size) in ["big webhook", "small webhook"].iter().enumerate() {
            let bare = log.pages.bare[place];
            self.log.push(log_row(
                format!("one page of one day, tokio-postgres alone, {size}"),
                bare,
                bare,
                NO_BAR,
            ));
            for (page, times) in &log.pages.read {
                self.log.push(log_row(
                    format!("{}, {size}", <&'static str>::from(page)),
                    times[place],
                    bare,
                    "p99 < 30 ms",
                ));
            }
        }
        let longest = &log.prune.longest_write_ms;
        let pair = Pair {
            bare: vec![longest.bare],
            product: vec![longest.product],
        };
        self.life.push(row(
            "log, longest write while a day is removed, ms ÷ alone".to_owned(),
            &pair,
            NO_BAR,
        ));
        let (seconds, bytes) = log.made;
        self.notes.push(format!(
            "Log: {} deliveries of {} webhooks in {} days, {:.1} GiB with indexes, made in {seconds:.0} s.",
            log.rows,
            log::WEBHOOKS,
            log::DAYS,
            bytes as f64 / MIB / 1024.0
        ));
        self.notes.push(format!(
            "Log: its oldest day was removed in {} s (bar < 1 s).",
            number(log.prune.seconds)
        ));
    }
}

fn log_row(name: String, times: Times, bare: Times, bar: &str) -> [String; 5] {
    let ratio = number(times.p50_ms / bare.p50_ms);
    [name, ratio, bar.to_owned(), number(times.p99_ms), number(times.p50_ms)]
}

/// And the bar of its 99th percentile.
fn neighbours_name(neighbours: Neighbours) -> (String, &'static str) {
    let manner = |manner| match manner {
        Manner::Hangs => "hang",
        Manner::EndlessBody => "never end the body",
        Manner::QuickThenHangs => "are quick, then hang",
        Manner::Throttles => "answer 429",
    };
    match neighbours {
        Neighbours::Nobody => ("alone".to_owned(), NO_BAR),
        Neighbours::OneHangingOneFailing => ("beside one that hangs and one that fails".to_owned(), "≤ 2"),
        Neighbours::Misbehaving(how, number) => (format!("beside {number} that {}", manner(how)), "≤ 2"),
        Neighbours::TwoWell => ("beside two that are well".to_owned(), NO_BAR),
    }
}
