//! The one TLS implementation of the process.

/// Makes `ring` the process-wide TLS provider. Call it first in `main`: with none installed, or with two compiled in,
/// rustls panics at the first handshake. Calling it again does nothing.
pub fn install_crypto_provider() {
    // Err means that a provider is installed already, which is sufficient.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

#[cfg(test)]
mod tests {
    #[test]
    fn installing_twice_is_installing_once() {
        super::install_crypto_provider();
        super::install_crypto_provider();
        assert!(rustls::crypto::CryptoProvider::get_default().is_some());
    }
}
