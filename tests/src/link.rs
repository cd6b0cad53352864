//! A network path that a test can cut: a forwarder between the programs and a server that other tests use too, or before
//! the nodes of a cluster.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Context;
use testkit::servers::free_ports;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;
use url::Url;

/// One of several servers that does not answer a greeting by then is passed over.
const GREETED_WITHIN: Duration = Duration::from_secs(1);
/// More than any protocol greets with.
const GREETING_BYTES: usize = 1024;

/// A path to one server, or to the first of several that answers; cut at first: connections are refused, as by a server
/// that is not there.
pub struct Link {
    /// As the programs name the server.
    url: String,
    port: u16,
    servers: Arc<[String]>,
    turned_away: Arc<AtomicUsize>,
    /// Counts silences: a connection older than the newest one is dead for good.
    silences: watch::Sender<u64>,
    /// Ends with all its connections when aborted.
    listening: Option<JoinHandle<()>>,
}

impl Link {
    /// A path to the server at `url`.
    ///
    /// # Errors
    /// The URL names no host and port.
    pub fn to(url: &str) -> anyhow::Result<Self> {
        Self::among(&[url.to_owned()])
    }

    /// A path to the servers at `urls`, which differ in host and port alone, as by way of a load balancer: each new
    /// connection leads to the first of them that answers the client's greeting.
    ///
    /// # Errors
    /// A URL names no host and port, or there is none.
    pub fn among(urls: &[String]) -> anyhow::Result<Self> {
        let mut url = Url::parse(urls.first().context("a server")?)?;
        let servers = urls.iter().map(|url| address(url)).collect::<anyhow::Result<_>>()?;
        let [port] = free_ports();
        let unchangeable = |()| anyhow::anyhow!("the URL takes no host or port");
        url.set_host(Some("127.0.0.1"))?;
        url.set_port(Some(port)).map_err(unchangeable)?;
        Ok(Self {
            url: url.into(),
            port,
            servers,
            turned_away: Arc::default(),
            silences: watch::Sender::new(0),
            listening: None,
        })
    }

    /// The server's URL by way of this path.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Lets connections through.
    ///
    /// # Errors
    /// The port has been taken.
    pub async fn open(&mut self) -> anyhow::Result<()> {
        let listener = self.listen().await?;
        let (servers, silences) = (Arc::clone(&self.servers), self.silences.clone());
        self.listening = Some(tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(forward_until_silence(
                    stream,
                    Arc::clone(&servers),
                    silences.subscribe(),
                ));
            }
        }));
        Ok(())
    }

    /// Nothing passes any more, and nothing is closed: neither of the connections there are, which stay so for good, nor
    /// of new ones, until [`speak`](Self::speak).
    pub fn silence(&self) {
        self.silences.send_modify(|count| *count += 1 + *count % 2);
    }

    /// Lets new connections through after a [`silence`](Self::silence).
    pub fn speak(&self) {
        self.silences.send_modify(|count| *count += *count % 2);
    }

    /// Breaks all connections off; new ones are accepted, counted and closed at once, as by a server that is starting.
    ///
    /// # Errors
    /// The port has been taken.
    pub async fn turn_away(&mut self) -> anyhow::Result<()> {
        let listener = self.listen().await?;
        let turned_away = Arc::clone(&self.turned_away);
        self.listening = Some(tokio::spawn(async move {
            while listener.accept().await.is_ok() {
                turned_away.fetch_add(1, Ordering::AcqRel);
            }
        }));
        Ok(())
    }

    /// How many connections were turned away so far.
    pub fn turned_away(&self) -> usize {
        self.turned_away.load(Ordering::Acquire)
    }

    /// Breaks all connections off; new ones are refused.
    pub async fn cut(&mut self) {
        if let Some(listening) = self.listening.take() {
            listening.abort();
            // Ended by the line above, and only then the port is free.
            let _ = listening.await;
        }
    }

    async fn listen(&mut self) -> anyhow::Result<TcpListener> {
        self.cut().await;
        Ok(TcpListener::bind(("127.0.0.1", self.port)).await?)
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        if let Some(listening) = &self.listening {
            listening.abort();
        }
    }
}

fn address(url: &str) -> anyhow::Result<String> {
    let url = Url::parse(url)?;
    Ok(format!(
        "{}:{}",
        url.host_str().context("a host")?,
        url.port().context("a port")?
    ))
}

/// An odd number of changes is a silence. One that begins while this connection is there ends it without a word.
async fn forward_until_silence(client: TcpStream, servers: Arc<[String]>, mut silences: watch::Receiver<u64>) {
    let is_silent = *silences.borrow_and_update() % 2 == 1;
    let forwarding = forward(client, &servers);
    tokio::pin!(forwarding);
    if !is_silent {
        tokio::select! {
            _ = &mut forwarding => return,
            _ = silences.changed() => {}
        }
    }
    // Holds both sockets open and reads neither.
    std::future::pending::<()>().await;
}

/// How a connection ends is seen at its two ends.
async fn forward(mut client: TcpStream, servers: &[String]) -> std::io::Result<()> {
    let mut server = match servers {
        [server] => TcpStream::connect(server).await?,
        servers => {
            let mut greeting = [0; GREETING_BYTES];
            let length = client.read(&mut greeting).await?;
            first_to_answer(servers, &greeting[..length]).await?
        }
    };
    tokio::io::copy_bidirectional(&mut client, &mut server).await.map(drop)
}

/// A connection to the first server that answers the greeting; what it answers is still to be read.
async fn first_to_answer(servers: &[String], greeting: &[u8]) -> std::io::Result<TcpStream> {
    for server in servers {
        let greet = async {
            let mut stream = TcpStream::connect(server).await?;
            stream.write_all(greeting).await?;
            // Of a server that closes the connection instead, there are no bytes.
            let answered = stream.peek(&mut [0]).await?;
            std::io::Result::Ok((answered > 0).then_some(stream))
        };
        if let Ok(Ok(Some(stream))) = timeout(GREETED_WITHIN, greet).await {
            return Ok(stream);
        }
    }
    Err(std::io::ErrorKind::ConnectionRefused.into())
}
