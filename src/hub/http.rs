//! The hub's listener: what it serves, and what holds for every answer.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt, stream};
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY};
use http::{HeaderName, HeaderValue, StatusCode};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::pages::{self, BrandView, Failure, FailurePage};
use super::{Hub, api, connect, people};
use crate::shutdown::Stopping;

/// For the body, once the head is there: answers go on without their clients, but not for the rest of a body.
const BODY_TIMEOUT: Duration = Duration::from_secs(15);
/// Far more than any form or document has.
const MAX_BODY: usize = 64 * 1024;
/// Browsers and programs at one time; more wait.
const MAX_CONNECTIONS: usize = 512;
const HEAD_TIMEOUT: Duration = Duration::from_secs(15);
/// An exchange at Salesforce may be part of an answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
/// How long answers under way may take when the process stops.
const DRAIN: Duration = Duration::from_secs(20);

/// What holds for every answer that does not say otherwise.
const HEADERS: [(&str, &str); 5] = [
    ("referrer-policy", "no-referrer"),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("cross-origin-opener-policy", "unsafe-none"),
    ("cross-origin-resource-policy", "same-origin"),
];

fn router(hub: Arc<Hub>) -> Router {
    Router::new()
        .merge(api::router())
        .merge(connect::router())
        .merge(people::router())
        .merge(pages::router())
        .fallback(nothing_here)
        .method_not_allowed_fallback(wrong_method)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(middleware::from_fn_with_state(Arc::clone(&hub), around))
        .with_state(hub)
}

/// Bounds every answer, and fences it in.
async fn around(State(hub): State<Arc<Hub>>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let method = request.method().clone();
    let (is_api, request) = (is_api(&request), request.map(|body| within(BODY_TIMEOUT, body)));
    // A task of its own: what was begun is done, recorded and tidied up though nobody waits for it any more.
    let answer = tokio::time::timeout(ANSWER_TIMEOUT, hub.answers.spawn(next.run(request)));
    let mut response = match answer.await {
        Ok(Ok(response)) => response,
        Ok(Err(_)) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        Err(_) if is_api => api::still_at_work(),
        Err(_) => StatusCode::GATEWAY_TIMEOUT.into_response(),
    };
    hub.metrics.answered(route.as_deref(), &method, response.status());
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.entry(HeaderName::from_static(name)).or_insert(HeaderValue::from_static(value));
    }
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    let nothing = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
    headers.entry(CONTENT_SECURITY_POLICY).or_insert(nothing);
    response
}

/// The body, which breaks off if it is not all there in time.
fn within(time: Duration, body: Body) -> Body {
    let deadline = Instant::now() + time;
    Body::from_stream(stream::unfold(body.into_data_stream(), move |mut parts| async move {
        match tokio::time::timeout_at(deadline, parts.next()).await {
            Ok(part) => part.map(|part| (part, parts)),
            Err(late) => Some((Err(axum::Error::new(late)), parts)),
        }
    }))
}

fn is_api(request: &Request) -> bool {
    request.uri().path().starts_with("/v1/")
}

async fn nothing_here(request: Request) -> Response {
    if is_api(&request) {
        return api::not_found();
    }
    let text = Failure::NotFound.text("The app", None);
    FailurePage { brand: BrandView::own(), text, retry: None, return_link: None, opener: None }
        .render_page()
        .with_status(StatusCode::NOT_FOUND)
        .into_response()
}

async fn wrong_method(request: Request) -> Response {
    if is_api(&request) {
        return api::method_not_allowed();
    }
    StatusCode::METHOD_NOT_ALLOWED.into_response()
}

/// Serves until the process is asked to stop, then lets answers end that are under way.
pub(super) async fn serve(hub: Arc<Hub>, listener: TcpListener, mut stopping: Stopping) {
    let (router, places) = (router(Arc::clone(&hub)), Arc::new(Semaphore::new(MAX_CONNECTIONS)));
    let mut clients = JoinSet::new();
    loop {
        let place = Arc::clone(&places).acquire_owned().await.expect("the semaphore is never closed");
        let accepted = tokio::select! {
            () = stopping.asked() => break,
            Some(_) = clients.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                let (router, stopping) = (router.clone(), stopping.clone());
                clients.spawn(async move {
                    attend(stream, router, stopping).await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection to the hub was not accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    drop(listener);
    hub.answers.close();
    let drained = tokio::time::timeout(DRAIN, async {
        while clients.join_next().await.is_some() {}
        hub.answers.wait().await;
    })
    .await;
    if drained.is_err() {
        tracing::warn!("answers of the hub were cut short");
    }
}

async fn attend(stream: TcpStream, router: Router, mut stopping: Stopping) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut connection = std::pin::pin!(connection);
    // A browser that breaks off concerns nobody.
    let ended = tokio::select! {
        ended = &mut connection => ended,
        () = stopping.asked() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection to the hub broke off");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_body_that_does_not_come_breaks_off_and_one_that_does_is_whole() {
        let endless = Body::from_stream(stream::pending::<Result<Vec<u8>, axum::Error>>());
        let late = axum::body::to_bytes(within(Duration::from_millis(1), endless), MAX_BODY).await;
        assert!(late.is_err());
        let parts = stream::iter(["a", "b"].map(Ok::<_, axum::Error>));
        let whole = axum::body::to_bytes(within(BODY_TIMEOUT, Body::from_stream(parts)), MAX_BODY).await;
        assert_eq!(whole.unwrap(), "ab");
    }
}
