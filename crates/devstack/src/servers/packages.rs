//! Finds the programs of servers and browser: installed by the system's packages, unpacked below `.dev/packages/`, or in a
//! tree that the environment names.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::ServerError;
use super::account::Account;
use super::system::SYSTEM_PATH;
use super::tree::Tree;

/// The Debian packages that some tests need beside the servers: a pooler to stand before the database, and a clock that is
/// wrong.
pub(crate) const TOOL_PACKAGES: [&str; 2] = ["pgbouncer", "faketime"];
/// Where the library of the second is, below `/usr/lib/<architecture>`.
const FAKETIME: &str = "faketime/libfaketimeMT.so.1";
/// What can be used as the browser: the first one is Chromium without anything of a desktop. The last is for Ubuntu, where
/// Chromium is no package.
const BROWSERS: [(&str, &str); 3] = [
    ("usr/lib/chromium", "chromium-headless-shell"),
    ("usr/lib/chromium", "chromium"),
    ("opt/google/chrome", "chrome"),
];
/// The font files of the packages, below a directory of fonts.
const FONTS: [&str; 2] = ["opentype/inter", "truetype/dejavu/DejaVuSansMono.ttf"];

/// The programs of one server, or of the browser.
#[derive(Debug, Clone)]
pub(crate) struct Programs {
    /// `/`, or the tree that packages were unpacked to.
    root: PathBuf,
    directory: PathBuf,
    /// The tree that is their root directory, unless that is this machine's own.
    tree: Option<Tree>,
}

impl Programs {
    /// The PostgreSQL of the tree that is named, else the system's, or failing that the unpacked one.
    pub(crate) fn postgres() -> Result<Self, ServerError> {
        Self::find("PostgreSQL", newest_postgres)
    }

    /// The RabbitMQ of the tree that is named, else the system's, or failing that the unpacked one.
    pub(crate) fn rabbit() -> Result<Self, ServerError> {
        // Not /usr/sbin/rabbitmq-server: that is a wrapper which switches to the system's own node.
        Self::find("RabbitMQ", |root| {
            Some(root.join("usr/lib/rabbitmq/bin")).filter(|at| at.join("rabbitmqctl").exists())
        })
    }

    /// Erlang's port mapper, `epmd`, of the same place.
    pub(super) fn port_mapper() -> Result<Self, ServerError> {
        Self::find("RabbitMQ", |root| {
            Some(root.join("usr/bin")).filter(|at| at.join("epmd").exists())
        })
    }

    /// The system's PgBouncer, or failing that the unpacked one.
    pub(crate) fn pgbouncer() -> Result<Self, ServerError> {
        let below = |root: &Path| Some(root.join("usr/sbin")).filter(|at| at.join("pgbouncer").exists());
        Self::find_in(&unpacked_tools_directory(), below).ok_or(ServerError::NotInstalled { what: "PgBouncer" })
    }

    /// The system's browser, or failing that the unpacked one; and the program's name.
    pub(crate) fn browser() -> Result<(Self, &'static str), ServerError> {
        let unpacked = unpacked_browser_directory();
        let has_fonts = FONTS
            .iter()
            .all(|font| font_directories().iter().any(|fonts| fonts.join(font).exists()));
        let found = BROWSERS.into_iter().find_map(|(directory, program)| {
            let below = |root: &Path| Some(root.join(directory)).filter(|directory| directory.join(program).exists());
            Some((Self::find_in(&unpacked, below)?, program))
        });
        found.filter(|_| has_fonts).ok_or(ServerError::NoBrowser)
    }

    fn find(what: &'static str, directory_below: impl Fn(&Path) -> Option<PathBuf>) -> Result<Self, ServerError> {
        let Some(tree) = Tree::named()? else {
            return Self::find_in(&unpacked_directory(), directory_below).ok_or(ServerError::NotInstalled { what });
        };
        let lacking = || ServerError::NotInTree {
            what,
            directory: tree.directory().to_owned(),
        };
        let directory = directory_below(tree.directory()).ok_or_else(lacking)?;
        Ok(Self {
            root: tree.directory().to_owned(),
            directory,
            tree: Some(tree),
        })
    }

    fn find_in(unpacked: &Path, directory_below: impl Fn(&Path) -> Option<PathBuf>) -> Option<Self> {
        roots(unpacked).find_map(|root| {
            Some(Self {
                directory: directory_below(&root)?,
                root,
                tree: None,
            })
        })
    }

    /// Who runs those that do not run as root.
    pub(super) fn unprivileged_account(&self) -> Result<Account, ServerError> {
        Account::unprivileged(self.tree.as_ref().map_or(Path::new("/"), Tree::directory))
    }

    /// A program, to be run as `account` in an environment of its own.
    pub(super) fn command(&self, account: Account, program: &str) -> Command {
        if let Some(tree) = &self.tree {
            let within = self
                .directory
                .strip_prefix(&self.root)
                .expect("the programs lie in their tree");
            return tree.command(account, &Path::new("/").join(within).join(program));
        }
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

    /// Lets a program find the files that were unpacked with it.
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
    [Some("/".into()), unpacked.join("data/root").canonicalize().ok()]
        .into_iter()
        .flatten()
}

/// Where fonts for the browser are; one of them may be the system's and another unpacked.
pub(crate) fn font_directories() -> Vec<PathBuf> {
    roots(&unpacked_browser_directory())
        .map(|root| root.join("usr/share/fonts"))
        .collect()
}

/// Where packages are unpacked for a user who may not install them.
pub(crate) fn unpacked_directory() -> PathBuf {
    crate::checkout::dev_directory().join("packages")
}

/// The same for browser tests: the demo alone does not download it.
pub(crate) fn unpacked_browser_directory() -> PathBuf {
    crate::checkout::dev_directory().join("browser")
}

/// The same for what some tests need beside the servers.
pub(crate) fn unpacked_tools_directory() -> PathBuf {
    crate::checkout::dev_directory().join("tools-packages")
}

/// The library that, preloaded, makes a program's clock wrong (libfaketime).
///
/// # Errors
/// It is not installed.
pub fn faketime_library() -> Result<PathBuf, ServerError> {
    let library = format!("usr/lib/{}-linux-gnu/{FAKETIME}", std::env::consts::ARCH);
    let found = roots(&unpacked_tools_directory())
        .map(|root| root.join(&library))
        .find(|path| path.exists());
    found.ok_or(ServerError::NotInstalled { what: "libfaketime" })
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
    directories
        .iter()
        .map(|directory| directory.as_os_str())
        .collect::<Vec<_>>()
        .join(OsStr::new(":"))
}
