//! Where and how a body differs from the one that was sent.

use serde_json::Value;

use super::finding::{Finding, FindingCode};

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The finding about a body that is not the one that was sent.
pub(super) fn difference(sent: &[u8], pasted: &[u8]) -> Finding {
    let at = sent
        .iter()
        .zip(pasted)
        .take_while(|(left, right)| left == right)
        .count();
    Finding {
        code: FindingCode::BodyDiffers,
        detail: format!(
            "{}. Verify the bytes as they arrive, before they are parsed",
            change(sent, pasted, at)
        ),
        at: Some(at),
    }
}

fn change(sent: &[u8], pasted: &[u8], at: usize) -> String {
    if pasted.is_empty() {
        return format!("The body is empty; {} bytes were sent", sent.len());
    }
    if pasted.strip_prefix(BYTE_ORDER_MARK).is_some_and(|rest| rest == sent) {
        return "A byte order mark stands before the body".to_owned();
    }
    if pasted.trim_ascii() == sent {
        return "White space or a line break was added around the body".to_owned();
    }
    if sent.starts_with(pasted) {
        return format!("The body ends after {} of {} bytes", pasted.len(), sent.len());
    }
    let value = |bytes| serde_json::from_slice::<Value>(bytes).ok();
    if value(sent).is_some() && value(sent) == value(pasted) {
        return format!(
            "The body is the same JSON, written anew: the order of keys, white space, escapes or numbers differ from byte \
             {at} on"
        );
    }
    format!("The body is not the one that was sent: it differs from byte {at} on")
}
