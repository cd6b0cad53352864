//! A network path that a test can cut: a forwarder between the programs and a server that other tests use too.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Context;
use testkit::servers::free_ports;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use url::Url;

/// A path to one server, cut at first: connections are refused, as by a server that is not there.
pub struct Link {
    /// As the programs name the server.
    url: String,
    port: u16,
    server: String,
    turned_away: Arc<AtomicUsize>,
    /// Ends with all its connections when aborted.
    listening: Option<JoinHandle<()>>,
}

impl Link {
    /// A path to the server at `url`.
    ///
    /// # Errors
    /// The URL names no host and port.
    pub fn to(url: &str) -> anyhow::Result<Self> {
        let mut url = Url::parse(url)?;
        let server = format!("{}:{}", url.host_str().context("a host")?, url.port().context("a port")?);
        let [port] = free_ports();
        let unchangeable = |()| anyhow::anyhow!("the URL takes no host or port");
        url.set_host(Some("127.0.0.1"))?;
        url.set_port(Some(port)).map_err(unchangeable)?;
        Ok(Self { url: url.into(), port, server, turned_away: Arc::default(), listening: None })
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
        let server = self.server.clone();
        self.listening = Some(tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(forward(stream, server.clone()));
            }
        }));
        Ok(())
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

async fn forward(mut client: TcpStream, server: String) {
    if let Ok(mut server) = TcpStream::connect(server).await {
        // How a connection ends is seen at its two ends.
        let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
    }
}
