//! A publisher that speaks AMQP 0-9-1 by hand, for what no client library sends: properties that are not UTF-8.
//!
//! RabbitMQ takes such a message from any client and hands it to every consumer; a consumer whose library insists on
//! text must cope. Numbers are those of the AMQP 0-9-1 specification and of RabbitMQ's `confirm` extension.

use std::io;

use lapin::uri::AMQPUri;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Announces the protocol, §4.2.2.
const PROTOCOL: &[u8] = b"AMQP\x00\x00\x09\x01";
/// Ends every frame, §4.2.3.
const FRAME_END: u8 = 0xCE;
/// Frame types, §4.2.3.
const METHOD: u8 = 1;
const HEADER: u8 = 2;
const BODY: u8 = 3;

/// Class and method, §1.2 and following.
type Method = (u16, u16);
const CONNECTION_START: Method = (10, 10);
const CONNECTION_START_OK: Method = (10, 11);
const CONNECTION_TUNE: Method = (10, 30);
const CONNECTION_TUNE_OK: Method = (10, 31);
const CONNECTION_OPEN: Method = (10, 40);
const CONNECTION_OPEN_OK: Method = (10, 41);
const CHANNEL_OPEN: Method = (20, 10);
const CHANNEL_OPEN_OK: Method = (20, 11);
const BASIC_PUBLISH: Method = (60, 40);
const BASIC_ACK: Method = (60, 80);
const CONFIRM_SELECT: Method = (85, 10);
const CONFIRM_SELECT_OK: Method = (85, 11);

/// Which properties a content header holds, §4.2.6.1: bits from the highest, in the order of the specification's table.
const HAS_CONTENT_TYPE: u16 = 1 << 15;
const HAS_DELIVERY_MODE: u16 = 1 << 12;
const HAS_MESSAGE_ID: u16 = 1 << 7;
const PERSISTENT: u8 = 2;

/// One connection with one channel in confirm mode.
#[derive(Debug)]
pub struct RawPublisher {
    stream: TcpStream,
}

impl RawPublisher {
    /// Connects to the broker and virtual host of an `amqp://` URL.
    ///
    /// # Errors
    /// The broker is away or says something unexpected.
    pub async fn connect(url: &str) -> io::Result<Self> {
        let AMQPUri { authority, vhost, .. } = url.parse().map_err(io::Error::other)?;
        let stream = TcpStream::connect((authority.host.as_str(), authority.port)).await?;
        let mut publisher = Self { stream };
        publisher.stream.write_all(PROTOCOL).await?;
        publisher.expect(CONNECTION_START).await?;
        let sasl_plain = format!("\0{}\0{}", authority.userinfo.username, authority.userinfo.password);
        let no_properties = 0_u32.to_be_bytes();
        let login = [
            &no_properties,
            &*short(b"PLAIN"),
            &long(sasl_plain.as_bytes()),
            &short(b"en_US"),
        ]
        .concat();
        publisher.method(0, CONNECTION_START_OK, &login).await?;
        // Accepts the broker's proposal, but without heartbeats.
        let limits = publisher.expect(CONNECTION_TUNE).await?;
        let (sizes, _heartbeat) = limits.split_at_checked(6).ok_or_else(unexpected)?;
        publisher
            .method(0, CONNECTION_TUNE_OK, &[sizes, &[0, 0]].concat())
            .await?;
        publisher
            .method(0, CONNECTION_OPEN, &[&*short(vhost.as_bytes()), &[0, 0]].concat())
            .await?;
        publisher.expect(CONNECTION_OPEN_OK).await?;
        publisher.method(1, CHANNEL_OPEN, &[0]).await?;
        publisher.expect(CHANNEL_OPEN_OK).await?;
        publisher.method(1, CONFIRM_SELECT, &[0]).await?;
        publisher.expect(CONFIRM_SELECT_OK).await?;
        Ok(publisher)
    }

    /// Publishes a persistent JSON message whose message id is these bytes (at most 255), and waits for the confirm.
    ///
    /// # Errors
    /// The broker is gone or refuses.
    pub async fn publish(&mut self, exchange: &str, key: &str, message_id: &[u8], body: &[u8]) -> io::Result<()> {
        let address = [&[0, 0], &*short(exchange.as_bytes()), &short(key.as_bytes()), &[0]].concat();
        self.method(1, BASIC_PUBLISH, &address).await?;
        let (class, _) = BASIC_PUBLISH;
        let weight = 0_u16;
        let mut header = [class.to_be_bytes(), weight.to_be_bytes()].concat();
        header.extend((body.len() as u64).to_be_bytes());
        header.extend((HAS_CONTENT_TYPE | HAS_DELIVERY_MODE | HAS_MESSAGE_ID).to_be_bytes());
        header.extend([&*short(b"application/json"), &[PERSISTENT], &short(message_id)].concat());
        self.frame(HEADER, 1, &header).await?;
        self.frame(BODY, 1, body).await?;
        self.expect(BASIC_ACK).await.map(drop)
    }

    async fn method(&mut self, channel: u16, (class, method): Method, arguments: &[u8]) -> io::Result<()> {
        let payload = [&class.to_be_bytes(), &method.to_be_bytes(), arguments].concat();
        self.frame(METHOD, channel, &payload).await
    }

    async fn frame(&mut self, kind: u8, channel: u16, payload: &[u8]) -> io::Result<()> {
        let size = u32::try_from(payload.len()).map_err(io::Error::other)?;
        let frame = [
            &[kind],
            &channel.to_be_bytes()[..],
            &size.to_be_bytes(),
            payload,
            &[FRAME_END],
        ]
        .concat();
        self.stream.write_all(&frame).await
    }

    /// Reads the next frame, which must be this method, and gives its arguments.
    async fn expect(&mut self, (class, method): Method) -> io::Result<Vec<u8>> {
        let _kind = self.stream.read_u8().await?;
        let _channel = self.stream.read_u16().await?;
        let mut payload = vec![0; self.stream.read_u32().await? as usize];
        self.stream.read_exact(&mut payload).await?;
        self.stream.read_u8().await?;
        let named = [class.to_be_bytes(), method.to_be_bytes()].concat();
        payload.strip_prefix(&*named).map(<[u8]>::to_vec).ok_or_else(unexpected)
    }
}

fn unexpected() -> io::Error {
    io::Error::other("the broker said something else than the protocol has next")
}

/// A short string: at most 255 bytes, not checked to be text.
fn short(bytes: &[u8]) -> Vec<u8> {
    let length = u8::try_from(bytes.len()).expect("a short string has at most 255 bytes");
    [&[length], bytes].concat()
}

fn long(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).expect("what a test sends is smaller than 4 GiB");
    [&length.to_be_bytes(), bytes].concat()
}
