//! Announcements from Redis, on a connection of their own that is made again for as long as the store lives.

use std::sync::Arc;
use std::time::Duration;

use redis::{Client, Msg, PushInfo, PushKind, RedisResult};
use tokio::sync::{Notify, broadcast};

use super::connect::own_connection;
use super::keys::CHANGES;
use crate::connection::ConnectionKey;

/// Time between two tries to subscribe.
const PAUSE: Duration = Duration::from_millis(500);
/// How long a silent connection is trusted to be alive.
const SILENCE: Duration = Duration::from_secs(10);

/// Passes announcements on, without end.
pub(super) async fn follow(client: Client, timeout: Duration, changes: broadcast::Sender<ConnectionKey>) {
    loop {
        // Announcements are hints: what is wrong with Redis, the commands tell.
        let _ = listen(&client, timeout, &changes).await;
        tokio::time::sleep(PAUSE).await;
    }
}

async fn listen(client: &Client, timeout: Duration, changes: &broadcast::Sender<ConnectionKey>) -> RedisResult<()> {
    let lost = Arc::new(Notify::new());
    let (sender, told) = (changes.clone(), Arc::clone(&lost));
    let config = own_connection(timeout, timeout).set_push_sender(move |push: PushInfo| {
        if push.kind == PushKind::Disconnection {
            told.notify_one();
        } else if let Some(key) = announced(push) {
            // Nobody listening is no fault.
            let _ = sender.send(key);
        }
        Ok::<_, std::convert::Infallible>(())
    });
    let mut connection = client.get_multiplexed_async_connection_with_config(&config).await?;
    connection.subscribe(CHANGES).await?;
    loop {
        tokio::select! {
            () = lost.notified() => return Ok(()),
            () = tokio::time::sleep(SILENCE) => redis::cmd("PING").exec_async(&mut connection).await?,
        }
    }
}

fn announced(push: PushInfo) -> Option<ConnectionKey> {
    ConnectionKey::decode(std::str::from_utf8(Msg::from_push_info(push)?.get_payload_bytes()).ok()?)
}
