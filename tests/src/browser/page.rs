//! One page of the console, used as a person does.

use anyhow::{Context, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use testkit::wait;

use super::connection::Target;
use super::event_log::EventLog;
use crate::DEADLINE;

/// See the file.
const TOOLS: &str = include_str!("page.js");
/// As it is on a desk, in CSS pixels.
pub(super) const WIDE: (u32, u32) = (1280, 900);

/// The colours that somebody prefers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// Dark text on light ground.
    Light,
    /// Light text on dark ground.
    Dark,
}

/// A page with cookies of its own.
pub struct Page {
    pub(super) target: Target,
    origin: String,
    scripted: bool,
}

impl Page {
    pub(super) async fn new(target: Target, origin: &str) -> anyhow::Result<Self> {
        for domain in ["Page", "Runtime", "Network", "Log", "Audits"] {
            target.call(&format!("{domain}.enable"), json!({})).await?;
        }
        // As if the window had the focus.
        target
            .call("Emulation.setFocusEmulationEnabled", json!({"enabled": true}))
            .await?;
        // Every visit is a first one, unless a test says otherwise.
        target
            .call("Network.setCacheDisabled", json!({"cacheDisabled": true}))
            .await?;
        target
            .call("Emulation.setTimezoneOverride", json!({"timezoneId": "Europe/Berlin"}))
            .await?;
        let page = Self {
            target,
            origin: origin.to_owned(),
            scripted: true,
        };
        page.look_like(WIDE.0, WIDE.1, Scheme::Light).await?;
        Ok(page)
    }

    /// Keeps stylesheet and script from now on, as browsers do after a first visit.
    ///
    /// # Errors
    /// The browser is gone.
    pub async fn with_cache(self) -> anyhow::Result<Self> {
        self.target
            .call("Network.setCacheDisabled", json!({"cacheDisabled": false}))
            .await?;
        Ok(self)
    }

    /// Takes JavaScript away from all pages that are opened from now on.
    ///
    /// # Errors
    /// The browser is gone.
    pub async fn without_script(mut self) -> anyhow::Result<Self> {
        self.target
            .call("Emulation.setScriptExecutionDisabled", json!({"value": true}))
            .await?;
        self.scripted = false;
        Ok(self)
    }

    /// Gives the window this size, in CSS pixels, and the person this taste.
    ///
    /// # Errors
    /// The browser is gone.
    pub async fn look_like(&self, width: u32, height: u32, scheme: Scheme) -> anyhow::Result<()> {
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.target.call("Emulation.setDeviceMetricsOverride", size).await?;
        let scheme = if scheme == Scheme::Dark { "dark" } else { "light" };
        let features = json!({"features": [{"name": "prefers-color-scheme", "value": scheme},
            {"name": "prefers-reduced-motion", "value": "reduce"}]});
        self.target.call("Emulation.setEmulatedMedia", features).await.map(drop)
    }

    /// Opens a path of the console and waits until everything of it is there. What happened before is forgotten, after
    /// it was checked.
    ///
    /// # Errors
    /// The page does not load, or there was something wrong with what happened before.
    pub async fn open(&self, path: &str) -> anyhow::Result<()> {
        self.check_traffic()?;
        self.mark_as_before().await?;
        self.target.events(EventLog::clear);
        let url = format!("{}{path}", self.origin);
        let answer = self.target.call("Page.navigate", json!({"url": url})).await?;
        ensure!(answer.get("errorText").is_none(), "{url}: {answer}");
        self.wait_loaded().await
    }

    /// So that loading another page is seen, even if that has the same address.
    pub(super) async fn mark_as_before(&self) -> anyhow::Result<()> {
        self.evaluate("window.isBefore = true").await.map(drop)
    }

    /// Waits until another page than the marked one is there, with everything that belongs to it.
    pub(super) async fn wait_loaded(&self) -> anyhow::Result<()> {
        self.wait_for("another page", "!window.isBefore && document.readyState === 'complete'")
            .await?;
        let quiet = async || self.target.events(|events| events.is_quiet());
        Ok(wait::until(DEADLINE, "everything of a page", quiet).await?)
    }

    /// Whether clicking an element leads to another page.
    pub(super) async fn leaves(&self, element: &str) -> anyhow::Result<bool> {
        Ok(self
            .evaluate(&format!("page.leaves({element}, {})", self.scripted))
            .await?
            == true)
    }

    /// Loads the page again.
    ///
    /// # Errors
    /// It does not load.
    pub async fn reload(&self) -> anyhow::Result<()> {
        self.open(&self.path().await?).await
    }

    /// The address without the origin.
    ///
    /// # Errors
    /// The browser is gone.
    pub async fn path(&self) -> anyhow::Result<String> {
        let address = self.evaluate("location.pathname + location.search").await?;
        address.as_str().map(str::to_owned).context("an address")
    }

    /// What an expression is here; `page` in it are the functions of `page.js`.
    ///
    /// # Errors
    /// The expression throws.
    pub async fn evaluate(&self, expression: &str) -> anyhow::Result<Value> {
        let script = format!("(async () => {{ const page = {TOOLS}; return {expression}; }})()");
        let call = json!({"expression": script, "awaitPromise": true, "returnByValue": true});
        let mut answer = self.target.call("Runtime.evaluate", call).await?;
        if let Some(thrown) = answer.get("exceptionDetails") {
            bail!("{expression}: {thrown}");
        }
        Ok(answer["result"]["value"].take())
    }

    /// Runs a script of the test's, as the page's own might run.
    ///
    /// # Errors
    /// It throws.
    pub async fn run(&self, script: &str) -> anyhow::Result<()> {
        let answer = self
            .target
            .call("Runtime.evaluate", json!({"expression": script}))
            .await?;
        ensure!(answer.get("exceptionDetails").is_none(), "{answer}");
        Ok(())
    }

    /// Waits until an expression is something, and gives that. A page that is just being replaced is nothing yet.
    ///
    /// # Errors
    /// It never is; shows what the page says instead.
    pub async fn wait_for(&self, what: &str, expression: &str) -> anyhow::Result<Value> {
        let is_something = |value: &Value| !matches!(value, Value::Null | Value::Bool(false));
        let find = async || self.evaluate(expression).await.ok().filter(is_something);
        match wait::until_some(DEADLINE, what, find).await {
            Ok(value) => Ok(value),
            Err(late) => Err(late).with_context(said(&self.text().await)),
        }
    }

    /// Everything that stands on the page.
    ///
    /// # Errors
    /// The browser is gone.
    pub async fn text(&self) -> anyhow::Result<String> {
        let text = self.evaluate("document.body.innerText").await?;
        Ok(text.as_str().unwrap_or_default().to_owned())
    }

    /// Waits until a text stands on the page: for the script to put it there, or, without it, for somebody who loads the
    /// page again and again.
    ///
    /// # Errors
    /// It never does.
    pub async fn wait_for_text(&self, wanted: &str) -> anyhow::Result<()> {
        if self.scripted {
            let expression = format!("page.words(document.body.innerText).includes({})", json!(wanted));
            return self.wait_for(&format!("{wanted:?}"), &expression).await.map(drop);
        }
        let find = async || {
            let says = async || Ok::<_, anyhow::Error>(self.words().await?.contains(wanted));
            if says().await.unwrap_or_default() {
                return true;
            }
            // What a form answered must not be sent again: only pages that have an address of their own are loaded.
            let stays = self
                .evaluate("document.querySelector('#test-result p, #error-summary') !== null")
                .await;
            stays.is_ok_and(|stays| stays == false) && self.reload().await.is_ok() && says().await.unwrap_or_default()
        };
        match wait::until(DEADLINE, format!("{wanted:?}"), find).await {
            Ok(()) => Ok(()),
            Err(late) => Err(late).with_context(said(&self.text().await)),
        }
    }

    async fn words(&self) -> anyhow::Result<String> {
        let words = self.evaluate("page.words(document.body.innerText)").await?;
        words.as_str().map(str::to_owned).context("words")
    }

    /// Whether a text stands on the page now.
    ///
    /// # Errors
    /// The browser is gone.
    pub async fn says(&self, text: &str) -> anyhow::Result<bool> {
        Ok(self.words().await?.contains(text))
    }

    /// The height of what there is, in CSS pixels.
    ///
    /// # Errors
    /// The browser is gone.
    pub async fn height(&self) -> anyhow::Result<u32> {
        // Of the content, not of a window that is higher.
        let bottom = self
            .evaluate("Math.ceil(document.body.getBoundingClientRect().bottom + scrollY)")
            .await?;
        Ok(u32::try_from(bottom.as_u64().context("a height")?)?)
    }

    /// A picture of the page: of the window, or of the whole.
    ///
    /// # Errors
    /// The browser is gone.
    pub async fn picture(&self, whole: bool) -> anyhow::Result<Vec<u8>> {
        let wanted = json!({"format": "png", "captureBeyondViewport": whole, "optimizeForSpeed": false});
        let picture = self.target.call("Page.captureScreenshot", wanted).await?;
        Ok(STANDARD.decode(picture["data"].as_str().context("a picture")?)?)
    }

    /// Checks that since the page was opened nobody else was asked for anything, every request succeeded, no script
    /// failed and nothing was refused by the content security policy.
    ///
    /// # Errors
    /// One of that is not so.
    pub fn check_traffic(&self) -> anyhow::Result<()> {
        let problems = self.target.events(|events| events.problems(&self.origin));
        ensure!(problems.is_empty(), "{problems:#?}");
        Ok(())
    }

    /// Bytes that have come since the page was opened.
    pub fn bytes(&self) -> u64 {
        self.target.events(|events| events.bytes())
    }
}

fn said(text: &anyhow::Result<String>) -> impl FnOnce() -> String {
    let shown = text.as_deref().unwrap_or("nothing").to_owned();
    move || format!("the page says: {shown}")
}
