//! A mail server as far as RFC 5321 asks for to take a mail, and AUTH PLAIN of RFC 4954.

use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// A mail as it was taken.
#[derive(Clone, Debug, Default)]
pub struct Letter {
    pub recipients: Vec<String>,
    /// What AUTH PLAIN said.
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
        let listener = TcpListener::bind(address).await.unwrap();
        let (address, taken) = (listener.local_addr().unwrap().to_string(), Arc::default());
        let letters = Arc::clone(&taken);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(converse(stream, Arc::clone(&letters)));
            }
        });
        Self { address, taken }
    }

    /// Where nobody listens.
    pub async fn free_address() -> String {
        let [port] = testkit::servers::free_ports();
        format!("127.0.0.1:{port}")
    }

    pub fn letters(&self) -> Vec<Letter> {
        self.taken.lock().unwrap().clone()
    }
}

/// Ends when the client does.
async fn converse(stream: TcpStream, taken: Arc<Mutex<Vec<Letter>>>) -> Option<()> {
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

async fn read_text(stream: &mut BufReader<TcpStream>) -> Option<String> {
    let mut text = String::new();
    loop {
        match read_line(stream).await?.as_str() {
            "." => return Some(text),
            line => text.extend([line, "\r\n"]),
        }
    }
}

async fn read_line(stream: &mut BufReader<TcpStream>) -> Option<String> {
    let mut line = String::new();
    let length = stream.read_line(&mut line).await.ok()?;
    (length > 0).then(|| line.trim_end_matches("\r\n").to_owned())
}

async fn answer(stream: &mut BufReader<TcpStream>, line: &str) -> Option<()> {
    stream.write_all(format!("{line}\r\n").as_bytes()).await.ok()
}
