//! Events as they come: server-sent events, for as long as somebody listens.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::response::sse::{self, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::Stream;
use futures_util::stream;

use super::events::Event;
use crate::hub::{ApiToken, Hub};

/// Events are looked for this often, since with several hubs nobody knows who wrote the last.
const LOOK_AGAIN: Duration = Duration::from_millis(500);
const HEARTBEAT: Duration = Duration::from_secs(15);
const PAGE: usize = 100;

struct Listening {
    hub: Arc<Hub>,
    token: ApiToken,
    last: Option<String>,
    waiting: std::vec::IntoIter<crate::store::Event>,
}

/// Goes on after `last`.
pub(super) fn answer(hub: Arc<Hub>, token: ApiToken, last: Option<String>) -> Response {
    let listening = Listening { hub, token, last, waiting: Vec::new().into_iter() };
    Sse::new(events(listening)).keep_alive(KeepAlive::new().interval(HEARTBEAT)).into_response()
}

fn events(listening: Listening) -> impl Stream<Item = Result<sse::Event, Infallible>> {
    stream::unfold(listening, async |mut listening| {
        let event = listening.next().await?;
        let data = serde_json::to_string(&event).expect("texts serialize");
        let told = sse::Event::default().id(&event.id).event("connection").data(data);
        Some((Ok(told), listening))
    })
}

impl Listening {
    /// The next event that the listener may see; `None` when the process stops.
    async fn next(&mut self) -> Option<Event> {
        loop {
            for event in self.waiting.by_ref() {
                self.last = Some(event.id.clone());
                if self.token.covers(event.key.tenant()) {
                    return Some(event.into());
                }
            }
            // A store that is away is back some time.
            let found = self.hub.store.events(self.last.as_deref(), PAGE).await.unwrap_or_default();
            if found.is_empty() {
                let mut stopping = self.hub.stopping.clone();
                tokio::select! {
                    () = stopping.asked() => return None,
                    () = tokio::time::sleep(LOOK_AGAIN) => {}
                }
            }
            self.waiting = found.into_iter();
        }
    }
}
