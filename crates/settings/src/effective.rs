//! The effective settings, in readable form.

use std::collections::BTreeMap;
use std::fmt;

use crate::error::Problem;

/// Replaces a secret.
pub(crate) const HIDDEN: &str = "(hidden)";

/// Every setting that was read, in a form that holds no secret.
#[derive(Clone, Debug, Default)]
pub(crate) struct Effective {
    /// Each value as TOML with its origin, by key; `None` for a setting without a value.
    lines: BTreeMap<&'static str, Option<(String, String)>>,
    warnings: Vec<Problem>,
}

impl Effective {
    /// Notes a value, as TOML, and its origin, replacing what was noted under this key.
    pub(crate) fn note(&mut self, key: &'static str, value: String, origin: &str) {
        self.lines.insert(key, Some((value, origin.to_owned())));
    }

    /// Notes that a setting has no value.
    pub(crate) fn note_absent(&mut self, key: &'static str) {
        self.lines.insert(key, None);
    }

    /// Notes a suspicious setting.
    pub(crate) fn warn(&mut self, warning: Problem) {
        self.warnings.push(warning);
    }

    /// The suspicious settings.
    pub(crate) fn warnings(&self) -> &[Problem] {
        &self.warnings
    }
}

impl fmt::Display for Effective {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for warning in &self.warnings {
            writeln!(formatter, "# Warning: {warning}")?;
        }
        let mut open = None;
        for (key, line) in &self.lines {
            let (section, name) = key.split_once('.').expect("every key has a section");
            if open != Some(section) {
                let gap = if open.is_some() { "\n" } else { "" };
                writeln!(formatter, "{gap}[{section}]")?;
                open = Some(section);
            }
            match line {
                Some((value, origin)) => writeln!(formatter, "{name} = {value}  # {origin}")?,
                None => writeln!(formatter, "# {name} is not set")?,
            }
        }
        Ok(())
    }
}

/// A TOML list of literals.
pub(crate) fn literals(texts: impl Iterator<Item: AsRef<str>>) -> String {
    let items: Vec<_> = texts.map(|text| literal(text.as_ref())).collect();
    format!("[{}]", items.join(", "))
}

/// A TOML literal: numbers and truth values as they are, all else in quotes, with control characters escaped.
pub(crate) fn literal(text: &str) -> String {
    if text.parse::<i64>().is_ok() || text.parse::<bool>().is_ok() {
        return text.to_owned();
    }
    let mut quoted = String::from('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            control if control.is_control() => quoted.push_str(&format!("\\u{:04X}", u32::from(control))),
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}
