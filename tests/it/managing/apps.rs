//! Apps that tenants bring through the API.

use http::Method;
use salesforce_sim::{App, AppKey, AppOptions};
use serde_json::{Value, json};

use super::{ask, send, world};
use crate::authenticating::LIMITS;
use crate::connecting::browser::{Browser, PUBLIC_URL};
use crate::connecting::{key, link};
use crate::world::{World, eventually};

const APP: &str = "/v1/tenants/acme/app";

/// A client of the customer's own, which must prove itself.
fn client(world: &World) -> App {
    world.sim.create_app(AppOptions {
        callback_urls: vec![format!("{PUBLIC_URL}/oauth/callback")],
        scopes: ["api", "refresh_token"].map(str::to_owned).to_vec(),
        secret_required: true,
        ..AppOptions::default()
    })
}

fn app(world: &World, client: &App, secret: &str) -> Value {
    json!({
        "client_id": client.client_id,
        "client_secret": secret,
        "login_url": world.sim.url(),
        "sandbox_login_url": world.sim.url(),
        "scopes": ["api", "refresh_token"],
        "name": "Acme Direct",
        "accent": "#aa2200",
    })
}

fn user(world: &World) -> salesforce_sim::User {
    let org = world.sim.create_org(salesforce_sim::OrgOptions { name: "acme".to_owned(), ..Default::default() });
    world.sim.create_user(&org, "ana@acme.example")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_org_is_connected_under_the_customers_own_client_and_refreshes_with_its_secret() {
    let world = world().await;
    let client = client(&world);
    user(&world);
    assert_eq!(ask(&world, Method::GET, APP).await.status, 404);
    let put = send(&world, Method::PUT, APP, &app(&world, &client, &client.client_secret)).await;
    assert_eq!(put.status, 200, "{}", put.text());
    let shown = ask(&world, Method::GET, APP).await;
    assert_eq!(shown.json(), put.json());
    assert_eq!((&shown.json()["has_client_secret"], &shown.json()["accent"]), (&json!(true), &json!("#aa2200")));
    assert!(!shown.text().contains(&client.client_secret));

    let path = link(&world, &key("acme", None), &Default::default()).await;
    let mut browser = Browser::of(&world);
    assert!(browser.get(&path).await.shows("Connect Acme Direct to your Salesforce org"));
    let asked = browser.begin(&path, "production").await;
    assert!(asked.contains(&client.client_id), "{asked}");
    assert_eq!(browser.allow(&asked, "ana@acme.example").await.status, 200);
    browser.confirm(&path, "yes").await;
    let connection = "/v1/tenants/acme/connection";
    assert_eq!(ask(&world, Method::GET, connection).await.json()["app"], "own");
    let refreshed = ask(&world, Method::POST, &format!("{connection}/refresh")).await;
    assert_eq!(refreshed.status, 200, "{}", refreshed.text());
    assert_eq!(world.caller().get(LIMITS).tenant("acme").send().await.status, 200);
    let metrics = world.operator().get("/metrics").send().await;
    assert!(!metrics.text().contains("acme"), "no tenant is a label");

    let in_use = ask(&world, Method::DELETE, APP).await;
    assert_eq!((in_use.status.as_u16(), &in_use.json()["type"]), (409, &json!("urn:orgpass:problem:app-in-use")));
    assert!(in_use.text().contains("1 connections"), "{}", in_use.text());
    assert_eq!(ask(&world, Method::DELETE, connection).await.status, 200);
    assert_eq!(ask(&world, Method::DELETE, APP).await.status, 204);
    assert_eq!(ask(&world, Method::DELETE, APP).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_secret_stops_only_its_tenant_and_the_right_one_mends_it_at_once() {
    let world = world().await;
    let client = client(&world);
    let tokens = world.sim.authorize(&client, &user(&world));
    send(&world, Method::PUT, APP, &app(&world, &client, "no-longer-the-secret")).await;
    let import = json!({
        "app": "own",
        "instance_url": tokens.instance_url,
        "refresh_token": tokens.refresh_token,
        "login_url": world.sim.url(),
    });
    let elsewhere = send(&world, Method::PUT, "/v1/tenants/globex/connection", &import).await;
    assert_eq!(elsewhere.status, 422, "globex has brought no app");
    assert_eq!(send(&world, Method::PUT, "/v1/tenants/acme/connection", &import).await.status, 201);
    let other = world.connect("initech", None).await;
    world.sim.expire_sessions(&other.org);

    let stopped = world.caller().get(LIMITS).tenant("acme").send().await;
    assert_eq!(stopped.error(), Some("misconfigured"), "{}", stopped.text());
    assert_eq!(world.stored_status(&key("acme", None)).await.1.map(|cause| cause.as_str()), Some("app_secret_wrong"));
    assert_eq!(world.caller().get(LIMITS).tenant("initech").send().await.status, 200);

    let mended = send(&world, Method::PUT, APP, &app(&world, &client, &client.client_secret)).await;
    assert_eq!(mended.status, 200, "{}", mended.text());
    eventually("the connection works again", async || {
        world.caller().get(LIMITS).tenant("acme").send().await.status == 200
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn assertions_are_signed_with_the_tenants_own_key() {
    let world = world().await;
    let key = AppKey::first();
    let client =
        world.sim.create_app(AppOptions { certificate: Some(key.certificate.clone()), ..AppOptions::default() });
    let user = user(&world);
    world.sim.pre_approve(&client, &user);
    let mut app = app(&world, &client, &client.client_secret);
    app["private_key"] = json!(key.private_key);
    let put = send(&world, Method::PUT, APP, &app).await;
    assert_eq!(put.json()["has_private_key"], true, "{}", put.text());
    let import = json!({
        "app": "own", "grant": "jwt_bearer", "username": "ana@acme.example", "login_url": world.sim.url(),
    });
    let imported = send(&world, Method::PUT, "/v1/tenants/acme/connection", &import).await;
    assert_eq!(imported.status, 201, "{}", imported.text());
    assert_eq!(world.caller().get(LIMITS).tenant("acme").send().await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_of_an_app_is_named_and_no_value_is_repeated() {
    let world = world().await;
    let wrong = json!({
        "client_id": "", "client_secret": "S3CRET VALUE", "private_key": "S3CRET", "login_url": "https://evil.example",
        "logo": "S3CRET", "accent": "red", "scopes": "api", "introspect": "yes", "S3CRET": 1,
    });
    let reply = send(&world, Method::PUT, APP, &wrong).await;
    assert_eq!(reply.status, 422, "{}", reply.text());
    let problem = reply.json();
    let mut fields: Vec<_> =
        problem["errors"].as_array().unwrap().iter().map(|fault| fault["field"].as_str().unwrap()).collect();
    fields.sort_unstable();
    let expected = [
        "",
        "accent",
        "client_id",
        "client_secret",
        "introspect",
        "login_url",
        "logo",
        "name",
        "private_key",
        "scopes",
    ];
    assert_eq!(fields, expected);
    assert!(!reply.text().contains("S3CRET"), "{}", reply.text());
}
