//! A headless Chromium for tests: where its programs are, and with which files it starts.
//!
//! It is driven over a pair of pipes instead of a port, so that no other process can reach it and it ends with its
//! owner, however that ends.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::servers::{Programs, ServerError, font_directories};

/// Gives Chromium the pipes where it looks for them: requests on descriptor 3, answers on 4.
const WITH_PIPES: &str = r#"exec "$@" 3<&0 4>&1 </dev/null >/dev/null"#;

/// A command that starts the browser with an empty profile in `profile`, and speaks the DevTools protocol on standard
/// input and output: JSON texts, each with a zero byte behind it.
///
/// # Errors
/// The browser is not installed, or the profile cannot be written.
pub fn command(profile: &Path) -> Result<Command, ServerError> {
    let (programs, program) = Programs::browser()?;
    let fonts = profile.join("fonts.conf");
    fs::write(&fonts, fonts_described(&font_directories(), profile)).map_err(|source| ServerError::File {
        path: fonts.clone(),
        source,
    })?;
    let mut command = programs.shell_command(WITH_PIPES, program);
    command
        .env("FONTCONFIG_FILE", fonts)
        .env("HOME", profile)
        .args(["--headless", "--remote-debugging-pipe"])
        .arg(format!("--user-data-dir={}", profile.display()))
        .args([
            "--no-first-run",
            "--no-proxy-server",
            "--disable-background-networking",
            "--disable-component-update",
        ])
        // A container's shared memory is small; screenshots must not depend on the machine's graphics.
        .args([
            "--disable-dev-shm-usage",
            "--disable-gpu",
            "--font-render-hinting=none",
            "--hide-scrollbars",
        ])
        // Chromium's own sandbox runs neither as root nor in most containers. It visits our pages only.
        .arg("--no-sandbox");
    Ok(command)
}

/// The same fonts on every machine, so that layouts and screenshots are the same, too.
fn fonts_described(directories: &[PathBuf], profile: &Path) -> String {
    let directories: String = directories
        .iter()
        .map(|fonts| format!("<dir>{}</dir>\n", fonts.display()))
        .collect();
    let alias = |(family, font): (&str, &str)| {
        format!("<alias binding=\"same\"><family>{family}</family><prefer><family>{font}</family></prefer></alias>\n")
    };
    let aliases = [
        ("system-ui", "Inter"),
        ("sans-serif", "Inter"),
        ("monospace", "DejaVu Sans Mono"),
    ];
    let aliases: String = aliases.into_iter().map(alias).collect();
    let cache = profile.join("fonts");
    let cache = cache.display();
    format!(
        "<?xml version=\"1.0\"?>\n<fontconfig>\n{directories}<cachedir>{cache}</cachedir>\n{aliases}</fontconfig>\n"
    )
}
