//! Documents that are sealed under the grant keys: apps that tenants brought, and links. They come after the connections, in
//! pages of their own.

use std::time::Duration;

use super::{KeyKeeper, NotResealed, ResealPage, Unopenable, UsagePage};
use crate::connection::ConnectionKey;
use crate::management::{Name, Refusal};
use crate::store::{DocumentKind, DocumentName, DocumentWhen};
use crate::vault::{Purpose, Sealed};

/// The kinds that hold anything sealed, in the order in which they are gone through.
const KINDS: [DocumentKind; 2] = [DocumentKind::App, DocumentKind::Link];
/// The store forgets a link that was sealed anew after this, which is longer than any link lives. Until when it is good is
/// written inside.
const LINK_KEPT: Duration = Duration::from_secs(8 * 24 * 60 * 60);

/// Where a page of documents begins. Names of connections have no colon.
pub(super) struct Place {
    kind: DocumentKind,
    after: Option<String>,
}

/// A document with something sealed.
struct Held {
    name: DocumentName,
    bytes: Vec<u8>,
    key: ConnectionKey,
    /// How many bytes stand in front of what is sealed.
    clear: usize,
}

impl Place {
    /// Where the documents begin.
    fn first() -> Self {
        Self { kind: KINDS[0], after: None }
    }

    /// Reads a cursor, if it is one of documents.
    pub(super) fn parse(cursor: Option<&str>) -> Option<Self> {
        let (kind, after) = cursor?.split_once(':')?;
        let kind = KINDS.into_iter().find(|known| known.as_str() == kind)?;
        Some(Self { kind, after: (!after.is_empty()).then(|| after.to_owned()) })
    }

    fn cursor(&self) -> String {
        format!("{}:{}", self.kind.as_str(), self.after.as_deref().unwrap_or_default())
    }

    fn next(&self, last: Option<String>) -> Option<Self> {
        if last.is_some() {
            return Some(Self { kind: self.kind, after: last });
        }
        let following = KINDS.iter().skip_while(|kind| **kind != self.kind).nth(1)?;
        Some(Self { kind: *following, after: None })
    }
}

impl Held {
    fn read(kind: DocumentKind, name: String, bytes: Vec<u8>) -> Option<Self> {
        let (key, clear) = match kind {
            DocumentKind::App => (ConnectionKey::decode(&name)?, 0),
            DocumentKind::Link => {
                let end = memchr::memchr(b'\n', &bytes)?;
                (ConnectionKey::decode(std::str::from_utf8(&bytes[..end]).ok()?)?, end + 1)
            }
            DocumentKind::Delivery => return None,
        };
        Some(Self { name: DocumentName::new(kind, name).ok()?, bytes, key, clear })
    }

    fn sealed(&self) -> Sealed {
        Sealed::from_bytes(self.bytes[self.clear..].to_vec())
    }

    fn what(&self) -> &'static str {
        match self.name.kind() {
            DocumentKind::App => "its app",
            DocumentKind::Link | DocumentKind::Delivery => "a link",
        }
    }
}

impl KeyKeeper {
    /// What follows the last page of connections: documents, if there are any and this process opens them.
    pub(super) async fn after_connections(&self) -> Result<Option<String>, Refusal> {
        if !self.vault.has_grant_keys() {
            return Ok(None);
        }
        for kind in KINDS {
            if !self.store.documents(kind, None, 1).await?.is_empty() {
                return Ok(Some(Place::first().cursor()));
            }
        }
        Ok(None)
    }

    pub(super) async fn documents_usage(&self, place: &Place, limit: usize) -> Result<UsagePage, Refusal> {
        let (held, next) = self.documents_at(place, limit).await?;
        let mut page = UsagePage { rings: self.rings(), next, ..UsagePage::default() };
        for document in held {
            match document.sealed().key_id() {
                None => page.corrupt.push(Name::of(&document.key)),
                Some(key) => {
                    *page.grant.entry(key).or_default() += 1;
                    if !self.vault.knows(Purpose::Grant, key, document.key.tenant()) {
                        let connection = Name::of(&document.key);
                        page.unopenable.push(Unopenable { connection, purpose: Purpose::Grant, key });
                    }
                }
            }
        }
        Ok(page)
    }

    pub(super) async fn reseal_documents(&self, place: &Place, limit: usize) -> Result<ResealPage, Refusal> {
        let (held, next) = self.documents_at(place, limit).await?;
        let mut page = ResealPage { rings: self.rings(), next, ..ResealPage::default() };
        for document in held {
            let why = match self.vault.reseal(Purpose::Grant, &document.key, &document.sealed()) {
                Ok(None) => {
                    page.current += 1;
                    continue;
                }
                Ok(Some(new)) if self.replace(&document, &new).await? => {
                    page.resealed += 1;
                    continue;
                }
                // It is under the key that seals now, or under none any more.
                Ok(Some(_)) => continue,
                Err(error) => format!("{} is {error}", document.what()),
            };
            page.failed.push(NotResealed { connection: Name::of(&document.key), why });
        }
        Ok(page)
    }

    /// False if it was written by somebody else meanwhile.
    async fn replace(&self, document: &Held, new: &Sealed) -> Result<bool, Refusal> {
        let mut bytes = document.bytes[..document.clear].to_vec();
        bytes.extend_from_slice(new.as_bytes());
        let life = (document.name.kind() == DocumentKind::Link).then_some(LINK_KEPT);
        Ok(self.store.put_document(&document.name, &bytes, DocumentWhen::Was(&document.bytes), life).await?)
    }

    async fn documents_at(&self, place: &Place, limit: usize) -> Result<(Vec<Held>, Option<String>), Refusal> {
        let found = self.store.documents(place.kind, place.after.as_deref(), limit).await?;
        let next = place.next(found.last().map(|(name, _)| name.clone()));
        let held = found.into_iter().filter_map(|(name, bytes)| Held::read(place.kind, name, bytes));
        Ok((held.collect(), next.map(|place| place.cursor())))
    }
}
