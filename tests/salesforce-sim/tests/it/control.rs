//! The control API and the other ways to run the simulator: as a process, over TLS.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use salesforce_sim::{OrgOptions, Simulator};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::{get, send};

async fn control(url: &str, name: &str, body: Value) -> Value {
    let url = format!("{url}/__sim/{name}");
    let answer = send("POST", &url, &[], body.to_string()).await.unwrap();
    assert_eq!(answer.status, 200, "{name}: {}", answer.text());
    answer.json()
}

#[tokio::test]
async fn a_process_of_its_own_is_driven_over_the_control_api() {
    let mut process = Command::new(env!("CARGO_BIN_EXE_salesforce-sim"))
        .args(["--listen", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let place: Value = serde_json::from_str(&line).unwrap();
    let url = place["url"].as_str().unwrap();

    let app = control(url, "apps", json!({"rotation": false, "session_timeout": 900})).await;
    let org = control(url, "orgs", json!({"name": "acme--uat", "kind": "sandbox"})).await;
    assert_eq!(org["my_domain"], "acme--uat.sandbox.my.salesforce.com");
    let user = control(url, "users", json!({"org_id": org["org_id"], "username": "ana"})).await;
    let approval = json!({"client_id": app["client_id"], "user_id": user["user_id"]});
    let tokens = control(url, "authorize", approval).await;
    assert!(tokens["id"].as_str().unwrap().starts_with("https://test.salesforce.com/id/00D"));
    let records = json!({"org_id": org["org_id"], "object": "Account", "records": [{"Name": "A"}]});
    control(url, "records", records).await;

    let instance_url = org["instance_url"].as_str().unwrap();
    let token = tokens["access_token"].as_str().unwrap();
    let count = "/services/data/v67.0/query?q=SELECT+COUNT()+FROM+Account";
    assert_eq!(get(instance_url, count, token).await.json()["totalSize"], 1);
    let fault = json!({"path": "/services/data", "effect": {"status": [503, "[]"]}});
    control(url, "faults", fault).await;
    assert_eq!(get(instance_url, count, token).await.status, 503);
    control(url, "advance", json!({"seconds": 901})).await;
    assert_eq!(get(instance_url, count, token).await.status, 401);

    let requests = send("GET", &format!("{url}/__sim/requests?since=1"), &[], "").await.unwrap();
    let requests = requests.json();
    assert_eq!(requests.as_array().unwrap().len(), 2);
    assert_eq!((&requests[0]["status"], &requests[1]["dead"]), (&json!(503), &json!(true)));
    let wrong = json!({"org_id": "00Dxx"}).to_string();
    let refused = send("POST", &format!("{url}/__sim/move"), &[], wrong).await.unwrap();
    assert_eq!(refused.status, 404);
    process.kill().unwrap();
    process.wait().unwrap();
}

#[tokio::test]
async fn tls_is_vouched_for_by_the_simulators_own_authority() {
    let sim = Simulator::start_tls().await;
    let org = sim.create_org(OrgOptions::default());
    let mut roots = RootCertStore::empty();
    let root = CertificateDer::from_pem_slice(sim.ca_pem().as_bytes()).unwrap();
    roots.add(root).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let url = org.instance_url();
    let authority = url.strip_prefix("https://").unwrap();
    let stream = TcpStream::connect(authority).await.unwrap();
    let name = ServerName::try_from("127.0.0.1").unwrap();
    let mut stream = tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
    let request = b"GET /services/data HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn dropping_the_simulator_closes_its_listeners() {
    let sim = Simulator::start().await;
    let org = sim.create_org(OrgOptions::default());
    let url = org.instance_url();
    let authority = url.strip_prefix("http://").unwrap().to_owned();
    let mut open = TcpStream::connect(&authority).await.unwrap();
    open.write_all(b"GET /services/data HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    assert_ne!(open.read(&mut [0; 64]).await.unwrap(), 0);
    drop((sim, org));
    let mut rest = Vec::new();
    // Ends, because the connection is closed.
    let _ = open.read_to_end(&mut rest).await;
    while TcpStream::connect(&authority).await.is_ok() {
        tokio::task::yield_now().await;
    }
}

#[test]
fn a_simulator_on_its_own_thread_answers_while_the_caller_blocks() {
    use std::io::{Read, Write};
    let sim = Simulator::start_on_thread(false);
    sim.keep_requests(1);
    for _ in 0..2 {
        let mut stream = std::net::TcpStream::connect(sim.addr()).unwrap();
        let request = b"GET /services/data HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        stream.write_all(request).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 404"));
    }
    let kept = sim.requests();
    assert_eq!((kept.len(), kept[0].number), (1, 1));
}

#[tokio::test]
async fn a_process_of_its_own_says_where_its_pubsub_api_is_and_serves_events() {
    let mut process = Command::new(env!("CARGO_BIN_EXE_salesforce-sim")).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let place: Value = serde_json::from_str(&line).unwrap();
    let url = place["url"].as_str().unwrap();
    assert!(TcpStream::connect(place["pubsub_addr"].as_str().unwrap()).await.is_ok());
    assert!(CertificateDer::from_pem_slice(place["ca_pem"].as_str().unwrap().as_bytes()).is_ok());

    let org = control(url, "orgs", json!({})).await;
    let about = |of: Value| {
        let mut body = json!({"org_id": org["org_id"], "channel": "/event/Order__e"});
        body.as_object_mut().unwrap().extend(of.as_object().unwrap().clone());
        body
    };
    control(url, "event-types", about(json!({"example": {"Number__c": "1"}}))).await;
    let published = control(url, "events", about(json!({"events": [{"Number__c": "1"}, {}]}))).await;
    let ids: Vec<u64> = serde_json::from_value(published["replay_ids"].clone()).unwrap();
    assert!(ids[0] < ids[1]);
    control(url, "streams", json!({"poll": 0.5, "keep_alive": 1})).await;
    control(url, "streams/drain", json!({})).await;
    control(url, "streams/cut", json!({})).await;
    process.kill().unwrap();
    process.wait().unwrap();
}
