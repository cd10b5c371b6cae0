//! Listeners are bound here and handed to the task that serves them. Binding is immediate, so an address
//! is good the moment it is known: the kernel queues whoever connects before the task comes round.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use tokio::sync::mpsc::UnboundedSender;

use crate::dead_session::ApiFamily;
use crate::state::orgs::OrgKind;

/// Who answers at a listener.
#[derive(Clone, Debug)]
pub(crate) enum Site {
    /// `login.salesforce.com` or `test.salesforce.com`: no data.
    Login(OrgKind),
    /// The host of an org, or one it has moved away from.
    Org { org_id: String, door: u16 },
    /// `api.pubsub.salesforce.com`, for all orgs; a call names its own.
    PubSub { org_id: Option<String> },
    /// A host of a service beside the orgs.
    Service(Service),
}

impl Site {
    /// The API of a host that serves one only.
    pub(crate) fn family(&self) -> Option<ApiFamily> {
        match self {
            Self::Login(_) | Self::Org { .. } => None,
            Self::PubSub { .. } => Some(ApiFamily::PubSub),
            Self::Service(Service::DataCloud { .. }) => Some(ApiFamily::DataCloud),
            Self::Service(Service::AccountEngagement) => Some(ApiFamily::AccountEngagement),
            Self::Service(Service::Platform) => Some(ApiFamily::Platform),
        }
    }
}

/// A service with hosts of its own.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Service {
    /// The Data Cloud tenant of an org.
    DataCloud { org_id: String },
    /// Account Engagement.
    AccountEngagement,
    /// `api.salesforce.com`.
    Platform,
}

pub(crate) struct Door {
    pub(crate) listener: TcpListener,
    pub(crate) site: Site,
}

pub(crate) struct Doors {
    pub(crate) scheme: &'static str,
    pub(crate) opened: UnboundedSender<Door>,
}

impl Doors {
    /// A bound listener on a free loopback port.
    pub(crate) fn bind() -> io::Result<(TcpListener, SocketAddr)> {
        Self::bind_at(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
    }

    pub(crate) fn bind_at(addr: SocketAddr) -> io::Result<(TcpListener, SocketAddr)> {
        let listener = TcpListener::bind(addr)?;
        listener.set_nonblocking(true)?;
        let addr = listener.local_addr()?;
        Ok((listener, addr))
    }

    /// Starts serving; after the simulator has stopped this does nothing.
    pub(crate) fn open(&self, listener: TcpListener, site: Site) {
        let _ = self.opened.send(Door { listener, site });
    }
}
