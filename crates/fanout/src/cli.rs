//! The command line.

mod ready_database;
mod secrets;
mod session;
mod terminal;
mod token;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};
use runtime::{Program, exit, install_crypto_provider};
use settings::Settings;
use store::Database;

use crate::app;
use ready_database::ready_database;
use secrets::SecretsCommand;
use session::SessionCommand;
use terminal::print;
use token::TokenCommand;

/// Matches CRM events against webhooks, enqueues deliveries and serves the admin API.
#[derive(Parser)]
#[command(name = "fanout", version = runtime::VERSION)]
struct Cli {
    /// TOML file with settings; the environment (WEBHOOKS_…) wins over it.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Consume events, enqueue deliveries, serve the admin API.
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
    /// Manage the encryption of webhooks' secrets.
    #[command(subcommand)]
    Secrets(SecretsCommand),
    /// Read the settings and print them, secrets hidden.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print the description of the admin API (OpenAPI 3.1, JSON). Needs no settings.
    Openapi,
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
    exit::report(Program::Fanout, run(&cli))
}

fn run(cli: &Cli) -> anyhow::Result<()> {
    let settings = || Settings::load(Program::Fanout, cli.config.as_deref());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start threads")?;
    runtime.block_on(async {
        match &cli.command {
            Command::Serve => app::serve(settings()?).await,
            Command::Migrate => migrate(&settings()?).await,
            Command::Prune { dry_run } => prune(&settings()?, *dry_run).await,
            Command::Token(command) => token::run(&settings()?, command).await,
            Command::Session(command) => session::run(&settings()?, command).await,
            Command::Secrets(command) => secrets::run(&settings()?, command).await,
            Command::Config(ConfigCommand::Check) => print(&settings()?.redacted()),
            Command::Openapi => print(&format!("{:#}\n", api::document(""))),
            Command::Healthcheck => Ok(runtime::healthcheck(settings()?.telemetry.listen).await?),
        }
    })
}

async fn migrate(settings: &Settings) -> anyhow::Result<()> {
    let applied = Database::from_settings(&settings.database, settings.secrets.clone())?
        .migrate()
        .await
        .context("the schema could not be brought up to date")?;
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
            .context("not everything could be removed")?;
        removed.context("another process is removing at this moment")?.days
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
