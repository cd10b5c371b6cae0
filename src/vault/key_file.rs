//! A key file on disk: read whole and bounded, known again by its stamp, and rewritten in one step.

use std::fs::{self, File, Metadata};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::key::{Key, KeyId};
use super::key_ring::{KeyError, KeyRing};

/// The most derived keys that a ring takes, with room for comments.
const MAX_BYTES: u64 = 16 << 20;

/// A ring, and the file that it was read from.
#[derive(Debug)]
pub struct FileRing {
    pub(super) ring: KeyRing,
    pub(super) file: PathBuf,
    pub(super) stamp: Stamp,
}

/// Why a key file cannot be used. Never contains any of its text.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// It cannot be read.
    #[error("cannot read {}: {}; make one with: (umask 077; orgpass keys new > FILE)", .0.display(), .1)]
    Unreadable(PathBuf, io::Error),
    /// It can be read and holds no ring.
    #[error("{} {}", .0.display(), .1)]
    Wrong(PathBuf, KeyError),
    /// It cannot be written.
    #[error("cannot rewrite {}: {}; take the lines of key {} out where the file comes from", .0.display(), .2, .1)]
    Unwritable(PathBuf, KeyId, io::Error),
    /// It has no such key.
    #[error("{} has no key {}", .0.display(), .1)]
    NoSuchKey(PathBuf, KeyId),
}

/// What of a file changes with its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp([i64; 5], [u64; 2]);

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        let m = metadata;
        let times = [m.mtime(), m.mtime_nsec(), m.ctime(), m.ctime_nsec()];
        let size = i64::try_from(m.len()).unwrap_or(i64::MAX);
        Self([times[0], times[1], times[2], times[3], size], [m.dev(), m.ino()])
    }

    /// The stamp of the file that is there now; `None` if none can be looked at.
    pub(super) fn now(path: &Path) -> Option<Self> {
        fs::metadata(path).ok().as_ref().map(Self::of)
    }
}

impl FileRing {
    /// Reads a key file.
    pub fn read(path: &Path) -> Result<Self, KeyFileError> {
        let (text, stamp) = read(path).map_err(|error| KeyFileError::Unreadable(path.to_owned(), error))?;
        let ring = KeyRing::parse(&text).map_err(|error| KeyFileError::Wrong(path.to_owned(), error))?;
        Ok(Self { ring, file: path.to_owned(), stamp })
    }

    /// The ring.
    pub fn ring(&self) -> &KeyRing {
        &self.ring
    }
}

/// Takes a key out of its file, and leaves every other line as it is. The file is replaced in one step and keeps its
/// owner; rights of others than owner and group end.
pub fn retire(path: &Path, id: KeyId) -> Result<(), KeyFileError> {
    let unwritable = |error| KeyFileError::Unwritable(path.to_owned(), id, error);
    let (text, _) = read(path).map_err(|error| KeyFileError::Unreadable(path.to_owned(), error))?;
    let mut rest = Zeroizing::new(String::with_capacity(text.len() + 1));
    for line in text.lines().filter(|line| Key::id_of(line) != Some(id)) {
        rest.push_str(line);
        rest.push('\n');
    }
    if rest.lines().count() == text.lines().count() {
        return Err(KeyFileError::NoSuchKey(path.to_owned(), id));
    }
    KeyRing::parse(&rest).map_err(|error| KeyFileError::Wrong(path.to_owned(), error))?;
    replace(path, rest.as_bytes()).map_err(unwritable)
}

fn read(path: &Path) -> io::Result<(Zeroizing<String>, Stamp)> {
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    // Room for the whole file, so that growing leaves no copy of a key behind.
    let size = usize::try_from(metadata.len().min(MAX_BYTES)).unwrap_or_default();
    let mut text = Zeroizing::new(String::with_capacity(size + 1));
    let read = file.take(MAX_BYTES + 1).read_to_string(&mut text)?;
    if u64::try_from(read).is_ok_and(|read| read <= MAX_BYTES) {
        return Ok((text, Stamp::of(&metadata)));
    }
    Err(io::Error::other(format!("it is larger than {MAX_BYTES} bytes")))
}

/// Whoever opens the file meets either the old text or the new one, whatever happens meanwhile.
fn replace(path: &Path, text: &[u8]) -> io::Result<()> {
    // Through links, so that what they lead to is replaced and not they.
    let path = fs::canonicalize(path)?;
    let old = fs::metadata(&path)?;
    let mut new_path = path.clone().into_os_string();
    new_path.push(".new");
    let written = write_new(Path::new(&new_path), text, &old).and_then(|()| fs::rename(&new_path, &path));
    if written.is_err() {
        // One that was never made need not go.
        let _ = fs::remove_file(&new_path);
        return written;
    }
    // The rename itself must outlive a power cut.
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

fn write_new(path: &Path, text: &[u8], old: &Metadata) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    let made = file.metadata()?;
    if (made.uid(), made.gid()) != (old.uid(), old.gid()) {
        std::os::unix::fs::fchown(&file, Some(old.uid()), Some(old.gid()))?;
    }
    file.set_permissions(fs::Permissions::from_mode(old.mode() & 0o660))?;
    file.write_all(text)?;
    file.sync_all()
}
