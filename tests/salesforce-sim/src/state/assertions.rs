//! The JWT bearer grant: a session for a user, on the word of whoever has an app's private key.

use serde::Deserialize;

use super::World;
use super::grants::Tokens;
use crate::clock::Millis;
use crate::doors::Site;
use crate::jwt::Jwt;
use crate::oauth_error::OauthError;

/// The longest life of an assertion, in seconds. Sources disagree on Salesforce's own bound; this is the strictest reading.
const LONGEST: u64 = 3 * 60;

#[derive(Deserialize)]
struct Header {
    alg: String,
}

/// Numbers are whole seconds: what clients get away with beside is not accepted here.
#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: Option<String>,
    prn: Option<String>,
    aud: String,
    exp: u64,
}

impl World {
    /// Judges an assertion sent to a host, and opens a session for its
    /// user. The answer has no refresh token, no signature and no time of issue.
    pub(crate) fn assert(&mut self, now: Millis, site: &Site, assertion: &str) -> Result<Tokens, OauthError> {
        let jwt = Jwt::parse(assertion).ok_or(OauthError::INVALID_ASSERTION)?;
        let header: Header = jwt.header().ok_or(OauthError::INVALID_ASSERTION)?;
        let claims: Claims = jwt.claims().ok_or(OauthError::INVALID_ASSERTION)?;
        let app = self.apps.get(&claims.iss).ok_or(OauthError::UNKNOWN_CLIENT)?;
        let certificate = app.options.certificate.as_deref();
        if header.alg != "RS256" || !certificate.is_some_and(|known| jwt.is_signed_by(known)) {
            return Err(OauthError::INVALID_ASSERTION);
        }
        let ends = claims.exp.saturating_mul(1000);
        if ends <= now {
            return Err(OauthError::EXPIRED_ASSERTION);
        }
        if ends - now > LONGEST * 1000 {
            return Err(OauthError::INVALID_ASSERTION);
        }
        // `prn` is the older name, and wins.
        let username = claims.prn.or(claims.sub).ok_or(OauthError::INVALID_ASSERTION)?;
        let user = self.users.iter().find(|(_, user)| user.username == username && self.serves(site, &user.org_id));
        let (user_id, user) = user.ok_or(OauthError::NOT_APPROVED)?;
        let org = self.org(&user.org_id);
        let audiences = [
            org.options.kind.login_host().to_owned(),
            format!("https://{}", org.my_domain()),
            org.instance_url.clone(),
        ];
        if !audiences.contains(&claims.aud) {
            return Err(OauthError::WRONG_AUDIENCE);
        }
        if !user.active {
            return Err(OauthError::INACTIVE_USER);
        }
        if !self.is_approved(&claims.iss, user_id) {
            return Err(OauthError::NOT_APPROVED);
        }
        let (user_id, scope) = (user_id.clone(), app.options.scopes.join(" "));
        let access_token = self.open_session(now, &user_id, &claims.iss);
        let tokens = self.token_response(now, &claims.iss, &user_id, &scope, access_token);
        Ok(Tokens { signature: String::new(), issued_at: String::new(), ..tokens })
    }
}
