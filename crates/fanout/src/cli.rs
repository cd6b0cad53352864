//! The command line.

mod event;
mod ready_database;
mod secrets;
mod session;
mod token;

use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};
use runtime::Program;
use service::cli::{OperatorCommand, SettingsSource, print};
use settings::Settings;
use store::Database;

use crate::app;
use event::EventCommand;
use ready_database::ready_database;
use secrets::SecretsCommand;
use session::SessionCommand;
use token::TokenCommand;

/// Matches CRM events with subscriptions, enqueues deliveries, and serves the admin API and the console.
#[derive(Parser)]
#[command(name = "fanout", version = runtime::VERSION)]
struct Cli {
    #[command(flatten)]
    settings: SettingsSource,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Consume events, enqueue deliveries, serve the admin API and the console.
    Serve,
    /// Apply the schema migrations of this version. Idempotent.
    Migrate,
    /// Apply the retention now, as `serve` does every hour, and print the dropped days.
    Prune {
        /// Only print the days that would be dropped.
        #[arg(long)]
        dry_run: bool,
    },
    /// Manage API tokens.
    #[command(subcommand)]
    Token(TokenCommand),
    /// List console sessions, and revoke them.
    #[command(subcommand)]
    Session(SessionCommand),
    /// Check and publish events, for developers of CRM services.
    #[command(subcommand)]
    Event(EventCommand),
    /// Manage the encryption of webhooks' secrets.
    #[command(subcommand)]
    Secrets(SecretsCommand),
    /// Print the description of the admin API (OpenAPI 3.1, JSON). Needs no settings.
    Openapi,
    #[command(flatten)]
    Operator(OperatorCommand),
}

/// Runs the program; the exit status is 0 done, 1 failed, 2 usage or configuration error.
pub fn main() -> ExitCode {
    service::cli::main(Program::Fanout, run)
}

async fn run(cli: Cli) -> anyhow::Result<()> {
    let settings = || cli.settings.load(Program::Fanout);
    match &cli.command {
        Command::Serve => app::serve(settings()?).await,
        Command::Migrate => migrate(&settings()?).await,
        Command::Prune { dry_run } => prune(&settings()?, *dry_run).await,
        Command::Token(command) => token::run(&settings()?, command).await,
        Command::Session(command) => session::run(&settings()?, command).await,
        Command::Event(command) => event::run(&settings()?, command).await,
        Command::Secrets(command) => secrets::run(&settings()?, command).await,
        Command::Openapi => print(&format!("{:#}\n", api::document(""))),
        Command::Operator(command) => command.run(&settings()?).await,
    }
}

async fn migrate(settings: &Settings) -> anyhow::Result<()> {
    let applied = Database::from_settings(&settings.database, settings.secrets.clone())?
        .migrate()
        .await
        .context("cannot migrate the database schema")?;
    match applied.as_slice() {
        [] => print("the schema is up to date\n"),
        names => print(&format!("applied: {}\n", names.join(", "))),
    }
}

async fn prune(settings: &Settings, dry_run: bool) -> anyhow::Result<()> {
    let database = ready_database(settings).await?;
    let kept = settings.retention.days;
    let days = if dry_run {
        database.past_days(kept).await?
    } else {
        let removed = database
            .apply_retention(kept)
            .await
            .context("cannot delete all expired data")?;
        removed.context("another process is deleting expired data now")?.days
    };
    print(&days.iter().map(|day| format!("{day}\n")).collect::<String>())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        super::Cli::command().debug_assert();
    }
}
