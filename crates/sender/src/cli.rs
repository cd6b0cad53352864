//! The command line.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use runtime::Program;
use service::cli::{OperatorCommand, SettingsSource};

use crate::app;

/// Posts deliveries to webhooks and writes their outcomes. Run as many as the load needs.
#[derive(Parser)]
#[command(name = "sender", version = runtime::VERSION)]
struct Cli {
    #[command(flatten)]
    settings: SettingsSource,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Consume jobs, post deliveries, record their outcomes.
    Serve,
    #[command(flatten)]
    Operator(OperatorCommand),
}

/// Runs the program; the exit status is 0 done, 1 failed, 2 usage or configuration error.
pub fn main() -> ExitCode {
    service::cli::main(Program::Sender, run)
}

async fn run(cli: Cli) -> anyhow::Result<()> {
    let settings = cli.settings.load(Program::Sender)?;
    match &cli.command {
        Command::Serve => app::serve(settings).await,
        Command::Operator(command) => command.run(&settings).await,
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        super::Cli::command().debug_assert();
    }
}
