//! Bulk 2: jobs that take rows, and jobs that query.

use http::Method;
use salesforce_sim::AppOptions;
use serde_json::{Value, json};

use crate::World;
use crate::client::{Answer, get, send};

impl World {
    async fn jobs(&self, method: Method, path: &str, media_type: &str, body: impl Into<String>) -> Answer {
        let bearer = format!("Bearer {}", self.tokens.access_token);
        let headers = [("authorization", bearer.as_str()), ("content-type", media_type)];
        let url = format!("{}/services/data/v64.0/jobs{path}", self.org.instance_url());
        send(method.as_str(), &url, &headers, body.into()).await.unwrap()
    }

    async fn json(&self, method: Method, path: &str, body: Value) -> Answer {
        self.jobs(method, path, "application/json; charset=UTF-8", body.to_string()).await
    }

    async fn table(&self, path: &str) -> String {
        let url = self.org.instance_url();
        let table = get(&url, &format!("/services/data/v64.0/jobs{path}"), &self.tokens.access_token).await;
        assert_eq!((table.status.as_u16(), table.header("content-type")), (200, "text/csv"), "{}", table.text());
        table.text().to_owned()
    }

    /// A job that creates accounts.
    async fn ingest(&self) -> String {
        let asked = json!({"object": "Account", "operation": "insert", "contentType": "CSV", "lineEnding": "LF"});
        let job = self.json(Method::POST, "/ingest", asked).await;
        assert_eq!(job.status, 200, "{}", job.text());
        let job = job.json();
        let id = job["id"].as_str().unwrap().to_owned();
        assert_eq!(job["contentUrl"], format!("services/data/v64.0/jobs/ingest/{id}/batches"));
        id
    }
}

#[tokio::test]
async fn a_job_takes_rows_in_one_upload_and_sorts_them_by_what_became_of_them() {
    let world = World::new(AppOptions::default()).await;
    let id = world.ingest().await;
    let at = format!("/ingest/{id}");
    let rows = "Name,Phone\nA,\"1,2\"\n,3\n";
    let put = world.jobs(Method::PUT, &format!("{at}/batches"), "text/csv", rows).await;
    assert_eq!((put.status.as_u16(), put.body.len()), (201, 0));
    assert!(put.header("sforce-limit-info").starts_with("api-usage="));
    let again = world.jobs(Method::PUT, &format!("{at}/batches"), "text/csv", rows).await;
    assert_eq!(again.json()[0]["errorCode"], "INVALIDJOBSTATE");
    let closed = world.json(Method::PATCH, &at, json!({"state": "UploadComplete"})).await.json();
    assert_eq!(closed["state"], "UploadComplete");
    let done = world.json(Method::GET, &at, Value::Null).await.json();
    assert_eq!(
        (&done["state"], &done["numberRecordsProcessed"], &done["numberRecordsFailed"]),
        (&json!("JobComplete"), &json!(2), &json!(1))
    );
    let successful = world.table(&format!("{at}/successfulResults")).await;
    let mut lines = successful.lines();
    assert_eq!(lines.next().unwrap(), r#""sf__Id","sf__Created","Name","Phone""#);
    assert!(lines.next().unwrap().ends_with(r#","true","A","1,2""#));
    let failed = world.table(&format!("{at}/failedResults")).await;
    assert!(failed.lines().nth(1).unwrap().starts_with(r#""","REQUIRED_FIELD_MISSING:"#), "{failed}");
    assert_eq!(world.table(&format!("{at}/unprocessedrecords")).await, "\"Name\",\"Phone\"\n");
    assert_eq!(world.json(Method::DELETE, &at, Value::Null).await.status, 204);
    assert_eq!(world.json(Method::GET, &at, Value::Null).await.status, 404);
}

#[tokio::test]
async fn an_aborted_job_has_done_nothing() {
    let world = World::new(AppOptions::default()).await;
    let at = format!("/ingest/{}", world.ingest().await);
    world.jobs(Method::PUT, &format!("{at}/batches"), "text/csv", "Name\nA\n").await;
    let aborted = world.json(Method::PATCH, &at, json!({"state": "Aborted"})).await.json();
    assert_eq!(aborted["state"], "Aborted");
    assert_eq!(world.table(&format!("{at}/unprocessedrecords")).await, "Name\nA\n");
    let late = world.json(Method::PATCH, &at, json!({"state": "UploadComplete"})).await;
    assert_eq!(late.json()[0]["errorCode"], "INVALIDJOBSTATE");
    let path = "/services/data/v64.0/query?q=SELECT+COUNT()+FROM+Account";
    assert_eq!(get(&world.org.instance_url(), path, &world.tokens.access_token).await.json()["totalSize"], 0);
}

#[tokio::test]
async fn a_job_may_bring_its_rows_along() {
    let world = World::new(AppOptions::default()).await;
    let job = json!({"object": "Account", "operation": "insert", "contentType": "CSV", "columnDelimiter": "PIPE"});
    let body = format!(
        "--b\r\nContent-Type: application/json\r\nContent-Disposition: form-data; name=\"job\"\r\n\r\n{job}\r\n\
         --b\r\nContent-Type: text/csv\r\nContent-Disposition: form-data; name=\"content\"; filename=\"content\"\r\n\r\n\
         Name|Phone\nA|1\r\n--b--\r\n"
    );
    let made = world.jobs(Method::POST, "/ingest", "multipart/form-data; boundary=b", body).await;
    let id = made.json()["id"].as_str().unwrap().to_owned();
    let done = world.json(Method::GET, &format!("/ingest/{id}"), Value::Null).await.json();
    assert_eq!((&done["state"], &done["numberRecordsProcessed"]), (&json!("JobComplete"), &json!(1)));
}

#[tokio::test]
async fn a_querys_result_comes_in_pages_that_name_the_next() {
    let world = World::new(AppOptions::default()).await;
    for number in 0..5 {
        world.sim.insert(&world.org, "Account", json!({"Name": format!("A{number}")}));
    }
    let asked = json!({"operation": "query", "query": "SELECT Name FROM Account ORDER BY Name"});
    let job = world.json(Method::POST, "/query", asked).await.json();
    assert_eq!(job["state"], "UploadComplete");
    let at = format!("/query/{}", job["id"].as_str().unwrap());
    assert_eq!(world.json(Method::GET, &at, Value::Null).await.json()["state"], "JobComplete");
    let (mut locator, mut pages) = (String::new(), Vec::new());
    while locator != "null" {
        let page = world.json(Method::GET, &format!("{at}/results?maxRecords=2&locator={locator}"), Value::Null).await;
        pages.push((page.header("sforce-numberofrecords").to_owned(), page.text().to_owned()));
        page.header("sforce-locator").clone_into(&mut locator);
    }
    let page = |count: &str, rows: &str| (count.to_owned(), format!("\"Name\"\n{rows}"));
    assert_eq!(pages, [page("2", "\"A0\"\n\"A1\"\n"), page("2", "\"A2\"\n\"A3\"\n"), page("1", "\"A4\"\n")]);
    let wrong = world.json(Method::GET, &format!("{at}/results?locator=zz"), Value::Null).await;
    assert_eq!(wrong.json()[0]["errorCode"], "INVALID_QUERY_LOCATOR");
}
