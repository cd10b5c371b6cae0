use super::*;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/causes.md");
/// The table stands between these; the rest of the page is written by hand.
const BEGIN: &str = "<!-- causes: begin -->\n";
const END: &str = "<!-- causes: end -->";

#[test]
fn the_stored_word_of_each_cause_is_the_displayed_one() {
    for cause in Cause::ALL {
        let stored = serde_json::to_string(cause).unwrap();
        assert_eq!(stored, format!("\"{cause}\""));
    }
}

#[test]
fn the_documentation_has_the_table_of_causes_as_it_is() {
    let page = std::fs::read_to_string(PAGE).unwrap();
    let (before, rest) = page.split_once(BEGIN).expect("docs/causes.md has the mark where the table begins");
    let (_, after) = rest.split_once(END).expect("docs/causes.md has the mark where the table ends");
    let wanted = format!("{before}{BEGIN}{}{END}{after}", table());
    if page == wanted {
        return;
    }
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(PAGE, wanted).unwrap();
        return;
    }
    panic!("docs/causes.md is behind src/connection/cause.rs; to write it anew: UPDATE_DOCS=1 cargo test --lib cause");
}

#[test]
fn the_documentation_says_what_each_status_does_to_calls() {
    let page = std::fs::read_to_string(PAGE).unwrap();
    let (statuses, _) = page.split_once(BEGIN).unwrap();
    let rows: Vec<&str> = statuses.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    assert_eq!(rows, Status::ALL.map(Status::as_str));
}

fn table() -> String {
    let mut table = "| Cause | Status | Who can end it | Meaning | What to do |\n|---|---|---|---|---|\n".to_owned();
    for cause in Cause::ALL {
        let (status, who, meaning, fix) = (cause.status(), who(cause.class()), cause.meaning(), cause.fix());
        assert!(!meaning.contains('|') && !fix.contains('|'), "{cause}: a bar ends a cell of the table");
        table.push_str(&format!("| `{cause}` | `{status}` | {who} | {meaning} | {fix} |\n"));
    }
    table
}

fn who(class: Class) -> &'static str {
    match class {
        Class::Person => "a person who may consent",
        Class::OrgAdmin => "an admin of the org",
        Class::AppOwner => "the app's owner or Orgpass's operator",
        Class::Itself => "nobody needs to",
    }
}
