//! Exit status of the programs: 0 done, 1 failed, 2 usage or configuration error.

use std::io::Write;
use std::process::ExitCode;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::{Program, logs};

/// A failure, or an interruption before the work was done.
pub const FAILED: u8 = 1;
/// Usage error: arguments or settings that can never work.
pub const USAGE: u8 = 2;

/// The program was called with settings or arguments that can never work, in a way the command line parser cannot detect.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct UsageError(pub String);

/// How long the report of an error may take: standard error may be a pipe that nobody reads.
const REPORT_WITHIN: Duration = Duration::from_secs(1);

/// Ends `main`: waits a moment for the last log lines, prints an error's whole chain once on standard error and gives
/// the exit code.
pub fn report(program: Program, result: anyhow::Result<()>) -> ExitCode {
    logs::flush();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            print(render(program, &error));
            ExitCode::from(code(&error))
        }
    }
}

fn print(report: String) {
    let (printed, is_printed) = mpsc::sync_channel(1);
    thread::spawn(move || {
        // If standard error is closed too, there is no way to report.
        let _ = std::io::stderr().write_all(report.as_bytes());
        printed.send(())
    });
    let _ = is_printed.recv_timeout(REPORT_WITHIN);
}

/// The exit code for an error: [`USAGE`] when its chain holds a [`UsageError`], else [`FAILED`].
#[must_use]
pub fn code(error: &anyhow::Error) -> u8 {
    let wrong_use = error.chain().any(|cause| cause.is::<UsageError>());
    if wrong_use { USAGE } else { FAILED }
}

/// The report of an error: what failed, then each reason on a line of its own.
fn render(program: Program, error: &anyhow::Error) -> String {
    let mut report = format!("{program}: {error}\n");
    for cause in error.chain().skip(1) {
        report.push_str(&format!("  because: {cause}\n"));
    }
    report
}

#[cfg(test)]
mod tests {
    use anyhow::{Context, anyhow};

    use super::*;

    #[test]
    fn wrong_use_is_told_from_failure_wherever_it_stands_in_the_chain() {
        let usage = || anyhow::Error::from(UsageError("no such account".to_owned()));
        assert_eq!(code(&usage()), USAGE);
        assert_eq!(code(&usage().context("cannot create the token")), USAGE);
        assert_eq!(code(&anyhow!("no such account")), FAILED);
    }

    #[test]
    fn the_report_is_the_whole_chain_in_order() {
        let error = Err::<(), _>(std::io::Error::other("connection refused"));
        let error = error
            .context("cannot reach the broker")
            .context("cannot start")
            .unwrap_err();
        let expected = "sender: cannot start\n  because: cannot reach the broker\n  because: connection refused\n";
        assert_eq!(render(Program::Sender, &error), expected);
    }
}
