//! How far a webhook has got, in the store. Written by compare-and-set: of two hubs that both think they lead, one stops.

use serde::{Deserialize, Serialize};

use crate::management::links::unix_now;
use crate::store::{DocumentKind, DocumentName, DocumentWhen, Store, StoreError};

const PAGE: usize = 1000;

#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
struct Wire {
    /// The last event that was taken.
    after: Option<String>,
    /// Since when the next has been refused: seconds since 1970.
    failing_since: Option<u64>,
    /// So that no two writes are equal.
    written: u64,
}

/// How far one webhook has got.
pub(super) struct Progress {
    name: DocumentName,
    wire: Wire,
    bytes: Vec<u8>,
}

impl Progress {
    /// Reads it. A new webhook begins with what happens from now on.
    pub(super) async fn load(store: &dyn Store, webhook: &str) -> Result<Self, StoreError> {
        let name = DocumentName::new(DocumentKind::Delivery, webhook).expect("names of webhooks are checked");
        if let Some(bytes) = store.document(&name).await? {
            // What another version wrote and this one cannot read begins anew: at least once.
            let wire = serde_json::from_slice(&bytes).unwrap_or_default();
            return Ok(Self { name, wire, bytes });
        }
        let mut wire = Wire::default();
        while let Some(last) = store.events(wire.after.as_deref(), PAGE).await?.pop() {
            wire.after = Some(last.id);
        }
        let bytes = to_bytes(&wire);
        store.put_document(&name, &bytes, DocumentWhen::Absent, None).await?;
        Ok(Self { name, wire, bytes })
    }

    /// The last event that was taken.
    pub(super) fn after(&self) -> Option<&str> {
        self.wire.after.as_deref()
    }

    /// Notes that an event was taken. False if another hub has noted something.
    pub(super) async fn advance(&mut self, store: &dyn Store, to: &str) -> Result<bool, StoreError> {
        let wire = Wire { after: Some(to.to_owned()), failing_since: None, written: self.wire.written + 1 };
        self.write(store, wire).await
    }

    /// Notes that the next event is refused, and says since when it is. `None` if another hub has noted something.
    pub(super) async fn note_failure(&mut self, store: &dyn Store) -> Result<Option<u64>, StoreError> {
        if let Some(since) = self.wire.failing_since {
            return Ok(Some(since));
        }
        let now = unix_now();
        let wire = Wire { failing_since: Some(now), written: self.wire.written + 1, ..self.wire.clone() };
        Ok(self.write(store, wire).await?.then_some(now))
    }

    async fn write(&mut self, store: &dyn Store, wire: Wire) -> Result<bool, StoreError> {
        let bytes = to_bytes(&wire);
        let written = store.put_document(&self.name, &bytes, DocumentWhen::Was(&self.bytes), None).await?;
        if written {
            (self.wire, self.bytes) = (wire, bytes);
        }
        Ok(written)
    }
}

fn to_bytes(wire: &Wire) -> Vec<u8> {
    serde_json::to_vec(wire).expect("texts and numbers serialize")
}
