//! Writes log lines to standard output: a bounded buffer and a thread that writes it.
//!
//! The reader of standard output may stop reading, and a pipe holds 64 KiB. Then only this thread blocks. Lines that
//! find the buffer full are dropped and counted; the log reports their number as soon as it can be written again.
//!
//! Not `tracing-appender`, which does not count lines that standard output refuses and flushes only when its guard is dropped.

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tracing_subscriber::fmt::MakeWriter;

use crate::metrics::{Counter, Metrics};

/// Maximum bytes waiting; as many again may be in the writer's hands. Some 5,000 lines.
const BUFFER_BYTES: usize = 2 * 1024 * 1024;
/// Pause before the next write when standard output is a full pipe that its reader has made non-blocking.
const WOULD_BLOCK_PAUSE: Duration = Duration::from_millis(20);

/// Accepts lines without ever blocking. Cheap to clone; every clone writes to the same buffer.
#[derive(Clone)]
pub(super) struct Lines {
    shared: Arc<Shared>,
    limit: usize,
    dropped: Counter,
}

#[derive(Default)]
struct Shared {
    buffer: Mutex<Buffer>,
    changed: Condvar,
}

#[derive(Default)]
struct Buffer {
    /// Whole lines.
    bytes: Vec<u8>,
    /// The thread has taken lines and has not written them all yet.
    is_writing: bool,
    /// Lines dropped since the log last reported their number.
    dropped: u64,
}

impl Lines {
    /// Starts a thread that writes to standard output, for as long as the process runs.
    ///
    /// # Errors
    /// Standard output is closed, or the thread cannot be started.
    pub(super) fn to_standard_output(metrics: &Metrics) -> io::Result<Self> {
        // A separate handle: other prints must not wait for a lock that this thread holds while it is blocked.
        let output = File::from(io::stdout().as_fd().try_clone_to_owned()?);
        Self::start(output, BUFFER_BYTES, metrics)
    }

    fn start(output: impl Write + Send + 'static, limit: usize, metrics: &Metrics) -> io::Result<Self> {
        let help = "Log lines dropped because standard output was not read or could not be written.";
        let dropped = metrics.counter("webhook_log_lines_dropped_total", help);
        let lines = Self {
            shared: Arc::default(),
            limit,
            dropped,
        };
        let writer = lines.clone();
        thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || writer.write_for_ever(output))?;
        Ok(lines)
    }

    fn add(&self, line: &[u8]) {
        let mut buffer = self.buffer();
        if buffer.bytes.len() + line.len() > self.limit {
            buffer.dropped += 1;
            self.dropped.inc();
            return;
        }
        buffer.bytes.extend_from_slice(line);
        drop(buffer);
        self.shared.changed.notify_all();
    }

    fn write_for_ever(&self, mut output: impl Write) {
        loop {
            let (bytes, dropped) = self.take();
            if dropped > 0 {
                // The first line of the emptied buffer, in the place of the dropped ones.
                tracing::warn!(
                    lines = dropped,
                    "log lines were dropped because standard output was not read"
                );
            }
            let lost = write(&mut output, &bytes);
            self.dropped.inc_by(lost);
            let mut buffer = self.buffer();
            buffer.dropped += lost;
            buffer.is_writing = false;
            drop(buffer);
            self.shared.changed.notify_all();
        }
    }

    /// Waits for lines and takes them all, with the number of dropped ones.
    fn take(&self) -> (Vec<u8>, u64) {
        let no_lines = |buffer: &mut Buffer| buffer.bytes.is_empty();
        let waited = self.shared.changed.wait_while(self.buffer(), no_lines);
        let mut buffer = waited.unwrap_or_else(PoisonError::into_inner);
        buffer.is_writing = true;
        (std::mem::take(&mut buffer.bytes), std::mem::take(&mut buffer.dropped))
    }

    /// Waits until all lines are written, for at most `within`.
    pub(super) fn flush(&self, within: Duration) {
        let unwritten = |buffer: &mut Buffer| buffer.is_writing || !buffer.bytes.is_empty();
        // On a timeout nothing reads the output, so it cannot be reported either.
        drop(self.shared.changed.wait_timeout_while(self.buffer(), within, unwritten));
    }

    /// A panic while the lock is held still leaves a buffer of whole lines.
    fn buffer(&self) -> MutexGuard<'_, Buffer> {
        self.shared.buffer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes `bytes` and gives the number of lines that could not be written whole.
fn write(output: &mut impl Write, mut bytes: &[u8]) -> u64 {
    while !bytes.is_empty() {
        match output.write(bytes) {
            Ok(written) if written > 0 => bytes = &bytes[written..],
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(WOULD_BLOCK_PAUSE),
            // The reader has gone, or the disk is full. The next lines are tried again.
            Ok(_) | Err(_) => break,
        }
    }
    bytes.iter().filter(|byte| **byte == b'\n').count() as u64
}

impl<'writer> MakeWriter<'writer> for Lines {
    type Writer = &'writer Self;

    fn make_writer(&'writer self) -> Self::Writer {
        self
    }
}

/// One call is one line, as both of the log's formats write it.
impl Write for &Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.add(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
