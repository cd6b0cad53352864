//! The machine, as the report names it.

use std::fmt;
use std::fs;

/// What the figures depend on.
pub struct Machine {
    cores: usize,
    processor: String,
    /// Load averages over 1, 5 and 15 minutes.
    load: String,
}

impl Machine {
    /// Now, before anything is started.
    pub fn look() -> Self {
        let information = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = information
            .lines()
            .find_map(|line| line.strip_prefix("model name")?.split_once(": "));
        let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
        Self {
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            processor: model.map_or("unknown processor", |(_, name)| name).to_owned(),
            load: load.split_whitespace().take(3).collect::<Vec<_>>().join(" "),
        }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} cores ({}), load before the run {}",
            self.cores, self.processor, self.load
        )
    }
}
