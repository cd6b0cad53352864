//! The TCP connection below lapin, owned by us: it can be closed at once, whatever lapin waits for, and it is not read
//! while the process has used up its byte budget.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::{Duration, Instant};

use async_rs::traits::{Executor, Reactor, RuntimeKit};
use async_rs::util::Task;
use async_rs::{Runtime, Tokio};
use futures_io::{AsyncRead, AsyncWrite};
use futures_util::Stream;
use tokio::io::ReadBuf;
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::byte_budget::ByteBudget;

/// Maximum bytes read ahead of the consumer. Bounds lapin's buffers, which have no limit of their own.
const READ_AHEAD: usize = 8 * 1024 * 1024;

/// A socket with two holders: lapin reads and writes it, its owner closes it. Clones are the same socket.
#[derive(Debug, Clone, Default)]
pub(crate) struct Socket {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    closed: CancellationToken,
    /// The read-ahead limit was reached.
    read_ahead: Notify,
}

#[derive(Debug, Default)]
struct State {
    stream: Option<TcpStream>,
    reader: Option<Waker>,
    writer: Option<Waker>,
    gate: Option<Gate>,
}

/// Why a socket is not read.
#[derive(Debug)]
struct Gate {
    budget: ByteBudget,
    read_ahead: usize,
    shut_since: Option<Instant>,
}

impl Socket {
    /// The runtime for lapin: tokio's, except that its one connection is this socket.
    pub(crate) fn runtime(&self) -> Runtime<Kit> {
        Runtime::new(Kit {
            tokio: Tokio::current(),
            socket: self.clone(),
        })
    }

    /// Closes the connection now. Readers and writers get an error; a connection being opened is abandoned.
    pub(crate) fn close(&self) {
        self.shared.closed.cancel();
        let mut state = self.lock();
        let wakers = [state.reader.take(), state.writer.take()];
        state.stream = None;
        drop(state);
        wakers.into_iter().flatten().for_each(Waker::wake);
    }

    /// From now on it is read only while `budget` allows.
    pub(crate) fn limit_reading(&self, budget: ByteBudget) {
        self.lock().gate = Some(Gate {
            budget,
            read_ahead: 0,
            shut_since: None,
        });
    }

    /// Waits until the read-ahead limit is reached. The caller then takes all messages from lapin, and calls
    /// [`Socket::seen`].
    pub(crate) async fn read_ahead(&self) {
        self.shared.read_ahead.notified().await;
    }

    /// All messages read so far were taken from lapin: more may be read.
    pub(crate) fn seen(&self) {
        let mut state = self.lock();
        let Some(gate) = &mut state.gate else { return };
        gate.read_ahead = 0;
        let waiting = gate.shut_since.is_some().then(|| state.reader.take()).flatten();
        drop(state);
        waiting.into_iter().for_each(Waker::wake);
    }

    /// How long it has not been read because of the byte budget.
    pub(crate) fn shut_for(&self) -> Option<Duration> {
        self.lock().gate.as_ref()?.shut_since.map(|since| since.elapsed())
    }

    fn open(&self, stream: TcpStream) -> io::Result<Self> {
        let mut state = self.lock();
        if self.shared.closed.is_cancelled() {
            return Err(closed());
        }
        state.stream = Some(stream);
        drop(state);
        Ok(self.clone())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn closed() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionAborted, "the connection was closed here")
}

impl Gate {
    /// Whether to read now; if not, `waker` is woken on a change.
    fn is_open(&mut self, waker: &Waker, read_ahead: &Notify) -> bool {
        if self.read_ahead >= READ_AHEAD {
            read_ahead.notify_one();
        } else if self.budget.has_room(waker) {
            self.shut_since = None;
            return true;
        }
        self.shut_since.get_or_insert_with(Instant::now);
        false
    }
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut state = self.lock();
        let State {
            stream: Some(stream),
            reader,
            gate,
            ..
        } = &mut *state
        else {
            return Poll::Ready(Err(closed()));
        };
        reader.replace(context.waker().clone());
        if let Some(gate) = gate
            && !gate.is_open(context.waker(), &self.shared.read_ahead)
        {
            return Poll::Pending;
        }
        let mut buffer = ReadBuf::new(buffer);
        ready!(tokio::io::AsyncRead::poll_read(Pin::new(stream), context, &mut buffer))?;
        let read = buffer.filled().len();
        if let Some(gate) = gate {
            gate.read_ahead += read;
        }
        Poll::Ready(Ok(read))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(context, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut state = self.lock();
        let State {
            stream: Some(stream),
            writer,
            ..
        } = &mut *state
        else {
            return Poll::Ready(Err(closed()));
        };
        writer.replace(context.waker().clone());
        tokio::io::AsyncWrite::poll_write_vectored(Pin::new(stream), context, slices)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // A TCP socket has no buffer to flush.
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.lock().stream {
            Some(stream) => tokio::io::AsyncWrite::poll_shutdown(Pin::new(stream), context),
            None => Poll::Ready(Ok(())),
        }
    }
}

/// tokio as lapin uses it, with a socket of ours.
#[derive(Debug, Clone)]
pub(crate) struct Kit {
    tokio: Tokio,
    socket: Socket,
}

impl RuntimeKit for Kit {}

impl Executor for Kit {
    type Task<T: Send + 'static> = <Tokio as Executor>::Task<T>;

    fn block_on<T, F: Future<Output = T>>(&self, future: F) -> T {
        self.tokio.block_on(future)
    }

    fn spawn<T: Send + 'static, F: Future<Output = T> + Send + 'static>(&self, future: F) -> Task<Self::Task<T>> {
        self.tokio.spawn(future)
    }

    fn spawn_blocking<T: Send + 'static, F: FnOnce() -> T + Send + 'static>(&self, work: F) -> Task<Self::Task<T>> {
        self.tokio.spawn_blocking(work)
    }
}

impl Reactor for Kit {
    type TcpStream = Socket;
    type Sleep = <Tokio as Reactor>::Sleep;

    fn register<H: io::Read + io::Write + std::os::fd::AsFd + std::os::fd::AsRawFd + Send + 'static>(
        &self,
        handle: H,
    ) -> io::Result<impl AsyncRead + AsyncWrite + Send + Unpin + 'static> {
        self.tokio.register(handle)
    }

    fn sleep(&self, time: Duration) -> Self::Sleep {
        self.tokio.sleep(time)
    }

    fn interval(&self, time: Duration) -> impl Stream<Item = Instant> + Send + 'static {
        self.tokio.interval(time)
    }

    fn tcp_connect_addr(
        &self,
        address: SocketAddr,
    ) -> impl Future<Output = io::Result<Self::TcpStream>> + Send + 'static {
        let connecting = self.tokio.tcp_connect_addr(address);
        let socket = self.socket.clone();
        async move {
            let connected = socket.shared.closed.run_until_cancelled(connecting).await;
            socket.open(connected.unwrap_or_else(|| Err(closed()))?.into_inner())
        }
    }
}
