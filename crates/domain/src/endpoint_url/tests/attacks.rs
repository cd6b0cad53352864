//! SSRF attacks: URLs that make a server call itself, its neighbours or an unexpected host are refused when a URL is
//! saved. URLs that only look like an attack, or that DNS decides, are accepted here and checked again at the dial.

use super::EndpointUrlError::*;
use super::{accepts, public, rejects};

#[test]
fn odd_but_harmless_urls_are_accepted() {
    // The `@` is in the query: every parser agrees on the host.
    accepts("https://good.com?@127.0.0.1/", "https://good.com/?@127.0.0.1/");
    accepts("https://good.com/@127.0.0.1", "https://good.com/@127.0.0.1");
    // Encoded line breaks stay encoded.
    accepts("https://example.com/%0d%0aX:y", "https://example.com/%0d%0aX:y");
    // Look-alikes are stored and shown in the form DNS sees.
    accepts("https://xn--zca.de/", "https://xn--zca.de/");
    accepts("https://ß.de/", "https://xn--zca.de/");
    accepts("https://аpple.com/", "https://xn--pple-43d.com/");
    accepts("https://example.com。evil.com/", "https://example.com.evil.com/");
    // Public names that resolve to loopback: the dial is refused, the name cannot be known here.
    accepts("https://127.0.0.1.nip.io/", "https://127.0.0.1.nip.io/");
    accepts("https://localtest.me/", "https://localtest.me/");
    accepts("https://0x7f000001.sslip.io/", "https://0x7f000001.sslip.io/");
    // A local suffix counts by whole labels.
    accepts("https://mylocalhost.com/", "https://mylocalhost.com/");
    accepts("https://notlocal.xlocal.net/", "https://notlocal.xlocal.net/");
}

#[test]
fn ipv4_that_is_not_public() {
    rejects(
        Address,
        &[
            "https://127.0.0.1/",
            "https://0.0.0.0/",
            "https://10.0.0.5/",
            "https://172.16.0.1/",
            "https://192.168.1.1/",
            "https://169.254.169.254/latest/meta-data/",
            "https://100.64.0.1/",
            "https://100.100.100.200/",
            "https://198.18.0.1/",
            "https://192.0.0.192/",
            "https://240.0.0.1/",
            "https://255.255.255.255/",
            "https://224.0.0.1/",
        ],
    );
}

#[test]
fn ipv4_in_disguise() {
    rejects(
        Address,
        &[
            "https://2130706433/",
            "https://0x7f000001/",
            "https://0177.0.0.1/",
            "https://017700000001/",
            "https://127.1/",
            "https://0x7f.1/",
            "https://0/",
            "https://127.0.0.1./",
            "https://%31%32%37.0.0.1/",
            "https://127。0。0。1/",
            "https://①②⑦.⓪.⓪.①/",
            "https://2852039166/",
            "https://0xA9FEA9FE/",
            "https://0251.0376.0251.0376/",
        ],
    );
}

#[test]
fn ipv6_that_is_not_public() {
    rejects(
        Address,
        &[
            "https://[::1]/",
            "https://[::]/",
            "https://[::ffff:127.0.0.1]/",
            "https://[::ffff:7f00:1]/",
            "https://[::ffff:a9fe:a9fe]/",
            "https://[::127.0.0.1]/",
            "https://[::ffff:0:127.0.0.1]/",
            "https://[64:ff9b::7f00:1]/",
            "https://[64:ff9b:1::a00:1]/",
            "https://[2002:7f00:1::]/",
            "https://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/",
            "https://[fe80::1]/",
            "https://[fd00:ec2::254]/",
            "https://[fec0::1]/",
            "https://[fc00::1]/",
            "https://[ff02::1]/",
            "https://[2001:db8::1]/",
            "https://[100::1]/",
            "https://[5f00::1]/",
            "https://[3fff::1]/",
        ],
    );
}

#[test]
fn local_names() {
    rejects(
        LocalName,
        &[
            "https://localhost/",
            "https://LOCALHOST/",
            "https://localhost./",
            "https://foo.localhost/",
            "https://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ/",
            "https://loc\u{200B}alhost/",
            "https://\u{00AD}localhost/",
            "https://metadata.google.internal/",
            "https://printer.local/",
            "https://router.home.arpa/",
            "https://hidden.onion/",
            "https://receiver.test/",
            "https://postgres.default.svc/",
            "https://postgres.default.svc.cluster.local/",
            "https://intranet/",
            "https://postgres/",
            "https://rabbitmq/",
            "https://com./",
        ],
    );
}

#[test]
fn user_info() {
    rejects(
        UserInfo,
        &[
            "https://good.com@127.0.0.1/",
            "https://good.com:443@127.0.0.1:8443/",
            "https://user:pw@example.com/",
            "https://127.0.0.1%2f@good.com/",
            "https://@example.com/",
            "https://:@example.com/",
        ],
    );
}

#[test]
fn fragments() {
    rejects(
        Fragment,
        &[
            "https://good.com#@127.0.0.1/",
            "https://good.com/#",
            "https://good.com/x?y#z",
        ],
    );
}

#[test]
fn characters_that_parsers_repair() {
    rejects(
        ForbiddenCharacter,
        &[
            "https://127.0.0.1\\@good.com/",
            "https://good.com\\@127.0.0.1/",
            "https:\\\\127.0.0.1\\x",
            "https://example.com/a\\b",
            "https://exa\tmple.com/",
            "https://exam\nple.com/",
            "ht\ntps://example.com/",
            "https://example.com/\r\nX-Injected: yes",
            "https://example.com/\n",
            "\thttps://example.com/",
            "https://a b.com/",
            "https://example.com/a b",
            "https://example.com/\u{00A0}",
            "https://example.com/\u{3000}",
            "https://example.com/\u{2028}",
            "https://example.com/\0",
            "https://example.com/\u{7f}",
            "https://example.com/\u{85}",
        ],
    );
}

#[test]
fn other_schemes_come_before_everything_but_characters() {
    rejects(
        HttpsRequired,
        &[
            "http://example.com/",
            "HTTP://example.com/",
            "http://user:pw@127.0.0.1:22/#x",
            "ftp://example.com/",
            "ldap://example.com/",
            "wss://example.com/",
            "gopher://127.0.0.1:6379/_x",
            "file:///etc/passwd",
            "data:text/plain,x",
            "jar:https://example.com/!/x",
            "javascript:alert(1)",
            "example.com/hook",
            "example.com:443",
            "//127.0.0.1/",
            "/hook",
            "https",
            "https:",
            "https:/127.0.0.1/",
            "https:127.0.0.1/",
            "https:example.com",
            "httpsx://example.com/",
            "ｈttps://example.com/",
            "é",
        ],
    );
}

#[test]
fn what_is_no_url() {
    rejects(
        Malformed,
        &[
            "https://",
            "https:///127.0.0.1/",
            "https:////example.com/",
            "https://?x",
            "https://:443/",
            "https://[::1",
            "https://[fe80::1%25eth0]/",
            "https://[fe80::1%eth0]/",
            "https://example.com:65536/",
            "https://example.com:443:80/",
            "https://example.com:x/",
            "https://256.256.256.256/",
            "https://1.2.3.4.5/",
            "https://0x100000000/",
            "https://a%00b.com/",
            "https://a<b.com/",
        ],
    );
}

#[test]
fn what_is_no_host_name() {
    rejects(
        HostName,
        &[
            "https://a..b/",
            "https://example.com../",
            "https://.example.com/",
            "https://-a.com/",
            "https://a-.com/",
            "https://example.c_m/",
            "https://exam!ple.com/",
            "https://*.example.com/",
            &format!("https://{}.com/", "a".repeat(64)),
            &format!("https://{}com/", "abcdefghi.".repeat(26)),
        ],
    );
    assert!(public(&format!("https://{}.com/", "a".repeat(63))).is_ok());
    assert!(public(&format!("https://{}com/", "abcdefghi.".repeat(25))).is_ok());
}

#[test]
fn ports_of_other_services() {
    for port in [0, 22, 25, 6379, 5672, 15672, 5432] {
        rejects(Port, &[&format!("https://example.com:{port}/")]);
    }
}
