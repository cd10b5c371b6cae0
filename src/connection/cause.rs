//! Why a connection is not active: one word, with what it means and who can fix it how. Docs, pages and error texts are
//! made from this table.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Status;

/// Who can end the condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// A person who may consent for the connection.
    Person,
    /// An admin of the Salesforce org.
    OrgAdmin,
    /// The owner of the OAuth app, or the operator of Orgpass.
    AppOwner,
    /// Nobody: it ends by itself or is found out by the next exchange.
    Itself,
}

macro_rules! causes {
    ($($name:ident, $word:literal, $status:ident, $class:ident, $meaning:literal, $fix:literal;)*) => {
        /// One cause of a status other than `active`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Cause {
            $(#[doc = $meaning] $name,)*
        }

        impl Cause {
            /// Every cause, in the order of the documentation.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The word used in the store, the API, metrics and output.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }

            /// The status that the cause puts a connection in.
            pub fn status(self) -> Status {
                match self { $(Self::$name => Status::$status,)* }
            }

            /// Who can end it.
            pub fn class(self) -> Class {
                match self { $(Self::$name => Class::$class,)* }
            }

            /// What happened, for a person.
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$name => $meaning,)* }
            }

            /// What to do about it, for a person.
            pub fn fix(self) -> &'static str {
                match self { $(Self::$name => $fix,)* }
            }
        }
    };
}

causes! {
    Revoked, "revoked", Reauthorize, Person,
        "Salesforce no longer accepts the refresh token: it was revoked, expired, or replaced by a newer approval.",
        "Connect the org again.";
    AnswerLost, "answer_lost", Reauthorize, Person,
        "Salesforce's answer to an exchange was lost on its way, and with it the only copy of the new refresh token.",
        "Connect the org again.";
    ValidityExpired, "validity_expired", Reauthorize, Person,
        "The refresh token reached the end of the life that the app's policy gives it.",
        "Connect the org again; a longer life is set in the app's refresh token policy.";
    NoGrant, "no_grant", Reauthorize, Person,
        "The session has ended and the connection was imported without a refresh token.",
        "Connect the org again, or import it with a refresh token.";
    NoConsent, "no_consent", Reauthorize, Person,
        "Consent was not given, or the app may not be used without it.",
        "Connect the org again and allow the access that is asked for.";
    CodeExpired, "code_expired", Reauthorize, Person,
        "What Salesforce confirmed the consent with was used before, or is older than 15 minutes.",
        "Begin again with a new link, and go through it in one go.";
    OrgGone, "org_gone", Reauthorize, Person,
        "The org no longer exists, or the scratch org has expired.",
        "Connect an org that exists.";
    OrgInactive, "org_inactive", Misconfigured, OrgAdmin,
        "The org is locked, closed or suspended.",
        "Have the org's status settled with Salesforce.";
    UserInactive, "user_inactive", Misconfigured, OrgAdmin,
        "The Salesforce user behind the connection is deactivated or frozen.",
        "Activate the user in Setup > Users, or connect with another user.";
    LoginRefused, "login_refused", Misconfigured, OrgAdmin,
        "Salesforce refused to log the user in.",
        "Look at the user's Login History in the org: password, login policy, or the wrong environment.";
    IpRestricted, "ip_restricted", Misconfigured, OrgAdmin,
        "The user's profile or the app's policy does not allow logins from this address.",
        "Allow the outgoing address in the profile's login IP ranges, or relax the app's IP policy.";
    IpRestrictedByApp, "ip_restricted_by_app", Misconfigured, AppOwner,
        "The app's allow-list for refreshes does not contain this address.",
        "Add the outgoing address to the app's refresh token IP allow-list.";
    AppUnknown, "app_unknown", Misconfigured, AppOwner,
        "Salesforce does not know the consumer key on this host.",
        "Check apps.*.client_id and login_url; a new app needs up to ten minutes to become known.";
    AppSecretWrong, "app_secret_wrong", Misconfigured, AppOwner,
        "Salesforce refused the app's client secret.",
        "Put the app's present consumer secret into the file that apps.*.client_secret_file names.";
    AppKeyWrong, "app_key_wrong", Misconfigured, AppOwner,
        "The app's private key is not configured, or the file is not one that assertions can be signed with.",
        "Put the private key whose certificate the app has into the file that apps.*.private_key_file names.";
    AppNotInstalled, "app_not_installed", Misconfigured, OrgAdmin,
        "The org allows only installed apps, and this one is not installed.",
        "Install the app in the org, or let the user approve uninstalled apps.";
    AppNotApproved, "app_not_approved", Misconfigured, OrgAdmin,
        "The org's policy for the app does not permit this user.",
        "Add the user's profile or permission set to the app's policy.";
    AppBlocked, "app_blocked", Misconfigured, OrgAdmin,
        "An admin has blocked the app.",
        "Unblock it in Setup > OAuth Usage.";
    AssertionRefused, "assertion_refused", Misconfigured, AppOwner,
        "Salesforce refused the signed assertion.",
        "Check the app's certificate, apps.*.client_id, private_key_file, audience and login_url, and this machine's clock.";
    ScopeRefused, "scope_refused", Misconfigured, AppOwner,
        "Salesforce refused the scopes.",
        "Give the app the scopes that are asked for.";
    LoginHostWrong, "login_host_wrong", Misconfigured, AppOwner,
        "This login host does not serve the request.",
        "Use the org's My Domain host as login URL.";
    CallbackUnknown, "callback_unknown", Misconfigured, AppOwner,
        "The app does not know the address that Salesforce is to send people back to.",
        "Add hub.public_url with /oauth/callback to the app's callback URLs, exactly.";
    RequestRefused, "request_refused", Misconfigured, AppOwner,
        "Salesforce refused the token request as malformed or not allowed for the app.",
        "Check the app's OAuth settings: flow enabled, user to run as, secret required, PKCE.";
    FreshTokenRefused, "fresh_token_refused", Misconfigured, OrgAdmin,
        "The org refuses even a token that it has just issued.",
        "Look for an IP restriction, missing API access of the user, or a session policy (IP lock, high assurance).";
    OrgMismatch, "org_mismatch", Misconfigured, Person,
        "The token response names another org or user than the one connected.",
        "Connect the right org again.";
    HostNotAllowed, "host_not_allowed", Misconfigured, AppOwner,
        "The token response names an instance host that is not allowed.",
        "If the host is right, add it to salesforce.trusted_hosts.";
    SignatureWrong, "signature_wrong", Misconfigured, AppOwner,
        "The token response's signature does not fit the app's client secret.",
        "Put the app's present consumer secret into the file that apps.*.client_secret_file names.";
    OutcomeUnknown, "outcome_unknown", Checking, Itself,
        "An exchange was sent and its answer was lost.",
        "Nothing: it is asked again until Salesforce gives a definite answer.";
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests;
