//! A store that is watched: every operation of the one inside is timed, and whether it answered is told.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio::sync::{broadcast, watch};

use super::{
    AttemptId, AuditEntry, Commit, Committed, DocumentKind, DocumentName, DocumentWhen, Event, Fingerprint,
    IntentWrite, NewRecord, Owner, Page, Put, PutWhen, Record, Resealed, Row, ScheduleWhen, Store, StoreError,
    StoreTime, Wish,
};
use crate::connection::{Cause, ConnectionKey, Generation, Status};
use crate::metrics::StoreMetrics;

/// Counts what another store does.
pub struct ObservedStore {
    inner: Arc<dyn Store>,
    metrics: StoreMetrics,
}

impl ObservedStore {
    /// Watches `inner`.
    pub fn new(inner: Arc<dyn Store>, metrics: StoreMetrics) -> Self {
        Self { inner, metrics }
    }

    async fn observe<T>(
        &self,
        operation: &'static str,
        running: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        let began = Instant::now();
        let outcome = running.await;
        let answered = !matches!(outcome, Err(StoreError::Unavailable(_)));
        self.metrics.record(operation, began.elapsed(), answered);
        outcome
    }
}

#[async_trait]
impl Store for ObservedStore {
    async fn read(&self, key: &ConnectionKey) -> Result<Option<Row>, StoreError> {
        self.observe("read", self.inner.read(key)).await
    }

    async fn read_record(&self, key: &ConnectionKey) -> Result<Option<Record>, StoreError> {
        self.observe("read_record", self.inner.read_record(key)).await
    }

    async fn take_lease(&self, key: &ConnectionKey, owner: &Owner, life: Duration) -> Result<bool, StoreError> {
        self.observe("take_lease", self.inner.take_lease(key, owner, life)).await
    }

    async fn release_lease(&self, key: &ConnectionKey, owner: &Owner) -> Result<(), StoreError> {
        self.observe("release_lease", self.inner.release_lease(key, owner)).await
    }

    async fn write_intent(
        &self,
        key: &ConnectionKey,
        owner: &Owner,
        read: Generation,
        attempt: &AttemptId,
        fingerprint: &Fingerprint,
        replaces: Option<&AttemptId>,
    ) -> Result<IntentWrite, StoreError> {
        let writing = self.inner.write_intent(key, owner, read, attempt, fingerprint, replaces);
        self.observe("write_intent", writing).await
    }

    async fn clear_intent(&self, key: &ConnectionKey, attempt: &AttemptId) -> Result<(), StoreError> {
        self.observe("clear_intent", self.inner.clear_intent(key, attempt)).await
    }

    async fn commit(&self, key: &ConnectionKey, commit: &Commit) -> Result<Committed, StoreError> {
        self.observe("commit", self.inner.commit(key, commit)).await
    }

    async fn set_status(
        &self,
        key: &ConnectionKey,
        read: Generation,
        status: Status,
        cause: Option<Cause>,
    ) -> Result<bool, StoreError> {
        self.observe("set_status", self.inner.set_status(key, read, status, cause)).await
    }

    async fn put(&self, key: &ConnectionKey, record: &NewRecord, when: PutWhen) -> Result<Put, StoreError> {
        self.observe("put", self.inner.put(key, record, when)).await
    }

    async fn remove(&self, key: &ConnectionKey, at: Option<Generation>) -> Result<bool, StoreError> {
        self.observe("remove", self.inner.remove(key, at)).await
    }

    async fn holder(&self, fingerprint: &Fingerprint) -> Result<Option<ConnectionKey>, StoreError> {
        self.observe("holder", self.inner.holder(fingerprint)).await
    }

    async fn list(&self, tenant: Option<&str>, cursor: Option<&str>, limit: usize) -> Result<Page, StoreError> {
        self.observe("list", self.inner.list(tenant, cursor, limit)).await
    }

    fn changes(&self) -> broadcast::Receiver<ConnectionKey> {
        self.inner.changes()
    }

    async fn announce(&self, key: &ConnectionKey) -> Result<(), StoreError> {
        self.observe("announce", self.inner.announce(key)).await
    }

    fn reconnects(&self) -> watch::Receiver<u64> {
        self.inner.reconnects()
    }

    async fn reseal(
        &self,
        key: &ConnectionKey,
        session: Option<&Resealed>,
        grant: Option<&Resealed>,
    ) -> Result<bool, StoreError> {
        self.observe("reseal", self.inner.reseal(key, session, grant)).await
    }

    async fn wish(&self, wish: &Wish) -> Result<(), StoreError> {
        self.observe("wish", self.inner.wish(wish)).await
    }

    async fn wishes(&self, limit: usize) -> Result<Vec<Wish>, StoreError> {
        self.observe("wishes", self.inner.wishes(limit)).await
    }

    async fn withdraw(&self, wish: &Wish) -> Result<(), StoreError> {
        self.observe("withdraw", self.inner.withdraw(wish)).await
    }

    fn wished(&self) -> broadcast::Receiver<()> {
        self.inner.wished()
    }

    async fn attend(&self, hub: &Owner, life: Duration) -> Result<bool, StoreError> {
        self.observe("attend", self.inner.attend(hub, life)).await
    }

    async fn step_down(&self, hub: &Owner) -> Result<(), StoreError> {
        self.observe("step_down", self.inner.step_down(hub)).await
    }

    async fn has_hub(&self) -> Result<bool, StoreError> {
        self.observe("has_hub", self.inner.has_hub()).await
    }

    async fn schedule(&self, due: &[(ConnectionKey, Duration)], when: ScheduleWhen) -> Result<(), StoreError> {
        self.observe("schedule", self.inner.schedule(due, when)).await
    }

    async fn unschedule(&self, key: &ConnectionKey) -> Result<(), StoreError> {
        self.observe("unschedule", self.inner.unschedule(key)).await
    }

    async fn take_due(&self, limit: usize, claim: Duration) -> Result<Vec<ConnectionKey>, StoreError> {
        self.observe("take_due", self.inner.take_due(limit, claim)).await
    }

    async fn events(&self, after: Option<&str>, limit: usize) -> Result<Vec<Event>, StoreError> {
        self.observe("events", self.inner.events(after, limit)).await
    }

    async fn document(&self, name: &DocumentName) -> Result<Option<Vec<u8>>, StoreError> {
        self.observe("document", self.inner.document(name)).await
    }

    async fn put_document(
        &self,
        name: &DocumentName,
        value: &[u8],
        when: DocumentWhen<'_>,
        life: Option<Duration>,
    ) -> Result<bool, StoreError> {
        self.observe("put_document", self.inner.put_document(name, value, when, life)).await
    }

    async fn remove_document(&self, name: &DocumentName, was: Option<&[u8]>) -> Result<bool, StoreError> {
        self.observe("remove_document", self.inner.remove_document(name, was)).await
    }

    async fn documents(
        &self,
        kind: DocumentKind,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        self.observe("documents", self.inner.documents(kind, after, limit)).await
    }

    async fn audit(&self, entry: &[u8]) -> Result<(), StoreError> {
        self.observe("audit", self.inner.audit(entry)).await
    }

    async fn audits(&self, after: Option<&str>, limit: usize) -> Result<Vec<AuditEntry>, StoreError> {
        self.observe("audits", self.inner.audits(after, limit)).await
    }

    async fn note_used(&self, used: &[(ConnectionKey, Duration)]) -> Result<(), StoreError> {
        self.observe("note_used", self.inner.note_used(used)).await
    }

    async fn last_used(&self, keys: &[ConnectionKey]) -> Result<Vec<Option<StoreTime>>, StoreError> {
        self.observe("last_used", self.inner.last_used(keys)).await
    }

    async fn time(&self) -> Result<StoreTime, StoreError> {
        self.observe("time", self.inner.time()).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.observe("ping", self.inner.ping()).await
    }

    async fn dangers(&self) -> Result<Vec<String>, StoreError> {
        self.observe("dangers", self.inner.dangers()).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Metrics;
    use crate::store::EmbeddedStore;

    #[tokio::test]
    async fn each_operation_is_timed_under_its_name_and_an_outage_shows() {
        let folder = tempfile::tempdir().unwrap();
        let inner = EmbeddedStore::open(&folder.path().join("store.redb")).unwrap();
        let metrics = Metrics::new();
        let store = ObservedStore::new(Arc::new(inner), metrics.store.clone());
        let key = ConnectionKey::parse("acme", None).unwrap();
        store.read(&key).await.unwrap();
        store.read(&key).await.unwrap();
        store.ping().await.unwrap();
        let text = metrics.render();
        assert!(text.contains("orgpass_store_operation_duration_seconds_count{operation=\"read\"} 2"), "{text}");
        assert!(text.contains("orgpass_store_operation_duration_seconds_count{operation=\"ping\"} 1"), "{text}");
        assert_eq!(metrics.store.up.get(), 1);

        let lost = store.observe::<()>("read", async { Err(StoreError::Unavailable("gone".into())) });
        lost.await.unwrap_err();
        assert_eq!(metrics.store.up.get(), 0);
        let refused = store.observe::<()>("read", async { Err(StoreError::Refused("no".into())) });
        refused.await.unwrap_err();
        assert_eq!(metrics.store.up.get(), 1, "a store that refuses does answer");
    }
}
