//! The database, once it is known to be usable.

use settings::Settings;
use store::Database;

/// A database with this program's schema.
pub(super) async fn ready_database(settings: &Settings) -> anyhow::Result<Database> {
    let database = Database::from_settings(&settings.database, settings.secrets.clone())?;
    database.require_schema().await?;
    Ok(database)
}
