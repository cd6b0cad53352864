//! What a program's end means to the shell: 0 done, 1 failed, 2 wrong use or configuration.

use std::io::Write;
use std::process::ExitCode;

use crate::Program;
use crate::settings::SettingsError;

/// Something that failed, or was interrupted before it was done.
pub const FAILED: u8 = 1;
/// Wrong use: arguments or settings that cannot work, whatever is tried with them.
pub const USAGE: u8 = 2;

/// The program was called wrongly, in a way the command line parser cannot see.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct UsageError(pub String);

/// Ends `main`: prints an error's whole chain once on standard error and gives the exit code.
pub fn report(program: Program, result: anyhow::Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody is left to tell when standard error is gone too.
            let _ = std::io::stderr().write_all(render(program, &error).as_bytes());
            ExitCode::from(code(&error))
        }
    }
}

/// The exit code for an error: [`USAGE`] when its chain holds a [`UsageError`] or a [`SettingsError`], else [`FAILED`].
#[must_use]
pub fn code(error: &anyhow::Error) -> u8 {
    let wrong_use = error.chain().any(|cause| cause.is::<UsageError>() || cause.is::<SettingsError>());
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
    use crate::Settings;

    #[test]
    fn wrong_use_is_told_from_failure_wherever_it_stands_in_the_chain() {
        let usage = || anyhow::Error::from(UsageError("no such account".to_owned()));
        let settings = || anyhow::Error::from(Settings::load_from(Program::Sender, None, Vec::new()).unwrap_err());
        assert_eq!(code(&usage()), USAGE);
        assert_eq!(code(&usage().context("cannot create the token")), USAGE);
        assert_eq!(code(&settings().context("cannot start")), USAGE);
        assert_eq!(code(&anyhow!("no such account")), FAILED);
    }

    #[test]
    fn the_report_is_the_whole_chain_in_order() {
        let error = Err::<(), _>(std::io::Error::other("connection refused"));
        let error = error.context("cannot reach the broker").context("cannot start").unwrap_err();
        let expected = "sender: cannot start\n  because: cannot reach the broker\n  because: connection refused\n";
        assert_eq!(render(Program::Sender, &error), expected);
    }

    #[test]
    fn the_report_names_every_problem_of_the_settings_once() {
        let error = Settings::load_from(Program::Fanout, None, Vec::new()).unwrap_err();
        let report = render(Program::Fanout, &error.into());
        assert!(
            report.starts_with("fanout: the configuration is not valid:\n  WEBHOOKS_AMQP__URL is required"),
            "{report}"
        );
        assert_eq!(report.matches("WEBHOOKS_DATABASE__URL is required").count(), 1, "{report}");
    }
}
