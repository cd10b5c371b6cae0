//! Why a call for another host than the org's own cannot be made.

use std::borrow::Cow;

use super::{Code, ProxyError, Unavailable};
use crate::connection::Cause;
use crate::salesforce::hosts::HostError;
use crate::salesforce::{ErrorCode, Target};
use crate::token::{DataCloudError, TokenError};

/// What stands in the way of a call for a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TargetFault {
    /// A call for Account Engagement does not say which business unit it means.
    BusinessUnit,
    /// The platform takes JWT-based access tokens only, and the connection has another.
    TokenForm,
    /// The connection's token has none of Data Cloud's scopes.
    DataCloudScope,
    /// The org gives no token for Data Cloud, with its own code.
    DataCloudRefused(Option<ErrorCode>),
    /// The org names a Data Cloud host that is not allowed.
    DataCloudHost(HostError),
    /// The target refuses a token that was good a moment ago, with its own code.
    TokenRefused(Target, Option<ErrorCode>),
}

impl TargetFault {
    /// The stable name.
    pub fn code(&self) -> Code {
        match self {
            Self::BusinessUnit => Code::InvalidRequest,
            _ => Code::Misconfigured,
        }
    }

    /// What is wrong and what to do.
    pub fn text(&self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::BusinessUnit => {
                "Account Engagement needs to know which business unit is meant: send its id, which begins with 0Uv, in the header Pardot-Business-Unit-Id."
            }
            Self::TokenForm => {
                "The platform accepts JWT-based access tokens only, and this connection has another. Let the app issue JWT-based access tokens (an OAuth setting of the app), with the scope sfap_api and what the API needs besides; then connect the org again."
            }
            Self::DataCloudScope => {
                "The connection may not use Data Cloud. Give the app the scopes that its calls need, such as cdp_query_api, cdp_ingest_api or cdp_profile_api, then connect the org again."
            }
            Self::DataCloudRefused(code) => {
                return Cow::Owned(format!(
                    "The org gives no token for Data Cloud. Look whether Data Cloud is set up in the org, and whether the user behind the connection may use it.{}",
                    own_code(code.as_ref())
                ));
            }
            Self::TokenRefused(target, code) => {
                return Cow::Owned(format!(
                    "The target {target} refuses even a new token of this connection. Look whether the app has the scopes that its API needs, whether the user behind the connection may use it, and for an IP restriction.{}",
                    own_code(code.as_ref())
                ));
            }
            Self::DataCloudHost(error) => {
                return Cow::Owned(format!("The host that the org names for Data Cloud {error}."));
            }
        })
    }
}

fn own_code(code: Option<&ErrorCode>) -> String {
    code.map(|code| format!(" Salesforce's own code: {code}.")).unwrap_or_default()
}

impl ProxyError {
    /// Why there is no token after a refusal by the org or by a target. That even a new one is refused says something of
    /// the target, where the org itself does not serve it.
    pub fn after_refusal(target: Option<Target>, error: TokenError) -> Self {
        match (error, target) {
            (TokenError::Misconfigured { cause: Cause::FreshTokenRefused, code }, Some(target))
                if !target.family().is_of_org() =>
            {
                Self::Target(TargetFault::TokenRefused(target, code))
            }
            (error, _) => error.into(),
        }
    }
}

impl From<DataCloudError> for ProxyError {
    fn from(error: DataCloudError) -> Self {
        match error {
            DataCloudError::Unavailable | DataCloudError::DeadSession { .. } => {
                Self::TokenUnavailable(Unavailable::Exchange)
            }
            DataCloudError::ScopeMissing => Self::Target(TargetFault::DataCloudScope),
            DataCloudError::Refused(code) => Self::Target(TargetFault::DataCloudRefused(code)),
            DataCloudError::HostNotAllowed(error) => Self::Target(TargetFault::DataCloudHost(error)),
        }
    }
}
