//! Finds the programs of servers and browser: installed by the system's packages, or unpacked below `.dev/packages/`.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::ServerError;
use super::account::Account;

/// The Debian packages the servers come from.
pub(crate) const APT_PACKAGES: [&str; 2] = ["postgresql", "rabbitmq-server"];
/// The Debian packages that tests in a browser need: a browser, and the fonts of the pages.
pub(crate) const BROWSER_PACKAGES: [&str; 3] = ["chromium-headless-shell", "fonts-inter", "fonts-dejavu-core"];
/// What can be used as the browser: the first one is Chromium without anything of a desktop. The last is for Ubuntu, where
/// Chromium is no package.
const BROWSERS: [(&str, &str); 3] = [
    ("usr/lib/chromium", "chromium-headless-shell"),
    ("usr/lib/chromium", "chromium"),
    ("opt/google/chrome", "chrome"),
];
/// What the fonts' packages bring, below a directory of fonts.
const FONTS: [&str; 2] = ["opentype/inter", "truetype/dejavu/DejaVuSansMono.ttf"];
/// What an administrator would run; names [`APT_PACKAGES`].
pub(super) const INSTALL_COMMAND: &str = "apt-get install -y --no-install-recommends postgresql rabbitmq-server";
/// Where programs of the system are; a server's environment has nothing else from its caller.
pub(super) const SYSTEM_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The programs of one server, or of the browser.
#[derive(Debug, Clone)]
pub(crate) struct Programs {
    /// `/`, or the tree that packages were unpacked to.
    root: PathBuf,
    directory: PathBuf,
}

impl Programs {
    /// The system's PostgreSQL, or failing that the unpacked one.
    pub(crate) fn postgres() -> Result<Self, ServerError> {
        Self::find(newest_postgres).ok_or(ServerError::NotInstalled { what: "PostgreSQL" })
    }

    /// The system's RabbitMQ, or failing that the unpacked one.
    pub(crate) fn rabbit() -> Result<Self, ServerError> {
        // Not /usr/sbin/rabbitmq-server: that is a wrapper which switches to the system's own node.
        let rabbit = |root: &Path| Some(root.join("usr/lib/rabbitmq/bin")).filter(|at| at.join("rabbitmqctl").exists());
        Self::find(rabbit).ok_or(ServerError::NotInstalled { what: "RabbitMQ" })
    }

    /// The system's browser, or failing that the unpacked one; and the program's name.
    pub(crate) fn browser() -> Result<(Self, &'static str), ServerError> {
        let unpacked = unpacked_browser_directory();
        let has_fonts = FONTS.iter().all(|font| font_directories().iter().any(|fonts| fonts.join(font).exists()));
        let found = BROWSERS.into_iter().find_map(|(directory, program)| {
            let below = |root: &Path| Some(root.join(directory)).filter(|directory| directory.join(program).exists());
            Some((Self::find_in(&unpacked, below)?, program))
        });
        found.filter(|_| has_fonts).ok_or(ServerError::NoBrowser)
    }

    fn find(directory_below: impl Fn(&Path) -> Option<PathBuf>) -> Option<Self> {
        Self::find_in(&unpacked_directory(), directory_below)
    }

    fn find_in(unpacked: &Path, directory_below: impl Fn(&Path) -> Option<PathBuf>) -> Option<Self> {
        roots(unpacked).find_map(|root| Some(Self { directory: directory_below(&root)?, root }))
    }

    /// A program, to be run as `account` in an environment of its own.
    pub(super) fn command(&self, account: Account, program: &str) -> Command {
        let mut command = account.command(self.directory.join(program));
        self.lead_to_root(&mut command);
        command
    }

    /// A program, to be run as the caller by a script of the shell, which finds it in `"$@"`.
    pub(crate) fn shell_command(&self, script: &str, program: &str) -> Command {
        let mut command = Account::Caller.command("sh");
        command.args(["-c", script, "sh"]).arg(self.directory.join(program));
        self.lead_to_root(&mut command);
        command
    }

    /// Lets a program find what was unpacked with it.
    fn lead_to_root(&self, command: &mut Command) {
        if self.root != Path::new("/") {
            let in_root = |path: &str| self.root.join(path);
            let architecture = format!("{}-linux-gnu", std::env::consts::ARCH);
            // Some packages still name /lib, which an installed system merges into /usr/lib.
            let libraries = ["usr/lib", "lib"].map(|path| in_root(path).join(&architecture));
            command
                .env("PATH", joined(&[in_root("usr/bin"), SYSTEM_PATH.into()]))
                .env("LD_LIBRARY_PATH", joined(&libraries))
                // Erlang's libraries, when part of them belongs to a system that lacks the others.
                .env("ERL_LIBS", in_root("usr/lib/erlang/lib"));
        }
    }
}

/// The system, and the tree that packages were unpacked to.
fn roots(unpacked: &Path) -> impl Iterator<Item = PathBuf> {
    [Some("/".into()), unpacked.join("data/root").canonicalize().ok()].into_iter().flatten()
}

/// Where fonts for the browser are; one of them may be the system's and another unpacked.
pub(crate) fn font_directories() -> Vec<PathBuf> {
    roots(&unpacked_browser_directory()).map(|root| root.join("usr/share/fonts")).collect()
}

/// Where packages are unpacked for a user who may not install them.
pub(crate) fn unpacked_directory() -> PathBuf {
    crate::checkout::dev_directory().join("packages")
}

/// The same for what tests in a browser need: whoever only runs the demo does not download it.
pub(crate) fn unpacked_browser_directory() -> PathBuf {
    crate::checkout::dev_directory().join("browser")
}

/// Debian allows several major versions beside each other.
fn newest_postgres(root: &Path) -> Option<PathBuf> {
    let versions = fs::read_dir(root.join("usr/lib/postgresql")).ok()?;
    let directories = versions.filter_map(|version| Some(version.ok()?.path()));
    let usable = directories.filter(|directory| directory.join("bin/initdb").exists());
    let version = |directory: &PathBuf| directory.file_name()?.to_str()?.parse::<u32>().ok();
    Some(usable.max_by_key(version)?.join("bin"))
}

/// A search path: these directories, in this order.
fn joined(directories: &[PathBuf]) -> OsString {
    directories.iter().map(|directory| directory.as_os_str()).collect::<Vec<_>>().join(OsStr::new(":"))
}
