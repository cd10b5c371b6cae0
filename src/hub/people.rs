//! The status page for people: log in with an API token, look at connections, check one, make a link for one.

mod session;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Form, Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use http::header::SET_COOKIE;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use url::form_urlencoded;
use zeroize::Zeroizing;

use self::session::{Session, of_our_own};
use super::Hub;
use super::pages::{ConnectionRow, LoginPage, MintedPage, StatusPage};
use crate::connection::{ConnectionKey, Status};
use crate::management::links::{LinkRequest, unix_now};
use crate::management::{Actor, ConnectionLine};
use crate::store::GrantKind;

/// Connections on a page.
const PAGE: usize = 50;
/// Pages that are looked through for one that has something to show.
const LOOKED_THROUGH: usize = 20;

/// The routes of the status page.
pub(super) fn router() -> Router<Arc<Hub>> {
    Router::new()
        .route("/", get(status))
        .route("/login", post(login))
        .route("/logout", post(logout))
        .route("/check", post(check))
        .route("/link", post(link))
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Search {
    tenant: String,
    status: String,
    cursor: Option<String>,
}

#[derive(Deserialize)]
struct Login {
    #[serde(default)]
    token: Zeroizing<String>,
}

#[derive(Deserialize)]
struct Which {
    #[serde(default)]
    csrf: String,
    tenant: String,
    user: Option<String>,
}

async fn status(State(hub): State<Arc<Hub>>, Query(search): Query<Search>, headers: HeaderMap) -> Response {
    match Session::of(&hub, &headers) {
        Some(session) => hub.status_page(&session, &search, None).await,
        None => login_page(None, StatusCode::OK),
    }
}

fn login_page(fault: Option<&'static str>, status: StatusCode) -> Response {
    LoginPage { fault }.render_page().with_status(status).into_response()
}

async fn login(State(hub): State<Arc<Hub>>, headers: HeaderMap, Form(form): Form<Login>) -> Response {
    let Some(tokens) = &hub.tokens else {
        let fault = "Nobody can log in before hub.api_tokens_file is configured.";
        return login_page(Some(fault), StatusCode::FORBIDDEN);
    };
    let token = tokens.find(form.token.trim());
    let (Some(token), true) = (token, of_our_own(&headers)) else {
        return login_page(Some("That token is not known."), StatusCode::FORBIDDEN);
    };
    let mut response = Redirect::to("/").into_response();
    response.headers_mut().append(SET_COOKIE, Session::begin(&hub, &token));
    response
}

async fn logout(State(hub): State<Arc<Hub>>) -> Response {
    let mut response = Redirect::to("/").into_response();
    response.headers_mut().append(SET_COOKIE, Session::end(&hub));
    response
}

async fn check(State(hub): State<Arc<Hub>>, headers: HeaderMap, Form(which): Form<Which>) -> Response {
    let (session, key) = match hub.admitted(&headers, &which) {
        Ok(admitted) => admitted,
        Err(response) => return *response,
    };
    let checked = hub.management.check(&key).await;
    hub.management.record(&session.actor(), "connection.checked", &key, &checked).await;
    let notice = match checked {
        Ok(checked) => format!("{key} was checked: {}.", checked.connection.line.status),
        Err(refusal) => format!("{key} was checked: {refusal}"),
    };
    let search = Search { tenant: which.tenant, ..Search::default() };
    hub.status_page(&session, &search, Some(notice)).await
}

async fn link(State(hub): State<Arc<Hub>>, headers: HeaderMap, Form(which): Form<Which>) -> Response {
    let (session, key) = match hub.admitted(&headers, &which) {
        Ok(admitted) => admitted,
        Err(response) => return *response,
    };
    let minted = hub.management.mint_link(&key, &LinkRequest::default()).await;
    hub.management.record(&session.actor(), "link.minted", &key, &minted).await;
    match minted {
        Ok(minted) => {
            let minutes = minted.expires_at.saturating_sub(unix_now()).div_ceil(60);
            MintedPage { connection: key.to_string(), url: minted.url, minutes }.render_page().into_response()
        }
        Err(refusal) => {
            let search = Search { tenant: which.tenant, ..Search::default() };
            hub.status_page(&session, &search, Some(format!("There is no link for {key}: {refusal}"))).await
        }
    }
}

impl Session {
    fn actor(&self) -> Actor {
        Actor::Person(self.token.name.clone())
    }
}

impl Hub {
    /// The session of a form, and the connection that it is about, if all is as it should be.
    fn admitted(&self, headers: &HeaderMap, which: &Which) -> Result<(Session, ConnectionKey), Box<Response>> {
        let refused = |status: StatusCode, why: &'static str| Box::new(login_page(Some(why), status));
        let session =
            Session::of(self, headers).ok_or_else(|| refused(StatusCode::FORBIDDEN, "Log in again, please."))?;
        if !of_our_own(headers) || !session.sent(&which.csrf) {
            return Err(refused(StatusCode::FORBIDDEN, "That did not come from our page. Log in again, please."));
        }
        let user = which.user.as_deref().filter(|user| !user.is_empty());
        let key = ConnectionKey::parse(&which.tenant, user)
            .map_err(|_| refused(StatusCode::BAD_REQUEST, "There is no such connection."))?;
        if !session.token.covers(key.tenant()) {
            return Err(refused(StatusCode::FORBIDDEN, "The token is not for this tenant."));
        }
        Ok((session, key))
    }

    async fn status_page(&self, session: &Session, search: &Search, notice: Option<String>) -> Response {
        let tenant = Some(search.tenant.trim()).filter(|tenant| !tenant.is_empty());
        let status = Status::ALL.into_iter().find(|status| status.as_str() == search.status);
        let (mut rows, mut cursor, mut notice) = (Vec::new(), search.cursor.clone(), notice);
        for _ in 0..LOOKED_THROUGH {
            match self.visible(&session.token, tenant, cursor.as_deref(), PAGE).await {
                Ok(page) => {
                    let shown =
                        page.connections.iter().filter(|line| status.is_none_or(|status| status == line.status));
                    rows.extend(shown.map(|line| self.row(line)));
                    cursor = page.next;
                }
                Err(refusal) => {
                    notice.get_or_insert(refusal.to_string());
                    cursor = None;
                }
            }
            if cursor.is_none() || rows.len() >= PAGE {
                break;
            }
        }
        StatusPage {
            who: session.token.name.clone(),
            csrf: session.csrf(),
            tenant: search.tenant.clone(),
            status: search.status.clone(),
            statuses: Status::ALL.into_iter().map(Status::as_str).collect(),
            rows,
            next: cursor.map(|cursor| next_address(search, &cursor)),
            notice,
        }
        .render_page()
        .into_response()
    }
}

impl Hub {
    fn row(&self, line: &ConnectionLine) -> ConnectionRow {
        let renewed_after = self.settings.keep_alive_after.as_secs();
        let next = (line.grant == GrantKind::RefreshToken && line.status == Status::Active)
            .then(|| days_until(line.stored.0 / 1000 + renewed_after));
        ConnectionRow {
            tenant: line.tenant.clone(),
            user: line.user.clone(),
            status: line.status.as_str(),
            cause: line.cause.map(|cause| (cause.meaning(), cause.fix())),
            age: age(line.since.0),
            renewed: age(line.stored.0),
            used: line.used.map_or_else(|| "not yet".to_owned(), |used| age(used.0)),
            next_refresh: next.unwrap_or_else(|| "when it is used".to_owned()),
            grant: format!("{} ({})", line.grant.as_str(), line.app),
        }
    }
}

/// The latest time at which the monitor renews it, as people say it.
fn days_until(seconds: u64) -> String {
    match seconds.saturating_sub(unix_now()) / 86_400 {
        0 => "today, or when it is used".to_owned(),
        1 => "tomorrow, or when it is used".to_owned(),
        days => format!("in {days} days, or when it is used"),
    }
}

fn next_address(search: &Search, cursor: &str) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs([("tenant", search.tenant.as_str()), ("status", &search.status), ("cursor", cursor)]);
    format!("/?{}", query.finish())
}

/// A time of the store, as people say it.
fn age(millis: u64) -> String {
    let seconds = unix_now().saturating_sub(millis / 1000);
    match seconds {
        0..60 => "just now".to_owned(),
        60..3600 => format!("{} min ago", seconds / 60),
        3600..172_800 => format!("{} h ago", seconds / 3600),
        _ => format!("{} days ago", seconds / 86_400),
    }
}
