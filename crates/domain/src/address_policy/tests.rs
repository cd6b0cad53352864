use proptest::prelude::*;

use super::*;

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn allowing(networks: &[&str]) -> AddressPolicy {
    AddressPolicy::allowing(networks.iter().map(|network| network.parse().unwrap()).collect())
}

/// The first and last address of each non-public range.
const RANGES: [(&str, &str); 31] = [
    ("0.0.0.0", "0.255.255.255"),
    ("10.0.0.0", "10.255.255.255"),
    ("100.64.0.0", "100.127.255.255"),
    ("127.0.0.0", "127.255.255.255"),
    ("168.63.129.16", "168.63.129.16"),
    ("169.254.0.0", "169.254.255.255"),
    ("172.16.0.0", "172.31.255.255"),
    ("192.0.0.0", "192.0.0.255"),
    ("192.0.2.0", "192.0.2.255"),
    ("192.88.99.0", "192.88.99.255"),
    ("192.168.0.0", "192.168.255.255"),
    ("198.18.0.0", "198.19.255.255"),
    ("198.51.100.0", "198.51.100.255"),
    ("203.0.113.0", "203.0.113.255"),
    ("224.0.0.0", "239.255.255.255"),
    ("240.0.0.0", "255.255.255.255"),
    ("::", "ff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("::ffff:0.0.0.0", "::ffff:255.255.255.255"),
    ("64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff"),
    ("100::", "100::ffff:ffff:ffff:ffff"),
    ("2001::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("4000::", "5eff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("5f00::", "5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("fd00:ec2::254", "fd00:ec2::254"),
    ("fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
];

/// Public addresses, most of them neighbours of a non-public range.
const PUBLIC: [&str; 34] = [
    "1.0.0.0",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.0",
    "169.253.255.255",
    "169.255.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "191.255.255.255",
    "192.0.1.0",
    "192.0.3.0",
    "192.88.98.255",
    "192.88.100.0",
    "192.167.255.255",
    "192.169.0.0",
    "198.17.255.255",
    "198.20.0.0",
    "198.51.99.255",
    "198.51.101.0",
    "203.0.112.255",
    "203.0.114.0",
    "223.255.255.255",
    "8.8.8.8",
    "2000::",
    "2001:200::",
    "2001:db7:ffff::",
    "2001:db9::",
    "2003::",
    "2606:4700::1",
    "3ffe:ffff::",
    "3fff:1000::",
];

#[test]
fn special_purpose_addresses_are_refused() {
    let policy = AddressPolicy::public_only();
    for (first, last) in RANGES {
        assert!(!policy.permits(address(first)), "{first}");
        assert!(!policy.permits(address(last)), "{last}");
    }
}

#[test]
fn public_addresses_are_permitted() {
    for text in PUBLIC {
        assert!(AddressPolicy::public_only().permits(address(text)), "{text}");
    }
}

#[test]
fn an_allowed_network_is_exempt_and_nothing_beside_it() {
    let policy = allowing(&["10.1.0.0/16", "fd00::/8"]);
    for text in [
        "10.1.0.0",
        "10.1.255.255",
        "::ffff:10.1.2.3",
        "fd00:ec3::254",
        "8.8.8.8",
    ] {
        assert!(policy.permits(address(text)), "{text}");
    }
    for text in [
        "10.0.255.255",
        "10.2.0.0",
        "127.0.0.1",
        "::ffff:10.2.0.0",
        "::ffff:8.8.8.8",
        "::10.1.2.3",
        "fc00::1",
    ] {
        assert!(!policy.permits(address(text)), "{text}");
    }
}

#[test]
fn an_allowed_network_may_be_written_as_mapped() {
    assert!(allowing(&["::ffff:10.1.0.0/112"]).permits(address("::ffff:10.1.2.3")));
}

/// DNS64 creates such addresses for every name that has IPv4 addresses only; a hostile name server may, too.
#[test]
fn an_address_behind_nat64_is_judged_by_the_ipv4_address_it_stands_for() {
    let open = allowing(&["64:ff9b::/96", "64::/16", "::/0"]);
    for policy in [AddressPolicy::public_only(), open] {
        assert!(policy.permits(address("64:ff9b::8.8.8.8")));
        for v4 in [
            "10.0.0.5",
            "127.0.0.1",
            "169.254.169.254",
            "168.63.129.16",
            "0.0.0.0",
            "224.0.0.1",
        ] {
            assert!(!policy.permits(address(&format!("64:ff9b::{v4}"))), "{v4}");
        }
    }
    assert!(allowing(&["10.0.0.0/8"]).permits(address("64:ff9b::10.0.0.5")));
}

#[test]
fn a_network_may_have_its_own_nat64_prefixes() {
    let own = |prefixes: &[&str]| {
        AddressPolicy::public_only().translating(prefixes.iter().map(|prefix| prefix.parse().unwrap()).collect())
    };
    // Inside a block that is otherwise public.
    let policy = own(&["2602:f000::/96", "64:ff9b:1::/48"]);
    assert!(policy.permits(address("2602:f000::8.8.8.8")));
    assert!(policy.permits(address("64:ff9b:1:808:8:800::")));
    for text in [
        "2602:f000::10.0.0.5",
        "2602:f000::a9fe:a9fe",
        "64:ff9b:1:a9fe:a9:fe00::",
        "64:ff9b::8.8.8.8",
    ] {
        assert!(!policy.permits(address(text)), "{text}");
    }
    assert!(!own(&[]).permits(address("64:ff9b::8.8.8.8")));
}

#[test]
fn a_denied_network_wins_over_everything_in_every_form() {
    let networks = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<IpNet>>();
    let policy = allowing(&["0.0.0.0/0", "::/0", "10.1.2.3/32"]).denying(networks(&[
        "10.1.0.0/16",
        "8.8.8.0/24",
        "2606:4700::/32",
        "::ffff:9.9.9.0/120",
    ]));
    for text in [
        "10.1.2.3",
        "::ffff:10.1.2.3",
        "64:ff9b::10.1.2.3",
        "8.8.8.8",
        "64:ff9b::8.8.8.8",
        "2606:4700::1",
    ] {
        assert!(!policy.permits(address(text)), "{text}");
    }
    for text in ["9.9.9.9", "2002:a01:203::1", "::10.1.2.3", "::ffff:0:10.1.2.3"] {
        assert!(!policy.permits(address(text)), "{text}");
    }
    for text in ["10.2.0.1", "8.8.4.4", "2606:4701::1", "::1", "127.0.0.1"] {
        assert!(policy.permits(address(text)), "{text}");
    }
}

/// Cloud credential services. An operator who allows a network means receivers in it.
#[test]
fn metadata_is_opened_by_its_very_address_only() {
    let wide = allowing(&[
        "0.0.0.0/0",
        "::/0",
        "169.254.0.0/16",
        "169.254.169.0/24",
        "fd00::/8",
        "fe80::/10",
    ]);
    let metadata = [
        "169.254.169.254",
        "168.63.129.16",
        "100.100.100.200",
        "192.0.0.192",
        "fd00:ec2::254",
        "fe80::1",
    ];
    for text in metadata {
        assert!(!wide.permits(address(text)), "{text}");
        assert!(
            allowing(&[text_as_network(text).as_str()]).permits(address(text)),
            "{text}"
        );
    }
    for text in [
        "::ffff:169.254.169.254",
        "64:ff9b::169.254.169.254",
        "2002:a9fe:a9fe::1",
        "::169.254.169.254",
    ] {
        assert!(!wide.permits(address(text)), "{text}");
    }
}

fn text_as_network(text: &str) -> String {
    IpNet::from(address(text)).to_string()
}

#[test]
fn one_forbidden_address_spoils_the_answer() {
    let policy = AddressPolicy::public_only();
    let all = |texts: &[&str]| policy.permits_all(&texts.iter().map(|text| address(text)).collect::<Vec<_>>());
    assert!(all(&["8.8.8.8", "2606:4700::1"]));
    assert!(!all(&["8.8.8.8", "10.0.0.5"]));
    assert!(!all(&["8.8.8.8", "::1"]));
    assert!(!all(&[]));
}

#[test]
fn local_names_follow_the_allowed_networks() {
    assert!(!AddressPolicy::public_only().allows_local_names());
    assert!(!AddressPolicy::allowing(vec![]).allows_local_names());
    assert!(allowing(&["127.0.0.0/8"]).allows_local_names());
}

/// The address `fraction`/2^32 of the way from `first` to `last`.
fn between(first: &str, last: &str, fraction: u32) -> IpAddr {
    let at = |first: u128, last: u128| first + (last - first) / u128::from(u32::MAX) * u128::from(fraction);
    match (address(first), address(last)) {
        (IpAddr::V4(first), IpAddr::V4(last)) => {
            let span = u64::from(u32::from(last) - u32::from(first));
            IpAddr::V4(Ipv4Addr::from(
                u32::from(first) + (span * u64::from(fraction) / u64::from(u32::MAX)) as u32,
            ))
        }
        (IpAddr::V6(first), IpAddr::V6(last)) => IpAddr::V6(Ipv6Addr::from(at(first.into(), last.into()))),
        _ => unreachable!("a range has one family"),
    }
}

proptest! {
    #[test]
    fn no_address_inside_a_range_is_permitted(range in 0..RANGES.len(), fraction: u32) {
        let (first, last) = RANGES[range];
        prop_assert!(!AddressPolicy::public_only().permits(between(first, last, fraction)));
    }

    #[test]
    fn no_form_that_carries_ipv4_is_permitted(inner: u32) {
        let carriers = [0xffff_0000_0000_u128, 0, 0xffff_0000_0000_0000, 0x2002 << 112 | 1];
        for carrier in carriers {
            let shift = if carrier >> 112 == 0x2002 { 80 } else { 0 };
            let address = Ipv6Addr::from(carrier | u128::from(inner) << shift);
            prop_assert!(!AddressPolicy::public_only().permits(address.into()), "{}", address);
        }
    }

    #[test]
    fn nat64_permits_what_ipv4_permits(inner: u32) {
        let v4 = Ipv4Addr::from(inner);
        let policy = AddressPolicy::public_only();
        let v6 = Ipv6Addr::from(0x64_ff9b << 96 | u128::from(inner));
        prop_assert_eq!(policy.permits(v6.into()), policy.permits(v4.into()));
    }

    #[test]
    fn what_the_standard_library_calls_private_is_refused(inner: u32) {
        let address = Ipv4Addr::from(inner);
        let special = address.is_private() || address.is_loopback() || address.is_link_local() || address.is_multicast()
            || address.is_broadcast() || address.is_documentation() || address.is_unspecified();
        prop_assert!(!(special && AddressPolicy::public_only().permits(address.into())));
    }
}
