//! The way through a link, page by page: see what is asked for, go to Salesforce, come back, confirm, done. What a step does
//! to the link is in `management::links`; here it is put to browser, Salesforce and store, in that order.

mod browser;
mod callback;
mod confirm;
mod outcome;
mod start;
mod sweep;

use std::sync::Arc;

use axum::Router;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use http::StatusCode;

use self::browser::Browser;
use super::Hub;
use super::pages::{BrandView, Failure, FailurePage};
use crate::management::Refusal;
use crate::management::links::{HeldLink, Link, LinkFault, LinkId, return_address};
use crate::oauth::App;

/// Where Salesforce sends browsers back to; a callback URL of every app.
pub(super) const CALLBACK: &str = "/oauth/callback";

/// The routes of links.
pub(super) fn router() -> Router<Arc<Hub>> {
    Router::new()
        .route("/connect/{id}", get(start::page).post(start::begin))
        .route("/connect/{id}/confirm", get(confirm::page).post(confirm::answer))
        .route("/connect/{id}/done", get(confirm::done))
        .route("/connect/{id}/status", get(outcome::status))
        .route(CALLBACK, get(callback::come_back))
}

impl Hub {
    /// The link of an address.
    async fn held(&self, id: &str) -> Result<(LinkId, HeldLink), Failure> {
        let id = LinkId::parse(id).ok_or(Failure::LinkUnknown)?;
        match self.management.link(&id).await {
            Ok(Some(held)) => Ok((id, held)),
            Ok(None) => Err(Failure::LinkUnknown),
            Err(refusal) => Err(refusal.into()),
        }
    }

    /// The app of a link. A page is shown without its brand rather than not at all.
    async fn app(&self, link: &Link) -> Option<Arc<App>> {
        let found = self.management.app_of(&link.key, &link.app).await;
        found.unwrap_or_else(|error| {
            tracing::warn!(connection = %link.key, %error, "a link's app cannot be had");
            None
        })
    }

    async fn brand(&self, link: &Link) -> BrandView {
        self.app(link).await.map_or_else(BrandView::own, |app| BrandView::of(&app.brand))
    }

    async fn app_name(&self, link: &Link) -> String {
        self.app(link).await.map_or_else(|| "The app".to_owned(), |app| app.brand.name.clone())
    }

    /// The page of a failure, about a link where there is one.
    async fn failed(&self, failure: &Failure, link: Option<(&Link, Option<&LinkId>)>) -> Response {
        let app = match link {
            Some((link, _)) => self.app(link).await,
            None => None,
        };
        let name = app.as_ref().map_or("The app", |app| &app.brand.name);
        let host = link.and_then(|(link, _)| link.login.as_ref()).map(|login| login.host().to_owned());
        let again = link.and_then(|(_, id)| id).filter(|_| failure.can_be_tried_again());
        FailurePage {
            brand: app.as_ref().map_or_else(BrandView::own, |app| BrandView::of(&app.brand)),
            text: failure.text(name, host.as_deref()),
            retry: again.map(|id| format!("/connect/{}", id.as_str())),
            return_link: link.and_then(|(link, _)| return_address(link, "failed")),
            opener: link.and_then(|(link, _)| link.opener()),
        }
        .render_page()
        .with_status(failure.status())
        .into_response()
    }
}

/// A redirect that is followed by GET, whatever came before.
fn go(to: &str) -> Response {
    Redirect::to(to).into_response()
}

impl Failure {
    fn status(&self) -> StatusCode {
        match self {
            Self::LinkUnknown | Self::NotFound => StatusCode::NOT_FOUND,
            Self::LinkExpired | Self::LinkUsed => StatusCode::GONE,
            Self::OtherBrowser | Self::Forged => StatusCode::FORBIDDEN,
            Self::OutOfStep | Self::Busy | Self::InstallationNeeded => StatusCode::CONFLICT,
            Self::Unavailable | Self::Transient => StatusCode::SERVICE_UNAVAILABLE,
            Self::RateLimited => StatusCode::TOO_MANY_REQUESTS,
            Self::Salesforce(_) | Self::Denied | Self::AnotherOrg { .. } | Self::AnotherUser => StatusCode::BAD_REQUEST,
        }
    }

    fn can_be_tried_again(&self) -> bool {
        !matches!(self, Self::LinkUnknown | Self::NotFound | Self::LinkExpired | Self::LinkUsed | Self::OtherBrowser)
    }
}

impl From<LinkFault> for Failure {
    fn from(fault: LinkFault) -> Self {
        match fault {
            LinkFault::Expired => Self::LinkExpired,
            LinkFault::Used => Self::LinkUsed,
            LinkFault::OtherBrowser => Self::OtherBrowser,
            LinkFault::OutOfStep => Self::OutOfStep,
            LinkFault::Busy => Self::Busy,
        }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Refused(cause) => Self::Salesforce(cause),
            Refusal::AnotherOrg { connected, given } => Self::AnotherOrg { connected, given },
            Refusal::AnotherUser => Self::AnotherUser,
            Refusal::InstallationNeeded => Self::InstallationNeeded,
            Refusal::RateLimited => Self::RateLimited,
            Refusal::Busy | Refusal::Conflict(_) => Self::Busy,
            other => {
                tracing::warn!(error = %other, "a step of a link could not be taken");
                Self::Unavailable
            }
        }
    }
}
