//! Reads the settings one by one, collects the errors, and continues: all errors are reported together.

mod secret;

use std::collections::BTreeSet;

use crate::effective::{Effective, Shown};
use crate::error::{Problem, SettingsError};
use crate::given::{Content, Given};
use crate::unknown;

const DEFAULTS_ARE_VALID: &str = "a setting's default is valid";

/// Hands out the given values. An invalid value is replaced by its default so that reading can continue;
/// [`Reader::finish`] then fails, so that no such replacement is ever used.
pub(crate) struct Reader {
    given: Given,
    /// Every key that was requested, given or not.
    known: BTreeSet<String>,
    refused: BTreeSet<&'static str>,
    problems: Vec<Problem>,
    effective: Effective,
}

impl Reader {
    pub(crate) fn new(given: Given) -> Self {
        Self {
            given,
            known: BTreeSet::new(),
            refused: BTreeSet::new(),
            problems: Vec::new(),
            effective: Effective::default(),
        }
    }

    /// A setting that has a default.
    pub(crate) fn value<T>(
        &mut self,
        key: &'static str,
        default: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> T {
        self.optional(key, &parse).unwrap_or_else(|| {
            self.effective.note(key, Shown::One(default.to_owned()), "default");
            parse(default).expect(DEFAULTS_ARE_VALID)
        })
    }

    /// A setting that may be absent.
    pub(crate) fn optional<T>(&mut self, key: &'static str, parse: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        self.effective.note_absent(key);
        let text = match self.content(key)? {
            Content::One(text) => text.trim().to_owned(),
            Content::Many(_) | Content::Nested => {
                self.refuse(key, "must be a single value");
                return None;
            }
        };
        let value = self.accept(key, parse(&text))?;
        self.effective.note(key, Shown::One(text), &self.given.origin_text(key));
        Some(value)
    }

    /// A setting with any number of values: a list, or one comma-separated text.
    pub(crate) fn list<T>(
        &mut self,
        key: &'static str,
        default: &[&str],
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Vec<T> {
        self.given_list(key, &parse).unwrap_or_else(|| {
            self.effective.note(key, Shown::many(default), "default");
            default
                .iter()
                .map(|text| parse(text).expect(DEFAULTS_ARE_VALID))
                .collect()
        })
    }

    fn given_list<T>(&mut self, key: &'static str, parse: impl Fn(&str) -> Result<T, String>) -> Option<Vec<T>> {
        let texts = match self.content(key)? {
            Content::One(text) => text.split(',').map(|item| item.trim().to_owned()).collect(),
            Content::Many(texts) => texts,
            Content::Nested => {
                self.refuse(key, "must be a list of single values");
                return None;
            }
        };
        let values = self.accept(key, texts.iter().map(|text| parse(text)).collect())?;
        self.effective
            .note(key, Shown::many(&texts), &self.given.origin_text(key));
        Some(values)
    }

    /// Notes that a setting cannot be used. `reason` continues a sentence that begins with the setting's name.
    pub(crate) fn refuse(&mut self, key: &'static str, reason: impl Into<String>) {
        self.refused.insert(key);
        self.problems.push(Problem {
            name: self.given.name(key),
            reason: reason.into(),
        });
    }

    /// Notes a suspicious setting. `reason` continues a sentence that begins with its name.
    pub(crate) fn warn(&mut self, key: &'static str, reason: impl Into<String>) {
        self.effective.warn(Problem {
            name: self.given.name(key),
            reason: reason.into(),
        });
    }

    /// Whether none of these settings is invalid, so that they can be compared with each other.
    pub(crate) fn sound(&self, keys: &[&'static str]) -> bool {
        keys.iter().all(|key| !self.refused.contains(key))
    }

    /// Ends the reading: returns the effective settings, or all errors. Unknown names are errors, too.
    pub(crate) fn finish(mut self) -> Result<Effective, SettingsError> {
        self.problems.extend(unknown::problems(&self.given, &self.known));
        if self.problems.is_empty() {
            Ok(self.effective)
        } else {
            Err(SettingsError::new(self.problems))
        }
    }

    /// The raw value of a key, which is known from now on.
    fn content(&mut self, key: &str) -> Option<Content> {
        self.known.insert(key.to_owned());
        self.given.content(key).cloned()
    }

    fn accept<T>(&mut self, key: &'static str, value: Result<T, String>) -> Option<T> {
        value.map_err(|reason| self.refuse(key, reason)).ok()
    }
}
