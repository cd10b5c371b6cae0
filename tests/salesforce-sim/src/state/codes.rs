//! Authorization codes: 15 minutes, one use, bound to the app, callback and code challenge.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use super::World;
use super::grants::Tokens;
use crate::clock::Millis;
use crate::doors::Site;
use crate::ids;
use crate::oauth_error::OauthError;

const LIFE: Millis = 15 * 60 * 1000;

pub(crate) struct Code {
    pub(crate) client_id: String,
    pub(crate) user_id: String,
    pub(crate) redirect_uri: String,
    pub(crate) scope: String,
    pub(crate) challenge: Option<String>,
    pub(crate) nonce: Option<String>,
    pub(crate) issued: Millis,
}

/// What the token request says about a code.
pub(crate) struct Redemption<'a> {
    pub(crate) code: &'a str,
    pub(crate) client_id: &'a str,
    pub(crate) redirect_uri: &'a str,
    pub(crate) verifier: Option<&'a str>,
}

impl World {
    pub(crate) fn issue_code(&mut self, code: Code) -> String {
        let text = ids::authorization_code();
        self.secrets.push(text.clone());
        self.codes.insert(text.clone(), code);
        text
    }

    /// Turns a code into an approval. A code is gone after its first presentation, right or wrong.
    pub(crate) fn redeem(&mut self, now: Millis, site: &Site, with: &Redemption<'_>) -> Result<Tokens, OauthError> {
        let code = self.codes.remove(with.code).ok_or(OauthError::DEAD_CODE)?;
        let user = &self.users[&code.user_id];
        if !self.serves(site, &user.org_id)
            || code.client_id != with.client_id
            || now.saturating_sub(code.issued) > LIFE
        {
            return Err(OauthError::DEAD_CODE);
        }
        if code.redirect_uri != with.redirect_uri {
            return Err(OauthError::REDIRECT_MISMATCH);
        }
        if !verified(code.challenge.as_deref(), with.verifier) {
            return Err(OauthError::WRONG_VERIFIER);
        }
        if !user.active {
            return Err(OauthError::INACTIVE_USER);
        }
        let tokens = self.approve(now, &code.client_id, &code.user_id, &code.scope);
        if tokens.id_token.is_empty() {
            return Ok(tokens);
        }
        let nonce = code.nonce.as_deref();
        let id_token = self.id_token(now, &code.client_id, &code.user_id, nonce, &tokens.access_token);
        Ok(Tokens { id_token, ..tokens })
    }
}

/// Whether a verifier answers the challenge (S256, Salesforce's only method); a verifier without a
/// challenge is ignored.
fn verified(challenge: Option<&str>, verifier: Option<&str>) -> bool {
    match (challenge, verifier) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(challenge), Some(verifier)) => URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes())) == challenge,
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_challenge_is_that_of_rfc_7636() {
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        let challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
        assert!(super::verified(Some(challenge), Some(verifier)));
        assert!(!super::verified(Some(challenge), Some("another")));
        assert!(!super::verified(Some(challenge), None));
    }
}
