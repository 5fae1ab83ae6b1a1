//! How a sandbox is served: bound to loopback, stopped when dropped, and able to *lose* an answer.
//! A lost answer is the case a hub must survive and ordinary servers cannot produce, so the
//! listener hands every request a [`Line`] that can cut its connection before a byte is written. It
//! serves nothing to other machines and speaks no TLS.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use axum::Router;
use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// Milliseconds of Unix time, from wherever a sandbox's owner says.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// A sandbox that is being served. Dropping it stops it.
pub struct Running {
    /// Where it listens, without a trailing slash: `http://127.0.0.1:40123`.
    pub url: String,
    tasks: Vec<JoinHandle<()>>,
}

impl Running {
    /// Serves `router` on loopback. Port 0 takes any free one.
    pub async fn start(router: Router, port: u16) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let service = router.into_make_service_with_connect_info::<Line>();
        let task = tokio::spawn(async move {
            if let Err(error) = axum::serve(CuttableListener(listener), service).await {
                tracing::error!(%error, "the sandbox stopped serving");
            }
        });
        Ok(Self { url, tasks: vec![task] })
    }

    /// Keeps `work` going for as long as the sandbox runs, such as the courier of delivery
    /// receipts.
    #[must_use]
    pub fn alongside(mut self, work: impl Future<Output = ()> + Send + 'static) -> Self {
        self.tasks.push(tokio::spawn(work));
        self
    }

    /// Waits until the sandbox ends, which it does only when stopped or broken.
    pub async fn wait(mut self) {
        if let Some(task) = self.tasks.first_mut() {
            // The task's own failure was logged where it happened; an abort is an ordinary stop.
            let _ = task.await;
        }
    }

    /// Stops at once. Connections being answered are dropped.
    pub fn stop(self) {}
}

impl Drop for Running {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// The connection a request came in on.
#[derive(Clone, Debug, Default)]
pub struct Line(Arc<AtomicBool>);

impl Line {
    /// From now on nothing is written: the caller sees the connection close without an answer.
    pub fn cut(&self) {
        self.0.store(true, Ordering::Release);
    }

    fn is_cut(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

impl Connected<IncomingStream<'_, CuttableListener>> for Line {
    fn connect_info(stream: IncomingStream<'_, CuttableListener>) -> Self {
        stream.io().line.clone()
    }
}

struct CuttableListener(TcpListener);

impl Listener for CuttableListener {
    type Io = CuttableStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        let (stream, address) = Listener::accept(&mut self.0).await;
        // Small answers must not wait for each other: the hub's own timings are measured against
        // this.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "the sandbox could not switch off delayed sending");
        }
        (CuttableStream { stream, line: Line::default() }, address)
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.0.local_addr()
    }
}

struct CuttableStream {
    stream: TcpStream,
    line: Line,
}

impl AsyncRead for CuttableStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for CuttableStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.line.is_cut() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
