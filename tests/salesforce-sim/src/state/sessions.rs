//! Sessions: what an access token stands for. A session ends when it has been idle for its timeout;
//! activity is written down only once half of that has passed, so only half is ever guaranteed.

use std::time::Duration;

use serde_json::json;

use super::World;
use crate::clock::{Millis, millis};
use crate::dead_session::ApiFamily;
use crate::{ids, jwt};

/// The inactivity timeout of an org's users: Salesforce's default of two hours.
const OWN_TIMEOUT: Millis = 2 * 60 * 60 * 1_000;

pub(crate) struct Session {
    pub(crate) org_id: String,
    pub(crate) user_id: String,
    pub(crate) client_id: String,
    opened: Millis,
    last_activity: Millis,
    timeout: Millis,
    /// Whether it ends after its timeout whatever use is made of it.
    absolute: bool,
    /// After which it ends however much it is used.
    life: Option<Millis>,
}

impl Session {
    /// When it ends unless it is used before.
    fn ends(&self) -> Millis {
        let since = if self.absolute { self.opened } else { self.last_activity };
        let idle = since.saturating_add(self.timeout);
        self.life.map_or(idle, |life| idle.min(self.opened.saturating_add(life)))
    }
}

/// What introspection tells of a living session.
pub(crate) struct Introspected {
    pub(crate) username: String,
    pub(crate) sub: String,
    pub(crate) issued: Millis,
    pub(crate) ends: Millis,
}

/// What a token is good for at an org.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    Live(Identity),
    Dead,
    /// It is the token of another org.
    Foreign,
    /// Alive, but the org's session policy refuses it for the REST API.
    NotForRest,
}

/// Whose session it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) org_id: String,
    pub(crate) user_id: String,
}

impl World {
    pub(crate) fn open_session(&mut self, now: Millis, user_id: &str, client_id: &str) -> String {
        let org_id = self.users[user_id].org_id.clone();
        let app = &self.apps[client_id];
        let life = app.options.jwt_access_tokens;
        let (token, timeout) = match life {
            Some(life) => (self.jwt_access_token(now, user_id, client_id, life), millis(life)),
            None => (ids::access_token(&org_id), app.session_timeout()),
        };
        let session = Session {
            org_id,
            user_id: user_id.to_owned(),
            client_id: client_id.to_owned(),
            opened: now,
            last_activity: now,
            timeout,
            absolute: life.is_some(),
            life: app.options.session_life.map(millis),
        };
        self.secrets.push(token.clone());
        self.sessions.insert(token.clone(), session);
        token
    }

    /// A session that no app has asked for, as logging in by name and password opens it.
    pub(crate) fn open_own_session(&mut self, now: Millis, user_id: &str) -> String {
        let org_id = self.users[user_id].org_id.clone();
        let token = ids::access_token(&org_id);
        let session = Session {
            org_id,
            user_id: user_id.to_owned(),
            client_id: String::new(),
            opened: now,
            last_activity: now,
            timeout: OWN_TIMEOUT,
            absolute: false,
            life: None,
        };
        self.secrets.push(token.clone());
        self.sessions.insert(token.clone(), session);
        token
    }

    pub(crate) fn session_is_live(&self, now: Millis, token: &str) -> bool {
        self.sessions.get(token).is_some_and(|session| now < session.ends() && self.users[&session.user_id].active)
    }

    /// What an app is told of one of its own sessions; `None` if it is dead, or none of its.
    pub(crate) fn introspect(&self, now: Millis, client_id: &str, token: &str) -> Option<Introspected> {
        let session = self.sessions.get(token).filter(|session| session.client_id == client_id)?;
        self.session_is_live(now, token).then(|| Introspected {
            username: self.users[&session.user_id].username.clone(),
            sub: self.identity_url(&session.user_id),
            issued: session.opened,
            ends: session.ends(),
        })
    }

    fn jwt_access_token(&self, now: Millis, user_id: &str, client_id: &str, life: Duration) -> String {
        let audience = format!("https://{}", self.org(&self.users[user_id].org_id).my_domain());
        let claims = json!({
            "aud": [audience],
            "iss": audience,
            "sub": format!("uid:{user_id}"),
            "scp": self.apps[client_id].options.scopes.join(" "),
            "client_id": client_id,
            "iat": now / 1000,
            "nbf": now / 1000,
            "exp": now / 1000 + life.as_secs(),
            // So that no two are alike; the real ones have other claims besides.
            "jti": ids::random_text(20),
        });
        jwt::signed(
            &json!({"alg": "RS256", "typ": "JWT", "kid": jwt::KEY_ID, "tty": "sfdc-core-token", "ver": "1.0"}),
            &claims,
        )
    }

    /// Judges a token presented to an API of an org, or of whichever org issued it (`None`: the login
    /// host's identity service), and records the activity.
    pub(crate) fn admit(&mut self, now: Millis, org_id: Option<&str>, family: ApiFamily, token: &str) -> Admission {
        if !self.session_is_live(now, token) {
            return Admission::Dead;
        }
        let Some(session) = self.sessions.get_mut(token) else {
            return Admission::Dead;
        };
        if org_id.is_some_and(|org_id| org_id != session.org_id) {
            return Admission::Foreign;
        }
        let org = &self.orgs[&session.org_id];
        if org.ip_restriction.covers(family) {
            return Admission::Dead;
        }
        if org.high_assurance && family == ApiFamily::Rest {
            return Admission::NotForRest;
        }
        if now.saturating_sub(session.last_activity) >= session.timeout / 2 {
            session.last_activity = now;
        }
        Admission::Live(Identity { org_id: session.org_id.clone(), user_id: session.user_id.clone() })
    }

    /// Whether a request that was admitted would be so again; it counts as no activity.
    pub(crate) fn still_admits(&self, now: Millis, org_id: &str, family: ApiFamily, token: &str) -> bool {
        self.session_is_live(now, token) && !self.org(org_id).ip_restriction.covers(family)
    }

    pub(crate) fn end_session(&mut self, token: &str) -> bool {
        self.sessions.remove(token).is_some()
    }

    pub(crate) fn end_sessions_of_org(&mut self, org_id: &str) {
        self.sessions.retain(|_, session| session.org_id != org_id);
    }
}
