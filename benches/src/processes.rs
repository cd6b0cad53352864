//! What processes used, as Linux counts it.

use std::collections::HashMap;
use std::fs;

/// All processes of the machine at one moment.
pub struct Processes(HashMap<u32, Process>);

struct Process {
    parent: u32,
    /// The executable's name, at most 15 bytes.
    name: String,
    /// CPU time of the process and of its children that have ended, in clock ticks.
    ticks: u64,
}

impl Processes {
    /// Reads them.
    pub fn read() -> Self {
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        Self(pids.filter_map(|pid| Some((pid, Process::read(pid)?))).collect())
    }

    /// CPU seconds of a process and all its descendants, those that have ended included.
    pub fn cpu_seconds(&self, root: u32) -> f64 {
        let own = self.0.get(&root).map_or(0, |process| process.ticks);
        let children = self.0.iter().filter(|(_, process)| process.parent == root);
        let own = own as f64 / rustix::param::clock_ticks_per_second() as f64;
        own + children.map(|(pid, _)| self.cpu_seconds(*pid)).sum::<f64>()
    }

    /// The process of this name nearest below another.
    pub fn find_below(&self, ancestor: u32, name: &str) -> Option<u32> {
        let children = || self.0.iter().filter(|(_, process)| process.parent == ancestor);
        let named = children()
            .find(|(_, process)| process.name == name)
            .map(|(pid, _)| *pid);
        named.or_else(|| children().find_map(|(pid, _)| self.find_below(*pid, name)))
    }
}

impl Process {
    /// `None` when there is no such process. The fields are those of proc_pid_stat(5).
    fn read(pid: u32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let (head, tail) = stat.rsplit_once(')')?;
        let name = head.split_once('(')?.1.to_owned();
        // The first of these is field 3; user and system time, and those of reaped children, are fields 14 to 17.
        let fields: Vec<&str> = tail.split_whitespace().collect();
        let ticks = fields
            .get(11..15)?
            .iter()
            .filter_map(|field| field.parse::<u64>().ok())
            .sum();
        Some(Self {
            parent: fields.get(1)?.parse().ok()?,
            name,
            ticks,
        })
    }
}

/// The most memory a process ever held, in bytes (`VmHWM` of proc_pid_status(5)); 0 when it has ended.
pub fn peak_memory_bytes(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    kilobytes.unwrap_or_default() * 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_found_with_its_time_and_memory() {
        let me = std::process::id();
        let processes = Processes::read();
        let name = processes.0[&me].name.clone();
        let parent = processes.0[&me].parent;
        assert!(processes.find_below(parent, &name).is_some());
        assert!(processes.find_below(me, &name).is_none());
        assert!(peak_memory_bytes(me) > 1024 * 1024);
        let mut spent = 0.0;
        while spent == 0.0 {
            spent = Processes::read().cpu_seconds(me);
        }
    }
}
