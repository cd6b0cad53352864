//! A small JSON client over plain HTTP, for APIs and management interfaces on the loopback.
//!
//! One connection per request: tests want every call to stand alone, and a pooled connection would outlive the server
//! that a test has just killed.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONNECTION, CONTENT_TYPE, HOST};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

/// The whole exchange, from connecting to the last byte of the answer.
const TIMEOUT: Duration = Duration::from_secs(30);
/// More than any answer under test has; protects the test process from an endless one.
const MAX_ANSWER_BYTES: usize = 16 * 1024 * 1024;

/// Why there is no answer. An answer with any status is a [`Response`], not an error.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The address is not `http://host:port/…`.
    #[error("not a plain http address: {0}")]
    Address(String),
    /// Nothing answered, or the connection broke off.
    #[error("no answer from {authority}")]
    Connection {
        /// `host:port` that was asked.
        authority: String,
        /// What went wrong underneath.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The answer was not complete within 30 s.
    #[error("{0} did not answer in time")]
    Timeout(String),
}

/// An answer: its status, headers and whole body.
#[derive(Debug, Clone)]
pub struct Response {
    /// The status code.
    pub status: StatusCode,
    /// The headers as received.
    pub headers: HeaderMap,
    /// The body as received.
    pub body: Bytes,
}

impl Response {
    /// The body as JSON; `Null` for an empty body.
    ///
    /// # Errors
    /// The body is not JSON.
    pub fn json(&self) -> Result<Value, serde_json::Error> {
        if self.body.is_empty() {
            Ok(Value::Null)
        } else {
            serde_json::from_slice(&self.body)
        }
    }

    /// The body as text, with anything that is not UTF-8 replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Sends requests to one plain-HTTP address, optionally with credentials.
#[derive(Clone)]
pub struct Client {
    base: String,
    authorization: Option<HeaderValue>,
}

impl Client {
    /// A client of `base` (`http://host:port`, optionally with a path that is put before every request's).
    pub fn new(base: impl Into<String>) -> Self {
        let mut base = base.into();
        base.truncate(base.trim_end_matches('/').len());
        Self {
            base,
            authorization: None,
        }
    }

    /// The same address with `Authorization: Bearer`; `token` must be visible ASCII.
    #[must_use]
    pub fn with_bearer(self, token: &str) -> Self {
        self.with_authorization(format!("Bearer {token}"))
    }

    /// The same address with `Authorization: Basic` (RFC 7617).
    #[must_use]
    pub fn with_basic(self, user: &str, password: &str) -> Self {
        self.with_authorization(format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))))
    }

    fn with_authorization(mut self, credentials: String) -> Self {
        let mut value = HeaderValue::try_from(credentials).expect("credentials are visible ASCII");
        value.set_sensitive(true);
        self.authorization = Some(value);
        self
    }

    /// The address without a trailing slash.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// `GET path`.
    ///
    /// # Errors
    /// See [`Client::send`].
    pub async fn get(&self, path: &str) -> Result<Response, HttpError> {
        self.call(Method::GET, path, None).await
    }

    /// `POST path` with a JSON body.
    ///
    /// # Errors
    /// See [`Client::send`].
    pub async fn post(&self, path: &str, body: &Value) -> Result<Response, HttpError> {
        self.call(Method::POST, path, Some(body)).await
    }

    /// `PATCH path` with a JSON body.
    ///
    /// # Errors
    /// See [`Client::send`].
    pub async fn patch(&self, path: &str, body: &Value) -> Result<Response, HttpError> {
        self.call(Method::PATCH, path, Some(body)).await
    }

    /// `PUT path` with a JSON body.
    ///
    /// # Errors
    /// See [`Client::send`].
    pub async fn put(&self, path: &str, body: &Value) -> Result<Response, HttpError> {
        self.call(Method::PUT, path, Some(body)).await
    }

    /// `DELETE path`.
    ///
    /// # Errors
    /// See [`Client::send`].
    pub async fn delete(&self, path: &str) -> Result<Response, HttpError> {
        self.call(Method::DELETE, path, None).await
    }

    pub(crate) async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Response, HttpError> {
        let mut request = Request::new(Bytes::new());
        *request.method_mut() = method;
        *request.uri_mut() = path.parse().map_err(|_| HttpError::Address(path.to_owned()))?;
        if let Some(body) = body {
            *request.body_mut() = body.to_string().into();
            request
                .headers_mut()
                .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        self.send(request).await
    }

    /// Sends any request: its URI is a path below the client's address; `Host`, `Connection` and credentials are added
    /// where the request does not carry its own.
    ///
    /// # Errors
    /// Whatever keeps an answer from arriving; a status of 4xx or 5xx is an answer.
    pub async fn send(&self, mut request: Request<Bytes>) -> Result<Response, HttpError> {
        let whole = format!("{}{}", self.base, request.uri());
        let uri: Uri = whole.parse().map_err(|_| HttpError::Address(whole.clone()))?;
        let authority = match (uri.scheme_str(), uri.authority()) {
            (Some("http"), Some(authority)) => authority.to_string(),
            _ => return Err(HttpError::Address(whole)),
        };
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        *request.uri_mut() = path.parse().map_err(|_| HttpError::Address(whole.clone()))?;
        self.complete_headers(request.headers_mut(), &authority);
        match tokio::time::timeout(TIMEOUT, exchange(&authority, request.map(Full::new))).await {
            Ok(answer) => answer.map_err(|source| HttpError::Connection { authority, source }),
            Err(_) => Err(HttpError::Timeout(authority)),
        }
    }

    fn complete_headers(&self, headers: &mut HeaderMap, authority: &str) {
        let host = HeaderValue::try_from(authority).expect("a parsed authority is a valid header value");
        headers.entry(HOST).or_insert(host);
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
        if let Some(credentials) = &self.authorization {
            headers.entry(AUTHORIZATION).or_insert_with(|| credentials.clone());
        }
    }
}

async fn exchange(
    authority: &str,
    request: Request<Full<Bytes>>,
) -> Result<Response, Box<dyn std::error::Error + Send + Sync>> {
    let address = if authority.contains(':') {
        authority.to_owned()
    } else {
        format!("{authority}:80")
    };
    let stream = TcpStream::connect(address).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let answer = async {
        let (head, body) = sender.send_request(request).await?.into_parts();
        let body = Limited::new(body, MAX_ANSWER_BYTES).collect().await?.to_bytes();
        Ok(Response {
            status: head.status,
            headers: head.headers,
            body,
        })
    };
    tokio::pin!(answer);
    tokio::select! {
        answer = &mut answer => answer,
        ended = connection => { ended?; answer.await }
    }
}
