//! Compiles `proto-schemas/` in Rust alone (protox), so that a build needs no `protoc`.

use std::path::Path;

const SCHEMAS: [&str; 4] = [
    "easycrm/webhooks/v1/delivery_job.proto",
    "easycrm/webhooks/v1/notification.proto",
    "easycrm/webhooks/v1/test_request.proto",
    "io/cloudevents/v1/cloudevents.proto",
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../proto-schemas");
    println!("cargo::rerun-if-changed={}", root.display());
    let descriptors = protox::compile(SCHEMAS, [&root])?;
    prost_build::Config::new()
        // Payloads are slices of the received frame, not copies.
        .bytes([".easycrm"])
        .compile_fds(descriptors)?;
    Ok(())
}
