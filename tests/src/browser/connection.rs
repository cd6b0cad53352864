//! The DevTools protocol over a pair of pipes: numbered requests, their answers, and events in between.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, bail};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{ChildStdin, ChildStdout};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::event_log::EventLog;
use crate::DEADLINE;

/// The way to one browser.
pub(super) struct Connection {
    requests: tokio::sync::Mutex<ChildStdin>,
    number: AtomicU64,
    heard: Mutex<Heard>,
}

/// What is waited for, and what happened.
#[derive(Default)]
struct Heard {
    waiting: HashMap<u64, oneshot::Sender<Value>>,
    events: HashMap<String, EventLog>,
}

impl Connection {
    pub(super) fn new(requests: ChildStdin, answers: ChildStdout) -> Arc<Self> {
        let connection = Arc::new(Self {
            requests: tokio::sync::Mutex::new(requests),
            number: AtomicU64::new(1),
            heard: Mutex::default(),
        });
        tokio::spawn(listen(Arc::downgrade(&connection), BufReader::new(answers)));
        connection
    }

    fn heard<T>(&self, look: impl FnOnce(&mut Heard) -> T) -> T {
        look(&mut self.heard.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn take_in(&self, mut message: Value) {
        if let Some(number) = message["id"].as_u64() {
            let waiting = self.heard(|heard| heard.waiting.remove(&number));
            // The caller has given up because it took too long.
            let _ = waiting.map(|waiting| waiting.send(message));
        } else if let Some(session) = message["sessionId"].as_str().map(str::to_owned) {
            let event = (
                message["method"].as_str().unwrap_or_default().to_owned(),
                message["params"].take(),
            );
            self.heard(|heard| heard.events.entry(session).or_default().add(&event.0, &event.1));
        }
    }
}

/// Until the browser ends, or the last handle is dropped.
async fn listen(connection: std::sync::Weak<Connection>, mut answers: BufReader<ChildStdout>) {
    let mut text = Vec::new();
    while answers.read_until(0, &mut text).await.is_ok_and(|read| read > 0) {
        let Some(connection) = connection.upgrade() else { return };
        if let Ok(message) = serde_json::from_slice(text.strip_suffix(&[0]).unwrap_or(&text)) {
            connection.take_in(message);
        }
        text.clear();
    }
    if let Some(connection) = connection.upgrade() {
        connection.heard(|heard| heard.waiting.clear());
    }
}

/// The browser itself, or one of its pages.
pub(super) struct Target {
    connection: Arc<Connection>,
    session: Option<String>,
}

impl Target {
    pub(super) fn new(connection: Arc<Connection>, session: Option<String>) -> Self {
        Self { connection, session }
    }

    /// Asks for something and waits for the answer.
    pub(super) async fn call(&self, method: &str, params: Value) -> anyhow::Result<Value> {
        let number = self.connection.number.fetch_add(1, Ordering::Relaxed);
        let mut request = json!({"id": number, "method": method, "params": params});
        if let Some(session) = &self.session {
            request["sessionId"] = json!(session);
        }
        let (answered, answer) = oneshot::channel();
        self.connection.heard(|heard| heard.waiting.insert(number, answered));
        let mut text = request.to_string().into_bytes();
        text.push(0);
        self.connection
            .requests
            .lock()
            .await
            .write_all(&text)
            .await
            .context("the browser is gone")?;
        let answer = timeout(DEADLINE, answer)
            .await
            .with_context(|| format!("no answer to {method}"))?;
        let mut answer = answer.context("the browser has ended")?;
        if let Some(error) = answer.get("error") {
            bail!("{method}: {error}");
        }
        Ok(answer["result"].take())
    }

    /// What happened on this page.
    pub(super) fn events<T>(&self, look: impl FnOnce(&mut EventLog) -> T) -> T {
        let session = self.session.clone().unwrap_or_default();
        self.connection
            .heard(|heard| look(heard.events.entry(session).or_default()))
    }
}
