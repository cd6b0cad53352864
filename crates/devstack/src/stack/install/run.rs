//! Programs of the system.

use std::process::Command;

use crate::servers::ServerError;

/// Runs a program to its end; its output is shown only when it fails.
pub(super) fn run(command: &mut Command) -> Result<(), ServerError> {
    let program = command.get_program().to_string_lossy().into_owned();
    let failed = |detail: String| ServerError::Program {
        program: program.clone(),
        detail,
    };
    let output = command.output().map_err(|error| failed(error.to_string()))?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    Err(failed(format!(
        "{}\n{}",
        output.status,
        String::from_utf8_lossy(&said).trim()
    )))
}
