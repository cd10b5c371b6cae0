//! Bulk 1 in its three formats.

use salesforce_sim::AppOptions;
use serde_json::{Value, json};

use crate::World;
use crate::client::{Answer, get, send};

const JOB: &str = "/services/async/64.0/job";

impl World {
    async fn bulk(&self, method: &str, path: &str, media_type: &str, body: &str) -> Answer {
        self.bulk_with(&[], method, path, media_type, body).await
    }

    async fn bulk_with(&self, more: &[(&str, &str)], method: &str, path: &str, media_type: &str, body: &str) -> Answer {
        let mut headers = vec![("x-sfdc-session", self.tokens.access_token.as_str()), ("content-type", media_type)];
        headers.extend(more);
        let url = format!("{}{JOB}{path}", self.org.instance_url());
        send(method, &url, &headers, body.to_owned()).await.unwrap()
    }

    async fn names(&self) -> Vec<Value> {
        let path = "/services/data/v64.0/query?q=SELECT+Name+FROM+Account+ORDER+BY+Name";
        let found = get(&self.org.instance_url(), path, &self.tokens.access_token).await.json();
        found["records"].as_array().unwrap().iter().map(|record| record["Name"].clone()).collect()
    }
}

fn xml_job(operation: &str, content_type: &str, more: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><jobInfo xmlns=\"http://www.force.com/2009/06/asyncapi/dataload\">\
         <operation>{operation}</operation><object>Account</object>{more}<contentType>{content_type}</contentType></jobInfo>"
    )
}

fn id_in(answer: &Answer) -> String {
    assert_eq!(answer.status, 201, "{}", answer.text());
    if answer.header("content-type") == "application/json" {
        return answer.json()["id"].as_str().unwrap().to_owned();
    }
    let (_, rest) = answer.text().split_once("<id>").unwrap();
    rest.split_once('<').unwrap().0.to_owned()
}

#[tokio::test]
async fn each_format_takes_rows_and_tells_what_became_of_them() {
    let world = World::new(AppOptions::default()).await;
    let sent = [
        ("CSV", "text/csv", "Name,Phone\n\"C, \"\"c\"\"\",1\n,2\n"),
        ("JSON", "application/json", r#"[{"Name":"J"},{"Phone":"2"}]"#),
        (
            "XML",
            "application/xml",
            "<sObjects xmlns=\"http://www.force.com/2009/06/asyncapi/dataload\"><sObject><Name>X &lt;</Name></sObject>\
             <sObject><Phone>2</Phone></sObject></sObjects>",
        ),
    ];
    for (content_type, media_type, rows) in sent {
        let job = id_in(&world.bulk("POST", "", "application/xml", &xml_job("insert", content_type, "")).await);
        let batch = id_in(&world.bulk("POST", &format!("/{job}/batch"), media_type, rows).await);
        let path = format!("/{job}/batch/{batch}");
        let info = world.bulk("GET", &path, "application/json", "").await.json();
        assert_eq!((&info["state"], &info["numberRecordsFailed"]), (&json!("Completed"), &json!(1)));
        assert_eq!(world.bulk("GET", &format!("{path}/request"), media_type, "").await.text(), rows);
        let result = world.bulk("GET", &format!("{path}/result"), "application/xml", "").await;
        assert_eq!(result.header("content-type"), media_type);
        assert!(result.text().contains("REQUIRED_FIELD_MISSING"), "{}", result.text());
    }
    assert_eq!(world.names().await, [json!("C, \"c\""), json!("J"), json!("X <")]);
}

#[tokio::test]
async fn a_query_is_found_under_the_names_of_its_results() {
    let world = World::new(AppOptions::default()).await;
    world.sim.insert(&world.org, "Account", json!({"Name": "A & B"}));
    let expected = [
        ("CSV", "application/xml", "\"Name\"\n\"A & B\"\n"),
        ("XML", "application/xml", "<type>Account</type><Name>A &amp; B</Name></records>"),
        ("JSON", "application/json", "\"Name\":\"A & B\""),
    ];
    for (content_type, media_type, found) in expected {
        let job = id_in(&world.bulk("POST", "", "application/xml", &xml_job("query", content_type, "")).await);
        let soql = "SELECT Name FROM Account";
        let batch = id_in(&world.bulk("POST", &format!("/{job}/batch"), "text/csv", soql).await);
        let path = format!("/{job}/batch/{batch}/result");
        let list = world.bulk("GET", &path, "application/xml", "").await;
        assert_eq!(list.header("content-type"), media_type);
        let at = list.text().find("752").unwrap();
        let result = world.bulk("GET", &format!("{path}/{}", &list.text()[at..at + 18]), "application/xml", "").await;
        assert!(result.text().contains(found), "{}", result.text());
    }
}

#[tokio::test]
async fn a_query_is_split_by_ids_if_that_is_asked() {
    let world = World::new(AppOptions::default()).await;
    for number in 0..5 {
        world.sim.insert(&world.org, "Account", json!({"Name": format!("A{number}")}));
    }
    let header = [("sforce-enable-pkchunking", "chunkSize=2")];
    let job = world.bulk_with(&header, "POST", "", "application/xml", &xml_job("query", "CSV", "")).await;
    let job = id_in(&job);
    world.bulk("POST", &format!("/{job}/batch"), "text/csv", "SELECT Id FROM Account").await;
    let list = world.bulk("GET", &format!("/{job}/batch"), "application/json", "").await.json();
    let told: Vec<_> = list["batchInfo"]
        .as_array()
        .unwrap()
        .iter()
        .map(|batch| (&batch["state"], &batch["numberRecordsProcessed"]))
        .collect();
    let completed = json!("Completed");
    assert_eq!(
        told,
        [
            (&json!("NotProcessed"), &json!(0)),
            (&completed, &json!(2)),
            (&completed, &json!(2)),
            (&completed, &json!(1))
        ]
    );
}

#[tokio::test]
async fn an_upsert_needs_its_external_id_and_an_aborted_job_takes_no_batch() {
    let world = World::new(AppOptions::default()).await;
    let refused = world.bulk("POST", "", "application/xml", &xml_job("upsert", "CSV", "")).await;
    assert!(refused.text().contains("<exceptionCode>InvalidJob</exceptionCode>"));
    let external = "<externalIdFieldName>Ext__c</externalIdFieldName>";
    let job = id_in(&world.bulk("POST", "", "application/xml", &xml_job("upsert", "CSV", external)).await);
    for (name, created) in [("A", "true"), ("B", "false")] {
        let rows = format!("Ext__c,Name\n7,{name}\n");
        let batch = id_in(&world.bulk("POST", &format!("/{job}/batch"), "text/csv", &rows).await);
        let result = world.bulk("GET", &format!("/{job}/batch/{batch}/result"), "text/csv", "").await;
        assert!(result.text().ends_with(&format!("\"true\",\"{created}\",\"\"\n")), "{}", result.text());
    }
    assert_eq!(world.names().await, [json!("B")]);
    let aborted = world.bulk("POST", &format!("/{job}"), "application/json", r#"{"state":"Aborted"}"#).await;
    assert_eq!(aborted.json()["state"], "Aborted");
    let late = world.bulk("POST", &format!("/{job}/batch"), "text/csv", "Name\nC\n").await;
    assert_eq!((late.status.as_u16(), late.text().contains("InvalidJobState")), (400, true));
}
