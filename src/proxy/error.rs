//! `ProxyError`: every way in which the proxy itself refuses a call. It carries typed data only, so that no source error
//! and no secret can reach a caller through its text.

mod egress_fault;
mod faults;
mod from_token;
mod target_fault;

use std::borrow::Cow;
use std::time::Duration;

use http::{HeaderName, StatusCode};

use crate::connection::Cause;
use crate::salesforce::ErrorCode;

pub use egress_fault::EgressFault;
pub use faults::{HostFault, PathFault, Place, RequestFault, StreamEnd, TagFault, Unavailable};
pub use target_fault::TargetFault;

/// Whose doing an error is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The calling application.
    Caller,
    /// Salesforce, the org or its admin.
    Salesforce,
    /// Orgpass or what it runs on.
    Proxy,
}

impl Fault {
    /// The word in metrics, logs and documentation.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::Salesforce => "salesforce",
            Self::Proxy => "proxy",
        }
    }
}

macro_rules! codes {
    ($($name:ident, $word:literal, $salesforce_word:literal, $status:ident, $fault:ident;)*) => {
        /// The name of a [`ProxyError`]: stable, in the `Orgpass-Error` header, metrics, logs and documentation.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code {
            $(#[doc = concat!("`", $word, "`")] $name,)*
        }

        impl Code {
            /// Every code, in the order of the documentation.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The word, such as `not_connected`.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }

            /// The word as an error code of Salesforce's style, such as `ORGPASS_NOT_CONNECTED`.
            pub fn as_salesforce(self) -> &'static str {
                match self { $(Self::$name => $salesforce_word,)* }
            }

            /// The status of the response. Never 401 or 407: clients that can log in again would loop on them.
            pub fn status(self) -> StatusCode {
                match self { $(Self::$name => StatusCode::$status,)* }
            }

            /// Whose doing it is.
            pub fn fault(self) -> Fault {
                match self { $(Self::$name => Fault::$fault,)* }
            }
        }
    };
}

codes! {
    InvalidRequest, "invalid_request", "ORGPASS_INVALID_REQUEST", BAD_REQUEST, Caller;
    MissingTenant, "missing_tenant", "ORGPASS_MISSING_TENANT", BAD_REQUEST, Caller;
    InvalidTag, "invalid_tag", "ORGPASS_INVALID_TAG", BAD_REQUEST, Caller;
    HostRefused, "host_refused", "ORGPASS_HOST_REFUSED", FORBIDDEN, Caller;
    PathRefused, "path_refused", "ORGPASS_PATH_REFUSED", FORBIDDEN, Caller;
    NotConnected, "not_connected", "ORGPASS_NOT_CONNECTED", FORBIDDEN, Caller;
    Reauthorize, "reauthorize", "ORGPASS_REAUTHORIZE", FORBIDDEN, Salesforce;
    Misconfigured, "misconfigured", "ORGPASS_MISCONFIGURED", FORBIDDEN, Salesforce;
    Overloaded, "overloaded", "ORGPASS_OVERLOADED", SERVICE_UNAVAILABLE, Proxy;
    TokenUnavailable, "token_unavailable", "ORGPASS_TOKEN_UNAVAILABLE", SERVICE_UNAVAILABLE, Proxy;
    ReplayNotPossible, "replay_not_possible", "ORGPASS_REPLAY_NOT_POSSIBLE", SERVICE_UNAVAILABLE, Salesforce;
    StreamEnded, "stream_ended", "ORGPASS_STREAM_ENDED", SERVICE_UNAVAILABLE, Salesforce;
    UpstreamUnreachable, "upstream_unreachable", "ORGPASS_UPSTREAM_UNREACHABLE", BAD_GATEWAY, Salesforce;
    ResponseWithheld, "response_withheld", "ORGPASS_RESPONSE_WITHHELD", BAD_GATEWAY, Salesforce;
    UpstreamTimeout, "upstream_timeout", "ORGPASS_UPSTREAM_TIMEOUT", GATEWAY_TIMEOUT, Salesforce;
}

/// A call that the proxy itself refuses or cannot finish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProxyError {
    /// The request's form is not one that can be relayed safely.
    InvalidRequest(RequestFault),
    /// Nothing names the tenant.
    MissingTenant {
        /// The header that would.
        header: HeaderName,
    },
    /// Something that names the connection is wrong.
    InvalidTag(TagFault),
    /// The request comes from where callers do not.
    HostRefused(HostFault),
    /// The path is not relayed.
    PathRefused(PathFault),
    /// There is no such connection, or nobody has finished connecting it, or it was disconnected.
    NotConnected,
    /// A person must consent again.
    Reauthorize {
        /// Why.
        cause: Cause,
    },
    /// An admin must change something first.
    Misconfigured {
        /// Why, as far as it is known.
        cause: Option<Cause>,
        /// Salesforce's own error code, if it gave one.
        code: Option<ErrorCode>,
    },
    /// Something stands in the way of a call for another host than the org's own.
    Target(TargetFault),
    /// Too many calls are in flight.
    Overloaded,
    /// There is no usable token at the moment.
    TokenUnavailable(Unavailable),
    /// The session was dead and the request could not be sent again.
    ReplayNotPossible,
    /// A stream that had begun cannot go on, and is to be opened again.
    StreamEnded(StreamEnd),
    /// The org's host could not be reached.
    UpstreamUnreachable,
    /// The egress proxy opened no way to the org's host.
    Egress(EgressFault),
    /// The org's response carried the connection's token.
    ResponseWithheld,
    /// The org took too long.
    UpstreamTimeout,
}

impl ProxyError {
    /// The stable name.
    pub fn code(&self) -> Code {
        match self {
            Self::InvalidRequest(_) => Code::InvalidRequest,
            Self::MissingTenant { .. } => Code::MissingTenant,
            Self::InvalidTag(_) => Code::InvalidTag,
            Self::HostRefused(_) => Code::HostRefused,
            Self::PathRefused(_) => Code::PathRefused,
            Self::NotConnected => Code::NotConnected,
            Self::Reauthorize { .. } => Code::Reauthorize,
            Self::Misconfigured { .. } => Code::Misconfigured,
            Self::Target(fault) => fault.code(),
            Self::Overloaded => Code::Overloaded,
            Self::TokenUnavailable(_) => Code::TokenUnavailable,
            Self::ReplayNotPossible => Code::ReplayNotPossible,
            Self::StreamEnded(_) => Code::StreamEnded,
            Self::UpstreamUnreachable => Code::UpstreamUnreachable,
            Self::Egress(fault) => fault.code(),
            Self::ResponseWithheld => Code::ResponseWithheld,
            Self::UpstreamTimeout => Code::UpstreamTimeout,
        }
    }

    /// The status of the response.
    pub fn status(&self) -> StatusCode {
        self.code().status()
    }

    /// Whose doing it is.
    pub fn fault(&self) -> Fault {
        self.code().fault()
    }

    /// How long a caller should wait before it sends again; `None` where sending again does not help by itself.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Overloaded | Self::ReplayNotPossible | Self::StreamEnded(_) => Some(Duration::from_secs(1)),
            Self::TokenUnavailable(reason) => Some(reason.retry_after()),
            _ => None,
        }
    }

    /// What happened and what to do, for the caller's developer.
    pub fn text(&self) -> Cow<'static, str> {
        match self {
            Self::InvalidRequest(fault) => Cow::Borrowed(fault.text()),
            Self::MissingTenant { header } => Cow::Owned(format!(
                "Name the tenant: send the header {header}, or give your Salesforce client the connection's local token \
                 as its access token."
            )),
            Self::InvalidTag(fault) => Cow::Owned(fault.text()),
            Self::HostRefused(fault) => Cow::Borrowed(fault.text()),
            Self::PathRefused(fault) => fault.text(),
            Self::NotConnected => Cow::Borrowed(
                "Nothing is connected under this tenant and user. Connect the org first; a user's connection and the \
                 tenant's own are two different ones.",
            ),
            Self::Reauthorize { cause } => {
                Cow::Owned(format!("A person must connect the org again. {} {}", cause.meaning(), cause.fix()))
            }
            Self::Misconfigured { cause, code } => Cow::Owned(misconfigured(*cause, code.as_ref())),
            Self::Target(fault) => fault.text(),
            Self::Overloaded => {
                Cow::Borrowed("Too many calls are in flight here or for this connection. Send it again later.")
            }
            Self::TokenUnavailable(reason) => Cow::Borrowed(reason.text()),
            Self::ReplayNotPossible => Cow::Borrowed(
                "The Salesforce session had ended and this request's body was too large to be kept, so it was not sent \
                 again. A new session is being fetched: send the request again.",
            ),
            Self::StreamEnded(end) => Cow::Borrowed(end.text()),
            Self::UpstreamUnreachable => Cow::Borrowed(
                "The org's host could not be reached, or ended the connection before its answer was complete. Send it again later \
                 if the request may be repeated.",
            ),
            Self::Egress(fault) => Cow::Borrowed(fault.text()),
            Self::ResponseWithheld => {
                Cow::Borrowed("The org's response contained the connection's access token and was not passed on.")
            }
            Self::UpstreamTimeout => Cow::Borrowed(
                "The org did not answer in time. It may have carried the request out all the same: check before you send \
                 it again.",
            ),
        }
    }
}

fn misconfigured(cause: Option<Cause>, code: Option<&ErrorCode>) -> String {
    let mut text = String::from("An admin must change something first.");
    let cause = cause.unwrap_or(Cause::FreshTokenRefused);
    for part in [cause.meaning(), cause.fix()] {
        text.push(' ');
        text.push_str(part);
    }
    if let Some(code) = code {
        text.push_str(" Salesforce's own code: ");
        text.push_str(code.as_str());
        text.push('.');
    }
    text
}

#[cfg(test)]
mod tests;
