//! Settings from the environment that a process really has.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use runtime::{Program, Settings, exit};

use crate::child::Child;

pub const REQUIRED: [(&str, &str); 3] = [
    ("WEBHOOKS_AMQP__URL", "amqp://localhost"),
    ("WEBHOOKS_DATABASE__URL", "postgres://localhost"),
    ("WEBHOOKS_SECRETS__KEY", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="),
];

#[test]
#[ignore = "a child of the tests below"]
fn load() {
    match Settings::load(Program::Sender, None) {
        Ok(settings) => println!("concurrency is {}", settings.sender.concurrency),
        Err(error) => {
            println!("{error}");
            std::process::exit(exit::code(&error.into()).into());
        }
    }
}

#[tokio::test]
async fn the_processs_environment_is_read() {
    let variables = [&REQUIRED[..], &[("WEBHOOKS_SENDER__CONCURRENCY", "17")]].concat();
    let mut child = Child::start("settings::load", &variables);
    child.line_with("concurrency is 17").await;
    assert!(child.end().await.success());
}

#[tokio::test]
async fn a_variable_that_is_not_utf_8_is_wrong_use() {
    let variables = [
        ("WEBHOOKS_AMQP__URL", OsStr::from_bytes(b"amqp://\xff")),
        ("OTHER", OsStr::from_bytes(b"\xff")),
    ];
    let mut child = Child::start("settings::load", &variables);
    let problem = child.line_with("UTF-8").await;
    assert_eq!(problem.trim(), "WEBHOOKS_AMQP__URL is not valid UTF-8");
    assert_eq!(child.end().await.code(), Some(2));
}
