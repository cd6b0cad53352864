//! How a receiver behaves, as the path of its address says.

use std::fmt;

/// One of the receivers that the process simulates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conduct {
    /// Answers 200 and counts, for the webhook of this number.
    Answers(u32),
    /// Answers 500 at once.
    Fails,
    /// Misbehaves; the number tells several apart.
    Misbehaves(Manner, u32),
}

/// How a receiver misbehaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Manner {
    /// Takes the request and never responds.
    Hangs,
    /// Sends a response head at once, and never ends the body.
    EndlessBody,
    /// Responds to its first requests at once, and to none after them.
    QuickThenHangs,
    /// Accepts a few requests a second and responds to the others with 429.
    Throttles,
}

impl Manner {
    const NAMES: [(Self, &str); 4] = [
        (Self::Hangs, "hangs"),
        (Self::EndlessBody, "endless-body"),
        (Self::QuickThenHangs, "quick-then-hangs"),
        (Self::Throttles, "throttles"),
    ];

    fn name(self) -> &'static str {
        Self::NAMES
            .into_iter()
            .find(|(manner, _)| *manner == self)
            .map_or("", |(_, name)| name)
    }

    fn named(name: &str) -> Option<Self> {
        Self::NAMES
            .into_iter()
            .find(|(_, of)| *of == name)
            .map(|(manner, _)| manner)
    }
}

impl fmt::Display for Conduct {
    /// The path, without the slash before it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answers(number) => write!(f, "{number}"),
            Self::Fails => write!(f, "fails"),
            Self::Misbehaves(manner, number) => write!(f, "{}/{number}", manner.name()),
        }
    }
}

impl Conduct {
    /// Of a request's path; `None` for another path.
    pub fn of(path: &str) -> Option<Self> {
        let path = path.strip_prefix('/')?;
        match path.split_once('/') {
            Some((manner, number)) => Some(Self::Misbehaves(Manner::named(manner)?, number.parse().ok()?)),
            None if path == "fails" => Some(Self::Fails),
            None => path.parse().ok().map(Self::Answers),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_says_what_it_was_made_of() {
        let misbehaving = Manner::NAMES.map(|(manner, _)| Conduct::Misbehaves(manner, 99));
        for conduct in [Conduct::Answers(9), Conduct::Fails].into_iter().chain(misbehaving) {
            assert_eq!(Conduct::of(&format!("/{conduct}")), Some(conduct));
        }
        assert_eq!(
            [Conduct::of("/"), Conduct::of("/x/1"), Conduct::of("/hangs/x")],
            [None; 3]
        );
    }
}
