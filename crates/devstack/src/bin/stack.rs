//! The private servers on the command line: what `make dev`, `make stop` and `make test` call.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};
use devstack::servers::{Durability, Lifetime, ServerError};
use devstack::stack::{self, Stack};

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
    Install {
        /// And what tests need beside: a browser, a pooler, a clock that is wrong
        #[arg(long)]
        browser: bool,
    },
    /// Start both servers, or find them running, and write their addresses to <directory>/env
    Up(Which),
    /// Stop everything that was started below the directory
    Down(Which),
    /// Say what is running
    Status(Which),
}

#[derive(Args)]
struct Which {
    /// Those of the tests, in <directory>/test, which end by themselves when no test has used them for a while
    #[arg(long)]
    tests: bool,
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
    let directory = arguments.directory.unwrap_or_else(devstack::dev_directory);
    match arguments.command {
        Command::Install { browser } => install(browser)?,
        Command::Up(Which { tests: true }) => drop(stack::start_for_tests(&directory).await?),
        Command::Up(Which { tests: false }) => up(&directory).await?,
        Command::Down(which) => stack::down(&which.within(directory)).context("something is still running")?,
        Command::Status(which) => {
            for (name, is_running) in stack::status(&which.within(directory)) {
                println!("{name} is {}", if is_running { "running" } else { "not running" });
            }
        }
    }
    Ok(())
}

fn install(browser: bool) -> Result<(), ServerError> {
    let tell = |said: &str| println!("{said}");
    stack::install::install(tell)?;
    if browser {
        stack::install::install_tools(tell)?;
        stack::install::install_browser(tell)?;
    }
    Ok(())
}

impl Which {
    fn within(&self, directory: PathBuf) -> PathBuf {
        if self.tests {
            stack::tests_directory(&directory)
        } else {
            directory
        }
    }
}

async fn up(directory: &Path) -> anyhow::Result<()> {
    stack::install::install_unless_given(|said| println!("{said}"))?;
    let stack = Stack::up(directory, Lifetime::Standing, Durability::PowerLoss).await?;
    println!("RabbitMQ    {}", stack.amqp_url());
    println!(
        "            {} (management)",
        stack.management_url().unwrap_or("no address known")
    );
    println!("PostgreSQL  {}", stack.database_url());
    println!(
        "Load the addresses into a shell with: set -a; . '{}'; set +a",
        directory.join("env").display()
    );
    Ok(())
}
