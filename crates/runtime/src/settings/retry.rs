//! `[retry]`: the retry ladder, and which failures are retried.

use domain::RetryPolicy;

use super::duration;
use super::parse::yes_or_no;
use super::reader::Reader;

const DELAYS: &str = "retry.delays";
const DEFAULT_DELAYS: [&str; 3] = ["1m", "5m", "30m"];

/// Reads the policy.
pub(super) fn read(reader: &mut Reader) -> RetryPolicy {
    let delays = reader.list(DELAYS, &DEFAULT_DELAYS, duration::parse);
    let client_errors = reader.value("retry.client_errors", "false", yes_or_no);
    RetryPolicy::new(delays, client_errors).unwrap_or_else(|error| {
        reader.refuse(DELAYS, format!("cannot be used: {error}"));
        let default = DEFAULT_DELAYS
            .iter()
            .map(|delay| duration::parse(delay))
            .collect::<Result<_, _>>();
        let default = default.expect("the default delays are valid times");
        RetryPolicy::new(default, client_errors).expect("the default delays are a ladder")
    })
}
