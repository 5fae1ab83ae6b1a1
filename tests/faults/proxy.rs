//! Something between two programs that keeps its address and loses its manners: it is slow, drips, falls
//! silent in one direction or both, forgets those it knew, cuts, and refuses. What stands behind it may go
//! away and come back elsewhere.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How bytes go in one direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    Open,
    /// Each piece so much later.
    Late(Duration),
    /// A byte, and the next so much later.
    Drip(Duration),
    /// Not at all until it is opened again; nobody is told.
    Silent,
    /// The connection is reset once so many bytes have passed.
    ResetAfter(usize),
    /// The connection is closed behind the headers of an answer,
    CloseAfterHeaders,
    /// or reset so many bytes behind them.
    ResetInBody(usize),
}

/// The two directions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    ToServer,
    ToClient,
}

#[derive(Debug, Clone)]
struct Way {
    leads_to: SocketAddr,
    to_server: Flow,
    to_client: Flow,
    is_open: bool,
    /// Connections below this number are never heard of again, and never closed.
    forgotten: u64,
    /// Those below this one are reset.
    cut: u64,
}

impl Way {
    fn flow(&self, number: u64, direction: Direction) -> Flow {
        match direction {
            _ if number < self.forgotten => Flow::Silent,
            Direction::ToServer => self.to_server,
            Direction::ToClient => self.to_client,
        }
    }
}

/// When something last went to the server, and first since it was asked.
#[derive(Debug, Clone, Copy, Default)]
pub struct Seen {
    pub first: Option<Instant>,
    pub last: Option<Instant>,
    pub pieces: usize,
}

/// A port of its own that leads somewhere.
pub struct Proxy {
    pub address: SocketAddr,
    way: Arc<watch::Sender<Way>>,
    made: Arc<Mutex<u64>>,
    seen: Arc<Mutex<Seen>>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    pub async fn to(leads_to: SocketAddr) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (to_server, to_client) = (Flow::Open, Flow::Open);
        let way = Way { leads_to, to_server, to_client, is_open: true, forgotten: 0, cut: 0 };
        let way = Arc::new(watch::Sender::new(way));
        let (made, seen) = (Arc::<Mutex<u64>>::default(), Arc::<Mutex<Seen>>::default());
        let accepting = accept(listener, Arc::clone(&way), Arc::clone(&made), Arc::clone(&seen));
        Proxy { address, way, made, seen, accepting: tokio::spawn(accepting) }
    }

    /// In front of what an address of HTTP or PostgreSQL names; gives the address that leads through it.
    pub async fn before(url: &str) -> (Proxy, String) {
        let proxy = Proxy::to(host_of(url).parse().unwrap()).await;
        let through = url.replace(host_of(url), &proxy.address.to_string());
        (proxy, through)
    }

    /// What is behind it is elsewhere now.
    pub fn lead_to(&self, leads_to: SocketAddr) {
        self.way.send_modify(|way| way.leads_to = leads_to);
    }

    pub fn set(&self, direction: Direction, flow: Flow) {
        self.way.send_modify(|way| match direction {
            Direction::ToServer => way.to_server = flow,
            Direction::ToClient => way.to_client = flow,
        });
    }

    pub fn both(&self, flow: Flow) {
        self.set(Direction::ToServer, flow);
        self.set(Direction::ToClient, flow);
    }

    /// New connections are refused from now on, or not any more.
    pub fn refuse(&self, refuses: bool) {
        self.way.send_modify(|way| way.is_open = !refuses);
    }

    /// Those who are connected never hear of each other again, as behind a firewall that lost its memory.
    pub fn forget(&self) {
        let next = *self.made.lock().unwrap();
        self.way.send_modify(|way| way.forgotten = next);
    }

    /// Resets every connection.
    pub fn cut(&self) {
        let next = *self.made.lock().unwrap();
        self.way.send_modify(|way| way.cut = next);
    }

    /// What went to the server since this was last asked.
    pub fn seen(&self) -> Seen {
        std::mem::take(&mut *self.seen.lock().unwrap())
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
        self.cut();
    }
}

/// `127.0.0.1:5432` of `postgres://user@127.0.0.1:5432/name`.
pub fn host_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let rest = rest.split_once('/').map_or(rest, |(host, _)| host);
    rest.rsplit_once('@').map_or(rest, |(_, host)| host)
}

async fn accept(
    listener: TcpListener,
    way: Arc<watch::Sender<Way>>,
    made: Arc<Mutex<u64>>,
    seen: Arc<Mutex<Seen>>,
) {
    let address = listener.local_addr().unwrap();
    let mut listener = Some(listener);
    let mut changes = way.subscribe();
    loop {
        if !changes.borrow_and_update().is_open {
            listener = None;
            if changes.wait_for(|way| way.is_open).await.is_err() {
                return;
            }
        }
        if listener.is_none() {
            listener = Some(TcpListener::bind(address).await.expect("our own port again"));
        }
        let Some(listening) = &listener else { continue };
        let client = tokio::select! {
            accepted = listening.accept() => accepted,
            _ = changes.changed() => continue,
        };
        let Ok((client, _)) = client else { continue };
        let number = {
            let mut made = made.lock().unwrap_or_else(PoisonError::into_inner);
            *made += 1;
            *made - 1
        };
        tokio::spawn(carry(client, number, way.subscribe(), Arc::clone(&seen)));
    }
}

async fn carry(
    mut client: TcpStream,
    number: u64,
    way: watch::Receiver<Way>,
    seen: Arc<Mutex<Seen>>,
) {
    let leads_to = way.borrow().leads_to;
    let Ok(mut server) = TcpStream::connect(leads_to).await else {
        let _ = client.set_zero_linger();
        return;
    };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let ((from_client, to_client), (from_server, to_server)) = (client.split(), server.split());
    let there = Pipe { number, direction: Direction::ToServer, way: way.clone(), passed: 0 };
    let back = Pipe { number, direction: Direction::ToClient, way, passed: 0 };
    let ended = tokio::try_join!(
        there.run(from_client, to_server, Some(&seen)),
        back.run(from_server, to_client, None)
    );
    if let Err(End::Reset) = ended {
        let _ = (client.set_zero_linger(), server.set_zero_linger());
    }
}

fn behind_headers(piece: &[u8]) -> Option<usize> {
    piece.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4)
}

/// How a connection ends before its time.
enum End {
    Reset,
    Closed,
}

struct Pipe {
    number: u64,
    direction: Direction,
    way: watch::Receiver<Way>,
    passed: usize,
}

impl Pipe {
    async fn run(
        mut self,
        mut from: ReadHalf<'_>,
        mut to: WriteHalf<'_>,
        seen: Option<&Mutex<Seen>>,
    ) -> Result<(), End> {
        let mut piece = vec![0; 16_384];
        loop {
            let number = self.number;
            let read = tokio::select! {
                read = from.read(&mut piece) => read,
                _ = self.way.wait_for(|way| number < way.cut) => return Err(End::Reset),
            };
            let many = read.map_err(|_| End::Reset)?;
            if let Some(seen) = seen.filter(|_| many > 0) {
                let (mut seen, now) = (seen.lock().unwrap(), Instant::now());
                seen.first.get_or_insert(now);
                seen.last = Some(now);
                seen.pieces += 1;
            }
            self.pass(&piece[..many], &mut to).await?;
            if many == 0 {
                let _ = to.shutdown().await;
                return Ok(());
            }
        }
    }

    /// Passes a piece on, in the way of the moment.
    async fn pass(&mut self, mut piece: &[u8], to: &mut WriteHalf<'_>) -> Result<(), End> {
        loop {
            let next = match self.flow().await? {
                Flow::Open | Flow::Silent => piece.len(),
                Flow::Late(late) => {
                    self.sleep(late).await?;
                    piece.len()
                }
                Flow::Drip(late) if !piece.is_empty() => {
                    self.sleep(late).await?;
                    1
                }
                Flow::Drip(_) => 0,
                Flow::ResetAfter(most) => most.saturating_sub(self.passed).min(piece.len()),
                Flow::CloseAfterHeaders | Flow::ResetInBody(_) => match behind_headers(piece) {
                    Some(end) => return self.end(piece, end, to).await,
                    None => piece.len(),
                },
            };
            self.write(&piece[..next], to).await?;
            piece = &piece[next..];
            if matches!(self.flow().await?, Flow::ResetAfter(most) if self.passed >= most) {
                return Err(End::Reset);
            }
            if piece.is_empty() {
                return Ok(());
            }
        }
    }

    /// Ends an answer whose headers end there.
    async fn end(&mut self, piece: &[u8], end: usize, to: &mut WriteHalf<'_>) -> Result<(), End> {
        match self.flow().await? {
            Flow::ResetInBody(more) => {
                self.write(&piece[..(end + more).min(piece.len())], to).await?;
                Err(End::Reset)
            }
            _ => {
                self.write(&piece[..end], to).await?;
                Err(End::Closed)
            }
        }
    }

    async fn write(&mut self, piece: &[u8], to: &mut WriteHalf<'_>) -> Result<(), End> {
        self.passed += piece.len();
        to.write_all(piece).await.map_err(|_| End::Reset)
    }

    /// How it goes now; waits while nothing does.
    async fn flow(&mut self) -> Result<Flow, End> {
        let (number, direction) = (self.number, self.direction);
        let goes = |way: &Way| number < way.cut || way.flow(number, direction) != Flow::Silent;
        let way = self.way.wait_for(goes).await.map_err(|_| End::Reset)?;
        match number < way.cut {
            true => Err(End::Reset),
            false => Ok(way.flow(number, direction)),
        }
    }

    async fn sleep(&mut self, long: Duration) -> Result<(), End> {
        let (number, direction, was) =
            (self.number, self.direction, self.way.borrow().flow(self.number, self.direction));
        let changes = |way: &Way| number < way.cut || way.flow(number, direction) != was;
        tokio::select! {
            () = tokio::time::sleep(long) => Ok(()),
            way = self.way.wait_for(changes) => match way {
                Ok(way) if number >= way.cut => Ok(()),
                _ => Err(End::Reset),
            },
        }
    }
}
