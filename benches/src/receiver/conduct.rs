//! How a receiver behaves, as the path of its address says.

use std::fmt;

/// One receiver of those that the process plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conduct {
    /// Answers 200 and counts, for the webhook of this number.
    Answers(u32),
    /// Takes the request and never answers; the number tells several apart.
    Hangs(u32),
    /// Answers 500 at once.
    Fails,
}

impl fmt::Display for Conduct {
    /// The path, without the slash before it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answers(number) => write!(f, "{number}"),
            Self::Hangs(number) => write!(f, "hangs/{number}"),
            Self::Fails => write!(f, "fails"),
        }
    }
}

impl Conduct {
    /// Of a request's path; `None` for another path.
    pub fn of(path: &str) -> Option<Self> {
        let path = path.strip_prefix('/')?;
        match path.split_once('/') {
            Some(("hangs", number)) => number.parse().ok().map(Self::Hangs),
            Some(_) => None,
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
        for conduct in [Conduct::Answers(9), Conduct::Hangs(99), Conduct::Fails] {
            assert_eq!(Conduct::of(&format!("/{conduct}")), Some(conduct));
        }
        assert_eq!([Conduct::of("/"), Conduct::of("/x/1"), Conduct::of("/hangs/x")], [None; 3]);
    }
}
