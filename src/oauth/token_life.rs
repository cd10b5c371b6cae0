//! How long a JWT-based access token lives, as it says itself. Nothing of it is verified or believed beyond that: it is
//! Salesforce that judges the token.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::secret::Secret;

/// Longer ones are not read.
const MAX_TOKEN: usize = 16 * 1024;
/// Salesforce offers up to 12 hours, or the user's session time, which is a day at most.
const MAX_LIFE: u64 = 2 * 24 * 60 * 60;

#[derive(Deserialize)]
struct Claims {
    iat: u64,
    exp: u64,
}

/// The time between a JWT-based access token's issue and its end; `None` for an opaque token, and for one whose claims
/// make no sense.
pub fn token_life(access_token: &Secret<String>) -> Option<Duration> {
    let token = access_token.expose();
    if token.len() > MAX_TOKEN {
        return None;
    }
    let mut parts = token.split('.');
    let (Some(_), Some(claims), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return None;
    };
    let claims = Zeroizing::new(URL_SAFE_NO_PAD.decode(claims).ok()?);
    let claims: Claims = serde_json::from_slice(&claims).ok()?;
    between(claims.iat, claims.exp)
}

/// The time from issue to end, both in seconds by one clock, if it is one that a session can have.
pub(super) fn between(issued: u64, ends: u64) -> Option<Duration> {
    let seconds = ends.checked_sub(issued)?;
    (1..=MAX_LIFE).contains(&seconds).then(|| Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn life(payload: &str) -> Option<Duration> {
        token_life(&Secret::new(format!("eyJhbGciOiJSUzI1NiJ9.{}.c2ln", URL_SAFE_NO_PAD.encode(payload))))
    }

    #[test]
    fn a_jwt_says_how_long_it_lives() {
        assert_eq!(life(r#"{"iat":1767225600,"exp":1767226500,"sub":"uid:005"}"#), Some(Duration::from_secs(900)));
    }

    #[test]
    fn what_is_no_jwt_or_makes_no_sense_says_nothing() {
        for payload in [
            r#"{"iat":1767225600}"#,
            r#"{"iat":1767225600,"exp":1767225600}"#,
            r#"{"iat":1767225600,"exp":1767225599}"#,
            r#"{"iat":0,"exp":1767225600}"#,
            r#"{"iat":-5,"exp":5}"#,
            r#"{"iat":"1767225600","exp":"1767226500"}"#,
            "[]",
        ] {
            assert_eq!(life(payload), None, "{payload}");
        }
        for opaque in ["00Dxx0000001gPL!AQcAQ.example", "a.b.c", "a.b.c.d", "", "..", &"x".repeat(20_000)] {
            assert_eq!(token_life(&Secret::new(opaque.to_owned())), None);
        }
    }

    proptest! {
        #[test]
        fn every_life_is_within_the_bounds_whatever_the_token_is(token in "[A-Za-z0-9._!-]{0,200}") {
            prop_assert_eq!(token_life(&Secret::new(token)), None);
        }

        #[test]
        fn the_claims_alone_decide(iat in any::<u64>(), span in any::<u64>(), other in "[a-z]{0,9}") {
            let exp = iat.saturating_add(span % (3 * MAX_LIFE));
            let expected = (1..=MAX_LIFE).contains(&(exp - iat)).then(|| Duration::from_secs(exp - iat));
            prop_assert_eq!(life(&format!(r#"{{"jti":"{other}","exp":{exp},"iat":{iat}}}"#)), expected);
        }
    }
}
