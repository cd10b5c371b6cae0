//! The management API and the status page, over HTTP.

mod apps;
mod people;

use http::{Method, StatusCode};
use http_body_util::{BodyExt, Full};
use orgpass::connection::ConnectionKey;
use serde_json::{Value, json};

use crate::authenticating::LIMITS;
use crate::caller::{Call, Reply};
use crate::connecting::{key, options};
use crate::world::{World, eventually};

pub const ALL: &str = "all-tenants-token-0123456789abcdef0123456789";
pub const SOME: &str = "some-tenants-token-0123456789abcdef012345678";
const TWO: &str = "two-tenants-token-0123456789abcdef0123456789";

/// A world whose hub lets in two programs.
pub async fn world() -> World {
    let folder = tempfile::tempdir().unwrap().keep();
    let file = folder.join("tokens");
    std::fs::write(&file, tokens()).unwrap();
    World::with(options(&format!("hub.api_tokens_file = \"{}\"", file.display()))).await
}

fn tokens() -> String {
    format!("backend {ALL}\nsupport {SOME} acme\npartner {TWO} t1 t3\n")
}

fn call(world: &World, method: Method, path: &str) -> Call {
    world.hub().call(method, path).header("authorization", format!("Bearer {ALL}"))
}

async fn ask(world: &World, method: Method, path: &str) -> Reply {
    call(world, method, path).send().await
}

async fn send(world: &World, method: Method, path: &str, body: &Value) -> Reply {
    let body = Full::new(body.to_string().into()).map_err(|never| match never {}).boxed();
    call(world, method, path).body(body).send().await
}

/// An authorization of a new org, as a program would bring it.
fn authorization(world: &World, tenant: &str) -> Value {
    let org = world.sim.create_org(salesforce_sim::OrgOptions { name: tenant.to_owned(), ..Default::default() });
    let user = world.sim.create_user(&org, &format!("ana@{tenant}.example"));
    let tokens = world.sim.authorize(&world.sim_app, &user);
    json!({
        "instance_url": tokens.instance_url,
        "access_token": tokens.access_token,
        "refresh_token": tokens.refresh_token,
        "login_url": world.sim.url(),
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_is_imported_shown_checked_refreshed_and_removed() {
    let world = world().await;
    let path = "/v1/tenants/acme/connection";
    assert_eq!(ask(&world, Method::GET, path).await.status, 404);
    let body = authorization(&world, "acme");
    let put = send(&world, Method::PUT, path, &body).await;
    assert_eq!((put.status.as_u16(), put.json()["result"].as_str()), (201, Some("created")), "{}", put.text());
    let again = send(&world, Method::PUT, path, &body).await;
    assert_eq!((again.status.as_u16(), again.json()["result"].as_str()), (200, Some("unchanged")));
    assert_eq!(world.caller().get(LIMITS).tenant("acme").send().await.status, 200);
    let shown = ask(&world, Method::GET, path).await.json();
    assert_eq!(shown["status"], "active");
    assert!(shown["local_token"].as_str().unwrap().ends_with("!orgpass.acme"));
    assert_eq!(ask(&world, Method::POST, &format!("{path}/check")).await.json()["session"], "alive");
    let refreshed = ask(&world, Method::POST, &format!("{path}/refresh")).await.json();
    assert_ne!(refreshed["generation"], shown["generation"]);
    let another = send(&world, Method::PUT, path, &authorization(&world, "globex")).await;
    assert_eq!(another.json()["type"], "urn:orgpass:problem:conflict");
    assert_eq!(another.header("content-type"), Some("application/problem+json"));
    assert_eq!(ask(&world, Method::DELETE, path).await.json()["result"], "revoked");
    assert_eq!(ask(&world, Method::DELETE, path).await.status, 404);

    let trail = ask(&world, Method::GET, "/v1/audit").await.json();
    let told: Vec<_> =
        trail["entries"].as_array().unwrap().iter().map(|entry| entry["action"].as_str().unwrap()).collect();
    let imported = "connection.imported";
    assert_eq!(
        told,
        [
            imported,
            imported,
            "connection.checked",
            "connection.refreshed",
            imported,
            "connection.removed",
            "connection.removed"
        ]
    );
    assert_eq!(trail["entries"][0]["who"], "api backend");
    assert!(trail["entries"][4]["outcome"].as_str().unwrap().contains("another authorization"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_said_field_by_field() {
    let world = world().await;
    let wrong = json!({ "instance_url": "https://evil.example", "grant": "magic", "access_token": "00D!x y" });
    let reply = send(&world, Method::PUT, "/v1/tenants/acme/connection", &wrong).await;
    assert_eq!(reply.status, 422, "{}", reply.text());
    let problem = reply.json();
    let fields: Vec<_> =
        problem["errors"].as_array().unwrap().iter().map(|fault| fault["field"].as_str().unwrap()).collect();
    for field in ["instance_url", "grant", "access_token"] {
        assert!(fields.contains(&field), "{fields:?}");
    }
    assert!(!reply.text().contains("00D!x"));
    for (path, status) in [
        ("/v1/tenants/a%20b/connection", 400),
        ("/v1/tenants/%FF/connection", 400),
        (&*format!("/v1/tenants/{}/connection", "x".repeat(129)), 400),
        ("/v1/connections?limit=0", 422),
        ("/v1/connections?unknown=1", 400),
        ("/v1/connections?status=odd", 422),
        ("/v1/nothing", 404),
    ] {
        let reply = ask(&world, Method::GET, path).await;
        assert_eq!(reply.status, status, "{path}: {}", reply.text());
        assert!(reply.json()["detail"].is_string());
    }
    assert_eq!(ask(&world, Method::PATCH, "/v1/tenants/acme/connection").await.status, 405);
    let long = json!({ "access_token": "x".repeat(70_000) });
    assert_eq!(send(&world, Method::PUT, "/v1/tenants/acme/connection", &long).await.status, 413);
    let doubled = json!({ "tenant": "globex", "refresh_token": "x" });
    assert_eq!(send(&world, Method::PUT, "/v1/tenants/acme/connection", &doubled).await.status, 422);
}

#[tokio::test(flavor = "multi_thread")]
async fn head_asks_as_get_does_and_options_open_nothing_to_other_sites() {
    let world = world().await;
    world.connect("acme", None).await;
    for path in ["/v1/tenants/acme/connection", "/v1/connections", "/openapi.json", "/", "/connect.js"] {
        let (got, head) = (ask(&world, Method::GET, path).await, ask(&world, Method::HEAD, path).await);
        assert_eq!((got.status, head.status), (StatusCode::OK, StatusCode::OK), "{path}");
        assert!(!got.body.is_empty() && head.body.is_empty(), "{path}");
        assert_eq!(got.header("content-type"), head.header("content-type"), "{path}");
    }
    let nobody = world.hub().call(Method::HEAD, "/v1/connections").send().await;
    assert_eq!((nobody.status.as_u16(), nobody.body.len()), (401, 0));
    assert_eq!(ask(&world, Method::HEAD, "/v1/tenants/globex/connection").await.status, 404);
    // What only a POST may do, a HEAD does not do either.
    assert_eq!(ask(&world, Method::HEAD, "/v1/tenants/acme/connection/refresh").await.status, 405);
    assert_eq!(world.sim.exchanges(), 0);

    for path in ["/v1/tenants/acme/connection", "/v1/connections", "/login", "/oauth/callback", "/"] {
        let preflight = call(&world, Method::OPTIONS, path)
            .header("origin", "https://elsewhere.example")
            .header("access-control-request-method", "DELETE")
            .send()
            .await;
        assert_eq!(preflight.status, 405, "{path}");
        assert_eq!(preflight.header("access-control-allow-origin"), None, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_sees_its_own_tenants_only_and_goes_when_its_line_goes() {
    let world = world().await;
    for tenant in ["acme", "globex"] {
        let body = authorization(&world, tenant);
        assert_eq!(send(&world, Method::PUT, &format!("/v1/tenants/{tenant}/connection"), &body).await.status, 201);
    }
    let by = async |token: &str, path: &str| {
        world.hub().get(path).header("authorization", format!("bearer {token}")).send().await
    };
    assert_eq!(by(SOME, "/v1/tenants/acme/connection").await.status, 200);
    let forbidden = by(SOME, "/v1/tenants/globex/connection").await;
    assert_eq!(
        (forbidden.status.as_u16(), forbidden.json()["type"].as_str()),
        (403, Some("urn:orgpass:problem:forbidden"))
    );
    assert_eq!(by(SOME, "/v1/connections?tenant=globex").await.status, 403);
    for (path, list) in [("/v1/connections", "connections"), ("/v1/events", "events"), ("/v1/audit", "entries")] {
        let seen = by(SOME, path).await.json();
        let tenants: Vec<_> =
            seen[list].as_array().unwrap().iter().map(|one| one["tenant"].as_str().unwrap()).collect();
        assert_eq!(tenants, ["acme"], "{path}");
        assert_eq!(by(ALL, path).await.json()[list].as_array().unwrap().len(), 2, "{path}");
    }
    for headers in [&[][..], &[("authorization", "Bearer wrong")], &[("authorization", "Basic eDp5")]] {
        let call =
            headers.iter().fold(world.hub().get("/v1/connections"), |call, (name, value)| call.header(name, value));
        let reply = call.send().await;
        assert_eq!((reply.status.as_u16(), reply.header("www-authenticate")), (401, Some("Bearer")));
    }
    let file = world.config.hub.as_ref().unwrap().api_tokens_file.clone().unwrap();
    std::fs::write(&file, format!("support {SOME} acme\n# backend is gone\n")).unwrap();
    eventually("the token is gone", async || by(ALL, "/v1/connections").await.status == 401).await;
    assert_eq!(by(SOME, "/v1/connections").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_are_listed_page_by_page_and_by_what_they_are() {
    let world = world().await;
    for number in 0..7 {
        let connected = world.connect(&format!("t{number}"), None).await;
        if number % 2 == 0 {
            world.sim.revoke_grant(&connected.tokens.refresh_token);
            let checked = ask(&world, Method::POST, &format!("/v1/tenants/t{number}/connection/refresh")).await;
            assert_eq!(checked.json()["cause"], "revoked");
        }
    }
    let (mut found, mut next) = (Vec::new(), String::new());
    loop {
        let page = ask(&world, Method::GET, &format!("/v1/connections?limit=3{next}")).await.json();
        let connections = page["connections"].as_array().unwrap();
        assert!(connections.len() <= 3);
        found.extend(connections.iter().map(|one| one["tenant"].as_str().unwrap().to_owned()));
        match page["next"].as_str() {
            Some(cursor) => next = format!("&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(found, ["t0", "t1", "t2", "t3", "t4", "t5", "t6"]);
    let broken = ask(&world, Method::GET, "/v1/connections?status=reauthorize").await.json();
    assert_eq!(broken["connections"].as_array().unwrap().len(), 4);
    let one = ask(&world, Method::GET, "/v1/connections?tenant=t1").await.json();
    assert_eq!(one["connections"].as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_for_some_tenants_is_led_through_these_only() {
    let world = world().await;
    for number in 0..5 {
        for user in [None, Some("u-1"), Some("u-2")] {
            world.connect(&format!("t{number}"), user).await;
        }
    }
    for limit in 1..=7 {
        let (mut found, mut next) = (Vec::new(), String::new());
        loop {
            let path = format!("/v1/connections?limit={limit}{next}");
            let page = world.hub().get(&path).header("authorization", format!("Bearer {TWO}")).send().await.json();
            let connections = page["connections"].as_array().unwrap();
            assert!(connections.len() <= limit);
            found.extend(connections.iter().map(|one| format!("{}{}", one["tenant"], one["user"])));
            let Some(cursor) = page["next"].as_str() else { break };
            let at = ConnectionKey::decode(cursor).expect("it names a connection");
            assert!(["t1", "t3"].contains(&at.tenant()), "the cursor tells of {at}");
            next = format!("&cursor={cursor}");
        }
        let all = ["t1", "t3"].map(|tenant| ["null", "\"u-1\"", "\"u-2\""].map(|user| format!("\"{tenant}\"{user}")));
        assert_eq!(found, all.concat(), "{limit} at a time");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_begun_is_done_and_recorded_though_the_program_has_gone() {
    let world = world().await;
    world.connect("acme", None).await;
    let revoking = salesforce_sim::Fault::on_path("/services/oauth2/revoke", salesforce_sim::Effect::Hold);
    let revoking = world.sim.fault(revoking);
    let gone = tokio::spawn(call(&world, Method::DELETE, "/v1/tenants/acme/connection").send());
    revoking.wait_held(1).await;
    gone.abort();
    assert!(gone.await.unwrap_err().is_cancelled());
    // Time enough for the hub to notice.
    for _ in 0..10 {
        assert_eq!(ask(&world, Method::GET, "/v1/audit").await.json()["entries"], json!([]));
    }
    revoking.release();
    let told = async || {
        let trail = ask(&world, Method::GET, "/v1/audit").await.json();
        (trail["entries"][0]["action"].clone(), trail["entries"][0]["outcome"].clone())
    };
    eventually("the removal is recorded", async || told().await == ("connection.removed".into(), "done".into())).await;
    assert_eq!(ask(&world, Method::GET, "/v1/tenants/acme/connection").await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_is_off_boarded_in_one_call_that_can_be_repeated() {
    let world = world().await;
    world.connect("acme", None).await;
    for user in ["u-1", "u-2"] {
        world.connect("acme", Some(user)).await;
    }
    world.connect("globex", None).await;
    let fault = world.sim.fault(
        salesforce_sim::Fault::on_path("/services/oauth2/revoke", salesforce_sim::Effect::Status(503, String::new()))
            .times(1),
    );
    let first = ask(&world, Method::DELETE, "/v1/tenants/acme").await.json();
    fault.end();
    assert_eq!((first["removed"].as_u64(), first["failed"].as_array().unwrap().len()), (Some(2), 1), "{first}");
    assert!(first["failed"][0]["why"].as_str().unwrap().contains("revoke"));
    let second = ask(&world, Method::DELETE, "/v1/tenants/acme").await.json();
    assert_eq!((second["removed"].as_u64(), second["failed"].as_array().unwrap().len()), (Some(1), 0));
    let left = ask(&world, Method::GET, "/v1/connections").await.json();
    assert_eq!(left["connections"].as_array().unwrap().len(), 1);
    let management = &world.orgpass().engine().management;
    assert!(management.show(&key("acme", Some("u-1"))).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn events_stream_as_they_come_and_go_on_where_somebody_left_off() {
    let world = world().await;
    world.connect("acme", None).await;
    let events = ask(&world, Method::GET, "/v1/events").await.json();
    let first = &events["events"][0];
    assert_eq!((first["tenant"].as_str(), first["after"]["status"].as_str()), (Some("acme"), Some("active")));
    let id = events["next"].as_str().unwrap();
    let stream = call(&world, Method::GET, "/v1/events")
        .header("accept", "text/event-stream, */*;q=0.1")
        .header("last-event-id", id);
    let answer = stream.start().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    let mut body = answer.into_body();
    world.connect("globex", Some("u-17")).await;
    let mut told = String::new();
    while !told.contains("\n\n") || !told.contains("data:") {
        let frame = body.frame().await.unwrap().unwrap();
        told.push_str(std::str::from_utf8(frame.data_ref().unwrap()).unwrap());
    }
    assert!(
        told.contains("event: connection")
            && told.contains("\"tenant\":\"globex\"")
            && told.contains("\"user\":\"u-17\""),
        "{told}"
    );
    assert!(!told.contains("acme"), "what was seen does not come again: {told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_description_is_made_of_the_routes_that_there_are() {
    let world = world().await;
    let description = world.hub().get("/openapi.json").send().await.json();
    assert!(description["openapi"].as_str().unwrap().starts_with("3.1"));
    let paths: Vec<_> = description["paths"].as_object().unwrap().keys().cloned().collect();
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/api.md")).unwrap();
    for path in &paths {
        let shown = path.replace("{tenant}", "acme").replace("{user}", "u-17");
        let shown = shown.replace("/users/u-17/connection/", "/connection/");
        assert!(page.contains(&shown), "docs/api.md shows no call of {path}");
    }
    for path in ["/v1/tenants/{tenant}", "/v1/tenants/{tenant}/users/{user}/connection/link", "/v1/events"] {
        assert!(paths.iter().any(|known| known == path), "{paths:?}");
    }
    for (path, operations) in description["paths"].as_object().unwrap() {
        for operation in operations.as_object().unwrap().values() {
            for status in ["401", "403", "422", "503", "504"] {
                assert!(operation["responses"][status].is_object(), "{path} does not say {status}");
            }
        }
    }
}
