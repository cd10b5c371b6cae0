//! An MCP server for models that logs in with a user name: the login is answered with the local token.

use super::parts::{everything_goes_on, refusals_are_shown, tenants_stay_apart};
use super::{Client, Runs};

const MCP_SERVER: Client = Client::new(Runs::Node, "mcp_server_salesforce/check.mjs");

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_mcp_server_salesforce_does_goes_on_when_the_session_dies() {
    everything_goes_on(MCP_SERVER, 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_tenants_of_mcp_server_salesforce_stay_apart() {
    tenants_stay_apart(MCP_SERVER).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mcp_server_salesforce_shows_refusals_and_ends() {
    refusals_are_shown(MCP_SERVER).await;
}
