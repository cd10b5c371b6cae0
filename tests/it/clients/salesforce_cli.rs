//! The Salesforce CLI and Salesforce's own MCP server, which stands on what the CLI has logged in to.

use super::parts::{
    an_outage_of_the_store_is_overcome, everything_goes_on, refusals_are_shown, tenants_stay_apart,
    trouble_at_work_is_shown,
};
use super::{Client, Runs};

const CLI: Client = Client::new(Runs::NewerNode, "large/salesforce_cli/check.mjs");
const MCP_SERVER: Client = Client::new(Runs::NewerNode, "large/salesforce_mcp/check.mjs");

#[tokio::test(flavor = "multi_thread")]
#[ignore = "large: scripts/clients --all"]
async fn everything_that_the_salesforce_cli_does_goes_on_when_the_session_dies() {
    everything_goes_on(CLI, 6).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "large: scripts/clients --all"]
async fn two_tenants_of_the_salesforce_cli_stay_apart() {
    tenants_stay_apart(CLI).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "large: scripts/clients --all"]
async fn the_salesforce_cli_shows_refusals_and_ends() {
    refusals_are_shown(CLI).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "large: scripts/clients --all"]
async fn what_salesforces_mcp_server_does_goes_on_when_the_session_dies() {
    everything_goes_on(MCP_SERVER, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "large: scripts/clients --all"]
async fn the_salesforce_cli_shows_trouble_that_comes_after_it_has_logged_in() {
    trouble_at_work_is_shown(CLI).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "large: scripts/clients --all"]
async fn the_salesforce_cli_goes_on_after_an_outage_of_the_store() {
    an_outage_of_the_store_is_overcome(CLI).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "large: scripts/clients --all"]
async fn two_orgs_of_salesforces_mcp_server_stay_apart() {
    tenants_stay_apart(MCP_SERVER).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "large: scripts/clients --all"]
async fn salesforces_mcp_server_shows_trouble_and_goes_on() {
    trouble_at_work_is_shown(MCP_SERVER).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "large: scripts/clients --all"]
async fn salesforces_mcp_server_goes_on_after_an_outage_of_the_store() {
    an_outage_of_the_store_is_overcome(MCP_SERVER).await;
}
