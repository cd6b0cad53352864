//! Where this checkout keeps everything it starts: `.dev/` beside `Cargo.toml`.

use std::path::{Path, PathBuf};

/// `.dev/` of the checkout this program was built from. Git ignores it; removing it after `make stop` leaves no trace.
pub fn dev_directory() -> PathBuf {
    let crate_directory = Path::new(env!("CARGO_MANIFEST_DIR"));
    let checkout = crate_directory
        .ancestors()
        .nth(2)
        .expect("this crate lies two levels below the workspace");
    checkout.join(".dev")
}
