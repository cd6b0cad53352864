//! The effective settings, in readable form.

use std::collections::BTreeMap;
use std::fmt;

use crate::error::Problem;

/// Replaces a secret.
pub(crate) const HIDDEN: &str = "(hidden)";

/// Every setting that was read, in a form that holds no secret.
#[derive(Clone, Debug, Default)]
pub(crate) struct Effective {
    lines: BTreeMap<&'static str, Line>,
    warnings: Vec<Problem>,
}

#[derive(Clone, Debug)]
enum Line {
    Absent,
    Value { value: Shown, origin: String },
}

/// A value that may be shown.
#[derive(Clone, Debug)]
pub(crate) enum Shown {
    /// One value.
    One(String),
    /// A list of values.
    Many(Vec<String>),
}

impl Effective {
    /// Notes a value and its origin, replacing what was noted under this key.
    pub(crate) fn note(&mut self, key: &'static str, value: Shown, origin: &str) {
        self.lines.insert(
            key,
            Line::Value {
                value,
                origin: origin.to_owned(),
            },
        );
    }

    /// Notes that a setting has no value.
    pub(crate) fn note_absent(&mut self, key: &'static str) {
        self.lines.insert(key, Line::Absent);
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

impl Shown {
    /// A list.
    pub(crate) fn many<T: AsRef<str>>(texts: &[T]) -> Self {
        Self::Many(texts.iter().map(|text| text.as_ref().to_owned()).collect())
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
                Line::Value { value, origin } => writeln!(formatter, "{name} = {value}  # {origin}")?,
                Line::Absent => writeln!(formatter, "# {name} is not set")?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(text) => formatter.write_str(&literal(text)),
            Self::Many(texts) => {
                let items: Vec<_> = texts.iter().map(|text| literal(text)).collect();
                write!(formatter, "[{}]", items.join(", "))
            }
        }
    }
}

/// A TOML literal: numbers and truth values as they are, all else in quotes, with control characters escaped.
fn literal(text: &str) -> String {
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
