//! The words by which calls are counted and logged.

use http::Method;

use crate::salesforce::ApiFamily;

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Outcome {
    /// The org's answer was relayed.
    Relayed,
    /// The org's answer was relayed after a replay.
    Replayed,
    /// The proxy answered itself.
    Refused,
    /// The caller went away before the end.
    CallerGone,
    /// The org's answer broke off.
    OrgFailed,
}

/// What came of a dead session in a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replay {
    /// Sent again, and the answer to that was relayed.
    Done,
    /// The body could not be sent again.
    NotPossible,
    /// There was no session to send it again with.
    NoToken,
}

/// The methods that have a label of their own.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum MethodLabel {
    Get,
    Head,
    Post,
    Put,
    Patch,
    Delete,
    Other,
}

/// The word for an API family, or for none.
pub(super) fn family_label(family: Option<ApiFamily>) -> &'static str {
    family.map_or("none", ApiFamily::label)
}

impl Outcome {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Relayed => "relayed",
            Self::Replayed => "replayed",
            Self::Refused => "refused",
            Self::CallerGone => "caller_gone",
            Self::OrgFailed => "org_failed",
        }
    }
}

impl Replay {
    /// The word in metrics and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::NotPossible => "not_possible",
            Self::NoToken => "no_token",
        }
    }
}

impl MethodLabel {
    pub(super) fn of(method: &Method) -> Self {
        match *method {
            Method::GET => Self::Get,
            Method::HEAD => Self::Head,
            Method::POST => Self::Post,
            Method::PUT => Self::Put,
            Method::PATCH => Self::Patch,
            Method::DELETE => Self::Delete,
            _ => Self::Other,
        }
    }

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
            Self::Other => "other",
        }
    }
}
