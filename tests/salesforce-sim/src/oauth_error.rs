//! What the OAuth endpoints say when they refuse; the texts are those that clients match on.

/// One refusal: the `error` and `error_description` of a 400 answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OauthError {
    pub(crate) error: &'static str,
    pub(crate) description: &'static str,
}

const fn refusal(error: &'static str, description: &'static str) -> OauthError {
    OauthError { error, description }
}

impl OauthError {
    pub(crate) const DEAD_TOKEN: Self = refusal("invalid_grant", "expired access/refresh token");
    pub(crate) const BEING_PROCESSED: Self = refusal("invalid_grant", "token request is already being processed");
    pub(crate) const DEAD_CODE: Self = refusal("invalid_grant", "expired authorization code");
    pub(crate) const WRONG_VERIFIER: Self = refusal("invalid_grant", "invalid code verifier");
    pub(crate) const INACTIVE_USER: Self = refusal("invalid_grant", "inactive user");
    pub(crate) const UNKNOWN_CLIENT: Self = refusal("invalid_client_id", "client identifier invalid");
    pub(crate) const WRONG_SECRET: Self = refusal("invalid_client", "invalid client credentials");
    pub(crate) const REDIRECT_MISMATCH: Self =
        refusal("redirect_uri_mismatch", "redirect_uri must match configuration");
    pub(crate) const REDIRECT_MISSING: Self = refusal("redirect_uri_missing", "redirect_uri not provided");
    pub(crate) const INVALID_SCOPE: Self = refusal("invalid_scope", "the requested scope is not allowed");
    pub(crate) const NO_CHALLENGE: Self = refusal("invalid_request", "missing required code challenge");
    pub(crate) const BAD_CHALLENGE: Self = refusal("invalid_request", "invalid code challenge");
    pub(crate) const NOT_POST: Self = refusal("invalid_request", "must use HTTP POST");
    pub(crate) const UNSUPPORTED_GRANT: Self = refusal("unsupported_grant_type", "grant type not supported");
    pub(crate) const UNSUPPORTED_RESPONSE: Self = refusal("unsupported_response_type", "response type not supported");
    pub(crate) const DENIED: Self = refusal("access_denied", "end-user denied authorization");
    pub(crate) const SCOPE_NOT_TAKEN: Self = refusal("invalid_request", "scope parameter not supported");
    pub(crate) const INVALID_ASSERTION: Self = refusal("invalid_grant", "invalid assertion");
    pub(crate) const WRONG_AUDIENCE: Self = refusal("invalid_grant", "Audience validation failed");
    /// Salesforce's words for an assertion that has expired, too.
    pub(crate) const EXPIRED_ASSERTION: Self = Self::DEAD_CODE;
    pub(crate) const NOT_APPROVED: Self = refusal("invalid_grant", "user hasn't approved this consumer");
    pub(crate) const WRONG_DOMAIN: Self = refusal("invalid_grant", "request not supported on this domain");
    pub(crate) const FLOW_OFF: Self = refusal("invalid_grant", "client credentials flow not enabled");
    pub(crate) const NO_RUN_AS: Self = refusal("invalid_grant", "no client credentials user enabled");
    pub(crate) const NO_SCOPES: Self = refusal("invalid_scope", "no valid scopes defined");
    pub(crate) const NO_SESSION: Self = refusal("immediate_unsuccessful", "nobody is logged in");
    pub(crate) const PENDING: Self = refusal("authorization_pending", "end-user has not yet approved");
    pub(crate) const SLOW_DOWN: Self = refusal("slow_down", "polled before the interval was over");
    pub(crate) const AUTHENTICATION_FAILURE: Self = refusal("invalid_grant", "authentication failure");
    pub(crate) const NOTHING_TO_REVOKE: Self = refusal("invalid_token", "invalid token");
}
