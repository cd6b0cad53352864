//! No module imports another that imports it, in no crate of the workspace, over however many steps: each can be read, and
//! moved, without the others.
//!
//! Imports are read from the sources: `use` and paths in the code. A re-export counts as the module that defines the
//! name, and a parent's `mod child;` as nothing. Tests beside the code are left out.

mod graph;
mod source;
mod tokens;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};

use graph::cycle;
use source::Sources;

/// The crates of the workspace: directories with a `src`.
fn packages() -> anyhow::Result<Vec<PathBuf>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .context("the tests lie in the workspace")?;
    let mut packages = vec![root.join("tests"), root.join("benches")];
    for entry in root.join("crates").read_dir()? {
        packages.push(entry?.path());
    }
    Ok(packages)
}

/// The files that a library or a program begins with.
fn roots(package: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let source = package.join("src");
    let mut roots = vec![source.join("lib.rs"), source.join("main.rs")];
    if let Ok(programs) = source.join("bin").read_dir() {
        for program in programs {
            let program = program?.path();
            roots.push(if program.is_dir() {
                program.join("main.rs")
            } else {
                program
            });
        }
    }
    roots.retain(|root| root.is_file());
    Ok(roots)
}

#[test]
fn no_modules_of_the_workspace_import_each_other() -> anyhow::Result<()> {
    let (mut found, mut modules) = (Vec::new(), 0);
    for package in packages()? {
        for root in roots(&package)? {
            let imports = Sources::read(&root, &|file| std::fs::read_to_string(file).ok())?.imports();
            modules += imports.len();
            found.extend(cycle(&imports).map(|cycle| format!("{}: {}", root.display(), cycle.join(" -> "))));
        }
    }
    ensure!(modules > 300, "{modules} modules were found");
    ensure!(found.is_empty(), "import cycles:\n{}", found.join("\n"));
    Ok(())
}

/// The cycle of a made-up crate.
fn cycle_of(files: &[(&str, &str)]) -> Option<Vec<String>> {
    let files: BTreeMap<_, _> = files.iter().map(|(name, text)| (PathBuf::from(name), *text)).collect();
    let read = |file: &Path| files.get(file).map(|text| (*text).to_owned());
    cycle(
        &Sources::read(Path::new("lib.rs"), &read)
            .expect("the made-up files are there")
            .imports(),
    )
}

#[test]
fn a_cycle_over_three_modules_is_found() {
    let found = cycle_of(&[
        ("lib.rs", "mod a;\nmod b;\npub mod c { }\nmod d;"),
        ("a.rs", "use crate::b::B;\npub struct A(B);"),
        ("b.rs", "pub mod inner;\npub struct B;\nfn f() { inner::go() }"),
        ("b/inner.rs", "pub fn go() { crate::d::help() }"),
        ("d.rs", "use super::a as first;\npub fn help() { first::A::new(); }"),
    ]);
    assert_eq!(found.unwrap(), ["a", "b", "b::inner", "d", "a"]);
}

#[test]
fn a_re_export_counts_as_the_module_that_defines_the_name() {
    let child = "use super::Shared;\npub struct Child(Shared);";
    let parent = |reexport: &str| format!("mod child;\n{reexport}\npub struct Shared;");
    let lib = "mod parent;\nmod user;";
    let user = "use crate::parent::Child;\nfn f(_: Child) {}";
    let files = |parent: String| {
        cycle_of(&[
            ("lib.rs", lib),
            ("parent.rs", &parent),
            ("parent/child.rs", child),
            ("user.rs", user),
        ])
    };
    assert_eq!(files(parent("pub use child::Child;")), None);
    assert_eq!(files(parent("pub use self::child::*;")), None);
    let used_itself = parent("pub use child::Child;\nfn make() -> Child { todo() }");
    assert_eq!(files(used_itself).unwrap(), ["parent", "parent::child", "parent"]);
}

#[test]
fn what_is_no_import_is_left_out() {
    let a = r##"
        //! use crate::b;
        /* use crate::b; /* nested */ */
        pub struct A;
        const TEXT: &str = "crate::b::B";
        const RAW: &str = r#"use crate::b::B;"#;
        const QUOTE: char = '"';
        fn lifetime<'a>(text: &'a str) -> &'a str { text }
        #[cfg(test)]
        mod tests { use crate::b::B; }
        #[cfg(test)]
        use crate::b::B;
    "##;
    assert_eq!(
        cycle_of(&[
            ("lib.rs", "mod a;\nmod b;"),
            ("a.rs", a),
            ("b.rs", "use crate::a::A;\npub struct B(A);")
        ]),
        None
    );
}
