//! The first page, and the way from there to Salesforce.

use std::sync::Arc;

use axum::extract::{Form, Path, State};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;

use super::{Browser, go};
use crate::connection::Cause;
use crate::hub::Hub;
use crate::hub::pages::{Failure, Html, LinkPage, ScopeView};
use crate::management::links::{Ending, Flow, HeldLink, Link, LinkFault, LinkId, Stage, unix_now};
use crate::oauth::{App, Authorization, CodeVerifier};
use crate::salesforce::hosts::LoginUrl;

/// What the first page's form sends.
#[derive(Deserialize)]
pub(super) struct Begin {
    #[serde(default)]
    csrf: String,
    #[serde(default)]
    environment: String,
    #[serde(default)]
    address: String,
}

/// Shows what is asked for. Uses nothing up: mail scanners follow links too.
pub(super) async fn page(State(hub): State<Arc<Hub>>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    let browser = Browser::of(&headers, hub.is_secure());
    let (id, held) = match hub.held(&id).await {
        Ok(found) => found,
        Err(failure) => return hub.failed(&failure, None).await,
    };
    let hash = browser.hash();
    match (held.link.look(Some(&hash), unix_now()), &held.link.stage) {
        (Err(LinkFault::Used), _) if held.link.browser.as_ref() == Some(&hash) => {
            return go(&format!("/connect/{}/done", id.as_str()));
        }
        (Err(fault), _) => return hub.failed(&fault.into(), Some((&held.link, None))).await,
        (Ok(()), Stage::Answered(_) | Stage::Connecting(..)) => {
            return go(&format!("/connect/{}/confirm", id.as_str()));
        }
        (Ok(()), _) => {}
    }
    let mut response = first(&hub, &held.link, &id, &browser, None).await.into_response();
    browser.remember(response.headers_mut());
    response
}

async fn first(hub: &Hub, link: &Link, id: &LinkId, browser: &Browser, wrong: Option<(&Begin, String)>) -> Html {
    let known = link.login.as_ref().map(|login| login.host().to_owned());
    let chosen = match &wrong {
        Some(_) => "address",
        None if known.is_some() => "known",
        None => "production",
    };
    let (address, fault) = wrong.map_or_else(Default::default, |(form, fault)| (form.address.clone(), Some(fault)));
    let (brand, name) = (hub.brand(link).await, hub.app_name(link).await);
    let last = match &link.stage {
        Stage::Open(Some(Ending::Failed(cause))) => Some(Failure::Salesforce(*cause)),
        Stage::Open(Some(Ending::Cancelled)) => Some(Failure::Denied),
        _ => None,
    };
    let last = last.map(|failure| failure.text(&name, known.as_deref()));
    LinkPage {
        brand,
        scopes: ScopeView::all(&link.asked),
        known,
        chosen,
        address,
        fault,
        last,
        csrf: browser.csrf(id.as_str()),
        minutes: link.expires.saturating_sub(unix_now()).div_ceil(60),
    }
    .render_page()
    .leading_away()
}

/// Goes to Salesforce.
pub(super) async fn begin(
    State(hub): State<Arc<Hub>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    Form(form): Form<Begin>,
) -> Response {
    let browser = Browser::of(&headers, hub.is_secure());
    let (id, held) = match hub.held(&id).await {
        Ok(found) => found,
        Err(failure) => return hub.failed(&failure, None).await,
    };
    if !browser.sent(&headers, &form.csrf, id.as_str()) {
        return hub.failed(&Failure::Forged, Some((&held.link, Some(&id)))).await;
    }
    let Some(app) = hub.app(&held.link).await else {
        return hub.failed(&Failure::Unavailable, Some((&held.link, None))).await;
    };
    let login = match login_of(&hub, &form, &held.link, &app) {
        Ok(login) => login,
        Err(fault) => {
            let page = first(&hub, &held.link, &id, &browser, Some((&form, fault))).await;
            return page.with_status(StatusCode::UNPROCESSABLE_ENTITY).into_response();
        }
    };
    match hub.begin(&held, &app, login, &browser.hash()).await {
        Ok(at_salesforce) => go(&at_salesforce),
        Err(failure) => hub.failed(&failure, Some((&held.link, Some(&id)))).await,
    }
}

/// Where the user wants to log in.
fn login_of(hub: &Hub, form: &Begin, link: &Link, app: &App) -> Result<LoginUrl, String> {
    match (form.environment.as_str(), &link.login) {
        ("known", Some(login)) => Ok(login.clone()),
        ("sandbox", _) => Ok(app.sandbox_login_url.clone()),
        ("address", _) => LoginUrl::from_pasted(&form.address, hub.management.trusted_hosts())
            .map_err(|_| "That is not an address of Salesforce. It looks like acme.my.salesforce.com.".to_owned()),
        _ => Ok(app.login_url.clone()),
    }
}

impl Hub {
    /// Notes what this flow is to bring back, then says where it goes.
    async fn begin(&self, held: &HeldLink, app: &App, login: LoginUrl, browser: &str) -> Result<String, Failure> {
        self.management.require_installation(&held.link.key).await?;
        let verifier = CodeVerifier::random();
        let (state, nonce) = (format!("{}.{}", held.name(), random()), random());
        let url = Authorization {
            app,
            login: &login,
            redirect_uri: &self.callback_url(),
            scopes: &held.link.asked,
            state: &state,
            challenge: &verifier.challenge(),
            // Who was logged in to another org would come back from there again.
            login_anew: matches!(held.link.stage, Stage::Open(Some(Ending::Failed(Cause::OrgMismatch)))),
            nonce: held.link.asked.contains("openid").then_some(nonce.as_str()),
        }
        .url();
        let begun = held.link.begin(browser, Flow { state, verifier, nonce, login }, unix_now())?;
        match self.management.advance_link(held, begun).await? {
            Some(_) => Ok(url),
            // Somebody has pressed the button twice, or two browsers did at once.
            None => Err(Failure::Busy),
        }
    }
}

fn random() -> String {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("the operating system's random source works");
    URL_SAFE_NO_PAD.encode(bytes)
}
