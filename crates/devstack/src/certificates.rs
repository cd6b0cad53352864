//! A certificate authority for tests and the demo, and the certificates a receiver may show: good ones and bad ones.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use rustls::RootCertStore;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

/// Names of a receiver on this machine.
const LOCAL_NAMES: [&str; 3] = ["127.0.0.1", "::1", "localhost"];

/// Why making keys and certificates from these inputs cannot fail.
const SOUND: &str = "keys come from the system's random numbers and names were checked when parsed";

/// A certificate authority made for one run.
pub struct TestCa {
    certificate: rcgen::Certificate,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate chain with its key, as a server presents it. `Debug` hides the key.
pub struct ServerIdentity {
    /// The certificate, and its issuers.
    pub chain: Vec<CertificateDer<'static>>,
    /// Its key.
    pub key: PrivateKeyDer<'static>,
}

impl TestCa {
    /// A new authority with a new key.
    pub fn new() -> Self {
        let key = KeyPair::generate().expect(SOUND);
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
            .distinguished_name
            .push(DnType::CommonName, "EasyCRM Webhooks test authority");
        let certificate = params.self_signed(&key).expect(SOUND);
        Self {
            certificate,
            issuer: Issuer::new(params, key),
        }
    }

    /// The authority's certificate, for `WEBHOOKS_EGRESS__CA_FILE`.
    pub fn pem(&self) -> String {
        self.certificate.pem()
    }

    /// A store that trusts this authority alone.
    pub fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots
            .add(self.certificate.der().clone())
            .expect("our own authority's certificate is well formed");
        roots
    }

    /// A certificate for `127.0.0.1`, `::1`, `localhost` and `names` (host names or IP addresses).
    ///
    /// # Panics
    /// When a name is not ASCII.
    pub fn issue(&self, names: &[&str]) -> ServerIdentity {
        let all: Vec<&str> = LOCAL_NAMES.iter().chain(names).copied().collect();
        self.issue_only(&all)
    }

    /// A certificate for exactly `names`.
    ///
    /// # Panics
    /// When a name is not ASCII.
    pub fn issue_only(&self, names: &[&str]) -> ServerIdentity {
        self.sign(server_params(names))
    }

    /// As [`TestCa::issue`] without further names, but expired years ago.
    pub fn issue_expired(&self) -> ServerIdentity {
        let mut params = server_params(&LOCAL_NAMES);
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2020, 2, 1);
        self.sign(params)
    }

    fn sign(&self, params: CertificateParams) -> ServerIdentity {
        let key = KeyPair::generate().expect(SOUND);
        let certificate = params.signed_by(&key, &self.issuer).expect(SOUND);
        ServerIdentity::from_parts(&certificate, &key)
    }
}

impl Default for TestCa {
    fn default() -> Self {
        Self::new()
    }
}

impl ServerIdentity {
    /// A certificate for this machine's names that no authority has signed.
    pub fn self_signed() -> Self {
        let key = KeyPair::generate().expect(SOUND);
        let certificate = server_params(&LOCAL_NAMES).self_signed(&key).expect(SOUND);
        Self::from_parts(&certificate, &key)
    }

    /// The certificates, in PEM form (RFC 7468).
    pub fn chain_pem(&self) -> String {
        self.chain
            .iter()
            .map(|certificate| pem("CERTIFICATE", certificate))
            .collect()
    }

    /// The key, in PEM form.
    pub fn key_pem(&self) -> String {
        pem("PRIVATE KEY", self.key.secret_der())
    }

    fn from_parts(certificate: &rcgen::Certificate, key: &KeyPair) -> Self {
        Self {
            chain: vec![certificate.der().clone()],
            key: PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
        }
    }
}

impl fmt::Debug for ServerIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerIdentity")
            .field("certificates", &self.chain.len())
            .finish_non_exhaustive()
    }
}

/// Lines of 64 characters (RFC 7468, section 2).
fn pem(label: &str, der: &[u8]) -> String {
    let encoded = STANDARD.encode(der);
    let lines: Vec<String> = encoded
        .as_bytes()
        .chunks(64)
        .map(|line| String::from_utf8_lossy(line).into())
        .collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

fn server_params(names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).expect("names of test certificates are ASCII");
    params
        .distinguished_name
        .push(DnType::CommonName, "EasyCRM Webhooks test receiver");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params
}
