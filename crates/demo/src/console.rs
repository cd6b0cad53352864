//! Output and keyboard input of the demo.

use std::io::{BufRead as _, IsTerminal as _};

use tokio::sync::mpsc;

use crate::api::Api;
use crate::programs::Programs;

/// Where the console's list of webhooks is.
const CONSOLE: &str = "/settings/integrations/webhooks";

/// One line of what is being done.
pub fn step(what: &str) {
    println!("- {what}");
}

/// Prints how to continue by hand.
pub async fn explain(api: &Api, programs: &Programs) {
    println!();
    if api.has_page(CONSOLE).await {
        println!("Console   {}{CONSOLE}", api.url());
        println!("Sign in   with the token {}", api.token());
    }
    println!(
        "API       curl -H 'Authorization: Bearer {}' {}/api/v1/webhooks",
        api.token(),
        api.url()
    );
    println!("Servers   addresses in .dev/env; {}", programs.logs());
}

/// A message for every Enter; none when the demo is not run by a person at a terminal.
pub fn lines() -> mpsc::Receiver<()> {
    let (sender, receiver) = mpsc::channel(1);
    if std::io::stdin().is_terminal() {
        // A thread of its own: a read from a terminal cannot be cancelled, and must not keep the runtime from ending.
        std::thread::spawn(move || {
            let lines = std::io::stdin().lock().lines();
            lines
                .map_while(Result::ok)
                .take_while(|_| sender.blocking_send(()).is_ok())
                .for_each(drop);
        });
    }
    receiver
}
