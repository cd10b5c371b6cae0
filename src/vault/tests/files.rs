//! Key files on disk: read again when they change, and rewritten without a key.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;

use tempfile::TempDir;

use super::*;

struct Folder {
    folder: TempDir,
}

impl Folder {
    fn new() -> Self {
        Self { folder: TempDir::new().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, lines: &[&str]) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, lines.join("\n")).unwrap();
        path
    }
}

#[test]
fn a_changed_file_is_read_again_and_a_wrong_one_changes_nothing() {
    let folder = Folder::new();
    let (old, new) = (new_key_line(), new_key_line());
    let file = folder.write("session.keys", &[&old]);
    let vault = Vault::of_files(FileRing::read(&file).unwrap(), None);
    let home = place("acme", None);
    let sealed = vault.seal(Purpose::Session, &home, b"token").unwrap();
    assert_eq!(vault.reread(), [], "nothing has changed");

    folder.write("session.keys", &[&new, &old]);
    let reread = vault.reread();
    assert_eq!(reread, [Reread { file: file.clone(), outcome: Ok(vec![id(&new), id(&old)]) }]);
    assert_eq!(vault.reread(), []);
    assert_eq!(vault.seal(Purpose::Session, &home, b"x").unwrap().key_id(), Some(id(&new)));
    assert!(vault.open(Purpose::Session, &home, &sealed).is_ok());

    for wrong in ["", "not a key", &format!("{}\nx", new.as_str())] {
        folder.write("session.keys", &[wrong]);
        let reread = vault.reread();
        let error = reread[0].outcome.as_ref().unwrap_err();
        assert!(error.contains("session.keys") && !error.contains(new.split_once(':').unwrap().1), "{error}");
        assert_eq!(vault.fault().as_ref(), Some(error));
        assert_eq!(vault.reread(), [], "it is reported once");
        assert!(vault.open(Purpose::Session, &home, &sealed).is_ok(), "the old ring stays");
    }
    fs::remove_file(&file).unwrap();
    assert!(vault.reread()[0].outcome.as_ref().unwrap_err().contains("cannot read"));
    folder.write("session.keys", &[&new, &old]);
    assert!(vault.reread()[0].outcome.is_ok());
    assert_eq!((vault.fault(), vault.replaced()), (None, 2));
}

#[test]
fn a_file_that_is_swapped_by_a_link_is_read_again() {
    let folder = Folder::new();
    let (one, two) = (new_key_line(), new_key_line());
    let (first, second) = (folder.write("1", &[&one]), folder.write("2", &[&two]));
    let link = folder.path("session.keys");
    std::os::unix::fs::symlink(&first, &link).unwrap();
    let vault = Vault::of_files(FileRing::read(&link).unwrap(), None);
    std::os::unix::fs::symlink(&second, folder.path("next")).unwrap();
    fs::rename(folder.path("next"), &link).unwrap();
    assert_eq!(vault.reread()[0].outcome, Ok(vec![id(&two)]));
}

#[test]
fn derived_keys_do_not_come_in_by_a_change_where_they_may_not_stand() {
    let folder = Folder::new();
    let root = new_key_line();
    let files = ["session.keys", "grant.keys"].map(|name| folder.write(name, &[&root]));
    let [session, grant] = files.map(|file| FileRing::read(&file).unwrap());
    let vault = Vault::of_files(session, Some(grant));
    let derived = vault.derive_session_keys(&[place("acme", None)]).unwrap();
    folder.write("session.keys", &[&derived]);
    folder.write("grant.keys", &[&derived]);
    let outcomes: Vec<_> = vault.reread().into_iter().map(|reread| reread.outcome.unwrap_err()).collect();
    assert!(outcomes[0].contains("needs the whole session keys") && outcomes[1].contains("grant keys are whole ones"));
    assert!(vault.seal(Purpose::Session, &place("globex", None), b"x").is_ok());
}

#[test]
fn a_retired_key_leaves_its_file_and_nothing_else_does() {
    let folder = Folder::new();
    let (old, new) = (new_key_line(), new_key_line());
    let root = Vault::new(ring(&[&new, &old]), None);
    let derived = root.derive_session_keys(&[place("acme", None), place("globex", None)]).unwrap();
    for (lines, left) in [
        (vec!["# ours", &new, "", &old], vec!["# ours", &new, ""]),
        (derived.lines().collect(), derived.lines().take(2).collect()),
    ] {
        let file = folder.write("session.keys", &lines);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        let before = fs::metadata(&file).unwrap();
        retire(&file, id(&old)).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap().lines().collect::<Vec<_>>(), left);
        let after = fs::metadata(&file).unwrap();
        assert_eq!((after.uid(), after.gid()), (before.uid(), before.gid()));
        assert_eq!(after.mode() & 0o777, 0o640, "others lose what they should not have had");
        assert!(matches!(retire(&file, id(&old)), Err(KeyFileError::NoSuchKey(..))));
        let last = retire(&file, id(&new)).unwrap_err();
        assert!(matches!(last, KeyFileError::Wrong(_, KeyError::Empty)));
        assert_eq!(fs::read_to_string(&file).unwrap().lines().collect::<Vec<_>>(), left, "the last key stays");
        assert_eq!(fs::read_dir(folder.folder.path()).unwrap().count(), 1, "nothing is left lying about");
    }
}
