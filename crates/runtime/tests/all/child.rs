//! Processes of our own. A child is this test program again, running one test that is ignored otherwise.

use std::ffi::OsStr;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{ChildStdout, Command};

/// Far more than any step takes; reached only when something hangs.
const DEADLINE: Duration = Duration::from_secs(30);

pub struct Child {
    process: tokio::process::Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Child {
    /// Starts the test of this name, with these variables, in a process that ends with this value.
    pub fn start<V: AsRef<OsStr>>(test: &str, variables: &[(&str, V)]) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test, "--ignored", "--nocapture"])
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { process, lines }
    }

    /// The next line on standard output that holds this text.
    pub async fn line_with(&mut self, text: &str) -> String {
        let search = async {
            while let Some(line) = self.lines.next_line().await.unwrap() {
                if line.contains(text) {
                    return line;
                }
            }
            panic!("the child ended without printing {text:?}");
        };
        tokio::time::timeout(DEADLINE, search)
            .await
            .unwrap_or_else(|_| panic!("the child never printed {text:?}"))
    }

    pub async fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.process.id().unwrap());
        assert!(Command::new("sh").args(["-c", &kill]).status().await.unwrap().success());
    }

    pub async fn end(mut self) -> ExitStatus {
        tokio::time::timeout(DEADLINE, self.process.wait())
            .await
            .expect("the child ends")
            .unwrap()
    }
}
