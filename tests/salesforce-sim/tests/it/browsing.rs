//! The resources of REST beside records: searches, tooling, Chatter, Analytics, and what a version has.

use salesforce_sim::AppOptions;
use serde_json::{Value, json};

use crate::World;
use crate::client::{get, send};

#[tokio::test]
async fn a_version_lists_its_resources_and_who_is_asking() {
    let world = World::new(AppOptions::default()).await;
    let list = world.rest("GET", "", Value::Null).await.json();
    assert_eq!(list["identity"], world.tokens.id);
    for name in ["sobjects", "query", "tooling", "composite", "recent"] {
        assert_eq!(list[name], format!("/services/data/v67.0/{name}"));
    }
}

#[tokio::test]
async fn a_search_finds_texts_in_any_field() {
    let world = World::new(AppOptions::default()).await;
    let account = world.sim.insert(&world.org, "Account", json!({"Name": "Acme", "City__c": "Aachen"}));
    world.sim.insert(&world.org, "Contact", json!({"LastName": "Aachener"}));
    let sosl = "/search?q=FIND+%7Baachen*%7D+IN+ALL+FIELDS+RETURNING+Account(Id,Name),+Lead";
    let found = world.rest("GET", sosl, Value::Null).await.json();
    let records = found["searchRecords"].as_array().unwrap();
    assert_eq!((records.len(), &records[0]["Id"], &records[0]["Name"]), (1, &json!(account), &json!("Acme")));
    let everywhere = world.rest("GET", "/parameterizedSearch?q=aachen", Value::Null).await.json();
    assert_eq!(everywhere["searchRecords"].as_array().unwrap().len(), 2);
    let asked = json!({"q": "aachen", "sobjects": [{"name": "Contact", "fields": ["LastName"]}]});
    let posted = world.rest("POST", "/parameterizedSearch", asked).await.json();
    assert_eq!(posted["searchRecords"][0]["LastName"], "Aachener");
    let wrong = world.rest("GET", "/search?q=LOOK", Value::Null).await;
    assert_eq!(wrong.json()[0]["errorCode"], "MALFORMED_SEARCH");
}

#[tokio::test]
async fn tooling_has_records_queries_and_anonymous_apex_of_its_own() {
    let world = World::new(AppOptions::default()).await;
    let class = json!({"Name": "Greeter", "Body": "public class Greeter {}"});
    assert_eq!(world.rest("POST", "/tooling/sobjects/ApexClass", class).await.status, 201);
    let found = world.rest("GET", "/tooling/query?q=SELECT+Name+FROM+ApexClass", Value::Null).await.json();
    let url = found["records"][0]["attributes"]["url"].as_str().unwrap();
    assert!(url.starts_with("/services/data/v67.0/tooling/sobjects/ApexClass/01p"));
    let run = async |source: &str| {
        let path = format!("/tooling/executeAnonymous?anonymousBody={source}");
        world.rest("GET", &path, Value::Null).await.json()
    };
    assert_eq!(run("throw%20new%20X();").await["exceptionMessage"], "System.AssertException: Assertion Failed");
    assert_eq!(run("x").await["compiled"], false);
}

#[tokio::test]
async fn a_post_is_in_its_feed() {
    let world = World::new(AppOptions::default()).await;
    let account = world.sim.insert(&world.org, "Account", json!({"Name": "Acme"}));
    let segments = json!([{"type": "Text", "text": "Hello"}]);
    let post = json!({"feedElementType": "FeedItem", "subjectId": account, "body": {"messageSegments": segments}});
    let posted = world.rest("POST", "/chatter/feed-elements", post).await;
    assert_eq!((posted.status.as_u16(), &posted.json()["actor"]["id"]), (201, &json!(world.user.user_id)));
    let feed = async |of: &str| {
        let path = format!("/connect/feeds/{of}/feed-elements");
        world.rest("GET", &path, Value::Null).await.json()["elements"].as_array().unwrap().len()
    };
    assert_eq!((feed(&format!("record/{account}")).await, feed("company").await), (1, 1));
    assert_eq!(feed("user-profile/me").await, 0);
    let me = world.rest("GET", "/chatter/users/me", Value::Null).await.json();
    assert_eq!(me["username"], world.user.username);
    let empty = world.rest("POST", "/chatter/feed-elements", json!({})).await;
    assert_eq!(empty.json()[0]["errorCode"], "POST_BODY_PARSE_ERROR");
}

#[tokio::test]
async fn a_report_is_listed_and_run() {
    let world = World::new(AppOptions::default()).await;
    world.sim.insert(&world.org, "Account", json!({"Name": "Acme"}));
    let id = world.sim.insert(&world.org, "Report", json!({"Name": "Accounts"}));
    let list = world.rest("GET", "/analytics/reports", Value::Null).await.json();
    assert_eq!((&list[0]["id"], &list[0]["name"]), (&json!(id), &json!("Accounts")));
    let run = world.rest("GET", &format!("/analytics/reports/{id}?includeDetails=true"), Value::Null).await.json();
    assert_eq!(run["factMap"]["T!T"]["aggregates"][0]["value"], 1);
    assert_eq!(run["factMap"]["T!T"]["rows"][0]["dataCells"][0]["value"], "Acme");
    let begun = world.rest("POST", &format!("/analytics/reports/{id}/instances"), json!({})).await.json();
    let instance = begun["id"].as_str().unwrap();
    let fetched = world.rest("GET", &format!("/analytics/reports/{id}/instances/{instance}"), Value::Null).await.json();
    assert_eq!(fetched["attributes"]["status"], "Success");
    assert_eq!(world.rest("GET", "/analytics/reports/00Oxx0000000001AAA", Value::Null).await.status, 404);
}

#[tokio::test]
async fn recent_records_come_with_the_newest_first_and_deleted_ones_are_listed() {
    let world = World::new(AppOptions::default()).await;
    let ids = ["A", "B"].map(|name| world.sim.insert(&world.org, "Account", json!({"Name": name})));
    world.sim.insert(&world.org, "Contact", json!({"LastName": "C"}));
    let recent = world.rest("GET", "/recent?limit=2", Value::Null).await.json();
    let types: Vec<_> = recent.as_array().unwrap().iter().map(|record| record["attributes"]["type"].clone()).collect();
    assert_eq!(types, ["Contact", "Account"]);
    world.rest("DELETE", &format!("/sobjects/Account/{}", ids[0]), Value::Null).await;
    let span = "?start=2026-01-01T00:00:00Z&end=2026-01-02T00:00:00Z";
    let deleted = world.rest("GET", &format!("/sobjects/Account/deleted/{span}"), Value::Null).await.json();
    assert_eq!(deleted["deletedRecords"][0]["id"], ids[0].as_str());
    let updated = world.rest("GET", &format!("/sobjects/Account/updated/{span}"), Value::Null).await.json();
    assert_eq!(updated["ids"], json!([ids[1]]));
    let gone = world.rest("DELETE", &format!("/sobjects/Account/{}", ids[0]), Value::Null).await;
    assert_eq!((gone.status.as_u16(), &gone.json()[0]["errorCode"]), (404, &json!("ENTITY_IS_DELETED")));
    let counts = world.rest("GET", "/limits/recordCount?sObjects=Account,Lead", Value::Null).await.json();
    assert_eq!(counts["sObjects"], json!([{"name": "Account", "count": 1}, {"name": "Lead", "count": 0}]));
}

#[tokio::test]
async fn a_password_is_changed_over_rest() {
    let world = World::new(AppOptions::default()).await;
    let path = format!("/sobjects/User/{}/password", world.user.user_id);
    assert_eq!(world.rest("GET", &path, Value::Null).await.json(), json!({"isExpired": false}));
    let short = world.rest("POST", &path, json!({"NewPassword": "short"})).await;
    assert_eq!(short.json()[0]["errorCode"], "INVALID_NEW_PASSWORD");
    assert_eq!(world.rest("POST", &path, json!({"NewPassword": "a longer one"})).await.status, 204);
    assert!(world.sim.secrets().iter().any(|secret| secret == "a longer one"));
}

#[tokio::test]
async fn identity_documents_name_absolute_places() {
    let world = World::new(AppOptions::default()).await;
    let url = world.org.instance_url();
    let path = world.tokens.id.strip_prefix("https://login.salesforce.com").unwrap();
    let identity = get(&url, &format!("{path}?version=latest"), &world.tokens.access_token).await.json();
    let userinfo = get(&url, "/services/oauth2/userinfo", &world.tokens.access_token).await.json();
    assert_eq!(identity["urls"]["sobjects"], format!("{url}/services/data/v67.0/sobjects/"));
    assert_eq!(userinfo["urls"]["sobjects"], format!("{url}/services/data/v{{version}}/sobjects/"));
    assert_eq!(userinfo["sub"], identity["id"]);
    for document in [identity, userinfo] {
        let urls = document["urls"].as_object().unwrap();
        assert!(urls.len() > 15);
        let places = urls.values().chain(document["photos"].as_object().unwrap().values());
        assert!(places.map(|place| place.as_str().unwrap()).all(|place| place.starts_with("http")));
    }
}

#[tokio::test]
async fn a_deployment_is_sent_over_rest_and_followed() {
    let world = World::new(AppOptions::default()).await;
    let bearer = format!("Bearer {}", world.tokens.access_token);
    let headers = [("authorization", bearer.as_str()), ("content-type", "multipart/form-data; boundary=b")];
    let options = json!({"deployOptions": {"checkOnly": true}});
    let mut body = format!(
        "--b\r\nContent-Disposition: form-data; name=\"json\"\r\nContent-Type: application/json\r\n\r\n{options}\r\n\
         --b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"package.zip\"\r\n\r\n"
    )
    .into_bytes();
    body.extend_from_slice(include_bytes!("soap/class.zip"));
    body.extend_from_slice(b"\r\n--b--\r\n");
    let at = format!("{}/services/data/v67.0/metadata/deployRequest", world.org.instance_url());
    let begun = send("POST", &at, &headers, body).await.unwrap();
    assert_eq!((begun.status.as_u16(), &begun.json()["deployResult"]["status"]), (201, &json!("Pending")));
    let id = begun.json()["id"].as_str().unwrap().to_owned();
    let path = format!("/metadata/deployRequest/{id}?includeDetails=true");
    let result = world.rest("GET", &path, Value::Null).await.json()["deployResult"].clone();
    assert_eq!((&result["status"], &result["checkOnly"]), (&json!("Succeeded"), &json!(true)));
    assert_eq!(result["details"]["componentSuccesses"][0]["fullName"], "Greeter");
}
