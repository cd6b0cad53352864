//! Both servers together: up twice, found by others, down, and two checkouts beside each other.

use std::fs;
use std::path::Path;
use std::process::Command;

use devstack::servers::{Durability, Lifetime};
use devstack::stack::{self, Stack};

async fn up(directory: &Path) -> Stack {
    Stack::up_private(directory, Lifetime::Owner, Durability::ProcessDeath)
        .await
        .unwrap()
}

/// The variables of a shell after sourcing `<directory>/env`.
fn sourced(directory: &Path, variable: &str) -> String {
    let script = format!(". \"$1\"; printf %s \"${variable}\"");
    let output = Command::new("sh")
        .args(["-euc", &script, "sh"])
        .arg(directory.join("env"))
        .output()
        .unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn a_stack_comes_up_once_and_goes_down_for_good() {
    let root = tempfile::tempdir().unwrap();
    let (here, there) = (
        root.path().join("a checkout/.dev"),
        root.path().join("b [checkout]/.dev"),
    );
    let (first, other) = tokio::join!(up(&here), up(&there));
    assert_ne!(first.amqp_url(), other.amqp_url());
    assert_eq!(stack::status(&here).map(|(_, running)| running), [true, true]);
    assert_eq!(sourced(&here, "WEBHOOKS_AMQP__URL"), first.amqp_url());
    assert_eq!(sourced(&here, "WEBHOOKS_DATABASE__URL"), first.database_url());
    assert_eq!(sourced(&here, "WEBHOOKS_SECRETS__KEY"), first.secrets_key());

    let second = up(&here).await;
    assert_eq!(
        (second.amqp_url(), second.database_url()),
        (first.amqp_url(), first.database_url())
    );
    // It found the servers running, so it does not take them along.
    drop(second);
    first.create_database().await.unwrap();
    first.create_vhost().await.unwrap();

    stack::down(&here).unwrap();
    assert_eq!(stack::status(&here).map(|(_, running)| running), [false, false]);
    other.create_database().await.unwrap();
    drop(other);
    assert_eq!(stack::status(&there).map(|(_, running)| running), [false, false]);
    remove_data(&here);
    remove_data(&there);
}

/// Removes the files that a stack keeps outside its directory when its path does not suit the servers.
fn remove_data(directory: &Path) {
    for server in ["postgres", "rabbitmq"] {
        fs::remove_dir_all(directory.join(server).join("data").canonicalize().unwrap()).unwrap();
    }
}
