//! Private PostgreSQL and RabbitMQ servers, run as child processes from the distribution's packages.
//!
//! Every server listens on the loopback only, on free ports below the ephemeral range, with its own password, data
//! directory and log, and never touches a system service. What a server started is recognised by a mark that all its
//! processes carry ([`process`]), so nothing else is ever signalled. Unless it is meant to stand until it is stopped, a
//! server dies with its owner, even when the owner is killed ([`lifetime`]).

mod account;
mod cluster;
mod database;
mod error;
mod instance;
mod lifetime;
mod management;
mod packages;
mod pgbouncer;
mod ports;
mod postgres;
mod process;
mod rabbit;
mod rabbit_files;
mod record;
mod storage;
mod system;
mod tree;
mod vhost;

pub use cluster::PrivateCluster;
pub use database::execute;
pub use error::ServerError;
pub use instance::Instance;
pub use lifetime::Lifetime;
pub use packages::faketime_library;
pub use pgbouncer::{PoolMode, PrivatePgbouncer};
pub use ports::free_ports;
pub use postgres::{Durability, PrivatePostgres};
pub use rabbit::{Alarm, PrivateRabbit};
pub use vhost::Vhost;

pub(crate) use account::is_root;
pub(crate) use database::create_database;
pub(crate) use lifetime::open_lock;
pub(crate) use management::Management;
pub(crate) use packages::{
    Programs, TOOL_PACKAGES, font_directories, unpacked_browser_directory, unpacked_directory, unpacked_tools_directory,
};
pub(crate) use ports::random_bytes;
pub(crate) use process::Family;
pub(crate) use record::write_private;
pub(crate) use storage::{create_directory, open_plain_directory};
pub(crate) use system::{APT_PACKAGES, BROWSER_PACKAGES};
pub(crate) use tree::name_of_tree;
