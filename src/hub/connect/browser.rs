//! Which browser it is: a random cookie, of which only hashes go anywhere else.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderMap, HeaderValue};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// Characters of the cookie: 256 bits in base64url.
const CHARS: usize = 43;
/// How long a browser is remembered, in seconds: as long as the longest link.
const MAX_AGE: u64 = 7 * 24 * 60 * 60;

/// A browser.
pub(super) struct Browser {
    secret: String,
    is_new: bool,
    is_secure: bool,
}

impl Browser {
    /// The browser of a request; a new one if it has no cookie of ours. `is_secure` says whether the hub is reached by TLS:
    /// then the cookie is one that no other host and no plain connection can set.
    pub(super) fn of(headers: &HeaderMap, is_secure: bool) -> Self {
        let name = name(is_secure);
        let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
        let found = cookies
            .flat_map(|value| value.split(';'))
            .filter_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='))
            .find(|value| is_secret(value))
            .map(str::to_owned);
        let is_new = found.is_none();
        Self { secret: found.unwrap_or_else(random), is_new, is_secure }
    }

    /// What the link remembers of the browser.
    pub(super) fn hash(&self) -> String {
        self.hashed("browser", "")
    }

    /// What a form of this link carries in this browser.
    pub(super) fn csrf(&self, link: &str) -> String {
        self.hashed("form", link)
    }

    /// Whether a form was ours: made for this browser and link, and sent from our own page as far as the browser says.
    pub(super) fn sent(&self, headers: &HeaderMap, csrf: &str, link: &str) -> bool {
        let elsewhere = headers.get("sec-fetch-site").is_some_and(|site| site != "same-origin" && site != "none");
        let is_ours: bool = self.csrf(link).as_bytes().ct_eq(csrf.as_bytes()).into();
        !self.is_new && is_ours && !elsewhere
    }

    /// The cookie, if it is to be set.
    pub(super) fn remember(&self, headers: &mut HeaderMap) {
        if self.is_new {
            let secure = if self.is_secure { "; Secure" } else { "" };
            let cookie = format!(
                "{}={}; Path=/; Max-Age={MAX_AGE}; HttpOnly; SameSite=Lax{secure}",
                name(self.is_secure),
                self.secret
            );
            let mut cookie = HeaderValue::try_from(cookie).expect("it is base64");
            cookie.set_sensitive(true);
            headers.append(SET_COOKIE, cookie);
        }
    }

    fn hashed(&self, what: &str, of: &str) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(format!("orgpass {what}\n{}\n{of}", self.secret)))
    }
}

fn name(is_secure: bool) -> &'static str {
    if is_secure { "__Host-orgpass-connect" } else { "orgpass-connect" }
}

fn is_secret(text: &str) -> bool {
    text.len() == CHARS && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

fn random() -> String {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).expect("the operating system's random source works");
    URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_cookie(cookie: &str) -> HeaderMap {
        HeaderMap::from_iter([(COOKIE, HeaderValue::from_str(cookie).unwrap())])
    }

    #[test]
    fn a_browser_is_known_again_by_its_cookie_only() {
        let browser = Browser::of(&HeaderMap::new(), true);
        let mut set = HeaderMap::new();
        browser.remember(&mut set);
        let cookie = set[SET_COOKIE].to_str().unwrap();
        for part in ["__Host-orgpass-connect=", "; Path=/;", "HttpOnly", "SameSite=Lax", "; Secure"] {
            assert!(cookie.contains(part), "{cookie}");
        }
        let sent = with_cookie(&format!("other=1; {}", cookie.split(';').next().unwrap()));
        let again = Browser::of(&sent, true);
        assert_eq!(again.hash(), browser.hash());
        assert!(again.sent(&sent, &browser.csrf("link"), "link"));
        assert!(!again.sent(&sent, &browser.csrf("link"), "another"));
        assert!(!again.sent(&sent, "", "link"));
        let mut elsewhere = sent.clone();
        elsewhere.insert("sec-fetch-site", HeaderValue::from_static("cross-site"));
        assert!(!again.sent(&elsewhere, &browser.csrf("link"), "link"));
        assert_ne!(Browser::of(&sent, false).hash(), browser.hash(), "a cookie without the prefix is another");
        assert!(!Browser::of(&HeaderMap::new(), true).sent(&HeaderMap::new(), &browser.csrf("link"), "link"));
    }
}
