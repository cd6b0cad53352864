//! `[shutdown]`: how long an orderly end may take.

use std::time::Duration;

use super::duration;
use super::reader::Reader;

/// How long an orderly end may take.
#[derive(Clone, Copy, Debug)]
pub struct ShutdownSettings {
    /// From the signal to the end of the process. The supervisor must wait longer before it kills.
    pub grace: Duration,
}

impl ShutdownSettings {
    pub(super) fn read(reader: &mut Reader) -> Self {
        Self { grace: reader.value("shutdown.grace", "25s", duration::between("1ms", "1h")) }
    }
}
