//! A link to the broker that a test can silence, or on which it can hold back confirms.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use url::Url;

/// What is not forwarded from the broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    Nothing,
    /// `basic.ack`, by which the broker confirms.
    Confirms,
    Everything,
}

/// A forwarder to the broker.
pub struct Link {
    pub url: String,
    held: watch::Sender<Held>,
    cuts: watch::Sender<u32>,
    opened: Arc<AtomicUsize>,
    open: Arc<AtomicUsize>,
}

impl Link {
    pub async fn to(url: &str) -> Self {
        let mut url = Url::parse(url).unwrap();
        let broker = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        url.set_host(Some("127.0.0.1")).unwrap();
        url.set_port(Some(listener.local_addr().unwrap().port())).unwrap();
        let link = Self {
            url: url.into(),
            held: watch::Sender::new(Held::Nothing),
            cuts: watch::Sender::new(0),
            opened: Arc::default(),
            open: Arc::default(),
        };
        let (held, cuts) = (link.held.clone(), link.cuts.clone());
        let (opened, open) = (Arc::clone(&link.opened), Arc::clone(&link.open));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                opened.fetch_add(1, Ordering::AcqRel);
                open.fetch_add(1, Ordering::AcqRel);
                let (broker, held, open) = (broker.clone(), held.subscribe(), Arc::clone(&open));
                let mut cuts = cuts.subscribe();
                tokio::spawn(async move {
                    // How a connection ends is asserted at its two ends.
                    tokio::select! {
                        _ = forward(client, &broker, held) => {}
                        _ = cuts.changed() => {}
                    }
                    open.fetch_sub(1, Ordering::AcqRel);
                });
            }
        });
        link
    }

    pub fn hold(&self, held: Held) {
        self.held.send_replace(held);
    }

    /// Cuts all connections; new ones are forwarded.
    pub fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// Connections made so far.
    pub fn opened(&self) -> usize {
        self.opened.load(Ordering::Acquire)
    }

    /// Connections that are open now.
    pub fn open(&self) -> usize {
        self.open.load(Ordering::Acquire)
    }
}

/// Until one of the two closes.
async fn forward(client: TcpStream, broker: &str, held: watch::Receiver<Held>) -> io::Result<()> {
    let (mut from_client, to_client) = client.into_split();
    let (from_broker, mut to_broker) = TcpStream::connect(broker).await?.into_split();
    tokio::select! {
        copied = tokio::io::copy(&mut from_client, &mut to_broker) => copied.map(drop),
        ended = forward_answers(from_broker, to_client, held) => ended,
    }
}

/// Frame by frame, AMQP 0-9-1 §4.2.3.
async fn forward_answers(
    mut broker: OwnedReadHalf,
    mut client: OwnedWriteHalf,
    mut held: watch::Receiver<Held>,
) -> io::Result<()> {
    loop {
        let mut frame = vec![0; 7];
        broker.read_exact(&mut frame).await?;
        let size = u32::from_be_bytes([frame[3], frame[4], frame[5], frame[6]]) as usize;
        frame.resize(7 + size + 1, 0);
        broker.read_exact(&mut frame[7..]).await?;
        let is_confirm = frame[0] == 1 && frame[7..11] == [0, 60, 0, 80];
        let dropped = match *held.borrow_and_update() {
            Held::Nothing => false,
            Held::Confirms => is_confirm,
            Held::Everything => true,
        };
        if !dropped {
            client.write_all(&frame).await?;
        }
    }
}
