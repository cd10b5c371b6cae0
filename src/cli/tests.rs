use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::ndjson::{Line, Lines};
use super::*;
use crate::app::Engine;
use crate::control::{Listener, serve};
use crate::management::MAX_DOCUMENT_BYTES;
use crate::vault::KeyRing;

/// How a command ended.
pub(super) struct Ended {
    pub(super) exit: Exit,
    pub(super) output: String,
    pub(super) errors: String,
}

/// Runs `orgpass --config FILE ARGUMENTS`.
pub(super) fn orgpass(file: &Path, arguments: &[&str], input: &str) -> Ended {
    let mut line: Vec<OsString> = vec!["orgpass".into(), "--config".into(), file.into()];
    line.extend(arguments.iter().map(OsString::from));
    let (mut output, mut errors) = (Vec::new(), Vec::new());
    let exit = run(
        line,
        Surroundings {
            env: Vec::new(),
            input: &mut input.as_bytes(),
            output: &mut output,
            errors: &mut errors,
            interactive: false,
        },
    );
    Ended { exit, output: String::from_utf8(output).unwrap(), errors: String::from_utf8(errors).unwrap() }
}

/// A folder with a configuration for an embedded store, its keys made by `keys new`.
pub(super) fn folder() -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("orgpass.toml");
    for name in ["session.keys", "grant.keys"] {
        let made = orgpass(&file, &["keys", "new"], "");
        assert_eq!(made.exit, Exit::Success);
        KeyRing::parse(&made.output).unwrap();
        assert_eq!(made.output.lines().count(), 1);
        fs::write(folder.path().join(name), made.output).unwrap();
    }
    let text = "[vault]\nsession_keys_file = \"session.keys\"\ngrant_keys_file = \"grant.keys\"\n\
                [apps.default]\nclient_id = \"3MVG9\"\n[salesforce]\ntrusted_hosts = [\"127.0.0.1\"]\n";
    fs::write(&file, text).unwrap();
    (folder, file)
}

#[test]
fn exit_codes_are_the_documented_ones() {
    let document = include_str!("../../docs/cli.md");
    let documented: Vec<_> = document
        .lines()
        .skip_while(|line| !line.starts_with("## Exit codes"))
        .filter(|line| line.starts_with("| ") && line.contains('`'))
        .collect();
    let real: Vec<_> = Exit::ALL
        .iter()
        .map(|exit| format!("| {} | `{}` | {} |", exit.number(), exit.as_str(), exit.meaning()))
        .collect();
    assert_eq!(documented, real);
    let help: Vec<_> = EXAMPLES.split_whitespace().collect();
    for exit in Exit::ALL {
        assert!(help.contains(&exit.number().to_string().as_str()), "--help leaves out {exit:?}");
    }
}

#[test]
fn every_command_of_the_document_exists_and_the_other_way_round() {
    use clap::CommandFactory;

    fn leaves(command: &clap::Command, path: &str, into: &mut Vec<String>) {
        let path = format!("{path}{}", command.get_name());
        if command.get_subcommands().next().is_none() {
            into.push(path);
            return;
        }
        for sub in command.get_subcommands() {
            leaves(sub, &format!("{path} "), into);
        }
    }

    Cli::command().debug_assert();
    let mut real = Vec::new();
    leaves(&Cli::command(), "", &mut real);
    let documented: Vec<_> = include_str!("../../docs/cli.md")
        .lines()
        .filter_map(|line| line.strip_prefix("| `orgpass "))
        .map(|line| format!("orgpass {}", line.split('`').next().unwrap()))
        .collect();
    assert_eq!(real, documented);
}

#[test]
fn a_wrong_command_line_ends_with_64_and_help_with_0() {
    let (_folder, file) = folder();
    for arguments in [&["connection", "show"][..], &["nonsense"], &["keys"], &["connection", "show", "--tenant", "a b"]]
    {
        let ended = orgpass(&file, arguments, "");
        assert_eq!(ended.exit, Exit::Usage, "{arguments:?}");
        assert_eq!(ended.output, "");
        assert_ne!(ended.errors, "");
    }
    for arguments in [&["--help"][..], &["connection", "import", "--help"], &["--version"]] {
        let ended = orgpass(&file, arguments, "");
        assert_eq!((ended.exit, ended.errors.as_str()), (Exit::Success, ""), "{arguments:?}");
        assert!(ended.output.contains("orgpass"));
    }
}

#[test]
fn config_check_lists_every_fault_and_warns_of_readable_keys() {
    let (folder, file) = folder();
    fs::write(folder.path().join("wrong.toml"), "[proxi]\n[ops]\nlisten = \"x\"").unwrap();
    let bad = orgpass(&folder.path().join("wrong.toml"), &["config", "check"], "");
    assert_eq!(bad.exit, Exit::Usage);
    assert!(bad.errors.contains("wrong.toml: 4 faults\n  proxi: "), "{}", bad.errors);
    assert!(bad.errors.contains("\n  ops.listen: "), "{}", bad.errors);

    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(folder.path().join("grant.keys"), fs::Permissions::from_mode(0o644)).unwrap();
    let good = orgpass(&file, &["config", "check"], "");
    assert_eq!(good.exit, Exit::Success);
    assert!(good.output.starts_with("The configuration is good.\n"));
    assert!(good.errors.contains("warning: vault.grant_keys_file: "), "{}", good.errors);
}

/// A login host where nobody answers.
const NOBODY: &str = "http://127.0.0.1:1";

const ACME: &[&str] = &["connection", "import", "--tenant", "acme", "--instance-url", "https://acme.my.salesforce.com"];

#[test]
fn a_connection_is_imported_shown_and_removed_without_a_running_serve() {
    let (_folder, file) = folder();
    let token = r#"{"refresh_token":"5AepS3CRET","access_token":"00Dxx0000001gPL!S3CRET"}"#;
    assert_eq!(orgpass(&file, ACME, token).output, "created\n");
    assert_eq!(orgpass(&file, ACME, token).output, "unchanged\n");
    assert_eq!(orgpass(&file, ACME, r#"{"refresh_token":"another"}"#).exit, Exit::Conflict);
    let shown = orgpass(&file, &["connection", "show", "--tenant", "acme", "--json"], "");
    let view: serde_json::Value = serde_json::from_str(&shown.output).unwrap();
    assert_eq!(view["local_token"], "00Dxx0000001gPL!orgpass.acme");
    assert_eq!(view["status"], "active");
    let text = orgpass(&file, &["connection", "show", "--tenant", "acme"], "").output;
    assert!(text.contains("local token  00Dxx0000001gPL!orgpass.acme\n"), "{text}");
    assert!(!format!("{}{text}", shown.output).contains("S3CRET"));
    let listed = orgpass(&file, &["connection", "list"], "").output;
    assert!(listed.lines().nth(1).unwrap().starts_with("acme    -     active  -      default  refresh_token  "));
    let nobody = orgpass(&file, &["connection", "show", "--tenant", "acme", "--user", "u"], "");
    assert_eq!(nobody.exit, Exit::NotFound, "a user never falls back to the installation");
}

#[test]
fn wrong_input_of_a_single_import_ends_with_65_and_names_the_key() {
    let (_folder, file) = folder();
    for (input, words) in [
        ("", "standard input is empty"),
        ("S3CRET", "orgpass: the input is not JSON"),
        (r#"{"tenant":"b","refresh_token":"S3CRET"}"#, "tenant is given by --tenant"),
        (r#"{"instance_url":"b","refresh_token":"S3CRET"}"#, "instance_url is given by --instance-url"),
        (r#"{"refresh_token":"S3CRET "}"#, "refresh_token has a character"),
    ] {
        let ended = orgpass(&file, ACME, input);
        assert_eq!(ended.exit, Exit::BadInput, "{input}");
        assert!(ended.errors.contains(words), "{}", ended.errors);
        assert!(!ended.errors.contains("S3CRET"));
    }
}

#[test]
fn a_salesforce_cli_auth_url_is_imported_for_the_app_with_its_client_id() {
    let (_folder, file) = folder();
    let import = |url: &str| orgpass(&file, &["connection", "import", "--tenant", "a", "--sfdx-auth-url"], url);
    assert_eq!(import("force://PlatformCLI::5AepS3CRET@a.my.salesforce.com\n").exit, Exit::BadInput);
    assert_eq!(import("force://3MVG9:s:5AepS3CRET@a.my.salesforce.com\n").output, "created\n");
}

/// Good lines, each kind of bad line, and an empty one.
fn stream() -> String {
    let good = |tenant: &str| {
        format!(r#"{{"tenant":"{tenant}","refresh_token":"r-{tenant}","instance_url":"https://x.my.salesforce.com"}}"#)
    };
    [
        good("one"),
        "S3CRET".to_owned(),
        String::new(),
        good("two"),
        r#"{"tenant":"three","refresh_token":"S3 CRET"}"#.to_owned(),
        "x".repeat(3 * MAX_DOCUMENT_BYTES),
        r#"{"tenant":"four","refresh_token":"r-one"}"#.to_owned(),
        good("five"),
    ]
    .join("\n")
}

const NDJSON: &[&str] = &["connection", "import", "--ndjson"];

#[test]
fn of_a_stream_the_good_lines_are_imported_and_the_bad_ones_named() {
    let (_folder, file) = folder();
    let first = orgpass(&file, NDJSON, &stream());
    assert_eq!(first.exit, Exit::BadInput);
    assert_eq!(first.output, "3 created, 0 replaced, 0 unchanged, 4 refused\n");
    let lines: Vec<_> = first.errors.lines().collect();
    assert_eq!(lines.len(), 4, "{}", first.errors);
    assert!(lines[0].starts_with("line 2: the input is not JSON"));
    assert!(lines[1].starts_with("line 5: refresh_token has a character"));
    assert!(lines[2].starts_with("line 6: the input is longer than"));
    assert!(lines[3].starts_with("line 7: this refresh token belongs to another connection already: tenant one"));
    assert!(!first.errors.contains("S3"));
    let tenants = orgpass(&file, &["connection", "list", "--json"], "").output;
    assert_eq!(tenants.lines().count(), 3, "nothing of a bad line is stored: {tenants}");

    let again = orgpass(&file, &[NDJSON, &["--json"]].concat(), &stream());
    let lines: Vec<serde_json::Value> = again.output.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[0]["line"], 2);
    assert_eq!(lines[4], serde_json::json!({"created": 0, "replaced": 0, "unchanged": 3, "refused": 4}));
    assert_eq!(again.errors, "");
}

#[test]
fn lines_are_counted_bounded_and_whole() {
    let long = "y".repeat(MAX_DOCUMENT_BYTES + 1);
    let exact = "z".repeat(MAX_DOCUMENT_BYTES);
    let text = format!("a\n\n  \n{long}\n{exact}\nlast");
    let mut input = text.as_bytes();
    let mut lines = Lines::new(&mut input);
    let mut seen = Vec::new();
    while let Some(line) = lines.next().unwrap() {
        let length = match line {
            Line::Whole(bytes) => Some(bytes.len()),
            Line::TooLong => None,
        };
        let number = lines.number;
        seen.push((number, length));
    }
    assert_eq!(seen, [(1, Some(1)), (4, None), (5, Some(MAX_DOCUMENT_BYTES)), (6, Some(4))]);
}

#[test]
fn commands_work_beside_a_process_that_owns_the_store() {
    let (_folder, file) = folder();
    let config = Config::load(Some(&file), []).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let owner = {
        let _within = runtime.enter();
        let management = Engine::build(&config).unwrap().management;
        let listener = Listener::bind(config.control.as_deref().unwrap()).unwrap();
        let (stop, stopping) = crate::shutdown::channel();
        runtime.spawn(serve(listener, management, stop, stopping))
    };
    let imported = orgpass(&file, NDJSON, &stream());
    assert_eq!(imported.output, "3 created, 0 replaced, 0 unchanged, 4 refused\n");
    assert!(!imported.errors.contains("S3"));
    assert_eq!(orgpass(&file, ACME, r#"{"refresh_token":"x","grant":7}"#).exit, Exit::BadInput);
    let listed = orgpass(&file, &["connection", "list", "--json", "--tenant", "two"], "").output;
    assert_eq!(listed.lines().count(), 1);
    let app = r#"{"client_id":"3MVG1","client_secret":"S3\"\\","name":"Two"}"#;
    let put = orgpass(&file, &["apps", "put", "--tenant", "two", "--json"], app);
    assert!(put.exit == Exit::Success && !put.output.contains("S3"), "{}", put.errors);
    let shown = orgpass(&file, &["apps", "show", "--tenant", "two", "--json"], "");
    assert_eq!(shown.output, put.output);
    owner.abort();
    drop(runtime);
    // The owner is gone and its store with it: the same commands open the store themselves.
    let listed = orgpass(&file, &["connection", "list", "--json"], "").output;
    assert_eq!(listed.lines().count(), 3);
}

#[test]
fn a_store_in_use_without_a_control_socket_is_unavailable() {
    let (_folder, file) = folder();
    let config = Config::load(Some(&file), []).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _engine = runtime.block_on(async { Engine::build(&config).unwrap() });
    let ended = orgpass(&file, &["connection", "list"], "");
    assert_eq!(ended.exit, Exit::Unavailable);
    assert!(ended.errors.contains("control.listen"), "{}", ended.errors);
}

#[test]
fn on_the_day_of_an_incident_all_connections_are_removed() {
    let (_folder, file) = folder();
    let lines = ["one", "two"].map(|tenant| {
        let user = |name: &str| {
            format!(
                r#"{{"tenant":"{tenant}","user":"{name}","refresh_token":"{tenant}{name}","login_url":"{NOBODY}"}}"#
            )
        };
        format!("{}\n{}\n", user("u"), user("v"))
    });
    assert_eq!(orgpass(&file, NDJSON, &lines.concat()).exit, Exit::Success);
    let remove = |arguments: &[&str]| orgpass(&file, &[&["connection", "remove"], arguments].concat(), "");
    let count = || orgpass(&file, &["connection", "list", "--json"], "").output.lines().count();
    assert_eq!(remove(&["--tenant", "one"]).exit, Exit::NotFound, "there is no installation connection");
    let kept = remove(&["--tenant", "one", "--all"]);
    assert_eq!((kept.exit, kept.errors.lines().count(), count()), (Exit::Unavailable, 2, 4));
    assert_eq!(remove(&["--tenant", "one", "--all", "--forget-anyway"]).exit, Exit::Success);
    assert_eq!(count(), 2);
    assert_eq!(remove(&["--all", "--forget-anyway"]).exit, Exit::Success);
    assert_eq!(count(), 0);
}

proptest::proptest! {
    #[test]
    fn every_line_of_any_stream_is_seen_once_with_its_number(
        lines in proptest::collection::vec("[ -~]{0,30}", 0..20), ended in proptest::bool::ANY
    ) {
        let text = lines.join("\n") + if ended { "\n" } else { "" };
        let wanted: Vec<(u64, Vec<u8>)> = (1..)
            .zip(text.lines())
            .map(|(number, line)| (number, line.trim().as_bytes().to_vec()))
            .filter(|(_, line)| !line.is_empty())
            .collect();
        let mut input = text.as_bytes();
        let mut reader = Lines::new(&mut input);
        let mut seen = Vec::new();
        while let Some(line) = reader.next().unwrap() {
            let Line::Whole(line) = line else { panic!("no line is long") };
            let line = line.to_vec();
            seen.push((reader.number, line));
        }
        proptest::prop_assert_eq!(seen, wanted);
    }
}
