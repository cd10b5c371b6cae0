//! Which part of the encoded keys a listing covers, the same for both stores.

use std::ops::Bound;

use super::Page;
use super::stored_head::StoredHead;
use crate::connection::ConnectionKey;

/// Most entries of one answer: connections of a page, due connections, events.
pub(super) const MAX_PAGE: usize = 1000;

/// A part of the order of encoded keys.
#[derive(Clone, Debug)]
pub(super) struct Range {
    from: Bound<String>,
    to: Bound<String>,
    /// Connections wanted, at least 1.
    pub(super) limit: usize,
}

impl Range {
    /// The range after `cursor`, of one tenant or all.
    pub(super) fn new(tenant: Option<&str>, cursor: Option<&str>, limit: usize) -> Self {
        let limit = limit.clamp(1, MAX_PAGE);
        let after = cursor.map_or(Bound::Unbounded, |cursor| Bound::Excluded(cursor.to_owned()));
        let Some(tenant) = tenant else {
            return Self { from: after, to: Bound::Unbounded, limit };
        };
        // A name that breaks the rules has no connections; the range of "" holds none either.
        let own = ConnectionKey::parse(tenant, None).map(|key| key.encode()).unwrap_or_default();
        // A tenant's keys are its own and those that go on with `.`, which sorts below every other byte of a key; `/`
        // is the byte after it. So they are neighbours, and `ab` is not among those of `a`.
        let to = Bound::Excluded(if own.is_empty() { String::new() } else { format!("{own}/") });
        let from = match after {
            Bound::Excluded(cursor) if cursor >= own => Bound::Excluded(cursor),
            _ => Bound::Included(own),
        };
        Self { from, to, limit }
    }

    /// The bounds, for a range scan.
    pub(super) fn bounds(&self) -> (Bound<&str>, Bound<&str>) {
        (self.from.as_ref().map(String::as_str), self.to.as_ref().map(String::as_str))
    }

    /// Whether no key can be in the range. Some stores refuse a range whose end lies before its start.
    pub(super) fn is_empty(&self) -> bool {
        match self.bounds() {
            (Bound::Included(from) | Bound::Excluded(from), Bound::Excluded(to)) => from >= to,
            _ => false,
        }
    }
}

/// A page of what was scanned, names with their status rows, given one more than wanted if there are more. A name
/// without a row is passed over.
pub(super) fn page(mut scanned: Vec<(String, Option<Vec<u8>>)>, limit: usize) -> Page {
    let more = scanned.len() > limit;
    scanned.truncate(limit);
    let mut page = Page { next: scanned.last().filter(|_| more).map(|(name, _)| name.clone()), ..Page::default() };
    for (name, status) in scanned {
        let (Some(key), Some(status)) = (ConnectionKey::decode(&name), status) else { continue };
        match StoredHead::parse(&key, &status) {
            Ok(stored) => page.connections.push((key, stored.head)),
            Err(_) => page.corrupt.push(key),
        }
    }
    page
}
