//! A person at a browser: headless Chromium, driven over the DevTools protocol.
//!
//! A [`Page`] is used as people use it: by labels and names of buttons, with mouse and keyboard. What the browser itself
//! notices meanwhile (requests, errors, refused content) is kept, and judged by [`Page::check_traffic`].

mod connection;
mod event_log;
mod input;
mod page;

use std::process::Stdio;
use std::sync::Arc;

use anyhow::Context;
use serde_json::json;
use tempfile::TempDir;
use tokio::process::{Child, Command};

use connection::{Connection, Target};
pub use input::Focused;
pub use page::{Page, Scheme};

/// A running browser. It ends when dropped.
pub struct Browser {
    connection: Arc<Connection>,
    _process: Child,
    _profile: TempDir,
}

impl Browser {
    /// Starts one with an empty profile.
    ///
    /// # Errors
    /// It is not installed or does not start.
    pub async fn start() -> anyhow::Result<Self> {
        let profile = tempfile::tempdir()?;
        let mut command = Command::from(testkit::browser::command(profile.path())?);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true);
        let mut process = command.spawn().context("the browser does not start")?;
        let (requests, answers) = (process.stdin.take(), process.stdout.take());
        let connection = Connection::new(requests.context("a pipe")?, answers.context("a pipe")?);
        Ok(Self {
            connection,
            _process: process,
            _profile: profile,
        })
    }

    /// Opens a page with cookies and a cache of its own, for the console at `origin` (`http://host:port`).
    ///
    /// # Errors
    /// The browser is gone.
    pub async fn open(&self, origin: &str) -> anyhow::Result<Page> {
        let browser = Target::new(self.connection.clone(), None);
        let context = browser
            .call("Target.createBrowserContext", json!({"disposeOnDetach": true}))
            .await?;
        let blank = json!({"url": "about:blank", "browserContextId": context["browserContextId"]});
        let created = browser.call("Target.createTarget", blank).await?;
        let attach = json!({"targetId": created["targetId"], "flatten": true});
        let attached = browser.call("Target.attachToTarget", attach).await?;
        let session = attached["sessionId"].as_str().context("a session")?;
        Page::new(Target::new(self.connection.clone(), Some(session.to_owned())), origin).await
    }
}
