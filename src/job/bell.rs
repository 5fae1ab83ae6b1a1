//! What wakes those who send, and tells them to end. A ring means "look again": lost or rung twice, it
//! changes nothing, since what is to be done stands in our tables.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use tokio::sync::{Notify, watch};

/// One for each process.
#[derive(Debug)]
pub struct Bell {
    rung: Notify,
    over: watch::Sender<bool>,
    /// The destinations that somebody in this process sends to whenever it is rung.
    attended: Mutex<HashSet<String>>,
}

impl Default for Bell {
    fn default() -> Bell {
        Bell { rung: Notify::new(), over: watch::Sender::new(false), attended: Mutex::default() }
    }
}

impl Bell {
    /// There is something to do.
    pub fn ring(&self) {
        self.rung.notify_waiters();
    }

    /// Ends at the next ring after it was made, not after it is first waited for.
    pub fn rung(&self) -> tokio::sync::futures::Notified<'_> {
        self.rung.notified()
    }

    /// Somebody sends to that destination from now on, whenever it is rung.
    pub fn attend(&self, destination: &str) {
        let mut attended = self.attended.lock().unwrap_or_else(PoisonError::into_inner);
        attended.insert(destination.to_owned());
    }

    /// Whether somebody does.
    pub fn is_attended(&self, destination: &str) -> bool {
        self.attended.lock().unwrap_or_else(PoisonError::into_inner).contains(destination)
    }

    /// Everybody ends what they have in hand, and begins nothing.
    pub fn end(&self) {
        self.over.send_replace(true);
    }

    /// Whether that was said.
    pub fn is_over(&self) -> bool {
        *self.over.borrow()
    }

    /// Ends when that is said.
    pub async fn over(&self) {
        let mut over = self.over.subscribe();
        // The sender is ours, and so there is nothing that could fail.
        let _ = over.wait_for(|over| *over).await;
    }
}
