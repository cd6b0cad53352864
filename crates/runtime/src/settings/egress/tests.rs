//! The roots that receivers are verified against.

use std::io::Write;

use super::*;

fn authority() -> rcgen::Certificate {
    let mut parameters = rcgen::CertificateParams::new(Vec::new()).unwrap();
    parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    parameters.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap()
}

fn settings(extra_roots: Vec<CertificateDer<'static>>) -> EgressSettings {
    let timeout = Duration::from_secs(1);
    EgressSettings {
        timeout,
        connect_timeout: timeout,
        allow_networks: Vec::new(),
        deny_networks: Vec::new(),
        nat64_prefixes: Vec::new(),
        name_servers: Vec::new(),
        extra_roots,
        proxy: None,
    }
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

#[test]
fn the_systems_roots_and_the_extra_ones_are_trusted_together() {
    let system = authority().der().clone();
    let extra = authority().der().clone();
    let roots = settings(vec![extra]).combine_roots(vec![system, CertificateDer::from(vec![0])], Vec::new());
    assert_eq!(roots.unwrap().len(), 2);
}

#[test]
fn without_a_single_root_nothing_is_started() {
    let error = settings(Vec::new())
        .combine_roots(Vec::new(), vec!["no such folder".to_owned()])
        .unwrap_err();
    assert!(
        error.to_string().contains("the system has none (no such folder)"),
        "{error}"
    );
    let error = settings(Vec::new()).combine_roots(Vec::new(), Vec::new()).unwrap_err();
    assert!(error.to_string().contains("its store is empty"), "{error}");
    assert_eq!(
        settings(vec![authority().der().clone()])
            .combine_roots(Vec::new(), Vec::new())
            .unwrap()
            .len(),
        1
    );
}

#[test]
fn the_systems_store_is_read() {
    let system = rustls_native_certs::load_native_certs().certs.len();
    let roots = settings(vec![authority().der().clone()]).load_roots().unwrap();
    assert!(roots.len() > 1 || system == 0, "{} of {system} roots", roots.len());
}
