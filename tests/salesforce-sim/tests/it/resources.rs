//! Data: records, pages of queries, files, Bulk 1, and bodies too large to hold.

use bytes::Bytes;
use salesforce_sim::AppOptions;
use serde_json::{Value, json};

use crate::World;
use crate::client::{Answer, get, send};

impl World {
    pub(crate) async fn rest(&self, method: &str, path: &str, body: Value) -> Answer {
        let bearer = format!("Bearer {}", self.tokens.access_token);
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        let url = format!("{}/services/data/v67.0{path}", self.org.instance_url());
        let body = if body.is_null() { String::new() } else { body.to_string() };
        send(method, &url, &headers, body).await.unwrap()
    }
}

#[tokio::test]
async fn a_record_lives_from_create_to_delete() {
    let world = World::new(AppOptions::default()).await;
    let created = world.rest("POST", "/sobjects/Account", json!({"Name": "Acme"})).await;
    assert_eq!(created.status, 201);
    let id = created.json()["id"].as_str().unwrap().to_owned();
    let path = format!("/sobjects/Account/{id}");
    assert_eq!(created.header("location"), format!("{}/services/data/v67.0{path}", world.org.instance_url()));
    let updated = world.rest("PATCH", &path, json!({"Phone": "1"})).await;
    assert_eq!((updated.status.as_u16(), updated.body.len()), (204, 0));
    let read = world.rest("GET", &path, Value::Null).await.json();
    assert_eq!((&read["Name"], &read["Phone"]), (&json!("Acme"), &json!("1")));
    assert_eq!(world.rest("DELETE", &path, Value::Null).await.status, 204);
    assert_eq!(world.rest("GET", &path, Value::Null).await.status, 404);
    let bad = world.rest("POST", "/sobjects/Account", json!({"Phone": "1"})).await;
    assert_eq!(bad.json()[0]["errorCode"], "REQUIRED_FIELD_MISSING");
}

#[tokio::test]
async fn an_upsert_decodes_its_external_id_once() {
    let world = World::new(AppOptions::default()).await;
    let path = "/sobjects/Account/Ext__c/a%2Fb%2520+c";
    let first = world.rest("PATCH", path, json!({"Name": "Acme"})).await;
    assert_eq!((first.status.as_u16(), &first.json()["created"]), (201, &json!(true)));
    let second = world.rest("PATCH", path, json!({"Name": "Acme 2"})).await;
    assert_eq!((second.status.as_u16(), &second.json()["created"]), (200, &json!(false)));
    let named_twice = world.rest("PATCH", path, json!({"Ext__c": "a/b%20+c", "Name": "Acme"})).await;
    assert_eq!(named_twice.json()[0]["errorCode"], "INVALID_FIELD");
    let read = world.rest("GET", path, Value::Null).await.json();
    assert_eq!((&read["Ext__c"], &read["Name"]), (&json!("a/b%20+c"), &json!("Acme 2")));
}

#[tokio::test]
async fn a_long_result_comes_in_pages() {
    let world = World::new(AppOptions::default()).await;
    for number in 0..450 {
        world.sim.insert(&world.org, "Account", json!({"Name": format!("A{number}")}));
    }
    let token = &world.tokens.access_token;
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str()), ("sforce-query-options", "batchSize=200")];
    let url = world.org.instance_url();
    let mut next = "/services/data/v67.0/query?q=SELECT+Id,Name+FROM+Account".to_owned();
    let mut sizes = Vec::new();
    loop {
        let page = send("GET", &format!("{url}{next}"), &headers, "").await.unwrap();
        assert!(page.header("sforce-limit-info").starts_with("api-usage="));
        let page = page.json();
        assert_eq!(page["totalSize"], 450);
        sizes.push(page["records"].as_array().unwrap().len());
        match page["nextRecordsUrl"].as_str() {
            Some(url) => url.clone_into(&mut next),
            None => break assert_eq!(page["done"], true),
        }
    }
    assert_eq!(sizes, [200, 200, 50]);
    let one = "/services/data/v67.0/query?q=SELECT+Id+FROM+Account+WHERE+Name='A7'";
    assert_eq!(get(&url, one, token).await.json()["totalSize"], 1);
    let wrong = get(&url, "/services/data/v67.0/query?q=DELETE", token).await;
    assert_eq!(wrong.json()[0]["errorCode"], "MALFORMED_QUERY");
}

#[tokio::test]
async fn a_file_goes_up_as_multipart_and_comes_down_as_it_was() {
    let world = World::new(AppOptions::default()).await;
    let bearer = format!("Bearer {}", world.tokens.access_token);
    let contents: &[u8] = b"one\r\n--two\0\xff";
    let mut body = b"--xyz\r\nContent-Disposition: form-data; name=\"entity_content\"\r\nContent-Type: application/json\r\n\r\n{\"PathOnClient\":\"a.bin\"}\r\n--xyz\r\nContent-Disposition: form-data; name=\"VersionData\"; filename=\"a.bin\"\r\nContent-Type: application/octet-stream\r\n\r\n".to_vec();
    body.extend_from_slice(contents);
    body.extend_from_slice(b"\r\n--xyz--\r\n");
    let headers = [("authorization", bearer.as_str()), ("content-type", "multipart/form-data; boundary=\"xyz\"")];
    let at = format!("{}/services/data/v67.0/sobjects/ContentVersion", world.org.instance_url());
    let created = send("POST", &at, &headers, body).await.unwrap();
    assert_eq!(created.status, 201, "{}", created.text());
    let id = created.json()["id"].as_str().unwrap().to_owned();
    let down = get(&at, &format!("/{id}/VersionData"), &world.tokens.access_token).await;
    assert_eq!(down.body, contents);
}

#[tokio::test]
async fn a_bulk_job_inserts_its_rows() {
    let world = World::new(AppOptions::default()).await;
    let base = format!("{}/services/async/66.0/job", world.org.instance_url());
    let token = world.tokens.access_token.as_str();
    let post = async |path: &str, kind: &str, body: &str| {
        let headers = [("X-SFDC-Session", token), ("content-type", kind)];
        send("POST", &format!("{base}{path}"), &headers, body.to_owned()).await.unwrap()
    };
    let info = "<jobInfo><operation>insert</operation><object>Account</object><contentType>CSV</contentType></jobInfo>";
    let job = post("", "application/xml", info).await;
    assert_eq!(job.status, 201);
    let (_, rest) = job.text().split_once("<id>").unwrap();
    let id = rest.split_once('<').unwrap().0.to_owned();
    let batch = post(&format!("/{id}/batch"), "text/csv", "Name\nA\nB\n").await;
    assert_eq!(batch.status, 201);
    assert!(batch.text().contains("<numberRecordsProcessed>2</numberRecordsProcessed>"));
    let closed = post(&format!("/{id}"), "application/json", r#"{"state":"Closed"}"#).await;
    assert_eq!(closed.json()["state"], "Closed");
    let late = post(&format!("/{id}/batch"), "text/csv", "Name\nC\n").await;
    assert_eq!(late.status, 400);
    let count = "/services/data/v67.0/query?q=SELECT+COUNT()+FROM+Account";
    let count = get(&world.org.instance_url(), count, token).await;
    assert_eq!(count.json()["totalSize"], 2);
}

#[tokio::test]
async fn a_body_is_echoed_and_bytes_are_made_without_holding_them() {
    let world = World::new(AppOptions::default()).await;
    let bearer = format!("Bearer {}", world.tokens.access_token);
    let url = world.org.instance_url();
    let body = Bytes::from(vec![9; 3 << 20]);
    let echo = send("POST", &format!("{url}/services/apexrest/echo"), &[("authorization", &bearer)], body.clone())
        .await
        .unwrap();
    assert_eq!(echo.body, body);
    let bytes = get(&url, "/services/apexrest/bytes?n=100000", &world.tokens.access_token).await;
    assert_eq!((bytes.body.len(), bytes.header("content-length")), (100_000, "100000"));
}

#[tokio::test]
async fn what_salesforce_sets_on_every_answer_is_there() {
    let world = World::new(AppOptions::default()).await;
    let url = world.org.instance_url();
    let answer = get(&url, "/services/data", "").await;
    assert_eq!(answer.status, 200);
    let cookies: Vec<_> = answer.headers.get_all("set-cookie").iter().collect();
    assert_eq!(cookies.len(), 3);
    assert!(cookies[0].to_str().unwrap().contains("domain=.salesforce.com"));
    assert!(answer.headers.contains_key("strict-transport-security"));
    assert!(!answer.headers.contains_key("sforce-limit-info"));
    let retired = get(&url, "/services/data/v30.0/limits", &world.tokens.access_token).await;
    assert_eq!(retired.status, 410);
}
