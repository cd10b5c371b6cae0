//! Section `[vault]`: the key files. Without session keys nothing starts; a hub needs grant keys too, and so does an
//! embedded file, since no other process could exchange for it.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::Fault;
use crate::settings::Section;
use crate::vault::{FileRing, Purpose, Vault};

const HOW: &str = "make one with: (umask 077; orgpass keys new > FILE)";

/// Takes the keys of `[vault]` and reads the key files: the vault, which is missing only with a fault, and the folder of
/// the journal. `needs_grant_keys` is the reason, if grant keys are needed.
pub(super) fn read(
    mut section: Section<'_>,
    needs_grant_keys: Option<&str>,
    warnings: &mut Vec<Fault>,
) -> (Option<Vault>, Option<PathBuf>) {
    let journal_dir = section.file("journal_dir");
    (rings(section, needs_grant_keys, warnings), journal_dir)
}

fn rings(mut section: Section<'_>, needs_grant_keys: Option<&str>, warnings: &mut Vec<Fault>) -> Option<Vault> {
    let session = ring(&mut section, "session_keys_file", warnings);
    let grant = ring(&mut section, "grant_keys_file", warnings);
    if session.is_none() {
        section.fault("session_keys_file", format_args!("is missing; name a key file, and {HOW}"));
    }
    if let (None, Some(why)) = (&grant, needs_grant_keys) {
        section.fault("grant_keys_file", format_args!("is missing; {why}. Name a key file, and {HOW}"));
    }
    let session = suiting(&mut section, "session_keys_file", session, Purpose::Session, grant.is_some());
    let grant = suiting(&mut section, "grant_keys_file", grant, Purpose::Grant, true);
    section.finish();
    let (Some(Ok(session)), None | Some(Ok(_))) = (session, &grant) else { return None };
    let grant = grant.and_then(Result::ok);
    warnings.extend(grant.as_ref().and_then(|grant| shared_key(&session, grant)));
    Some(Vault::of_files(session, grant))
}

/// The ring in a key file, if one is named. `Err` when it cannot be used, which is then reported.
fn ring(section: &mut Section<'_>, key: &'static str, warnings: &mut Vec<Fault>) -> Option<Result<FileRing, ()>> {
    let file = section.file(key)?;
    let ring = FileRing::read(&file).map_err(|error| section.fault(key, error));
    warnings.extend(readable_by_others(&format!("vault.{key}"), &file));
    Some(ring)
}

/// The ring, unless its keys are not for this purpose or process, which is then reported.
fn suiting(
    section: &mut Section<'_>,
    key: &'static str,
    ring: Option<Result<FileRing, ()>>,
    purpose: Purpose,
    has_grant_keys: bool,
) -> Option<Result<FileRing, ()>> {
    Some(ring?.and_then(|file| match file.ring().suits(purpose, has_grant_keys) {
        Ok(()) => Ok(file),
        Err(error) => {
            section.fault(key, error);
            Err(())
        }
    }))
}

/// A warning if a key seals both kinds of token: what keeps refresh tokens from sidecars is that they lack the keys.
fn shared_key(session: &FileRing, grant: &FileRing) -> Option<Fault> {
    let shared = grant.ring().ids().iter().find(|id| session.ring().ids().contains(id))?;
    let message = format!(
        "has the key {shared}, which vault.session_keys_file has too, so that whoever has session keys can open refresh \
         tokens; put a new key first (orgpass keys new), then orgpass keys rotate, and take {shared} out here"
    );
    Some(Fault { key: "vault.grant_keys_file".to_owned(), message })
}

/// A warning if users other than the owner may read the file.
pub(super) fn readable_by_others(key: &str, file: &Path) -> Option<Fault> {
    let mode = std::fs::metadata(file).ok()?.permissions().mode();
    let message = format!("{} can be read by other users; protect it with: chmod 600", file.display());
    (mode & 0o077 != 0).then(|| Fault { key: key.to_owned(), message })
}
