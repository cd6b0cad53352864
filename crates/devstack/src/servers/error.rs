//! What can go wrong with a private server.

use std::path::{Path, PathBuf};

use super::system::{BROWSER_PACKAGES, INSTALL_COMMAND};
use crate::http::HttpError;
use crate::wait::TimedOut;

/// Why a private server could not be started, queried or stopped.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// A file or directory of the server could not be used.
    #[error("cannot use {}", path.display())]
    File {
        /// What was to be read or written.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The server's programs are nowhere on this machine.
    #[error(
        "{what} is not installed; `make dev` or `make test` installs it, or ask an administrator to run: {INSTALL_COMMAND}"
    )]
    NotInstalled {
        /// `PostgreSQL` or `RabbitMQ`.
        what: &'static str,
    },
    /// The tree that the servers shall come from cannot be used.
    #[error(
        "the servers of {} cannot be used: {reason} (tests/newer-servers makes such a tree, as root)",
        directory.display()
    )]
    Tree {
        /// The tree.
        directory: PathBuf,
        /// Why not.
        reason: &'static str,
    },
    /// The tree lacks a server.
    #[error("there is no {what} in {}; tests/newer-servers makes a tree that has it", directory.display())]
    NotInTree {
        /// `PostgreSQL` or `RabbitMQ`.
        what: &'static str,
        /// The tree.
        directory: PathBuf,
    },
    /// The browser, or one of its fonts, is nowhere on this machine.
    #[error(
        "the browser of the tests is not installed; `make test` installs it, or ask an administrator to run: apt-get \
         install -y --no-install-recommends {} (on Ubuntu: Google Chrome and the fonts)",
        BROWSER_PACKAGES.join(" ")
    )]
    NoBrowser,
    /// A program of the server could not be run, or failed.
    #[error("{program} failed: {detail}")]
    Program {
        /// The program's name.
        program: String,
        /// Its last words.
        detail: String,
    },
    /// The server ended while it was starting, or did not answer in time.
    #[error("{name} did not start: {reason}; {} ends with\n{end}", log.display())]
    Start {
        /// Which server.
        name: &'static str,
        /// What was seen.
        reason: String,
        /// Its log.
        log: PathBuf,
        /// The end of that.
        end: String,
    },
    /// Processes of the server outlived SIGKILL.
    #[error("processes of {} are still there", directory.display())]
    Survived {
        /// The server's directory.
        directory: PathBuf,
    },
    /// The ports that the server must keep belong to another program.
    #[error("port {0} of a private server has been taken by another program")]
    PortTaken(u16),
    /// The database refused a connection or a statement.
    #[error("the database refused")]
    Database(#[from] tokio_postgres::Error),
    /// The broker refused a connection or a command.
    #[error("the broker refused")]
    Broker(#[from] lapin::Error),
    /// The management interface could not be reached.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// The management interface answered, but not as it should.
    #[error("the management interface answered {status} to {request}: {body}")]
    Management {
        /// Method and path.
        request: String,
        /// The status code.
        status: u16,
        /// The answer's body.
        body: String,
    },
    /// The nodes of a cluster are not all as they should be.
    #[error("waited in vain for {what}: {lacking}")]
    Cluster {
        /// What they should be.
        what: &'static str,
        /// What is lacking.
        lacking: String,
    },
    /// A condition did not come true in time.
    #[error(transparent)]
    TimedOut(#[from] TimedOut),
    /// An address given by the environment cannot be understood.
    #[error("{variable} is not a usable address: {reason}")]
    Address {
        /// The variable or setting.
        variable: &'static str,
        /// What is wrong with it.
        reason: String,
    },
}

/// Names the path in an I/O error, which the error alone does not.
pub(crate) trait AtPath<T> {
    /// Attaches `path`.
    fn at(self, path: &Path) -> Result<T, ServerError>;
}

impl<T> AtPath<T> for std::io::Result<T> {
    fn at(self, path: &Path) -> Result<T, ServerError> {
        self.map_err(|source| ServerError::File {
            path: path.to_owned(),
            source,
        })
    }
}
