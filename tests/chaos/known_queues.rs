//! When a broker knows its queues for good.
//!
//! RabbitMQ 3.10 writes the names of new quorum queues down about a second after it has confirmed their declaration. If
//! it is killed before, it finds the queues' messages no more: nothing that a client could do anything about, and
//! nothing that happens to queues older than that.

use std::fs;
use std::path::{Path, PathBuf};

use e2e::DEADLINE;
use testkit::servers::PrivateRabbit;
use testkit::wait;

/// Where the broker keeps the names of its quorum queues.
const NAMES: &str = "names.dets";
/// Declared first and last of those that a test needs.
const QUEUES: [&str; 4] = [
    "webhooks.events",
    "webhooks.deliveries",
    "webhooks.deliveries.bulk",
    "webhooks.retry.",
];

/// Waits until the queues that the programs have declared outlive the broker's sudden death.
pub async fn wait_until_written_down(broker: &PrivateRabbit) -> anyhow::Result<()> {
    let data = broker.instance().directory().join("data");
    let written = async || {
        let names = files_of_names(&data)
            .iter()
            .filter_map(|file| fs::read(file).ok())
            .collect::<Vec<_>>()
            .concat();
        let names = String::from_utf8_lossy(&names).into_owned();
        QUEUES.iter().all(|queue| names.contains(queue))
    };
    Ok(wait::until(DEADLINE, "the broker to write down the names of its queues", written).await?)
}

fn files_of_names(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()));
    let found = entries.flat_map(|path| {
        if path.is_dir() {
            files_of_names(&path)
        } else {
            vec![path]
        }
    });
    found.filter(|path| path.ends_with(NAMES)).collect()
}
