//! `orgpass connection link`: an address by which somebody connects an org in a browser.

use clap::Args;

use super::connection::key;
use super::device;
use super::operator::Operator;
use super::output::{json_line, time};
use super::{Exit, Failure, Surroundings};
use crate::management::DeviceRequest;
use crate::management::links::LinkRequest;

/// Make a link by which an org is connected in a browser, or connected again
///
/// Whoever opens it logs in at Salesforce, sees what is asked for and confirms which org it is. It connects once. The
/// hub of [hub] public_url must be running when it is opened.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  orgpass connection link --tenant acme\n  \
                        orgpass connection link --tenant acme --user u-17 --scope api --scope refresh_token\n  \
                        orgpass connection link --tenant acme --return-to https://app.example.com/settings\n  \
                        orgpass connection link --tenant acme --device")]
pub(super) struct LinkArguments {
    /// The tenant's name
    #[arg(long, value_name = "T")]
    tenant: String,
    /// The user's name; without it, the tenant's installation connection is meant
    #[arg(long, value_name = "U")]
    user: Option<String>,
    /// The app that asks [default: the connection's, else the tenant's own, else default]
    #[arg(long, value_name = "NAME")]
    app: Option<String>,
    /// What is asked for; may be given several times [default: what the app's configuration says]
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<String>,
    /// Any address of the org, if it is known where the user logs in
    #[arg(long, value_name = "URL")]
    login_url: Option<String>,
    /// Where the browser is led at the end; allowed by hub.return_to
    #[arg(long, value_name = "URL")]
    return_to: Option<String>,
    /// For how many seconds it is good [default: hub.link_life]
    #[arg(long, value_name = "S")]
    expires_in: Option<u64>,
    /// Show a code to be typed into a browser anywhere, and wait until it was; for apps with apps.NAME.allow "device"
    #[arg(long, conflicts_with_all = ["return_to", "expires_in", "json"])]
    device: bool,
    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
}

impl LinkArguments {
    pub(super) async fn run(self, operator: &mut Operator, around: &mut Surroundings<'_>) -> Result<Exit, Failure> {
        let key = key(&self.tenant, self.user.as_deref())?;
        if self.device {
            let scopes = (!self.scopes.is_empty()).then_some(self.scopes);
            let request = DeviceRequest { app: self.app, scopes, login_url: self.login_url };
            return device::connect(&key, request, operator, around).await;
        }
        let request = LinkRequest {
            app: self.app,
            scopes: (!self.scopes.is_empty()).then_some(self.scopes),
            login_url: self.login_url,
            return_to: self.return_to,
            expires_in: self.expires_in,
        };
        let minted = operator.link(&key, request).await?;
        if self.json {
            json_line(around.output, &minted)?;
            return Ok(Exit::Success);
        }
        writeln!(around.output, "{}", minted.url)?;
        writeln!(around.errors, "It connects {key} once, until {}.", time(minted.expires_at * 1000))?;
        Ok(Exit::Success)
    }
}
