//! JSON for the eye: indented, and otherwise exactly as it came.
//!
//! It works on the text. A parser would lose what payloads must keep: the spelling of numbers, equal keys, escapes.

use std::str::Chars;

/// Deeper nesting is not indented further.
const MAX_INDENT: usize = 32;

/// The text with a line for each member and element; `None` when it is no JSON.
pub(crate) fn indented(text: &str) -> Option<String> {
    serde_json::from_str::<&serde_json::value::RawValue>(text).ok()?;
    let mut out = String::with_capacity(text.len() * 2);
    let mut depth = 0_usize;
    let mut rest = text.chars();
    while let Some(character) = rest.next() {
        match character {
            ' ' | '\t' | '\n' | '\r' => {}
            '"' => copy_string(&mut rest, &mut out),
            '{' | '[' => {
                out.push(character);
                let end = if character == '{' { '}' } else { ']' };
                match is_empty(&rest, end) {
                    Some(after) => {
                        rest = after;
                        out.push(end);
                    }
                    None => {
                        depth += 1;
                        new_line(&mut out, depth);
                    }
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                new_line(&mut out, depth);
                out.push(character);
            }
            ',' => {
                out.push(',');
                new_line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            other => out.push(other),
        }
    }
    Some(out)
}

/// The rest of a string after its opening quote.
fn copy_string(rest: &mut Chars<'_>, out: &mut String) {
    out.push('"');
    let mut escaped = false;
    for character in rest {
        out.push(character);
        match character {
            '"' if !escaped => return,
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
}

/// What follows the end, when nothing is before it.
fn is_empty<'a>(rest: &Chars<'a>, end: char) -> Option<Chars<'a>> {
    rest.as_str().trim_start().strip_prefix(end).map(str::chars)
}

fn new_line(out: &mut String, depth: usize) {
    out.push('\n');
    for _ in 0..depth.min(MAX_INDENT) {
        out.push_str("  ");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_laid_out() {
        let text = r#"{"a":[1,{"b":{ }}],"c" : [] , "d":"x\"{,\\"}"#;
        let expected =
            "{\n  \"a\": [\n    1,\n    {\n      \"b\": {}\n    }\n  ],\n  \"c\": [],\n  \"d\": \"x\\\"{,\\\\\"\n}";
        assert_eq!(indented(text).unwrap(), expected);
    }

    #[test]
    fn spelling_is_kept() {
        let text = r#"{"n":1.10,"n":12345678901234567890123,"s":"\u0000\ud800 é"}"#;
        let shown: String = indented(text).unwrap().split_whitespace().collect();
        assert_eq!(shown, text.replace(' ', ""));
    }

    #[test]
    fn what_is_no_json_is_left_alone() {
        for text in ["", "{", "plain text", "{\"a\":1}x"] {
            assert_eq!(indented(text), None);
        }
    }
}
