//! `deploy/config.example.toml` shows every key with its default.

use std::collections::{BTreeMap, BTreeSet};

use super::*;

const SAMPLE: &str = include_str!("../../../../deploy/config.example.toml");

/// The effective settings, by section and key.
fn shown(settings: &Settings) -> BTreeMap<(String, String), String> {
    let mut section = String::new();
    let mut values = BTreeMap::new();
    for line in settings.redacted().lines() {
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']').to_owned();
        } else if let Some((key, value)) = line.split_once(" = ") {
            let (value, _) = value.rsplit_once("  # ").unwrap();
            values.insert((section.clone(), key.to_owned()), value.to_owned());
        }
    }
    values
}

/// The keys of a TOML text whose settings begin at the start of a line.
fn keys(text: &str) -> BTreeSet<(String, String)> {
    let mut section = String::new();
    let mut keys = BTreeSet::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']').to_owned();
        } else if let Some((key, _)) = line.split_once(" = ").filter(|_| !line.starts_with('#')) {
            keys.insert((section.clone(), key.to_owned()));
        }
    }
    keys
}

/// The sample with the commented-out settings enabled: `#key = …`, without a space.
fn complete() -> String {
    let uncomment = |line: &'static str| match line.strip_prefix('#') {
        Some(setting) if setting.starts_with(|first: char| first.is_ascii_lowercase()) => setting,
        _ => line,
    };
    SAMPLE.lines().map(uncomment).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_sample_changes_nothing() {
    assert_eq!(shown(&load_file(SAMPLE).unwrap()), shown(&load(&[]).unwrap()));
}

#[test]
fn the_sample_is_complete_and_its_examples_are_valid() {
    let file = file(&complete());
    let redacted = load_with(Some(file.path()), &[]).unwrap().redacted();
    let all_set = redacted.replace("\n# ", "\n").replace(" is not set", " = ");
    assert_eq!(keys(&complete()), keys(&all_set));
}

#[test]
fn every_key_of_the_sample_is_explained() {
    let lines: Vec<_> = SAMPLE.lines().collect();
    for pair in lines.windows(2) {
        let is_setting = pair[1].trim_start_matches('#').split_once(" = ").is_some() && !pair[1].starts_with("# ");
        assert!(!is_setting || pair[0].starts_with("# "), "{} has no comment", pair[1]);
    }
}
