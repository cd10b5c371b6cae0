//! Orgs and their users: identity, where their API is served, and what their admins have restricted.

use serde::{Deserialize, Serialize};

use super::World;
use super::objects::Objects;
use crate::bulk::Jobs;
use crate::dead_session::ApiFamily;
use crate::events::EventBus;
use crate::ids;
use crate::metadata::Metadata;

/// What an org is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OrgKind {
    /// Logs in at `login.salesforce.com`.
    #[default]
    Production,
    /// Logs in at `test.salesforce.com`.
    Sandbox,
}

/// How an org is set up.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OrgOptions {
    /// The first part of its My Domain name (`acme`, for a sandbox `acme--uat`).
    pub name: String,
    /// Production or sandbox.
    pub kind: OrgKind,
    /// The host name of `instance_url`: `127.0.0.1`, `localhost`, or a name below `salesforce.test`. The org's listener is
    /// on loopback whatever it is called.
    pub host: String,
    /// The daily quota that `Sforce-Limit-Info` shows.
    pub daily_api_requests: u64,
    /// Whether the password grant is allowed: orgs made since 2023 have it off.
    pub password_flow: bool,
}

impl Default for OrgOptions {
    fn default() -> Self {
        Self {
            name: "acme".to_owned(),
            kind: OrgKind::Production,
            host: "127.0.0.1".to_owned(),
            daily_api_requests: 100_000,
            password_flow: false,
        }
    }
}

/// What the host that an org has moved away from answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OldInstance {
    /// Knows none of the org's sessions any more: each API family's dead-session answer. OAuth calls are
    /// still served. This is what an org migration looks like to whoever holds an old `instance_url`.
    #[default]
    ForgetsSessions,
    /// A renamed My Domain: 301 for GET and HEAD, 307 otherwise, to the same path on the new host.
    Redirects,
    /// 420: the edge has no route for this host.
    NoRoute,
    /// 503 with a maintenance page.
    Maintenance,
}

/// Sessions that an org's policies refuse although they are alive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Restriction {
    #[default]
    None,
    All,
    Only(ApiFamily),
}

impl Restriction {
    pub(crate) fn covers(self, family: ApiFamily) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::Only(one) => one == family,
        }
    }
}

pub(crate) struct OrgRecord {
    pub(crate) options: OrgOptions,
    pub(crate) instance_url: String,
    /// The listener that serves the org now; requests at another are for an old instance.
    pub(crate) door: u16,
    pub(crate) old_instance: OldInstance,
    pub(crate) ip_restriction: Restriction,
    /// A session policy that makes REST refuse live sessions with a text of its own.
    pub(crate) high_assurance: bool,
    /// Whether its users have to log in at its own host.
    pub(crate) my_domain_only: bool,
    pub(crate) api_requests: u64,
    pub(crate) events: EventBus,
    pub(crate) streaming: crate::streaming::Clients,
    pub(crate) objects: Objects,
    pub(crate) jobs: Jobs,
    pub(crate) jobs2: crate::rest::jobs::Jobs,
    pub(crate) metadata: Metadata,
}

impl OrgRecord {
    pub(crate) fn my_domain(&self) -> String {
        match self.options.kind {
            OrgKind::Production => format!("{}.my.salesforce.com", self.options.name),
            OrgKind::Sandbox => format!("{}.sandbox.my.salesforce.com", self.options.name),
        }
    }

    pub(crate) fn limit_info(&self) -> String {
        format!("api-usage={}/{}", self.api_requests, self.options.daily_api_requests)
    }
}

/// A user of an org.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct User {
    /// The 18-character id.
    pub user_id: String,
    /// The user name, which looks like an e-mail address.
    pub username: String,
    /// The user's org, 18 characters.
    pub org_id: String,
    /// What the user logs in with.
    pub password: String,
    /// What the password grant wants after the password.
    pub security_token: String,
}

pub(crate) struct UserRecord {
    pub(crate) username: String,
    pub(crate) org_id: String,
    pub(crate) password: String,
    pub(crate) security_token: String,
    pub(crate) active: bool,
}

impl World {
    pub(crate) fn create_org(&mut self, options: OrgOptions, instance_url: String, door: u16) -> String {
        let org_id = self.ids.next("00D");
        let record = OrgRecord {
            options,
            instance_url,
            door,
            old_instance: OldInstance::default(),
            ip_restriction: Restriction::None,
            high_assurance: false,
            my_domain_only: false,
            api_requests: 0,
            events: EventBus::default(),
            streaming: crate::streaming::Clients::default(),
            objects: Objects::default(),
            jobs: Jobs::default(),
            jobs2: crate::rest::jobs::Jobs::default(),
            metadata: Metadata::default(),
        };
        self.orgs.insert(org_id.clone(), record);
        org_id
    }

    pub(crate) fn org(&self, org_id: &str) -> &OrgRecord {
        self.orgs.get(org_id).expect("orgs are never removed")
    }

    pub(crate) fn org_mut(&mut self, org_id: &str) -> &mut OrgRecord {
        self.orgs.get_mut(org_id).expect("orgs are never removed")
    }

    /// The 18-character id of an org that is named by either form of it.
    pub(crate) fn org_by_any_id(&self, id: &str) -> Option<String> {
        let whole = matches!(id.len(), 15 | 18);
        self.orgs.keys().find(|known| whole && ids::same(known, id)).cloned()
    }

    /// Whether a URL is that of the org's API, by address or by My Domain.
    pub(crate) fn is_instance(&self, org_id: &str, url: &str) -> bool {
        let org = self.org(org_id);
        url == org.instance_url || url.strip_prefix("https://") == Some(&org.my_domain())
    }

    pub(crate) fn create_user(&mut self, org_id: &str, username: &str) -> User {
        let user_id = self.ids.next("005");
        let user = User {
            user_id,
            username: username.to_owned(),
            org_id: org_id.to_owned(),
            password: format!("Pa$s!{}", ids::random_text(12)),
            security_token: ids::random_text(24),
        };
        self.secrets.extend([user.password.clone(), user.security_token.clone()]);
        let record = UserRecord {
            username: user.username.clone(),
            org_id: user.org_id.clone(),
            password: user.password.clone(),
            security_token: user.security_token.clone(),
            active: true,
        };
        self.users.insert(user.user_id.clone(), record);
        user
    }

    pub(crate) fn deactivate(&mut self, user_id: &str) {
        if let Some(user) = self.users.get_mut(user_id) {
            user.active = false;
        }
    }

    /// The identity URL of a user: the value of `id` in a token response.
    pub(crate) fn identity_url(&self, user_id: &str) -> String {
        let org_id = &self.users[user_id].org_id;
        format!("{}/id/{org_id}/{user_id}", self.org(org_id).options.kind.login_host())
    }
}
