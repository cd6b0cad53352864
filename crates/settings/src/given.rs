//! The raw values of file and environment, by dotted key, not yet parsed.

use std::collections::BTreeMap;
use std::path::PathBuf;

const PREFIX: &str = "WEBHOOKS_";
/// The one key whose variable has the name that is usual in Rust programs.
const LEVELS: (&str, &str) = ("log.levels", "RUST_LOG");

/// Everything that was given.
#[derive(Default)]
pub(crate) struct Given {
    pub(crate) values: BTreeMap<String, GivenValue>,
    /// Variables with our prefix that do not follow the naming scheme of keys.
    pub(crate) strange_variables: Vec<String>,
    /// The configuration file, if there is one.
    pub(crate) file: Option<PathBuf>,
}

/// One value with its source. No `Debug`: it may be a secret.
pub(crate) struct GivenValue {
    pub(crate) content: Content,
    pub(crate) origin: Origin,
}

/// The form of a value. Numbers and booleans are text: the setting knows which type it expects.
#[derive(Clone)]
pub(crate) enum Content {
    One(String),
    Many(Vec<String>),
    /// A list with elements that are not scalars.
    Nested,
}

/// A source; the later one wins.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd)]
pub(crate) enum Origin {
    File,
    Environment,
}

impl Given {
    /// The raw value of a key; an empty text counts as unset.
    pub(crate) fn content(&self, key: &str) -> Option<&Content> {
        let content = &self.values.get(key)?.content;
        let empty = matches!(content, Content::One(text) if text.trim().is_empty());
        (!empty).then_some(content)
    }

    pub(crate) fn origin(&self, key: &str) -> Option<Origin> {
        self.values.get(key).map(|value| value.origin)
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = (&String, Origin)> {
        self.values.iter().map(|(key, value)| (key, value.origin))
    }

    /// A setting's name as an operator knows it: its variable, and its place in the file when it was given there.
    pub(crate) fn name(&self, key: &str) -> String {
        match self.origin(key) {
            Some(Origin::File) => format!("{} ({})", variable(key), self.name_in_file(key)),
            Some(Origin::Environment) | None => variable(key),
        }
    }

    pub(crate) fn name_in_file(&self, key: &str) -> String {
        format!("{key} in {}", self.file_name())
    }

    /// Origin of a given value.
    pub(crate) fn origin_text(&self, key: &str) -> String {
        match self.origin(key) {
            Some(Origin::File) => self.file_name(),
            Some(Origin::Environment) | None => variable(key),
        }
    }

    fn file_name(&self) -> String {
        self.file
            .as_ref()
            .map_or(String::new(), |path| path.display().to_string())
    }
}

/// Whether a variable is meant for these programs.
pub(crate) fn is_ours(variable: &str) -> bool {
    variable == LEVELS.1 || variable.starts_with(PREFIX)
}

/// The environment variable of a key: `WEBHOOKS_AMQP__URL` for `amqp.url`.
pub(crate) fn variable(key: &str) -> String {
    if key == LEVELS.0 {
        return LEVELS.1.to_owned();
    }
    format!("{PREFIX}{}", key.to_uppercase().replace('.', "__"))
}

/// The key of an environment variable, if it follows the naming scheme.
pub(crate) fn key(variable_name: &str) -> Option<String> {
    if variable_name == LEVELS.1 {
        return Some(LEVELS.0.to_owned());
    }
    let (section, name) = variable_name.strip_prefix(PREFIX)?.split_once("__")?;
    let key = format!("{section}.{name}").to_lowercase();
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'.');
    (key.bytes().all(plain) && variable(&key) == variable_name).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_variables_are_each_others_inverse() {
        for (name, expected) in [
            ("WEBHOOKS_AMQP__URL", "amqp.url"),
            ("WEBHOOKS_AUTO_PAUSE__AFTER", "auto_pause.after"),
            ("RUST_LOG", "log.levels"),
        ] {
            assert_eq!(key(name).as_deref(), Some(expected));
            assert_eq!(variable(expected), name);
        }
    }

    #[test]
    fn variables_that_are_no_keys() {
        for name in [
            "WEBHOOKS_LISTEN",
            "WEBHOOKS_AMQP_URL",
            "WEBHOOKS_amqp__url",
            "WEBHOOKS_LOG__LEVELS",
            "WEBHOOKS_A.B__C",
            "WEBHOOKS_A__B[0]",
            "WEBHOOKS_",
            "PATH",
        ] {
            assert_eq!(key(name), None, "{name}");
        }
    }
}
