//! Each statement opens with its name, `/* file.constant */`, so that `pg_stat_statements` and the server's log say which one
//! it is.

use std::fs;
use std::path::Path;

const VERBS: [&str; 5] = ["SELECT ", "INSERT ", "UPDATE ", "DELETE ", "WITH "];

#[test]
fn each_opens_with_its_name() {
    let mut nameless = Vec::new();
    let mut names = Vec::new();
    read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut |path, text| {
        for (at, _) in text.match_indices('"') {
            let text = text[at + 1..].trim_start();
            if VERBS.iter().any(|verb| text.starts_with(verb)) {
                nameless.push(format!(
                    "{}: {}",
                    path.display(),
                    text.lines().next().unwrap_or_default()
                ));
            }
            if let Some((name, _)) = text.strip_prefix("/* ").and_then(|text| text.split_once(" */")) {
                names.push(name.to_owned());
            }
        }
    });
    assert!(nameless.is_empty(), "{nameless:#?}");
    let all = names.len();
    names.sort();
    names.dedup();
    assert!(
        names.len() == all && all > 100,
        "{all} names, of which {} differ",
        names.len()
    );
}

/// Not the tests beside the code, which run statements of their own.
fn read(directory: &Path, take: &mut impl FnMut(&Path, &str)) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read(&path, take);
        } else if !path.ends_with("tests.rs") {
            take(&path, &fs::read_to_string(&path).unwrap());
        }
    }
}
