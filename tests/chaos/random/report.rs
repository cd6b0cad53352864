//! The report of a run, and the files that it leaves after a violation.

use std::fmt;
use std::fs;
use std::time::Duration;

use super::checker::{Violation, calm_lags, percentile};
use super::facts::{Facts, Nature};
use super::installation::Installation;
use super::schedule::Schedule;

/// Maximum number of violations printed; all are in the file.
const SHOWN: usize = 15;

pub struct Report {
    seed: u64,
    figures: String,
    pub violations: Vec<Violation>,
}

impl Report {
    pub fn of(seed: u64, facts: &Facts, settled: Duration, violations: Vec<Violation>) -> Self {
        Self {
            seed,
            figures: figures(facts, settled),
            violations,
        }
    }
}

fn figures(facts: &Facts, settled: Duration) -> String {
    let expected = facts.expected().count();
    let failed = facts.logged.iter().filter(|logged| logged.state == "failed").count();
    let healthy = facts
        .received
        .iter()
        .filter(|it| facts.webhooks[it.webhook].nature == Nature::Healthy)
        .count();
    let of_healthy = facts
        .expected()
        .filter(|(webhook, _)| facts.webhooks[*webhook].nature == Nature::Healthy)
        .count();
    let lags = calm_lags(facts);
    let milliseconds = |percent| percentile(&lags, percent).unwrap_or_default().as_millis();
    let peak = facts
        .peak_memory_mib
        .iter()
        .map(|(_, mib)| *mib)
        .max()
        .unwrap_or_default();
    format!(
        "{} events confirmed, {} published again, {expected} deliveries, {failed} failed; healthy webhooks: {of_healthy} \
         deliveries, {healthy} requests; calm: {} deliveries, p50 {} ms, p99 {} ms; peak {peak} MiB; settled in {:.0} s",
        facts.accepted.len(),
        facts.published_again.len(),
        lags.len(),
        milliseconds(50),
        milliseconds(99),
        settled.as_secs_f64()
    )
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {}: {}", self.seed, self.figures)?;
        for violation in self.violations.iter().take(SHOWN) {
            writeln!(f, "  VIOLATION {violation}")?;
        }
        match self.violations.len() {
            0 => writeln!(f, "  no violation"),
            count => writeln!(f, "  {count} violations; everything is in .dev/chaos/{}", self.seed),
        }
    }
}

/// Keeps schedule, violations and logs below `.dev/chaos/<seed>/`.
pub async fn keep_logs(
    seed: u64,
    schedule: &Schedule,
    installation: &Installation,
    violations: &[Violation],
) -> anyhow::Result<()> {
    let directory = testkit::dev_directory().join("chaos").join(seed.to_string());
    fs::create_dir_all(&directory)?;
    fs::write(directory.join("schedule"), schedule.to_string())?;
    let lines: Vec<String> = violations.iter().map(ToString::to_string).collect();
    fs::write(directory.join("violations"), lines.join("\n"))?;
    for node in &installation.nodes {
        let name = node.process.to_string().replace(' ', "-");
        fs::write(directory.join(format!("{name}.log")), node.program.lock().await.log())?;
    }
    for (number, node) in installation.broker.lock().await.nodes().iter().enumerate() {
        fs::copy(node.instance().log(), directory.join(format!("rabbitmq-{number}.log")))?;
    }
    fs::copy(
        installation.database.lock().await.instance().log(),
        directory.join("postgres.log"),
    )?;
    Ok(())
}
