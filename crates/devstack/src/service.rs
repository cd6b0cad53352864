//! A program of this project as a child process: for the demo, end-to-end tests and benchmarks.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use crate::http::Client;
use crate::servers::{Instance, Lifetime, ServerError};

/// Longer than connecting to broker and database and declaring everything takes on a busy machine.
const READY_DEADLINE: Duration = Duration::from_secs(40);
/// Longer than the default of the programs' own `shutdown.grace`, 25 s.
const EXIT_DEADLINE: Duration = Duration::from_secs(35);

/// A running `fanout` or `sender`. Killed when dropped, and when this process dies.
///
/// Its environment is exactly what it was given: nothing of the caller's configuration reaches it.
#[derive(Debug)]
pub struct Service {
    instance: Instance,
    program: PathBuf,
    arguments: Vec<OsString>,
    environment: Vec<(String, String)>,
}

impl Service {
    /// Starts `program` with a log in a directory of its own, which goes with it.
    ///
    /// # Errors
    /// The program cannot be run.
    pub fn start(
        name: &'static str,
        program: &Path,
        arguments: &[&str],
        environment: &[(String, String)],
    ) -> Result<Self, ServerError> {
        Self::launch(Instance::temporary(name)?, program, arguments, environment)
    }

    /// Starts `program` with its log in `directory`, which stays.
    ///
    /// # Errors
    /// The program cannot be run.
    pub fn start_in(
        directory: &Path,
        name: &'static str,
        program: &Path,
        arguments: &[&str],
        environment: &[(String, String)],
    ) -> Result<Self, ServerError> {
        Self::launch(
            Instance::at(name, directory, Lifetime::Owner)?,
            program,
            arguments,
            environment,
        )
    }

    fn launch(
        instance: Instance,
        program: &Path,
        arguments: &[&str],
        environment: &[(String, String)],
    ) -> Result<Self, ServerError> {
        let mut service = Self {
            instance,
            program: program.to_owned(),
            arguments: arguments.iter().map(OsString::from).collect(),
            environment: environment.to_vec(),
        };
        service.start_again()?;
        Ok(service)
    }

    /// Starts it again with the same arguments and environment, after [`stop`](Self::stop) or
    /// [`kill_nine`](Self::kill_nine).
    ///
    /// # Errors
    /// The program cannot be run.
    pub fn start_again(&mut self) -> Result<(), ServerError> {
        let mut command = Command::new(&self.program);
        command
            .args(&self.arguments)
            .env_clear()
            .envs(self.environment.iter().cloned());
        self.instance.launch(&mut command)
    }

    /// Waits until `/readyz` below `telemetry` (`http://host:port`) answers 200.
    ///
    /// # Errors
    /// The program ended, or is not ready in time; shows its last answer and the end of its log.
    pub async fn wait_ready(&mut self, telemetry: &str) -> Result<(), ServerError> {
        let telemetry = Client::new(telemetry);
        let probe = async || match telemetry.get("/readyz").await {
            Ok(answer) if answer.status.is_success() => Ok(()),
            Ok(answer) => Err(format!("/readyz says {}", answer.text().trim())),
            Err(error) => Err(format!("{:#}", anyhow::Error::from(error))),
        };
        self.instance.wait_ready(READY_DEADLINE, probe).await
    }

    /// Sends SIGTERM and waits until the program has ended in order.
    ///
    /// # Errors
    /// It does not end.
    pub async fn stop(&mut self) -> Result<ExitStatus, ServerError> {
        self.instance.terminate(EXIT_DEADLINE).await
    }

    /// SIGSTOP: it does nothing, and its connections stay open.
    pub fn freeze(&self) {
        self.instance.freeze();
    }

    /// SIGCONT, after [`freeze`](Self::freeze).
    pub fn thaw(&self) {
        self.instance.thaw();
    }

    /// SIGKILL; returns when the program is gone.
    ///
    /// # Errors
    /// It survives even that.
    pub fn kill_nine(&mut self) -> Result<(), ServerError> {
        self.instance.kill_nine()
    }

    /// How it ended, if it did so by itself.
    pub fn exit_status(&mut self) -> Option<ExitStatus> {
        self.instance.exit_status()
    }

    /// Its process number.
    pub fn pid(&self) -> Option<u32> {
        self.instance.pid()
    }

    /// Where its log and lock are.
    pub fn directory(&self) -> &Path {
        self.instance.directory()
    }

    /// All it has written to standard output and error, since the first start of this handle.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(self.instance.log()).unwrap_or_default()).into_owned()
    }
}
