//! The simulator judged from outside, over HTTP, as the proxy sees it.
#![allow(clippy::unwrap_used, reason = "tests")]

mod assertions;
mod browser;
mod browsing;
mod bulk;
mod bulk2;
mod client;
mod composing;
mod consenting;
mod control;
mod devices;
mod everywhere;
mod faulty;
mod oauth;
mod pubsub;
mod resources;
mod services;
mod sessions;
mod soap;
mod streaming;

use salesforce_sim::{App, AppOptions, Org, OrgOptions, Simulator, Tokens, User};

/// A simulator with one app, one org, one user and one approval.
struct World {
    sim: Simulator,
    app: App,
    org: Org,
    user: User,
    tokens: Tokens,
}

impl World {
    async fn new(options: AppOptions) -> Self {
        let sim = Simulator::start().await;
        let app = sim.create_app(options);
        let org = sim.create_org(OrgOptions::default());
        let user = sim.create_user(&org, "ana@acme.example");
        let tokens = sim.authorize(&app, &user);
        Self { sim, app, org, user, tokens }
    }

    /// The status of a plain call to the org with this access token.
    async fn call(&self, access_token: &str) -> u16 {
        let path = "/services/data/v67.0/limits";
        let answer = client::get(&self.org.instance_url(), path, access_token).await;
        answer.status.as_u16()
    }
}
