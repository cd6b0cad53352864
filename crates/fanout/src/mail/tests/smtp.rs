//! A mail server with the subset of RFC 5321 that is needed to accept a mail, and AUTH PLAIN of RFC 4954.

use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use testkit::certificates::ServerIdentity;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

/// A connection, in TLS or not.
trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// A received mail.
#[derive(Clone, Debug, Default)]
pub struct Letter {
    pub recipients: Vec<String>,
    /// Credentials of AUTH PLAIN.
    pub login: Option<String>,
    /// Headers and body.
    pub text: String,
}

pub struct PlayedServer {
    /// `host:port`.
    pub address: String,
    taken: Arc<Mutex<Vec<Letter>>>,
}

impl PlayedServer {
    pub async fn start() -> Self {
        Self::at("127.0.0.1:0").await
    }

    pub async fn at(address: &str) -> Self {
        let (listener, server) = Self::bound(address).await;
        let taken = Arc::clone(&server.taken);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(converse(stream, Arc::clone(&taken)));
            }
        });
        server
    }

    /// TLS from the first byte.
    pub async fn secured(identity: ServerIdentity) -> Self {
        let (listener, server) = Self::bound("127.0.0.1:0").await;
        let config = ServerConfig::builder().with_no_client_auth();
        let config = config.with_single_cert(identity.chain, identity.key).unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let taken = Arc::clone(&server.taken);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                if let Ok(stream) = acceptor.accept(stream).await {
                    tokio::spawn(converse(stream, Arc::clone(&taken)));
                }
            }
        });
        server
    }

    async fn bound(address: &str) -> (TcpListener, Self) {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        (
            listener,
            Self {
                address,
                taken: Arc::default(),
            },
        )
    }

    /// An address without a listener.
    pub async fn free_address() -> String {
        let [port] = testkit::servers::free_ports();
        format!("127.0.0.1:{port}")
    }

    pub fn letters(&self) -> Vec<Letter> {
        self.taken.lock().unwrap().clone()
    }
}

/// Ends with the client's connection.
async fn converse(stream: impl Stream, taken: Arc<Mutex<Vec<Letter>>>) -> Option<()> {
    let mut stream = BufReader::new(stream);
    let mut letter = Letter::default();
    answer(&mut stream, "220 played").await?;
    loop {
        let line = read_line(&mut stream).await?;
        let (verb, rest) = line.split_once([' ', ':']).unwrap_or((&line, ""));
        let said = match verb {
            "EHLO" => "250-played\r\n250-8BITMIME\r\n250 AUTH PLAIN",
            "AUTH" => {
                let login = STANDARD.decode(rest.trim_start_matches("PLAIN ")).ok()?;
                letter.login = Some(String::from_utf8(login).ok()?);
                "235 welcome"
            }
            "RCPT" => {
                letter.recipients.push(rest.split(['<', '>']).nth(1)?.to_owned());
                "250 known"
            }
            "DATA" => {
                answer(&mut stream, "354 go on").await?;
                letter.text = read_text(&mut stream).await?;
                taken.lock().unwrap().push(letter.clone());
                "250 taken"
            }
            "MAIL" => "250 go on",
            "QUIT" => "221 bye",
            _ => "502 unknown",
        };
        answer(&mut stream, said).await?;
    }
}

async fn read_text(stream: &mut BufReader<impl Stream>) -> Option<String> {
    let mut text = String::new();
    loop {
        match read_line(stream).await?.as_str() {
            "." => return Some(text),
            line => text.extend([line, "\r\n"]),
        }
    }
}

async fn read_line(stream: &mut BufReader<impl Stream>) -> Option<String> {
    let mut line = String::new();
    let length = stream.read_line(&mut line).await.ok()?;
    (length > 0).then(|| line.trim_end_matches("\r\n").to_owned())
}

async fn answer(stream: &mut BufReader<impl Stream>, line: &str) -> Option<()> {
    stream.write_all(format!("{line}\r\n").as_bytes()).await.ok()?;
    stream.flush().await.ok()
}
