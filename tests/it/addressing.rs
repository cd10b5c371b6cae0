//! Absolute URLs that clients follow lead back to the proxy; nothing else in an answer is touched.

use serde_json::json;

use crate::world::World;

#[tokio::test]
async fn the_documents_whose_urls_clients_follow_name_the_proxy() {
    let world = World::start().await;
    let acme = world.connect("acme", None).await;
    let caller = world.caller();
    let base = format!("http://{}", world.orgpass().proxy_address().unwrap());

    let version = caller.get("//services/data/v67.0/").header("accept-encoding", "gzip").tenant("acme").send().await;
    let identity = version.json()["identity"].as_str().unwrap().to_owned();
    assert!(identity.starts_with(&format!("{base}/id/{}", acme.org.org_id())), "{identity}");
    assert_eq!(version.json()["sobjects"], "/services/data/v67.0/sobjects");

    // As clients go on: to the URL that they were given, with the token in it too.
    let token = "00D000000000000%21orgpass.acme";
    let path = format!("{}?format=json&oauth_token={token}", identity.strip_prefix(&base).unwrap());
    let document = caller.get(&path).send().await;
    assert_eq!(document.status.as_u16(), 200, "{document:?}");
    let document = document.json();
    assert_eq!(document["id"], identity);
    assert!(document["urls"]["rest"].as_str().unwrap().starts_with(&base), "{document}");
    assert_eq!(document["username"], "ana@acme.example");

    let userinfo = caller.get("/services/oauth2/userinfo").tenant("acme").send().await.json();
    assert_eq!(userinfo["sub"], identity);
    let named =
        caller.get("/services/oauth2/userinfo").set_header("host", "localhost:8180").tenant("acme").send().await;
    assert!(named.json()["sub"].as_str().unwrap().starts_with("http://localhost:8180/id/"), "as the caller names it");
}

#[tokio::test]
async fn what_customers_wrote_about_the_orgs_own_host_stays() {
    let world = World::start().await;
    let acme = world.connect("acme", None).await;
    let site = format!("{}/services/data/v67.0/x", acme.org.instance_url());
    world.sim.insert(&acme.org, "Account", json!({ "Name": site, "Website": site }));
    let query = "/services/data/v67.0/query?q=SELECT+Name,Website+FROM+Account";
    let reply = world.caller().get(query).tenant("acme").send().await.json();
    assert_eq!(
        (reply["records"][0]["Name"].as_str(), reply["records"][0]["Website"].as_str()),
        (Some(&*site), Some(&*site))
    );
}
