//! Who is logged in: a cookie that only hubs with the same grant keys can make and read, so that any of them serves it. It
//! ends after eight hours, and as soon as its API token is gone or another.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::connection::ConnectionKey;
use crate::hub::{ApiToken, Hub};
use crate::management::links::unix_now;
use crate::vault::{Purpose, Sealed};

const LIFE: u64 = 8 * 60 * 60;
const MAX_COOKIE: usize = 2048;

/// A person who is logged in.
pub(super) struct Session {
    /// The API token that it was begun with.
    pub(super) token: ApiToken,
    cookie: String,
}

#[derive(Serialize, Deserialize)]
struct Wire {
    name: String,
    /// Of the token, so that another one under the same name is another.
    mark: String,
    ends: u64,
}

/// Whether a form came from our own page, as far as the browser says.
pub(super) fn of_our_own(headers: &HeaderMap) -> bool {
    headers.get("sec-fetch-site").is_none_or(|site| site == "same-origin" || site == "none")
}

impl Session {
    /// The session of a request, if it has one that is good.
    pub(super) fn of(hub: &Hub, headers: &HeaderMap) -> Option<Self> {
        let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut pairs = cookies.flat_map(|value| value.split(';'));
        let cookie = pairs.find_map(|pair| pair.trim().strip_prefix(name(hub))?.strip_prefix('='))?;
        if cookie.len() > MAX_COOKIE {
            return None;
        }
        let sealed = Sealed::from_bytes(URL_SAFE_NO_PAD.decode(cookie).ok()?);
        let plain = hub.vault.open(Purpose::Grant, &place(), &sealed).ok()?;
        let wire: Wire = serde_json::from_slice(&plain).ok()?;
        let token = hub.tokens.as_ref()?.named(&wire.name)?;
        let is_good = wire.ends > unix_now() && token.mark() == wire.mark;
        is_good.then(|| Self { token, cookie: cookie.to_owned() })
    }

    /// The cookie of a new session.
    pub(super) fn begin(hub: &Hub, token: &ApiToken) -> HeaderValue {
        let wire = Wire { name: token.name.clone(), mark: token.mark(), ends: unix_now() + LIFE };
        let json = serde_json::to_vec(&wire).expect("texts and numbers serialize");
        let sealed = hub.vault.seal(Purpose::Grant, &place(), &json).expect("a hub has grant keys");
        cookie(hub, &URL_SAFE_NO_PAD.encode(sealed.as_bytes()), LIFE)
    }

    /// What takes the cookie away.
    pub(super) fn end(hub: &Hub) -> HeaderValue {
        cookie(hub, "", 0)
    }

    /// What a form of this session carries.
    pub(super) fn csrf(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(format!("orgpass status form\n{}", self.cookie)))
    }

    /// Whether a form was of this session.
    pub(super) fn sent(&self, csrf: &str) -> bool {
        self.csrf().as_bytes().ct_eq(csrf.as_bytes()).into()
    }
}

/// What sessions are sealed for; no connection can take their place, since none opens as one.
fn place() -> ConnectionKey {
    ConnectionKey::parse("orgpass:session", None).expect("it is a name")
}

fn name(hub: &Hub) -> &'static str {
    if hub.is_secure() { "__Host-orgpass-session" } else { "orgpass-session" }
}

fn cookie(hub: &Hub, value: &str, life: u64) -> HeaderValue {
    let secure = if hub.is_secure() { "; Secure" } else { "" };
    let text = format!("{}={value}; Path=/; Max-Age={life}; HttpOnly; SameSite=Strict{secure}", name(hub));
    let mut cookie = HeaderValue::try_from(text).expect("it is base64");
    cookie.set_sensitive(true);
    cookie
}
