use proptest::prelude::*;

use super::*;
use crate::connection::Status;
use crate::secret::Secret;
use crate::store::{GrantKind, StoreTime};

fn entry(tenant: &str, number: u64) -> Entry {
    let generation = Generation { number, ..Generation::first() };
    let token = |number| Fingerprint::of(&Secret::new(format!("{tenant}-{number}")));
    let head = Head {
        status: Status::Active,
        cause: None,
        since: StoreTime(1),
        generation,
        stored: StoreTime(2),
        fingerprint: Some(token(number)),
        attempt: None,
        app: "default".to_owned(),
        grant: GrantKind::RefreshToken,
        idle: None,
    };
    let commit = Commit {
        attempt: AttemptId::random(),
        read: generation,
        spent: Some(token(number - 1)),
        head,
        session: Sealed::from_bytes(vec![1; 700]),
        grant: Sealed::from_bytes(vec![2; 300]),
    };
    Entry::new(ConnectionKey::parse(tenant, Some("u-17")).unwrap(), commit)
}

fn append(journal: &Journal, entry: &Entry) {
    journal.append(entry, || panic!("it is short")).unwrap();
}

#[test]
fn what_a_process_that_died_had_appended_is_taken_over_once() {
    let folder = tempfile::tempdir().unwrap();
    let entries = [entry("acme", 2), entry("globex", 7)];
    let (journal, found) = Journal::open(folder.path()).unwrap();
    assert_eq!(found, []);
    entries.iter().for_each(|entry| append(&journal, entry));
    let (beside, found) = Journal::open(folder.path()).unwrap();
    assert_eq!(found, [], "a living process's journal is its own");
    drop(journal);

    let (second, found) = Journal::open(folder.path()).unwrap();
    assert_eq!(found, entries);
    drop((second, beside));
    let (_third, found) = Journal::open(folder.path()).unwrap();
    assert_eq!(found, entries, "it was taken over, not used up");
}

#[test]
fn an_entry_that_was_cut_off_hides_none_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(folder.path()).unwrap();
    let whole = entry("acme", 2);
    append(&journal, &whole);
    append(&journal, &entry("acme", 3));
    let path = journal.path.clone();
    drop(journal);
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
    assert_eq!(Journal::open(folder.path()).unwrap().1, [whole]);
}

#[test]
fn a_file_that_has_grown_long_is_written_anew_with_what_is_worth_keeping() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(folder.path()).unwrap();
    let kept = entry("acme", 9000);
    let mut longest = 0;
    for number in 2..9000 {
        let live = || vec![kept.clone()];
        journal.append(&entry("acme", number), live).unwrap();
        let length = fs::metadata(&journal.path).unwrap().len();
        if length < longest {
            break;
        }
        longest = length;
    }
    drop(journal);
    assert_eq!(Journal::open(folder.path()).unwrap().1.first(), Some(&kept));
    assert!(longest < 2 * GROWTH_BYTES);
}

#[test]
fn an_append_that_failed_half_way_hides_no_later_entry() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(folder.path()).unwrap();
    let disk = {
        let mut open = journal.open.lock().unwrap();
        let half = entry("acme", 2).to_bytes();
        open.file.write_all(&half[..half.len() / 2]).unwrap();
        std::mem::replace(&mut open.file, File::create("/dev/full").unwrap())
    };
    journal.append(&entry("acme", 3), || panic!("nothing was appended")).unwrap_err();
    journal.open.lock().unwrap().file = disk;
    let later = entry("globex", 4);
    journal.append(&later, || vec![later.clone()]).unwrap();
    drop(journal);
    assert_eq!(Journal::open(folder.path()).unwrap().1, [later]);
}

#[test]
fn only_its_owner_may_read_a_journal() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("made/when/missing");
    let (journal, _) = Journal::open(&folder).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&folder), mode(&journal.path)), (0o700, 0o600));
}

proptest! {
    #[test]
    fn any_bytes_after_whole_entries_are_read_without_harm(junk in proptest::collection::vec(any::<u8>(), 0..200)) {
        let whole = entry("acme", 2);
        let bytes = [whole.to_bytes(), junk].concat();
        let mut rest = bytes.as_slice();
        prop_assert_eq!(Entry::take(&mut rest), Some(whole));
        while Entry::take(&mut rest).is_some() {}
    }
}
