use std::sync::Arc;

use http_body_util::BodyExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::salesforce::hosts::{InstanceUrl, TrustedHosts};

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

async fn accept_and_answer(listener: &TcpListener, answer: &[u8]) -> TcpStream {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut seen = Vec::new();
    while !seen.ends_with(b"\r\n\r\n") {
        assert!(stream.read_buf(&mut seen).await.unwrap() > 0);
    }
    stream.write_all(answer).await.unwrap();
    stream
}

/// An instance with one idle connection, and the org's end of that.
async fn with_one_idle() -> (Arc<Instance>, TcpStream) {
    with_one_idle_after(ANSWER).await
}

/// The same after this answer, whose body is `ok`.
async fn with_one_idle_after(answer: &'static [u8]) -> (Arc<Instance>, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let trusted = TrustedHosts::new(vec!["127.0.0.1".parse().unwrap()]);
    let url = InstanceUrl::parse(&format!("http://{address}"), &trusted).unwrap();
    let instance = Arc::new(Instance::new((*url).clone(), url.authority(), 1, 4));
    let org = tokio::spawn(async move { accept_and_answer(&listener, answer).await });
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
    tokio::time::timeout(Duration::from_secs(30), found).await.expect("the connection is not ready any more");
    assert!(instance.take_idle(0).is_none());
}

#[tokio::test]
async fn a_connection_is_kept_after_a_chunked_answer_too() {
    for answer in [
        &b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"[..],
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x\r\n\r\n1\r\no\r\n1\r\nk\r\n0\r\nx: y\r\n\r\n",
    ] {
        let (instance, _org) = with_one_idle_after(answer).await;
        assert!(instance.take_idle(0).is_some());
    }
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
    tokio::time::timeout(Duration::from_secs(30), ended).await.expect("the connection is not ready any more");
    let sent = connection.send(Request::new(RequestBody::Empty));
    let sent = tokio::time::timeout(Duration::from_secs(30), sent).await.expect("an answer at once");
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
    tokio::time::timeout(Duration::from_secs(30), stirred).await.expect("the bytes arrive");
    // As if they had come while the answer before them was being read.
    instance.idle(0)[0].link.driver.rest();
    let connection = instance.take_idle(0).unwrap();
    let outcome = connection.send(Request::new(RequestBody::Empty)).await;
    assert!(matches!(outcome, Err(SendError::Unsent(_))));
}
