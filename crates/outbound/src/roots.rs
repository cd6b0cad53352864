//! The root certificates for receivers.

use rustls::RootCertStore;
use rustls_pki_types::CertificateDer;

/// There are no root certificates for receivers, so that every delivery would fail.
#[derive(Clone, Debug, thiserror::Error)]
#[error(
    "no trusted root certificate was found: the system has none ({system}) and egress.ca_file adds none; \
     install the package ca-certificates or set WEBHOOKS_EGRESS__CA_FILE"
)]
pub struct RootsError {
    /// The error of the system's store.
    system: String,
}

/// The system's root certificates and these. Reads files; call it once, at the start.
///
/// # Errors
/// When there is no root.
pub fn load_roots(extra: &[CertificateDer<'static>]) -> Result<RootCertStore, RootsError> {
    let system = rustls_native_certs::load_native_certs();
    combined(
        system.certs,
        system.errors.iter().map(ToString::to_string).collect(),
        extra,
    )
}

fn combined(
    system: Vec<CertificateDer<'static>>,
    errors: Vec<String>,
    extra: &[CertificateDer<'static>],
) -> Result<RootCertStore, RootsError> {
    let mut roots = RootCertStore::empty();
    // Old stores hold a few unreadable certificates, which are harmless.
    let (_, unreadable) = roots.add_parsable_certificates(system);
    roots.add_parsable_certificates(extra.iter().cloned());
    if !errors.is_empty() || unreadable > 0 {
        tracing::warn!(
            unreadable,
            errors = errors.join("; "),
            "some of the system's root certificates cannot be used"
        );
    }
    if roots.is_empty() {
        let system = if errors.is_empty() {
            "its store is empty".to_owned()
        } else {
            errors.join("; ")
        };
        return Err(RootsError { system });
    }
    Ok(roots)
}

#[cfg(test)]
mod tests;
