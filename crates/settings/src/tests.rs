//! The whole tree: precedence, errors, and redaction.

mod precedence;
mod redaction;
mod refusals;
mod sample;
mod sso;
mod warnings;

use std::path::Path;

use runtime::Program;

use super::{Settings, SettingsError};

/// 32 bytes, as a key.
const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const KEY_BYTES: [u8; 32] = [
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30,
    31,
];
const AMQP: (&str, &str) = ("WEBHOOKS_AMQP__URL", "amqp://guest:guest@127.0.0.1:5672/%2f");
const DATABASE: (&str, &str) = ("WEBHOOKS_DATABASE__URL", "postgres://crm:crm@127.0.0.1/crm");
const REQUIRED: [(&str, &str); 3] = [AMQP, DATABASE, ("WEBHOOKS_SECRETS__KEY", KEY)];

fn owned(variables: &[(&str, &str)]) -> Vec<(String, String)> {
    variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

/// Loads for `fanout` what is required and these variables; a variable that is given twice has its last value.
fn load(variables: &[(&str, &str)]) -> Result<Settings, SettingsError> {
    load_with(None, &[&REQUIRED, variables].concat())
}

fn load_with(file: Option<&Path>, variables: &[(&str, &str)]) -> Result<Settings, SettingsError> {
    Settings::load_from(Program::Fanout, file, owned(variables))
}

/// Loads for `fanout` what is required and a file with this text.
fn load_file(text: &str) -> Result<Settings, SettingsError> {
    let file = file(text);
    load_with(Some(file.path()), &REQUIRED)
}

fn file(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    file
}
