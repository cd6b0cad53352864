//! Names, with name servers that respond, fail, stay silent or lie.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::Outcome;
use hickory_resolver::proto::rr::RecordType;
use outbound::{HickoryResolver, NameServerSource, Outbound, Resolve, ResolveError};
use testkit::certificates::TestCa;
use testkit::name_server::{DnsReply, NameServer, many_addresses};
use testkit::receiver::{Answer, Receiver};

use crate::setup::{endpoint, post, resident_kib, settings};

/// Time for a delivery whose name servers work.
const SOON: Duration = Duration::from_secs(1);
const HOST: &str = "hooks.example.com";

fn resolver_of(server: &NameServer, lookup_timeout: Duration) -> HickoryResolver {
    let none = std::path::PathBuf::from("/nonexistent");
    let source = NameServerSource {
        addresses: vec![server.address()],
        resolv_conf: none.clone(),
        hosts: none,
    };
    HickoryResolver::new(source, lookup_timeout).unwrap()
}

fn resolver(server: &NameServer) -> HickoryResolver {
    resolver_of(server, HickoryResolver::LOOKUP_TIMEOUT)
}

async fn server(replies: &[(&str, DnsReply)]) -> NameServer {
    let server = NameServer::start().await.unwrap();
    for (name, reply) in replies {
        server.answer(name, reply.clone());
    }
    server
}

fn addresses(texts: &[&str]) -> Vec<IpAddr> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

#[tokio::test]
async fn all_addresses_of_both_families_are_found_and_cached() {
    let server = server(&[(HOST, DnsReply::addresses(["192.0.2.1", "2001:db8::1"]))]).await;
    let resolver = resolver(&server);
    for _ in 0..3 {
        let found = resolver.resolve(HOST).await.unwrap();
        assert_eq!(found, addresses(&["192.0.2.1", "2001:db8::1"]));
    }
    assert_eq!(server.asked().len(), 2);
}

#[tokio::test]
async fn a_name_may_have_underscores() {
    let server = server(&[("my_hook._x.example.com", DnsReply::addresses(["192.0.2.1"]))]).await;
    assert_eq!(
        resolver(&server).resolve("my_hook._x.example.com").await.unwrap(),
        addresses(&["192.0.2.1"])
    );
}

#[tokio::test]
async fn an_unknown_name_is_not_found_and_not_looked_for_elsewhere() {
    let server = server(&[]).await;
    let error = resolver(&server).resolve("intranet").await.unwrap_err();
    assert!(matches!(error, ResolveError::NotFound), "{error:?}");
    assert!(
        server.asked().iter().all(|(name, _)| name == "intranet"),
        "{:?}",
        server.asked()
    );
}

#[tokio::test]
async fn one_family_that_is_not_answered_for_costs_nobody_time() {
    for (silent, there) in [(RecordType::AAAA, "192.0.2.1"), (RecordType::A, "2001:db8::1")] {
        for reply in [
            DnsReply::silence(),
            DnsReply::servfail(),
            DnsReply::addresses([]).delay(Duration::from_secs(3)),
        ] {
            let server = server(&[(HOST, DnsReply::addresses([there]))]).await;
            server.answer_type(HOST, silent, reply.clone());
            let resolver = resolver(&server);
            for _ in 0..2 {
                let started = Instant::now();
                assert_eq!(
                    resolver.resolve(HOST).await.unwrap(),
                    addresses(&[there]),
                    "{silent} {reply:?}"
                );
                assert!(
                    started.elapsed() < SOON,
                    "{silent} {reply:?} took {:?}",
                    started.elapsed()
                );
            }
        }
    }
}

/// End to end: ten deliveries, each over a connection of its own.
#[tokio::test]
async fn a_name_server_that_ignores_ipv6_delays_no_delivery() {
    let server = server(&[(HOST, DnsReply::addresses(["127.0.0.1"]).ttl(0))]).await;
    server.answer_type(HOST, RecordType::AAAA, DnsReply::silence());
    let (outbound, receiver) = receiver_named(&server).await;
    receiver.answer(Answer::ok().header("connection", "close"));
    let endpoint = endpoint(&receiver.url_as(HOST, "/"));
    for n in 0..10 {
        let attempt = post(&outbound, &endpoint, &format!("msg_{n}")).await;
        assert_eq!(attempt.outcome, Outcome::Success, "{attempt:?}");
        assert!(attempt.response_time < SOON, "{attempt:?}");
    }
}

async fn receiver_named(server: &NameServer) -> (Outbound, Receiver) {
    let ca = TestCa::new();
    let receiver = Receiver::builder(&ca)
        .identity(ca.issue(&[HOST]))
        .start()
        .await
        .unwrap();
    let outbound = Outbound::new(settings(ca.roots(), &["127.0.0.1/32"]), Arc::new(resolver(server))).unwrap();
    (outbound, receiver)
}

/// An underscore in the name, and an address of a NAT64 translator beside the receiver's own, as DNS64 makes it.
#[tokio::test]
async fn a_delivery_goes_by_whatever_name_the_zone_holds() {
    const ODD: &str = "my_hooks.example.com";
    let server = server(&[(ODD, DnsReply::addresses(["127.0.0.1", "64:ff9b::127.0.0.1"]))]).await;
    let ca = TestCa::new();
    let receiver = Receiver::builder(&ca).identity(ca.issue(&[ODD])).start().await.unwrap();
    let outbound = Outbound::new(settings(ca.roots(), &["127.0.0.1/32"]), Arc::new(resolver(&server))).unwrap();
    let attempt = post(&outbound, &endpoint(&receiver.url_as(ODD, "/")), "msg_1").await;
    assert_eq!(
        (attempt.outcome, receiver.count()),
        (Outcome::Success, 1),
        "{attempt:?}"
    );
}

/// A zone that fails while other names resolve is the receiver's failure, however many there are.
#[tokio::test]
async fn a_zone_that_fails_is_the_receivers() {
    for reply in [DnsReply::servfail(), DnsReply::silence(), DnsReply::refused()] {
        let server = server(&[
            ("good.example", DnsReply::addresses(["192.0.2.1"])),
            ("*.bad.example", reply.clone()),
        ])
        .await;
        let resolver = resolver_of(&server, SOON);
        resolver.resolve("good.example").await.unwrap();
        for n in 0..5 {
            let error = resolver.resolve(&format!("{n}.bad.example")).await.unwrap_err();
            assert!(
                matches!(error, ResolveError::Failed(_) | ResolveError::Timeout),
                "{reply:?} {error:?}"
            );
        }
        assert!(resolver.is_healthy());
    }
}

#[tokio::test]
async fn a_single_name_that_fails_is_the_receivers_also_when_nothing_else_is_known() {
    for reply in [DnsReply::servfail(), DnsReply::silence()] {
        let server = server(&[("bad.example", reply.clone())]).await;
        let resolver = resolver_of(&server, SOON);
        for _ in 0..2 {
            let error = resolver.resolve("bad.example").await.unwrap_err();
            assert!(
                matches!(error, ResolveError::Failed(_) | ResolveError::Timeout),
                "{reply:?} {error:?}"
            );
        }
        assert!(resolver.is_healthy());
    }
}

#[tokio::test]
async fn when_no_name_resolves_it_is_ours_until_one_does() {
    for reply in [DnsReply::servfail(), DnsReply::refused(), DnsReply::silence()] {
        let server = server(&[("*.example", DnsReply::addresses(["192.0.2.1"]).ttl(0))]).await;
        let resolver = resolver_of(&server, SOON);
        for name in ["a.example", "b.example", "c.example"] {
            resolver.resolve(name).await.unwrap();
        }
        server.answer_everything(reply.clone());
        for name in ["d.example", "a.example", "e.example"] {
            let error = resolver.resolve(name).await.unwrap_err();
            assert!(matches!(error, ResolveError::Ours(_)), "{name} {reply:?} {error:?}");
        }
        assert!(!resolver.is_healthy());
        server.answer_everything(DnsReply::addresses(["192.0.2.1"]));
        resolver.resolve("a.example").await.unwrap();
        assert!(resolver.is_healthy());
        let unknown = DnsReply::unknown();
        server.answer("f.example", unknown);
        assert!(matches!(
            resolver.resolve("f.example").await.unwrap_err(),
            ResolveError::NotFound
        ));
    }
}

#[tokio::test]
async fn when_nothing_ever_resolved_several_hosts_show_that_it_is_ours() {
    let server = server(&[("*", DnsReply::servfail())]).await;
    let resolver = resolver(&server);
    for (name, ours) in [
        ("a.example", false),
        ("b.example", false),
        ("b.example", false),
        ("c.example", true),
        ("a.example", true),
    ] {
        let error = resolver.resolve(name).await.unwrap_err();
        assert_eq!(matches!(error, ResolveError::Ours(_)), ours, "{name} {error:?}");
    }
}

#[tokio::test]
async fn a_name_server_that_is_away_is_ours_for_the_first_host() {
    let server = server(&[]).await;
    let resolver = resolver_of(&server, SOON);
    drop(server);
    let error = resolver.resolve("a.example").await.unwrap_err();
    assert!(matches!(error, ResolveError::Ours(_)), "{error:?}");
}

#[tokio::test]
async fn trouble_with_names_is_an_outcome_of_ours_and_shows_in_the_health() {
    let server = server(&[]).await;
    let (outbound, receiver) = receiver_named(&server).await;
    let endpoint = endpoint(&receiver.url_as(HOST, "/"));
    assert!(outbound.health().is_good());
    drop(server);
    let attempt = post(&outbound, &endpoint, "msg_1").await;
    assert_eq!(
        (attempt.outcome, attempt.error),
        (Outcome::LocalError, Some("local error: no name server responds"))
    );
    assert!(!outbound.health().names && outbound.health().proxy && outbound.health().network);
}

#[tokio::test]
async fn a_cluster_name_that_only_a_search_list_completes_is_explained() {
    let server = server(&[]).await;
    let (outbound, _receiver) = receiver_named(&server).await;
    let attempt = post(&outbound, &endpoint("https://erp.default.svc/"), "msg_1").await;
    let words = "name not found (use the full name, ending in .svc.cluster.local)";
    assert_eq!((attempt.outcome, attempt.error), (Outcome::DnsError, Some(words)));
}

#[tokio::test]
async fn of_a_large_answer_a_few_addresses_are_looked_at() {
    let many = many_addresses(1000);
    let large = DnsReply::addresses(many.iter().map(String::as_str)).over_tcp();
    let server = server(&[(HOST, large)]).await;
    server.answer_type(HOST, RecordType::AAAA, DnsReply::addresses([]));
    assert_eq!(resolver(&server).resolve(HOST).await.unwrap().len(), 64);
}

/// A hostile zone: a name for each webhook, and responses of maximum size, with a TTL of a day.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_answers_do_not_fill_the_memory() {
    const NAMES: usize = 60;
    let many = many_addresses(2000);
    let large = DnsReply::addresses(many.iter().map(String::as_str))
        .ttl(86_400)
        .over_tcp();
    let server = server(&[("*.h.example", large)]).await;
    let resolver = resolver(&server);
    for n in 0..3 {
        resolver.resolve(&format!("warm-{n}.h.example")).await.unwrap();
    }
    let before = resident_kib();
    for n in 0..NAMES {
        resolver.resolve(&format!("{n}.h.example")).await.unwrap();
    }
    let grown = resident_kib().saturating_sub(before);
    assert!(grown < 12 * 1024, "{NAMES} names grew it by {grown} KiB");
}

#[tokio::test]
async fn the_hosts_file_goes_before_the_name_servers() {
    let source = NameServerSource {
        addresses: vec![([127, 0, 0, 1], 1).into()],
        ..NameServerSource::default()
    };
    let resolver = HickoryResolver::new(source, SOON).unwrap();
    let found = resolver.resolve("localhost").await.unwrap();
    assert!(!found.is_empty() && found.iter().all(IpAddr::is_loopback), "{found:?}");
}
