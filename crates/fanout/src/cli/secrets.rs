//! `fanout secrets`: the encryption of webhooks' secrets.

use anyhow::bail;
use clap::Subcommand;
use service::cli::print;
use settings::Settings;

use super::ready_database::ready_database;

#[derive(Subcommand)]
pub(super) enum SecretsCommand {
    /// Re-encrypt every stored secret with WEBHOOKS_SECRETS__KEY, so that former keys can be retired. All processes can
    /// keep running. Idempotent.
    Rekey,
}

pub(super) async fn run(settings: &Settings, command: &SecretsCommand) -> anyhow::Result<()> {
    let SecretsCommand::Rekey = command;
    let rekeyed = ready_database(settings).await?.rekey_secrets().await?;
    let changed = rekeyed.changed;
    let current = rekeyed.current;
    print(&format!(
        "{changed} secrets encrypted again, {current} were encrypted with the current key already\n"
    ))?;
    if rekeyed.unreadable > 0 {
        bail!(
            "{} secrets cannot be read with the configured keys: add the key that they were encrypted with to \
             WEBHOOKS_SECRETS__PREVIOUS_KEYS",
            rekeyed.unreadable
        );
    }
    Ok(())
}
