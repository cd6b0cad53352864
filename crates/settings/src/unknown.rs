//! Unknown names: mostly typing errors, so the nearest known name is suggested.

use std::collections::BTreeSet;

use crate::error::Problem;
use crate::given::{Given, Origin, variable};

/// Two differences are a typing error; more are another word.
const NEAR: usize = 2;

/// A problem for every value given under an unknown name.
pub(crate) fn problems(given: &Given, known: &BTreeSet<String>) -> Vec<Problem> {
    let variables: Vec<String> = known.iter().map(|key| variable(key)).collect();
    let keys: Vec<String> = known.iter().cloned().collect();
    let unknown = given.keys().filter(|(key, _)| !known.contains(*key));
    let unknown = unknown.map(|(key, origin)| match origin {
        Origin::Environment => unknown_variable(&variable(key), &variables),
        Origin::File => Problem {
            name: given.name_in_file(key),
            reason: reason(key, &keys),
        },
    });
    let strange = given
        .strange_variables
        .iter()
        .map(|name| unknown_variable(name, &variables));
    unknown.chain(strange).collect()
}

fn unknown_variable(name: &str, variables: &[String]) -> Problem {
    let mut reason = reason(name, variables);
    if is_service_link(name) {
        reason.push_str("; if Kubernetes made it for a service, set enableServiceLinks: false on the pod");
    }
    Problem {
        name: name.to_owned(),
        reason,
    }
}

fn reason(name: &str, candidates: &[String]) -> String {
    match nearest(name, candidates) {
        Some(candidate) => format!("is not a known setting; did you mean {candidate}?"),
        None => "is not a known setting".to_owned(),
    }
}

/// Kubernetes sets variables about the services of the namespace in every container, named after them; a service called
/// `webhooks-…` creates some with our prefix.
fn is_service_link(variable: &str) -> bool {
    let parts = ["_SERVICE_HOST", "_SERVICE_PORT", "_PORT_"];
    parts.iter().any(|part| variable.contains(part)) || variable.ends_with("_PORT")
}

/// The most similar candidate, if it is similar enough. Case and punctuation do not count: `_` for `__` is the most
/// frequent mistake.
fn nearest<'a>(name: &str, candidates: &'a [String]) -> Option<&'a String> {
    let name = letters(name);
    let distances = candidates
        .iter()
        .map(|candidate| (strsim::levenshtein(&name, &letters(candidate)), candidate));
    distances
        .filter(|(distance, _)| *distance <= NEAR)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

fn letters(name: &str) -> String {
    let mut letters = name.to_ascii_lowercase();
    letters.retain(|letter| letter.is_ascii_alphanumeric());
    letters
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_near_names_are_offered() {
        let candidates = ["WEBHOOKS_AMQP__URL".to_owned(), "WEBHOOKS_DATABASE__URL".to_owned()];
        assert_eq!(nearest("WEBHOOKS_AMQP_URL", &candidates), Some(&candidates[0]));
        assert_eq!(nearest("WEBHOOKS_DATABSE__URL", &candidates), Some(&candidates[1]));
        assert_eq!(nearest("WEBHOOKS_AMQP__ULR", &candidates), Some(&candidates[0]));
        assert_eq!(nearest("WEBHOOKS_SMTP__HOST", &candidates), None);
    }
}
