//! What traces say of getting a session: one piece of work that calls share, and in it each exchange. Nothing where there
//! are no traces.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::{TokenError, Want};
use crate::connection::{ConnectionKey, Generation};
use crate::salesforce::hosts::LoginUrl;
use crate::store::GrantKind;
use crate::traces::span::{Kind, Span};
use crate::traces::{SharedWork, Tracer, Wait};

/// The trace of getting one session.
#[derive(Clone, Default)]
pub(super) struct Traced(Option<Arc<Getting>>);

struct Getting {
    work: Arc<SharedWork>,
    /// What an exchange of this process brought.
    brought: Mutex<Option<Generation>>,
    asked_hub: AtomicBool,
}

/// An exchange that has ended.
pub(super) struct TracedExchange<'a> {
    pub(super) key: &'a ConnectionKey,
    pub(super) login: &'a LoginUrl,
    pub(super) grant: GrantKind,
    /// The generation that it was to replace.
    pub(super) replaces: Generation,
    /// The word in `orgpass_exchanges_total`.
    pub(super) result: &'static str,
    pub(super) began: Instant,
}

impl Traced {
    /// Begins, if there are traces.
    pub(super) fn begin(tracer: Option<&Arc<Tracer>>) -> Self {
        Self(tracer.map(|tracer| {
            let (work, asked_hub) = (Arc::new(tracer.share()), AtomicBool::new(false));
            Arc::new(Getting { work, brought: Mutex::default(), asked_hub })
        }))
    }

    /// A call waits for it, perhaps a recorded one.
    pub(super) fn join(&self, wait: Option<&mut Wait>) {
        if let (Some(getting), Some(wait)) = (&self.0, wait) {
            wait.join(&getting.work);
        }
    }

    /// The session in the store will not do.
    pub(super) fn show(&self) {
        if let Some(getting) = &self.0 {
            getting.work.show();
        }
    }

    /// The hub was asked.
    pub(super) fn ask_hub(&self) {
        if let Some(getting) = &self.0 {
            getting.asked_hub.store(true, Ordering::Relaxed);
            getting.work.show();
        }
    }

    /// An exchange has ended.
    pub(super) fn exchanged(&self, exchange: &TracedExchange<'_>) {
        let Some(getting) = &self.0 else { return };
        getting.work.show();
        getting.work.add(Kind::Client, "exchange", exchange.began, Instant::now(), |span| {
            name(span, exchange.key);
            span.say("server.address", exchange.login.host().to_owned());
            span.say("server.port", exchange.login.port());
            span.say("orgpass.grant", exchange.grant.as_str());
            span.say("orgpass.replaces", exchange.replaces.to_string());
            span.say("orgpass.result", exchange.result);
            if exchange.result != "ok" {
                fail(span, exchange.result);
            }
        });
    }

    /// The exchange that has ended last brought this generation.
    pub(super) fn brought(&self, generation: Generation) {
        if let Some(getting) = &self.0 {
            *getting.brought() = Some(generation);
            getting.work.amend(|span| span.say("orgpass.generation", generation.to_string()));
        }
    }

    /// All is over.
    pub(super) fn finish(&self, key: &ConnectionKey, want: Want, outcome: Result<Generation, &TokenError>) {
        let Some(getting) = &self.0 else { return };
        getting.work.finish("get a session", |span| {
            name(span, key);
            span.say("orgpass.want", wanted(want));
            match outcome {
                Ok(generation) => {
                    span.say("orgpass.from", getting.source_of(generation));
                    span.say("orgpass.generation", generation.to_string());
                }
                Err(error) => fail(span, code(error)),
            }
        });
    }
}

impl Getting {
    fn brought(&self) -> MutexGuard<'_, Option<Generation>> {
        // A single assignment, valid after any panic.
        self.brought.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where the session came from: an exchange of this process, a hub that was asked, or the store.
    fn source_of(&self, generation: Generation) -> &'static str {
        match self.asked_hub.load(Ordering::Relaxed) {
            _ if *self.brought() == Some(generation) => "exchange",
            true => "hub",
            false => "store",
        }
    }
}

fn name(span: &mut Span, key: &ConnectionKey) {
    span.say("orgpass.tenant", key.tenant().to_owned());
    if let Some(user) = key.user() {
        span.say("orgpass.user", user.to_owned());
    }
}

fn fail(span: &mut Span, why: &'static str) {
    span.failed = true;
    span.say("error.type", why);
}

fn wanted(want: Want) -> &'static str {
    match want {
        Want::Any => "first",
        Want::After(_) => "next",
        Want::Ahead(_) => "ahead",
    }
}

/// The code that a caller gets for it.
fn code(error: &TokenError) -> &'static str {
    match error {
        TokenError::NotConnected => "not_connected",
        TokenError::Reauthorize(_) => "reauthorize",
        TokenError::Misconfigured { .. } => "misconfigured",
        TokenError::Unavailable { .. } => "token_unavailable",
    }
}
