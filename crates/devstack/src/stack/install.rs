//! Installs the packages of the servers, and of the browser of the tests, where they are missing.
//!
//! Root installs them with `apt-get`; their system services are neither started nor enabled. Everybody else gets them
//! downloaded and unpacked below `.dev/`, which needs no rights and changes nothing outside the checkout.

mod run;
mod system;
mod unpacked;

use std::path::Path;

use super::environment::Given;
use crate::servers::{
    APT_PACKAGES, BROWSER_PACKAGES, Programs, ServerError, TOOL_PACKAGES, faketime_library, is_root, name_of_tree,
    unpacked_browser_directory, unpacked_directory, unpacked_tools_directory,
};

/// Makes sure that the programs of both servers are there; `tell` hears what is done, in sentences for people.
///
/// # Errors
/// The packages cannot be had; the error says what an administrator would run.
pub fn install(tell: impl FnMut(&str)) -> Result<(), ServerError> {
    install_missing(&Given::default(), tell)
}

/// Like [`install`], but without the servers that the environment gives, which [`super::Stack::up`] uses instead.
///
/// # Errors
/// See [`install`].
pub fn install_unless_given(tell: impl FnMut(&str)) -> Result<(), ServerError> {
    install_missing(&Given::by_environment(), tell)
}

/// Makes sure that the browser of the tests is there, and its fonts; `tell` hears what is done.
///
/// # Errors
/// See [`install`].
pub fn install_browser(tell: impl FnMut(&str)) -> Result<(), ServerError> {
    if Programs::browser().is_ok() {
        return Ok(());
    }
    get(
        "Chromium for tests",
        &BROWSER_PACKAGES,
        &unpacked_browser_directory(),
        tell,
    )?;
    Programs::browser().map(drop)
}

/// Makes sure that what some tests need beside the servers is there; `tell` hears what is done.
///
/// # Errors
/// See [`install`].
pub fn install_tools(tell: impl FnMut(&str)) -> Result<(), ServerError> {
    let missing = || {
        Programs::pgbouncer()
            .map(drop)
            .and_then(|()| faketime_library().map(drop))
    };
    if missing().is_ok() {
        return Ok(());
    }
    get(
        "PgBouncer and libfaketime for tests",
        &TOOL_PACKAGES,
        &unpacked_tools_directory(),
        tell,
    )?;
    missing()
}

fn install_missing(given: &Given, tell: impl FnMut(&str)) -> Result<(), ServerError> {
    match missing(given) {
        None => return Ok(()),
        // Missing packages are not installed into another tree.
        Some(error) if name_of_tree().is_some() => return Err(error),
        Some(_) => {}
    }
    get("PostgreSQL and RabbitMQ", &APT_PACKAGES, &unpacked_directory(), tell)?;
    missing(given).map_or(Ok(()), Err)
}

/// Installs packages as root; unpacks them below `directory` as any other user.
fn get(what: &str, packages: &[&str], directory: &Path, mut tell: impl FnMut(&str)) -> Result<(), ServerError> {
    if is_root() {
        tell(&format!("Installing {what} with apt-get; this takes a minute or two."));
        system::install(packages)?;
        tell("Installed. No system service was started or enabled.");
    } else {
        let directory_name = directory.file_name().unwrap_or_default().display();
        tell(&format!(
            "Downloading {what} into .dev/{directory_name}; this takes a minute or two."
        ));
        unpacked::install(packages, directory)?;
    }
    Ok(())
}

/// Why the servers that are not given cannot be started yet, if they cannot.
fn missing(given: &Given) -> Option<ServerError> {
    let postgres = given.database_url.is_none().then(|| Programs::postgres().err());
    let rabbit = given.amqp_url.is_none().then(|| Programs::rabbit().err());
    postgres.flatten().or(rabbit.flatten())
}
