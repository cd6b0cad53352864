//! Reads the settings one by one, collects the errors, and continues: all errors are reported together.

mod secret;

use std::collections::BTreeSet;

use zeroize::Zeroizing;

use crate::effective::{self, Effective};
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

/// A raw value and its origin in words.
struct Found {
    content: Content,
    origin: String,
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
            self.effective.note(key, effective::literal(default), "default");
            parse(default).expect(DEFAULTS_ARE_VALID)
        })
    }

    /// A setting that may be absent.
    pub(crate) fn optional<T>(&mut self, key: &'static str, parse: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        let found = self.find(key);
        self.one(key, found, |text| parse(text.trim()), |text| text.trim().to_owned())
    }

    /// A setting with any number of values: a list, or one comma-separated text.
    pub(crate) fn list<T>(
        &mut self,
        key: &'static str,
        default: &[&str],
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Vec<T> {
        let found = self.find(key);
        let split = |text: &str| text.split(',').map(|item| item.trim().to_owned()).collect();
        self.many(key, found, split, &parse, str::to_owned).unwrap_or_else(|| {
            self.effective
                .note(key, effective::literals(default.iter().copied()), "default");
            default
                .iter()
                .map(|text| parse(text).expect(DEFAULTS_ARE_VALID))
                .collect()
        })
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

    fn find(&mut self, key: &str) -> Option<Found> {
        Some(Found {
            content: self.content(key)?,
            origin: self.given.origin_text(key),
        })
    }

    /// Parses a single value, and notes it as `show` makes it printable.
    fn one<T>(
        &mut self,
        key: &'static str,
        found: Option<Found>,
        parse: impl Fn(&str) -> Result<T, String>,
        show: impl Fn(&str) -> String,
    ) -> Option<T> {
        self.effective.note_absent(key);
        let found = found?;
        let Content::One(text) = found.content else {
            self.refuse(key, "must be a single value");
            return None;
        };
        let text = Zeroizing::new(text);
        let value = self.accept(key, parse(&text))?;
        self.effective
            .note(key, effective::literal(&show(&text)), &found.origin);
        Some(value)
    }

    /// The same for a list, or for one text that `split` makes a list of.
    fn many<T>(
        &mut self,
        key: &'static str,
        found: Option<Found>,
        split: impl Fn(&str) -> Vec<String>,
        parse: impl Fn(&str) -> Result<T, String>,
        show: impl Fn(&str) -> String,
    ) -> Option<Vec<T>> {
        let found = found?;
        let texts = match found.content {
            Content::One(text) => split(&Zeroizing::new(text)),
            Content::Many(texts) => texts,
            Content::Nested => {
                self.refuse(key, "must be a list of single values");
                return None;
            }
        };
        let texts = Zeroizing::new(texts);
        let values = self.accept(key, texts.iter().map(|text| parse(text)).collect())?;
        let shown = effective::literals(texts.iter().map(|text| show(text)));
        self.effective.note(key, shown, &found.origin);
        Some(values)
    }

    fn accept<T>(&mut self, key: &'static str, value: Result<T, String>) -> Option<T> {
        value.map_err(|reason| self.refuse(key, reason)).ok()
    }
}
