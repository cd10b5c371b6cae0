use std::sync::Arc;

use http_body_util::BodyExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::salesforce::hosts::{InstanceUrl, TrustedHosts};

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

async fn accept_and_answer(listener: &TcpListener) -> TcpStream {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut seen = Vec::new();
    while !seen.ends_with(b"\r\n\r\n") {
        assert!(stream.read_buf(&mut seen).await.unwrap() > 0);
    }
    stream.write_all(ANSWER).await.unwrap();
    stream
}

/// An instance with one idle connection, and the org's end of that.
async fn with_one_idle() -> (Arc<Instance>, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let trusted = TrustedHosts::new(vec!["127.0.0.1".parse().unwrap()]);
    let url = InstanceUrl::parse(&format!("http://{address}"), &trusted).unwrap();
    let instance = Arc::new(Instance::new((*url).clone(), 1, 4));
    let org = tokio::spawn(async move { accept_and_answer(&listener).await });
    let stream = Stream::Plain(TcpStream::connect(address).await.unwrap());
    let connection = Connection::handshake(&instance, 0, stream).await.unwrap();
    let response = connection.send(Request::new(RequestBody::Empty)).await.unwrap();
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "ok");
    assert_eq!(instance.idle(0).len(), 1);
    (instance, org.await.unwrap())
}

async fn is_soon_found_unusable(instance: &Arc<Instance>) {
    let found = async {
        while instance.idle(0)[0].link.is_ready() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), found).await.expect("the connection is not ready any more");
    assert!(instance.take_idle(0).is_none());
}

#[tokio::test]
async fn an_idle_connection_that_the_org_has_closed_is_not_used_again() {
    let (instance, org) = with_one_idle().await;
    drop(org);
    is_soon_found_unusable(&instance).await;
}

#[tokio::test]
async fn an_idle_connection_over_which_bytes_came_unasked_is_not_used_again() {
    let (instance, mut org) = with_one_idle().await;
    org.write_all(ANSWER).await.unwrap();
    is_soon_found_unusable(&instance).await;
}

#[tokio::test]
async fn a_connection_that_ends_before_it_is_used_gives_the_request_back_at_once() {
    let (instance, org) = with_one_idle().await;
    let mut connection = instance.take_idle(0).unwrap();
    drop(org);
    let ended = async {
        while connection.link.is_ready() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), ended).await.expect("the connection is not ready any more");
    let sent = connection.send(Request::new(RequestBody::Empty));
    let sent = tokio::time::timeout(Duration::from_secs(5), sent).await.expect("an answer at once");
    assert!(matches!(sent, Err(SendError::Unsent(_))));
}

#[tokio::test]
async fn bytes_that_came_unasked_and_unnoticed_are_never_taken_for_an_answer() {
    let (instance, mut org) = with_one_idle().await;
    org.write_all(ANSWER).await.unwrap();
    let stirred = async {
        while !instance.idle(0)[0].link.driver.has_stirred() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), stirred).await.expect("the bytes arrive");
    // As if they had come while the answer before them was being read.
    instance.idle(0)[0].link.driver.rest();
    let connection = instance.take_idle(0).unwrap();
    let outcome = connection.send(Request::new(RequestBody::Empty)).await;
    assert!(matches!(outcome, Err(SendError::Unsent(_))));
}
