//! Rust's sources as words and signs, without comments, texts and lifetimes.

/// Cuts a source into words, `::` and single signs.
pub fn tokens(source: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        if let Some(name) = rest.strip_prefix("r#").filter(|name| name.starts_with(is_word)) {
            rest = name;
        } else if let Some(skipped) = skip(rest) {
            rest = skipped;
        } else if is_word(first) {
            let end = rest.find(|character| !is_word(character)).unwrap_or(rest.len());
            tokens.push(rest[..end].to_owned());
            rest = &rest[end..];
        } else if let Some(after) = rest.strip_prefix("::") {
            tokens.push("::".to_owned());
            rest = after;
        } else {
            tokens.push(first.to_string());
            rest = &rest[first.len_utf8()..];
        }
    }
    tokens
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// What follows white space, a comment, a text, a character or a lifetime; `None` before anything else.
fn skip(source: &str) -> Option<&str> {
    if source.starts_with(char::is_whitespace) {
        return Some(source.trim_start());
    }
    if source.starts_with("//") {
        return Some(source.find('\n').map_or("", |end| &source[end..]));
    }
    if source.starts_with("/*") {
        return Some(after_block_comment(source));
    }
    let text = source.strip_prefix(['b', 'c']).unwrap_or(source);
    if let Some(raw) = text.strip_prefix('r') {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        if raw[hashes..].starts_with('"') {
            let end = format!("\"{}", "#".repeat(hashes));
            let inside = &raw[hashes + 1..];
            return Some(inside.find(&end).map_or("", |at| &inside[at + end.len()..]));
        }
    }
    if let Some(inside) = text.strip_prefix('"') {
        return Some(after_quote(inside, '"'));
    }
    text.strip_prefix('\'').map(after_apostrophe)
}

fn after_block_comment(source: &str) -> &str {
    let (mut depth, mut rest) = (0, source);
    loop {
        if let Some(after) = rest.strip_prefix("/*") {
            (depth, rest) = (depth + 1, after);
        } else if let Some(after) = rest.strip_prefix("*/") {
            (depth, rest) = (depth - 1, after);
        } else {
            let Some(character) = rest.chars().next() else {
                return "";
            };
            rest = &rest[character.len_utf8()..];
        }
        if depth == 0 {
            return rest;
        }
    }
}

fn after_quote(inside: &str, quote: char) -> &str {
    let mut escaped = false;
    for (at, character) in inside.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if character == quote => return &inside[at + quote.len_utf8()..],
            _ => {}
        }
    }
    ""
}

/// Behind the first apostrophe of a character, or of a lifetime, which has no second one.
fn after_apostrophe(inside: &str) -> &str {
    let mut characters = inside.chars();
    let first = characters.next();
    if first == Some('\\') || characters.next() == Some('\'') {
        return after_quote(inside, '\'');
    }
    inside.trim_start_matches(is_word)
}
