//! Warnings about suspicious settings.

use super::*;

fn warnings_of(program: Program, variables: &[(&str, &str)]) -> Vec<String> {
    let settings = Settings::load_from(program, None, owned(&[&REQUIRED, variables].concat())).unwrap();
    settings.warnings().iter().map(ToString::to_string).collect()
}

fn warnings(variables: &[(&str, &str)]) -> Vec<String> {
    warnings_of(Program::Fanout, variables)
}

#[test]
fn the_defaults_are_meant() {
    assert_eq!(warnings(&[]), [""; 0]);
}

#[test]
fn a_request_that_outlasts_the_grace_of_a_stop_is_told() {
    let timeout = ("WEBHOOKS_EGRESS__TIMEOUT", "60s");
    let told = warnings(&[timeout, ("WEBHOOKS_SHUTDOWN__GRACE", "20s")]);
    assert_eq!(told.len(), 1);
    assert!(
        told[0].starts_with("WEBHOOKS_EGRESS__TIMEOUT is 1m, longer than the 20s of shutdown.grace"),
        "{}",
        told[0]
    );
    assert_eq!(warnings(&[timeout, ("WEBHOOKS_SHUTDOWN__GRACE", "60s")]), [""; 0]);
}

#[test]
fn plain_http_where_others_listen_is_told() {
    let all = "WEBHOOKS_HTTP__LISTEN";
    let public = "WEBHOOKS_HTTP__PUBLIC_URL";
    for exposed in [
        &[(all, "0.0.0.0:8080")][..],
        &[(all, "[::]:8080"), (public, "http://crm.example.com")],
        &[(all, "10.0.0.1:8080"), (public, "http://127.0.0.1:8080")],
    ] {
        let told = warnings(exposed);
        assert!(
            told.len() == 1 && told[0].contains("is plain http, and http.listen"),
            "{told:?}"
        );
        assert_eq!(warnings_of(Program::Sender, exposed), [""; 0], "a sender serves nobody");
    }
    for fine in [
        &[(all, "0.0.0.0:8080"), (public, "https://crm.example.com")][..],
        &[(all, "127.0.0.1:8080"), (public, "http://crm.example.com")],
        &[(all, "[::1]:8080")],
    ] {
        assert_eq!(warnings(fine), [""; 0], "{fine:?}");
    }
}
