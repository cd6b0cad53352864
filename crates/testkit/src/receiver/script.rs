//! Which answer the receiver gives to which request.

use std::collections::HashMap;
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use super::reply::PreparedAnswer;
use super::{Answer, ReceivedRequest};

/// Which answer to give to the first, second, … request.
pub struct Script {
    answered: usize,
    plot: Plot,
}

enum Plot {
    Listed {
        first: VecDeque<Arc<PreparedAnswer>>,
        last: Arc<PreparedAnswer>,
    },
    Decided(Box<Decide>),
}

/// Sees the request's head and how many requests were answered before.
type Decide = dyn FnMut(&ReceivedRequest, usize) -> Answer + Send;

impl Script {
    /// Always this answer.
    pub fn always(answer: Answer) -> Self {
        Self::sequence([], answer)
    }

    /// These answers in turn, then `last` for ever.
    pub fn sequence(first: impl IntoIterator<Item = Answer>, last: Answer) -> Self {
        let first = first
            .into_iter()
            .map(|answer| Arc::new(PreparedAnswer::from(&answer)))
            .collect();
        Self {
            answered: 0,
            plot: Plot::Listed {
                first,
                last: Arc::new(PreparedAnswer::from(&last)),
            },
        }
    }

    /// `status` for the first `n` requests, then 200.
    pub fn fail_first(n: usize, status: u16) -> Self {
        Self::sequence(std::iter::repeat_n(Answer::status(status), n), Answer::ok())
    }

    /// Decided by code: `decide` sees the request's head and how many requests this script has answered before.
    pub fn decided_by(decide: impl FnMut(&ReceivedRequest, usize) -> Answer + Send + 'static) -> Self {
        Self {
            answered: 0,
            plot: Plot::Decided(Box::new(decide)),
        }
    }

    fn next(&mut self, request: &ReceivedRequest) -> Arc<PreparedAnswer> {
        let before = self.answered;
        self.answered += 1;
        match &mut self.plot {
            Plot::Listed { first, last } => first.pop_front().unwrap_or_else(|| last.clone()),
            Plot::Decided(decide) => Arc::new(PreparedAnswer::from(&decide(request, before))),
        }
    }
}

impl From<Answer> for Script {
    fn from(answer: Answer) -> Self {
        Self::always(answer)
    }
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Script")
            .field("answered", &self.answered)
            .finish_non_exhaustive()
    }
}

/// The scripts of one receiver: by path, and one for all other paths.
#[derive(Debug)]
pub(super) struct Scripts {
    by_path: HashMap<String, Script>,
    other: Script,
}

impl Scripts {
    pub(super) fn set(&mut self, path: &str, script: Script) {
        self.by_path.insert(path.to_owned(), script);
    }

    pub(super) fn set_other(&mut self, script: Script) {
        self.other = script;
    }

    pub(super) fn next(&mut self, request: &ReceivedRequest) -> Arc<PreparedAnswer> {
        let path = request.path.split('?').next().unwrap_or_default();
        self.by_path.get_mut(path).unwrap_or(&mut self.other).next(request)
    }
}

impl Default for Scripts {
    fn default() -> Self {
        Self {
            by_path: HashMap::new(),
            other: Answer::ok().into(),
        }
    }
}
