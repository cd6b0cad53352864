//! The command line that both programs share.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Parser, Subcommand};
use runtime::{Program, UsageError, exit, healthcheck, install_crypto_provider};
use settings::Settings;

/// Where the settings are read from.
#[derive(Debug, Args)]
pub struct SettingsSource {
    /// TOML file with settings; the environment (WEBHOOKS_…) takes precedence.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl SettingsSource {
    /// Reads the settings.
    ///
    /// # Errors
    /// When they are not valid.
    pub fn load(&self, program: Program) -> Result<Settings, UsageError> {
        Settings::load(program, self.config.as_deref())
    }
}

/// The commands of every program.
#[derive(Debug, Subcommand)]
pub enum OperatorCommand {
    /// Check the settings and print them, with secrets hidden.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Ask the running process whether it is ready, through its telemetry port. Exit status 0 when it is.
    Healthcheck,
}

/// Commands about the settings.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Report what is wrong or unknown, or print the effective settings.
    Check,
}

impl OperatorCommand {
    /// Carries the command out.
    ///
    /// # Errors
    /// When the settings are refused, or the process is not ready.
    pub async fn run(&self, settings: &Settings) -> anyhow::Result<()> {
        match self {
            Self::Config(ConfigCommand::Check) => print(&settings.redacted()),
            Self::Healthcheck => Ok(healthcheck(settings.telemetry.listen).await?),
        }
    }
}

/// Parses the command line and runs the program; the exit status is 0 done, 1 failed, 2 usage or configuration error.
pub fn main<C: Parser>(program: Program, run: impl AsyncFnOnce(C) -> anyhow::Result<()>) -> ExitCode {
    let command_line = C::parse();
    install_crypto_provider();
    exit::report(program, block_on(run(command_line)))
}

fn block_on(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start threads")?;
    runtime.block_on(work)
}

/// Prints on standard output. Unlike `print!`, returns an error instead of panicking when that is closed.
///
/// # Errors
/// When standard output is closed.
pub fn print(text: &str) -> anyhow::Result<()> {
    std::io::stdout()
        .write_all(text.as_bytes())
        .context("cannot write to standard output")
}
