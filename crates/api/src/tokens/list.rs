//! `GET /tokens`: a page of an account's API tokens, oldest first.

use axum::Json;
use axum::extract::{RawQuery, State};
use web::Cursor;

use super::TAG;
use super::representation::TokenRepresentation;
use crate::caller::RequireAdmin;
use crate::openapi::schema::reference;
use crate::operation::Operation;
use crate::page::{ListPage, Page};
use crate::problem::Problem;
use crate::query::Query;
use crate::state::ApiState;

pub(crate) fn operation() -> Operation {
    Operation::get("/api/v1/tokens", handler)
        .for_admins(TAG, "listTokens", "List the account's API tokens, oldest first")
        .about("The list holds expired tokens too, but no deleted ones.")
        .paginated()
        .answer(200, "A page of tokens", reference("TokenPage"))
}

async fn handler(
    RequireAdmin(caller): RequireAdmin,
    State(state): State<ApiState>,
    RawQuery(query): RawQuery,
) -> Result<Json<Page<TokenRepresentation>>, Problem> {
    let query = Query::parse(query.as_deref());
    let page = ListPage::of(format!("tokens of {}", caller.account), query)?;
    let after = page.after.map(Cursor::key);
    let tokens = state
        .admin
        .database
        .account_tokens(&caller.account, after, page.rows())
        .await?;
    Ok(Json(
        page.answer(tokens, |token| TokenRepresentation::new(token, &caller)),
    ))
}
