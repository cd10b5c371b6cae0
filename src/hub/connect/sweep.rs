//! Authorizations that nobody has confirmed are given back, by the hub that leads.

use std::time::Duration;

use tokio::sync::watch;

use crate::hub::Hub;
use crate::management::links::{Ending, HeldLink, unix_now};
use crate::management::{Actor, NewConnection, Refusal};
use crate::shutdown::Stopping;

const PAUSE: Duration = Duration::from_secs(60);
const PAGE: usize = 100;

impl Hub {
    /// Looks through the links again and again while this hub leads.
    pub(in crate::hub) async fn sweep_links(&self, lead: watch::Receiver<bool>, mut stopping: Stopping) {
        loop {
            tokio::select! {
                () = stopping.asked() => return,
                () = tokio::time::sleep(PAUSE) => {}
            }
            if !*lead.borrow() {
                continue;
            }
            if let Err(error) = self.give_back_abandoned().await {
                tracing::debug!(%error, "links could not be looked through; they are in a minute");
            }
        }
    }

    /// Gives back what waits in links that have expired.
    pub async fn give_back_abandoned(&self) -> Result<(), Refusal> {
        let mut after: Option<String> = None;
        loop {
            let (page, next) = self.management.links(after.as_deref(), PAGE).await?;
            for held in page {
                self.give_back_if_abandoned(&held).await?;
            }
            if next.is_none() {
                return Ok(());
            }
            after = next;
        }
    }

    async fn give_back_if_abandoned(&self, held: &HeldLink) -> Result<(), Refusal> {
        let Some(answered) = held.link.abandoned(unix_now()) else { return Ok(()) };
        let new = NewConnection {
            app: held.link.app.clone(),
            login_url: answered.login.clone(),
            response: answered.response.clone(),
            asked: held.link.asked.clone(),
        };
        // Ended first: what is given back must not be confirmed any more.
        if self.management.advance_link(held, held.link.end(Ending::Cancelled)).await?.is_some() {
            self.discard(held, &new).await;
            self.management.record(&Actor::Hub, "link.abandoned", &held.link.key, &Ok(())).await;
        }
        Ok(())
    }
}
