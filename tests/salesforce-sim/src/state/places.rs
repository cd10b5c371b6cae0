//! Where orgs are served: each has a listener of its own, and leaves it behind when it moves.

use super::Shared;
use super::orgs::{OldInstance, OrgOptions};
use crate::doors::{Doors, Site};

impl Shared {
    pub(crate) fn create_org(&self, options: OrgOptions) -> String {
        let (listener, addr) = Doors::bind().expect("a loopback port can be bound");
        let instance_url = self.instance_url(&options, addr.port());
        let org_id = self.world().create_org(options, instance_url, addr.port());
        let site = Site::Org { org_id: org_id.clone(), door: addr.port() };
        self.doors.open(listener, site);
        org_id
    }

    pub(crate) fn move_org(&self, org_id: &str, old: OldInstance) {
        let (listener, addr) = Doors::bind().expect("a loopback port can be bound");
        {
            let mut world = self.world();
            let org = world.org_mut(org_id);
            org.instance_url = self.instance_url(&org.options, addr.port());
            org.door = addr.port();
            org.old_instance = old;
        }
        let site = Site::Org { org_id: org_id.to_owned(), door: addr.port() };
        self.doors.open(listener, site);
    }

    fn instance_url(&self, options: &OrgOptions, port: u16) -> String {
        format!("{}://{}:{port}", self.doors.scheme, options.host)
    }
}
