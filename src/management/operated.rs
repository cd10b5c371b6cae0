//! What the command line does, whether a running process does it for it or it does it itself: the same as anybody, and
//! recorded as the operator's.

use super::links::LinkRequest;
use super::{
    Actor, Checked, ConnectionView, DeviceState, ImportDocument, Imported, Management, MintedLink, Refusal, Removed,
    WhenNotRevoked,
};
use crate::connection::ConnectionKey;

/// Management in the operator's hands.
#[derive(Clone, Copy)]
pub struct Operated<'a>(&'a Management);

impl Management {
    /// In the operator's hands.
    pub fn operated(&self) -> Operated<'_> {
        Operated(self)
    }
}

impl Operated<'_> {
    /// Imports a document.
    pub async fn import_document(self, document: &ImportDocument) -> Result<Imported, Refusal> {
        let imported = self.0.import_document(document).await;
        // What names no connection has changed none.
        if let Some(key) = document.key() {
            self.0.record(&Actor::Operator, "connection.imported", &key, &imported).await;
        }
        imported
    }

    /// Checks a connection.
    pub async fn check(self, key: &ConnectionKey) -> Result<Checked, Refusal> {
        let checked = self.0.check(key).await;
        self.0.record(&Actor::Operator, "connection.checked", key, &checked).await;
        checked
    }

    /// Gets the next generation.
    pub async fn refresh(self, key: &ConnectionKey) -> Result<ConnectionView, Refusal> {
        let refreshed = self.0.refresh(key).await;
        self.0.record(&Actor::Operator, "connection.refreshed", key, &refreshed).await;
        refreshed
    }

    /// Revokes and forgets.
    pub async fn remove(self, key: &ConnectionKey, otherwise: WhenNotRevoked) -> Result<Removed, Refusal> {
        let removed = self.0.remove(key, otherwise).await;
        self.0.record(&Actor::Operator, "connection.removed", key, &removed).await;
        removed
    }

    /// Asks a device flow once.
    pub async fn poll_device(self, id: u64) -> Result<DeviceState, Refusal> {
        let key = self.0.device_key(id);
        let polled = self.0.poll_device(id).await;
        let has_ended = match &polled {
            Ok(state) => matches!(state, DeviceState::Connected(_)),
            Err(refusal) => !refusal.is_passing(),
        };
        if let (Some(key), true) = (key, has_ended) {
            self.0.record(&Actor::Operator, "connection.connected", &key, &polled).await;
        }
        polled
    }

    /// Makes a link.
    pub async fn mint_link(self, key: &ConnectionKey, request: &LinkRequest) -> Result<MintedLink, Refusal> {
        let minted = self.0.mint_link(key, request).await;
        self.0.record(&Actor::Operator, "link.minted", key, &minted).await;
        minted
    }
}
