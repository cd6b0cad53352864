//! How deep a JSON text nests. serde_json forwards a raw value without recursing and so without a limit; receivers'
//! parsers and Postgres' JSON functions do recurse, and fail on deep input.

/// Objects and arrays inside one another, counted without parsing: 0 for a scalar. Expects valid JSON; on any other
/// text it returns some number and never fails.
pub(crate) fn depth(json: &str) -> usize {
    let mut level = 0usize;
    let mut deepest = 0usize;
    let mut in_string = false;
    let mut escaped = false;
    for byte in json.bytes() {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'{' | b'[' => {
                level += 1;
                deepest = deepest.max(level);
            }
            b'}' | b']' => level = level.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::depth;

    #[test]
    fn counts_what_nests_and_nothing_in_strings() {
        assert_eq!(depth("1"), 0);
        assert_eq!(depth(r#"{"a":[{"b":"}]\"[[["}]}"#), 3);
        assert_eq!(
            depth(&format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000))),
            100_000
        );
    }
}
