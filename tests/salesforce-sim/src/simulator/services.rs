//! Services beside the orgs.

use std::time::Duration;

use super::{Org, Simulator};
use crate::doors::Service;

impl Simulator {
    /// The URL of Account Engagement, without a trailing slash.
    #[must_use]
    pub fn account_engagement_url(&self) -> String {
        self.service_url(Service::AccountEngagement)
    }

    /// The URL of the platform's API, without a trailing slash.
    #[must_use]
    pub fn platform_url(&self) -> String {
        self.service_url(Service::Platform)
    }

    /// The host and port of an org's Data Cloud tenant, as the org names it.
    #[must_use]
    pub fn data_cloud_host(&self, org: &Org) -> String {
        self.shared.data_cloud_host(org.org_id())
    }

    /// Has an org name another host as that of its Data Cloud tenant.
    pub fn misname_data_cloud(&self, org: &Org, host: &str) {
        self.shared.world().misname_data_cloud(org.org_id(), host);
    }

    /// How long the tokens of Data Cloud live that are issued from now on; 7,193 seconds if this is not called.
    pub fn set_data_cloud_life(&self, life: Duration) {
        self.shared.world().set_data_cloud_life(life);
    }

    /// Ends all Data Cloud tokens of an org; its sessions live on.
    pub fn end_data_cloud_tokens(&self, org: &Org) {
        self.shared.world().end_data_cloud_tokens(org.org_id());
    }

    fn service_url(&self, service: Service) -> String {
        format!("{}://{}", self.shared.doors.scheme, self.shared.service_host(service))
    }
}
