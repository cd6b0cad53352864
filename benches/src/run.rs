//! The sections, one after the other, and the report.

use crate::contest::{self, Workload};
use crate::flood;
use crate::held;
use crate::index_load;
use crate::isolation;
use crate::log;
use crate::machine::Machine;
use crate::report::Report;
use crate::settings::{Section, Settings};
use crate::stage::Stage;

/// Events per second of the latency section.
const LATENCY_RATE: u32 = 200;
/// Webhooks per event of the fan-out section.
const FANOUT: u32 = 10;
/// Types per webhook of the index section: as many as people choose, and one.
const INDEX_TYPES: [u32; 2] = [4, 1];

/// Measures what is asked for and prints the report.
///
/// # Errors
/// When something could not be measured. How the figures are is no error.
pub async fn run(settings: &Settings) -> anyhow::Result<()> {
    let mut report = Report::new(&Machine::look(), settings);
    let mut stage = Stage::start().await?;
    let mut next_run = 1;
    if settings.wants(Section::Throughput) {
        let workload = Workload {
            events: settings.events,
            webhooks: 1,
            per_second: None,
        };
        let rounds = contest::run("throughput", &mut stage, settings, workload, &mut next_run).await?;
        report.throughput("throughput", &rounds);
    }
    if settings.wants(Section::Fanout10) {
        let workload = Workload {
            events: settings.events.div_ceil(FANOUT),
            webhooks: FANOUT,
            per_second: None,
        };
        let rounds = contest::run("fan-out 10", &mut stage, settings, workload, &mut next_run).await?;
        report.throughput("throughput, fan-out 10", &rounds);
    }
    if settings.wants(Section::Latency) {
        let events = LATENCY_RATE * settings.seconds;
        let workload = Workload {
            events,
            webhooks: 1,
            per_second: Some(LATENCY_RATE),
        };
        let rounds = contest::run("latency", &mut stage, settings, workload, &mut next_run).await?;
        report.latency(&rounds);
    }
    if settings.wants(Section::Index) {
        for types in INDEX_TYPES {
            report.index(&index_load::run(&stage, settings, types).await?);
        }
    }
    life(&mut report, &mut stage, settings, &mut next_run).await?;
    print!("{report}");
    Ok(())
}

/// The sections that have nothing bare to be compared with.
async fn life(report: &mut Report, stage: &mut Stage, settings: &Settings, next_run: &mut u32) -> anyhow::Result<()> {
    if settings.wants(Section::Isolation) {
        report.isolation(&isolation::run(stage, settings, next_run).await?);
    }
    if settings.wants(Section::Flood) {
        report.flood(&flood::run(stage, settings, next_run).await?);
    }
    if settings.wants(Section::Held) {
        report.held(&held::run(stage, settings, next_run).await?);
    }
    if settings.wants(Section::Log) {
        report.log(&log::run(stage, settings).await?);
    }
    Ok(())
}
