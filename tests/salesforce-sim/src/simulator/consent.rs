//! What tests script of consent: refusals in the place of a code, and where an org's users may log in.

use super::{Org, Simulator};
use crate::state::apps::App;
use crate::state::asks::ScriptedRefusal;

impl Simulator {
    /// Sends every authorization back to its app with this error, before anybody is asked to log in.
    pub fn refuse_authorize(&self, error: &str, description: &str) {
        self.refuse_authorize_of(None, None, error, description);
    }

    /// Refuses the authorizations of one app, or all. With an org, its users log in first, and others are not refused.
    pub fn refuse_authorize_of(&self, app: Option<&App>, org: Option<&Org>, error: &str, description: &str) {
        self.shared.world().refusals.push(ScriptedRefusal {
            client_id: app.map(|app| app.client_id.clone()),
            org_id: org.map(|org| org.org_id.clone()),
            error: error.to_owned(),
            description: description.to_owned(),
        });
    }

    /// Ends [`Simulator::refuse_authorize`] and its kin.
    pub fn allow_authorize(&self) {
        self.shared.world().refusals.clear();
    }

    /// Makes an org's users log in at its own host only.
    pub fn require_my_domain_login(&self, org: &Org, required: bool) {
        self.shared.world().org_mut(&org.org_id).my_domain_only = required;
    }
}
