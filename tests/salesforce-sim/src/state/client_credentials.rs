//! The client credentials grant: a session for the user that the org lets the app run as.

use super::World;
use super::grants::Tokens;
use crate::clock::Millis;
use crate::oauth_error::OauthError;

/// Scopes that are taken out of what the grant gives.
const STRIPPED: [&str; 4] = ["full", "web", "refresh_token", "offline_access"];

impl World {
    /// Opens a session for the run-as user of an app that has proved itself, at the org whose own host was asked. The
    /// login host (`None`) does not serve this grant.
    pub(crate) fn run_client_credentials(
        &mut self,
        now: Millis,
        client_id: &str,
        org_id: Option<&str>,
    ) -> Result<Tokens, OauthError> {
        let org_id = org_id.ok_or(OauthError::WRONG_DOMAIN)?;
        let app = &self.apps[client_id];
        if !app.options.client_credentials {
            return Err(OauthError::FLOW_OFF);
        }
        let user_id = app.run_as.get(org_id).ok_or(OauthError::NO_RUN_AS)?.clone();
        if !self.users[&user_id].active {
            return Err(OauthError::INACTIVE_USER);
        }
        let scopes = app.options.scopes.iter().map(String::as_str).filter(|scope| !STRIPPED.contains(scope));
        let scope = scopes.collect::<Vec<_>>().join(" ");
        if scope.is_empty() {
            return Err(OauthError::NO_SCOPES);
        }
        let access_token = self.open_session(now, &user_id, client_id);
        Ok(self.token_response(now, client_id, &user_id, &scope, access_token))
    }
}
