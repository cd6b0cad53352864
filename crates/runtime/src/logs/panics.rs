//! Panics as log lines. Printed to standard error, a panic could block its thread when nothing reads that, and the log
//! collector would not see it.

use std::panic::{self, PanicHookInfo};

use tracing::error;

/// Logs panics as errors from now on, and writes them out with `flush`.
pub(super) fn log(flush: fn()) {
    panic::set_hook(Box::new(move |panic: &PanicHookInfo<'_>| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        error!(panic = panic.payload_as_str().unwrap_or_default(), place, "panic");
        // The main thread's panic ends the process.
        flush();
    }));
}
