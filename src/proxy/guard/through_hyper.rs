//! What the HTTP parser lets through to the guard, and what it decides before: `guard` may rely on no more than this.

use std::convert::Infallible;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::proxy::respond::{ReplyForm, respond};

/// Guards the request, then answers with its body.
async fn serve(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let verdict = guard(&parts, ListenerKind::Tcp, &AllowedHosts::default(), &TagNames::default());
    if let Err(error) = verdict {
        return Ok(respond(&error, ReplyForm::default()).map(Full::new));
    }
    let mut response = Response::new(Full::default());
    match body.collect().await {
        Ok(body) => *response.body_mut() = Full::new(body.to_bytes()),
        Err(_) => *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY,
    }
    Ok(response)
}

/// Everything that comes back for these bytes until the connection ends.
async fn answer(sent: &str) -> String {
    let (mut caller, proxy) = tokio::io::duplex(1 << 16);
    let server = tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(proxy), service_fn(serve)));
    caller.write_all(sent.as_bytes()).await.unwrap();
    caller.shutdown().await.unwrap();
    let mut received = String::new();
    caller.read_to_string(&mut received).await.unwrap();
    server.await.unwrap().ok();
    received
}

#[tokio::test]
async fn odd_requests_end_in_one_refusal() {
    const HOST: &str = "Host: localhost\r\n";
    for (head, starts, contains) in [
        ("GET /x HTTP/1.0\r\nHost: localhost", "HTTP/1.0 400", "invalid_request"),
        ("GET /x HTTP/1.1", "HTTP/1.1 400", "invalid_request"),
        ("GET http://localhost/x HTTP/1.1\r\nHost: localhost", "HTTP/1.1 400", "invalid_request"),
        ("CONNECT acme.my.salesforce.com:443 HTTP/1.1\r\nHost: localhost", "HTTP/1.1 400", "invalid_request"),
        ("OPTIONS * HTTP/1.1\r\nHost: localhost", "HTTP/1.1 400", "invalid_request"),
        ("TRACE /x HTTP/1.1\r\nHost: localhost", "HTTP/1.1 400", "invalid_request"),
        ("GET /x HTTP/1.1\r\nHost: localhost\r\nHost: localhost", "HTTP/1.1 400", "invalid_request"),
        ("GET /x HTTP/1.1\r\nHost: evil.example", "HTTP/1.1 403", "host_refused"),
        ("GET /x HTTP/1.1\r\nHost: localhost\r\nExpect: x", "HTTP/1.1 400", "invalid_request"),
        ("POST /x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip, chunked", "HTTP/1.1 400", "invalid_request"),
        // Refused by the parser, with a bare status.
        ("POST /x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip", "HTTP/1.1 400", "content-length: 0"),
        ("POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: x", "HTTP/1.1 400", "content-length: 0"),
        ("POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1, 1", "HTTP/1.1 400", "content-length: 0"),
        (
            "POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2",
            "HTTP/1.1 400",
            "content-length: 0",
        ),
        ("GET /x HTTP/1.1\r\nHost : localhost", "HTTP/1.1 400", "content-length: 0"),
        ("GET /x HTTP/1.1\r\nHost: localhost\r\n folded", "HTTP/1.1 400", "content-length: 0"),
        ("GET /x y HTTP/1.1\r\nHost: localhost", "HTTP/1.1 400", "content-length: 0"),
        ("PRI * HTTP/2.0", "HTTP/1.1 400", "content-length: 0"),
    ] {
        let smuggled = format!("{head}\r\n\r\nGET /smuggled HTTP/1.1\r\n{HOST}\r\n");
        let received = answer(&smuggled).await;
        assert!(received.starts_with(starts) && received.contains(contains), "{head}: {received}");
        let answers = received.matches("\r\ndate: ").count();
        assert!(answers == 1 || received.contains("host_refused"), "{head}: {received}");
    }
}

#[tokio::test]
async fn a_length_beside_chunks_is_dropped_and_the_connection_ends() {
    for framing in
        ["Content-Length: 30\r\nTransfer-Encoding: chunked", "Transfer-Encoding: chunked\r\nContent-Length: 4"]
    {
        let sent = format!(
            "POST /x HTTP/1.1\r\nHost: localhost\r\n{framing}\r\n\r\n2\r\nhi\r\n0\r\n\r\n\
             GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"
        );
        let received = answer(&sent).await;
        assert!(received.starts_with("HTTP/1.1 200") && received.ends_with("\r\n\r\nhi"), "{received}");
        assert!(received.contains("connection: close"), "{received}");
        assert_eq!(received.matches("HTTP/1.1").count(), 1, "{received}");
    }
}

#[tokio::test]
async fn broken_chunks_are_never_a_whole_body() {
    for chunks in ["x\r\nhi\r\n0\r\n\r\n", "2\r\nhi", "2\r\nhiX\r\n0\r\n\r\n", "-1\r\n", "2;\n\r\nhi\r\n0\r\n\r\n"] {
        let sent = format!("POST /x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}");
        let received = answer(&sent).await;
        assert!(!received.starts_with("HTTP/1.1 200"), "{chunks:?}: {received}");
    }
}
