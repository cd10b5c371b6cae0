//! Services beside the orgs: each has its host, its tokens and its way to refuse them.

use std::time::Duration;

use http::StatusCode;
use salesforce_sim::{ApiFamily, AppOptions};
use url::form_urlencoded;

use crate::World;
use crate::client::{self, Answer};

const PROSPECTS: &str = "/api/v5/objects/prospects";

async fn with_scopes(scopes: &[&str], jwt: bool) -> World {
    let scopes = ["api", "refresh_token"].iter().chain(scopes).map(|scope| (*scope).to_owned()).collect();
    let jwt_access_tokens = jwt.then_some(Duration::from_secs(900));
    World::new(AppOptions { scopes, jwt_access_tokens, ..AppOptions::default() }).await
}

async fn exchange(world: &World, token: &str, more: &[(&str, &str)]) -> Answer {
    let form: String = form_urlencoded::Serializer::new(String::new())
        .append_pair("grant_type", "urn:salesforce:grant-type:external:cdp")
        .append_pair("subject_token", token)
        .append_pair("subject_token_type", "urn:ietf:params:oauth:token-type:access_token")
        .extend_pairs(more)
        .finish();
    let url = format!("{}/services/a360/token", world.org.instance_url());
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    client::send("POST", &url, &headers, form).await.unwrap()
}

#[tokio::test]
async fn a_session_with_the_scope_earns_a_token_that_its_own_tenant_accepts() {
    let world = with_scopes(&["cdp_query_api"], false).await;
    let earned = exchange(&world, &world.tokens.access_token, &[]).await.json();
    let (token, host) = (earned["access_token"].as_str().unwrap(), earned["instance_url"].as_str().unwrap());
    assert_eq!(host, world.sim.data_cloud_host(&world.org));
    assert_eq!(earned["expires_in"], 7193);
    let tenant = format!("http://{host}");
    assert_eq!(client::get(&tenant, "/api/v1/metadata/", token).await.status, 200);
    for wrong in [&world.tokens.access_token, "eyJ.x.y"] {
        assert_eq!(client::get(&tenant, "/api/v1/metadata/", wrong).await.status, 401);
    }
    world.sim.restrict_ip(&world.org, Some(ApiFamily::DataCloud));
    assert_eq!(client::get(&tenant, "/api/v1/metadata/", token).await.status, 401);
    world.sim.lift_ip_restriction(&world.org);
    world.sim.advance(Duration::from_secs(7193));
    assert_eq!(client::get(&tenant, "/api/v1/metadata/", token).await.json()["error"], "Unauthorized");
}

#[tokio::test]
async fn the_exchange_refuses_in_oauths_words() {
    let world = with_scopes(&["cdp_query_api"], false).await;
    let refused = exchange(&world, &world.tokens.access_token, &[("scope", "cdp_query_api")]).await;
    assert_eq!((refused.status, &refused.json()["error"]), (StatusCode::BAD_REQUEST, &"invalid_request".into()));
    world.sim.expire_sessions(&world.org);
    let refused = exchange(&world, &world.tokens.access_token, &[]).await;
    assert_eq!((refused.status, &refused.json()["error"]), (StatusCode::BAD_REQUEST, &"invalid_grant".into()));
    let world = with_scopes(&[], false).await;
    let refused = exchange(&world, &world.tokens.access_token, &[]).await;
    assert_eq!((refused.status, &refused.json()["error"]), (StatusCode::OK, &"invalid_scope".into()));
}

#[tokio::test]
async fn account_engagement_wants_its_scope_and_a_business_unit() {
    let world = with_scopes(&["pardot_api"], false).await;
    let url = world.sim.account_engagement_url();
    let bearer = format!("Bearer {}", world.tokens.access_token);
    let unit = ("pardot-business-unit-id", "0Uvxx0000000001AAA");
    let ask =
        async |headers: &[(&str, &str)]| client::send("GET", &format!("{url}{PROSPECTS}"), headers, "").await.unwrap();
    assert_eq!(ask(&[("authorization", &bearer), unit]).await.status, 200);
    assert_eq!(ask(&[("authorization", &bearer)]).await.status, 400);
    world.sim.expire_sessions(&world.org);
    let refused = ask(&[("authorization", &bearer), unit]).await;
    assert_eq!((refused.status.as_u16(), &refused.json()["code"]), (401, &184.into()));
}

#[tokio::test]
async fn the_platform_wants_a_jwt_of_a_living_session() {
    let opaque = with_scopes(&["sfap_api"], false).await;
    let refused = client::get(&opaque.sim.platform_url(), "/einstein/x", &opaque.tokens.access_token).await;
    assert_eq!(refused.json()["errors"][0]["message"], "JWT Token is required");
    let world = with_scopes(&["sfap_api"], true).await;
    let url = world.sim.platform_url();
    assert_eq!(client::get(&url, "/einstein/x", &world.tokens.access_token).await.status, 200);
    world.sim.expire_sessions(&world.org);
    assert_eq!(client::get(&url, "/einstein/x", &world.tokens.access_token).await.status, 401);
}
