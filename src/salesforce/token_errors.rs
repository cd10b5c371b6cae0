//! What a token endpoint's refusal means. Salesforce says 400 to nearly everything, so the error's name and its text
//! decide; both are read once, here, and nobody compares them again.

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use serde::Deserialize;

use crate::connection::Cause;

/// What an answer of the token endpoint that brought no token means for the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenFailure {
    /// The refresh token is unspent; try again soon.
    Transient,
    /// Another exchange of the same token is under way, or a person has not answered yet: wait, then look again.
    InProgress,
    /// Too many logins: wait long before the next.
    RateLimited,
    /// A definite refusal; the refresh token, if it was any good, is unspent.
    Refused(Cause),
    /// Nobody can tell whether the refresh token was spent.
    Unknown,
}

use TokenFailure::{InProgress, RateLimited, Refused, Transient};

type Rows = &'static [(&'static str, &'static str, TokenFailure)];

/// Name of the error (empty: any), part of its description (empty: any), meaning; all in lower case, the first row that
/// fits decides. From the help page on OAuth flow errors and from what clients have met.
const ROWS: Rows = &[
    ("", "token request is already being processed", InProgress),
    ("authorization_pending", "", InProgress),
    ("slow_down", "", InProgress),
    ("", "login rate exceeded", RateLimited),
    ("", "logins exceeded", RateLimited),
    ("rate_limit_exceeded", "", RateLimited),
    ("", "retry your request", Transient),
    ("unknown_error", "", Transient),
    ("server_error", "", Transient),
    ("temporarily_unavailable", "", Transient),
    ("", "app must be installed", Refused(Cause::AppNotInstalled)),
    ("", "external client app is not installed", Refused(Cause::AppNotInstalled)),
    ("", "blocked by admin", Refused(Cause::AppBlocked)),
    ("", "no valid scopes defined", Refused(Cause::ScopeRefused)),
    // The allow-list of the app and the login ranges of the org are mended by different people.
    ("", "ip restricted by app developer", Refused(Cause::IpRestrictedByApp)),
    ("", "ip restricted", Refused(Cause::IpRestricted)),
    ("invalid_grant", "expired access/refresh token", Refused(Cause::Revoked)),
    ("invalid_grant", "token validity expired", Refused(Cause::ValidityExpired)),
    // In a refresh this is what some releases say of a concurrent one.
    ("invalid_grant", "expired authorization code", InProgress),
    ("invalid_grant", "authentication failure", Refused(Cause::LoginRefused)),
    ("invalid_grant", "hasn't approved this consumer", Refused(Cause::AppNotApproved)),
    ("invalid_grant", "inactive user", Refused(Cause::UserInactive)),
    ("invalid_grant", "inactive_user", Refused(Cause::UserInactive)),
    ("invalid_grant", "audience", Refused(Cause::AssertionRefused)),
    ("invalid_grant", "invalid assertion", Refused(Cause::AssertionRefused)),
    ("invalid_grant", "request not supported on this domain", Refused(Cause::LoginHostWrong)),
    ("invalid_grant", "no client credentials user enabled", Refused(Cause::RequestRefused)),
    ("invalid_grant", "client credentials flow not enabled", Refused(Cause::RequestRefused)),
    ("invalid_grant", "data not available", Refused(Cause::OrgGone)),
    // Not understood by anybody so far; tried again by itself rather than given up.
    ("invalid_grant", "activation secret invalid", Refused(Cause::RequestRefused)),
    ("invalid_grant", "token handler validation failed", Refused(Cause::RequestRefused)),
    ("invalid_grant", "", Refused(Cause::Revoked)),
    ("invalid_token", "", Refused(Cause::Revoked)),
    ("unsupported_token_type", "", Refused(Cause::Revoked)),
    ("invalid_client_id", "", Refused(Cause::AppUnknown)),
    ("invalid_client", "", Refused(Cause::AppSecretWrong)),
    ("invalid_client_credentials", "", Refused(Cause::AppSecretWrong)),
    ("invalid_app_access", "", Refused(Cause::AppNotApproved)),
    ("inactive_org", "", Refused(Cause::OrgInactive)),
    ("inactive_user", "", Refused(Cause::UserInactive)),
    ("invalid_scope", "", Refused(Cause::ScopeRefused)),
    ("access_denied", "", Refused(Cause::NoConsent)),
    ("access-denied", "", Refused(Cause::NoConsent)),
    ("immediate_unsuccessful", "", Refused(Cause::NoConsent)),
    ("oauth_app_blocked", "", Refused(Cause::AppBlocked)),
    ("oauth_ec_app_not_found", "", Refused(Cause::AppNotInstalled)),
    ("oauth_approval_error_generic", "", Refused(Cause::AppNotInstalled)),
];

/// What means something else where no refresh token was sent; these rows go first.
const WITHOUT_REFRESH_TOKEN: Rows = &[
    // The clocks of this machine and of Salesforce are minutes apart.
    ("invalid_grant", "expired authorization code", Refused(Cause::AssertionRefused)),
];

/// The same for the code of a consent, where a row of [`WITHOUT_REFRESH_TOKEN`] would blame an assertion.
const FOR_A_CODE: Rows = &[
    ("invalid_grant", "expired authorization code", Refused(Cause::CodeExpired)),
    ("invalid_grant", "invalid code verifier", Refused(Cause::RequestRefused)),
    ("invalid_grant", "invalid authorization code", Refused(Cause::CodeExpired)),
    ("redirect_uri_mismatch", "", Refused(Cause::CallbackUnknown)),
    ("redirect_uri_missing", "", Refused(Cause::CallbackUnknown)),
];

/// An OAuth error body. Other fields are of no interest.
#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    error: Cow<'a, str>,
    #[serde(borrow, default)]
    error_description: Option<Cow<'a, str>>,
}

impl TokenFailure {
    /// Classifies an answer that is not a token response by status, content type and whole body. A complete error, 429,
    /// 500 and 503 leave the refresh token unspent; 502, 504 and pages do not say. A redirect was carried out by nobody.
    pub fn parse(status: u16, content_type: Option<&[u8]>, body: &[u8]) -> Self {
        Self::parse_by(&[ROWS], status, content_type, body)
    }

    /// As [`TokenFailure::parse`], for a grant without a refresh token: none can have been revoked, and nobody has
    /// consented to anything, so what would say that is a fault of the set-up.
    pub fn parse_without_refresh_token(status: u16, content_type: Option<&[u8]>, body: &[u8]) -> Self {
        match Self::parse_by(&[WITHOUT_REFRESH_TOKEN, ROWS], status, content_type, body) {
            Refused(Cause::Revoked | Cause::ValidityExpired | Cause::NoConsent) => Refused(Cause::RequestRefused),
            meaning => meaning,
        }
    }

    /// As [`TokenFailure::parse`], for the code of a consent.
    pub fn parse_for_code(status: u16, content_type: Option<&[u8]>, body: &[u8]) -> Self {
        match Self::parse_by(&[FOR_A_CODE, ROWS], status, content_type, body) {
            Refused(Cause::Revoked) => Refused(Cause::CodeExpired),
            meaning => meaning,
        }
    }

    /// What an error means that came back with the browser instead of a code. Some orgs say `access-denied`.
    pub fn of_authorize(error: &str, description: &str) -> Self {
        let body = Body { error: error.into(), error_description: Some(description.into()) };
        body.meaning(&[FOR_A_CODE, ROWS]).unwrap_or(Refused(Cause::RequestRefused))
    }

    fn parse_by(tables: &[Rows], status: u16, content_type: Option<&[u8]>, body: &[u8]) -> Self {
        match status {
            429 => return RateLimited,
            502 | 504 => return Self::Unknown,
            300..=399 => return Refused(Cause::LoginHostWrong),
            _ => {}
        }
        let by_name = Body::parse(content_type, body).map(|body| body.meaning(tables));
        match by_name {
            Some(Some(meaning)) => meaning,
            _ if status == 500 || status == 503 => Transient,
            // A name that nobody knows yet is still a definite answer.
            Some(None) => Refused(Cause::RequestRefused),
            None => Self::Unknown,
        }
    }
}

impl<'a> Body<'a> {
    fn parse(content_type: Option<&[u8]>, body: &'a [u8]) -> Option<Self> {
        let form = b"application/x-www-form-urlencoded";
        let is_form =
            content_type.is_some_and(|kind| kind.len() >= form.len() && kind[..form.len()].eq_ignore_ascii_case(form));
        if !is_form {
            return serde_json::from_slice(body).ok();
        }
        let field =
            |wanted: &str| url::form_urlencoded::parse(body).find(|(name, _)| name == wanted).map(|(_, value)| value);
        Some(Self { error: field("error")?, error_description: field("error_description") })
    }

    fn meaning(&self, tables: &[Rows]) -> Option<TokenFailure> {
        let error = self.error.trim().to_ascii_lowercase();
        let description = self.error_description.as_deref().unwrap_or_default().to_ascii_lowercase();
        let mut rows = tables.iter().copied().flatten();
        rows.find(|(name, text, _)| (name.is_empty() || *name == error) && description.contains(text))
            .map(|(.., meaning)| *meaning)
    }
}
