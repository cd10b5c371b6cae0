//! While the store is away: a grant that spends nothing may earn a session for this process's own memory, at most once a
//! minute for each connection. Such a session belongs to no authorization of the store: its epoch is its own, so that
//! whatever the store holds later replaces it, and the store never seems to have gone back.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use quick_cache::UnitWeighter;
use quick_cache::sync::{Cache, DefaultLifecycle};

use super::outcome::{Sent, mismatch};
use super::prepare::{Ready, earns_without_spending};
use super::procedure::{NotReady, Want};
use super::{Exchanger, Obtained, Traced, TracedExchange, session_of};
use crate::connection::{ConnectionKey, Generation, Status};
use crate::store::Head;
use crate::token::{GrantSecret, TokenError, Unavailable};

/// Between two sessions of one connection that a process earns for itself.
const PAUSE: Duration = Duration::from_secs(60);

/// Room is made for so many at first: few connections have such a grant.
const EXPECTED: usize = 64;

/// What a process knows of connections that it could earn sessions for without the store. Bounded.
pub(super) struct Alone(Cache<ConnectionKey, Arc<Known>, UnitWeighter, foldhash::fast::RandomState>);

struct Known {
    head: Head,
    grant: GrantSecret,
    own: Mutex<Own>,
}

/// What a process has earned for itself lately.
#[derive(Default)]
struct Own {
    tried: Option<Instant>,
    /// The session, and which of the store's it took the place of.
    earned: Option<(Generation, Want)>,
}

impl Alone {
    /// Room for this many connections.
    pub(super) fn new(entries: usize) -> Self {
        let hasher = foldhash::fast::RandomState::default();
        Self(Cache::with(EXPECTED, entries as u64, UnitWeighter, hasher, DefaultLifecycle::default()))
    }

    /// What is wanted, in terms of the store: in place of a session that this process earned for itself, the next after
    /// the one that was dead already when it did.
    pub(super) fn in_terms_of_store(&self, key: &ConnectionKey, want: Want) -> Want {
        let known = self.0.peek(key);
        let earned = known.and_then(|known| known.own().earned);
        earned.filter(|(own, _)| want.old() == Some(*own)).map_or(want, |(_, instead)| instead)
    }

    /// Forgets a connection: it is gone, or nothing is earned for it any more.
    pub(super) fn forget(&self, key: &ConnectionKey) {
        self.0.remove(key);
    }
}

impl Known {
    fn own(&self) -> MutexGuard<'_, Own> {
        // Single assignments, valid after any panic.
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Exchanger {
    /// Reads what is needed to earn without the store, if the grant allows that and it is not known yet.
    pub(super) async fn prepare_to_be_alone(&self, key: &ConnectionKey, head: &Head) {
        let is_known = self.alone.0.peek(key).is_some_and(|known| is_same(&known.head, head));
        if is_known || !earns_without_spending(head.grant) || !self.parts.vault.has_grant_keys() {
            return;
        }
        // What fails here fails again, and is told of, when the next session is earned.
        let Ok(Some(record)) = self.parts.store.read_record(key).await else { return };
        if let Ok(grant) = GrantSecret::open(&self.parts.vault, key, &record.grant, record.head.generation) {
            let known = Known { head: record.head, grant, own: Mutex::default() };
            self.alone.0.insert(key.clone(), Arc::new(known));
        }
    }

    /// A session for this process's own memory, in place of what is wanted of the store. `None` if it knows of no way to
    /// earn one, or did so a moment ago.
    pub(super) async fn earn_alone(
        &self,
        key: &ConnectionKey,
        want: Want,
        traced: &Traced,
    ) -> Option<Result<Obtained, TokenError>> {
        let known = self.alone.0.get(key)?;
        {
            let mut own = known.own();
            if own.tried.is_some_and(|tried| tried.elapsed() < PAUSE) {
                return None;
            }
            own.tried = Some(Instant::now());
        }
        tracing::warn!(connection = %key, "the store is away; a session is earned for this process alone");
        let earned = self.earn_for_memory(key, &known, traced).await;
        if let Ok(earned) = &earned {
            known.own().earned = Some((earned.session.generation, want));
        }
        Some(earned)
    }

    async fn earn_for_memory(
        &self,
        key: &ConnectionKey,
        known: &Known,
        traced: &Traced,
    ) -> Result<Obtained, TokenError> {
        let endpoint = || TokenError::unavailable(Unavailable::TokenEndpoint);
        let ready = match Ready::with_grant(self, key, &known.head, known.grant.clone()).await {
            Ok(ready) => ready,
            Err(NotReady::Refused(cause)) => return Err(TokenError::of(cause)),
            Err(NotReady::Fail(error)) => return Err(error),
            Err(NotReady::Wait(waiting)) => return Err(waiting.error()),
        };
        let began = Instant::now();
        let trace = |result| {
            let (login, grant, replaces) = (&ready.login, known.head.grant, known.head.generation);
            traced.exchanged(&TracedExchange { key, login, grant, replaces, result, began });
        };
        let connection = self.parts.transport.one_shot(&ready.login).await.map_err(|error| {
            tracing::warn!(connection = %key, host = ready.login.host(), %error, "the token endpoint was not reached");
            trace("not_sent");
            endpoint()
        })?;
        let sent_at = Instant::now();
        let sent = Sent::from(ready.send(connection).await);
        self.note_sent(key, &ready, known.head.grant, &sent, sent_at);
        trace(sent.label());
        let response = match sent {
            Sent::Tokens(response) => response,
            Sent::Refused(cause) => return Err(TokenError::of(cause)),
            Sent::Unspent(waiting) => return Err(waiting.error()),
            Sent::Unknown(_) => return Err(endpoint()),
        };
        if let Some(cause) = mismatch(&response, &known.grant, ready.client_secret(), &self.parts.trusted_hosts) {
            return Err(TokenError::of(cause));
        }
        let generation = Generation::first();
        traced.brought(generation);
        let head = Head { status: Status::Active, cause: None, generation, ..known.head.clone() };
        Ok(self.obtained(head, session_of(&response, generation), Some(Instant::now())))
    }
}

/// Whether the connection is the very authorization that is known.
fn is_same(known: &Head, head: &Head) -> bool {
    known.generation.epoch == head.generation.epoch && known.grant == head.grant
}
