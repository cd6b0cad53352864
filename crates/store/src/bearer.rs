//! Who acts: known by an API token, or because a CRM vouches for them.

use std::fmt;

use domain::{AccountName, Role};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// Whoever reads or changes something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bearer {
    /// How they are known, for the audit trail.
    pub who: Who,
    /// Tenant that they act for.
    pub account: AccountName,
    /// What they may do.
    pub role: Role,
}

/// How somebody is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// By the API token with this id.
    Token(Uuid),
    /// By this subject of the CRM that vouches for them.
    Person(String),
}

impl Who {
    /// As the two columns `token_id` and `subject` have it.
    pub(crate) fn columns(&self) -> (Option<Uuid>, Option<&str>) {
        match self {
            Self::Token(id) => (Some(*id), None),
            Self::Person(subject) => (None, Some(subject)),
        }
    }

    /// Of a row with the columns `token_id` and `subject`, one of which is null.
    pub(crate) fn of(row: &tokio_postgres::Row) -> Self {
        match row.get("token_id") {
            Some(id) => Self::Token(id),
            None => Self::Person(row.get("subject")),
        }
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Token(id) => write!(f, "token {id}"),
            Self::Person(subject) => write!(f, "person {subject:?}"),
        }
    }
}

impl Bearer {
    /// What tells them from everybody else, for limits: their token's id, or a hash of account and subject.
    pub fn key(&self) -> Uuid {
        match &self.who {
            Who::Token(id) => *id,
            Who::Person(subject) => {
                let hash = Sha256::new().chain_update(self.account.as_str()).chain_update([0]).chain_update(subject);
                Uuid::from_bytes(*hash.finalize().first_chunk().expect("SHA-256 gives 32 bytes"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_has_a_key_of_their_own() {
        let person = |account: &str, subject: &str| Bearer {
            who: Who::Person(subject.to_owned()),
            account: account.parse().unwrap(),
            role: Role::Admin,
        };
        let keys = [("a", "bc"), ("ab", "c"), ("a", "b")].map(|(account, subject)| person(account, subject).key());
        assert!(keys[0] != keys[1] && keys[1] != keys[2] && keys[0] != keys[2]);
        assert_eq!(person("a", "b").key(), Bearer { role: Role::Viewer, ..person("a", "b") }.key());
    }
}
