//! The limits of callers that are known: how often each may call, and how much of an account is answered at once.

use axum::http::Extensions;
use store::bearer::Bearer;

use crate::account_limit::AccountLimit;
use crate::failure::Failure;
use crate::rate_budget::RateBudgetSlot;
use crate::request_limit::RequestLimit;

/// Both limits, which API and pages share. Clones share the counts.
#[derive(Clone)]
pub struct CallerLimits {
    /// How often one caller may call.
    pub per_caller: RequestLimit,
    /// How many requests of one account are answered at once.
    pub per_account: AccountLimit,
}

impl CallerLimits {
    /// Charges a request to its caller, and waits for a place among those of the account. `extensions` are the
    /// request's, in which the guard has left room for the place.
    ///
    /// # Errors
    /// [`Failure::RateLimited`] and [`Failure::AccountBusy`].
    pub async fn admit(&self, extensions: &Extensions, caller: &Bearer) -> Result<(), Failure> {
        let (budget, admitted) = self.per_caller.admit(caller.key());
        if let (Some(budget), Some(slot)) = (budget, extensions.get::<RateBudgetSlot>()) {
            slot.fill(budget);
        }
        admitted.map_err(Failure::RateLimited)?;
        self.per_account.enter(extensions, &caller.account).await
    }

    /// Charges a request to its caller.
    ///
    /// # Errors
    /// [`Failure::RateLimited`].
    pub fn charge(&self, caller: &Bearer) -> Result<(), Failure> {
        let (_, admitted) = self.per_caller.admit(caller.key());
        admitted.map_err(Failure::RateLimited)
    }
}
