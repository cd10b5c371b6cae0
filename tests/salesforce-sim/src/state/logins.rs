//! Who is logged in, in which browser, at which host; and where a user may log in.

use super::World;
use super::orgs::OrgKind;
use crate::doors::Site;
use crate::ids;

/// Why a log-in fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LoginRefused {
    /// Wrong name, wrong password, or a user of another environment: nobody is told which.
    Credentials,
    /// The org's users have to log in at its own host.
    MyDomainOnly,
}

impl World {
    /// Whether an org's users log in at a host.
    pub(crate) fn serves(&self, site: &Site, org_id: &str) -> bool {
        match site {
            Site::Login(kind) => self.org(org_id).options.kind == *kind,
            Site::Org { org_id: own, .. } => own == org_id,
            Site::PubSub { .. } | Site::Service(_) => false,
        }
    }

    /// What kind of org logs in at a host.
    pub(crate) fn login_kind(&self, site: &Site) -> OrgKind {
        match site {
            Site::Login(kind) => *kind,
            Site::Org { org_id, .. } => self.org(org_id).options.kind,
            Site::PubSub { .. } | Site::Service(_) => OrgKind::Production,
        }
    }

    /// The active user of this name who logs in at a host.
    pub(crate) fn user_at(&self, site: &Site, username: &str) -> Option<&str> {
        let mut users = self.users.iter();
        let found = users.find(|(_, user)| user.username == username && user.active && self.serves(site, &user.org_id));
        found.map(|(user_id, _)| user_id.as_str())
    }

    /// Logs a user in and returns the value of the session cookie.
    pub(crate) fn log_in(&mut self, site: &Site, username: &str, password: &str) -> Result<String, LoginRefused> {
        let user_id = self.user_at(site, username).ok_or(LoginRefused::Credentials)?;
        let user = &self.users[user_id];
        if user.password != password {
            return Err(LoginRefused::Credentials);
        }
        if matches!(site, Site::Login(_)) && self.org(&user.org_id).my_domain_only {
            return Err(LoginRefused::MyDomainOnly);
        }
        let (cookie, user_id) = (ids::random_text(40), user_id.to_owned());
        self.logins.insert(cookie.clone(), user_id);
        Ok(cookie)
    }

    /// The user whom a session cookie stands for at a host.
    pub(crate) fn logged_in(&self, site: &Site, cookie: &str) -> Option<&str> {
        let user_id = self.logins.get(cookie)?;
        let user = &self.users[user_id];
        (user.active && self.serves(site, &user.org_id)).then_some(user_id)
    }

    /// Names and passwords of a host's users, in order of names.
    pub(crate) fn users_at(&self, site: &Site) -> Vec<(&str, &str)> {
        let here = self.users.values().filter(|user| user.active && self.serves(site, &user.org_id));
        let mut users: Vec<_> = here.map(|user| (user.username.as_str(), user.password.as_str())).collect();
        users.sort_unstable();
        users
    }
}

impl OrgKind {
    /// Where its orgs' users log in.
    pub(crate) fn login_host(self) -> &'static str {
        match self {
            Self::Production => "https://login.salesforce.com",
            Self::Sandbox => "https://test.salesforce.com",
        }
    }
}
