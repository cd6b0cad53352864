//! The settings of the database, and the root certificates for its server.

use std::path::PathBuf;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;

use crate::database_url::DatabaseUrl;

/// The database.
#[derive(Clone, Debug)]
pub struct DatabaseSettings {
    /// Its URL.
    pub url: DatabaseUrl,
    /// The file that the URL was read from, if any: read again when the credentials are refused.
    pub url_file: Option<PathBuf>,
    /// Root certificates for the server's certificate, in place of the system's if there are any.
    pub roots: Vec<CertificateDer<'static>>,
    /// Maximum connections of a pool: `fanout` has one pool for background work and one for requests.
    pub pool_size: usize,
}

/// TLS is required, but there are no root certificates.
#[derive(Clone, Debug, thiserror::Error)]
#[error(
    "no trusted root certificate was found for the database: the system has none ({system}); install the package \
     ca-certificates, set WEBHOOKS_DATABASE__CA_FILE, or write sslmode=disable"
)]
pub struct DatabaseRootsError {
    /// The error of the system's store.
    system: String,
}

impl DatabaseSettings {
    /// The root certificates for the server's certificate. Reads files; call it once, at the start.
    ///
    /// # Errors
    /// When there is no root, and the connection could use TLS.
    pub(crate) fn load_roots(&self) -> Result<RootCertStore, DatabaseRootsError> {
        let mut roots = RootCertStore::empty();
        if !self.url.may_use_tls() {
            return Ok(roots);
        }
        roots.add_parsable_certificates(self.roots.iter().cloned());
        if roots.is_empty() {
            let system = rustls_native_certs::load_native_certs();
            roots.add_parsable_certificates(system.certs);
            if roots.is_empty() {
                let errors: Vec<_> = system.errors.iter().map(ToString::to_string).collect();
                return Err(DatabaseRootsError {
                    system: errors.join("; "),
                });
            }
        }
        Ok(roots)
    }
}
