//! The private servers on the command line: what `make dev`, `make stop` and `make test` call.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use testkit::servers::{Durability, Lifetime};
use testkit::stack::{self, Stack};

/// Private PostgreSQL and RabbitMQ servers for development and tests.
#[derive(Parser)]
#[command(name = "stack")]
struct Arguments {
    /// Where the servers keep their data [default: .dev in the checkout]
    #[arg(long, global = true)]
    directory: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Install the servers' packages where they are missing
    Install,
    /// Start both servers, or find them running, and write their addresses to <directory>/env
    Up,
    /// Stop everything that was started below the directory
    Down,
    /// Say what is running
    Status,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("stack: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let directory = arguments.directory.unwrap_or_else(testkit::dev_directory);
    match arguments.command {
        Command::Install => stack::install::install(|said| println!("{said}"))?,
        Command::Up => {
            let stack = Stack::up(&directory, Lifetime::Standing, Durability::PowerLoss).await?;
            println!("{}", stack.amqp_url());
        }
        Command::Down => stack::down(&directory).context("cannot stop the servers")?,
        Command::Status => {
            for (name, running) in stack::status(&directory) {
                println!("{name}: {running}");
            }
        }
    }
    Ok(())
}
