//! The principal of a request: identified by an API token, or signed in by the CRM.

use std::fmt;

use domain::{AccountName, Role};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// The principal of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bearer {
    /// Its identity, for the audit trail.
    pub who: Who,
    /// Tenant that it acts for.
    pub account: AccountName,
    /// Its role.
    pub role: Role,
}

/// The identity of a principal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// The API token with this id.
    Token(Uuid),
    /// The person with this subject, signed in by the CRM.
    Person(String),
    /// The operator at the command line of `fanout`, without a name. Never the principal of a request.
    Operator,
}

impl Who {
    /// As the columns `token_id` and `subject`.
    pub(crate) fn columns(&self) -> (Option<Uuid>, Option<&str>) {
        match self {
            Self::Token(id) => (Some(*id), None),
            Self::Person(subject) => (None, Some(subject)),
            Self::Operator => (None, None),
        }
    }

    /// From a row with the columns `token_id` and `subject`, of which at most one is not null.
    pub(crate) fn of(row: &tokio_postgres::Row) -> Self {
        match (row.get("token_id"), row.get("subject")) {
            (Some(id), _) => Self::Token(id),
            (None, Some(subject)) => Self::Person(subject),
            (None, None) => Self::Operator,
        }
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Token(id) => write!(f, "token {id}"),
            Self::Person(subject) => write!(f, "person {subject:?}"),
            Self::Operator => f.write_str("operator"),
        }
    }
}

impl Bearer {
    /// A key for rate limits: the token's id, or a hash of account and subject.
    pub fn key(&self) -> Uuid {
        match &self.who {
            Who::Token(id) => *id,
            Who::Operator => Uuid::nil(),
            Who::Person(subject) => {
                let hash = Sha256::new()
                    .chain_update(self.account.as_str())
                    .chain_update([0])
                    .chain_update(subject);
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
        assert_eq!(
            person("a", "b").key(),
            Bearer {
                role: Role::Viewer,
                ..person("a", "b")
            }
            .key()
        );
    }
}
