//! The addresses of a stack as environment variables: given by the caller, or written to a file for others to source.

use std::env;
use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use url::Url;

use crate::servers::{Management, ServerError, random_bytes, write_private};

const AMQP_URL: &str = "WEBHOOKS_AMQP__URL";
const DATABASE_URL: &str = "WEBHOOKS_DATABASE__URL";
const SECRETS_KEY: &str = "WEBHOOKS_SECRETS__KEY";
/// Without the programs' prefix: to them every variable that they do not know is an error.
const MANAGEMENT_URL: &str = "RABBITMQ_MANAGEMENT_URL";
/// The port of the management interface when the environment gives a broker and nothing else.
const MANAGEMENT_PORT: u16 = 15672;

/// Servers as variables name them; one that is empty counts as unset.
#[derive(Default)]
pub(super) struct Given {
    pub(super) amqp_url: Option<String>,
    pub(super) database_url: Option<String>,
    pub(super) secrets_key: Option<String>,
    pub(super) management_url: Option<String>,
}

impl Given {
    pub(super) fn by_environment() -> Self {
        let variable = |name| env::var(name).ok().filter(|value| !value.is_empty());
        Self {
            amqp_url: variable(AMQP_URL),
            database_url: variable(DATABASE_URL),
            secrets_key: variable(SECRETS_KEY),
            management_url: variable(MANAGEMENT_URL),
        }
    }
}

/// The management interface of the broker at `amqp_url`: at `given`, or on RabbitMQ's usual port of the same host.
pub(super) fn management(amqp_url: &str, given: Option<&str>) -> Result<Management, ServerError> {
    let invalid = |reason: String| ServerError::Address {
        variable: AMQP_URL,
        reason,
    };
    if let Some(given) = given {
        return Management::new(amqp_url, given);
    }
    let broker = Url::parse(amqp_url).map_err(|error| invalid(error.to_string()))?;
    let host = broker.host_str().ok_or_else(|| invalid("it names no host".into()))?;
    Management::new(amqp_url, &format!("http://{host}:{MANAGEMENT_PORT}"))
}

/// The key that was given, else that of the last start, else a new one: secrets at rest must stay readable.
pub(super) fn secrets_key(directory: &Path, given: Option<String>) -> String {
    let kept = || {
        let written = fs::read_to_string(directory.join("env")).ok()?;
        written
            .lines()
            .find_map(|line| Some(line.strip_prefix(SECRETS_KEY)?.strip_prefix('=')?.to_owned()))
    };
    given
        .or_else(kept)
        .unwrap_or_else(|| STANDARD.encode(random_bytes::<32>()))
}

/// Writes `<directory>/env`, readable by its owner only, for a shell to source.
pub(super) fn write(directory: &Path, servers: &Given) -> Result<(), ServerError> {
    let mut text = String::from("# Load into a shell with: set -a; . .dev/env; set +a\n");
    let variables = [
        (AMQP_URL, &servers.amqp_url),
        (DATABASE_URL, &servers.database_url),
        (SECRETS_KEY, &servers.secrets_key),
        (MANAGEMENT_URL, &servers.management_url),
    ];
    for (name, value) in variables {
        if let Some(value) = value {
            text.push_str(&format!("{name}={}\n", quoted(value)));
        }
    }
    write_private(&directory.join("env"), text.as_bytes())
}

/// A word for the shell: bare where that is safe, so that other readers of such files understand it too.
fn quoted(value: &str) -> String {
    let is_safe = |c: char| c.is_ascii_alphanumeric() || "/:@%+=._~-".contains(c);
    if value.chars().all(is_safe) {
        value.to_owned()
    } else {
        format!("'{}'", value.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_quoted_only_where_a_shell_would_misread_them() {
        assert_eq!(quoted("amqp://u:p@127.0.0.1:5/%2f"), "amqp://u:p@127.0.0.1:5/%2f");
        assert_eq!(quoted("postgres://h/d?a=1&b='x'"), r"'postgres://h/d?a=1&b='\''x'\'''");
    }

    #[test]
    fn a_key_is_made_once_and_kept() {
        let directory = tempfile::tempdir().unwrap();
        let made = secrets_key(directory.path(), None);
        assert_eq!(STANDARD.decode(&made).unwrap().len(), 32);
        fs::write(directory.path().join("env"), format!("X=1\n{SECRETS_KEY}={made}\n")).unwrap();
        assert_eq!(secrets_key(directory.path(), None), made);
        assert_eq!(secrets_key(directory.path(), Some("given".into())), "given");
    }
}
