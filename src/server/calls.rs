//! The calls that a connection of HTTP/2 carries, so that one which has carried none for long can be ended.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

/// How many calls a connection carries.
#[derive(Clone)]
pub(super) struct Calls(watch::Sender<usize>);

/// One of them, for as long as this lives.
pub(super) struct Call(watch::Sender<usize>);

impl Calls {
    /// None yet.
    pub(super) fn new() -> Self {
        Self(watch::Sender::new(0))
    }

    /// One more.
    pub(super) fn begin(&self) -> Call {
        self.0.send_modify(|calls| *calls += 1);
        Call(self.0.clone())
    }

    /// Returns when there has been none for this long.
    pub(super) async fn none_for(&self, time: Duration) {
        let mut calls = self.0.subscribe();
        loop {
            let carries = *calls.borrow_and_update() > 0;
            // It cannot fail: the sender is here. A call that came and went in between is a change, too.
            let changed = calls.changed();
            if carries {
                let _ = changed.await;
            } else if timeout(time, changed).await.is_err() {
                return;
            }
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.0.send_modify(|calls| *calls -= 1);
    }
}
