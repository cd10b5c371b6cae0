//! What a caller is told when the egress proxy of Orgpass opens no way to the org. Only an operator can mend it.

use super::Code;
use crate::transport::EgressFault as Met;

/// Why the egress proxy opened no way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EgressFault {
    /// It takes no connection.
    Unreached,
    /// It says neither yes nor no.
    Silent,
    /// What it is shown is refused, or cannot be read.
    Credentials,
    /// It does not let Orgpass out to this host.
    Refuses,
    /// It cannot reach the host.
    HostUnreached,
    /// It does not answer as an HTTP proxy does.
    NoProxy,
}

impl EgressFault {
    /// Every fault, for tables.
    pub const ALL: [Self; 6] =
        [Self::Unreached, Self::Silent, Self::Credentials, Self::Refuses, Self::HostUnreached, Self::NoProxy];

    /// The name of the error.
    pub fn code(self) -> Code {
        match self {
            Self::Silent => Code::UpstreamTimeout,
            _ => Code::UpstreamUnreachable,
        }
    }

    /// What happened and what to do.
    pub fn text(self) -> &'static str {
        match self {
            Self::Unreached => {
                "The egress proxy, through which Orgpass reaches Salesforce, cannot be reached itself. The request was not sent: an operator must look at salesforce.proxy_url and at that proxy."
            }
            Self::Silent => {
                "The egress proxy, through which Orgpass reaches Salesforce, opened no way to the org in time. The request was not sent: send it again later; if it stays so, an operator must look at that proxy."
            }
            Self::Credentials => {
                "The egress proxy, through which Orgpass reaches Salesforce, refuses its credentials. The request was not sent: an operator must mend salesforce.proxy_credentials_file."
            }
            Self::Refuses => {
                "The egress proxy, through which Orgpass reaches Salesforce, does not let it out to the org's host. The request was not sent: an operator must allow that host there."
            }
            Self::HostUnreached => {
                "The egress proxy, through which Orgpass reaches Salesforce, cannot reach the org's host. The request was not sent: send it again later; if it stays so, an operator must look at that proxy."
            }
            Self::NoProxy => {
                "What salesforce.proxy_url names does not answer as an HTTP proxy does. The request was not sent: an operator must correct it."
            }
        }
    }
}

impl From<&Met> for EgressFault {
    fn from(met: &Met) -> Self {
        match met {
            Met::Name(_) | Met::Connect(_) => Self::Unreached,
            Met::TimedOut => Self::Silent,
            Met::CredentialsFile { .. } | Met::Credentials { .. } => Self::Credentials,
            Met::Refused { .. } => Self::Refuses,
            Met::HostUnreached { .. } => Self::HostUnreached,
            Met::Http(_) | Met::TooEarly => Self::NoProxy,
        }
    }
}
