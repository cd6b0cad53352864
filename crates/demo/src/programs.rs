//! `fanout` and `sender` as children of the demo, on free ports, with a configuration of their own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail, ensure};
use devstack::certificates::TestCa;
use devstack::dev_directory;
use devstack::servers::free_ports;
use devstack::service::Service;
use devstack::stack::Stack;

/// The account that owns what the demo creates.
pub const ACCOUNT: &str = "demo";

/// Both programs, running.
pub struct Programs {
    fanout: Service,
    sender: Service,
    directory: PathBuf,
    environment: Vec<(String, String)>,
    url: String,
}

impl Programs {
    /// Applies the schema, starts both and waits until both are ready.
    pub async fn start(stack: &Stack, ca: &TestCa) -> anyhow::Result<Self> {
        let directory = dev_directory().join("demo");
        fs::create_dir_all(&directory)?;
        let ca_file = directory.join("ca.pem");
        fs::write(&ca_file, ca.pem())?;
        let [http, fanout_telemetry, sender_telemetry] = free_ports();
        let environment = environment(stack, &ca_file, http);
        run(&program("fanout")?, &["migrate"], &environment).await?;

        let start = |name, port: u16| {
            let mut environment = environment.clone();
            environment.push(("WEBHOOKS_TELEMETRY__LISTEN".into(), format!("127.0.0.1:{port}")));
            Ok::<_, anyhow::Error>(Service::start_in(
                &directory.join(name),
                name,
                &program(name)?,
                &["serve"],
                &environment,
            )?)
        };
        let mut fanout = start("fanout", fanout_telemetry)?;
        let mut sender = start("sender", sender_telemetry)?;
        fanout
            .wait_ready(&format!("http://127.0.0.1:{fanout_telemetry}"))
            .await?;
        sender
            .wait_ready(&format!("http://127.0.0.1:{sender_telemetry}"))
            .await?;
        let url = format!("http://127.0.0.1:{http}");
        Ok(Self {
            fanout,
            sender,
            directory,
            environment,
            url,
        })
    }

    /// Where `fanout` serves the console and the API.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A new API token with which everything in the demo's account may be done.
    pub async fn create_token(&self) -> anyhow::Result<String> {
        let arguments = [
            "token",
            "create",
            "--account",
            ACCOUNT,
            "--role",
            "admin",
            "--name",
            "demo",
        ];
        Ok(run(&program("fanout")?, &arguments, &self.environment)
            .await?
            .trim()
            .to_owned())
    }

    /// Where to read on when something went wrong.
    pub fn logs(&self) -> String {
        format!(
            "the logs are {0}/fanout/log and {0}/sender/log",
            self.directory.display()
        )
    }

    /// Asks both to end and waits for that.
    pub async fn stop(&mut self) -> anyhow::Result<()> {
        for (name, service) in [("fanout", &mut self.fanout), ("sender", &mut self.sender)] {
            let status = service.stop().await?;
            ensure!(status.success(), "{name} ended with {status}");
        }
        Ok(())
    }

    /// Both are meant to run for as long as the demo does.
    pub fn check_alive(&mut self) -> anyhow::Result<()> {
        for (name, service) in [("fanout", &mut self.fanout), ("sender", &mut self.sender)] {
            if let Some(status) = service.exit_status() {
                bail!("{name} has ended with {status}");
            }
        }
        Ok(())
    }
}

/// The whole configuration; nothing of the caller's own reaches the programs.
fn environment(stack: &Stack, ca_file: &Path, port: u16) -> Vec<(String, String)> {
    let variables = [
        ("WEBHOOKS_AMQP__URL", stack.amqp_url()),
        ("WEBHOOKS_DATABASE__URL", stack.database_url()),
        ("WEBHOOKS_SECRETS__KEY", stack.secrets_key()),
        ("WEBHOOKS_HTTP__LISTEN", &format!("127.0.0.1:{port}")),
        // The demo's receiver is on this machine, with a certificate that only the demo trusts.
        ("WEBHOOKS_EGRESS__ALLOW_NETWORKS", "127.0.0.0/8"),
        ("WEBHOOKS_EGRESS__CA_FILE", &ca_file.display().to_string()),
        ("WEBHOOKS_LOG__FORMAT", "text"),
    ];
    variables
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// A program built beside this one.
fn program(name: &str) -> anyhow::Result<PathBuf> {
    let path = std::env::current_exe()?.with_file_name(name);
    if !path.exists() {
        bail!("{} has not been built; `make demo` does that", path.display());
    }
    Ok(path)
}

/// Runs a program to its end and returns what it printed.
async fn run(program: &Path, arguments: &[&str], environment: &[(String, String)]) -> anyhow::Result<String> {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env_clear()
        .envs(environment.iter().cloned())
        .stdin(Stdio::null());
    let output = tokio::task::spawn_blocking(move || command.output()).await??;
    let task = || format!("{} {} failed", program.display(), arguments.join(" "));
    if !output.status.success() {
        bail!("{}: {}", task(), String::from_utf8_lossy(&output.stderr).trim());
    }
    String::from_utf8(output.stdout).with_context(task)
}
