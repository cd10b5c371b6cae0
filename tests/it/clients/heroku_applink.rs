//! Heroku AppLink's SDK for Python; `/applink/authorizations` stands in for the add-on.

use super::parts::{everything_goes_on, refusals_are_shown_as, tenants_stay_apart};
use super::{Client, Runs};

/// What Heroku sets where the add-on is.
pub const ENVIRONMENT: &[(&str, &str)] = &[
    ("HEROKU_APPLINK_API_URL", "{ORGPASS_URL}/applink"),
    ("HEROKU_APPLINK_TOKEN", "not-checked"),
    ("HEROKU_APP_ID", "8c0ad8a5-4b3a-4b0c-9f0c-3d7f7a1c2e11"),
];

const APPLINK: Client = Client::new(Runs::Python, "heroku_applink/check.py").with(ENVIRONMENT);

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_heroku_applink_does_goes_on_when_the_session_dies() {
    everything_goes_on(APPLINK, 4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_tenants_of_heroku_applink_stay_apart() {
    tenants_stay_apart(APPLINK).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn heroku_applink_shows_refusals_and_ends() {
    // The SDK keeps to itself why it was given no authorization.
    refusals_are_shown_as(APPLINK, &[("nobody", "403"), ("cold", "503")]).await;
}
