//! Secrets: given directly, or in a file named by the setting with the suffix `_FILE` (`WEBHOOKS_AMQP__URL_FILE`).

use std::path::{Path, PathBuf};

use runtime::read_secret_file;

use super::{Found, Reader};
use crate::effective::HIDDEN;
use crate::given::{Content, variable};

impl Reader {
    /// A required secret. `None` is a problem that has been noted. `show` makes the text printable.
    pub(crate) fn required_secret<T>(
        &mut self,
        key: &'static str,
        parse: impl Fn(&str) -> Result<T, String>,
        show: impl Fn(&str) -> String,
    ) -> Option<T> {
        let value = self.optional_secret(key, parse, show);
        if value.is_none() && self.sound(&[key]) {
            self.refuse(key, format!("is required: set it, or {}", variable(&twin(key))));
        }
        value
    }

    /// An optional secret.
    pub(crate) fn optional_secret<T>(
        &mut self,
        key: &'static str,
        parse: impl Fn(&str) -> Result<T, String>,
        show: impl Fn(&str) -> String,
    ) -> Option<T> {
        let found = self.find_secret(key);
        self.one(key, found, parse, show)
    }

    /// Any number of secrets: a list, or one text with commas or white space between them.
    pub(crate) fn secret_list<T>(&mut self, key: &'static str, parse: impl Fn(&str) -> Result<T, String>) -> Vec<T> {
        let found = self.find_secret(key);
        self.many(key, found, split, parse, |_| HIDDEN.to_owned())
            .unwrap_or_else(|| {
                self.effective.note(key, "[]".to_owned(), "default");
                Vec::new()
            })
    }

    /// The setting itself or its file, whichever was given; of two, the one from the later source.
    fn find_secret(&mut self, key: &'static str) -> Option<Found> {
        let twin = twin(key);
        let place = self.nonempty(key);
        let file = self.nonempty(&twin);
        let origins = (self.given.origin(key), self.given.origin(&twin));
        match (place, file) {
            (Some(_), Some(_)) if origins.0 == origins.1 => {
                self.refuse(
                    key,
                    format!("is set, and so is {}: set only one of them", self.given.name(&twin)),
                );
                None
            }
            (Some(content), file) if file.is_none() || origins.0 > origins.1 => Some(Found {
                content,
                origin: self.given.origin_text(key),
            }),
            (_, file) => self.read(key, file?),
        }
    }

    /// The file that a secret is read from, if any.
    pub(crate) fn secret_file(&mut self, key: &'static str) -> Option<PathBuf> {
        let twin = twin(key);
        let in_place = self.nonempty(key).is_some() && self.given.origin(key) > self.given.origin(&twin);
        match self.nonempty(&twin) {
            Some(Content::One(path)) if !in_place => Some(path.into()),
            _ => None,
        }
    }

    /// The raw value of a key; an empty list, as in the sample file, counts as unset.
    fn nonempty(&mut self, key: &str) -> Option<Content> {
        self.content(key)
            .filter(|content| !matches!(content, Content::Many(texts) if texts.is_empty()))
    }

    fn read(&mut self, key: &'static str, path: Content) -> Option<Found> {
        let Content::One(path) = path else {
            self.refuse(key, "must be read from a single file");
            return None;
        };
        let text = read_secret_file(Path::new(&path))
            .map_err(|error| format!("cannot be read from the file {path:?}: {error}"));
        let text = self.accept(key, text)?;
        Some(Found {
            content: Content::One(text),
            origin: format!("file {path:?}"),
        })
    }
}

fn twin(key: &str) -> String {
    format!("{key}_file")
}

fn split(text: &str) -> Vec<String> {
    let separator = |character: char| character == ',' || character.is_whitespace();
    text.split(separator)
        .filter(|item| !item.is_empty())
        .map(str::to_owned)
        .collect()
}
