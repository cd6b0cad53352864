//! The roots that receivers are verified against.

use super::*;

fn authority() -> rcgen::Certificate {
    let mut parameters = rcgen::CertificateParams::new(Vec::new()).unwrap();
    parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    parameters.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap()
}

#[test]
fn the_systems_roots_and_the_extra_ones_are_trusted_together() {
    let system = authority().der().clone();
    let extra = authority().der().clone();
    let roots = combined(vec![system, CertificateDer::from(vec![0])], Vec::new(), &[extra]);
    assert_eq!(roots.unwrap().len(), 2);
}

#[test]
fn without_a_single_root_nothing_is_started() {
    let error = combined(Vec::new(), vec!["no such folder".to_owned()], &[]).unwrap_err();
    assert!(
        error.to_string().contains("the system has none (no such folder)"),
        "{error}"
    );
    let error = combined(Vec::new(), Vec::new(), &[]).unwrap_err();
    assert!(error.to_string().contains("its store is empty"), "{error}");
    let one = combined(Vec::new(), Vec::new(), &[authority().der().clone()]);
    assert_eq!(one.unwrap().len(), 1);
}

#[test]
fn the_systems_store_is_read() {
    let system = rustls_native_certs::load_native_certs().certs.len();
    let roots = load_roots(&[authority().der().clone()]).unwrap();
    assert!(roots.len() > 1 || system == 0, "{} of {system} roots", roots.len());
}
