//! Settings from the environment that a process really has. It is this test program again, running one test that is
//! ignored otherwise.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::process::{Command, Output};

use runtime::{Program, exit};
use settings::Settings;

const REQUIRED: [(&str, &str); 3] = [
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

fn load_with<V: AsRef<OsStr>>(variables: &[(&str, V)]) -> Output {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "environment::load", "--ignored", "--nocapture"])
        .envs(variables.iter().map(|(name, value)| (name, value)))
        .output()
        .unwrap()
}

#[test]
fn the_processs_environment_is_read() {
    let loaded = load_with(&[&REQUIRED[..], &[("WEBHOOKS_SENDER__CONCURRENCY", "17")]].concat());
    let printed = String::from_utf8(loaded.stdout).unwrap();
    assert!(printed.contains("concurrency is 17"), "{printed}");
    assert!(loaded.status.success());
}

#[test]
fn a_variable_that_is_not_utf_8_is_wrong_use() {
    let loaded = load_with(&[
        ("WEBHOOKS_AMQP__URL", OsStr::from_bytes(b"amqp://\xff")),
        ("OTHER", OsStr::from_bytes(b"\xff")),
    ]);
    let printed = String::from_utf8(loaded.stdout).unwrap();
    let problem = printed.lines().find(|line| line.contains("UTF-8"));
    assert_eq!(problem.map(str::trim), Some("WEBHOOKS_AMQP__URL is not valid UTF-8"));
    assert_eq!(loaded.status.code(), Some(2));
}
