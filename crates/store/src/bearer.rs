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

/// A valid API token, before the account is known for which it is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    pub(crate) token: Uuid,
    /// `None` for a service token.
    pub(crate) account: Option<AccountName>,
    pub(crate) role: Role,
}

/// Why a valid token is not accepted for an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountRefusal {
    /// A service token, and the request names no account.
    Missing,
    /// A service token, and the request names what no account is called.
    Malformed,
    /// A token of an account, and the request names another.
    Other,
}

impl Credential {
    /// The principal of a request that names this account, if it names one. A service token acts for the named account, any
    /// other token for its own.
    pub fn acting_for(self, named: Option<&str>) -> Result<Bearer, AccountRefusal> {
        let account = match (self.account, named) {
            (Some(own), None) => own,
            (Some(own), Some(named)) if own.as_str() == named => own,
            (Some(_), Some(_)) => return Err(AccountRefusal::Other),
            (None, Some(named)) => AccountName::parse(named).map_err(|_| AccountRefusal::Malformed)?,
            (None, None) => return Err(AccountRefusal::Missing),
        };
        Ok(Bearer {
            who: Who::Token(self.token),
            account,
            role: self.role,
        })
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

    fn acts_for(own: Option<&str>, named: Option<&str>) -> Result<String, AccountRefusal> {
        let credential = Credential {
            token: Uuid::nil(),
            account: own.map(|own| own.parse().unwrap()),
            role: Role::Admin,
        };
        credential.acting_for(named).map(|bearer| bearer.account.to_string())
    }

    #[test]
    fn a_service_token_acts_for_the_named_account_and_another_for_its_own() {
        assert_eq!(acts_for(None, Some("acme")), Ok("acme".to_owned()));
        for (named, refusal) in [
            (None, AccountRefusal::Missing),
            (Some(""), AccountRefusal::Malformed),
            (Some("two words"), AccountRefusal::Malformed),
        ] {
            assert_eq!(acts_for(None, named), Err(refusal));
        }
        for named in [None, Some("acme")] {
            assert_eq!(acts_for(Some("acme"), named), Ok("acme".to_owned()));
        }
        for named in ["globex", "ACME", ""] {
            assert_eq!(acts_for(Some("acme"), Some(named)), Err(AccountRefusal::Other));
        }
    }

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
