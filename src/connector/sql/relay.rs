//! A way to a number that was judged, for a connection that must be made by name.
//!
//! Whoever looks at the name in a server's certificate is given that name to connect to, and would look its
//! number up once more: another answer, which nobody judged. So it connects to a socket of our own, in a folder
//! that is ours alone, and what goes in there comes out at that number.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use tokio::net::{TcpStream, UnixListener};
use tokio::task::JoinHandle;

/// One way, for one connection. It ends when this is dropped.
pub struct Relay {
    folder: PathBuf,
    task: JoinHandle<()>,
}

impl Relay {
    /// The port in the socket's name, which PostgreSQL's clients ask for.
    pub const PORT: u16 = 1;

    /// Makes a way to that number. Nothing is connected to before somebody comes.
    pub fn open(number: SocketAddr) -> io::Result<Relay> {
        let name = format!("viaduct-{:016x}", RandomState::new().build_hasher().finish());
        let folder = std::env::temp_dir().join(name);
        std::fs::DirBuilder::new().mode(0o700).create(&folder)?;
        let listener = UnixListener::bind(Relay::socket_in(&folder))?;
        let task = tokio::spawn(async move {
            let joined = async {
                let (mut near, _) = listener.accept().await?;
                let mut far = TcpStream::connect(number).await?;
                tokio::io::copy_bidirectional(&mut near, &mut far).await
            };
            if let Err(error) = joined.await {
                tracing::debug!(error = %error.kind(), "the way to a database ended");
            }
        });
        Ok(Relay { folder, task })
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn socket_in(folder: &Path) -> PathBuf {
        folder.join(format!(".s.PGSQL.{}", Relay::PORT))
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
        if let Err(error) = std::fs::remove_dir_all(&self.folder) {
            tracing::debug!(error = %error.kind(), "a folder of our own is left behind");
        }
    }
}
