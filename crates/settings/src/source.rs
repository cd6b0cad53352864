//! Where settings come from: the file and the environment, merged by the `config` library.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use config::{Config, Environment, File, FileFormat, Source, Value, ValueKind};

use crate::error::{Problem, SettingsError};
use crate::given::{Content, Given, GivenValue, Origin, is_ours, key};

/// Our variables in the environment of this process.
pub(crate) fn process_environment() -> Result<Vec<(String, String)>, SettingsError> {
    let mut variables = Vec::new();
    let mut problems = Vec::new();
    for (name, value) in std::env::vars_os() {
        let Some(name) = name.into_string().ok().filter(|name| is_ours(name)) else {
            continue;
        };
        match value.into_string() {
            Ok(value) => variables.push((name, value)),
            Err(_) => problems.push(Problem {
                name,
                reason: "is not valid UTF-8".to_owned(),
            }),
        }
    }
    if problems.is_empty() {
        Ok(variables)
    } else {
        Err(SettingsError::new(problems))
    }
}

/// Merges the file and the environment; the environment wins. Empty variables count as unset.
pub(crate) fn merge(
    file: Option<&Path>,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<Given, SettingsError> {
    let mut keys = HashMap::new();
    let mut strange_variables = Vec::new();
    for (name, value) in environment
        .into_iter()
        .filter(|(name, value)| is_ours(name) && !value.trim().is_empty())
    {
        match key(&name) {
            Some(key) => drop(keys.insert(key, value)),
            None => strange_variables.push(name),
        }
    }
    let text = file.map(read).transpose()?.unwrap_or_default();
    let merged = Config::builder()
        .add_source(File::from_str(&text, FileFormat::Toml))
        // Parsing stays off, or a secret like 0012345 would become a number.
        .add_source(Environment::default().try_parsing(false).source(Some(keys)))
        .build()
        .and_then(|config| config.collect())
        .map_err(|error| not_toml(file, &error))?;
    let mut values = BTreeMap::new();
    for (name, value) in merged {
        flatten(name, value, &mut values);
    }
    Ok(Given {
        values,
        strange_variables,
        file: file.map(Path::to_owned),
    })
}

fn read(path: &Path) -> Result<String, Problem> {
    std::fs::read_to_string(path).map_err(|error| Problem {
        name: described(Some(path)),
        reason: format!("cannot be read: {error}"),
    })
}

/// The parser's message quotes the line it failed at, which may hold a secret: only the position is passed on.
fn not_toml(file: Option<&Path>, error: &config::ConfigError) -> Problem {
    let message = error.to_string();
    let position = message.lines().next().and_then(|line| line.split_once(" at line "));
    let hint = position.map_or(String::new(), |(_, position)| format!(": see line {position}"));
    Problem {
        name: described(file),
        reason: format!("is not valid TOML{hint}"),
    }
}

fn described(file: Option<&Path>) -> String {
    file.map_or("the configuration".to_owned(), |path| {
        format!("the configuration file {}", path.display())
    })
}

fn flatten(key: String, value: Value, values: &mut BTreeMap<String, GivenValue>) {
    // The library marks values from the environment; values from a text have no mark.
    let origin = if value.origin().is_some() {
        Origin::Environment
    } else {
        Origin::File
    };
    let content = match value.kind {
        ValueKind::Table(table) => {
            for (name, value) in table {
                flatten(format!("{key}.{name}"), value, values);
            }
            return;
        }
        ValueKind::Array(items) => {
            let texts: Option<Vec<_>> = items.into_iter().map(|item| single(item.kind)).collect();
            texts.map_or(Content::Nested, Content::Many)
        }
        kind => single(kind).map_or(Content::Nested, Content::One),
    };
    values.insert(key, GivenValue { content, origin });
}

fn single(kind: ValueKind) -> Option<String> {
    match kind {
        ValueKind::String(text) => Some(text),
        ValueKind::Boolean(truth) => Some(truth.to_string()),
        ValueKind::I64(number) => Some(number.to_string()),
        // With its decimal point, so that 15.0 is not a whole number.
        ValueKind::Float(number) => Some(format!("{number:?}")),
        _ => None,
    }
}
