//! Announcements from Redis, on a connection of their own that is made again for as long as the store lives.

use std::sync::Arc;
use std::time::Duration;

use redis::{Msg, PushInfo, PushKind};
use tokio::sync::{Notify, broadcast};

use super::connect::own_connection;
use super::errors::Failure;
use super::keys::{CHANGES, WISHES};
use super::link::Link;
use super::presence::Presence;
use super::server::Place;
use crate::connection::ConnectionKey;

/// Time between two tries to subscribe.
const PAUSE: Duration = Duration::from_millis(500);
/// How long a silent connection is trusted to be alive.
const SILENCE: Duration = Duration::from_secs(10);
/// Announcements that a slow receiver may be behind before it lags.
const CHANGES_KEPT: usize = 1024;

/// Passes on what is announced. Clones are the same.
#[derive(Clone)]
pub(super) struct Announcements {
    changes: broadcast::Sender<ConnectionKey>,
    wishes: broadcast::Sender<()>,
    // Told when somebody begins to listen for wishes: a sidecar has no right to, and never does.
    wishes_wanted: Arc<Notify>,
}

impl Announcements {
    pub(super) fn new() -> Self {
        // A wish that is missed says no more than the next.
        let (changes, wishes) = (broadcast::Sender::new(CHANGES_KEPT), broadcast::Sender::new(16));
        Self { changes, wishes, wishes_wanted: Arc::default() }
    }

    pub(super) fn changes(&self) -> broadcast::Receiver<ConnectionKey> {
        self.changes.subscribe()
    }

    pub(super) fn wished(&self) -> broadcast::Receiver<()> {
        let receiver = self.wishes.subscribe();
        self.wishes_wanted.notify_one();
        receiver
    }

    /// Passes announcements on, without end.
    pub(super) async fn follow(self, link: Link, timeout: Duration, presence: Presence) {
        let mut was_connected = false;
        for turn in 0.. {
            // Announcements are hints: what is wrong with Redis, the commands tell.
            if let Ok(place) = link.listening_place(turn) {
                let _ = self.listen(&place, timeout, &presence, &mut was_connected).await;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn listen(
        &self,
        place: &Place,
        timeout: Duration,
        presence: &Presence,
        was_connected: &mut bool,
    ) -> Result<(), Failure> {
        let client = place.client().await?;
        let lost = Arc::new(Notify::new());
        let (passing, told) = (self.clone(), Arc::clone(&lost));
        let config = own_connection(timeout, timeout).set_push_sender(move |push: PushInfo| {
            if push.kind == PushKind::Disconnection {
                told.notify_one();
            } else {
                passing.pass(push);
            }
            Ok::<_, std::convert::Infallible>(())
        });
        let mut connection = client.get_multiplexed_async_connection_with_config(&config).await?;
        connection.subscribe(CHANGES).await?;
        if std::mem::replace(was_connected, true) {
            presence.again();
        }
        if self.wishes.receiver_count() > 0 {
            connection.subscribe(WISHES).await?;
        }
        loop {
            tokio::select! {
                () = lost.notified() => return Ok(()),
                () = self.wishes_wanted.notified() => connection.subscribe(WISHES).await?,
                () = tokio::time::sleep(SILENCE) => redis::cmd("PING").exec_async(&mut connection).await?,
            }
        }
    }

    fn pass(&self, push: PushInfo) {
        let Some(message) = Msg::from_push_info(push) else { return };
        // Nobody listening is no fault.
        if message.get_channel_name() == WISHES {
            let _ = self.wishes.send(());
        } else if let Some(key) = std::str::from_utf8(message.get_payload_bytes()).ok().and_then(ConnectionKey::decode)
        {
            let _ = self.changes.send(key);
        }
    }
}
