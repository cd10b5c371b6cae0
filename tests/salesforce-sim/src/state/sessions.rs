//! Sessions: what an access token stands for. A session ends when it has been idle for its timeout;
//! activity is written down only once half of that has passed, so only half is ever guaranteed.

use super::World;
use crate::clock::{Millis, millis};
use crate::dead_session::ApiFamily;
use crate::ids;

pub(crate) struct Session {
    pub(crate) org_id: String,
    pub(crate) user_id: String,
    last_activity: Millis,
    timeout: Millis,
    /// When it ends however much it is used.
    ends: Option<Millis>,
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
        let token = ids::access_token(&org_id);
        let session = Session {
            org_id,
            user_id: user_id.to_owned(),
            last_activity: now,
            timeout: self.apps[client_id].session_timeout(),
            ends: self.apps[client_id].options.session_life.map(|life| now + millis(life)),
        };
        self.secrets.push(token.clone());
        self.sessions.insert(token.clone(), session);
        token
    }

    pub(crate) fn session_is_live(&self, now: Millis, token: &str) -> bool {
        self.sessions.get(token).is_some_and(|session| {
            now.saturating_sub(session.last_activity) < session.timeout
                && session.ends.is_none_or(|ends| now < ends)
                && self.users[&session.user_id].active
        })
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

    pub(crate) fn end_session(&mut self, token: &str) -> bool {
        self.sessions.remove(token).is_some()
    }

    pub(crate) fn end_sessions_of_org(&mut self, org_id: &str) {
        self.sessions.retain(|_, session| session.org_id != org_id);
    }
}
