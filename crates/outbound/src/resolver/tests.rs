use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
use hickory_resolver::proto::op::{Message, MessageType, ResponseCode};
use hickory_resolver::proto::rr::{RData, Record, RecordType};
use tokio::net::UdpSocket;
use tokio::task::JoinHandle;

use super::*;

/// A name server that knows `hooks.example.com`, and nothing else, and remembers what it was asked.
struct NameServer {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    serving: JoinHandle<()>,
}

impl NameServer {
    async fn start(answers: bool) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let remembered = asked.clone();
        let serving = tokio::spawn(async move {
            let mut buffer = [0; 4096];
            while let Ok((length, client)) = socket.recv_from(&mut buffer).await {
                let question = Message::from_vec(&buffer[..length]).unwrap();
                remembered.lock().unwrap().push(question.queries[0].name().to_string());
                if answers {
                    socket.send_to(&answer(&question).to_vec().unwrap(), client).await.unwrap();
                }
            }
        });
        Self { address, asked, serving }
    }

    /// A resolver of a machine with a search list, as in a company's network or a cluster.
    fn resolver(&self) -> HickoryResolver {
        let mut connection = ConnectionConfig::udp();
        connection.port = self.address.port();
        let server = NameServerConfig::new(self.address.ip(), true, vec![connection]);
        let corporate = "corp.internal.".parse().unwrap();
        let config = ResolverConfig::from_parts(None, vec![corporate], vec![server]);
        let builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
        HickoryResolver::from_builder(builder).unwrap()
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn answer(question: &Message) -> Message {
    let query = question.queries[0].clone();
    let name = query.name().clone();
    let mut answer = Message::response(question.id, question.op_code);
    answer.metadata.message_type = MessageType::Response;
    answer.add_query(query.clone());
    let data = match query.query_type() {
        _ if name.to_string() != "hooks.example.com." => {
            answer.metadata.response_code = ResponseCode::NXDomain;
            return answer;
        }
        RecordType::A => RData::A("192.0.2.1".parse().unwrap()),
        _ => RData::AAAA("2001:db8::1".parse().unwrap()),
    };
    answer.add_answer(Record::from_rdata(name, 60, data));
    answer
}

#[test]
fn a_name_is_made_absolute_once() {
    assert_eq!(absolute("hooks.example.com"), "hooks.example.com.");
    assert_eq!(absolute("hooks.example.com."), "hooks.example.com.");
}

#[tokio::test]
async fn all_addresses_of_both_families_are_found_and_cached() {
    let server = NameServer::start(true).await;
    let resolver = server.resolver();
    for _ in 0..3 {
        let mut addresses = resolver.resolve("hooks.example.com").await.unwrap();
        addresses.sort_unstable();
        assert_eq!(addresses, ["192.0.2.1".parse::<IpAddr>().unwrap(), "2001:db8::1".parse().unwrap()]);
    }
    assert_eq!(*server.asked.lock().unwrap(), ["hooks.example.com.", "hooks.example.com."]);
}

#[tokio::test]
async fn an_unknown_name_is_not_looked_for_in_the_search_list() {
    let server = NameServer::start(true).await;
    let error = server.resolver().resolve("intranet").await.unwrap_err();
    assert!(matches!(error, ResolveError::NotFound), "{error:?}");
    assert!(server.asked.lock().unwrap().iter().all(|name| name == "intranet."));
}

#[tokio::test]
async fn a_silent_name_server_costs_the_lookup_timeout() {
    let server = NameServer::start(false).await;
    let started = std::time::Instant::now();
    let error = server.resolver().resolve("hooks.example.com").await.unwrap_err();
    assert!(matches!(error, ResolveError::Timeout), "{error:?}");
    assert!(started.elapsed() < LOOKUP_TIMEOUT + Duration::from_secs(3), "{:?}", started.elapsed());
}

#[tokio::test]
async fn the_hosts_file_is_read() {
    let addresses = HickoryResolver::from_system().unwrap().resolve("localhost").await.unwrap();
    assert!(!addresses.is_empty() && addresses.iter().all(IpAddr::is_loopback), "{addresses:?}");
}

#[tokio::test]
async fn a_name_that_cannot_exist_is_not_found() {
    let error = HickoryResolver::from_system().unwrap().resolve("nowhere.invalid").await.unwrap_err();
    assert!(matches!(error, ResolveError::NotFound), "{error:?}");
}
