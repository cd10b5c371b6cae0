//! The trait, operation by operation: what decides anything is a script, and what follows from a write are hints.

use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{broadcast, watch};

use super::keys::{CHANGES, HUB, Keys};
use super::scripts::{self, Raw, RawRecord};
use super::{RedisStore, dangers};
use crate::connection::{Cause, ConnectionKey, Generation, Status};
use crate::store::listing::Range;
use crate::store::stored_head::{self, StoredHead, corrupt};
use crate::store::{
    AttemptId, AuditEntry, Commit, Committed, DocumentKind, DocumentName, DocumentWhen, Event, Fingerprint,
    IntentWrite, NewRecord, Owner, Page, Put, PutWhen, Record, Resealed, Row, ScheduleWhen, Store, StoreError,
    StoreTime, Wish,
};
use crate::vault::Sealed;

#[async_trait]
impl Store for RedisStore {
    async fn read(&self, key: &ConnectionKey) -> Result<Option<Row>, StoreError> {
        let keys = Keys::of(key);
        let ((status, session), now): ((Raw, Raw), _) = self.link.query(&keys.status(), &scripts::read(&keys)).await?;
        let Some(status) = status else { return Ok(None) };
        let head = StoredHead::parse(key, &status)?.head;
        Ok(Some(Row { head, session: session.map(Sealed::from_bytes), now: scripts::store_time(now) }))
    }

    async fn read_record(&self, key: &ConnectionKey) -> Result<Option<Record>, StoreError> {
        let keys = Keys::of(key);
        let ((status, session, grant, intent), now): RawRecord =
            self.link.query(&keys.status(), &scripts::read_record(&keys)).await?;
        let Some(status) = status else { return Ok(None) };
        Ok(Some(Record {
            head: StoredHead::parse(key, &status)?.head,
            session: session.map(Sealed::from_bytes),
            grant: Sealed::from_bytes(grant.ok_or_else(|| corrupt(key, "it has no grant"))?),
            intent: intent.map(|bytes| stored_head::parse_intent(key, &bytes)).transpose()?,
            now: scripts::store_time(now),
        }))
    }

    async fn take_lease(&self, key: &ConnectionKey, owner: &Owner, life: Duration) -> Result<bool, StoreError> {
        let said = self.call(key, &scripts::take_lease(&Keys::of(key), owner, life)).await?;
        Ok(said.word == "taken")
    }

    async fn release_lease(&self, key: &ConnectionKey, owner: &Owner) -> Result<(), StoreError> {
        self.call(key, &scripts::release(Keys::of(key).lease(), owner.as_str())).await?;
        Ok(())
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
        let keys = Keys::of(key);
        let call = scripts::write_intent(&keys, owner, read, attempt, fingerprint, replaces);
        let (said, enough) = self.call_and_wait(key, &call).await?;
        match said.word.as_str() {
            "written" if enough => Ok(IntentWrite::Written),
            "written" => {
                // An intent that it replaced is still of unknown outcome.
                self.call(key, &scripts::clear_intent(&keys, attempt, said.first())).await?;
                Ok(IntentWrite::TooFewReplicas)
            }
            "lease lost" => Ok(IntentWrite::LeaseLost),
            "foreign" => Ok(IntentWrite::Foreign(stored_head::parse_intent(key, said.first().unwrap_or_default())?)),
            _ => Ok(IntentWrite::Changed),
        }
    }

    async fn clear_intent(&self, key: &ConnectionKey, attempt: &AttemptId) -> Result<(), StoreError> {
        self.call(key, &scripts::clear_intent(&Keys::of(key), attempt, None)).await?;
        Ok(())
    }

    async fn commit(&self, key: &ConnectionKey, commit: &Commit) -> Result<Committed, StoreError> {
        let keys = Keys::of(key);
        let (said, enough) = self.call_and_wait(key, &scripts::commit(&keys, commit)).await?;
        if said.word != "stored" {
            return Ok(Committed::Superseded);
        }
        if !enough {
            tracing::warn!("a new token is stored, but on fewer replicas than store.replicas asks for");
        }
        self.follow(&keys, &said.rows(key)?).await?;
        Ok(Committed::Stored)
    }

    async fn set_status(
        &self,
        key: &ConnectionKey,
        read: Generation,
        status: Status,
        cause: Option<Cause>,
    ) -> Result<bool, StoreError> {
        let keys = Keys::of(key);
        let state = serde_json::json!({ "status": status, "cause": cause });
        let said = self.call(key, &scripts::set_status(&keys, read, &state)).await?;
        if said.word != "set" {
            return Ok(false);
        }
        self.follow(&keys, &said.rows(key)?).await?;
        Ok(true)
    }

    async fn put(&self, key: &ConnectionKey, record: &NewRecord, when: PutWhen) -> Result<Put, StoreError> {
        let keys = Keys::of(key);
        let (said, enough) = self.call_and_wait(key, &scripts::put(&keys, record, when)).await?;
        if !enough {
            tracing::warn!("a connection is stored, but on fewer replicas than store.replicas asks for");
        }
        let rows = said.rows(key)?;
        if said.word != "stored" {
            return Ok(Put::Conflict(rows.new.map(|there| Box::new(there.head))));
        }
        self.follow(&keys, &rows).await?;
        Ok(Put::Stored)
    }

    async fn remove(&self, key: &ConnectionKey, at: Option<Generation>) -> Result<bool, StoreError> {
        let keys = Keys::of(key);
        let (said, _) = self.call_and_wait(key, &scripts::remove(&keys, at)).await?;
        if said.word == "changed" {
            return Ok(false);
        }
        self.tell_owed_beside(&keys, said.owed()).await?;
        // What was removed may have been corrupt; then its fingerprints are found to be wrong when they are used. And an
        // earlier try may have removed the record and no more.
        self.follow(&keys, &said.rows(key).unwrap_or_default()).await?;
        Ok(said.word == "removed")
    }

    async fn holder(&self, fingerprint: &Fingerprint) -> Result<Option<ConnectionKey>, StoreError> {
        self.confirmed_holder(fingerprint).await
    }

    async fn list(&self, tenant: Option<&str>, cursor: Option<&str>, limit: usize) -> Result<Page, StoreError> {
        self.page(&Range::new(tenant, cursor, limit)).await
    }

    fn changes(&self) -> broadcast::Receiver<ConnectionKey> {
        self.announcements.changes()
    }

    async fn announce(&self, key: &ConnectionKey) -> Result<(), StoreError> {
        self.link.query(CHANGES, redis::cmd("PUBLISH").arg(CHANGES).arg(key.encode())).await
    }

    fn reconnects(&self) -> watch::Receiver<u64> {
        self.presence.listen()
    }

    async fn reseal(
        &self,
        key: &ConnectionKey,
        session: Option<&Resealed>,
        grant: Option<&Resealed>,
    ) -> Result<bool, StoreError> {
        let said = self.call(key, &scripts::reseal(&Keys::of(key), session, grant)).await?;
        Ok(said.word == "resealed")
    }

    async fn wish(&self, wish: &Wish) -> Result<(), StoreError> {
        self.add_wish(wish).await
    }

    async fn wishes(&self, limit: usize) -> Result<Vec<Wish>, StoreError> {
        self.oldest_wishes(limit).await
    }

    async fn withdraw(&self, wish: &Wish) -> Result<(), StoreError> {
        self.remove_wish(wish).await
    }

    fn wished(&self) -> broadcast::Receiver<()> {
        self.announcements.wished()
    }

    async fn attend(&self, hub: &Owner, life: Duration) -> Result<bool, StoreError> {
        self.attend_as(hub, life).await
    }

    async fn step_down(&self, hub: &Owner) -> Result<(), StoreError> {
        self.give_up_lead(hub).await
    }

    async fn has_hub(&self) -> Result<bool, StoreError> {
        self.some_hub_lives().await
    }

    async fn schedule(&self, due: &[(ConnectionKey, Duration)], when: ScheduleWhen) -> Result<(), StoreError> {
        self.set_due(due, when).await
    }

    async fn unschedule(&self, key: &ConnectionKey) -> Result<(), StoreError> {
        self.drop_due(&key.encode()).await
    }

    async fn take_due(&self, limit: usize, claim: Duration) -> Result<Vec<ConnectionKey>, StoreError> {
        self.claim_due(limit, claim).await
    }

    async fn events(&self, after: Option<&str>, limit: usize) -> Result<Vec<Event>, StoreError> {
        self.events_after(after, limit).await
    }

    async fn document(&self, name: &DocumentName) -> Result<Option<Vec<u8>>, StoreError> {
        self.read_document(name).await
    }

    async fn put_document(
        &self,
        name: &DocumentName,
        value: &[u8],
        when: DocumentWhen<'_>,
        life: Option<Duration>,
    ) -> Result<bool, StoreError> {
        self.write_document(name, value, when, life).await
    }

    async fn remove_document(&self, name: &DocumentName, was: Option<&[u8]>) -> Result<bool, StoreError> {
        self.drop_document(name, was).await
    }

    async fn documents(
        &self,
        kind: DocumentKind,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        self.page_of_documents(kind, after, limit).await
    }

    async fn audit(&self, entry: &[u8]) -> Result<(), StoreError> {
        self.add_audit(entry).await
    }

    async fn audits(&self, after: Option<&str>, limit: usize) -> Result<Vec<AuditEntry>, StoreError> {
        self.audits_after(after, limit).await
    }

    async fn note_used(&self, used: &[(ConnectionKey, Duration)]) -> Result<(), StoreError> {
        self.set_used(used).await
    }

    async fn last_used(&self, keys: &[ConnectionKey]) -> Result<Vec<Option<StoreTime>>, StoreError> {
        self.used_at(keys).await
    }

    async fn time(&self) -> Result<StoreTime, StoreError> {
        self.now().await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.link.query(HUB, &redis::cmd("PING")).await
    }

    async fn dangers(&self) -> Result<Vec<String>, StoreError> {
        dangers::find(&self.link).await
    }
}
