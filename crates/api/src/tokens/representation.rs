//! API tokens as clients see them.

use domain::Role;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use store::bearer::{Bearer, Who};
use store::tokens::{CreatedToken, Token, TokenText};
use uuid::Uuid;

use crate::openapi::schema::{object, page, reference, text, time, time_or_null};

/// A token, without its text.
#[derive(Serialize)]
pub(super) struct TokenRepresentation {
    id: Uuid,
    name: String,
    role: Role,
    created_at: Timestamp,
    /// Absent for a token that never expires.
    expires_at: Option<Timestamp>,
    last_used_at: Option<Timestamp>,
    /// Whether it is the caller's.
    own: bool,
}

impl TokenRepresentation {
    pub(super) fn new(token: Token, caller: &Bearer) -> Self {
        Self {
            id: token.id,
            name: token.name,
            role: token.role,
            created_at: token.created_at,
            expires_at: token.expires_at,
            last_used_at: token.last_used_at,
            own: caller.who == Who::Token(token.id),
        }
    }
}

/// A new token with its text.
#[derive(Serialize)]
pub(super) struct CreatedTokenRepresentation {
    #[serde(flatten)]
    stored: TokenRepresentation,
    #[serde(serialize_with = "exposed")]
    token: TokenText,
}

impl CreatedTokenRepresentation {
    pub(super) fn new(created: CreatedToken, caller: &Bearer) -> Self {
        Self {
            stored: TokenRepresentation::new(created.token, caller),
            token: created.text,
        }
    }
}

fn exposed<S: serde::Serializer>(text: &TokenText, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(text.expose())
}

/// The schemas of both.
pub(crate) fn schemas() -> Value {
    let mut created = token();
    created["token"] = text("The token, for `Authorization: Bearer`");
    json!({
        "Token": object(token()),
        "TokenPage": page("Token"),
        "CreatedToken": object(created),
    })
}

fn token() -> Value {
    json!({
        "id": reference("TokenId"),
        "name": text("Purpose of the token; may be empty"),
        "role": reference("Role"),
        "created_at": time(),
        "expires_at": time_or_null(),
        "last_used_at": time_or_null(),
        "own": {"type": "boolean", "description": "Whether this request used this token"},
    })
}
