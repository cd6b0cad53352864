//! Parts of the benchmark in processes of their own, and how they talk: a line of JSON for each question on the part's
//! standard input, a line for each answer on its standard output. The end of its input ends a part, so none outlives its
//! owner.

use std::io::Write as _;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

/// A running part, as its owner sees it. Killed when dropped.
pub struct Part {
    command: &'static str,
    pid: u32,
    child: Child,
    questions: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Part {
    /// Starts this program with a hidden command.
    ///
    /// # Errors
    /// When it cannot be run.
    pub fn start(command: &'static str) -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("cannot find this program")?;
        let mut child = Command::new(program)
            .arg(command)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // A terminal's Ctrl-C is for the owner, which then stops its parts.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {command}"))?;
        let pid = child
            .id()
            .context("a part that was just started has a process number")?;
        let questions = child.stdin.take().context("its input is piped")?;
        let answers = BufReader::new(child.stdout.take().context("its output is piped")?).lines();
        Ok(Self {
            command,
            pid,
            child,
            questions,
            answers,
        })
    }

    /// Its process number.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Sends a request, and waits for the response.
    ///
    /// # Errors
    /// When the part has ended, or does not respond `within` that time.
    pub async fn ask<A: DeserializeOwned>(&mut self, question: &impl Serialize, within: Duration) -> anyhow::Result<A> {
        let mut line = serde_json::to_vec(question)?;
        line.push(b'\n');
        self.questions
            .write_all(&line)
            .await
            .with_context(|| format!("{} has ended", self.command))?;
        self.answer(within).await
    }

    /// Waits for a further response.
    ///
    /// # Errors
    /// As [`Part::ask`].
    pub async fn answer<A: DeserializeOwned>(&mut self, within: Duration) -> anyhow::Result<A> {
        let command = self.command;
        let line = timeout(within, self.answers.next_line());
        let line = line
            .await
            .with_context(|| format!("{command} did not answer within {} s", within.as_secs()))?;
        let Some(line) = line? else {
            bail!("{command} ended: {}", self.child.wait().await?)
        };
        serde_json::from_str(&line).with_context(|| format!("{command} answered {line:?}"))
    }

    /// Ends it.
    ///
    /// # Errors
    /// When that cannot be done.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        self.child
            .kill()
            .await
            .with_context(|| format!("cannot stop {}", self.command))
    }
}

/// The owner, as a part sees it.
pub struct Owner {
    questions: Lines<BufReader<tokio::io::Stdin>>,
}

impl Owner {
    /// The process at the other end of standard input and output.
    pub fn new() -> Self {
        Self {
            questions: BufReader::new(tokio::io::stdin()).lines(),
        }
    }

    /// The next question; `None` when the owner has gone or wants the part to end.
    ///
    /// # Errors
    /// When it is not understood.
    pub async fn question<Q: DeserializeOwned>(&mut self) -> anyhow::Result<Option<Q>> {
        let line = self.questions.next_line().await?;
        line.map(|line| serde_json::from_str(&line).with_context(|| format!("the question {line:?}")))
            .transpose()
    }

    /// The first question, which is a part's job.
    ///
    /// # Errors
    /// When there is none.
    pub async fn job<Q: DeserializeOwned>(&mut self) -> anyhow::Result<Q> {
        self.question().await?.context("no job was given on standard input")
    }

    /// Responds.
    ///
    /// # Errors
    /// When the owner is gone.
    pub fn answer(&self, answer: &impl Serialize) -> anyhow::Result<()> {
        let mut out = std::io::stdout().lock();
        serde_json::to_writer(&mut out, answer)?;
        out.write_all(b"\n")?;
        Ok(out.flush()?)
    }

    /// Says that the job has begun and does it for as long as the owner is there.
    ///
    /// # Errors
    /// When the job fails.
    pub async fn work(mut self, job: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
        self.answer(&())?;
        tokio::select! {
            done = job => done,
            gone = self.question::<()>() => gone.map(drop),
        }
    }
}
