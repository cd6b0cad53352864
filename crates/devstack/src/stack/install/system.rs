//! Installing with `apt-get`, as root.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use super::run::run;
use crate::servers::ServerError;

/// What `invoke-rc.d` and `deb-systemd-invoke` ask before a package's script may start a service: 101 forbids
/// (invoke-rc.d(8), "policy-rc.d").
const POLICY: &str = "/usr/sbin/policy-rc.d";
/// Services that the packages would start at the next boot.
const SERVICES: [&str; 3] = ["postgresql", "rabbitmq-server", "pgbouncer"];

pub(super) fn install(packages: &[&str]) -> Result<(), ServerError> {
    let brought: Vec<&str> = SERVICES.into_iter().filter(|service| !is_known(service)).collect();
    let policy = NoStart::begin();
    // A list that cannot be fetched need not be one that is needed: the installation itself decides.
    let updated = run(apt_get().args(["--quiet", "update"]));
    let mut install = apt_get();
    install
        .args(["--quiet", "--yes", "--no-install-recommends", "install"])
        .args(packages);
    run(&mut install).map_err(|error| updated.err().unwrap_or(error))?;
    drop(policy);
    brought.into_iter().for_each(disable);
    Ok(())
}

fn apt_get() -> Command {
    let mut command = Command::new("apt-get");
    // Another installation may be in progress, for example the unattended one after a boot.
    command
        .args(["-o", "DPkg::Lock::Timeout=300"])
        .env("DEBIAN_FRONTEND", "noninteractive");
    command
}

/// Whether the service existed before; then its state must not be changed.
fn is_known(service: &str) -> bool {
    Path::new("/etc/init.d").join(service).exists()
}

/// The private servers need no system service, and it would hold ports and memory. Not every system has `systemctl`;
/// without it nothing starts services at boot, as in a container.
fn disable(service: &str) {
    let _ = Command::new("systemctl")
        .args(["--quiet", "disable", "--now", service])
        .output();
}

/// While it lives no package starts a service; a policy of the system's own stays as it is.
struct NoStart {
    is_ours: bool,
}

impl NoStart {
    fn begin() -> Self {
        let is_ours = !Path::new(POLICY).exists();
        if is_ours {
            // It allows everything again when this process is gone, however that came about.
            let own = std::process::id();
            let script = format!(
                "#!/bin/sh\n# In force while the installation by process {own} runs; safe to remove afterwards.\n\
                 [ -d /proc/{own} ] && exit 101\nexit 0\n"
            );
            // Without it a service may start; it is stopped when it is disabled.
            let _ = fs::write(POLICY, script);
            let _ = fs::set_permissions(POLICY, fs::Permissions::from_mode(0o755));
        }
        Self { is_ours }
    }
}

impl Drop for NoStart {
    fn drop(&mut self) {
        if self.is_ours {
            let _ = fs::remove_file(POLICY);
        }
    }
}
