//! Defaults, then the file, then the environment.

use std::array::from_fn;
use std::time::Duration;

use runtime::logs::LogFormat;
use store::{SecretKey, SecretKeys};

use super::*;

/// The keys are alike when their ids are, which are hashes of them.
fn shown(key: [u8; 32], previous: &[[u8; 32]]) -> String {
    let previous = previous.iter().map(SecretKey::new).collect();
    format!("{:?}", SecretKeys::new(SecretKey::new(&key), previous))
}

fn shown_keys(settings: &Settings) -> String {
    format!("{:?}", settings.secrets)
}

#[test]
fn what_is_not_given_has_its_default() {
    let settings = load(&[]).unwrap();
    assert_eq!(settings.database.pool_size, 8);
    assert_eq!(settings.http.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(settings.http.public_url.as_str(), "http://127.0.0.1:8080/");
    assert_eq!(settings.http.base_path.prefix(), "");
    assert_eq!(settings.retry.ladder(), [60, 300, 1800].map(Duration::from_secs));
    assert_eq!(settings.auto_pause.after, 10);
    assert_eq!(settings.retention.days, 30);
    assert_eq!(
        (settings.sender.concurrency, settings.sender.per_webhook_concurrency),
        (512, 64)
    );
    assert_eq!(settings.sender.database_patience, Duration::from_secs(60));
    assert_eq!(settings.egress.timeout, Duration::from_secs(15));
    assert_eq!(settings.egress.connect_timeout, Duration::from_secs(5));
    assert!(settings.egress.allow_networks.is_empty() && settings.egress.proxy.is_none());
    assert!(!settings.egress.address_policy().allows_local_names());
    assert_eq!(settings.egress.address_policy(), domain::AddressPolicy::public_only());
    assert_eq!(settings.events.max_bytes, 262_144);
    assert_eq!(settings.shutdown.grace, Duration::from_secs(25));
    assert_eq!(shown_keys(&settings), shown(KEY_BYTES, &[]));
}

#[test]
fn the_programs_differ_in_their_telemetry_port_only() {
    let listen = |program| {
        Settings::load_from(program, None, owned(&REQUIRED))
            .unwrap()
            .telemetry
            .listen
            .to_string()
    };
    assert_eq!(listen(Program::Fanout), "127.0.0.1:9101");
    assert_eq!(listen(Program::Sender), "127.0.0.1:9102");
}

#[test]
fn the_environment_wins_over_the_file_and_the_file_over_the_defaults() {
    let file = file("[sender]\nconcurrency = 100\nper_webhook_concurrency = 10\n[retry]\ndelays = [\"1s\", \"2s\"]\n");
    let variables = [&REQUIRED[..], &[("WEBHOOKS_SENDER__CONCURRENCY", "200")]].concat();
    let settings = load_with(Some(file.path()), &variables).unwrap();
    assert_eq!(settings.sender.concurrency, 200);
    assert_eq!(settings.sender.per_webhook_concurrency, 10);
    assert_eq!(settings.retry.ladder(), [1, 2].map(Duration::from_secs));
    let shown = settings.redacted();
    assert!(
        shown.contains("concurrency = 200  # WEBHOOKS_SENDER__CONCURRENCY\n"),
        "{shown}"
    );
    assert!(
        shown.contains(&format!("per_webhook_concurrency = 10  # {}\n", file.path().display())),
        "{shown}"
    );
    assert!(shown.contains("days = 30  # default\n"), "{shown}");
}

#[test]
fn every_setting_can_be_a_variable() {
    let settings = load(&[
        ("WEBHOOKS_DATABASE__POOL_SIZE", "3"),
        ("WEBHOOKS_HTTP__LISTEN", "[::1]:80"),
        ("WEBHOOKS_HTTP__PUBLIC_URL", "https://crm.example.com"),
        ("WEBHOOKS_HTTP__BASE_PATH", "/apps/webhooks/"),
        ("WEBHOOKS_TELEMETRY__LISTEN", "0.0.0.0:9100"),
        ("WEBHOOKS_RETRY__DELAYS", "2s, 90s"),
        ("WEBHOOKS_RETRY__CLIENT_ERRORS", "true"),
        ("WEBHOOKS_AUTO_PAUSE__AFTER", "0"),
        ("WEBHOOKS_RETENTION__DAYS", "7"),
        ("WEBHOOKS_EGRESS__ALLOW_NETWORKS", "127.0.0.0/8,::1, 10.1.2.3/16"),
        ("WEBHOOKS_EGRESS__DENY_NETWORKS", "10.1.9.0/24"),
        ("WEBHOOKS_EGRESS__PUBLIC_ADDRESSES", "192.0.2.7, 2001:db8::/64"),
        ("WEBHOOKS_EGRESS__NAT64_PREFIXES", "64:ff9b::/96,2001:db8:64::/96"),
        ("WEBHOOKS_EGRESS__NAME_SERVERS", "10.0.0.53, 10.0.0.54:5353,::1"),
        ("WEBHOOKS_EGRESS__PROXY", "http://proxy:3128"),
        ("WEBHOOKS_EVENTS__MAX_BYTES", "1024"),
        ("WEBHOOKS_SHUTDOWN__GRACE", "1m"),
        ("WEBHOOKS_LOG__FORMAT", "text"),
        ("RUST_LOG", "debug,hyper=off"),
    ])
    .unwrap();
    assert_eq!(settings.database.pool_size, 3);
    assert_eq!(settings.http.listen.to_string(), "[::1]:80");
    assert_eq!(settings.http.public_url.as_str(), "https://crm.example.com/");
    assert_eq!(settings.http.base_path.prefix(), "/apps/webhooks");
    assert_eq!(settings.telemetry.listen.to_string(), "0.0.0.0:9100");
    assert_eq!(settings.retry.ladder(), [2, 90].map(Duration::from_secs));
    assert_eq!(settings.auto_pause.after, 0);
    assert_eq!(settings.retention.days, 7);
    let networks: Vec<_> = settings.egress.allow_networks.iter().map(ToString::to_string).collect();
    assert_eq!(networks, ["127.0.0.0/8", "::1/128", "10.1.0.0/16"]);
    let policy = settings.egress.address_policy();
    assert!(policy.allows_local_names());
    for (address, permitted) in [
        ("10.1.8.1", true),
        ("10.1.9.1", false),
        ("2001:db8:64::10.1.8.1", true),
        ("2001:db8:64::10.1.9.1", false),
    ] {
        assert_eq!(policy.permits(address.parse().unwrap()), permitted, "{address}");
    }
    let name_servers: Vec<_> = settings.egress.name_servers.iter().map(ToString::to_string).collect();
    assert_eq!(name_servers, ["10.0.0.53:53", "10.0.0.54:5353", "[::1]:53"]);
    assert_eq!(settings.egress.public_addresses(), ["192.0.2.7", "2001:db8::/64"]);
    assert_eq!(settings.egress.proxy.unwrap().to_string(), "http://proxy:3128");
    assert_eq!(settings.events.max_bytes, 1024);
    assert_eq!(settings.shutdown.grace, Duration::from_secs(60));
    assert_eq!(settings.log.format, LogFormat::Text);
    assert_eq!(settings.log.levels, "debug,hyper=off");
}

#[test]
fn a_network_of_all_addresses_is_allowed_with_a_warning() {
    let warnings = |networks| {
        let settings = load(&[("WEBHOOKS_EGRESS__ALLOW_NETWORKS", networks)]).unwrap();
        let warnings: Vec<_> = settings.warnings().iter().map(ToString::to_string).collect();
        for warning in &warnings {
            assert!(
                settings.redacted().starts_with(&format!("# Warning: {warning}\n")),
                "{}",
                settings.redacted()
            );
        }
        warnings
    };
    let everything =
        "WEBHOOKS_EGRESS__ALLOW_NETWORKS holds 0.0.0.0/0: every account may have its events sent to any address";
    assert_eq!(warnings("0.0.0.0/0"), [everything]);
    assert_eq!(warnings("10.0.0.0/8,::/0").len(), 1);
    assert!(warnings("10.0.0.0/8,fd00::/8").is_empty());
}

#[test]
fn an_empty_variable_counts_as_unset() {
    let file = file("[sender]\nconcurrency = 100\n");
    let variables = [
        &REQUIRED[..],
        &[
            ("WEBHOOKS_SENDER__CONCURRENCY", ""),
            ("WEBHOOKS_NO__SUCH", " "),
            ("RUST_LOG", ""),
        ],
    ]
    .concat();
    assert_eq!(
        load_with(Some(file.path()), &variables).unwrap().sender.concurrency,
        100
    );
}

#[test]
fn variables_of_others_are_left_alone() {
    load(&[
        ("PATH", "/bin"),
        ("WEBHOOK_URL", "x"),
        ("webhooks_amqp__url", "x"),
        ("HTTPS_PROXY", "http://p"),
    ])
    .unwrap();
}

#[test]
fn a_lowered_whole_lowers_the_default_of_its_part() {
    let settings = load(&[
        ("WEBHOOKS_SENDER__CONCURRENCY", "8"),
        ("WEBHOOKS_EGRESS__TIMEOUT", "750ms"),
    ])
    .unwrap();
    assert_eq!(settings.sender.per_webhook_concurrency, 8);
    assert_eq!(settings.egress.connect_timeout, Duration::from_millis(750));
}

#[test]
fn a_secret_that_looks_like_a_number_stays_as_it_is() {
    // 32 bytes in base64 without its padding, which is also the number 0.
    let key = "0".repeat(43);
    let settings = load(&[("WEBHOOKS_SECRETS__KEY", &key)]).unwrap();
    let bytes = from_fn(|index| [0xd3, 0x4d, 0x34][index % 3]);
    assert_eq!(shown_keys(&settings), shown(bytes, &[]));
}

#[test]
fn secrets_come_from_files() {
    let (amqp, key, previous) = (file("amqp://u:p@h\n"), file(KEY), file(&format!("{KEY}\r\n{KEY}\n")));
    let path = |file: &tempfile::NamedTempFile| file.path().to_str().unwrap().to_owned();
    let variables = [
        ("WEBHOOKS_AMQP__URL_FILE", path(&amqp)),
        ("WEBHOOKS_DATABASE__URL", DATABASE.1.to_owned()),
        ("WEBHOOKS_SECRETS__KEY_FILE", path(&key)),
        ("WEBHOOKS_SECRETS__PREVIOUS_KEYS_FILE", path(&previous)),
    ];
    let variables = variables.map(|(name, value)| (name.to_owned(), value));
    let settings = Settings::load_from(Program::Sender, None, variables).unwrap();
    assert_eq!(settings.amqp.url, "amqp://u:p@h".parse().unwrap());
    assert_eq!(shown_keys(&settings), shown(KEY_BYTES, &[KEY_BYTES; 2]));
    assert!(settings.redacted().contains(&path(&amqp)), "{}", settings.redacted());
}

#[test]
fn a_secret_in_the_environment_wins_over_its_file_in_the_configuration_file_and_the_other_way_round() {
    let secret = file("amqp://from-file");
    let path = secret.path().to_str().unwrap();
    let rest = [DATABASE, REQUIRED[2]];
    let config = file(&format!("[amqp]\nurl_file = {path:?}\n"));
    let settings = load_with(Some(config.path()), &[&rest[..], &[AMQP]].concat()).unwrap();
    assert_eq!(settings.amqp.url, AMQP.1.parse().unwrap());
    assert_eq!(
        load_with(Some(config.path()), &rest).unwrap().amqp.url,
        "amqp://from-file".parse().unwrap()
    );
    let config = file("[amqp]\nurl = \"amqp://in-place\"\n");
    let settings = load_with(
        Some(config.path()),
        &[&rest[..], &[("WEBHOOKS_AMQP__URL_FILE", path)]].concat(),
    )
    .unwrap();
    assert_eq!(settings.amqp.url, "amqp://from-file".parse().unwrap());
}

#[test]
fn an_empty_list_of_secrets_does_not_stand_in_the_way_of_a_file() {
    let previous = file(KEY);
    let path = previous.path().to_str().unwrap();
    let settings = load_file(&format!(
        "[secrets]\nprevious_keys = []\nprevious_keys_file = {path:?}\n"
    ))
    .unwrap();
    assert_eq!(shown_keys(&settings), shown(KEY_BYTES, &[KEY_BYTES; 1]));
}

#[test]
fn previous_keys_are_a_list_in_a_file_and_in_a_variable() {
    let settings = load(&[("WEBHOOKS_SECRETS__PREVIOUS_KEYS", &format!("{KEY}, {KEY}"))]).unwrap();
    assert_eq!(shown_keys(&settings), shown(KEY_BYTES, &[KEY_BYTES; 2]));
    let settings = load_file(&format!("[secrets]\nprevious_keys = [\"{KEY}\"]\n")).unwrap();
    assert_eq!(shown_keys(&settings), shown(KEY_BYTES, &[KEY_BYTES; 1]));
}
