//! Databases for single tests.

use tokio_postgres::{Client, NoTls};
use url::Url;
use uuid::Uuid;

use super::ServerError;

/// Connects to a database; the connection lives as long as the client.
pub(super) async fn connect(url: &str) -> Result<Client, ServerError> {
    let (client, connection) = Box::pin(tokio_postgres::connect(url, NoTls)).await?;
    // Its error also reaches the next statement of the client.
    tokio::spawn(connection);
    Ok(client)
}

/// Runs statements without parameters in a database.
///
/// # Errors
/// The database is down, or refuses one of them.
pub async fn execute(url: &str, statements: &str) -> Result<(), ServerError> {
    Ok(connect(url).await?.batch_execute(statements).await?)
}

/// Creates an empty database of a fresh name on the server of `url` and returns its URL.
pub(crate) async fn create_database(url: &str) -> Result<String, ServerError> {
    let name = format!("test_{}", Uuid::now_v7().simple());
    ensure_database(url, &name).await
}

/// Creates the database `name` (lower-case letters, digits and underscores) where missing and returns its URL.
pub(super) async fn ensure_database(url: &str, name: &str) -> Result<String, ServerError> {
    let server = connect(url).await?;
    if server
        .query_opt("SELECT FROM pg_database WHERE datname = $1", &[&name])
        .await?
        .is_none()
    {
        server.batch_execute(&format!("CREATE DATABASE {name}")).await?;
    }
    let reason = |error: url::ParseError| ServerError::Address {
        variable: "the database URL",
        reason: error.to_string(),
    };
    let mut url = Url::parse(url).map_err(reason)?;
    url.set_path(name);
    Ok(url.into())
}
