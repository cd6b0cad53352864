//! Text from events, receivers and people, as it goes into a page: escaped, and with what would deceive the eye made
//! visible.
//!
//! Control characters can hide text, and bidirectional overrides can reverse it (`exe.gpj` reads `jpg.exe`). Every
//! template writes through this (`askama.toml`).

use std::fmt::{self, Write};

use askama::filters::{Escaper, Html};

/// Writes text into HTML, element content or quoted attribute.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ShownText;

impl Escaper for ShownText {
    fn write_escaped_str<W: Write>(&self, mut dest: W, text: &str) -> fmt::Result {
        let mut plain_from = 0;
        for (at, character) in text.char_indices().filter(|(_, character)| is_deceptive(*character)) {
            Html.write_escaped_str(&mut dest, &text[plain_from..at])?;
            write_mark(&mut dest, character)?;
            plain_from = at + character.len_utf8();
        }
        Html.write_escaped_str(&mut dest, &text[plain_from..])
    }
}

/// Whether a page shows this text as it is, so that it can be copied from there.
pub(crate) fn is_shown_exactly(text: &str) -> bool {
    !text.contains(is_deceptive)
}

/// Controls except tab and line feed; embeddings, overrides and isolates of the Unicode bidirectional algorithm.
fn is_deceptive(character: char) -> bool {
    match character {
        '\t' | '\n' => false,
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => true,
        other => other.is_control(),
    }
}

fn write_mark(dest: &mut impl Write, character: char) -> fmt::Result {
    match u32::from(character) {
        // Each control of ASCII has a picture of itself.
        code @ 0..0x20 => dest.write_char(char::from_u32(0x2400 + code).unwrap_or(char::REPLACEMENT_CHARACTER)),
        0x7f => dest.write_char('\u{2421}'),
        code => write!(dest, "[U+{code:04X}]"),
    }
}

/// What templates can do to values.
pub(crate) mod filters {
    use askama::Values;
    use askama::filters::{HtmlSafe, Safe};

    /// A part of a page that is a template itself, and so escaped already. Text from outside is none.
    #[askama::filter_fn]
    pub(crate) fn part<T: HtmlSafe>(part: T, _: &dyn Values) -> askama::Result<Safe<T>> {
        Ok(Safe(part))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let mut shown = String::new();
        ShownText.write_escaped_str(&mut shown, text).unwrap();
        shown
    }

    #[test]
    fn markup_is_text() {
        assert_eq!(shown("<b a='\"'>&amp;"), "&#60;b a=&#39;&#34;&#39;&#62;&#38;amp;");
    }

    #[test]
    fn what_hides_or_turns_text_is_visible() {
        assert_eq!(shown("a\u{202e}<b\u{2069}"), "a[U+202E]&#60;b[U+2069]");
        assert_eq!(
            shown("\0\u{1b}[2J\r\n\t\u{7f}\u{85}"),
            "\u{2400}\u{241b}[2J\u{240d}\n\t\u{2421}[U+0085]"
        );
        assert_eq!(shown("שלום Ünïcode 漢字 🙂"), "שלום Ünïcode 漢字 🙂");
    }
}
