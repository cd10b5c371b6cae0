use std::fs;
use std::path::Path;

use crate::cli::Exit;
use crate::cli::tests::{Ended, folder, orgpass};
use crate::vault::KeyRing;

const RINGS: [&str; 2] = ["session", "grant"];

fn import(file: &Path, tenants: &[&str]) {
    let line = |tenant: &&str| {
        format!(
            r#"{{"tenant":"{tenant}","access_token":"00D!{tenant}","refresh_token":"r{tenant}",
               "instance_url":"https://x.my.salesforce.com"}}"#
        )
        .replace('\n', " ")
    };
    let stream: Vec<_> = tenants.iter().map(line).collect();
    let ended = orgpass(file, &["connection", "import", "--ndjson"], &stream.join("\n"));
    assert_eq!(ended.exit, Exit::Success, "{}", ended.errors);
}

fn ids(folder: &Path, ring: &str) -> Vec<String> {
    let text = fs::read_to_string(folder.join(format!("{ring}.keys"))).unwrap();
    text.lines().map(|line| line[..8].to_owned()).collect()
}

/// Rewrites both key files, their lines changed as told.
fn change(file: &Path, change: impl Fn(&mut Vec<String>)) {
    for ring in RINGS {
        let path = file.with_file_name(format!("{ring}.keys"));
        let mut lines: Vec<String> = fs::read_to_string(&path).unwrap().lines().map(str::to_owned).collect();
        change(&mut lines);
        fs::write(path, lines.join("\n")).unwrap();
    }
}

fn keys(file: &Path, arguments: &[&str]) -> Ended {
    orgpass(file, &[&["keys"], arguments].concat(), "")
}

/// The states of the keys by `keys status --json`, in order.
fn states(file: &Path) -> Vec<(String, u64, String)> {
    let ended = keys(file, &["status", "--json"]);
    assert_eq!((ended.exit, ended.errors.as_str()), (Exit::Success, ""));
    let line = |line: &str| {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        let text = |field: &str| value[field].as_str().unwrap().to_owned();
        (text("key"), value["records"].as_u64().unwrap(), text("state"))
    };
    ended.output.lines().map(line).collect()
}

#[test]
fn a_key_is_added_moved_first_rotated_to_and_the_old_one_retired() {
    let (folder, file) = folder();
    import(&file, &["acme", "globex", "initech"]);
    change(&file, |lines| lines.push(keys(&file, &["new"]).output.trim().to_owned()));
    let [session, grant] = RINGS.map(|ring| ids(folder.path(), ring));
    let state = |key: &String, records, state: &str| (key.clone(), records, state.to_owned());
    let added = [
        state(&session[0], 3, "seals"),
        state(&session[1], 0, "unused"),
        state(&grant[0], 3, "seals"),
        state(&grant[1], 0, "unused"),
    ];
    assert_eq!(states(&file), added);
    let retire = |key: &str| keys(&file, &["retire", key]);
    let refused = retire(&session[0]);
    assert_eq!(refused.exit, Exit::Refused);
    assert!(refused.errors.contains("so it seals"), "{}", refused.errors);

    change(&file, |lines| lines.reverse());
    let refused = retire(&grant[0]);
    assert_eq!(refused.exit, Exit::Refused);
    assert!(refused.errors.contains(&format!("3 records still need grant key {}", grant[0])), "{}", refused.errors);
    assert_eq!(ids(folder.path(), "grant").len(), 2);

    let rotated = keys(&file, &["rotate"]);
    assert_eq!((rotated.exit, rotated.errors.as_str()), (Exit::Success, ""));
    let said = format!("session key {} seals\ngrant key {} seals\n", session[1], grant[1]);
    assert_eq!(rotated.output, format!("{said}3 resealed, 0 already current, 0 failed\n"));
    let again: serde_json::Value = serde_json::from_str(&keys(&file, &["rotate", "--json"]).output).unwrap();
    assert_eq!((&again["resealed"], &again["current"]), (&0.into(), &3.into()));
    assert_eq!(states(&file)[1], state(&session[0], 0, "unused"));

    for key in [&session[0], &grant[0]] {
        assert_eq!(retire(key).exit, Exit::Success);
        let gone = retire(key);
        assert_eq!(gone.exit, Exit::Usage, "{}", gone.errors);
    }
    assert_eq!(
        [ids(folder.path(), "session"), ids(folder.path(), "grant")],
        [[session[1].clone()], [grant[1].clone()]]
    );
    let shown = orgpass(&file, &["connection", "show", "--tenant", "acme"], "").output;
    assert!(shown.contains("instance     https://x.my.salesforce.com") && !shown.contains("unreadable"), "{shown}");
}

#[test]
fn a_key_that_is_missing_is_named_with_its_connections() {
    let (folder, file) = folder();
    import(&file, &["acme"]);
    let lost = ids(folder.path(), "session").remove(0);
    fs::write(folder.path().join("session.keys"), keys(&file, &["new"]).output).unwrap();
    import(&file, &["globex"]);
    let status = keys(&file, &["status"]);
    assert!(status.output.contains(&format!("session  {lost}  1        UNKNOWN")), "{}", status.output);
    let warning = format!("warning: tenant acme: its session is sealed with the unknown key {lost}");
    assert!(status.errors.contains(&warning), "{}", status.errors);
    let rotated = keys(&file, &["rotate"]);
    assert_eq!(rotated.exit, Exit::Failed);
    assert!(rotated.errors.starts_with("tenant acme: its session is sealed with a key that is not in the key file"));
    assert!(rotated.output.ends_with("0 resealed, 1 already current, 1 failed\n"), "{}", rotated.output);
}

#[test]
fn derived_keys_are_printed_for_each_key_and_tenant() {
    let (folder, file) = folder();
    change(&file, |lines| lines.push(keys(&file, &["new"]).output.trim().to_owned()));
    let derived = keys(&file, &["derive", "--tenant", "globex", "--tenant", "acme-eu", "--tenant", "globex"]);
    assert_eq!((derived.exit, derived.errors.as_str()), (Exit::Success, ""));
    let heads: Vec<_> = derived.output.lines().map(|line| line.rsplit_once(':').unwrap().0.to_owned()).collect();
    let ids = ids(folder.path(), "session");
    let wanted = ids.iter().flat_map(|id| ["acme_2Deu", "globex"].map(|tenant| format!("{id}:derived-1:{tenant}")));
    assert_eq!(heads, wanted.collect::<Vec<_>>());
    KeyRing::parse(&derived.output).unwrap();
    let wrong = keys(&file, &["derive", "--tenant", "a b"]);
    assert_eq!((wrong.exit, wrong.output.as_str()), (Exit::Usage, ""));

    // In a sidecar's own configuration they are taken, and derive no further.
    fs::write(folder.path().join("sidecar.keys"), &derived.output).unwrap();
    let sidecar = folder.path().join("sidecar.toml");
    let config = "[store]\nurl = \"redis://127.0.0.1:1\"\n[vault]\nsession_keys_file = \"sidecar.keys\"\n";
    fs::write(&sidecar, config).unwrap();
    let checked = orgpass(&sidecar, &["config", "check"], "");
    assert!(checked.output.contains("session keys of 2 tenants"), "{}{}", checked.output, checked.errors);
    let refused = keys(&sidecar, &["derive", "--tenant", "globex"]);
    assert!(refused.exit == Exit::Usage && refused.errors.contains("derived already"), "{}", refused.errors);
    fs::write(&sidecar, format!("{config}grant_keys_file = \"grant.keys\"\n")).unwrap();
    let refused = orgpass(&sidecar, &["config", "check"], "");
    assert!(refused.errors.contains("vault.session_keys_file: has keys that are derived"), "{}", refused.errors);
}
