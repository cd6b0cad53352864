//! Host names: which ones are valid in DNS, and which ones are local.

/// Longest name and longest label, in bytes (RFC 1035 §2.3.4).
const NAME_MAX: usize = 253;
const LABEL_MAX: usize = 63;

/// Last labels of names that never resolve to the public Internet.
const LOCAL_SUFFIXES: [&str; 16] = [
    // Special-use names: RFC 6761, 6762, 7686, 8375, 9476; `internal` is reserved by ICANN for private use.
    "localhost",
    "local",
    "test",
    "invalid",
    "onion",
    "home.arpa",
    "alt",
    "internal",
    // Not delegated, and used inside many networks (RFC 6762 appendix G; the name collision study of ICANN).
    "intranet",
    "private",
    "corp",
    "home",
    "lan",
    "mail",
    "localdomain",
    // Services inside a Kubernetes cluster, with the cluster's own suffix left off.
    "svc",
];

/// Whether a lower-case ASCII name has the form of a host name: labels of letters, digits and inner hyphens
/// (RFC 1123 §2.1), and of underscores, which are no part of that form: DNS holds them (RFC 2181 §11), people use them, and
/// wildcard certificates cover them. No top-level domain has one (RFC 3696 §2).
pub(super) fn is_valid(name: &str) -> bool {
    let top_level = name.rsplit_once('.').map_or("", |(_, last)| last);
    name.len() <= NAME_MAX && name.split('.').all(is_valid_label) && !top_level.contains('_')
}

fn is_valid_label(label: &str) -> bool {
    (1..=LABEL_MAX).contains(&label.len())
        && label
            .bytes()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_'))
        && !label.starts_with('-')
        && !label.ends_with('-')
}

/// Whether a name is local: it has a single label, or ends in one of the local suffixes.
pub(super) fn is_local(name: &str) -> bool {
    !name.contains('.') || LOCAL_SUFFIXES.iter().any(|suffix| is_below(name, suffix))
}

fn is_below(name: &str, suffix: &str) -> bool {
    name.strip_suffix(suffix)
        .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}
