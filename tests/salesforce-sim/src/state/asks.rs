//! What apps have asked for in a browser, and no user has yet answered.

use super::World;
use super::codes::Code;
use crate::clock::Millis;
use crate::ids;

/// An app's request for access.
#[derive(Clone)]
pub(crate) struct Ask {
    pub(crate) client_id: String,
    pub(crate) scope: String,
    pub(crate) purpose: Purpose,
}

/// What the answer to an ask is for.
#[derive(Clone)]
pub(crate) enum Purpose {
    /// The web server flow: the answer goes back to the app's callback.
    Callback(Callback),
    /// The device flow: the app polls for it.
    Device { user_code: String },
}

/// Where an answer goes, and what comes with it.
#[derive(Clone)]
pub(crate) struct Callback {
    pub(crate) redirect_uri: String,
    pub(crate) state: Option<String>,
    pub(crate) challenge: Option<String>,
    pub(crate) nonce: Option<String>,
}

/// A refusal of what users are asked, as a test has scripted it.
#[derive(Clone)]
pub(crate) struct ScriptedRefusal {
    /// Every app's asks if `None`.
    pub(crate) client_id: Option<String>,
    /// Struck before anybody has logged in if `None`.
    pub(crate) org_id: Option<String>,
    pub(crate) error: String,
    pub(crate) description: String,
}

impl World {
    /// Keeps an ask and returns the name by which its page knows it.
    pub(crate) fn ask(&mut self, ask: Ask) -> String {
        let source = ids::random_text(32);
        self.asks.insert(source.clone(), ask);
        source
    }

    /// The code with which a user's approval goes back to an app.
    pub(crate) fn code_for(
        &mut self,
        now: Millis,
        client_id: &str,
        scope: &str,
        user_id: &str,
        back: &Callback,
    ) -> String {
        self.issue_code(Code {
            client_id: client_id.to_owned(),
            user_id: user_id.to_owned(),
            redirect_uri: back.redirect_uri.clone(),
            scope: scope.to_owned(),
            challenge: back.challenge.clone(),
            nonce: back.nonce.clone(),
            issued: now,
        })
    }

    /// The scripted refusal of an app: those for all orgs while nobody has logged in, those for the user's org after.
    pub(crate) fn scripted_refusal(&self, client_id: &str, user_id: Option<&str>) -> Option<ScriptedRefusal> {
        let org_id = user_id.map(|user_id| self.users[user_id].org_id.as_str());
        let fits = |refusal: &&ScriptedRefusal| {
            refusal.client_id.as_deref().is_none_or(|known| known == client_id) && refusal.org_id.as_deref() == org_id
        };
        self.refusals.iter().find(fits).cloned()
    }
}
