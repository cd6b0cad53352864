//! Cycles of a directed graph.

use std::collections::{BTreeMap, BTreeSet};

/// A module's name, and those that it imports from.
pub type Imports = BTreeMap<String, BTreeSet<String>>;

/// One cycle, from a module back to itself; `None` when there is none.
pub fn cycle(imports: &Imports) -> Option<Vec<String>> {
    let mut left = imports.clone();
    // What imports nothing of the rest is on no cycle.
    loop {
        let names: BTreeSet<_> = left.keys().cloned().collect();
        let before = left.len();
        for targets in left.values_mut() {
            targets.retain(|target| names.contains(target));
        }
        left.retain(|_, targets| !targets.is_empty());
        if left.len() == before {
            break;
        }
    }
    // All that is left imports something that is left: a walk must come back.
    let mut walk = vec![left.keys().next()?.clone()];
    loop {
        let next = left[walk.last()?].first()?.clone();
        if let Some(start) = walk.iter().position(|module| *module == next) {
            let mut cycle = walk.split_off(start);
            cycle.push(next);
            return Some(cycle);
        }
        walk.push(next);
    }
}
