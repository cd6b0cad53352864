//! `[database]`: the PostgreSQL connection, its root certificates, and the pool size.

use std::path::PathBuf;

use rustls::RootCertStore;
use rustls_pki_types::CertificateDer;

use super::database_url::DatabaseUrl;
use super::egress::ca_file;
use super::parse::whole_number;
use super::reader::Reader;

const URL: &str = "database.url";
const CA_FILE: &str = "database.ca_file";

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
    pub fn load_roots(&self) -> Result<RootCertStore, DatabaseRootsError> {
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

    pub(super) fn read(reader: &mut Reader) -> Option<Self> {
        let parse = |text: &str| {
            text.parse()
                .map_err(|error: super::InvalidDatabaseUrl| error.to_string())
        };
        let url: Option<DatabaseUrl> = reader.required_secret(URL, parse, DatabaseUrl::to_string);
        let url_file = reader.secret_file(URL);
        let ca = reader.optional(CA_FILE, ca_file);
        let pool_size = reader.value("database.pool_size", "8", whole_number(1..=1000));
        let url = url?;
        let roots = match (url.ca_file(), ca) {
            (Some(_), Some(_)) => {
                reader.refuse(CA_FILE, "is set, and the URL has sslrootcert: only one of them may be");
                return None;
            }
            (Some(file), None) => match ca_file(&file.to_string_lossy()) {
                Ok(roots) => roots,
                Err(reason) => {
                    reader.refuse(URL, format!("has an sslrootcert that {reason}"));
                    return None;
                }
            },
            (None, ca) => ca.unwrap_or_default(),
        };
        Some(Self {
            url,
            url_file,
            roots,
            pool_size,
        })
    }
}
