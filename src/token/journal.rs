//! The journal: what exchanges brought, on this process's own disk, so that neither a crash before the store has it nor
//! a store that goes back to an older state loses a refresh token. Tokens stand in it as the store keeps them, sealed.
//! Each process appends to a file of its own and takes over those of processes that are gone.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::connection::{ConnectionKey, Generation};
use crate::store::{AttemptId, Commit, Fingerprint, Head, Owner};
use crate::vault::Sealed;

/// How long an entry is kept: longer than anybody takes to notice that a store went back.
pub(super) const KEPT_FOR: Duration = Duration::from_secs(24 * 60 * 60);

/// Heads and sealed tokens take a few kilobytes; nothing longer than this was written here.
const MAX_ENTRY_BYTES: usize = 256 * 1024;
const MAX_FILE_BYTES: u64 = 512 * 1024 * 1024;
/// A file is written anew when it is this much longer than it was then.
const GROWTH_BYTES: u64 = 4 * 1024 * 1024;
const CHECKSUM_BYTES: usize = 8;
const SUFFIX: &str = "journal";

/// One outcome of an exchange.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    /// The connection.
    pub(super) key: ConnectionKey,
    /// When it was appended, by this host's clock: milliseconds since 1970.
    pub(super) at: u64,
    /// What is to be stored.
    pub(super) commit: Commit,
}

/// The clear part of an entry; what it says stands in the clear in the store too.
#[derive(Serialize, Deserialize)]
struct Clear {
    at: u64,
    attempt: AttemptId,
    read: Generation,
    spent: Option<Fingerprint>,
    head: Head,
}

/// This process's file.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    open: Mutex<Open>,
}

#[derive(Debug)]
struct Open {
    file: File,
    length: u64,
    rewrite_at: u64,
}

impl Entry {
    /// An entry of now.
    pub(super) fn new(key: ConnectionKey, commit: Commit) -> Self {
        Self { key, at: millis_now(), commit }
    }

    fn is_old(&self) -> bool {
        millis_now().saturating_sub(self.at) > u64::try_from(KEPT_FOR.as_millis()).unwrap_or(u64::MAX)
    }

    /// Length, four fields with their lengths, and a checksum that tells a whole entry from one that was cut off.
    fn to_bytes(&self) -> Vec<u8> {
        let Commit { attempt, read, spent, head, session, grant } = &self.commit;
        let clear =
            Clear { at: self.at, attempt: attempt.clone(), read: *read, spent: spent.clone(), head: head.clone() };
        let clear = serde_json::to_vec(&clear).expect("heads have text keys only");
        let mut body = Vec::with_capacity(1024 + session.as_bytes().len() + grant.as_bytes().len());
        for field in [self.key.encode().as_bytes(), &clear, session.as_bytes(), grant.as_bytes()] {
            push_field(&mut body, field);
        }
        let mut bytes = Vec::with_capacity(body.len() + 4 + CHECKSUM_BYTES);
        push_field(&mut bytes, &body);
        bytes.extend_from_slice(&checksum(&body));
        bytes
    }

    /// Takes one entry from the front; `None` at the end, and at anything that is not a whole entry.
    fn take(bytes: &mut &[u8]) -> Option<Self> {
        let body = take_field(bytes).filter(|body| body.len() <= MAX_ENTRY_BYTES)?;
        let (sum, rest) = bytes.split_first_chunk::<CHECKSUM_BYTES>()?;
        *bytes = rest;
        if *sum != checksum(body) {
            return None;
        }
        let mut fields = body;
        let key = ConnectionKey::decode(std::str::from_utf8(take_field(&mut fields)?).ok()?)?;
        let clear: Clear = serde_json::from_slice(take_field(&mut fields)?).ok()?;
        let session = Sealed::from_bytes(take_field(&mut fields)?.to_vec());
        let grant = Sealed::from_bytes(take_field(&mut fields)?.to_vec());
        let Clear { at, attempt, read, spent, head } = clear;
        Some(Self { key, at, commit: Commit { attempt, read, spent, head, session, grant } })
    }
}

impl Journal {
    /// Opens a new file in `folder`, which is made if it is missing, and takes over what processes that are gone have
    /// left there: their entries, oldest first, which the new file holds as well.
    pub(super) fn open(folder: &Path) -> io::Result<(Self, Vec<Entry>)> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let orphans = orphans(folder)?;
        let mut entries: Vec<Entry> = Vec::new();
        for (path, _) in &orphans {
            entries.extend(read(path)?.into_iter().filter(|entry| !entry.is_old()));
        }
        entries.sort_by_key(|entry| entry.at);
        let path = folder.join(format!("{}.{SUFFIX}", Owner::random().as_str()));
        let open = Open::write(&path, &entries)?;
        for (orphan, _lock) in &orphans {
            fs::remove_file(orphan)?;
        }
        Ok((Self { path, open: Mutex::new(open) }, entries))
    }

    /// Appends an entry and waits until the disk has it. `live` gives every entry that is worth keeping, for when the
    /// file has grown so long that it is written anew. Blocks.
    pub(super) fn append(&self, entry: &Entry, live: impl FnOnce() -> Vec<Entry>) -> io::Result<()> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = entry.to_bytes();
        if let Err(error) = open.file.write_all(&bytes).and_then(|()| open.file.sync_data()) {
            // Half an entry would hide what comes after it: the next append writes the file anew.
            open.rewrite_at = 0;
            return Err(error);
        }
        open.length += bytes.len() as u64;
        if open.length > open.rewrite_at {
            *open = Open::write(&self.path, &live())?;
        }
        Ok(())
    }
}

impl Open {
    /// Writes a file with these entries in the place of whatever was there, and locks it.
    fn write(path: &Path, entries: &[Entry]) -> io::Result<Self> {
        let new = path.with_extension("new");
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        file.lock()?;
        let bytes: Vec<u8> = entries.iter().flat_map(Entry::to_bytes).collect();
        file.write_all(&bytes)?;
        file.sync_all()?;
        fs::rename(&new, path)?;
        // The name lasts through a power cut only once its folder is on the disk.
        File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()?;
        let length = bytes.len() as u64;
        Ok(Self { file, length, rewrite_at: 2 * length + GROWTH_BYTES })
    }
}

/// The journals of processes that are gone, locked so that nobody else takes them over.
fn orphans(folder: &Path) -> io::Result<Vec<(PathBuf, File)>> {
    let mut orphans = Vec::new();
    for found in fs::read_dir(folder)? {
        let path = found?.path();
        if path.extension().is_none_or(|suffix| suffix != SUFFIX) {
            continue;
        }
        // Gone meanwhile: somebody else has taken it over.
        let Ok(file) = File::open(&path) else { continue };
        if file.try_lock().is_ok() && path.exists() {
            orphans.push((path, file));
        }
    }
    Ok(orphans)
}

fn read(path: &Path) -> io::Result<Vec<Entry>> {
    if fs::metadata(path)?.len() > MAX_FILE_BYTES {
        return Err(io::Error::other(format!("{} is too long to be a journal", path.display())));
    }
    let bytes = fs::read(path)?;
    let mut rest = bytes.as_slice();
    let entries = std::iter::from_fn(|| Entry::take(&mut rest)).collect();
    Ok(entries)
}

fn push_field(out: &mut Vec<u8>, field: &[u8]) {
    let length = u32::try_from(field.len()).expect("names and tokens are far below 4 GiB");
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(field);
}

fn take_field<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (field, rest) = rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
    *bytes = rest;
    Some(field)
}

fn checksum(body: &[u8]) -> [u8; CHECKSUM_BYTES] {
    *Sha256::digest(body).first_chunk().expect("a digest has 32 bytes")
}

fn millis_now() -> u64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
