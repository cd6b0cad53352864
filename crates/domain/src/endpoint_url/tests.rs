//! Accepted and rejected URLs; the attacks are in a table of their own.

mod attacks;

use proptest::prelude::*;

use super::EndpointUrlError::*;
use super::*;

fn public(text: &str) -> Result<EndpointUrl, EndpointUrlError> {
    EndpointUrl::parse(text, &AddressPolicy::public_only())
}

fn allowing(network: &str, text: &str) -> Result<EndpointUrl, EndpointUrlError> {
    EndpointUrl::parse(text, &AddressPolicy::allowing(vec![network.parse().unwrap()]))
}

#[track_caller]
fn rejects(error: EndpointUrlError, texts: &[&str]) {
    for text in texts {
        assert_eq!(public(text).err(), Some(error), "{text:?}");
    }
}

#[track_caller]
fn accepts(text: &str, normalised: &str) {
    assert_eq!(
        public(text).as_ref().map(EndpointUrl::as_str),
        Ok(normalised),
        "{text:?}"
    );
}

#[test]
fn the_message_for_another_scheme_is_exact() {
    assert_eq!(HttpsRequired.to_string(), "Webhook URL must use HTTPS");
    assert_eq!(HttpsRequired.code(), "https_required");
}

#[test]
fn plain_urls_are_accepted() {
    accepts(
        "https://erp.company.com/api/crm-webhook",
        "https://erp.company.com/api/crm-webhook",
    );
    accepts("https://erp.company.com", "https://erp.company.com/");
    accepts(
        "HTTPS://ERP.Company.Com/Api?Key=A%20b",
        "https://erp.company.com/Api?Key=A%20b",
    );
    accepts("https://erp.company.com:8443/a/../b", "https://erp.company.com:8443/b");
    accepts("https://erp.company.com:443/", "https://erp.company.com/");
    accepts("https://erp.company.com./", "https://erp.company.com/");
    accepts("https://93.184.215.14/hook", "https://93.184.215.14/hook");
    accepts("https://[2606:4700::6810:84e5]/", "https://[2606:4700::6810:84e5]/");
    accepts(
        "https://xn--bcher-kva.example.org/",
        "https://xn--bcher-kva.example.org/",
    );
    accepts("https://a-b.3com.com/", "https://a-b.3com.com/");
}

#[test]
fn spaces_around_it_are_dropped() {
    accepts("  https://erp.company.com/hook  ", "https://erp.company.com/hook");
}

#[test]
fn host_and_port() {
    let named = public("https://ERP.company.com./x").unwrap();
    assert_eq!((named.host(), named.port()), (Host::Domain("erp.company.com"), 443));
    let literal = public("https://93.184.215.14:8443/x").unwrap();
    assert_eq!(
        (literal.host(), literal.port()),
        (Host::Ipv4([93, 184, 215, 14].into()), 8443)
    );
}

#[test]
fn nothing_given() {
    rejects(Missing, &["", " ", "    "]);
}

#[test]
fn length_is_limited_as_given_and_as_stored() {
    let of_length = |length: usize| {
        format!(
            "https://example.com/{}",
            "a".repeat(length - "https://example.com/".len())
        )
    };
    assert!(public(&of_length(MAX_LENGTH)).is_ok());
    rejects(TooLong, &[&of_length(MAX_LENGTH + 1), &of_length(1_000_000)]);
    // Each of these letters takes six characters once it is encoded.
    rejects(TooLong, &[&format!("https://example.com/{}", "é".repeat(500))]);
}

#[test]
fn allowed_networks_may_be_saved_and_no_others() {
    assert!(allowing("127.0.0.0/8", "https://127.0.0.1:40001/hook").is_ok());
    assert!(allowing("127.0.0.0/8", "https://[::ffff:127.0.0.1]/").is_ok());
    assert!(allowing("::1/128", "https://[::1]/").is_ok());
    assert_eq!(allowing("127.0.0.0/8", "https://10.0.0.5/").err(), Some(Address));
    assert_eq!(allowing("127.0.0.0/8", "https://[::1]/").err(), Some(Address));
    assert_eq!(allowing("127.0.0.0/8", "http://127.0.0.1/").err(), Some(HttpsRequired));
}

#[test]
fn local_names_may_be_saved_while_a_network_is_allowed() {
    for name in [
        "localhost",
        "receiver",
        "my_receiver",
        "receiver.internal",
        "foo.localhost",
    ] {
        assert!(
            allowing("10.0.0.0/8", &format!("https://{name}:8443/")).is_ok(),
            "{name}"
        );
    }
    assert_eq!(allowing("10.0.0.0/8", "https://exam-/").err(), Some(HostName));
}

#[test]
fn a_name_may_have_underscores_below_its_top_level_domain() {
    for host in [
        "my_hook.example.com",
        "_hooks.example.com",
        "hooks_.example.com",
        "a._b.example.com",
    ] {
        let url = public(&format!("https://{host}/")).unwrap();
        assert_eq!(url.host(), Host::Domain(host));
    }
    rejects(HostName, &["https://example.c_m/", "https://example._/"]);
}

#[test]
fn debug_hides_path_and_query() {
    let url = public("https://example.com:8443/secret-path?key=secret-key").unwrap();
    assert_eq!(format!("{url:?}"), "EndpointUrl(https://example.com:8443/…)");
}

#[test]
fn codes_are_distinct() {
    let errors = [
        Missing,
        ForbiddenCharacter,
        HttpsRequired,
        TooLong,
        Fragment,
        UserInfo,
        Malformed,
        HostName,
        LocalName,
        Address,
        Port,
    ];
    let codes: std::collections::HashSet<_> = errors.iter().map(|error| error.code()).collect();
    assert_eq!(codes.len(), errors.len());
}

proptest! {
    #[test]
    fn no_text_panics(text: String) {
        let _ = public(&text);
    }

    #[test]
    fn no_text_after_the_scheme_panics(rest: String) {
        let _ = public(&format!("https://{rest}"));
    }

    #[test]
    fn what_is_accepted_is_normal(rest in "[a-z0-9.%\\[\\]:@/?é-]{1,40}") {
        if let Ok(url) = public(&format!("https://{rest}")) {
            prop_assert_eq!(public(url.as_str()), Ok(url.clone()));
            prop_assert!(url.as_str().starts_with("https://"));
            prop_assert!(url.as_str().is_ascii());
            prop_assert!(!matches!(url.host(), Host::Domain(name) if name.ends_with('.')));
        }
    }

    #[test]
    fn an_address_is_saved_exactly_if_it_may_be_dialled(address: std::net::IpAddr) {
        let policy = AddressPolicy::public_only();
        let url = match address {
            IpAddr::V4(address) => format!("https://{address}/"),
            IpAddr::V6(address) => format!("https://[{address}]/"),
        };
        prop_assert_eq!(EndpointUrl::parse(&url, &policy).is_ok(), policy.permits(address));
    }
}

#[test]
fn whoever_may_not_see_all_of_it_sees_the_host() {
    for (url, shown) in [
        (
            "https://hooks.example.com/services/T0/B0/key?token=k",
            "https://hooks.example.com/…",
        ),
        ("https://hooks.example.com:8443/", "https://hooks.example.com:8443/…"),
        ("https://[2001:db8::1]/x", "https://[2001:db8::1]/…"),
        ("not a URL with a key", "https://…"),
    ] {
        assert_eq!(without_path(url), shown);
    }
}
