//! The command line.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Parser, Subcommand, ValueEnum};
use domain::AccountName;
use jiff::Timestamp;
use runtime::{Program, Settings, UsageError, exit, install_crypto_provider};
use store::Database;
use store::tokens::Role;
use uuid::Uuid;

use crate::app;

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
    /// Bring the database's schema up to this version. Safe to repeat.
    Migrate,
    /// Remove what is older than the retention now, as `serve` does every hour, and print the days that go.
    Prune {
        /// Only print the days that would go.
        #[arg(long)]
        dry_run: bool,
    },
    /// Manage API tokens.
    #[command(subcommand)]
    Token(TokenCommand),
    /// Read the settings and print them, secrets hidden.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print the description of the admin API (OpenAPI 3.1, JSON). Needs no settings.
    Openapi,
    /// Ask the running process whether it is ready, through its telemetry port. Exit status 0 when it is.
    Healthcheck,
}

#[derive(Subcommand)]
enum TokenCommand {
    /// Make a token and print it, once.
    Create(CreateToken),
    /// List all tokens.
    List,
    /// Refuse a token from now on.
    Revoke {
        /// The token's id, from `token list`.
        id: Uuid,
    },
}

#[derive(Args)]
struct CreateToken {
    /// Account the token acts for.
    #[arg(long)]
    account: AccountName,
    /// What its bearer may do.
    #[arg(long)]
    role: RoleArgument,
    /// What it is for.
    #[arg(long, default_value = "")]
    name: String,
}

#[derive(Clone, Copy, ValueEnum)]
enum RoleArgument {
    Admin,
    Viewer,
}

#[derive(Subcommand)]
enum ConfigCommand {
    /// Name what is wrong or unknown, or print what is in force.
    Check,
}

/// Runs the program; the exit status is 0 done, 1 failed, 2 wrong use or configuration.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    install_crypto_provider();
    exit::report(Program::Fanout, run(&cli))
}

fn run(cli: &Cli) -> anyhow::Result<()> {
    let settings = || Settings::load(Program::Fanout, cli.config.as_deref());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start threads")?;
    runtime.block_on(async {
        match &cli.command {
            Command::Serve => app::serve(settings()?).await,
            Command::Migrate => migrate(&settings()?).await,
            Command::Prune { dry_run } => prune(&settings()?, *dry_run).await,
            Command::Token(command) => token(&settings()?, command).await,
            Command::Config(ConfigCommand::Check) => print(&settings()?.redacted()),
            Command::Openapi => print(&format!("{:#}\n", console::openapi_document(""))),
            Command::Healthcheck => Ok(runtime::healthcheck(settings()?.telemetry.listen).await?),
        }
    })
}

async fn migrate(settings: &Settings) -> anyhow::Result<()> {
    let applied =
        Database::from_settings(settings)?.migrate().await.context("the schema could not be brought up to date")?;
    match applied.as_slice() {
        [] => print("the schema is up to date\n"),
        names => print(&format!("applied: {}\n", names.join(", "))),
    }
}

async fn prune(settings: &Settings, dry_run: bool) -> anyhow::Result<()> {
    let database = Database::from_settings(settings)?;
    database.require_schema().await?;
    let (now, kept) = (Timestamp::now(), settings.retention.days);
    let days = if dry_run {
        database.past_days(now, kept).await?
    } else {
        let forgotten = database.forget_past(now, kept).await.context("not everything could be removed")?;
        forgotten.context("another process is removing at this moment")?.days
    };
    print(&days.iter().map(|day| format!("{day}\n")).collect::<String>())
}

async fn token(settings: &Settings, command: &TokenCommand) -> anyhow::Result<()> {
    let database = Database::from_settings(settings)?;
    database.require_schema().await?;
    match command {
        TokenCommand::Create(new) => create_token(&database, new).await,
        TokenCommand::List => list_tokens(&database).await,
        TokenCommand::Revoke { id } if database.revoke_token(*id).await? => print("revoked\n"),
        TokenCommand::Revoke { id } => Err(UsageError(format!("there is no token {id}")).into()),
    }
}

async fn create_token(database: &Database, new: &CreateToken) -> anyhow::Result<()> {
    let role = match new.role {
        RoleArgument::Admin => Role::Admin,
        RoleArgument::Viewer => Role::Viewer,
    };
    let token = database.create_token(&new.account, role, &new.name).await?;
    print(&format!("{}\n", token.expose()))
}

async fn list_tokens(database: &Database) -> anyhow::Result<()> {
    let mut lines = String::from("ID\tACCOUNT\tROLE\tCREATED\tLAST USED\tREVOKED\tNAME\n");
    for token in database.tokens().await? {
        let time = |at: Option<jiff::Timestamp>| at.map_or_else(|| "-".to_owned(), |at| at.to_string());
        let (last_used, revoked) = (time(token.last_used_at), time(token.revoked_at));
        let (account, role) = (token.account.as_str(), token.role.as_str());
        let line =
            [&token.id.to_string(), account, role, &token.created_at.to_string(), &last_used, &revoked, &token.name];
        lines.push_str(&line.join("\t"));
        lines.push('\n');
    }
    print(&lines)
}

/// Unlike `print!`, an error and no panic when standard output is gone.
fn print(text: &str) -> anyhow::Result<()> {
    use std::io::Write;
    std::io::stdout().write_all(text.as_bytes()).context("cannot write to standard output")
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        super::Cli::command().debug_assert();
    }
}
