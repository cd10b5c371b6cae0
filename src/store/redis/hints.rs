//! Index, fingerprints, events and announcements. They live in other Cluster slots than the record, so no script can keep them
//! true: they are written after it, believed only after a look at it, and put right where they are found wrong.

use super::keys::{self, CHANGES, INDEX, Keys};
use super::scripts::{self, Rows};
use super::{RedisStore, events};
use crate::connection::ConnectionKey;
use crate::store::listing::{self, Range};
use crate::store::stored_event::StoredEvent;
use crate::store::stored_head::StoredHead;
use crate::store::{Fingerprint, Page, StoreError};

impl RedisStore {
    /// Follows a write: lists the connection, or no longer, under its name and fingerprints, tells of the event, if it
    /// was one, and announces the connection.
    pub(super) async fn follow(&self, keys: &Keys, rows: &Rows, event: Option<&StoredEvent>) -> Result<(), StoreError> {
        let mut pipeline = redis::pipe();
        if let Some(new) = &rows.new {
            pipeline.cmd("ZADD").arg(INDEX).arg(0).arg(&keys.tag).ignore();
            for known in new.fingerprints() {
                pipeline.cmd("SET").arg(keys::fingerprint(known)).arg(&keys.tag).ignore();
            }
        }
        if let Some(event) = event {
            pipeline.add_command(events::add(event)).ignore();
        }
        pipeline.cmd("PUBLISH").arg(CHANGES).arg(&keys.tag).ignore();
        self.link.pipeline::<()>(&pipeline).await?;
        if rows.new.is_none() {
            self.unlist(keys).await?;
            self.drop_due(&keys.tag).await?;
        }
        for gone in rows.old.iter().flat_map(StoredHead::fingerprints) {
            if !rows.new.as_ref().is_some_and(|new| new.mentions(gone)) {
                self.forget_fingerprint(gone, &keys.tag).await?;
            }
        }
        Ok(())
    }

    /// Reads a page of the index with the status of each connection.
    pub(super) async fn page(&self, range: &Range) -> Result<Page, StoreError> {
        if range.is_empty() {
            return Ok(Page::default());
        }
        let (from, to) = (lexical(range.bounds().0, "-"), lexical(range.bounds().1, "+"));
        let mut scan = redis::cmd("ZRANGE");
        scan.arg(INDEX).arg(from).arg(to).arg("BYLEX").arg("LIMIT").arg(0).arg(range.limit + 1);
        let names: Vec<String> = self.link.query(&scan).await?;
        if names.is_empty() {
            return Ok(Page::default());
        }
        let mut read = redis::pipe();
        for name in &names {
            read.cmd("GET").arg(Keys { tag: name.clone() }.status());
        }
        let rows: Vec<Option<Vec<u8>>> = self.link.pipeline(&read).await?;
        for (name, _) in names.iter().zip(&rows).filter(|(_, row)| row.is_none()) {
            self.unlist(&Keys { tag: name.clone() }).await?;
        }
        Ok(listing::page(names.into_iter().zip(rows).collect(), range.limit))
    }

    /// The connection that a fingerprint leads to, once its record has confirmed it.
    pub(super) async fn confirmed_holder(
        &self,
        fingerprint: &Fingerprint,
    ) -> Result<Option<ConnectionKey>, StoreError> {
        let hint: Option<String> = self.link.query(redis::cmd("GET").arg(keys::fingerprint(fingerprint))).await?;
        let Some(tag) = hint else { return Ok(None) };
        let Some(key) = ConnectionKey::decode(&tag) else { return Ok(None) };
        let status: Option<Vec<u8>> = self.link.query(redis::cmd("GET").arg(Keys::of(&key).status())).await?;
        let stored = status.map(|status| StoredHead::parse(&key, &status));
        match stored {
            Some(Ok(stored)) if stored.mentions(fingerprint) => return Ok(Some(key)),
            Some(Err(_)) => {}
            Some(Ok(_)) | None => self.forget_fingerprint(fingerprint, &tag).await?,
        }
        Ok(None)
    }

    // The connection may be made anew just now, and its name listed before it is taken out here; so look once more.
    async fn unlist(&self, keys: &Keys) -> Result<(), StoreError> {
        self.link.query::<()>(redis::cmd("ZREM").arg(INDEX).arg(&keys.tag)).await?;
        let status: Option<Vec<u8>> = self.link.query(redis::cmd("GET").arg(keys.status())).await?;
        if status.is_some() {
            self.link.query::<()>(redis::cmd("ZADD").arg(INDEX).arg(0).arg(&keys.tag)).await?;
        }
        Ok(())
    }

    // Another connection may have been seen with the token since; its hint stays.
    async fn forget_fingerprint(&self, fingerprint: &Fingerprint, tag: &str) -> Result<(), StoreError> {
        let call = scripts::release(keys::fingerprint(fingerprint), tag);
        self.link.run(async |connection| call.run(connection).await).await?;
        Ok(())
    }
}

fn lexical(bound: std::ops::Bound<&str>, unbounded: &str) -> String {
    match bound {
        std::ops::Bound::Included(name) => format!("[{name}"),
        std::ops::Bound::Excluded(name) => format!("({name}"),
        std::ops::Bound::Unbounded => unbounded.to_owned(),
    }
}
