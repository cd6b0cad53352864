//! A name server on loopback that responds, fails or stays silent as a test wants, over UDP and TCP.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hickory_resolver::proto::op::{Message, ResponseCode};
use hickory_resolver::proto::rr::rdata::SOA;
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::task::JoinHandle;
use tokio::time::sleep;

/// Both sockets need the same port, which another process may take between the two.
const BIND_TRIES: usize = 20;
/// Stands for every name.
const ANY: &str = "*";

/// A name server without names at first; dropping it stops it.
#[derive(Debug)]
pub struct NameServer {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    serving: [JoinHandle<()>; 2],
}

#[derive(Debug, Default)]
struct State {
    replies: HashMap<(String, Option<RecordType>), DnsReply>,
    asked: Vec<(String, RecordType)>,
}

/// The response to a query.
#[derive(Debug, Clone)]
pub struct DnsReply {
    what: What,
    addresses: Vec<IpAddr>,
    ttl: u32,
    delay: Duration,
    over_tcp: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Answer(ResponseCode),
    Silence,
}

impl DnsReply {
    /// The addresses of the queried family among these; without any, a response without addresses.
    pub fn addresses<'a>(addresses: impl IntoIterator<Item = &'a str>) -> Self {
        let addresses = addresses
            .into_iter()
            .map(|text| text.parse().expect("a test gives addresses"))
            .collect();
        Self {
            addresses,
            ..Self::code(ResponseCode::NoError)
        }
    }

    /// There is no such name.
    pub fn unknown() -> Self {
        Self::code(ResponseCode::NXDomain)
    }

    /// The name's zone cannot be resolved.
    pub fn servfail() -> Self {
        Self::code(ResponseCode::ServFail)
    }

    /// The server refuses such queries.
    pub fn refused() -> Self {
        Self::code(ResponseCode::Refused)
    }

    /// No response at all.
    pub fn silence() -> Self {
        Self {
            what: What::Silence,
            ..Self::unknown()
        }
    }

    /// TTL in seconds; 60 unless set. It also applies to negative responses.
    #[must_use]
    pub fn ttl(self, seconds: u32) -> Self {
        Self { ttl: seconds, ..self }
    }

    /// Waits before responding.
    #[must_use]
    pub fn delay(self, delay: Duration) -> Self {
        Self { delay, ..self }
    }

    /// Responds over UDP only with the flag that the response is truncated.
    #[must_use]
    pub fn over_tcp(self) -> Self {
        Self { over_tcp: true, ..self }
    }

    fn code(code: ResponseCode) -> Self {
        Self {
            what: What::Answer(code),
            addresses: Vec::new(),
            ttl: 60,
            delay: Duration::ZERO,
            over_tcp: false,
        }
    }
}

impl NameServer {
    /// Listens on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// When no port is free.
    pub async fn start() -> io::Result<Self> {
        let mut bound = Self::start_on(SocketAddr::from(([127, 0, 0, 1], 0))).await;
        for _ in 1..BIND_TRIES {
            if bound.is_ok() {
                break;
            }
            bound = Self::start_on(SocketAddr::from(([127, 0, 0, 1], 0))).await;
        }
        bound
    }

    /// Listens on this address.
    ///
    /// # Errors
    /// When the address cannot be bound, for UDP and for TCP.
    pub async fn start_on(address: SocketAddr) -> io::Result<Self> {
        let tcp = TcpListener::bind(address).await?;
        let address = tcp.local_addr()?;
        let udp = Arc::new(UdpSocket::bind(address).await?);
        let state = Arc::new(Mutex::new(State::default()));
        let serving = [
            tokio::spawn(serve_udp(udp, state.clone())),
            tokio::spawn(serve_tcp(tcp, state.clone())),
        ];
        Ok(Self {
            address,
            state,
            serving,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Responds to queries for a name from now on; `*.example.com` matches the names below, `*` all others.
    pub fn answer(&self, name: &str, reply: DnsReply) {
        lock(&self.state).replies.insert((name.to_lowercase(), None), reply);
    }

    /// The same for queries of one type only, which takes precedence.
    pub fn answer_type(&self, name: &str, of: RecordType, reply: DnsReply) {
        lock(&self.state).replies.insert((name.to_lowercase(), Some(of)), reply);
    }

    /// Responds to every query like this from now on, replacing former settings.
    pub fn answer_everything(&self, reply: DnsReply) {
        let replies = &mut lock(&self.state).replies;
        replies.clear();
        replies.insert((ANY.to_owned(), None), reply);
    }

    /// The queries so far: names without the final dot, and types.
    pub fn asked(&self) -> Vec<(String, RecordType)> {
        lock(&self.state).asked.clone()
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        for task in &self.serving {
            task.abort();
        }
    }
}

impl State {
    fn reply(&mut self, name: &Name, of: RecordType) -> DnsReply {
        let name = name.to_ascii().trim_end_matches('.').to_lowercase();
        self.asked.push((name.clone(), of));
        let parent = name
            .split_once('.')
            .map_or(String::new(), |(_, parent)| format!("*.{parent}"));
        let ways = [name.as_str(), parent.as_str(), ANY];
        let found = ways.into_iter().find_map(|way| {
            let typed = self.replies.get(&(way.to_owned(), Some(of)));
            typed.or_else(|| self.replies.get(&(way.to_owned(), None)))
        });
        found.cloned().unwrap_or_else(DnsReply::unknown)
    }
}

async fn serve_udp(socket: Arc<UdpSocket>, state: Arc<Mutex<State>>) {
    let mut buffer = [0; 4096];
    loop {
        // An error concerns an earlier response that could not be delivered, which the client handles.
        let Ok((length, client)) = socket.recv_from(&mut buffer).await else {
            continue;
        };
        let Ok(question) = Message::from_vec(&buffer[..length]) else {
            continue;
        };
        let socket = socket.clone();
        let state = state.clone();
        tokio::spawn(async move {
            if let Some(answer) = answer_to(&state, &question, false).await {
                let _ = socket.send_to(&answer, client).await;
            }
        });
    }
}

async fn serve_tcp(listener: TcpListener, state: Arc<Mutex<State>>) {
    while let Ok((stream, _)) = listener.accept().await {
        let state = state.clone();
        tokio::spawn(async move {
            // Connection errors are handled by the client.
            let _ = serve_stream(stream, &state).await;
        });
    }
}

/// Messages over TCP begin with their length (RFC 1035 §4.2.2).
async fn serve_stream(mut stream: TcpStream, state: &Mutex<State>) -> io::Result<()> {
    loop {
        let mut question = vec![0; usize::from(stream.read_u16().await?)];
        stream.read_exact(&mut question).await?;
        let Ok(question) = Message::from_vec(&question) else {
            return Ok(());
        };
        if let Some(answer) = answer_to(state, &question, true).await {
            let length = u16::try_from(answer.len()).expect("a test's answer fits a message");
            stream.write_u16(length).await?;
            stream.write_all(&answer).await?;
        }
    }
}

async fn answer_to(state: &Mutex<State>, question: &Message, tcp: bool) -> Option<Vec<u8>> {
    let query = question.queries.first()?.clone();
    let reply = lock(state).reply(query.name(), query.query_type());
    sleep(reply.delay).await;
    let What::Answer(code) = reply.what else { return None };
    let mut answer = Message::response(question.id, question.op_code);
    answer.add_query(query.clone());
    answer.metadata.response_code = code;
    answer.metadata.recursion_available = true;
    if reply.over_tcp && !tcp {
        answer.metadata.truncation = true;
    } else {
        add_records(&mut answer, query.name(), query.query_type(), &reply);
    }
    Some(answer.to_vec().expect("an answer can be encoded"))
}

fn add_records(answer: &mut Message, name: &Name, of: RecordType, reply: &DnsReply) {
    let data = reply.addresses.iter().filter_map(|address| match (address, of) {
        (IpAddr::V4(v4), RecordType::A) => Some(RData::A((*v4).into())),
        (IpAddr::V6(v6), RecordType::AAAA) => Some(RData::AAAA((*v6).into())),
        _ => None,
    });
    let records: Vec<_> = data
        .map(|data| Record::from_rdata(name.clone(), reply.ttl, data))
        .collect();
    let negative = matches!(reply.what, What::Answer(ResponseCode::NoError | ResponseCode::NXDomain));
    if records.is_empty() && negative {
        // TTL of negative responses (RFC 2308 §5).
        let soa = SOA::new(Name::root(), Name::root(), 1, 3600, 600, 86_400, reply.ttl);
        answer.add_authority(Record::from_rdata(Name::root(), reply.ttl, RData::SOA(soa)));
    }
    answer.add_answers(records);
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// As many different IPv4 addresses, from 10.0.0.0 on: for answers of any size.
pub fn many_addresses(count: u32) -> Vec<String> {
    (0..count)
        .map(|n| Ipv4Addr::from(0x0a00_0000 + n).to_string())
        .collect()
}
