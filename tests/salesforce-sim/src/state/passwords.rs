//! Sessions for whoever knows a user's password and security token: by the password grant, where the org still allows
//! it, and by SOAP.

use super::World;
use super::grants::Tokens;
use super::logins::LoginRefused;
use crate::clock::Millis;
use crate::doors::Site;
use crate::ids;
use crate::oauth_error::OauthError;

impl World {
    /// Opens a session of the user's own, not of an app: the token and the user's id.
    pub(crate) fn log_in_by_soap(
        &mut self,
        now: Millis,
        site: &Site,
        username: &str,
        password: &str,
    ) -> Result<(String, String), LoginRefused> {
        let user_id = self.user_at(site, username).ok_or(LoginRefused::Credentials)?.to_owned();
        let user = &self.users[&user_id];
        if password != format!("{}{}", user.password, user.security_token) {
            return Err(LoginRefused::Credentials);
        }
        if matches!(site, Site::Login(_)) && self.org(&user.org_id).my_domain_only {
            return Err(LoginRefused::MyDomainOnly);
        }
        Ok((self.open_own_session(now, &user_id), user_id))
    }

    /// Gives a user another password. False if the org has no such user.
    pub(crate) fn set_password(&mut self, org_id: &str, user_id: &str, password: &str) -> bool {
        let mut users = self.users.iter_mut().filter(|(_, user)| user.org_id == org_id);
        let found = users.find(|(known, _)| ids::same(known, user_id));
        let known = found.map(|(_, user)| password.clone_into(&mut user.password)).is_some();
        if known {
            self.secrets.push(password.to_owned());
        }
        known
    }

    /// Opens a session. There is no refresh token; an org that has the flow off says what it says to a wrong password.
    pub(crate) fn log_in_by_password(
        &mut self,
        now: Millis,
        site: &Site,
        client_id: &str,
        username: &str,
        password: &str,
    ) -> Result<Tokens, OauthError> {
        let user_id = self.user_at(site, username).ok_or(OauthError::AUTHENTICATION_FAILURE)?.to_owned();
        let user = &self.users[&user_id];
        let known = format!("{}{}", user.password, user.security_token);
        if password != known || !self.org(&user.org_id).options.password_flow {
            return Err(OauthError::AUTHENTICATION_FAILURE);
        }
        let scopes = self.apps[client_id].options.scopes.iter().map(String::as_str);
        let scope = scopes.filter(|scope| !["refresh_token", "offline_access"].contains(scope)).collect::<Vec<_>>();
        let scope = scope.join(" ");
        let access_token = self.open_session(now, &user_id, client_id);
        Ok(self.token_response(now, client_id, &user_id, &scope, access_token))
    }
}
