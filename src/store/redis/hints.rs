//! Index, fingerprints, events and announcements. They live in other Cluster slots than the record, so no script can keep them
//! true: they are written after it, believed only after a look at it, and put right where they are found wrong.

use super::keys::{self, CHANGES, INDEX, Keys, USED};
use super::scripts::{self, Raw, Rows};
use redis::Value;

use super::RedisStore;
use crate::connection::ConnectionKey;
use crate::store::listing::{self, Range};
use crate::store::stored_head::StoredHead;
use crate::store::{Fingerprint, Page, StoreError};

impl RedisStore {
    /// Follows a write: lists the connection, or no longer, under its name and fingerprints, tells the events that are
    /// owed, and announces the connection.
    pub(super) async fn follow(&self, keys: &Keys, rows: &Rows) -> Result<(), StoreError> {
        let mut hints = Vec::new();
        if let Some(new) = &rows.new {
            hints.push((INDEX.to_owned(), redis::cmd("ZADD").arg(INDEX).arg(0).arg(&keys.tag).take()));
            hints.push((USED.to_owned(), redis::cmd("ZADD").arg(USED).arg("NX").arg(0).arg(&keys.tag).take()));
            for known in new.fingerprints() {
                let name = keys::fingerprint(known);
                hints.push((name.clone(), redis::cmd("SET").arg(name).arg(&keys.tag).take()));
            }
        }
        if let Some(new) = &rows.new {
            if rows.old.is_none() {
                // An earlier connection of this name may have gone untold.
                self.tell_owed_beside(keys, self.owed_beside(keys).await?.as_deref()).await?;
            }
            self.tell_owed_by(keys, new).await?;
        }
        hints.push((CHANGES.to_owned(), redis::cmd("PUBLISH").arg(CHANGES).arg(&keys.tag).take()));
        self.link.queries::<Value>(&hints).await?;
        if rows.new.is_none() {
            self.unlist(keys).await?;
            self.drop_due(&keys.tag).await?;
            self.drop_used(&keys.tag).await?;
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
        let names: Vec<String> = self.link.query(INDEX, &scan).await?;
        if names.is_empty() {
            return Ok(Page::default());
        }
        let status = |name: &String| Keys { tag: name.clone() }.status();
        let reads: Vec<_> =
            names.iter().map(status).map(|key| (key.clone(), redis::cmd("GET").arg(key).take())).collect();
        let rows: Vec<Raw> = self.link.queries(&reads).await?;
        for (name, row) in names.iter().zip(&rows) {
            if let Err(error) = self.tidy_up(name, row.as_deref()).await {
                // The listing is right without it.
                tracing::debug!(%error, "what a connection owes is told later");
            }
        }
        Ok(listing::page(names.into_iter().zip(rows).collect(), range.limit))
    }

    /// Tells what a connection owes whose row was just read, and takes one that is gone out of the index.
    async fn tidy_up(&self, name: &str, row: Option<&[u8]>) -> Result<(), StoreError> {
        let keys = Keys { tag: name.to_owned() };
        let Some(row) = row else {
            self.tell_owed_beside(&keys, self.owed_beside(&keys).await?.as_deref()).await?;
            return self.unlist(&keys).await;
        };
        match ConnectionKey::decode(name).map(|key| StoredHead::parse(&key, row)) {
            Some(Ok(row)) => self.tell_owed_by(&keys, &row).await,
            _ => Ok(()),
        }
    }

    /// The connection that a fingerprint leads to, once its record has confirmed it.
    pub(super) async fn confirmed_holder(
        &self,
        fingerprint: &Fingerprint,
    ) -> Result<Option<ConnectionKey>, StoreError> {
        let name = keys::fingerprint(fingerprint);
        let hint: Option<String> = self.link.query(&name, redis::cmd("GET").arg(&name)).await?;
        let Some(tag) = hint else { return Ok(None) };
        let Some(key) = ConnectionKey::decode(&tag) else { return Ok(None) };
        let status = self.status_at(&Keys::of(&key)).await?;
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
        self.link.query::<()>(INDEX, redis::cmd("ZREM").arg(INDEX).arg(&keys.tag)).await?;
        if self.status_at(keys).await?.is_some() {
            self.link.query::<()>(INDEX, redis::cmd("ZADD").arg(INDEX).arg(0).arg(&keys.tag)).await?;
        }
        Ok(())
    }

    async fn owed_beside(&self, keys: &Keys) -> Result<Raw, StoreError> {
        self.link.query(&keys.owed(), redis::cmd("GET").arg(keys.owed())).await
    }

    async fn status_at(&self, keys: &Keys) -> Result<Option<Vec<u8>>, StoreError> {
        self.link.query(&keys.status(), redis::cmd("GET").arg(keys.status())).await
    }

    // Another connection may have been seen with the token since; its hint stays.
    async fn forget_fingerprint(&self, fingerprint: &Fingerprint, tag: &str) -> Result<(), StoreError> {
        self.link.call::<Value>(&scripts::release(keys::fingerprint(fingerprint), tag)).await?;
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
