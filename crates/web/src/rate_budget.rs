//! What is left of a caller's rate limit, told by each response (draft-ietf-httpapi-ratelimit-headers).

use std::sync::{Arc, OnceLock};

use axum::http::{HeaderMap, HeaderName, HeaderValue};

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LIMIT: HeaderName = HeaderName::from_static("ratelimit");
/// Seconds in which the whole limit comes back.
const WINDOW: u32 = 60;

/// A caller's limit, and what is left of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RateBudget {
    /// Requests a minute.
    pub(crate) most: u32,
    /// Requests that may follow at once.
    pub(crate) left: u32,
}

/// The place of a request's budget in its extensions, from the moment the caller is known.
#[derive(Debug, Clone, Default)]
pub(crate) struct RateBudgetSlot(Arc<OnceLock<RateBudget>>);

impl RateBudgetSlot {
    pub(crate) fn fill(&self, budget: RateBudget) {
        // Nobody else has this request.
        let _ = self.0.set(budget);
    }

    /// Adds the headers if the caller is known and limited.
    pub(crate) fn add_to(&self, headers: &mut HeaderMap) {
        let Some(RateBudget { most, left }) = self.0.get() else {
            return;
        };
        let spent = most.saturating_sub(*left);
        let whole_in = (u64::from(spent) * u64::from(WINDOW)).div_ceil(u64::from(*most).max(1));
        for (name, value) in [
            (POLICY, format!("\"requests\";q={most};w={WINDOW}")),
            (LIMIT, format!("\"requests\";r={left};t={whole_in}")),
        ] {
            let value = HeaderValue::try_from(value).expect("digits and quotes are a header value");
            headers.insert(name, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_tells_what_is_left() {
        let slot = RateBudgetSlot::default();
        let mut headers = HeaderMap::new();
        slot.add_to(&mut headers);
        assert!(headers.is_empty(), "the caller is not known");
        slot.fill(RateBudget { most: 600, left: 585 });
        slot.add_to(&mut headers);
        assert_eq!(headers["ratelimit-policy"], "\"requests\";q=600;w=60");
        assert_eq!(headers["ratelimit"], "\"requests\";r=585;t=2");
    }
}
