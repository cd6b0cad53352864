//! Reads the settings one by one, remembers what was wrong, and goes on: all mistakes are reported together.

mod secret;

use std::collections::BTreeSet;

use super::effective::{Effective, Shown};
use super::error::{Problem, SettingsError};
use super::given::{Content, Given};
use super::unknown;

const DEFAULTS_ARE_VALID: &str = "a setting's default is valid";

/// Hands out the given values. A refused value is replaced by its default so that reading can go on; [`Reader::finish`]
/// then fails, so that no such replacement is ever used.
pub(super) struct Reader {
    given: Given,
    /// Every key that was asked for, whether it was given or not.
    known: BTreeSet<String>,
    refused: BTreeSet<&'static str>,
    problems: Vec<Problem>,
    effective: Effective,
}

impl Reader {
    pub(super) fn new(given: Given) -> Self {
        let (known, refused, problems, effective) = Default::default();
        Self { given, known, refused, problems, effective }
    }

    /// A setting that has a default.
    pub(super) fn value<T>(
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
    pub(super) fn optional<T>(&mut self, key: &'static str, parse: impl Fn(&str) -> Result<T, String>) -> Option<T> {
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

    /// A setting with any number of values: a list, or one text with commas between them.
    pub(super) fn list<T>(
        &mut self,
        key: &'static str,
        default: &[&str],
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Vec<T> {
        self.given_list(key, &parse).unwrap_or_else(|| {
            self.effective.note(key, Shown::many(default), "default");
            default.iter().map(|text| parse(text).expect(DEFAULTS_ARE_VALID)).collect()
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
        self.effective.note(key, Shown::many(&texts), &self.given.origin_text(key));
        Some(values)
    }

    /// Notes that a setting cannot be used. `reason` continues a sentence that begins with the setting's name.
    pub(super) fn refuse(&mut self, key: &'static str, reason: impl Into<String>) {
        self.refused.insert(key);
        self.problems.push(Problem { name: self.given.name(key), reason: reason.into() });
    }

    /// Whether none of these settings has been refused, so that they can be held against one another.
    pub(super) fn sound(&self, keys: &[&'static str]) -> bool {
        keys.iter().all(|key| !self.refused.contains(key))
    }

    /// Ends the reading: what is in force, or everything that is wrong. What was given and is no setting is wrong too.
    pub(super) fn finish(mut self) -> Result<Effective, SettingsError> {
        self.problems.extend(unknown::problems(&self.given, &self.known));
        if self.problems.is_empty() { Ok(self.effective) } else { Err(SettingsError::new(self.problems)) }
    }

    /// What was given for a key, which is known from now on.
    fn content(&mut self, key: &str) -> Option<Content> {
        self.known.insert(key.to_owned());
        self.given.content(key).cloned()
    }

    fn accept<T>(&mut self, key: &'static str, value: Result<T, String>) -> Option<T> {
        value.map_err(|reason| self.refuse(key, reason)).ok()
    }
}
