//! The receiver: an HTTPS server that counts distinct deliveries and answers 200, as cheaply as hyper and rustls allow,
//! because it runs on the cores that are being measured. By their paths it plays receivers that never answer, and some
//! that always fail; what these get is no delivery.

mod conduct;
mod tally;

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
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

pub use conduct::Conduct;
use tally::Tally;
pub use tally::{Counts, Expect, Received};

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
    owner.answer(&Address { url: format!("https://{}", listener.local_addr()?), certificate })?;
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
    let config = rustls::ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key.into())?;
    Ok((TlsAcceptor::from(Arc::new(config)), cert.pem()))
}

async fn accept(listener: TcpListener, acceptor: TlsAcceptor, tally: Arc<Tally>) {
    loop {
        // A connection that cannot be accepted shows as deliveries that are missing.
        let Ok((stream, _)) = listener.accept().await else { continue };
        tokio::spawn(serve(stream, acceptor.clone(), Arc::clone(&tally)));
    }
}

async fn serve(stream: TcpStream, acceptor: TlsAcceptor, tally: Arc<Tally>) -> anyhow::Result<()> {
    stream.set_nodelay(true)?;
    let stream = acceptor.accept(stream).await?;
    let service = service_fn(|request| receive(request, &tally));
    Ok(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await?)
}

async fn receive(request: Request<Incoming>, tally: &Tally) -> Result<Response<Empty<Bytes>>, Infallible> {
    let conduct = Conduct::of(request.uri().path());
    // A body that breaks off counts as no delivery.
    let body = request.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let mut answer = Response::new(Empty::new());
    match (conduct, Stamp::find(&body)) {
        (Some(Conduct::Answers(webhook)), Some(stamp)) => tally.count(stamp, webhook, now_ns()),
        (Some(Conduct::Hangs(_)), _) => {
            tally.count_unanswered();
            // Until the client closes the connection.
            std::future::pending::<()>().await;
        }
        (Some(Conduct::Fails), _) => {
            tally.count_failed();
            *answer.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        }
        _ => {}
    }
    Ok(answer)
}
