//! Finds the programs of servers and browser: installed by the system's packages, or unpacked below `.dev/packages/`.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::ServerError;
use super::account::Account;

/// The Debian packages the servers come from.
pub(crate) const APT_PACKAGES: [&str; 2] = ["postgresql", "rabbitmq-server"];
/// The Debian packages that tests in a browser need: Chromium without a desktop, and the fonts of the pages.
pub(crate) const BROWSER_PACKAGES: [&str; 3] = ["chromium-headless-shell", "fonts-inter", "fonts-dejavu-core"];
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

    /// The system's headless Chromium with its fonts, or failing that the unpacked ones.
    pub(crate) fn browser() -> Result<Self, ServerError> {
        let browser = |root: &Path| {
            let program = root.join("usr/lib/chromium/chromium-headless-shell");
            let fonts = ["truetype/dejavu", "opentype/inter"].map(|fonts| root.join("usr/share/fonts").join(fonts));
            (program.exists() && fonts.iter().all(|fonts| fonts.exists())).then(|| root.join("usr/lib/chromium"))
        };
        Self::find_in(&unpacked_browser_directory(), browser).ok_or(ServerError::NoBrowser)
    }

    fn find(directory_below: impl Fn(&Path) -> Option<PathBuf>) -> Option<Self> {
        Self::find_in(&unpacked_directory(), directory_below)
    }

    fn find_in(unpacked: &Path, directory_below: impl Fn(&Path) -> Option<PathBuf>) -> Option<Self> {
        let roots = [Some("/".into()), unpacked.join("data/root").canonicalize().ok()];
        roots.into_iter().flatten().find_map(|root| Some(Self { directory: directory_below(&root)?, root }))
    }

    /// `/`, or the tree that packages were unpacked to.
    pub(crate) fn root(&self) -> &Path {
        &self.root
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
