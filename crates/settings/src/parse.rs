//! Parsers of single values. An error continues a sentence that begins with the setting's name.

use std::fmt::Display;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::str::FromStr;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

/// Reads a value of a type that knows its own text.
pub(crate) fn parsed<T: FromStr<Err: Display>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|error: T::Err| error.to_string())
}

/// A parser of whole numbers within `range`.
pub(crate) fn whole_number<N>(range: RangeInclusive<N>) -> impl Fn(&str) -> Result<N, String>
where
    N: FromStr + PartialOrd + Display,
{
    move |text| match text.parse() {
        Ok(number) if range.contains(&number) => Ok(number),
        _ => Err(format!(
            "must be a whole number from {} to {}, not {text:?}",
            range.start(),
            range.end()
        )),
    }
}

/// Reads `true` or `false`.
pub(crate) fn yes_or_no(text: &str) -> Result<bool, String> {
    text.parse().map_err(|_| format!("must be true or false, not {text:?}"))
}

/// Reads an IP address with a port. A name is refused: it may resolve to more, or other, addresses than intended.
pub(crate) fn socket_address(text: &str) -> Result<SocketAddr, String> {
    text.parse()
        .map_err(|_| format!("must be an IP address and a port, such as 127.0.0.1:8080, not {text:?}"))
}

/// A file with at least one certificate that can be a root.
pub(crate) fn ca_file(text: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let pem = std::fs::read(text).map_err(|error| format!("names {text:?}, which cannot be read: {error}"))?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let certificates = certificates.map_err(|error| format!("names {text:?}, which is not valid PEM: {error}"))?;
    if certificates.is_empty() {
        return Err(format!("names {text:?}, which holds no certificate in PEM form"));
    }
    let mut trial = RootCertStore::empty();
    for (index, certificate) in certificates.iter().enumerate() {
        let position = index + 1;
        trial.add(certificate.clone()).map_err(|error| {
            format!("names {text:?}, whose certificate number {position} cannot be used as a root: {error}")
        })?;
    }
    Ok(certificates)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn authority() -> rcgen::Certificate {
        let mut parameters = rcgen::CertificateParams::new(Vec::new()).unwrap();
        parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        parameters.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap()
    }

    #[test]
    fn a_ca_file_may_hold_several_certificates() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        writeln!(
            file,
            "the first\n{}\nthe second\n{}",
            authority().pem(),
            authority().pem()
        )
        .unwrap();
        assert_eq!(ca_file(file.path().to_str().unwrap()).unwrap().len(), 2);
    }

    #[test]
    fn a_ca_file_with_anything_unusable_is_refused() {
        let garbage = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let cut = authority().pem().replace("-----END", "----END");
        let cases = [
            (
                authority().pem() + garbage,
                "whose certificate number 2 cannot be used as a root",
            ),
            (cut, "which is not valid PEM"),
            (
                rcgen::KeyPair::generate().unwrap().serialize_pem(),
                "which holds no certificate",
            ),
        ];
        for (text, reason) in cases {
            let mut file = tempfile::NamedTempFile::new().unwrap();
            file.write_all(text.as_bytes()).unwrap();
            let error = ca_file(file.path().to_str().unwrap()).unwrap_err();
            assert!(error.contains(reason), "{error}");
        }
    }
}
