//! One running `fanout` or `sender`.

use std::env;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use serde_json::Value;
use testkit::http::Client;
use testkit::servers::free_ports;
use testkit::service::Service;
use testkit::wait;

use crate::DEADLINE;
use crate::log_lines::{self, LogLine};

/// How much of a program's log a failed test shows.
const SHOWN_LINES: usize = 60;

/// A running `fanout` or `sender`, on ports of its own. Killed when dropped; a test that fails shows the end of its log.
pub struct Program {
    name: &'static str,
    service: Service,
    telemetry: Client,
    api: String,
}

impl Program {
    /// Starts `<name> serve` in this environment, and does not wait.
    pub(crate) fn start(name: &'static str, environment: Vec<(String, String)>) -> anyhow::Result<Self> {
        Self::run(name, &binary(name)?, &["serve"], environment)
    }

    /// Starts it like [`start`](Self::start), with a named pipe for standard output, which is not read.
    pub(crate) fn start_unread(
        name: &'static str,
        pipe: &Path,
        environment: Vec<(String, String)>,
    ) -> anyhow::Result<Self> {
        // The program holds the other end too, so that it never sees an error.
        const SCRIPT: &str = r#"mkfifo "$1" && exec 3<>"$1" && exec "$0" serve >"$1""#;
        let (program, pipe) = (binary(name)?.display().to_string(), pipe.display().to_string());
        Self::run(
            name,
            Path::new("/bin/sh"),
            &["-c", SCRIPT, &program, &pipe],
            environment,
        )
    }

    fn run(
        name: &'static str,
        program: &Path,
        arguments: &[&str],
        mut environment: Vec<(String, String)>,
    ) -> anyhow::Result<Self> {
        let [api, telemetry] = free_ports();
        for (variable, port) in [
            ("WEBHOOKS_HTTP__LISTEN", api),
            ("WEBHOOKS_TELEMETRY__LISTEN", telemetry),
        ] {
            environment.push((variable.to_owned(), format!("127.0.0.1:{port}")));
        }
        Ok(Self {
            name,
            service: Service::start(name, program, arguments, &environment)?,
            telemetry: Client::new(format!("http://127.0.0.1:{telemetry}")),
            api: format!("http://127.0.0.1:{api}"),
        })
    }

    /// Waits until it is ready to work.
    ///
    /// # Errors
    /// It ended, or is not ready in time.
    pub async fn wait_ready(&mut self) -> anyhow::Result<()> {
        Ok(self.service.wait_ready(self.telemetry.base()).await?)
    }

    /// Waits until it answers its telemetry port: it runs, ready or not.
    ///
    /// # Errors
    /// It does not answer in time.
    pub async fn wait_alive(&self) -> anyhow::Result<()> {
        let what = format!("{} to answer /healthz", self.name);
        Ok(wait::until(DEADLINE, what, async || self.health().await.ok() == Some(200)).await?)
    }

    /// Waits until it says that it is not ready, for exactly these conditions in any order.
    ///
    /// # Errors
    /// It never says that; the error shows what it says instead.
    pub async fn wait_unmet(&self, conditions: &[&str]) -> anyhow::Result<()> {
        let expected = sorted(conditions.iter().map(ToString::to_string).collect());
        let is_so = async || self.unmet().await.is_ok_and(|unmet| unmet == expected);
        if wait::until(DEADLINE, "readiness", is_so).await.is_err() {
            bail!("{} should lack {expected:?}, lacks {:?}", self.name, self.unmet().await);
        }
        Ok(())
    }

    /// The names of the conditions that `/readyz` lists, sorted; empty when it is ready.
    ///
    /// # Errors
    /// It does not answer, or the status contradicts the list.
    pub async fn unmet(&self) -> anyhow::Result<Vec<String>> {
        let answer = self.telemetry.get("/readyz").await?;
        let unmet = answer
            .json()?
            .as_array()
            .context("a list")?
            .iter()
            .map(condition)
            .collect::<Option<Vec<_>>>();
        let unmet = sorted(unmet.context("every entry names its condition")?);
        ensure!(
            answer.status.as_u16() == if unmet.is_empty() { 200 } else { 503 },
            "{} for {unmet:?}",
            answer.status
        );
        Ok(unmet)
    }

    /// The status of `/healthz`.
    ///
    /// # Errors
    /// It does not answer.
    pub async fn health(&self) -> anyhow::Result<u16> {
        Ok(self.telemetry.get("/healthz").await?.status.as_u16())
    }

    /// Everything on `/metrics`.
    ///
    /// # Errors
    /// It does not answer.
    pub async fn metrics(&self) -> anyhow::Result<String> {
        Ok(self.telemetry.get("/metrics").await?.text())
    }

    /// The value of one series, `name` or `name{label="value",…}` with the labels in alphabetical order.
    ///
    /// # Errors
    /// There is no such series.
    pub async fn metric(&self, series: &str) -> anyhow::Result<f64> {
        let metrics = self.metrics().await?;
        let value = metrics
            .lines()
            .find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        value
            .with_context(|| format!("{} has no metric {series}", self.name))?
            .parse()
            .context("a number")
    }

    /// Waits until a series has this value.
    ///
    /// # Errors
    /// It never has; the error shows what it has instead.
    pub async fn wait_for_metric(&self, series: &str, value: f64) -> anyhow::Result<()> {
        let mut last = None;
        let is_so = async || {
            last = self.metric(series).await.ok();
            last == Some(value)
        };
        let waited = wait::until(DEADLINE, format!("{series} to be {value}"), is_so).await;
        waited.with_context(|| format!("{series} of {} is {last:?}", self.name))
    }

    /// `http://host:port` of the admin API, for a `fanout`.
    pub fn api_url(&self) -> &str {
        &self.api
    }

    /// All it has written, over all its starts.
    pub fn log(&self) -> String {
        self.service.log()
    }

    /// Its log lines so far.
    pub fn log_lines(&self) -> Vec<LogLine> {
        log_lines::parse(&self.log())
    }

    /// Waits for the first log line with this message.
    ///
    /// # Errors
    /// There is none in time.
    pub async fn wait_for_line(&self, message: &str) -> anyhow::Result<LogLine> {
        let what = format!("{} to log {message:?}", self.name);
        let find = async || self.log_lines().into_iter().find(|line| line.message() == message);
        Ok(wait::until_some(DEADLINE, what, find).await?)
    }

    /// The most memory that it has had resident so far, in bytes.
    ///
    /// # Errors
    /// It does not run.
    pub fn peak_memory(&self) -> anyhow::Result<u64> {
        let pid = self.service.pid().context("the program does not run")?;
        let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
        let peak = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:")?.strip_suffix("kB"));
        Ok(peak.context("VmHWM")?.trim().parse::<u64>()? * 1024)
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        self.service.exit_status().is_none()
    }

    /// Sends SIGTERM and waits for the end; gives the exit status.
    ///
    /// # Errors
    /// It does not end, or ended by a signal.
    pub async fn stop(&mut self) -> anyhow::Result<i32> {
        self.service
            .stop()
            .await?
            .code()
            .with_context(|| format!("{} was ended by a signal", self.name))
    }

    /// Waits until it ends by itself; gives the exit status.
    ///
    /// # Errors
    /// It does not end `within` that time, or ended by a signal.
    pub async fn wait_end(&mut self, within: Duration) -> anyhow::Result<i32> {
        let what = format!("{} to end", self.name);
        let status = wait::until_some(within, what, async || self.service.exit_status()).await?;
        status
            .code()
            .with_context(|| format!("{} was ended by a signal", self.name))
    }

    /// SIGKILL; returns when it is gone.
    ///
    /// # Errors
    /// It survives even that.
    pub fn kill_nine(&mut self) -> anyhow::Result<()> {
        Ok(self.service.kill_nine()?)
    }

    /// SIGSTOP: it does nothing, and its connections stay open.
    pub fn freeze(&self) {
        self.service.freeze();
    }

    /// SIGCONT, after [`freeze`](Self::freeze).
    pub fn thaw(&self) {
        self.service.thaw();
    }

    /// The most memory it has had since its start, in MiB; `None` when it does not run.
    pub fn peak_memory_mib(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.service.pid()?)).ok()?;
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        Some(peak.trim().strip_suffix(" kB")?.parse::<u64>().ok()? / 1024)
    }

    /// How it ended, if it did so by itself.
    pub fn exit_status(&mut self) -> Option<ExitStatus> {
        self.service.exit_status()
    }

    /// Starts it again after [`stop`](Self::stop) or [`kill_nine`](Self::kill_nine), as it was, and does not wait.
    ///
    /// # Errors
    /// It cannot be run.
    pub fn launch_again(&mut self) -> anyhow::Result<()> {
        Ok(self.service.start_again()?)
    }

    /// Starts it again after [`stop`](Self::stop) or [`kill_nine`](Self::kill_nine), as it was, and waits until it is
    /// ready.
    ///
    /// # Errors
    /// It does not start.
    pub async fn start_again(&mut self) -> anyhow::Result<()> {
        self.service.start_again()?;
        self.wait_ready().await
    }
}

impl Drop for Program {
    /// The test runner shows what is printed only when the test fails.
    fn drop(&mut self) {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        let end = lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n");
        eprintln!("--- the end of the log of {}:\n{end}", self.name);
    }
}

/// The program of the profile that this test was built with: `target/<profile>/<name>`, two levels above the test.
///
/// # Errors
/// It has not been built.
pub(crate) fn binary(name: &str) -> anyhow::Result<PathBuf> {
    let test = env::current_exe().context("where this test is")?;
    let profile = test
        .ancestors()
        .nth(2)
        .context("a test lies in target/<profile>/deps")?;
    let program = profile.join(name);
    ensure!(
        program.is_file(),
        "{} is missing; `cargo build --workspace --bins` in the profile of the tests builds it",
        program.display()
    );
    Ok(program)
}

fn condition(unmet: &Value) -> Option<String> {
    Some(unmet["condition"].as_str()?.to_owned())
}

fn sorted(mut list: Vec<String>) -> Vec<String> {
    list.sort();
    list
}
