//! Back from Salesforce, with a code or a refusal.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::response::Response;
use http::HeaderMap;
use serde::Deserialize;

use super::{Browser, go};
use crate::connection::Cause;
use crate::hub::Hub;
use crate::hub::pages::Failure;
use crate::management::links::{Answered, Ending, Flow, HeldLink, unix_now};
use crate::management::{Actor, NewConnection, NotObtained, Refusal};
use crate::salesforce::token_errors::TokenFailure;
use crate::secret::Secret;

/// Codes are shorter than this.
const MAX_CODE: usize = 4096;

/// What Salesforce sends along.
#[derive(Deserialize)]
pub(super) struct Back {
    code: Option<String>,
    state: Option<String>,
    error: Option<String>,
    error_description: Option<String>,
}

/// Takes the browser back. Only the one that began may bring anything, and only once.
pub(super) async fn come_back(State(hub): State<Arc<Hub>>, Query(back): Query<Back>, headers: HeaderMap) -> Response {
    let browser = Browser::of(&headers, hub.is_secure());
    let state = back.state.as_deref().unwrap_or_default();
    let held = match hub.management.link_of_state(state).await {
        Ok(Some(held)) => held,
        Ok(None) => return hub.failed(&Failure::LinkUnknown, None).await,
        Err(refusal) => return hub.failed(&refusal.into(), None).await,
    };
    let came = held.link.come_back(Some(&browser.hash()), state, unix_now());
    let (redeeming, flow) = match came {
        Ok(came) => came,
        Err(fault) => return hub.failed(&fault.into(), Some((&held.link, None))).await,
    };
    // Whoever writes this first has the code to itself.
    let held = match hub.management.advance_link(&held, redeeming).await {
        Ok(Some(held)) => held,
        Ok(None) => return hub.failed(&Failure::Busy, Some((&held.link, None))).await,
        Err(refusal) => return hub.failed(&refusal.into(), Some((&held.link, None))).await,
    };
    match hub.answer(&held, &flow, &back).await {
        Ok(()) => go(&hub.page_of(&held, "confirm")),
        Err(NoAnswer { failure, doubtful }) => {
            let is_open_again = hub.reopen(&held, &failure).await;
            // Who could open the link again knows that the store has not taken the answer.
            if let (true, Some(new)) = (is_open_again, doubtful) {
                hub.discard(&held, &new).await;
            }
            hub.failed_at(&failure, &held).await
        }
    }
}

/// Why a link does not wait to be confirmed.
struct NoAnswer {
    failure: Failure,
    /// What the store may have taken all the same, if it did not say.
    doubtful: Option<NewConnection>,
}

impl<E: Into<Failure>> From<E> for NoAnswer {
    fn from(error: E) -> Self {
        Self { failure: error.into(), doubtful: None }
    }
}

impl Hub {
    /// What the browser has brought becomes an authorization that waits to be confirmed.
    async fn answer(&self, held: &HeldLink, flow: &Flow, back: &Back) -> Result<(), NoAnswer> {
        if let Some(error) = &back.error {
            let description = back.error_description.as_deref().unwrap_or_default();
            return Err(TokenFailure::of_authorize(error, description).into());
        }
        let code = back.code.as_ref().filter(|code| (1..=MAX_CODE).contains(&code.len()));
        let code = Secret::new(code.ok_or(Failure::OutOfStep)?.clone());
        let link = &held.link;
        let redeemed = self
            .management
            .redeem(&link.key, &link.app, &flow.login, &code, &flow.verifier, &self.callback_url())
            .await;
        let new = NewConnection {
            app: link.app.clone(),
            login_url: flow.login.clone(),
            response: redeemed?,
            asked: link.asked.clone(),
        };
        let username = match self.management.judge(&link.key, &new, Some(&flow.nonce)).await {
            Ok(judged) => judged.username,
            Err(refusal) => {
                self.discard(held, &new).await;
                return Err(refusal.into());
            }
        };
        let answered = Answered { login: flow.login.clone(), response: new.response.clone(), username };
        match self.management.advance_link(held, link.answer(answered)).await {
            Ok(Some(_)) => Ok(()),
            Ok(None) => {
                self.discard(held, &new).await;
                Err(Refusal::Busy.into())
            }
            Err(refusal) => Err(NoAnswer { failure: refusal.into(), doubtful: Some(new) }),
        }
    }

    /// Gives back what will not be used.
    pub(super) async fn discard(&self, held: &HeldLink, new: &NewConnection) {
        let discarded = self.management.discard(&new.login_url, &new.response).await;
        if let Err(error) = discarded {
            tracing::warn!(connection = %held.link.key, error, "an authorization that nobody uses could not be revoked");
        }
    }

    /// Another attempt can be made, and says why the last one came to nothing. `false` if that is not certain.
    async fn reopen(&self, held: &HeldLink, failure: &Failure) -> bool {
        let why = match failure {
            Failure::Denied => Ending::Cancelled,
            Failure::Salesforce(cause) => Ending::Failed(*cause),
            Failure::AnotherOrg { .. } | Failure::AnotherUser => Ending::Failed(Cause::OrgMismatch),
            _ => Ending::Failed(Cause::RequestRefused),
        };
        let outcome: Result<(), Refusal> = match why {
            Ending::Failed(cause) => Err(Refusal::Refused(cause)),
            Ending::Cancelled | Ending::Connected => Ok(()),
        };
        let action = if why == Ending::Cancelled { "link.denied" } else { "link.failed" };
        self.management.record(&Actor::Link, action, &held.link.key, &outcome).await;
        // Whoever has gone on with the link meanwhile knows better.
        match self.management.advance_link(held, held.link.reopen(why)).await {
            Ok(reopened) => reopened.is_some(),
            Err(error) => {
                tracing::debug!(%error, "a link was not opened again; it can be begun again in a minute");
                false
            }
        }
    }
}

impl From<NotObtained> for Failure {
    fn from(not: NotObtained) -> Self {
        match not {
            NotObtained::Failed(failure) => failure.into(),
            NotObtained::Unavailable(error) => {
                tracing::warn!(error, "the code of a consent could not be exchanged");
                Self::Transient
            }
            NotObtained::App(error) => {
                tracing::error!(error, "an org cannot be connected");
                Self::Salesforce(Cause::AppSecretWrong)
            }
        }
    }
}

impl From<TokenFailure> for Failure {
    fn from(failure: TokenFailure) -> Self {
        match failure {
            TokenFailure::Refused(Cause::NoConsent) => Self::Denied,
            TokenFailure::Refused(cause) => Self::Salesforce(cause),
            TokenFailure::RateLimited => Self::RateLimited,
            TokenFailure::Transient | TokenFailure::InProgress | TokenFailure::Unknown => Self::Transient,
        }
    }
}
