//! OpenID Connect: the keys and the description of a login host, and the id tokens that the keys sign.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::StatusCode;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::answer::Answer;
use crate::call::Call;
use crate::clock::Millis;
use crate::jwt;
use crate::state::World;

/// Seconds that an id token is good for.
const LIFE: u64 = 2 * 60;

pub(crate) fn keys() -> Answer {
    let (modulus, exponent) = jwt::public_key();
    let key = json!({
        "kty": "RSA",
        "use": "sig",
        "alg": "RS256",
        "kid": jwt::KEY_ID,
        "n": URL_SAFE_NO_PAD.encode(modulus),
        "e": URL_SAFE_NO_PAD.encode(exponent),
    });
    Answer::json(StatusCode::OK, &json!({ "keys": [key] }))
}

/// The description, with the endpoints at the host that was asked and the issuer that signs for it.
pub(crate) fn configuration(call: &Call) -> Answer {
    let host = call.header("host").unwrap_or_default();
    let base = format!("{}://{host}", call.shared.doors.scheme);
    let issuer = call.shared.world().login_kind(&call.site).login_host();
    let body = json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{base}/services/oauth2/authorize"),
        "token_endpoint": format!("{base}/services/oauth2/token"),
        "revocation_endpoint": format!("{base}/services/oauth2/revoke"),
        "introspection_endpoint": format!("{base}/services/oauth2/introspect"),
        "userinfo_endpoint": format!("{base}/services/oauth2/userinfo"),
        "jwks_uri": format!("{base}/id/keys"),
        "scopes_supported": ["api", "full", "id", "openid", "profile", "email", "refresh_token", "web"],
        "response_types_supported": ["code", "token", "token id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic", "private_key_jwt"],
        "code_challenge_methods_supported": ["S256"],
    });
    Answer::json(StatusCode::OK, &body)
}

impl World {
    /// Who a user is, signed for one app; `nonce` as the app's request had it.
    pub(crate) fn id_token(
        &self,
        now: Millis,
        client_id: &str,
        user_id: &str,
        nonce: Option<&str>,
        access_token: &str,
    ) -> String {
        let user = &self.users[user_id];
        let hash = Sha256::digest(access_token.as_bytes());
        let mut claims = json!({
            "iss": self.org(&user.org_id).options.kind.login_host(),
            "sub": self.identity_url(user_id),
            "aud": client_id,
            "iat": now / 1000,
            "exp": now / 1000 + LIFE,
            "at_hash": URL_SAFE_NO_PAD.encode(&hash[..16]),
        });
        if let Some(nonce) = nonce {
            claims["nonce"] = Value::from(nonce);
        }
        jwt::signed(&json!({"alg": "RS256", "typ": "JWT", "kid": jwt::KEY_ID}), &claims)
    }
}
