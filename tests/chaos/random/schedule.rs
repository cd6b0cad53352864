//! Which fault happens when: a pure function of the seed and of how long the run lasts.
//!
//! Faults come in storms of up to four at a time. Between two storms it is quiet for long enough to see that everything
//! works again.

use std::fmt;
use std::time::Duration;

use strum::VariantArray;

use super::fault::{BrokerFault, DatabaseFault, Fault, Mood, NamesFault, NodeFault, Process, Server, Target};
use super::seed::Numbers;

/// Exchanges that may be deleted by mistake.
const EXCHANGES: [&str; 4] = [
    "crm.events",
    "webhooks.delivery",
    "crm.notifications",
    "webhooks.unroutable",
];
/// Queues that may be deleted while they are empty, without a loss by that alone.
const QUEUES: [&str; 2] = ["webhooks.tests", "webhooks.retry.2s"];
/// Processes that run by a clock of their own.
pub const SKEWABLE: [Process; 2] = [Process::Fanout(1), Process::Sender(1)];
/// The most faults of a storm.
const STORM: u64 = 4;
/// When the first storm begins, in milliseconds.
const CALM_BEFORE_MS: std::ops::Range<u64> = 3_000..6_000;
/// Between two storms.
const GAP_MS: std::ops::Range<u64> = 12_000..30_000;
/// From the first to the last beginning within a storm.
const SPREAD_MS: std::ops::Range<u64> = 0..6_000;
/// A server that is stopped may be away for longer than anything waits, where the run is long enough for that.
const LONG_OUTAGE_MS: std::ops::Range<u64> = 60_000..110_000;
const LONG_RUN: Duration = Duration::from_secs(150);
/// Where the broker has several nodes, one fault of so many is one of a node, beside those that happen to one in any case.
const NODE_FAULTS: u64 = 3;
/// How often a fault of a storm is drawn again because its target is taken.
const DRAWS: usize = 8;

/// What there is that may fail.
#[derive(Debug, Clone, Copy)]
pub struct Scope {
    pub fanouts: usize,
    pub senders: usize,
    /// Of the broker.
    pub nodes: usize,
    /// Webhooks whose receivers may misbehave, by their number from 0.
    pub moody: usize,
}

/// A fault and its time, from the beginning of the load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Planned {
    pub from: Duration,
    pub until: Duration,
    pub fault: Fault,
}

/// All faults of a run, by their beginning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule(pub Vec<Planned>);

impl Schedule {
    /// The schedule of a seed for a load of this length. The last fault ends before the load does.
    pub fn of(seed: u64, length: Duration, scope: Scope) -> Self {
        let mut numbers = Numbers::of(seed);
        let mut planned = Vec::new();
        let mut begin = Duration::from_millis(numbers.within(CALM_BEFORE_MS));
        while begin < length {
            let storm = storm(&mut numbers, begin, length, scope);
            let end = storm.iter().map(|planned| planned.until).max().unwrap_or(begin);
            // What does not fit is cut short.
            let fitting = storm.into_iter().filter(|planned| planned.from < length);
            planned.extend(fitting.map(|planned| Planned {
                until: planned.until.min(length),
                ..planned
            }));
            begin = end + Duration::from_millis(numbers.within(GAP_MS));
        }
        planned.sort_by_key(|planned| planned.from);
        Self(planned)
    }

    /// Whether an event published at this moment must be delivered as fast as without faults: no fault is active,
    /// begins within `ahead` or ended so recently that deliveries may still be late.
    pub fn is_calm(&self, at: Duration, ahead: Duration) -> bool {
        self.0.iter().all(|planned| {
            planned
                .fault
                .aftermath()
                .is_none_or(|after| at + ahead < planned.from || at > planned.until + after)
        })
    }
}

fn storm(numbers: &mut Numbers, begin: Duration, length: Duration, scope: Scope) -> Vec<Planned> {
    let mut taken: Vec<Target> = Vec::new();
    let mut storm = Vec::new();
    for _ in 0..numbers.within(1..STORM + 1) {
        let drawn = (0..DRAWS)
            .map(|_| fault(numbers, scope))
            .find(|fault| !taken.contains(&fault.target()));
        let from = begin + Duration::from_millis(numbers.within(SPREAD_MS));
        let Some(fault) = drawn else { continue };
        let until = from + lasting(numbers, fault, length);
        taken.push(fault.target());
        storm.push(Planned { from, until, fault });
    }
    storm
}

fn fault(numbers: &mut Numbers, scope: Scope) -> Fault {
    // With one node no number is drawn for that: schedules of one stay what they were.
    if scope.nodes > 1 && numbers.within(0..NODE_FAULTS) == 0 {
        return Fault::Broker(node_fault(numbers, scope));
    }
    match numbers.within(0..100) {
        0..15 => Fault::Kill(process(numbers, scope)),
        15..22 => Fault::Terminate(process(numbers, scope)),
        22..32 => Fault::Freeze(process(numbers, scope)),
        32..36 => Fault::SkewClock(
            numbers.one_of(&SKEWABLE),
            numbers.one_of(&[-3_600, -120, -30, 30, 120, 3_600]),
        ),
        36..48 => Fault::Silence(process(numbers, scope), server(numbers)),
        48..54 => Fault::Cut(process(numbers, scope), server(numbers)),
        54..70 => Fault::Database(numbers.one_of(&[
            DatabaseFault::Stop,
            DatabaseFault::Kill,
            DatabaseFault::Freeze,
            DatabaseFault::ReadOnly,
            DatabaseFault::EndSessions,
            DatabaseFault::FullDisk,
        ])),
        70..85 => Fault::Broker(broker_fault(numbers, scope)),
        85..88 => Fault::Names(numbers.one_of(&[NamesFault::Failures, NamesFault::Refusals, NamesFault::Silence])),
        _ => Fault::Receiver(numbers.index(scope.moody), numbers.one_of(Mood::VARIANTS)),
    }
}

fn node_fault(numbers: &mut Numbers, scope: Scope) -> BrokerFault {
    let faults = [NodeFault::Stop, NodeFault::Drain, NodeFault::Kill, NodeFault::Freeze];
    BrokerFault::Node(numbers.index(scope.nodes), numbers.one_of(&faults))
}

fn broker_fault(numbers: &mut Numbers, scope: Scope) -> BrokerFault {
    match numbers.within(0..9) {
        0..3 if scope.nodes > 1 => node_fault(numbers, scope),
        0 => BrokerFault::Node(0, NodeFault::Stop),
        1 => BrokerFault::Node(0, NodeFault::Kill),
        2 => BrokerFault::Node(0, NodeFault::Freeze),
        3 => BrokerFault::MemoryAlarm,
        4 => BrokerFault::DiskAlarm,
        5 | 6 => BrokerFault::CloseConnections,
        7 => BrokerFault::DeleteExchange(numbers.one_of(&EXCHANGES)),
        _ => BrokerFault::DeleteQueue(numbers.one_of(&QUEUES)),
    }
}

fn process(numbers: &mut Numbers, scope: Scope) -> Process {
    let number = numbers.index(scope.fanouts + scope.senders);
    if number < scope.fanouts {
        Process::Fanout(number)
    } else {
        Process::Sender(number - scope.fanouts)
    }
}

fn server(numbers: &mut Numbers) -> Server {
    numbers.one_of(&[Server::Broker, Server::Database])
}

/// From its beginning to the moment when it is put right.
fn lasting(numbers: &mut Numbers, fault: Fault, length: Duration) -> Duration {
    let is_long = numbers.within(0..3) == 0 && length >= LONG_RUN;
    let milliseconds = match fault {
        Fault::Broker(BrokerFault::Node(_, NodeFault::Stop | NodeFault::Drain))
        | Fault::Database(DatabaseFault::Stop)
            if is_long =>
        {
            LONG_OUTAGE_MS
        }
        Fault::Kill(_)
        | Fault::Terminate(_)
        | Fault::Broker(BrokerFault::Node(_, NodeFault::Kill))
        | Fault::Database(DatabaseFault::Kill) => 500..4_000,
        // Long enough for heartbeats and time limits to run out, and too short for that, in turn.
        Fault::Silence(..) | Fault::Freeze(_) | Fault::Broker(BrokerFault::Node(_, NodeFault::Freeze)) => 3_000..25_000,
        Fault::Broker(BrokerFault::DeleteExchange(_) | BrokerFault::DeleteQueue(_)) => 500..1_000,
        _ => 3_000..12_000,
    };
    Duration::from_millis(numbers.within(milliseconds))
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Planned { from, until, fault } in &self.0 {
            writeln!(
                f,
                "  {:6.1} s to {:6.1} s  {fault}",
                from.as_secs_f64(),
                until.as_secs_f64()
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    const SCOPE: Scope = Scope {
        fanouts: 2,
        senders: 2,
        nodes: 1,
        moody: 3,
    };
    const CLUSTER: Scope = Scope { nodes: 3, ..SCOPE };
    const LENGTH: Duration = Duration::from_secs(180);

    #[test]
    fn a_seed_gives_one_schedule_and_another_seed_another() {
        let of = |seed| Schedule::of(seed, LENGTH, SCOPE);
        assert_eq!(of(7), of(7));
        assert_ne!(of(7), of(8));
        let first = of(1).0[0];
        // The meaning of a seed must not change, or a reported seed is useless later.
        assert_eq!(first.from, Duration::from_millis(FIRST_MS), "{first:?}");
    }

    /// The beginning of seed 1.
    const FIRST_MS: u64 = 7_141;

    #[test]
    fn every_fault_ends_in_time_and_none_meets_another_on_the_same_target() {
        for seed in 0..500 {
            let Schedule(faults) = Schedule::of(seed, LENGTH, SCOPE);
            assert!(!faults.is_empty());
            assert!(
                faults
                    .iter()
                    .all(|planned| planned.from < planned.until && planned.until <= LENGTH)
            );
            for (number, one) in faults.iter().enumerate() {
                let same = |other: &&Planned| other.fault.target() == one.fault.target() && other.from < one.until;
                assert_eq!(faults[number + 1..].iter().find(same), None, "seed {seed}");
            }
        }
    }

    #[test]
    fn some_seed_has_each_kind_and_several_at_once() {
        let all: Vec<Planned> = (0..500).flat_map(|seed| Schedule::of(seed, LENGTH, SCOPE).0).collect();
        let kinds = [
            "killed",
            "terminated",
            "frozen",
            "clock",
            "silent",
            "cut",
            "receiver 2",
            "FullDisk",
            "ReadOnly",
        ];
        for kind in kinds.into_iter().chain([
            "CloseConnections",
            "DiskAlarm",
            "crm.events",
            "webhooks.tests",
            "Gone",
            "Throttles",
            "ZoneFails",
            "Names",
        ]) {
            assert!(
                all.iter().any(|planned| planned.fault.to_string().contains(kind)),
                "{kind}"
            );
        }
        assert!(
            all.windows(2)
                .any(|pair| pair[1].from < pair[0].until && pair[1].from >= pair[0].from)
        );
    }

    #[test]
    fn of_several_nodes_each_goes_in_each_way_and_one_at_a_time() {
        let mut seen = HashSet::new();
        for seed in 0..200 {
            let mut away = Duration::ZERO;
            for Planned { from, until, fault } in Schedule::of(seed, LENGTH, CLUSTER).0 {
                if let Fault::Broker(BrokerFault::Node(..)) = fault {
                    assert!(away <= from, "seed {seed}");
                    away = until;
                    seen.insert(fault.to_string());
                }
            }
        }
        assert_eq!(seen.len(), 3 * 4, "{seen:?}");
    }

    #[test]
    fn it_is_calm_only_away_from_faults_and_a_receiver_disturbs_nobody() {
        let planned = |from, until, fault| Planned {
            from: seconds(from),
            until: seconds(until),
            fault,
        };
        let schedule = Schedule(vec![
            planned(20, 25, Fault::Kill(Process::Sender(0))),
            planned(50, 55, Fault::Receiver(0, Mood::Hangs)),
        ]);
        let calm = |at| schedule.is_calm(seconds(at), seconds(2));
        assert!(calm(17) && !calm(18) && !calm(22) && !calm(40) && calm(41) && calm(52));
    }

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }
}
