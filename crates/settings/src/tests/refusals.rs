//! Invalid settings and their error messages.

use runtime::UsageError;

use super::*;

/// The only problem of a configuration, as it is printed.
fn only_problem(result: Result<Settings, SettingsError>) -> String {
    let error = result.expect_err("the configuration should be refused");
    assert_eq!(error.problems().len(), 1, "{error}");
    error.problems()[0].to_string()
}

#[test]
fn each_bad_value_is_refused_by_its_variable_and_with_a_reason() {
    let cases = [
        ("AMQP__URL", "http://host", "must be an address such as amqp://"),
        ("AMQP__URL", "amqp://host/a b", "must not hold white space"),
        (
            "AMQP__URL",
            "amqp://host?heartbeat=often",
            "is not an AMQP URL of the form",
        ),
        (
            "DATABASE__URL",
            "mysql://host",
            "must be an address such as postgres://",
        ),
        (
            "DATABASE__POOL_SIZE",
            "0",
            "must be a whole number from 1 to 1000, not \"0\"",
        ),
        ("SECRETS__KEY", "c2hvcnQ=", "must be 32 bytes in base64"),
        ("SECRETS__KEY", "not base64!", "must be 32 bytes in base64"),
        ("SECRETS__PREVIOUS_KEYS", "c2hvcnQ=", "must be 32 bytes in base64"),
        ("HTTP__LISTEN", "localhost:8080", "must be an IP address and a port"),
        ("HTTP__LISTEN", "127.0.0.1", "must be an IP address and a port"),
        ("HTTP__LISTEN", "127.0.0.1:65536", "must be an IP address and a port"),
        (
            "HTTP__PUBLIC_URL",
            "crm.example.com",
            "must be an address such as https://",
        ),
        (
            "HTTP__PUBLIC_URL",
            "ftp://crm.example.com",
            "the scheme must be http or https",
        ),
        (
            "HTTP__PUBLIC_URL",
            "https://crm.example.com/hooks",
            "(a path belongs into http.base_path)",
        ),
        (
            "HTTP__PUBLIC_URL",
            "https://u:p@crm.example.com",
            "a user name or password has no place in it",
        ),
        ("HTTP__BASE_PATH", "hooks", "must begin with a slash"),
        ("HTTP__BASE_PATH", "/a//b", "must be made of names"),
        ("HTTP__BASE_PATH", "/../b", "must be made of names"),
        ("HTTP__BASE_PATH", "/a?b", "must be made of names"),
        (
            "HTTP__FRAME_ANCESTORS",
            "crm.example.com",
            "must be origins such as https://crm.example.com",
        ),
        (
            "HTTP__FRAME_ANCESTORS",
            "https://a.example,https://b.example/page",
            "\"https://b.example/page\" is not one",
        ),
        (
            "HTTP__FRAME_ANCESTORS",
            "https://*.example.com",
            "must be origins such as",
        ),
        (
            "HTTP__FRAME_ANCESTORS",
            "https://a.example;script-src",
            "must be origins such as",
        ),
        (
            "HTTP__FRAME_ANCESTORS",
            "https://u@a.example",
            "must be origins such as",
        ),
        ("HTTP__FRAME_ANCESTORS", "'self'", "must be origins such as"),
        (
            "SSO__JWKS_FILE",
            "/no/such/file",
            "names \"/no/such/file\", which cannot be read",
        ),
        ("SSO__JWKS_FILE", "/dev/null", "is no JSON Web Key Set"),
        ("SSO__PUBLIC_KEY_FILE", "/dev/null", "holds no PUBLIC KEY"),
        (
            "SSO__ISSUER",
            "https://crm.example.com",
            "needs its key: set sso.jwks_file or sso.public_key_file",
        ),
        ("TELEMETRY__LISTEN", "9101", "must be an IP address and a port"),
        ("RETRY__DELAYS", "60", "must be a time with its unit"),
        ("RETRY__DELAYS", "1m,,5m", "must be a time with its unit"),
        ("RETRY__DELAYS", "5m,1m", "cannot be used: "),
        ("RETRY__DELAYS", "1ms", "cannot be used: "),
        ("RETRY__CLIENT_ERRORS", "yes", "must be true or false"),
        ("AUTO_PAUSE__AFTER", "-1", "must be a whole number from 0 to"),
        ("RETENTION__DAYS", "0", "must be a whole number from 1 to 3650"),
        ("RETENTION__DAYS", "3651", "must be a whole number from 1 to 3650"),
        ("RETENTION__DAYS", "30.5", "must be a whole number from 1 to 3650"),
        ("SENDER__CONCURRENCY", "0", "must be a whole number from 1 to 65536"),
        ("SENDER__CONCURRENCY", "65537", "must be a whole number from 1 to 65536"),
        (
            "SENDER__CONCURRENCY",
            "99999999999999999999",
            "must be a whole number from 1 to 65536",
        ),
        (
            "SENDER__PER_WEBHOOK_CONCURRENCY",
            "513",
            "is 513, more than the 512 of sender.concurrency",
        ),
        ("EGRESS__TIMEOUT", "0s", "must be between 1ms and 10m"),
        ("EGRESS__TIMEOUT", "15", "must be a time with its unit"),
        ("EGRESS__CONNECT_TIMEOUT", "0ms", "must be between 1ms and 10m"),
        (
            "EGRESS__CONNECT_TIMEOUT",
            "16s",
            "is 16s, longer than the 15s of egress.timeout",
        ),
        (
            "EGRESS__ALLOW_NETWORKS",
            "10.0.0.0/33",
            "must be networks such as 10.0.0.0/8",
        ),
        (
            "EGRESS__ALLOW_NETWORKS",
            "localhost",
            "must be networks such as 10.0.0.0/8",
        ),
        (
            "EGRESS__DENY_NETWORKS",
            "everything",
            "must be networks such as 10.0.0.0/8",
        ),
        (
            "EGRESS__NAT64_PREFIXES",
            "64:ff9b::/97",
            "must be prefixes of NAT64 translators; \"64:ff9b::/97\" is not an",
        ),
        (
            "EGRESS__NAT64_PREFIXES",
            "10.0.0.0/8",
            "must be prefixes of NAT64 translators",
        ),
        (
            "EGRESS__NAME_SERVERS",
            "ns.example.com",
            "must be addresses of name servers such as 10.0.0.53",
        ),
        (
            "EGRESS__CA_FILE",
            "/no/such/file",
            "names \"/no/such/file\", which cannot be read",
        ),
        ("EGRESS__CA_FILE", "/dev/null", "which holds no certificate"),
        (
            "EGRESS__PROXY",
            "https://proxy:3128",
            "the proxy itself is spoken to over http",
        ),
        (
            "EGRESS__PROXY",
            "socks5://proxy",
            "the proxy itself is spoken to over http",
        ),
        (
            "EGRESS__PROXY",
            "http://u:p@proxy",
            "a user name or password is not supported",
        ),
        (
            "EGRESS__PROXY",
            "http://proxy/path",
            "nothing may follow the host and port",
        ),
        (
            "EVENTS__MAX_BYTES",
            "1023",
            "must be a whole number from 1024 to 16777216",
        ),
        (
            "EVENTS__MAX_BYTES",
            "256KiB",
            "must be a whole number from 1024 to 16777216",
        ),
        ("SHUTDOWN__GRACE", "0s", "must be between 1ms and 1h"),
        ("LOG__FORMAT", "xml", "must be json or text"),
    ];
    for (name, value, reason) in cases {
        let variable = format!("WEBHOOKS_{name}");
        let problem = only_problem(load(&[(&variable, value)]));
        assert!(problem.starts_with(&format!("{variable} ")), "{problem}");
        assert!(problem.contains(reason), "{problem}");
    }
}

#[test]
fn log_levels_are_refused_by_their_own_name() {
    let problem = only_problem(load(&[("RUST_LOG", "info,sender=loud")]));
    assert!(problem.starts_with("RUST_LOG must be levels such as info"), "{problem}");
}

#[test]
fn each_required_setting_is_asked_for() {
    for missing in REQUIRED {
        let rest: Vec<_> = REQUIRED.into_iter().filter(|variable| *variable != missing).collect();
        let problem = only_problem(load_with(None, &rest));
        assert_eq!(problem, format!("{0} is required: set it, or {0}_FILE", missing.0));
    }
}

#[test]
fn everything_that_is_wrong_is_reported_at_once() {
    let error = load_with(None, &[("WEBHOOKS_EGRESS__TIMEOUT", "soon"), ("WEBHOOKS_LISTEN", "x")]).unwrap_err();
    let names: Vec<_> = error.problems().iter().map(|problem| problem.name.as_str()).collect();
    assert_eq!(
        names,
        [
            AMQP.0,
            DATABASE.0,
            "WEBHOOKS_SECRETS__KEY",
            "WEBHOOKS_EGRESS__TIMEOUT",
            "WEBHOOKS_LISTEN"
        ]
    );
    assert_eq!(error.to_string().lines().count(), 6);
}

#[test]
fn the_report_names_every_problem_of_the_settings_once() {
    let error = UsageError::from(load_with(None, &[]).unwrap_err()).to_string();
    assert!(
        error.starts_with("the configuration is not valid:\n  WEBHOOKS_AMQP__URL is required"),
        "{error}"
    );
    assert_eq!(
        error.matches("WEBHOOKS_DATABASE__URL is required").count(),
        1,
        "{error}"
    );
}

#[test]
fn unknown_variables_are_refused() {
    let cases = [
        (
            "WEBHOOKS_AMQP_URL",
            "is not a known setting; did you mean WEBHOOKS_AMQP__URL?",
        ),
        (
            "WEBHOOKS_HTTP__LISTNE",
            "is not a known setting; did you mean WEBHOOKS_HTTP__LISTEN?",
        ),
        (
            "WEBHOOKS_sender__concurrency",
            "is not a known setting; did you mean WEBHOOKS_SENDER__CONCURRENCY?",
        ),
        ("WEBHOOKS_SMTP__HOST", "is not a known setting"),
        ("WEBHOOKS_AMQP", "is not a known setting"),
        ("WEBHOOKS_AMQP__URL__HOST", "is not a known setting"),
        ("WEBHOOKS_HTTP__LISTEN_FILE", "is not a known setting"),
        ("WEBHOOKS_LOG__LEVELS", "is not a known setting"),
        ("WEBHOOKS_A__B[0]", "is not a known setting"),
    ];
    for (name, reason) in cases {
        let error = load(&[(name, "x")]).unwrap_err();
        let problem = error.problems().iter().find(|problem| problem.name == name);
        assert_eq!(problem.map(|problem| problem.reason.as_str()), Some(reason), "{error}");
    }
}

#[test]
fn variables_that_kubernetes_makes_are_explained() {
    for name in [
        "WEBHOOKS_FANOUT_SERVICE_HOST",
        "WEBHOOKS_FANOUT_PORT",
        "WEBHOOKS_FANOUT_PORT_80_TCP_ADDR",
    ] {
        let problem = only_problem(load(&[(name, "10.0.0.1")]));
        assert!(
            problem.ends_with("set enableServiceLinks: false on the pod"),
            "{problem}"
        );
    }
}

#[test]
fn what_is_wrong_in_a_file_is_named_with_the_file() {
    let cases = [
        (
            "[sender]\nconcurrency = \"many\"",
            "WEBHOOKS_SENDER__CONCURRENCY (sender.concurrency in PATH) must be a whole",
        ),
        (
            "[sender]\nconcurrency = [1, 2]",
            "WEBHOOKS_SENDER__CONCURRENCY (sender.concurrency in PATH) must be a single",
        ),
        (
            "[sender]\nconcurrency = 512.0",
            "WEBHOOKS_SENDER__CONCURRENCY (sender.concurrency in PATH) must be a whole",
        ),
        (
            "[retry]\ndelays = [60, 300]",
            "WEBHOOKS_RETRY__DELAYS (retry.delays in PATH) must be a time with its unit",
        ),
        (
            "[retry]\ndelays = []",
            "WEBHOOKS_RETRY__DELAYS (retry.delays in PATH) cannot be used",
        ),
        (
            "[retry]\ndelays = [[\"1m\"]]",
            "WEBHOOKS_RETRY__DELAYS (retry.delays in PATH) must be a list of single",
        ),
        (
            "[sender]\nconcurency = 5",
            "sender.concurency in PATH is not a known setting; did you mean sender.concurrency?",
        ),
        ("[smtp]\nhost = \"h\"", "smtp.host in PATH is not a known setting"),
        ("concurrency = 5", "concurrency in PATH is not a known setting"),
        (
            "[egress.timeout]\nread = \"5s\"",
            "egress.timeout.read in PATH is not a known setting",
        ),
        (
            "[sender]\nconcurrency = = 5",
            "the configuration file PATH is not valid TOML: see line 2, column 15",
        ),
    ];
    for (text, expected) in cases {
        let file = file(text);
        let problem = only_problem(load_with(Some(file.path()), &REQUIRED));
        let expected = expected.replace("PATH", file.path().to_str().unwrap());
        assert!(problem.starts_with(&expected), "{problem}");
    }
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let problem = only_problem(load_with(Some(Path::new("/no/such/config.toml")), &REQUIRED));
    assert!(
        problem.starts_with("the configuration file /no/such/config.toml cannot be read: "),
        "{problem}"
    );
}

#[test]
fn a_secret_is_given_once() {
    let secret = file("amqp://h");
    let problem = only_problem(load(&[("WEBHOOKS_AMQP__URL_FILE", secret.path().to_str().unwrap())]));
    assert_eq!(
        problem,
        "WEBHOOKS_AMQP__URL is set, and so is WEBHOOKS_AMQP__URL_FILE: set only one of them"
    );
}

#[test]
fn a_secrets_file_must_hold_a_secret() {
    let empty = file("");
    let newline = file("\n");
    let large = file(&"x".repeat(65 * 1024));
    let lines = file("amqp://h\n\n");
    let path = |file: &tempfile::NamedTempFile| file.path().to_str().unwrap().to_owned();
    let cases = [
        (path(&empty), "it is empty"),
        (path(&newline), "it is empty"),
        (path(&large), "it is too large to be a secret"),
        (path(&lines), "must not hold white space"),
        ("/no/such/secret".to_owned(), "No such file"),
    ];
    for (path, reason) in cases {
        let variables = [DATABASE, REQUIRED[2], ("WEBHOOKS_AMQP__URL_FILE", &path)];
        let problem = only_problem(load_with(None, &variables));
        assert!(
            problem.starts_with("WEBHOOKS_AMQP__URL ") && problem.contains(reason),
            "{problem}"
        );
    }
}

#[test]
fn mail_needs_a_server_and_somebody_to_write_to() {
    let server = ("WEBHOOKS_NOTIFY__SMTP_URL", "smtp://mail.example.com:25");
    let to = ("WEBHOOKS_NOTIFY__MAIL_TO", "a@example.com, b@example.com");
    assert_eq!(
        only_problem(load(&[server])),
        format!("{} is required when notify.smtp_url is set", to.0)
    );
    assert_eq!(
        only_problem(load(&[to])),
        format!("{} is required when notify.mail_to is set", server.0)
    );
    let bad = ("WEBHOOKS_NOTIFY__MAIL_TO", "a@example.com\r\nBcc: b@example.com");
    assert!(only_problem(load(&[server, bad])).starts_with("WEBHOOKS_NOTIFY__MAIL_TO must be mail addresses"));
    let mail = load(&[server, to]).unwrap().notify.mail.unwrap();
    assert_eq!(
        (mail.to, mail.from),
        (
            vec!["a@example.com".to_owned(), "b@example.com".to_owned()],
            "webhooks@localhost".to_owned()
        )
    );
}
