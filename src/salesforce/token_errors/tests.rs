use proptest::prelude::*;

use super::*;

const JSON: Option<&[u8]> = Some(b"application/json;charset=UTF-8");

fn json(error: &str, description: &str) -> Vec<u8> {
    serde_json::to_vec(&serde_json::json!({ "error": error, "error_description": description })).unwrap()
}

#[test]
fn every_documented_error_has_its_meaning() {
    for (error, description, meaning) in [
        ("invalid_grant", "token request is already being processed", InProgress),
        ("invalid_grant", "expired access/refresh token", Refused(Cause::Revoked)),
        ("invalid_grant", "token validity expired", Refused(Cause::ValidityExpired)),
        ("invalid_grant", "expired authorization code", InProgress),
        ("invalid_grant", "authentication failure", Refused(Cause::LoginRefused)),
        ("invalid_grant", "authentication failure - Invalid Password", Refused(Cause::LoginRefused)),
        ("invalid_grant", "user hasn't approved this consumer", Refused(Cause::AppNotApproved)),
        ("invalid_grant", "inactive user", Refused(Cause::UserInactive)),
        ("invalid_grant", "inactive_user", Refused(Cause::UserInactive)),
        ("invalid_grant", "ip restricted", Refused(Cause::IpRestricted)),
        ("invalid_grant", "ip restricted by app developer", Refused(Cause::IpRestrictedByApp)),
        ("invalid_grant", "Audience validation failed", Refused(Cause::AssertionRefused)),
        ("invalid_grant", "the audience is wrong", Refused(Cause::AssertionRefused)),
        ("invalid_grant", "invalid assertion", Refused(Cause::AssertionRefused)),
        ("invalid_grant", "request not supported on this domain", Refused(Cause::LoginHostWrong)),
        ("invalid_grant", "no client credentials user enabled", Refused(Cause::RequestRefused)),
        ("invalid_grant", "client credentials flow not enabled", Refused(Cause::RequestRefused)),
        ("invalid_grant", "Data Not Available", Refused(Cause::OrgGone)),
        ("invalid_grant", "activation secret invalid", Refused(Cause::RequestRefused)),
        ("invalid_grant", "token handler validation failed", Refused(Cause::RequestRefused)),
        ("invalid_grant", "", Refused(Cause::Revoked)),
        ("invalid_client_id", "client identifier invalid", Refused(Cause::AppUnknown)),
        ("invalid_client", "invalid client credentials", Refused(Cause::AppSecretWrong)),
        ("invalid_client", "app must be installed into org", Refused(Cause::AppNotInstalled)),
        ("invalid_client_credentials", "", Refused(Cause::AppSecretWrong)),
        ("invalid_app_access", "user is not admin approved to access this app", Refused(Cause::AppNotApproved)),
        ("inactive_org", "", Refused(Cause::OrgInactive)),
        ("inactive_user", "", Refused(Cause::UserInactive)),
        ("rate_limit_exceeded", "login rate exceeded", RateLimited),
        ("invalid_grant", "Logins exceeded", RateLimited),
        ("unknown_error", "retry your request", Transient),
        ("server_error", "", Transient),
        ("invalid_scope", "", Refused(Cause::ScopeRefused)),
        ("", "no valid scopes defined", Refused(Cause::ScopeRefused)),
        ("invalid_request", "missing required code challenge", Refused(Cause::RequestRefused)),
        ("invalid_request", "must use HTTP POST", Refused(Cause::RequestRefused)),
        ("invalid_request", "HTTPS required", Refused(Cause::RequestRefused)),
        ("invalid_request", "scope parameter not supported", Refused(Cause::RequestRefused)),
        ("invalid_request", "token handler not found", Refused(Cause::RequestRefused)),
        ("invalid_request", "uvid invalid", Refused(Cause::RequestRefused)),
        ("invalid_request", "invalid headers", Refused(Cause::RequestRefused)),
        ("unsupported_grant_type", "grant type not supported", Refused(Cause::RequestRefused)),
        ("unsupported_response_type", "", Refused(Cause::RequestRefused)),
        ("redirect_uri_mismatch", "", Refused(Cause::RequestRefused)),
        ("redirect_uri_missing", "", Refused(Cause::RequestRefused)),
        ("access_denied", "end-user denied authorization", Refused(Cause::NoConsent)),
        ("access-denied", "end-user denied authorization", Refused(Cause::NoConsent)),
        ("immediate_unsuccessful", "", Refused(Cause::NoConsent)),
        ("authorization_pending", "", InProgress),
        ("slow_down", "", InProgress),
        ("OAUTH_APP_BLOCKED", "this app is blocked by admin", Refused(Cause::AppBlocked)),
        ("OAUTH_EC_APP_NOT_FOUND", "External client app is not installed in this org", Refused(Cause::AppNotInstalled)),
        ("OAUTH_APPROVAL_ERROR_GENERIC", "", Refused(Cause::AppNotInstalled)),
        ("wrong_version", "", Refused(Cause::RequestRefused)),
        ("invalid_token", "", Refused(Cause::Revoked)),
        ("unsupported_token_type", "", Refused(Cause::Revoked)),
        ("an_error_of_next_year", "nobody knows", Refused(Cause::RequestRefused)),
    ] {
        let body = json(error, description);
        assert_eq!(TokenFailure::parse(400, JSON, &body), meaning, "{error}: {description}");
        let shouted = json(&error.to_ascii_uppercase(), &description.to_ascii_uppercase());
        assert_eq!(TokenFailure::parse(400, JSON, &shouted), meaning, "{error}: {description}, shouted");
        let form: String = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("error", error)
            .append_pair("error_description", description)
            .finish();
        let kind: Option<&[u8]> = Some(b"application/x-www-form-urlencoded; charset=UTF-8");
        assert_eq!(TokenFailure::parse(400, kind, form.as_bytes()), meaning, "{form}");
    }
}

#[test]
fn the_status_decides_what_the_body_does_not_say() {
    let page: &[u8] = b"<html>We are down for maintenance.</html>";
    let revoked = json("invalid_grant", "expired access/refresh token");
    let unknown_name = json("surprise", "");
    let html: Option<&[u8]> = Some(b"text/html");
    for (status, kind, body, meaning) in [
        (429, html, page, RateLimited),
        (429, JSON, revoked.as_slice(), RateLimited),
        (500, html, page, Transient),
        (503, html, page, Transient),
        (503, None, b"".as_slice(), Transient),
        (503, JSON, unknown_name.as_slice(), Transient),
        (500, JSON, revoked.as_slice(), Refused(Cause::Revoked)),
        (502, JSON, revoked.as_slice(), TokenFailure::Unknown),
        (504, html, page, TokenFailure::Unknown),
        (400, html, page, TokenFailure::Unknown),
        (403, html, page, TokenFailure::Unknown),
        (200, html, page, TokenFailure::Unknown),
        (200, JSON, br#"{"access_token":"cut o"#, TokenFailure::Unknown),
        (400, JSON, &revoked[..20], TokenFailure::Unknown),
        (400, JSON, b"[]", TokenFailure::Unknown),
        (401, JSON, revoked.as_slice(), Refused(Cause::Revoked)),
        (400, None, revoked.as_slice(), Refused(Cause::Revoked)),
        (301, html, b"", Refused(Cause::LoginHostWrong)),
        (302, html, page, Refused(Cause::LoginHostWrong)),
        (307, None, b"", Refused(Cause::LoginHostWrong)),
    ] {
        assert_eq!(TokenFailure::parse(status, kind, body), meaning, "{status} {}", String::from_utf8_lossy(body));
    }
}

#[test]
fn no_row_is_hidden_by_an_earlier_one() {
    for (index, (error, text, _)) in ROWS.iter().enumerate() {
        let hidden_by = ROWS[..index]
            .iter()
            .find(|(name, part, _)| (name.is_empty() || name == error) && text.contains(part) && !part.is_empty());
        assert_eq!(hidden_by, None, "{error}: {text}");
    }
}

proptest! {
    #[test]
    fn any_answer_is_classified_without_panic(
        status in 100u16..600,
        kind in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..40)),
        body in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        TokenFailure::parse(status, kind.as_deref(), &body);
    }

    #[test]
    fn a_truncated_error_is_never_taken_for_a_refusal(cut in 0usize..74) {
        let body = json("invalid_grant", "expired access/refresh token");
        let cut = cut.min(body.len() - 1);
        prop_assert_eq!(TokenFailure::parse(400, JSON, &body[..cut]), TokenFailure::Unknown);
    }
}

#[test]
fn without_a_refresh_token_nothing_was_revoked_and_no_person_is_needed() {
    for (error, description, meaning) in [
        ("invalid_grant", "expired authorization code", Refused(Cause::AssertionRefused)),
        ("invalid_grant", "Audience validation failed", Refused(Cause::AssertionRefused)),
        ("invalid_grant", "user hasn't approved this consumer", Refused(Cause::AppNotApproved)),
        ("invalid_grant", "inactive user", Refused(Cause::UserInactive)),
        ("invalid_grant", "request not supported on this domain", Refused(Cause::LoginHostWrong)),
        ("invalid_grant", "no client credentials user enabled", Refused(Cause::RequestRefused)),
        ("invalid_grant", "words of tomorrow", Refused(Cause::RequestRefused)),
        ("invalid_grant", "expired access/refresh token", Refused(Cause::RequestRefused)),
        ("access_denied", "end-user denied authorization", Refused(Cause::RequestRefused)),
        ("invalid_client", "invalid client credentials", Refused(Cause::AppSecretWrong)),
        ("unknown_error", "retry your request", Transient),
        ("invalid_grant", "login rate exceeded", RateLimited),
        ("a_name_of_tomorrow", "", Refused(Cause::RequestRefused)),
    ] {
        let found = TokenFailure::parse_without_refresh_token(400, JSON, &json(error, description));
        assert_eq!(found, meaning, "{error}: {description}");
    }
    assert_eq!(TokenFailure::parse_without_refresh_token(503, JSON, b"{}"), Transient);
    assert_eq!(TokenFailure::parse_without_refresh_token(502, JSON, b"{}"), TokenFailure::Unknown);
}
