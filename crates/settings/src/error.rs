//! Configuration errors.

use std::fmt;

use runtime::UsageError;

/// The settings cannot be used. `Display` lists every problem on a line of its own.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the configuration is not valid:{}", lines(.problems))]
pub struct SettingsError {
    problems: Vec<Problem>,
}

/// One configuration error. Never holds a secret's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The setting as the operator knows it: the variable, with the key and the file when it came from there.
    pub name: String,
    /// The rest of a sentence that begins with the name.
    pub reason: String,
}

impl SettingsError {
    pub(crate) fn new(problems: Vec<Problem>) -> Self {
        Self { problems }
    }

    /// Every problem that was found.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

impl From<SettingsError> for UsageError {
    fn from(error: SettingsError) -> Self {
        Self(error.to_string())
    }
}

impl From<Problem> for SettingsError {
    fn from(problem: Problem) -> Self {
        Self::new(vec![problem])
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.name, self.reason)
    }
}

fn lines(problems: &[Problem]) -> String {
    problems.iter().map(|problem| format!("\n  {problem}")).collect()
}
