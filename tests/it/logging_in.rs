//! Clients that insist on logging in are given the local token, if the configuration names a connection for them, and are
//! refused without a loop if that connection does not work.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::caller::{Caller, Reply};
use crate::world::World;

const CONFIG: &str = r#"
    [proxy.logins."ana@acme.example"]
    tenant = "acme"
    user = "u-17"
    [proxy.logins.3MVG9consumerKey]
    tenant = "acme"
    user = "u-17"
    [proxy.logins."nobody@acme.example"]
    tenant = "nobody"
    [proxy.applink.acme_main]
    tenant = "acme"
    user = "u-17"
"#;
const TOKEN: &str = "00D000000000000!orgpass.acme.u_2D17";
const JWT: &str = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=\
                   eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhbmFAYWNtZS5leGFtcGxlIn0.c2ln";

async fn world() -> World {
    let world = World::configured(CONFIG).await;
    world.connect("acme", Some("u-17")).await;
    world
}

async fn token(caller: &Caller, form: &str) -> Reply {
    let call = caller.post("/services/oauth2/token", Bytes::from(form.to_owned()));
    call.header("content-type", "application/x-www-form-urlencoded").send().await
}

async fn soap_login(caller: &Caller, name: &str) -> Reply {
    let envelope = format!(
        "<env:Envelope xmlns:env=\"http://schemas.xmlsoap.org/soap/envelope/\"><env:Body><n1:login xmlns:n1=\"urn:partner.soap.sforce.com\">\
         <n1:username>{name}</n1:username><n1:password>p&amp;w</n1:password></n1:login></env:Body></env:Envelope>"
    );
    let call = caller.post("/services/Soap/u/59.0", envelope);
    call.header("content-type", "text/xml").header("soapaction", "login").send().await
}

#[tokio::test]
async fn each_shape_of_an_oauth_login_is_given_the_local_token() {
    let world = world().await;
    let caller = world.caller();
    for form in [
        "grant_type=password&client_id=x&client_secret=y&username=ana%40acme.example&password=z",
        "grant_type=client_credentials&client_id=3MVG9consumerKey&client_secret=y",
        "grant_type=refresh_token&client_id=x&refresh_token=00D000000000000%21orgpass.acme.u_2D17",
        JWT,
    ] {
        let reply = token(&caller, form).await;
        assert_eq!(reply.status.as_u16(), 200, "{form}: {reply:?}");
        let answer = reply.json();
        let base = answer["instance_url"].as_str().unwrap();
        assert_eq!((answer["access_token"].as_str(), answer["token_type"].as_str()), (Some(TOKEN), Some("Bearer")));
        assert_eq!(base, format!("http://{}", world.orgpass().proxy_address().unwrap()));
        assert_eq!(answer["id"], format!("{base}/id/00D000000000000/005000000000000"));
    }
    let basic = caller.post("/services/oauth2/token", "grant_type=client_credentials");
    let reply = basic.header("authorization", "Basic M01WRzljb25zdW1lcktleTp5").send().await;
    assert_eq!(reply.json()["access_token"], TOKEN);
    assert!(world.sim.requests().is_empty(), "no login is relayed");
}

#[tokio::test]
async fn a_soap_login_is_given_the_local_token_and_where_to_call() {
    let world = world().await;
    let reply = soap_login(&world.caller(), "ana@acme.example").await;
    assert_eq!(reply.status.as_u16(), 200, "{reply:?}");
    let base = format!("http://{}", world.orgpass().proxy_address().unwrap());
    for shown in [
        format!("<sessionId>{TOKEN}</sessionId>"),
        format!("<serverUrl>{base}/services/Soap/u/59.0/00D000000000000</serverUrl>"),
        "<organizationId>00D000000000000</organizationId>".to_owned(),
        "<userId>005000000000000</userId>".to_owned(),
    ] {
        assert!(reply.shows(&shown), "{shown} is not in {}", reply.text());
    }
}

#[tokio::test]
async fn logins_that_mean_no_working_connection_are_refused_for_good() {
    let world = world().await;
    let caller = world.caller();
    for (form, error) in [
        ("grant_type=password&username=eve%40acme.example&password=z", "invalid_grant"),
        ("grant_type=password&username=nobody%40acme.example&password=z", "invalid_grant"),
        ("grant_type=refresh_token&refresh_token=5Aep861foreign", "invalid_grant"),
        ("grant_type=password", "invalid_request"),
        ("grant_type=authorization_code&code=x", "unsupported_grant_type"),
        ("", "unsupported_grant_type"),
    ] {
        let reply = token(&caller, form).await;
        assert_eq!((reply.status.as_u16(), reply.json()["error"].as_str()), (400, Some(error)), "{form}: {reply:?}");
    }
    for name in ["eve@acme.example", "nobody@acme.example", ""] {
        let reply = soap_login(&caller, name).await;
        assert_eq!((reply.status.as_u16(), reply.error()), (500, Some("not_connected")), "{reply:?}");
        assert!(reply.shows("<faultcode>sf:INVALID_LOGIN</faultcode>"));
    }
}

#[tokio::test]
async fn without_a_name_in_the_configuration_nothing_logs_in() {
    let world = World::start().await;
    let reply = token(&world.caller(), "grant_type=password&username=ana%40acme.example&password=z").await;
    assert_eq!((reply.status.as_u16(), reply.error()), (403, Some("path_refused")));
    let reply = soap_login(&world.caller(), "ana@acme.example").await;
    assert_eq!((reply.status.as_u16(), reply.error()), (500, Some("path_refused")));
    assert!(reply.shows("proxy.logins"), "{}", reply.text());
}

#[tokio::test]
async fn logging_out_ends_nobodys_session() {
    let world = world().await;
    let caller = world.caller();
    let revoke = |token: &str| caller.post("/services/oauth2/revoke", format!("token={token}"));
    assert_eq!(revoke("00D000000000000%21orgpass.acme.u_2D17").send().await.status.as_u16(), 200);
    let foreign = revoke("5Aep861foreign").send().await;
    assert_eq!((foreign.status.as_u16(), foreign.json()["error"].as_str()), (400, Some("invalid_token")));
    let envelope =
        "<e:Envelope xmlns:e='http://schemas.xmlsoap.org/soap/envelope/'><e:Body><logout/></e:Body></e:Envelope>";
    let reply = caller.post("/services/Soap/u/59.0", envelope).send().await;
    assert_eq!(reply.status.as_u16(), 200);
    assert!(reply.shows("<logoutResponse"), "{}", reply.text());
    let query = caller.get("/services/data/v67.0/limits").header("authorization", format!("Bearer {TOKEN}"));
    assert_eq!(query.send().await.status.as_u16(), 200);
    assert_eq!(world.sim.requests().len(), 1, "neither was relayed");
}

#[tokio::test]
async fn applink_is_answered_by_name() {
    let world = world().await;
    let caller = world.caller();
    let ask = |name: &str| {
        caller.get(&format!("/applink/authorizations/{name}")).header("authorization", "Bearer any").send()
    };
    let answer: Value = ask("acme_main").await.json();
    assert_eq!(answer["org"]["user_auth"]["access_token"], TOKEN);
    assert_eq!(answer["org"]["instance_url"], format!("http://{}", world.orgpass().proxy_address().unwrap()));
    assert_eq!(answer["status"], json!("authorized"));
    let unknown = ask("other").await;
    assert_eq!((unknown.status.as_u16(), unknown.json()["id"].as_str()), (404, Some("not_found")));
}
