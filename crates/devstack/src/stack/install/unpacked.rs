//! Unpacking the packages into a directory, for a user who may not install them.
//!
//! `apt-get` works with package lists and a cache of its own, decides which packages this system lacks, downloads and
//! verifies them; `dpkg-deb` unpacks them. PostgreSQL finds its files relative to its programs; Erlang is told its root.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::run::run;
use crate::servers::{ServerError, open_plain_directory};

pub(super) fn install(packages: &[&str], directory: &Path) -> Result<(), ServerError> {
    let directory = open_plain_directory(directory)?;
    download(packages, &directory)?;
    let draft = directory.join("root.new");
    let _ = fs::remove_dir_all(&draft);
    for package in downloaded(&directory) {
        run(Command::new("dpkg-deb").arg("--extract").arg(package).arg(&draft))?;
    }
    let root = directory.join("root");
    let finish = || {
        write_erl(&draft, &root)?;
        let _ = fs::remove_dir_all(&root);
        fs::rename(&draft, &root)?;
        fs::remove_dir_all(directory.join("lists"))?;
        fs::remove_dir_all(directory.join("cache"))
    };
    finish().map_err(|source| ServerError::File {
        path: root.clone(),
        source,
    })
}

fn download(packages: &[&str], directory: &Path) -> Result<(), ServerError> {
    for needed in ["lists/partial", "cache/archives/partial"] {
        let path = directory.join(needed);
        fs::create_dir_all(&path).map_err(|source| ServerError::File { path, source })?;
    }
    let apt_get = || {
        let mut command = Command::new("apt-get");
        for (option, value) in [("Dir::State::Lists", "lists"), ("Dir::Cache", "cache")] {
            command
                .arg("-o")
                .arg(format!("{option}={}", directory.join(value).display()));
        }
        // The locks are in directories that only root may write to, and guard an installation that does not happen here.
        command.args(["-o", "Debug::NoLocking=true", "--quiet"]);
        command
    };
    run(apt_get().arg("update"))?;
    run(apt_get()
        .args(["install", "--download-only", "--yes", "--no-install-recommends"])
        .args(packages))
}

fn downloaded(directory: &Path) -> Vec<PathBuf> {
    let archives = fs::read_dir(directory.join("cache/archives")).into_iter().flatten();
    let files = archives.filter_map(|entry| Some(entry.ok()?.path()));
    files
        .filter(|path| path.extension().is_some_and(|extension| extension == "deb"))
        .collect()
}

/// Replaces both copies of the `erl` command, whose Debian version has its root written into it. Without an Erlang among
/// the packages that of the system is used.
fn write_erl(draft: &Path, root: &Path) -> io::Result<()> {
    const ERLANG: &str = "usr/lib/erlang";
    let Some(runtime) = erlang_runtime(&draft.join(ERLANG)) else {
        return Ok(());
    };
    let script = format!(
        "#!/bin/sh\nexport ROOTDIR='{root}' BINDIR='{root}/{runtime}/bin' EMU=beam PROGNAME=erl\nexec \"$BINDIR/erlexec\" \"$@\"\n",
        root = root.join(ERLANG).display()
    );
    for programs in ["bin", &format!("{runtime}/bin")] {
        let erl = draft.join(ERLANG).join(programs).join("erl");
        fs::write(&erl, &script)?;
        fs::set_permissions(&erl, fs::Permissions::from_mode(0o755))?;
    }
    Ok(())
}

/// `erts-<version>`, when the packages contain it.
fn erlang_runtime(erlang: &Path) -> Option<String> {
    let entries = fs::read_dir(erlang).ok()?;
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names.into_iter().find(|name| name.starts_with("erts-"))
}
