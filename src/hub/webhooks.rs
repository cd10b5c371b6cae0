//! Webhooks: the leading hub tells each of them every change of state, in the order in which it came, at least once. How far
//! each has got is in the store, so that another hub goes on where one stopped.

mod progress;
mod settings;
mod signature;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Request};
use http_body_util::Full;
use serde::Serialize;
use tokio::sync::watch;
use tokio::task::JoinSet;

pub use settings::Webhook;

use self::progress::Progress;
use super::Hub;
use super::api::Event;
use crate::shutdown::Stopping;
use crate::store;

/// Events are looked for this often.
const LOOK_AGAIN: Duration = Duration::from_millis(500);
const PAGE: usize = 100;
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60 * 60);
/// An event that a receiver has refused for so long is given up, in seconds: one event must not keep all others for good.
const GIVEN_UP_AFTER: u64 = 3 * 24 * 60 * 60;

/// What is sent.
#[derive(Serialize)]
struct Payload<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    timestamp: String,
    data: &'a Event,
}

/// What came of one step.
enum Step {
    /// An event was taken, or passed over.
    Went,
    /// There is nothing to tell.
    Nothing,
    /// The receiver did not take it, or the store did not answer.
    Failed,
    /// Another hub has gone on.
    Overtaken,
}

impl Hub {
    /// Serves every webhook while this hub leads.
    pub(super) async fn tell_webhooks(self: Arc<Self>, lead: watch::Receiver<bool>, stopping: Stopping) {
        let mut tasks = JoinSet::new();
        for webhook in &self.settings.webhooks {
            tasks.spawn(Arc::clone(&self).tell(webhook.clone(), lead.clone(), stopping.clone()));
        }
        while tasks.join_next().await.is_some() {}
    }

    async fn tell(self: Arc<Self>, webhook: Webhook, mut lead: watch::Receiver<bool>, mut stopping: Stopping) {
        let mut progress: Option<Progress> = None;
        let mut pause = FIRST_PAUSE;
        loop {
            if !*lead.borrow() {
                progress = None;
                tokio::select! {
                    () = stopping.asked() => return,
                    led = lead.wait_for(|leads| *leads) => if led.is_err() { return },
                }
            }
            let wait = match self.step(&webhook, &mut progress).await {
                Step::Went => {
                    pause = FIRST_PAUSE;
                    Duration::ZERO
                }
                Step::Nothing => LOOK_AGAIN,
                Step::Overtaken => {
                    progress = None;
                    LOOK_AGAIN
                }
                Step::Failed => {
                    let wait = with_jitter(pause);
                    pause = (pause * 2).min(LONGEST_PAUSE);
                    wait
                }
            };
            tokio::select! {
                () = stopping.asked() => return,
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// Tells the next event.
    async fn step(&self, webhook: &Webhook, known: &mut Option<Progress>) -> Step {
        if known.is_none() {
            match Progress::load(&*self.store, &webhook.name).await {
                Ok(loaded) => *known = Some(loaded),
                Err(error) => {
                    tracing::debug!(webhook = webhook.name, %error, "how far a webhook has got could not be read");
                    return Step::Failed;
                }
            }
        }
        let Some(progress) = known else { return Step::Failed };
        let Ok(events) = self.store.events(progress.after(), PAGE).await else { return Step::Failed };
        let Some(event) = events.iter().find(|event| webhook.wants(event.key.tenant())) else {
            return match events.last() {
                Some(last) => self.advance(progress, &last.id).await,
                None => Step::Nothing,
            };
        };
        let result = self.deliver(webhook, event).await;
        self.metrics.delivered(&webhook.name, result.is_ok());
        match result {
            Ok(()) => self.advance(progress, &event.id).await,
            Err(why) => self.put_off(webhook, progress, event, &why).await,
        }
    }

    async fn advance(&self, progress: &mut Progress, to: &str) -> Step {
        match progress.advance(&*self.store, to).await {
            Ok(true) => Step::Went,
            Ok(false) => Step::Overtaken,
            Err(error) => {
                // It is told again, perhaps: at least once.
                tracing::debug!(%error, "how far a webhook has got could not be noted");
                Step::Failed
            }
        }
    }

    async fn put_off(&self, webhook: &Webhook, progress: &mut Progress, event: &store::Event, why: &str) -> Step {
        let name = &webhook.name;
        let since = match progress.note_failure(&*self.store).await {
            Ok(Some(since)) => since,
            Ok(None) => return Step::Overtaken,
            Err(_) => return Step::Failed,
        };
        let failing = crate::management::links::unix_now().saturating_sub(since);
        if failing < GIVEN_UP_AFTER {
            tracing::warn!(webhook = name, event = event.id, why, "a webhook did not take an event; it is told again");
            return Step::Failed;
        }
        tracing::error!(
            webhook = name,
            event = event.id,
            why,
            "a webhook has refused an event for days; it is given up"
        );
        self.advance(progress, &event.id).await
    }

    async fn deliver(&self, webhook: &Webhook, event: &store::Event) -> Result<(), String> {
        let kind = match (&event.before, &event.after) {
            (None, _) => "connection.created",
            (_, None) => "connection.removed",
            _ => "connection.status_changed",
        };
        let at = std::time::UNIX_EPOCH + Duration::from_millis(event.at.0);
        let data = Event::from(event.clone());
        let payload = Payload { kind, timestamp: humantime::format_rfc3339_millis(at).to_string(), data: &data };
        let body = serde_json::to_vec(&payload).expect("texts serialize");
        let now = crate::management::links::unix_now();
        let signed = signature::sign(&webhook.secrets()?, &event.id, now, &body);
        let mut request = Request::new(Full::new(Bytes::from(body)));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = webhook.url.path().parse().expect("it was parsed with the address");
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let text = |text: &str| HeaderValue::from_str(text).map_err(|_| "an id is not a header value".to_owned());
        headers.insert("webhook-id", text(&event.id)?);
        headers.insert("webhook-timestamp", text(&now.to_string())?);
        headers.insert("webhook-signature", text(&signed)?);
        let began = Instant::now();
        let connection =
            self.management.transport().one_shot_to(&webhook.url).await.map_err(|error| error.to_string())?;
        let answer = connection.send(request).await.map_err(|error| error.to_string())?;
        tracing::debug!(webhook = webhook.name, status = answer.status.as_u16(), took = ?began.elapsed(), "told a webhook");
        if answer.status.is_success() { Ok(()) } else { Err(format!("it answered {}", answer.status)) }
    }
}

/// Between three quarters of a pause and the whole of it, so that hubs and webhooks do not keep step.
fn with_jitter(pause: Duration) -> Duration {
    let share = getrandom::u32().unwrap_or_default() % 256;
    pause - pause * share / 1024
}
