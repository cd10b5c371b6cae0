//! Documents: what hubs keep beside connections, small and by name, and the trail of what was changed by whom.

use super::StoreTime;

/// About how many entries of the audit trail are kept.
pub const MAX_AUDITS: usize = 100_000;

const MAX_NAME_BYTES: usize = 600;

/// What a document is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DocumentKind {
    /// A link by which an org is being connected.
    Link,
    /// An app that a tenant brought.
    App,
    /// How far a webhook has got.
    Delivery,
}

impl DocumentKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Link, Self::App, Self::Delivery];

    /// The word in the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Link => "link",
            Self::App => "app",
            Self::Delivery => "delivery",
        }
    }
}

/// Names a document.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DocumentName {
    kind: DocumentKind,
    name: String,
}

/// A name that no document can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to {MAX_NAME_BYTES} of the characters A-Z, a-z, 0-9, _, . and -")]
pub struct DocumentNameError;

impl DocumentName {
    /// A document of this kind and name; encoded connection keys and hashes in hex or base64url are names.
    pub fn new(kind: DocumentKind, name: impl Into<String>) -> Result<Self, DocumentNameError> {
        let name = name.into();
        let is_name = (1..=MAX_NAME_BYTES).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'));
        if is_name { Ok(Self { kind, name }) } else { Err(DocumentNameError) }
    }

    /// What it is about.
    pub fn kind(&self) -> DocumentKind {
        self.kind
    }

    /// Its name within its kind.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// When [`Store::put_document`](super::Store::put_document) may write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DocumentWhen<'a> {
    /// Whatever is there.
    Always,
    /// Only if there is none.
    Absent,
    /// Only over exactly this.
    Was(&'a [u8]),
}

/// One entry of the audit trail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// Names the entry and orders it.
    pub id: String,
    /// When, by the store's clock.
    pub at: StoreTime,
    /// What was written.
    pub entry: Vec<u8>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_hold_no_character_that_a_store_reads_otherwise() {
        for good in ["a", "acme.u_2D17", "Zm9v-_", &"x".repeat(600)] {
            assert_eq!(DocumentName::new(DocumentKind::Link, good).unwrap().name(), good);
        }
        for bad in ["", "a b", "{a}", "a:b", "ä", "a/b", &"x".repeat(601)] {
            assert_eq!(DocumentName::new(DocumentKind::Link, bad), Err(DocumentNameError), "{bad}");
        }
    }
}
