//! The command line.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};
use runtime::{Program, exit, install_crypto_provider};
use settings::Settings;

use crate::app;

/// Posts deliveries to webhooks and writes their outcomes. Run as many as the load needs.
#[derive(Parser)]
#[command(name = "sender", version = runtime::VERSION)]
struct Cli {
    /// TOML file with settings; the environment (WEBHOOKS_…) wins over it.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Take jobs and deliver them.
    Serve,
    /// Read the settings and print them, secrets hidden.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Ask the running process whether it is ready, through its telemetry port. Exit status 0 when it is.
    Healthcheck,
}

#[derive(Subcommand)]
enum ConfigCommand {
    /// Report what is wrong or unknown, or print the effective settings.
    Check,
}

/// Runs the program; the exit status is 0 done, 1 failed, 2 usage or configuration error.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    install_crypto_provider();
    exit::report(Program::Sender, run(&cli))
}

fn run(cli: &Cli) -> anyhow::Result<()> {
    let settings = Settings::load(Program::Sender, cli.config.as_deref())?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start threads")?;
    runtime.block_on(async {
        match &cli.command {
            Command::Serve => app::serve(settings).await,
            Command::Config(ConfigCommand::Check) => {
                use std::io::Write;
                let text = settings.redacted();
                std::io::stdout()
                    .write_all(text.as_bytes())
                    .context("cannot write to standard output")
            }
            Command::Healthcheck => Ok(runtime::healthcheck(settings.telemetry.listen).await?),
        }
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        super::Cli::command().debug_assert();
    }
}
