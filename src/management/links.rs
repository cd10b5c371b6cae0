//! Links: each lets one browser connect one org for one connection, once. A link is a small document in the store that
//! every hub can go on with; every step is a compare-and-set, so no link is used twice and none gets lost with a hub.

mod link;
mod minting;
mod return_to;
mod sealed;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

pub use link::{Answered, Ending, Flow, Link, LinkFault, Stage};
pub use minting::{LinkRequest, MintedLink};
pub use return_to::{ReturnTo, return_address};

use super::{Management, Refusal};
use crate::store::{DocumentKind, DocumentName, DocumentWhen};

/// Characters of a link's id: 256 bits in base64url.
const ID_CHARS: usize = 43;
/// A document outlives its link by this: who comes late is told so, and what was never confirmed is revoked.
const KEPT_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// How links are made.
#[derive(Clone, Debug)]
pub struct LinkSettings {
    /// What browsers know the hub by: scheme and host, without a slash behind.
    pub public_url: String,
    /// Where links may lead back to.
    pub return_to: Vec<ReturnTo>,
    /// For how long a link is good, unless it says otherwise.
    pub life: Duration,
    /// Whether a tenant must be connected before its users are.
    pub users_need_installation: bool,
}

/// The secret part of a link's address. Only its hash is in the store.
#[derive(Clone, PartialEq, Eq)]
pub struct LinkId(String);

/// A link as it was read, to be written over only if it is still the same.
#[derive(Clone, Debug)]
pub struct HeldLink {
    /// The link.
    pub link: Link,
    name: DocumentName,
    bytes: Vec<u8>,
}

impl LinkId {
    fn random() -> Self {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).expect("the operating system's random source works");
        Self(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// Reads what stands in an address.
    pub fn parse(text: &str) -> Option<Self> {
        let right = text.len() == ID_CHARS
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
        right.then(|| Self(text.to_owned()))
    }

    /// The text in the address.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn document(&self) -> DocumentName {
        let hash = URL_SAFE_NO_PAD.encode(Sha256::digest(self.0.as_bytes()));
        DocumentName::new(DocumentKind::Link, hash).expect("a hash in base64url is a name")
    }
}

impl std::fmt::Debug for LinkId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[link]")
    }
}

impl HeldLink {
    /// What `state` begins with, so that whoever comes back is led to this link. Tells nothing that opens it.
    pub fn name(&self) -> &str {
        self.name.name()
    }
}

/// Now, in seconds since 1970 by this host's clock; links live for minutes.
pub fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

impl Management {
    /// The link with this id.
    pub async fn link(&self, id: &LinkId) -> Result<Option<HeldLink>, Refusal> {
        self.read_link(id.document()).await
    }

    /// The link whose name stands in front of a `state`.
    pub async fn link_of_state(&self, state: &str) -> Result<Option<HeldLink>, Refusal> {
        let name = state.split('.').next().unwrap_or_default();
        match DocumentName::new(DocumentKind::Link, name) {
            Ok(name) => self.read_link(name).await,
            Err(_) => Ok(None),
        }
    }

    /// Links after the one named, as many as one page has.
    pub async fn links(&self, after: Option<&str>, limit: usize) -> Result<(Vec<HeldLink>, Option<String>), Refusal> {
        let page = self.store.documents(DocumentKind::Link, after, limit).await?;
        let next = page.last().map(|(name, _)| name.clone());
        let held = page.into_iter().filter_map(|(name, bytes)| {
            let name = DocumentName::new(DocumentKind::Link, name).ok()?;
            self.open_link(name, bytes).ok()
        });
        Ok((held.collect(), next))
    }

    /// Writes a link over the one that was read. `None` if it is another one by now.
    pub async fn advance_link(&self, held: &HeldLink, link: Link) -> Result<Option<HeldLink>, Refusal> {
        let bytes = sealed::seal(&self.vault, &link).map_err(|_| Refusal::NoGrantKeys)?;
        let when = DocumentWhen::Was(&held.bytes);
        let written = self.store.put_document(&held.name, &bytes, when, Some(life_of(&link))).await?;
        Ok(written.then(|| HeldLink { link, name: held.name.clone(), bytes }))
    }

    async fn read_link(&self, name: DocumentName) -> Result<Option<HeldLink>, Refusal> {
        let Some(bytes) = self.store.document(&name).await? else { return Ok(None) };
        self.open_link(name, bytes).map(Some)
    }

    fn open_link(&self, name: DocumentName, bytes: Vec<u8>) -> Result<HeldLink, Refusal> {
        let link = sealed::open(&self.vault, &name, &bytes, &self.trusted_hosts)
            .map_err(|error| Refusal::Record { message: format!("a stored link {error}") })?;
        Ok(HeldLink { link, name, bytes })
    }
}

fn life_of(link: &Link) -> Duration {
    Duration::from_secs(link.expires.saturating_sub(unix_now())) + KEPT_AFTER
}
