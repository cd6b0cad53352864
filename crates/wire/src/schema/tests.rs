//! A shipped schema never changes incompatibly: old and new processes share the queues during every upgrade.

use std::collections::BTreeSet;
use std::path::Path;

fn root() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../proto-schemas")
}

/// Every field and enum value as one line: the parts that an older reader relies on.
fn current() -> BTreeSet<String> {
    let files =
        ["delivery_job", "notification", "test_request"].map(|name| format!("easycrm/webhooks/v1/{name}.proto"));
    let set = protox::compile(files, [root()]).unwrap();
    let mut lines = BTreeSet::new();
    for file in &set.file {
        for message in &file.message_type {
            for field in &message.field {
                let label = field.label().as_str_name();
                let kind = field.r#type().as_str_name();
                let type_name = field.type_name.as_deref().unwrap_or(kind);
                let number = field.number();
                let name = field.name();
                lines.insert(format!(
                    "{}.{} {number} {name} {label} {type_name}",
                    file.package(),
                    message.name()
                ));
            }
        }
        for enumeration in &file.enum_type {
            for value in &enumeration.value {
                lines.insert(format!(
                    "{}.{} {} {}",
                    file.package(),
                    enumeration.name(),
                    value.number(),
                    value.name()
                ));
            }
        }
    }
    lines
}

#[test]
fn shipped_fields_stay_as_they_are() {
    let text = std::fs::read_to_string(root().join("shipped.txt")).unwrap();
    let shipped: BTreeSet<String> = text
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .map(str::to_owned)
        .collect();
    let current = current();
    let broken: Vec<_> = shipped.difference(&current).collect();
    assert!(broken.is_empty(), "these shipped fields changed or went: {broken:#?}");
    let unrecorded: Vec<_> = current.difference(&shipped).collect();
    assert!(
        unrecorded.is_empty(),
        "add these new fields to proto-schemas/shipped.txt: {unrecorded:#?}"
    );
}
