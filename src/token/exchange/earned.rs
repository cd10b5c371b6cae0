//! What an exchange brought: the new session and grant, sealed, and the head that goes with them.

use std::time::Instant;

use super::outcome;
use super::run::Run;
use super::session_of;
use crate::connection::{Cause, Status};
use crate::oauth;
use crate::secret::Secret;
use crate::store::{Commit, Fingerprint, Head};
use crate::token::{SessionSecret, TokenError, Unavailable, lifetime};

/// What an exchange brought, ready to be stored.
pub(super) struct Earned {
    pub(super) commit: Commit,
    pub(super) session: SessionSecret,
    /// What a crash cannot lose any more.
    pub(super) is_journalled: bool,
    /// When it was answered.
    pub(super) since: Instant,
    pub(super) mismatch: Option<Cause>,
    /// What is to be revoked if nobody needs it.
    pub(super) token: Secret<String>,
}

impl Earned {
    /// Makes of a response what is to be stored. A mismatch makes the connection unserved but loses no rotated token.
    pub(super) fn of(run: &Run<'_>, response: &oauth::TokenResponse) -> Result<Self, TokenError> {
        let parts = &run.exchanger.parts;
        let (record, ready) = (run.record(), run.ready());
        // A store that went back, and is believed, holds a lower number than what is to be replaced.
        let stored = record.head.generation;
        let newest = run.want.old().filter(|old| old.supersedes_in_epoch(stored)).unwrap_or(stored);
        let generation = newest.next();
        let mismatch = outcome::mismatch(response, &ready.grant, ready.client_secret(), &parts.trusted_hosts);
        let spent = ready.grant.refresh_token.as_ref().map(Fingerprint::of);
        let mut grant = ready.grant.clone().rotated(generation, response.refresh_token.as_ref());
        if let (Some(identity), None) = (&response.identity, &mismatch) {
            grant.org_id = Some(identity.org.to_string());
            grant.user_id = Some(identity.user.to_string());
        }
        let session = SessionSecret {
            org_id: grant.org_id.clone(),
            user_id: grant.user_id.clone(),
            ..session_of(response, generation)
        };
        // That an org refuses new tokens is disproved by a call that it accepts, not by one token more.
        let cause = mismatch.or(record.head.cause.filter(|cause| *cause == Cause::FreshTokenRefused));
        let head = Head {
            status: cause.map_or(Status::Active, Cause::status),
            cause,
            generation,
            fingerprint: grant.refresh_token.as_ref().map(Fingerprint::of),
            attempt: Some(run.attempt.clone()),
            idle: lifetime::to_remember(record.head.idle, run.learned),
            ..record.head.clone()
        };
        let no_keys = |_| TokenError::unavailable(Unavailable::NoHub);
        // Without rotation the refresh token may be the very one that the connection was made anew with.
        let is_new = |token: &&Secret<String>| Some(Fingerprint::of(token)) != spent;
        let token = grant.refresh_token.as_ref().filter(is_new).unwrap_or(&session.access_token).clone();
        let commit = Commit {
            attempt: run.attempt.clone(),
            read: record.head.generation,
            spent,
            head,
            session: session.seal(&parts.vault, run.key).map_err(no_keys)?,
            grant: grant.seal(&parts.vault, run.key).map_err(no_keys)?,
        };
        Ok(Earned { commit, session, is_journalled: false, since: Instant::now(), mismatch, token })
    }
}
