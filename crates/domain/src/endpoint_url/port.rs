//! Ports: another service may interpret a POST to its port as a command.

/// Of the system ports (RFC 6335 §6), all of which are assigned to services, those of the web.
const WEB_SYSTEM_PORTS: [u16; 2] = [80, 443];

/// The last system port.
const LAST_SYSTEM_PORT: u16 = 1023;

/// Well-known services among the user ports, sorted.
const OTHER_SERVICES: [u16; 70] = [
    1080, 1433, 1434, 1521, 1719, 1720, 1723, 1883, // SOCKS, SQL Server, Oracle, H.323, PPTP, MQTT
    2049, 2181, 2375, 2376, 2379, 2380, // NFS, ZooKeeper, Docker, etcd
    3128, 3306, 3389, 3659, // Squid, MySQL, RDP, SASL
    4045, 4190, 4222, 4369, // NFS locks, ManageSieve, NATS, Erlang port mapper
    5060, 5061, 5222, 5269, 5353, 5432, 5671, 5672, // SIP, XMPP, mDNS, PostgreSQL, AMQP
    5900, 5984, 5985, 5986, // VNC, CouchDB, WinRM
    6000, 6379, 6380, 6432, 6443, 6514, 6566, // X11, Redis, PgBouncer, Kubernetes, syslog, SANE
    6665, 6666, 6667, 6668, 6669, 6679, 6697, // IRC
    7000, 7199, 8125, 8500, 8600, 8883, // Cassandra, StatsD, Consul, MQTT
    9042, 9092, 9093, 9160, 9200, 9300, 9418, // Cassandra, Kafka, Elasticsearch, git
    10080, 10250, 10255, 11211, 15671, 15672, 25672, 26257,
    27017, // Amanda, kubelet, memcached, RabbitMQ, CockroachDB, MongoDB
];

/// Whether a webhook may post to the port.
pub(super) fn is_allowed(port: u16) -> bool {
    if port <= LAST_SYSTEM_PORT {
        WEB_SYSTEM_PORTS.contains(&port)
    } else {
        OTHER_SERVICES.binary_search(&port).is_err()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_services_are_sorted() {
        assert!(OTHER_SERVICES.is_sorted());
    }

    #[test]
    fn web_ports_are_allowed() {
        for port in [80, 443, 1024, 3000, 4443, 8000, 8080, 8443, 9443, 32768, 65535] {
            assert!(is_allowed(port), "{port}");
        }
    }

    #[test]
    fn ports_of_other_services_are_not() {
        for port in [
            0, 1, 22, 25, 53, 110, 143, 445, 1023, 3306, 5432, 5672, 6379, 9200, 11211, 15672, 27017,
        ] {
            assert!(!is_allowed(port), "{port}");
        }
    }
}
