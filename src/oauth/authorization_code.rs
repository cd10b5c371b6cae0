//! The authorization code flow with PKCE (RFC 7636, always S256): where a browser is sent for consent, and what the code
//! that comes back is exchanged for.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use oauth2::{AuthorizationCode, PkceCodeVerifier, RedirectUrl};
use sha2::{Digest, Sha256};
use url::form_urlencoded;

use super::wire::{Wire, client, response};
use super::{App, Credentials, ExchangeError, TokenResponse};
use crate::salesforce::hosts::LoginUrl;
use crate::salesforce::scopes::Scopes;
use crate::salesforce::token_errors::TokenFailure;
use crate::secret::Secret;
use crate::transport::OneShot;

/// What only whoever began a flow knows: proves at the token endpoint that the code was meant for them.
#[derive(Clone, Debug)]
pub struct CodeVerifier(Secret<String>);

impl CodeVerifier {
    /// A new one: 256 random bits, 43 characters.
    pub fn random() -> Self {
        let mut bytes = zeroize::Zeroizing::new([0; 32]);
        getrandom::fill(&mut *bytes).expect("the operating system's random source works");
        Self(Secret::new(URL_SAFE_NO_PAD.encode(*bytes)))
    }

    /// One that was kept sealed.
    pub fn kept(text: Secret<String>) -> Self {
        Self(text)
    }

    /// The text, to be kept sealed.
    pub fn secret(&self) -> &Secret<String> {
        &self.0
    }

    /// What Salesforce is shown beforehand.
    pub fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(self.0.expose().as_bytes()))
    }
}

/// A request for consent, to be made by a browser.
#[derive(Clone, Copy, Debug)]
pub struct Authorization<'a> {
    /// The app that asks.
    pub app: &'a App,
    /// Where the user logs in.
    pub login: &'a LoginUrl,
    /// Where the browser comes back to; a callback URL of the app.
    pub redirect_uri: &'a str,
    /// What is asked for. Salesforce grants all that the app has if nothing is named.
    pub scopes: &'a Scopes,
    /// Comes back as it is.
    pub state: &'a str,
    /// [`CodeVerifier::challenge`].
    pub challenge: &'a str,
    /// Whether Salesforce asks who it is even if somebody is logged in.
    pub login_anew: bool,
    /// Comes back inside the id token, if `openid` is asked for.
    pub nonce: Option<&'a str>,
}

impl Authorization<'_> {
    /// Where to send the browser.
    pub fn url(&self) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.app.client_id)
            .append_pair("redirect_uri", self.redirect_uri)
            .append_pair("state", self.state)
            .append_pair("code_challenge", self.challenge)
            .append_pair("code_challenge_method", "S256");
        if self.login_anew {
            query.append_pair("prompt", "login");
        }
        if !self.scopes.is_empty() {
            query.append_pair("scope", &self.scopes.to_string());
        }
        if let Some(nonce) = self.nonce {
            query.append_pair("nonce", nonce);
        }
        format!("{}/services/oauth2/authorize?{}", self.login, query.finish())
    }
}

/// Exchanges the code of a consent. The code is dead from the moment that Salesforce has it, whatever it answers.
pub async fn redeem(
    app: &App,
    credentials: &Credentials,
    login: &LoginUrl,
    code: &Secret<String>,
    verifier: &CodeVerifier,
    redirect_uri: &str,
    connection: OneShot,
) -> Result<TokenResponse, ExchangeError> {
    let client = client(app, credentials.client_secret.as_ref(), login)?;
    let redirect_uri =
        RedirectUrl::new(redirect_uri.to_owned()).map_err(|error| ExchangeError::NotSent(error.to_string()))?;
    let wire = Wire::new(connection, TokenFailure::parse_for_code);
    let request = client
        .exchange_code(AuthorizationCode::new(code.expose().clone()))
        .set_pkce_verifier(PkceCodeVerifier::new(verifier.0.expose().clone()))
        .set_redirect_uri(Cow::Owned(redirect_uri));
    response(request.request_async(&wire).await)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_challenge_is_that_of_the_standard() {
        let verifier = CodeVerifier::kept(Secret::new("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".to_owned()));
        assert_eq!(verifier.challenge(), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
        let (one, two) = (CodeVerifier::random(), CodeVerifier::random());
        assert_eq!(one.0.expose().len(), 43);
        assert_ne!(one.challenge(), two.challenge());
    }
}
