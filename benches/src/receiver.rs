//! The receiver: an HTTPS server that counts distinct deliveries and responds with 200, as cheaply as hyper and rustls
//! allow, because it runs on the cores that are being measured. By path it simulates receivers that fail or
//! misbehave; their requests are no deliveries.

mod conduct;
mod tally;

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream;
use http_body_util::{BodyExt, Either, Empty, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::header::RETRY_AFTER;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use rustls_pki_types::PrivatePkcs8KeyDer;
use serde::{Deserialize, Serialize};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::clock::now_ns;
use crate::event::Stamp;
use crate::part::Owner;

pub use conduct::{Conduct, Manner};
use tally::Tally;
pub use tally::{Counts, Expect, Received};

/// Nothing, or a body that never comes.
type Body = Either<Empty<Bytes>, StreamBody<stream::Pending<Result<Frame<Bytes>, Infallible>>>>;

/// How to reach the receiver.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Address {
    /// `https://127.0.0.1:<port>`; the path of a [`Conduct`] follows.
    pub url: String,
    /// Its certificate, which is its own authority, in PEM form.
    pub certificate: String,
}

/// What the receiver is asked.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub enum Question {
    /// To count a run, and nothing else, from now on. Answered at once, and by [`Received`] when all has arrived.
    Expect(Expect),
    /// For the [`Counts`] of the run so far.
    Count,
}

/// The part. Its job is empty and answered by its [`Address`]; then come [`Question`]s.
///
/// # Errors
/// When it cannot listen.
pub async fn run() -> anyhow::Result<()> {
    let mut owner = Owner::new();
    let () = owner.job().await?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let (acceptor, certificate) = identity()?;
    owner.answer(&Address {
        url: format!("https://{}", listener.local_addr()?),
        certificate,
    })?;
    let tally = Arc::new(Tally::default());
    tokio::spawn(accept(listener, acceptor, Arc::clone(&tally)));
    let mut awaited = false;
    loop {
        tokio::select! {
            received = tally.complete(), if awaited => {
                awaited = false;
                owner.answer(&received)?;
            }
            question = owner.question() => match question? {
                Some(Question::Expect(expect)) => {
                    tally.expect(expect);
                    awaited = true;
                    owner.answer(&())?;
                }
                Some(Question::Count) => owner.answer(&tally.counts())?,
                None => return Ok(()),
            },
        }
    }
}

fn identity() -> anyhow::Result<(TlsAcceptor, String)> {
    let rcgen::CertifiedKey { cert, signing_key } = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()])?;
    let key = PrivatePkcs8KeyDer::from(signing_key.serialize_der());
    let chain = vec![cert.der().clone()];
    let config = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain, key.into())?;
    Ok((TlsAcceptor::from(Arc::new(config)), cert.pem()))
}

async fn accept(listener: TcpListener, acceptor: TlsAcceptor, tally: Arc<Tally>) {
    loop {
        // A connection that cannot be accepted shows as deliveries that are missing.
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        tokio::spawn(serve(stream, acceptor.clone(), Arc::clone(&tally)));
    }
}

async fn serve(stream: TcpStream, acceptor: TlsAcceptor, tally: Arc<Tally>) -> anyhow::Result<()> {
    stream.set_nodelay(true)?;
    let stream = acceptor.accept(stream).await?;
    let service = service_fn(|request| receive(request, &tally));
    Ok(http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await?)
}

async fn receive(request: Request<Incoming>, tally: &Tally) -> Result<Response<Body>, Infallible> {
    let conduct = Conduct::of(request.uri().path());
    // A body that breaks off counts as no delivery.
    let body = request
        .into_body()
        .collect()
        .await
        .map(|body| body.to_bytes())
        .unwrap_or_default();
    let mut answer = Response::new(Either::Left(Empty::new()));
    match (conduct, Stamp::find(&body)) {
        (Some(Conduct::Answers(webhook)), Some(stamp)) => tally.count(stamp, webhook, now_ns()),
        (Some(Conduct::Fails), _) => {
            tally.count_failed();
            *answer.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        }
        (Some(Conduct::Misbehaves(Manner::Hangs, _)), _) => hang(tally).await,
        (Some(Conduct::Misbehaves(Manner::QuickThenHangs, number)), _) if !tally.is_quick(number) => hang(tally).await,
        (Some(Conduct::Misbehaves(Manner::EndlessBody, _)), _) => {
            tally.count_unanswered();
            *answer.body_mut() = Either::Right(StreamBody::new(stream::pending()));
        }
        (Some(Conduct::Misbehaves(Manner::Throttles, number)), _) if !tally.takes(number, now_ns()) => {
            tally.count_failed();
            *answer.status_mut() = StatusCode::TOO_MANY_REQUESTS;
            answer
                .headers_mut()
                .insert(RETRY_AFTER, http::HeaderValue::from_static("1"));
        }
        _ => {}
    }
    Ok(answer)
}

/// Until the client closes the connection.
async fn hang(tally: &Tally) {
    tally.count_unanswered();
    std::future::pending::<()>().await;
}
