//! `GET /tokens`: a page of an account's API tokens, oldest first.

use axum::Json;
use axum::extract::{RawQuery, State};
use store::tokens::Token;
use web::Cursor;

use super::TAG;
use super::representation::TokenRepresentation;
use crate::caller::RequireAdmin;
use crate::openapi::schema::reference;
use crate::operation::Operation;
use crate::page::{Page, PageRequest};
use crate::problem::Problem;
use crate::query::Query;
use crate::state::ApiState;

pub(crate) fn operation() -> Operation {
    Operation::get("/api/v1/tokens", handler)
        .for_admins(TAG, "listTokens", "List the account's API tokens, oldest first")
        .about("Deleted tokens are left out, expired ones are not.")
        .paginated()
        .answer(200, "A page of tokens", reference("TokenPage"))
}

async fn handler(
    RequireAdmin(caller): RequireAdmin,
    State(state): State<ApiState>,
    RawQuery(query): RawQuery,
) -> Result<Json<Page<TokenRepresentation>>, Problem> {
    let mut query = Query::parse(query.as_deref());
    let page = PageRequest::take(&mut query);
    query.finish()?;
    let page = page.of(format!("tokens of {}", caller.account))?;
    let after = page.after.map(|cursor| (cursor.at, cursor.id));
    let tokens = state
        .admin
        .database
        .account_tokens(&caller.account, after, page.rows())
        .await?;
    let cursor = |last: &Token| Cursor {
        at: last.created_at,
        id: last.id,
    };
    Ok(Json(page.answer(tokens, cursor, |token| {
        TokenRepresentation::new(token, &caller)
    })))
}
