//! Services beside the orgs: their hosts, each opened when it is first asked for, and the tokens of Data Cloud's own.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::json;

use super::{Shared, World};
use crate::clock::{Millis, millis};
use crate::dead_session::ApiFamily;
use crate::doors::{Doors, Service, Site};
use crate::{ids, jwt};

/// What Data Cloud's tokens were seen to live for.
const DATA_CLOUD_LIFE: Duration = Duration::from_secs(7193);

#[derive(Default)]
pub(crate) struct Services {
    /// Host and port of each that has been asked for.
    hosts: HashMap<Service, String>,
    /// What an org says in place of its tenant's host.
    misnamed: HashMap<String, String>,
    tokens: HashMap<String, DataCloudToken>,
    life: Option<Duration>,
}

struct DataCloudToken {
    org_id: String,
    ends: Millis,
}

/// What a token is good for at a Data Cloud tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DataCloudAdmission {
    Live,
    Dead,
    /// It is a token of another tenant, or an org's own.
    Foreign,
}

impl Shared {
    /// Host and port of a service, which is served from now on.
    pub(crate) fn service_host(&self, service: Service) -> String {
        let mut world = self.world();
        if let Some(known) = world.services.hosts.get(&service) {
            return known.clone();
        }
        let (listener, addr) = Doors::bind().expect("a loopback port can be bound");
        world.services.hosts.insert(service.clone(), addr.to_string());
        self.doors.open(listener, Site::Service(service));
        addr.to_string()
    }

    /// What an org names as the host of its Data Cloud tenant: without a scheme.
    pub(crate) fn data_cloud_host(&self, org_id: &str) -> String {
        let misnamed = self.world().services.misnamed.get(org_id).cloned();
        misnamed.unwrap_or_else(|| self.service_host(Service::DataCloud { org_id: org_id.to_owned() }))
    }
}

impl World {
    pub(crate) fn misname_data_cloud(&mut self, org_id: &str, host: &str) {
        self.services.misnamed.insert(org_id.to_owned(), host.to_owned());
    }

    pub(crate) fn set_data_cloud_life(&mut self, life: Duration) {
        self.services.life = Some(life);
    }

    /// Whether the app of a living session has a scope that begins so.
    pub(crate) fn has_scope(&self, token: &str, prefix: &str) -> bool {
        let app = self.sessions.get(token).and_then(|session| self.apps.get(&session.client_id));
        app.is_some_and(|app| app.options.scopes.iter().any(|scope| scope.starts_with(prefix)))
    }

    /// Whether a session of the org may be exchanged for a token of its tenant.
    pub(crate) fn may_earn(&self, now: Millis, org_id: &str, token: &str) -> bool {
        self.session_is_live(now, token) && self.sessions.get(token).is_some_and(|session| session.org_id == org_id)
    }

    /// A new token of a tenant, and its life.
    pub(crate) fn issue_data_cloud_token(&mut self, now: Millis, org_id: &str) -> (String, Millis) {
        let life = millis(self.services.life.unwrap_or(DATA_CLOUD_LIFE));
        let claims = json!({
            "audienceTenantId": format!("a360/prod/{org_id}"),
            "exp": (now + life) / 1000,
            "jti": ids::random_text(20),
        });
        let token = jwt::signed(&json!({"alg": "RS256", "typ": "JWT", "kid": jwt::KEY_ID}), &claims);
        self.secrets.push(token.clone());
        self.services.tokens.insert(token.clone(), DataCloudToken { org_id: org_id.to_owned(), ends: now + life });
        (token, life)
    }

    pub(crate) fn admit_to_data_cloud(&self, now: Millis, org_id: &str, token: &str) -> DataCloudAdmission {
        match self.services.tokens.get(token) {
            None if self.sessions.contains_key(token) => DataCloudAdmission::Foreign,
            Some(known) if known.org_id != org_id => DataCloudAdmission::Foreign,
            Some(known) if now < known.ends && !self.org(org_id).ip_restriction.covers(ApiFamily::DataCloud) => {
                DataCloudAdmission::Live
            }
            _ => DataCloudAdmission::Dead,
        }
    }

    pub(crate) fn end_data_cloud_tokens(&mut self, org_id: &str) {
        self.services.tokens.retain(|_, token| token.org_id != org_id);
    }
}
