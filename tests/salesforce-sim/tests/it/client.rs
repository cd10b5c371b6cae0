//! A plain HTTP client, one connection a request, so that each test sees exactly what it sent.

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use salesforce_sim::{App, Simulator, Tokens};
use serde_json::Value;
use tokio::net::TcpStream;
use url::form_urlencoded;

/// An answer, read to its end.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }
}

/// Sends one request to `url`; an error is a connection that broke.
pub(crate) async fn send(
    method: &str,
    url: &str,
    headers: &[(&str, &str)],
    body: impl Into<Bytes>,
) -> Result<Answer, hyper::Error> {
    let (authority, path) = split(url);
    let stream = TcpStream::connect(authority).await.unwrap();
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let driver = tokio::spawn(connection);
    let mut request = Request::builder().method(method).uri(path).header("host", authority);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::new(body.into())).unwrap();
    let response = sender.send_request(request).await?;
    let (head, body) = response.into_parts();
    let body = body.collect().await?.to_bytes();
    driver.abort();
    Ok(Answer { status: head.status, headers: head.headers, body })
}

fn split(url: &str) -> (&str, &str) {
    let rest = url.strip_prefix("http://").unwrap();
    let slash = rest.find('/').unwrap();
    rest.split_at(slash)
}

/// GETs an org's path with a bearer token.
pub(crate) async fn get(instance_url: &str, path: &str, token: &str) -> Answer {
    let bearer = format!("Bearer {token}");
    let url = format!("{instance_url}{path}");
    send("GET", &url, &[("authorization", &bearer)], "").await.unwrap()
}

/// Posts a form to the token endpoint of the login host.
pub(crate) async fn token_request(sim: &Simulator, form: &[(&str, &str)]) -> Result<Answer, hyper::Error> {
    token_request_at(&sim.url(), form).await
}

/// Posts a form to the token endpoint of a host.
pub(crate) async fn token_request_at(host: &str, form: &[(&str, &str)]) -> Result<Answer, hyper::Error> {
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let url = format!("{host}/services/oauth2/token");
    let form = [("content-type", "application/x-www-form-urlencoded")];
    send("POST", &url, &form, body).await
}

/// One refresh.
pub(crate) async fn refresh(sim: &Simulator, app: &App, token: &str) -> Result<Answer, hyper::Error> {
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", app.client_id.as_str()),
        ("client_secret", app.client_secret.as_str()),
        ("refresh_token", token),
    ];
    token_request(sim, &form).await
}

/// One refresh that must succeed.
pub(crate) async fn refreshed(sim: &Simulator, app: &App, token: &str) -> Tokens {
    let answer = refresh(sim, app, token).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    serde_json::from_value(answer.json()).unwrap()
}
