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
    /// Nothing new is taken until somebody says otherwise.
    resting: watch::Sender<bool>,
    /// The destinations that somebody in this process sends to whenever it is rung.
    attended: Mutex<HashSet<String>>,
}

impl Default for Bell {
    fn default() -> Bell {
        Bell {
            rung: Notify::new(),
            over: watch::Sender::new(false),
            resting: watch::Sender::new(false),
            attended: Mutex::default(),
        }
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

    /// Everybody ends what they have in hand and takes nothing new, or may again.
    pub fn rest(&self, resting: bool) {
        self.resting.send_if_modified(|was| std::mem::replace(was, resting) != resting);
    }

    /// Whether nothing new is taken.
    pub fn is_resting(&self) -> bool {
        *self.resting.borrow()
    }

    /// Whether whoever has something in hand ends it and begins nothing, for good or for a while.
    pub fn must_end(&self) -> bool {
        self.is_over() || self.is_resting()
    }

    /// Ends when that is so.
    pub async fn ended(&self) {
        let mut resting = self.resting.subscribe();
        tokio::select! {
            () = self.over() => {}
            _ = resting.wait_for(|resting| *resting) => {}
        }
    }

    /// Ends when something new may be taken, or never again.
    pub async fn goes_on(&self) {
        let mut resting = self.resting.subscribe();
        tokio::select! {
            () = self.over() => {}
            _ = resting.wait_for(|resting| !*resting) => {}
        }
    }
}
