//! Whatever ends the owner of a process, nothing is left behind.

use std::fs;
use std::path::Path;

use devstack::service::Service;
use devstack::wait;

use crate::DEADLINE;

/// A program that ends on SIGTERM with status 7, and has a child that left its process group.
const PROGRAM: &str = "trap 'exit 7' TERM; setsid sleep 1000 & echo started $MEANING; while :; do sleep 0.05; done";

fn start() -> Service {
    let environment = [("MEANING", "42"), ("PATH", "/usr/bin:/bin")].map(|(name, value)| (name.into(), value.into()));
    Service::start("service", Path::new("/bin/sh"), &["-c", PROGRAM], &environment).unwrap()
}

async fn wait_started(service: &Service, times: usize) {
    let started = async || service.log().matches("started 42").count() == times;
    wait::until(DEADLINE, "the program to start", started).await.unwrap();
}

fn is_alive(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

#[tokio::test]
async fn stopping_is_asking_and_gives_the_status() {
    let mut service = start();
    wait_started(&service, 1).await;
    assert_eq!(service.exit_status(), None);
    assert_eq!(service.stop().await.unwrap().code(), Some(7));
}

#[tokio::test]
async fn killed_it_starts_again() {
    let mut service = start();
    wait_started(&service, 1).await;
    let pid = service.pid().unwrap();
    service.kill_nine().unwrap();
    assert!(!is_alive(pid));
    service.start_again().unwrap();
    wait_started(&service, 2).await;
}

#[tokio::test]
async fn dropped_it_takes_children_and_files_along() {
    let service = start();
    wait_started(&service, 1).await;
    let (pid, directory) = (service.pid().unwrap(), service.directory().to_owned());
    drop(service);
    assert!(!is_alive(pid) && !directory.exists());
    assert_eq!(marked_processes(&directory), 0);
}

/// The process that acts as the owner in [`a_killed_owner_takes_everything_along`].
const OWNER: &str = "TESTKIT_TEST_OWNER";

#[tokio::test]
async fn a_killed_owner_takes_everything_along() {
    if std::env::var_os(OWNER).is_some() {
        let service = start();
        wait_started(&service, 1).await;
        println!("directory: {}", service.directory().display());
        std::future::pending::<()>().await;
    }
    let name = "lifetimes::a_killed_owner_takes_everything_along";
    let log = tempfile::NamedTempFile::new().unwrap();
    let mut owner = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(OWNER, "")
        .stdout(log.reopen().unwrap())
        .spawn()
        .unwrap();
    let printed = async || {
        let text = fs::read_to_string(log.path()).unwrap();
        Some(text.split_once("directory: ")?.1.split_once('\n')?.0.to_owned())
    };
    let directory = wait::until_some(DEADLINE, "the owner to start its service", printed)
        .await
        .unwrap();
    let directory = Path::new(&directory);
    // The shell, its two sleeping children, the guard and the lock it waits for.
    assert!(marked_processes(directory) >= 4);

    owner.kill().unwrap();
    owner.wait().unwrap();
    let gone = async || marked_processes(directory) == 0 && !directory.exists();
    wait::until(DEADLINE, "the guard to clear up", gone).await.unwrap();
}

/// How many living processes carry the directory in their environment.
fn marked_processes(directory: &Path) -> usize {
    let mark = format!("TESTKIT_PRIVATE_SERVER={}\0", directory.display());
    let processes = fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| fs::read(entry.ok()?.path().join("environ")).ok());
    processes
        .filter(|environment| String::from_utf8_lossy(environment).contains(&mark))
        .count()
}
