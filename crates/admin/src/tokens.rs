//! Creating and revoking the API tokens of an account.

use domain::Role;
use jiff::Timestamp;
use store::bearer::Bearer;
use store::tokens::{CreatedToken, NewToken};
use uuid::Uuid;

use crate::error::AdminError;
use crate::field_error::FieldError;
use crate::input::{Input, check, check_name};
use crate::service::Admin;

/// Most tokens of one account that can be used: each has rate limits of its own.
const MAX_TOKENS: i64 = 100;

/// A token as somebody filled it in.
#[derive(Debug, Default)]
pub struct TokenForm {
    /// Purpose of the token.
    pub name: Input<String>,
    /// Its role.
    pub role: Input<String>,
    /// Its expiry; `None` for never.
    pub expires_at: Option<Timestamp>,
    /// What was wrong before the values could be looked at.
    pub errors: Vec<FieldError>,
}

#[derive(Debug, PartialEq, Eq)]
struct CheckedToken {
    name: String,
    role: Role,
    expires_at: Option<Timestamp>,
}

impl TokenForm {
    /// # Errors
    /// Everything that is wrong, or missing.
    fn checked(self, now: Timestamp) -> Result<CheckedToken, Vec<FieldError>> {
        let mut errors = self.errors;
        let name = check(self.name.or_empty(), check_name, &mut errors);
        let role = check(self.role.or_empty(), |text| check_role(&text), &mut errors);
        let expires_at = self.expires_at;
        if expires_at.is_some_and(|at| at <= now) {
            errors.push(FieldError::new("/expires_at", "in_the_past", "Must be in the future"));
        }
        match (name, role) {
            (Some(name), Some(role)) if errors.is_empty() => Ok(CheckedToken { name, role, expires_at }),
            _ => Err(errors),
        }
    }
}

fn check_role(text: &str) -> Result<Role, Vec<FieldError>> {
    let code = if text.is_empty() { "required" } else { "invalid_value" };
    text.parse()
        .map_err(|_| vec![FieldError::new("/role", code, "Must be admin or viewer")])
}

impl Admin {
    /// Creates a token of `by`'s account.
    ///
    /// # Errors
    /// [`AdminError::Invalid`] and [`AdminError::TokenLimit`].
    pub async fn create_token(&self, by: &Bearer, form: TokenForm) -> Result<CreatedToken, AdminError> {
        let checked = form.checked(self.database.clock().now()).map_err(AdminError::Invalid)?;
        let new = NewToken {
            account: Some(&by.account),
            role: checked.role,
            name: &checked.name,
            expires_at: checked.expires_at,
        };
        let created = self
            .database
            .create_account_token(&by.who, &new, MAX_TOKENS)
            .await?
            .ok_or(AdminError::TokenLimit(MAX_TOKENS))?;
        tracing::info!(account = %by.account, by = %by.who, token_id = %created.token.id, "token created");
        Ok(created)
    }

    /// Revokes a token of `by`'s account, even the one that `by` is using. The sessions that it started end.
    ///
    /// # Errors
    /// [`AdminError::NotFound`].
    pub async fn revoke_token(&self, by: &Bearer, id: Uuid) -> Result<(), AdminError> {
        if !self.database.revoke_account_token(by, id).await? {
            return Err(AdminError::NotFound);
        }
        tracing::info!(account = %by.account, by = %by.who, token_id = %id, "token revoked");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan;

    use super::*;

    fn check_form(name: &str, role: &str, expires_at: Option<Timestamp>) -> Result<CheckedToken, Vec<FieldError>> {
        let form = TokenForm {
            name: Input::Given(name.to_owned()),
            role: Input::Given(role.to_owned()),
            expires_at,
            errors: Vec::new(),
        };
        form.checked(Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn a_token_has_a_name_a_role_and_perhaps_an_end_to_come() {
        let later = Some(Timestamp::UNIX_EPOCH + 1.second());
        for expires_at in [None, later] {
            let expected = CheckedToken {
                name: "CI".to_owned(),
                role: Role::Viewer,
                expires_at,
            };
            assert_eq!(check_form(" CI ", "viewer", expires_at), Ok(expected));
        }
    }

    #[test]
    fn everything_that_is_wrong_is_said_at_once() {
        let codes = |form: Result<CheckedToken, Vec<FieldError>>| -> Vec<_> {
            let errors = form.unwrap_err();
            errors.into_iter().map(|error| (error.pointer, error.code)).collect()
        };
        let now = Some(Timestamp::UNIX_EPOCH);
        let all = [
            ("/name", "required"),
            ("/role", "invalid_value"),
            ("/expires_at", "in_the_past"),
        ];
        assert_eq!(
            codes(check_form(" ", "Admin", now)),
            all.map(|(pointer, code)| (pointer.to_owned(), code))
        );
        let missing = [("/name", "required"), ("/role", "required")];
        assert_eq!(
            codes(TokenForm::default().checked(Timestamp::UNIX_EPOCH)),
            missing.map(|(pointer, code)| (pointer.to_owned(), code))
        );
    }
}
