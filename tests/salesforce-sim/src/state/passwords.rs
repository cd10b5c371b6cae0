//! The password grant: a session for whoever knows a user's password and security token, where the org still allows it.

use super::World;
use super::grants::Tokens;
use crate::clock::Millis;
use crate::doors::Site;
use crate::oauth_error::OauthError;

impl World {
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
