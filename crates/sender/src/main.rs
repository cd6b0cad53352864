//! The program `sender`.

use std::process::ExitCode;

fn main() -> ExitCode {
    sender::cli::main()
}
