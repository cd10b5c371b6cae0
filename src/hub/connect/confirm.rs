//! The person says whether the org is the right one, and it is connected.

use std::sync::Arc;

use axum::extract::{Form, Path, State};
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use serde::Deserialize;

use super::{Browser, go};
use crate::hub::Hub;
use crate::hub::pages::{ConfirmPage, DonePage, Failure, ScopeView};
use crate::management::links::{Answered, Ending, HeldLink, Link, LinkFault, LinkId, Stage, return_address, unix_now};
use crate::management::{Actor, NewConnection};
use crate::salesforce::hosts::InstanceUrl;
use crate::salesforce::scopes::Scopes;

/// What the page's form sends.
#[derive(Deserialize)]
pub(super) struct Answer {
    #[serde(default)]
    csrf: String,
    #[serde(default)]
    answer: String,
}

/// Names org and user, and asks.
pub(super) async fn page(State(hub): State<Arc<Hub>>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    let browser = Browser::of(&headers, hub.is_secure());
    let (id, held) = match hub.held(&id).await {
        Ok(found) => found,
        Err(failure) => return hub.failed(&failure, None).await,
    };
    let link = &held.link;
    let hash = browser.hash();
    match (link.look(Some(&hash), unix_now()), &link.stage) {
        (Err(LinkFault::Used), _) if link.browser.as_ref() == Some(&hash) => {
            go(&format!("/connect/{}/done", id.as_str()))
        }
        (Err(fault), _) => hub.failed(&fault.into(), Some((link, None))).await,
        (Ok(()), Stage::Answered(answered) | Stage::Connecting(answered, _)) => {
            let page = hub.confirm_page(link, answered, browser.csrf(id.as_str())).await;
            page.render_page().leading_away().into_response()
        }
        (Ok(()), _) => go(&format!("/connect/{}", id.as_str())),
    }
}

/// Connects, or gives back what Salesforce has issued.
pub(super) async fn answer(
    State(hub): State<Arc<Hub>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    Form(form): Form<Answer>,
) -> Response {
    let browser = Browser::of(&headers, hub.is_secure());
    let (id, held) = match hub.held(&id).await {
        Ok(found) => found,
        Err(failure) => return hub.failed(&failure, None).await,
    };
    if !browser.sent(&headers, &form.csrf, id.as_str()) {
        return hub.failed(&Failure::Forged, Some((&held.link, Some(&id)))).await;
    }
    let done = format!("/connect/{}/done", id.as_str());
    let confirmed = held.link.confirm(Some(&browser.hash()), unix_now());
    let (connecting, answered) = match confirmed {
        Ok(confirmed) => confirmed,
        Err(LinkFault::Used) => return go(&done),
        Err(fault) => return hub.failed(&fault.into(), Some((&held.link, Some(&id)))).await,
    };
    // Whoever writes this first goes on alone.
    let held = match hub.management.advance_link(&held, connecting).await {
        Ok(Some(held)) => held,
        Ok(None) => return hub.failed(&Failure::Busy, Some((&held.link, Some(&id)))).await,
        Err(refusal) => return hub.failed(&refusal.into(), Some((&held.link, Some(&id)))).await,
    };
    match hub.finish(&held, answered, form.answer == "yes").await {
        Ok(ending) => go(&after(&held.link, ending).unwrap_or(done)),
        Err(failure) => hub.failed(&failure, Some((&held.link, Some(&id)))).await,
    }
}

/// Where the app wants the browser at the end.
fn after(link: &Link, ending: Ending) -> Option<String> {
    return_address(link, if ending == Ending::Connected { "connected" } else { "cancelled" })
}

/// The end.
pub(super) async fn done(State(hub): State<Arc<Hub>>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    let browser = Browser::of(&headers, hub.is_secure());
    let (id, held) = match hub.held(&id).await {
        Ok(found) => found,
        Err(failure) => return hub.failed(&failure, None).await,
    };
    let link = &held.link;
    if link.browser.as_deref() != Some(&browser.hash()) {
        return hub.failed(&Failure::LinkUsed, Some((link, None))).await;
    }
    let status = match link.stage {
        Stage::Ended(Ending::Connected) => "connected",
        Stage::Ended(Ending::Cancelled) => "cancelled",
        Stage::Ended(Ending::Failed(cause)) => {
            return hub.failed(&Failure::Salesforce(cause), Some((link, None))).await;
        }
        _ => return go(&format!("/connect/{}", id.as_str())),
    };
    let org_host = if status == "connected" { hub.host_of(link).await } else { None };
    DonePage {
        brand: hub.brand(link).await,
        status,
        org_host,
        return_link: return_address(link, status),
        opener: link.opener(),
    }
    .render_page()
    .into_response()
}

impl Hub {
    async fn confirm_page(&self, link: &Link, answered: &Answered, csrf: String) -> ConfirmPage {
        let response = &answered.response;
        let granted = response.scope.as_deref().and_then(|text| Scopes::parse(text).ok()).unwrap_or_default();
        let missing = if granted.is_empty() { Vec::new() } else { link.asked.missing(&granted) };
        let instance = InstanceUrl::parse(&response.instance_url, self.management.trusted_hosts());
        let identity = response.identity.as_ref();
        let user_id = identity.map(|identity| identity.user.to_string()).unwrap_or_default();
        ConfirmPage {
            brand: self.brand(link).await,
            org_host: instance.map_or_else(|_| response.instance_url.clone(), |url| url.authority().to_owned()),
            org_id: identity.map(|identity| identity.org.to_string()).unwrap_or_default(),
            username: answered.username.clone().unwrap_or(user_id),
            again: self.management.show(&link.key).await.is_ok(),
            granted: ScopeView::all(&granted),
            missing: missing.iter().map(|word| ScopeView::of(word)).collect(),
            csrf,
        }
    }

    async fn host_of(&self, link: &Link) -> Option<String> {
        let view = self.management.show(&link.key).await.ok()?;
        let instance = InstanceUrl::parse(&view.instance_url?, self.management.trusted_hosts()).ok()?;
        Some(instance.authority().to_owned())
    }

    /// Connects or gives back, and ends the link. What is refused can be begun again.
    async fn finish(&self, held: &HeldLink, answered: Answered, yes: bool) -> Result<Ending, Failure> {
        let link = &held.link;
        let new = NewConnection {
            app: link.app.clone(),
            login_url: answered.login,
            response: answered.response,
            asked: link.asked.clone(),
        };
        if !yes {
            self.discard(held, &new).await;
            self.management.record(&Actor::Link, "link.cancelled", &link.key, &Ok(())).await;
            self.management.advance_link(held, link.end(Ending::Cancelled)).await?;
            return Ok(Ending::Cancelled);
        }
        let connected = match self.management.require_installation(&link.key).await {
            Ok(()) => self.management.connect(&link.key, &new).await,
            Err(refusal) => Err(refusal),
        };
        self.management.record(&Actor::Link, "connection.connected", &link.key, &connected).await;
        match connected {
            Ok(_) => {
                // The connection is there; a link that still says "connecting" connects the same once more.
                if let Err(error) = self.management.advance_link(held, link.end(Ending::Connected)).await {
                    tracing::warn!(%error, "a link that has done its work could not be ended");
                }
                Ok(Ending::Connected)
            }
            // The store may have it or not: it is tried again with what the link holds.
            Err(refusal) if refusal.is_passing() => Err(refusal.into()),
            Err(refusal) => {
                self.discard(held, &new).await;
                let failure = Failure::from(refusal);
                let cause = match &failure {
                    Failure::Salesforce(cause) => *cause,
                    _ => crate::connection::Cause::OrgMismatch,
                };
                self.management.advance_link(held, link.reopen(Ending::Failed(cause))).await?;
                Err(failure)
            }
        }
    }

    /// The address of a page of a link whose id only the browser knows: it remembers it by the cookie's hash.
    pub(super) fn page_of(&self, held: &HeldLink, page: &str) -> String {
        format!("/connect/{}/{page}", held.link.id.as_str())
    }

    /// The page of a failure of a link that was found by its state.
    pub(super) async fn failed_at(&self, failure: &Failure, held: &HeldLink) -> Response {
        let id: &LinkId = &held.link.id;
        self.failed(failure, Some((&held.link, Some(id)))).await
    }
}
