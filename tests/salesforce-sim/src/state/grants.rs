//! Grants: a user's approvals of an app and the refresh tokens under them. With rotation the old token is
//! dead the moment the new one exists, and presenting it again takes the whole family with it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use super::{Counted, Shared, World};
use crate::clock::{Millis, millis};
use crate::doors::Site;
use crate::ids;
use crate::oauth_error::OauthError;

/// A user may approve one app this often; the next approval silently revokes the oldest.
const APPROVALS: usize = 5;

pub(crate) struct Grant {
    client_id: String,
    user_id: String,
    scope: String,
    /// The refresh token that is good now; `None` when the approval did not include one.
    current: Option<String>,
    /// The access tokens issued under this grant.
    access_tokens: Vec<String>,
    last_used: Millis,
    revoked: bool,
}

/// A token response, without `expires_in` as Salesforce's.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Tokens {
    /// The access token.
    pub access_token: String,
    /// Absent from an answer to a refresh without rotation; empty in that case.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub refresh_token: String,
    /// Where the org's API is.
    pub instance_url: String,
    /// The identity URL.
    pub id: String,
    /// Milliseconds since the epoch, as text; absent from an answer to an assertion, and empty then.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub issued_at: String,
    /// Base64 of the HMAC-SHA256 of `id` and `issued_at` under the client secret; absent where `issued_at` is.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub signature: String,
    /// Who the user is, signed; empty unless the scope `openid` was granted.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub id_token: String,
    /// The scopes granted, separated by spaces.
    pub scope: String,
    /// `Bearer`.
    pub token_type: String,
}

/// The `signature` of a token response.
pub(crate) fn sign(client_secret: &str, id: &str, issued_at: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(client_secret.as_bytes()).expect("HMAC takes a key of any length");
    mac.update(id.as_bytes());
    mac.update(issued_at.as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}

/// Marks a refresh token as being used by a request until dropped.
pub(crate) struct InFlight<'a> {
    shared: &'a Shared,
    token: String,
}

impl<'a> InFlight<'a> {
    /// Fails when another request is using the token.
    pub(crate) fn enter(shared: &'a Shared, token: &str) -> Result<Self, OauthError> {
        if shared.world().in_flight.insert(token.to_owned()) {
            Ok(Self { shared, token: token.to_owned() })
        } else {
            shared.counters.count(Counted::Simultaneous);
            Err(OauthError::BEING_PROCESSED)
        }
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.shared.world().in_flight.remove(&self.token);
    }
}

impl Shared {
    /// An approval with all of the app's scopes.
    pub(crate) fn authorize(&self, client_id: &str, user_id: &str) -> Tokens {
        let now = self.now();
        let mut world = self.world();
        let scope = world.apps[client_id].options.scopes.join(" ");
        world.approve(now, client_id, user_id, &scope)
    }
}

impl World {
    /// A new approval by a user, with the tokens it brings.
    pub(crate) fn approve(&mut self, now: Millis, client_id: &str, user_id: &str, scope: &str) -> Tokens {
        let same = |grant: &Grant| !grant.revoked && grant.client_id == client_id && grant.user_id == user_id;
        let held = self.grants.iter().filter(|grant| same(grant)).count();
        if held >= APPROVALS {
            let oldest = self.grants.iter().position(same);
            self.revoke_grant(oldest.expect("some are held"));
        }
        let wants_refresh = scope.split(' ').any(|scope| scope == "refresh_token");
        self.grants.push(Grant {
            client_id: client_id.to_owned(),
            user_id: user_id.to_owned(),
            scope: scope.to_owned(),
            current: None,
            access_tokens: Vec::new(),
            last_used: now,
            revoked: false,
        });
        let grant = self.grants.len() - 1;
        let refresh_token = wants_refresh.then(|| self.new_refresh_token(grant));
        self.issue(now, grant, refresh_token)
    }

    /// The refresh grant, at a host that has to be one where the user logs in.
    pub(crate) fn refresh(
        &mut self,
        now: Millis,
        client_id: &str,
        site: &Site,
        token: &str,
    ) -> Result<Tokens, Refused> {
        let index = *self.refresh_tokens.get(token).ok_or(Refused::Because(OauthError::DEAD_TOKEN))?;
        let grant = &self.grants[index];
        let user = &self.users[&grant.user_id];
        if grant.client_id != client_id || !self.serves(site, &user.org_id) {
            return Err(Refused::Because(OauthError::DEAD_TOKEN));
        }
        if grant.current.as_deref() != Some(token) {
            self.revoke_grant(index);
            return Err(Refused::SpentToken);
        }
        if !user.active {
            return Err(Refused::Because(OauthError::INACTIVE_USER));
        }
        let options = &self.apps[client_id].options;
        let idle = now.saturating_sub(grant.last_used);
        let idle_limit = options.refresh_idle_limit.map(millis);
        if grant.revoked || idle_limit.is_some_and(|limit| idle >= limit) {
            return Err(Refused::Because(OauthError::DEAD_TOKEN));
        }
        let rotated = options.rotation.then(|| self.new_refresh_token(index));
        Ok(self.issue(now, index, rotated))
    }

    /// Whether a user has approved an app, or an admin has for the user.
    pub(crate) fn is_approved(&self, client_id: &str, user_id: &str) -> bool {
        let by_user = |grant: &Grant| !grant.revoked && grant.client_id == client_id && grant.user_id == user_id;
        self.apps[client_id].approved.contains(user_id) || self.grants.iter().any(by_user)
    }

    /// Whether the session that was issued last under a refresh token's grant has not ended.
    pub(crate) fn is_early(&self, now: Millis, token: &str) -> bool {
        let grant = self.refresh_tokens.get(token).map(|grant| &self.grants[*grant]);
        let last = grant.and_then(|grant| grant.access_tokens.last());
        last.is_some_and(|session| self.session_is_live(now, session))
    }

    pub(super) fn user_of_grant(&self, grant: usize) -> &str {
        &self.grants[grant].user_id
    }

    /// Revokes the grant of a refresh token; false if there is no such token or it is dead already.
    pub(crate) fn revoke_refresh_token(&mut self, token: &str) -> bool {
        match self.refresh_tokens.get(token).copied() {
            Some(grant) if self.grants[grant].current.as_deref() == Some(token) => {
                let alive = !self.grants[grant].revoked;
                self.revoke_grant(grant);
                alive
            }
            _ => false,
        }
    }

    fn revoke_grant(&mut self, grant: usize) {
        self.grants[grant].revoked = true;
        for token in std::mem::take(&mut self.grants[grant].access_tokens) {
            self.sessions.remove(&token);
        }
    }

    fn new_refresh_token(&mut self, grant: usize) -> String {
        let token = ids::refresh_token();
        self.secrets.push(token.clone());
        self.refresh_tokens.insert(token.clone(), grant);
        self.grants[grant].current = Some(token.clone());
        token
    }

    fn issue(&mut self, now: Millis, index: usize, refresh_token: Option<String>) -> Tokens {
        let access_token = self.access_token_for(now, index);
        let grant = &mut self.grants[index];
        grant.last_used = now;
        let grant = &self.grants[index];
        let tokens = self.token_response(now, &grant.client_id, &grant.user_id, &grant.scope, access_token);
        Tokens { refresh_token: refresh_token.unwrap_or_default(), ..tokens }
    }

    /// A signed token response without a refresh token.
    pub(super) fn token_response(
        &self,
        now: Millis,
        client_id: &str,
        user_id: &str,
        scope: &str,
        access_token: String,
    ) -> Tokens {
        let id = self.identity_url(user_id);
        let is_asked_who = scope.split(' ').any(|scope| scope == "openid");
        let issued_at = now.to_string();
        Tokens {
            signature: sign(&self.apps[client_id].client_secret, &id, &issued_at),
            instance_url: self.org(&self.users[user_id].org_id).instance_url.clone(),
            scope: scope.to_owned(),
            token_type: "Bearer".to_owned(),
            refresh_token: String::new(),
            id_token: if is_asked_who {
                self.id_token(now, client_id, user_id, None, &access_token)
            } else {
                String::new()
            },
            access_token,
            id,
            issued_at,
        }
    }

    fn access_token_for(&mut self, now: Millis, index: usize) -> String {
        let grant = &self.grants[index];
        let (client_id, user_id) = (grant.client_id.clone(), grant.user_id.clone());
        if self.apps[&client_id].options.reuse_live_session {
            let known = grant.access_tokens.iter().rev();
            if let Some(token) = known.into_iter().find(|token| self.session_is_live(now, token)) {
                return token.clone();
            }
        }
        let token = self.open_session(now, &user_id, &client_id);
        self.grants[index].access_tokens.push(token.clone());
        token
    }
}

/// Why a refresh was refused.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// The token was rotated out before; its family is revoked now.
    SpentToken,
    Because(OauthError),
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_signature_is_that_of_the_documented_vector() {
        let signature = super::sign(
            "EXAMPLE0SECRET0EXAMPLE0SECRET0EXAMPLE0SECRET0EXAMPLE0SECRET00000",
            "https://login.salesforce.com/id/00Dxx0000001gPLEAY/005xx000001SwiUAAS",
            "1767225600000",
        );
        assert_eq!(signature, "pGZ5I1xlIPlolMyHTtHOo0ipJSf3eaOjOfjOKupr39c=");
    }
}
