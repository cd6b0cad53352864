//! `[shutdown]`: the time limit of a graceful shutdown.

use std::time::Duration;

use super::duration;
use super::reader::Reader;

/// The time limit of a graceful shutdown.
#[derive(Clone, Copy, Debug)]
pub struct ShutdownSettings {
    /// From the signal to the exit. The supervisor's kill timeout must be longer.
    pub grace: Duration,
}

impl ShutdownSettings {
    pub(super) fn read(reader: &mut Reader) -> Self {
        Self {
            grace: reader.value("shutdown.grace", "25s", duration::between("1ms", "1h")),
        }
    }
}
