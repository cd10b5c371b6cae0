//! Id tokens: who consented, signed by Salesforce (RS256; keys at `/id/keys` of the login host).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::{Request, StatusCode, Uri};
use http_body_util::Full;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use serde::Deserialize;

use super::ExchangeError;
use crate::salesforce::hosts::LoginUrl;
use crate::salesforce::identity::Identity;
use crate::secret::Secret;
use crate::transport::OneShot;

/// The clocks of this machine and of Salesforce may differ by this many seconds.
const LEEWAY: u64 = 120;
/// What Salesforce calls itself, whichever host was asked (discovery documents of My Domain hosts say the same).
const ISSUERS: [&str; 2] = ["https://login.salesforce.com", "https://test.salesforce.com"];

/// What an id token has to say.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// The app's consumer key.
    pub client_id: &'a str,
    /// Where the flow went.
    pub login: &'a LoginUrl,
    /// What the flow began with, if it can take one: the device flow cannot.
    pub nonce: Option<&'a str>,
    /// Whose tokens came with it.
    pub identity: &'a Identity,
    /// Now, in seconds since 1970.
    pub now: u64,
}

/// Why an id token is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdTokenError {
    /// It is not a signed token.
    #[error("is not a token signed with RS256")]
    Form,
    /// No key of Salesforce has signed it.
    #[error("was not signed by a key of the login host")]
    Signature,
    /// It says something else than it should.
    #[error("has another {0} than expected")]
    Claim(&'static str),
}

/// The public keys of a login host.
#[derive(Debug, Deserialize)]
pub struct Keys {
    keys: Vec<Key>,
}

#[derive(Debug, Deserialize)]
struct Key {
    kid: Option<String>,
    kty: String,
    n: Option<String>,
    e: Option<String>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    exp: u64,
    nonce: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

impl Keys {
    /// Asks a login host for its keys, by one request on `connection`.
    pub async fn fetch(connection: OneShot) -> Result<Self, ExchangeError> {
        let mut request = Request::new(Full::new(Bytes::new()));
        *request.uri_mut() = Uri::from_static("/id/keys");
        let answer = connection.send(request).await.map_err(|error| ExchangeError::Lost(error.to_string()))?;
        if answer.status != StatusCode::OK {
            return Err(ExchangeError::Lost(format!("the login host answered {} for its keys", answer.status)));
        }
        serde_json::from_slice(&answer.body)
            .map_err(|_| ExchangeError::Lost("a 200 that is not a set of keys".to_owned()))
    }

    /// Checks an id token: signature, issuer, audience, end, nonce, and that it names whom the tokens belong to.
    pub fn verify(&self, id_token: &Secret<String>, expected: &Expected<'_>) -> Result<(), IdTokenError> {
        let token = id_token.expose();
        let (signed, signature) = token.rsplit_once('.').ok_or(IdTokenError::Form)?;
        let (header, claims) = signed.split_once('.').ok_or(IdTokenError::Form)?;
        let header: Header = part(header)?;
        if header.alg != "RS256" {
            return Err(IdTokenError::Form);
        }
        let signature = decoded(signature)?;
        let fits = |key: &&Key| key.kty == "RSA" && (header.kid.is_none() || key.kid == header.kid);
        let is_signed = self.keys.iter().filter(fits).any(|key| key.has_signed(signed.as_bytes(), &signature));
        if !is_signed {
            return Err(IdTokenError::Signature);
        }
        part::<Claims>(claims)?.check(expected)
    }
}

impl Key {
    fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        let (Some(n), Some(e)) = (&self.n, &self.e) else { return false };
        let (Ok(n), Ok(e)) = (decoded(n), decoded(e)) else { return false };
        RsaPublicKeyComponents { n, e }.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature).is_ok()
    }
}

impl Claims {
    fn check(&self, expected: &Expected<'_>) -> Result<(), IdTokenError> {
        let login = expected.login.to_string();
        let issuer = self.iss.trim_end_matches('/');
        let audience = match &self.aud {
            Audience::One(one) => one == expected.client_id,
            Audience::Many(many) => many.iter().any(|one| one == expected.client_id),
        };
        let claims = [
            ("iss", issuer == login || ISSUERS.contains(&issuer)),
            ("aud", audience),
            ("exp", self.exp.saturating_add(LEEWAY) > expected.now),
            ("nonce", expected.nonce.is_none() || self.nonce.as_deref() == expected.nonce),
            ("sub", Identity::parse_url(&self.sub).as_ref() == Ok(expected.identity)),
        ];
        claims.into_iter().try_for_each(|(name, right)| if right { Ok(()) } else { Err(IdTokenError::Claim(name)) })
    }
}

fn decoded(text: &str) -> Result<Vec<u8>, IdTokenError> {
    URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).map_err(|_| IdTokenError::Form)
}

fn part<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, IdTokenError> {
    serde_json::from_slice(&decoded(text)?).map_err(|_| IdTokenError::Form)
}

#[cfg(test)]
mod tests;
