//! A host that does not answer.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::bail;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::timeout;

/// More connections than fit into the shortest queue the kernel makes.
const MAX_WAITING: usize = 64;

/// A port of 127.0.0.1 whose queue of waiting connections is full: the kernel drops every further SYN, so that
/// connecting neither succeeds nor fails, as with a host behind a firewall that drops packets.
#[derive(Debug)]
pub struct SilentPort {
    address: SocketAddr,
    _listener: TcpListener,
    _waiting: Vec<TcpStream>,
}

impl SilentPort {
    /// Opens the port and fills its queue.
    ///
    /// # Errors
    /// When the port cannot be opened, or the queue never fills.
    pub async fn open() -> anyhow::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
        let listener = socket.listen(0)?;
        let address = listener.local_addr()?;
        let mut waiting = Vec::new();
        while let Ok(connected) = timeout(Duration::from_millis(200), TcpStream::connect(address)).await {
            waiting.push(connected?);
            if waiting.len() > MAX_WAITING {
                bail!("the queue of {address} does not fill");
            }
        }
        Ok(Self {
            address,
            _listener: listener,
            _waiting: waiting,
        })
    }

    /// A port without a responding server.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}
