//! A connection URL whose password may be replaced while the program runs.

use std::fmt::Display;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::{PoisonError, RwLock};

use tracing::warn;

use crate::read_secret_file;

/// The URL in use, and the file that it may be read from again.
#[derive(Debug)]
pub struct RotatedUrl<U> {
    url: RwLock<U>,
    file: Option<PathBuf>,
    variable: &'static str,
}

impl<U: Clone + PartialEq + FromStr<Err: Display>> RotatedUrl<U> {
    /// `url` came from `file`, if any, which `variable` names. The parser's error must repeat nothing of the text, which
    /// holds a password.
    pub fn new(url: U, file: Option<PathBuf>, variable: &'static str) -> Self {
        Self {
            url: RwLock::new(url),
            file,
            variable,
        }
    }

    /// The URL in use.
    #[must_use]
    pub fn url(&self) -> U {
        self.url.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads the file again. True when it holds another URL, which is in use from then on.
    pub fn read_again(&self) -> bool {
        let Some(file) = &self.file else { return false };
        let url = read_secret_file(file)
            .map_err(|error| format!("the file cannot be read: {error}"))
            .and_then(|text| text.parse().map_err(|error: U::Err| error.to_string()));
        match url {
            Ok(url) if url == self.url() => false,
            Ok(url) => {
                *self.url.write().unwrap_or_else(PoisonError::into_inner) = url;
                true
            }
            Err(error) => {
                warn!(error, "cannot read {} again", self.variable);
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::*;

    #[test]
    fn another_url_in_the_file_is_used_and_a_malformed_one_is_not() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let former: Url = "a://former".parse().unwrap();
        let source = RotatedUrl::new(former, Some(file.path().to_owned()), "URL_FILE");
        for (text, changes, url) in [
            ("a://former\n", false, "a://former"),
            ("a://latter\n", true, "a://latter"),
            ("a://latter\n", false, "a://latter"),
            ("latter", false, "a://latter"),
            ("", false, "a://latter"),
        ] {
            std::fs::write(file.path(), text).unwrap();
            assert_eq!((source.read_again(), source.url().as_str()), (changes, url), "{text:?}");
        }
    }

    #[test]
    fn without_a_file_it_stays_as_it_is() {
        let source = RotatedUrl::<Url>::new("a://former".parse().unwrap(), None, "URL_FILE");
        assert!(!source.read_again());
        assert_eq!(source.url().as_str(), "a://former");
    }
}
