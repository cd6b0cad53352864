//! The program `fanout`.

use std::process::ExitCode;

fn main() -> ExitCode {
    fanout::cli::main()
}
