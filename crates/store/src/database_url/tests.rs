//! What is accepted, what it leads to, and what is refused in which words.

use super::*;

fn url(text: &str) -> DatabaseUrl {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn every_way_to_ask_for_tls() {
    let asked = [
        ("", SslMode::Prefer, Verification::Full),
        ("?sslmode=disable", SslMode::Disable, Verification::Full),
        ("?sslmode=prefer", SslMode::Prefer, Verification::Full),
        ("?sslmode=require", SslMode::Require, Verification::Full),
        ("?sslmode=verify-full", SslMode::Require, Verification::Full),
        (
            "?sslmode=verify-full&sslrootcert=system",
            SslMode::Require,
            Verification::Full,
        ),
        (
            "?application_name=x&sslmode=verify-ca",
            SslMode::Require,
            Verification::Authority,
        ),
    ];
    for (parameters, mode, verification) in asked {
        let url = url(&format!("postgres://u:p@db.example.com/crm{parameters}"));
        assert_eq!(
            (url.servers()[0].get_ssl_mode(), url.verification()),
            (mode, verification),
            "{parameters}"
        );
        assert_eq!(url.may_be_in_clear(), mode != SslMode::Require, "{parameters}");
    }
}

#[test]
fn the_authorities_file_is_found_among_the_parameters() {
    let url = url("postgres://u:p?x@h/crm?sslrootcert=/etc/a%20b+c.pem&sslmode=verify-full");
    assert_eq!(url.ca_file(), Some(Path::new("/etc/a b+c.pem")));
    assert_eq!(url.servers()[0].get_password(), Some(&b"p?x"[..]));
}

#[test]
fn of_several_servers_the_one_that_takes_writes_is_sought() {
    let several = url("postgres://u:p@a,b:5433,[::1]:5434/crm");
    let found: Vec<_> = several
        .servers()
        .iter()
        .map(|server| {
            (
                server.get_hosts().to_vec(),
                server.get_ports().to_vec(),
                server.get_target_session_attrs(),
            )
        })
        .collect();
    let expected = |host: &str, port| {
        (
            vec![Host::Tcp(host.to_owned())],
            vec![port],
            TargetSessionAttrs::ReadWrite,
        )
    };
    assert_eq!(found, [expected("a", 5432), expected("b", 5433), expected("::1", 5434)]);
    let one = url("postgres://u:p@a/crm");
    assert_eq!(one.servers()[0].get_target_session_attrs(), TargetSessionAttrs::Any);
    let any = url("postgres://u:p@a/crm?target_session_attrs=read-write");
    assert_eq!(
        any.servers()[0].get_target_session_attrs(),
        TargetSessionAttrs::ReadWrite
    );
}

#[test]
fn a_silent_server_is_found_out_unless_the_url_says_otherwise() {
    let url_without = url("postgres://u:p@a/crm");
    let server = &url_without.servers()[0];
    assert_eq!(server.get_tcp_user_timeout(), Some(&Duration::from_secs(15)));
    assert_eq!(server.get_keepalives_idle(), Duration::from_secs(10));
    assert_eq!(server.get_keepalives_interval(), Some(Duration::from_secs(5)));
    assert_eq!(server.get_keepalives_retries(), Some(3));
    let url_with = url("postgres://u:p@a/crm?tcp_user_timeout=7&connect_timeout=2");
    let given = &url_with.servers()[0];
    assert_eq!(given.get_tcp_user_timeout(), Some(&Duration::from_secs(7)));
    assert_eq!(given.get_connect_timeout(), Some(&Duration::from_secs(2)));
}

#[test]
fn only_what_leaves_the_machine_can_be_overheard() {
    for local in ["127.0.0.1", "[::1]", "localhost", "%2Frun%2Fpostgresql"] {
        assert!(!url(&format!("postgres://u@{local}/crm")).may_be_in_clear(), "{local}");
    }
    assert!(!url("postgres:///crm?host=/run/postgresql").may_be_in_clear());
    assert!(url("postgres://u@localhost,db.example.com/crm").may_be_in_clear());
}

#[test]
fn a_refusal_says_what_is_wrong_and_repeats_nothing() {
    let refused = [
        ("", "must be an address such as postgres://"),
        ("host=h user=u", "must be an address"),
        ("mysql://h/db", "must be an address"),
        ("postgres://", "must be an address"),
        ("postgres://u:CANARY@h/db\n", "must not hold white space"),
        ("postgres:///db", "names no host"),
        (
            "postgres://u:CANARY@h:CANARY/db",
            "is no address of a PostgreSQL database",
        ),
        (
            "postgres://u:CANARY@h/db?CANARY=x",
            "is no address of a PostgreSQL database",
        ),
        (
            "postgres://u:CAN@ARY@h/db?connect_timeout=CANARY",
            "is no address of a PostgreSQL database",
        ),
        ("postgres://u:p@h/db?sslmode=CANARY", "has an sslmode other than"),
        (
            "postgres://u:p@h/db?sslkey=CANARY",
            "has the parameter sslkey, which is not supported",
        ),
        (
            "postgres://u:p@a,b/db?hostaddr=127.0.0.1",
            "has another number of hosts",
        ),
    ];
    for (text, reason) in refused {
        let error = text.parse::<DatabaseUrl>().unwrap_err().to_string();
        assert!(
            error.starts_with(reason) && !error.contains("CANARY"),
            "{text}: {error}"
        );
    }
}

#[test]
fn it_is_shown_without_its_password() {
    let url = url("postgres://u:CANARY@h/crm?sslmode=verify-ca");
    assert_eq!(
        format!("{url} {url:?}"),
        "postgres://u:***@h/crm?sslmode=verify-ca DatabaseUrl(postgres://u:***@h/crm?sslmode=verify-ca)"
    );
}
