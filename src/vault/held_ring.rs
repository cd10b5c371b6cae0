//! A ring in use, which may be replaced while it is: what was read from a file is read again when that changes.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::{ArcSwap, Guard};

use super::Purpose;
use super::key::KeyId;
use super::key_file::{FileRing, KeyFileError, Stamp};
use super::key_ring::KeyRing;

/// What came of reading a changed key file again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reread {
    /// The file.
    pub file: PathBuf,
    /// The ids of the ring's keys now; or why the file cannot be used, and the ring stays what it was.
    pub outcome: Result<Vec<KeyId>, String>,
}

#[derive(Debug)]
pub(super) struct HeldRing {
    ring: ArcSwap<KeyRing>,
    file: Option<Followed>,
}

#[derive(Debug)]
struct Followed {
    path: PathBuf,
    seen: Mutex<Seen>,
}

/// The file as it was found last.
#[derive(Debug)]
struct Seen {
    /// `None` while no file is there.
    stamp: Option<Stamp>,
    fault: Option<String>,
    /// How often the ring was replaced.
    replaced: u64,
}

impl HeldRing {
    pub(super) fn fixed(ring: KeyRing) -> Self {
        Self { ring: ArcSwap::from_pointee(ring), file: None }
    }

    pub(super) fn of_file(FileRing { ring, file, stamp }: FileRing) -> Self {
        let seen = Mutex::new(Seen { stamp: Some(stamp), fault: None, replaced: 0 });
        Self { ring: ArcSwap::from_pointee(ring), file: Some(Followed { path: file, seen }) }
    }

    /// The ring as it is now. Hold it for one operation only.
    pub(super) fn ring(&self) -> Guard<Arc<KeyRing>> {
        self.ring.load()
    }

    pub(super) fn file(&self) -> Option<&Path> {
        Some(&self.file.as_ref()?.path)
    }

    pub(super) fn replaced(&self) -> u64 {
        self.file.as_ref().map_or(0, |file| file.seen().replaced)
    }

    pub(super) fn fault(&self) -> Option<String> {
        self.file.as_ref()?.seen().fault.clone()
    }

    /// Reads the file again if it is another than the one seen last.
    pub(super) fn reread(&self, purpose: Purpose, has_grant_keys: bool) -> Option<Reread> {
        let followed = self.file.as_ref()?;
        let mut seen = followed.seen();
        let stamp = Stamp::now(&followed.path);
        if stamp == seen.stamp {
            return None;
        }
        let outcome = FileRing::read(&followed.path).and_then(|read| {
            let suits = read.ring.suits(purpose, has_grant_keys);
            suits.map_err(|error| KeyFileError::Wrong(followed.path.clone(), error))?;
            Ok(read)
        });
        let outcome = match outcome {
            Ok(read) => {
                let ids = read.ring.ids().to_vec();
                *seen = Seen { stamp: Some(read.stamp), fault: None, replaced: seen.replaced + 1 };
                self.ring.store(Arc::new(read.ring));
                Ok(ids)
            }
            Err(error) => {
                (seen.stamp, seen.fault) = (stamp, Some(error.to_string()));
                Err(error.to_string())
            }
        };
        Some(Reread { file: followed.path.clone(), outcome })
    }
}

impl Followed {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        // What is seen is whole at every moment.
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
