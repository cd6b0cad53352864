//! What is expected of a Debian system.

/// The Debian packages the servers come from.
pub(crate) const APT_PACKAGES: [&str; 2] = ["postgresql", "rabbitmq-server"];
/// The Debian packages that tests in a browser need: a browser, and the fonts of the pages.
pub(crate) const BROWSER_PACKAGES: [&str; 3] = ["chromium-headless-shell", "fonts-inter", "fonts-dejavu-core"];
/// What an administrator would run; names [`APT_PACKAGES`].
pub(super) const INSTALL_COMMAND: &str =
    "apt-get install -y --no-install-recommends postgresql rabbitmq-server pgbouncer faketime";
/// Where programs of the system are; a server's environment has nothing else from its caller.
pub(super) const SYSTEM_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
