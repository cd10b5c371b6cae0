//! Section `[vault]`: the key files. Without session keys nothing starts; an embedded file needs grant keys too, since
//! no other process could exchange for it.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::Fault;
use crate::settings::Section;
use crate::vault::{KeyRing, Vault};

/// A ring has at most 64 lines of some 60 bytes; the rest is room for comments.
const MAX_KEY_FILE_BYTES: u64 = 64 * 1024;

const HOW: &str = "make one with: (umask 077; orgpass keys new > FILE)";

/// Takes the keys of `[vault]` and reads the key files: the vault, which is missing only with a fault, and the folder of
/// the journal.
pub(super) fn read(
    mut section: Section<'_>,
    needs_grant_keys: bool,
    warnings: &mut Vec<Fault>,
) -> (Option<Vault>, Option<PathBuf>) {
    let journal_dir = section.file("journal_dir");
    (rings(section, needs_grant_keys, warnings), journal_dir)
}

fn rings(mut section: Section<'_>, needs_grant_keys: bool, warnings: &mut Vec<Fault>) -> Option<Vault> {
    let session = ring(&mut section, "session_keys_file", warnings);
    let grant = ring(&mut section, "grant_keys_file", warnings);
    if session.is_none() {
        section.fault("session_keys_file", format_args!("is missing; name a key file, and {HOW}"));
    }
    if grant.is_none() && needs_grant_keys {
        let message = format_args!(
            "is missing; with an embedded store no other process can hold the grant keys. Name a key file, and {HOW}"
        );
        section.fault("grant_keys_file", message);
    }
    section.finish();
    let (Some(Ok(session)), None | Some(Ok(_))) = (session, &grant) else { return None };
    Some(Vault::new(session, grant.and_then(Result::ok)))
}

/// The ring in a key file, if one is named. `Err` when it cannot be used, which is then reported.
fn ring(section: &mut Section<'_>, key: &'static str, warnings: &mut Vec<Fault>) -> Option<Result<KeyRing, ()>> {
    let file = section.file(key)?;
    let ring = read_ring(&file).map_err(|message| section.fault(key, message));
    warnings.extend(readable_by_others(&format!("vault.{key}"), &file));
    Some(ring)
}

fn read_ring(file: &Path) -> Result<KeyRing, String> {
    let text = super::read_bounded(file, MAX_KEY_FILE_BYTES)
        .map(Zeroizing::new)
        .map_err(|error| format!("cannot read {}: {error}; {HOW}", file.display()))?;
    KeyRing::parse(&text).map_err(|error| format!("{} {error}", file.display()))
}

/// A warning if users other than the owner may read the file.
pub(super) fn readable_by_others(key: &str, file: &Path) -> Option<Fault> {
    let mode = std::fs::metadata(file).ok()?.permissions().mode();
    let message = format!("{} can be read by other users; protect it with: chmod 600", file.display());
    (mode & 0o077 != 0).then(|| Fault { key: key.to_owned(), message })
}
