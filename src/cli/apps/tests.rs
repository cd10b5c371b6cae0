use crate::cli::Exit;
use crate::cli::tests::{folder, orgpass};

#[test]
fn an_app_is_brought_shown_and_forgotten_and_its_secret_never_comes_out() {
    let (_folder, file) = folder();
    let apps = |what: &str, input: &str| orgpass(&file, &["apps", what, "--tenant", "acme"], input);
    assert_eq!(apps("show", "").exit, Exit::NotFound);
    let app = r#"{"client_id":"3MVG1","client_secret":"S3CRET","name":"Acme","scopes":["api"]}"#;
    for ended in [apps("put", app), apps("show", "")] {
        assert_eq!(ended.exit, Exit::Success, "{}", ended.errors);
        assert!(ended.output.contains("client secret      there\n"), "{}", ended.output);
        assert!(!ended.output.contains("S3CRET"));
    }
    let wrong = apps("put", r#"{"client_id":"3MVG1","client_secret":"S3CRET VALUE"}"#);
    assert_eq!(wrong.exit, Exit::BadInput);
    assert!(wrong.errors.contains("client_secret must be") && wrong.errors.contains("name is missing"));
    assert!(!wrong.errors.contains("S3CRET"), "{}", wrong.errors);
    let import = r#"{"grant":"client_credentials","login_url":"https://acme.my.salesforce.com"}"#;
    let imported = orgpass(&file, &["connection", "import", "--tenant", "acme", "--app", "own"], import);
    assert_eq!(imported.exit, Exit::Success, "{}", imported.errors);
    let in_use = apps("remove", "");
    assert_eq!(in_use.exit, Exit::Conflict);
    assert!(in_use.errors.contains("1 connections"), "{}", in_use.errors);
    assert_eq!(orgpass(&file, &["connection", "remove", "--tenant", "acme"], "").exit, Exit::Success);
    assert_eq!(apps("remove", "").exit, Exit::Success);
    assert_eq!(apps("remove", "").exit, Exit::NotFound);
}
