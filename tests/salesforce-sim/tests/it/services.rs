//! Services beside the orgs: each has its host, its tokens and its way to refuse them.

use std::time::Duration;

use http::StatusCode;
use salesforce_sim::{ApiFamily, AppOptions, Effect, Fault};
use serde_json::{Value, json};
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

impl World {
    /// Calls a service with a token.
    async fn service(&self, method: &str, url: &str, token: &str, body: Value) -> Answer {
        let bearer = format!("Bearer {token}");
        let unit = ("pardot-business-unit-id", "0Uvxx0000000001AAA");
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json"), unit];
        let body = if body.is_null() { String::new() } else { body.to_string() };
        client::send(method, url, &headers, body).await.unwrap()
    }
}

#[tokio::test]
async fn what_a_tenant_ingests_is_found_by_a_query() {
    let world = with_scopes(&["cdp_query_api"], false).await;
    let earned = exchange(&world, &world.tokens.access_token, &[]).await.json();
    let (token, host) = (earned["access_token"].as_str().unwrap(), earned["instance_url"].as_str().unwrap());
    let at = |path: &str| format!("http://{host}/api/{path}");
    let row = json!({"data": [{"Name__c": "Ana", "Age__c": 30}]});
    let ingested = world.service("POST", &at("v1/ingest/sources/web/Person__dlm"), token, row).await;
    assert_eq!((ingested.status.as_u16(), ingested.json()), (202, json!({"accepted": true})));
    let sql = json!({"sql": "SELECT Name__c, Age__c FROM Person__dlm LIMIT 10;"});
    let cells = world.service("POST", &at("v2/query"), token, sql.clone()).await.json();
    assert_eq!((&cells["data"], &cells["rowCount"]), (&json!([["Ana", 30]]), &json!(1)));
    assert_eq!(cells["metadata"]["Age__c"]["placeInOrder"], 1);
    let named = world.service("POST", &at("v1/query"), token, sql).await.json();
    assert_eq!(named["data"], json!([{"Name__c": "Ana", "Age__c": 30}]));
    let wrong = world.service("POST", &at("v2/query"), token, json!({"sql": "DROP"})).await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
    let metadata = client::get(&format!("http://{host}"), "/api/v1/metadata", token).await.json();
    assert_eq!(metadata["metadata"][0]["name"], "Person__dlm");
    assert_eq!(world.sim.requests()[0].access_token.as_ref(), Some(&world.tokens.access_token));
}

#[tokio::test]
async fn a_token_of_one_tenant_is_foreign_to_another_and_faults_strike_tenants_too() {
    let world = with_scopes(&["cdp_query_api"], false).await;
    let other = world.sim.create_org(Default::default());
    let token = exchange(&world, &world.tokens.access_token, &[]).await.json()["access_token"].clone();
    let metadata = async |host: &str| {
        client::get(&format!("http://{host}"), "/api/v1/metadata", token.as_str().unwrap()).await.status.as_u16()
    };
    world.sim.clear_requests();
    assert_eq!(metadata(&world.sim.data_cloud_host(&other)).await, 401);
    assert!(world.sim.requests()[0].foreign_token && world.sim.requests()[0].dead);
    let own = world.sim.data_cloud_host(&world.org);
    world.sim.fault(Fault::on_path("/api", Effect::Status(503, "{}".to_owned())).at_org(world.org.org_id()));
    assert_eq!(metadata(&own).await, 503);
    assert_eq!(metadata(&own).await, 200);
    assert_eq!(world.call(token.as_str().unwrap()).await, 401);
}

#[tokio::test]
async fn a_prospect_lives_from_create_to_delete() {
    let world = with_scopes(&["pardot_api"], false).await;
    let token = world.tokens.access_token.as_str();
    let at = |below: &str| format!("{}{PROSPECTS}{below}", world.sim.account_engagement_url());
    let created = world.service("POST", &at(""), token, json!({"email": "bo@acme.example"})).await;
    assert_eq!((created.status.as_u16(), &created.json()["id"]), (201, &json!(2)));
    let changed = world.service("PATCH", &at("/2"), token, json!({"firstName": "Bo"})).await.json();
    assert_eq!(changed["firstName"], "Bo");
    let list = world.service("GET", &at("?fields=id,email"), token, Value::Null).await.json();
    assert_eq!(list["values"][1], json!({"id": 2, "email": "bo@acme.example"}));
    assert_eq!(world.service("DELETE", &at("/2"), token, Value::Null).await.status, 204);
    assert_eq!(world.service("GET", &at("/2"), token, Value::Null).await.status, 404);
    assert_eq!(world.service("POST", &at(""), token, json!({})).await.json()["code"], 109);
}

#[tokio::test]
async fn a_token_response_names_the_platform_if_its_token_is_good_there() {
    for jwt in [true, false] {
        let world = with_scopes(&["sfap_api"], jwt).await;
        let answer = client::refresh(&world.sim, &world.app, &world.tokens.refresh_token).await.unwrap().json();
        let expected = jwt.then(|| world.sim.platform_url());
        assert_eq!(answer["api_instance_url"].as_str(), expected.as_deref());
    }
}

#[tokio::test]
async fn what_one_api_writes_the_test_looks_up() {
    let world = World::new(AppOptions::default()).await;
    let created = world.rest("POST", "/sobjects/Account", json!({"Name": "Acme"})).await.json();
    let record = world.sim.record(&world.org, "Account", created["id"].as_str().unwrap()).unwrap();
    assert_eq!(record["Name"], "Acme");
    assert_eq!(world.sim.records(&world.org, "Account"), [record]);
    let at = format!("/__sim/records?org_id={}&object=Account", world.org.org_id());
    assert_eq!(client::get(&world.sim.url(), &at, "").await.json()[0]["Name"], "Acme");
    let at = format!("/__sim/data-cloud?org_id={}", world.org.org_id());
    assert_eq!(client::get(&world.sim.url(), &at, "").await.json()["host"], world.sim.data_cloud_host(&world.org));
}
