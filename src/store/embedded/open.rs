//! Opening the embedded file: made for its owner only, held by one process, with a small page cache.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use redb::backends::FileBackend;
use redb::{Database, DatabaseError, StorageError};

use super::damage;
use super::tables::Tables;
use crate::store::StoreError;

/// Idle memory of the whole program is to stay within 12 MiB; the operating system caches the file anyway.
const PAGE_CACHE_BYTES: usize = 1024 * 1024;

/// Opens or makes the file and its tables.
pub(super) fn open(path: &Path) -> Result<Database, StoreError> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(|error| refused(path, &error))?;
    sync_folder(path).map_err(|error| refused(path, &error))?;
    let backend = FileBackend::new(file).map_err(|error| explain(path, error))?;
    let database = Database::builder()
        .set_cache_size(PAGE_CACHE_BYTES)
        .create_with_backend(backend)
        .map_err(|error| explain(path, error))?;
    // Readers find their tables from the start.
    let transaction = database.begin_write().map_err(damage)?;
    Tables::open(&transaction)?;
    transaction.commit().map_err(damage)?;
    Ok(database)
}

// A new file's name lasts through a power cut only once its folder is on the disk.
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

fn refused(path: &Path, error: &io::Error) -> StoreError {
    StoreError::Refused(format!(
        "cannot open {}: {error}; its folder must exist and the file be readable and writable",
        path.display()
    ))
}

fn explain(path: &Path, error: DatabaseError) -> StoreError {
    match error {
        DatabaseError::DatabaseAlreadyOpen => StoreError::InUse(path.display().to_string()),
        DatabaseError::Storage(StorageError::Io(error)) if error.kind() != io::ErrorKind::InvalidData => {
            StoreError::Unavailable(format!("{}: {error}", path.display()))
        }
        error => StoreError::Refused(format!("{} is not a store of this program: {error}", path.display())),
    }
}
