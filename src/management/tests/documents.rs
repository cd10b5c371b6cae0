//! What an import may say, and that no fault of it repeats a value.

use proptest::prelude::*;

use super::*;

fn check_faults(json: &str) -> Vec<InputFault> {
    let document = match ImportDocument::parse(json.as_bytes()) {
        Ok(document) => document,
        Err(fault) => return vec![fault],
    };
    ImportRequest::check(&document, &fixture::apps(), &fixture::trusted()).err().unwrap_or_default()
}

#[test]
fn each_fault_of_a_document_names_its_key_and_never_its_value() {
    let long = format!(r#"{{"tenant":"a","refresh_token":"S3CRET{}"}}"#, "x".repeat(MAX_TOKEN_BYTES));
    for (json, key, words) in [
        (r#"{}"#, "tenant", "missing"),
        (r#"{"tenant":7,"refresh_token":"x"}"#, "tenant", "text in quotes"),
        (r#"{"tenant":"a b","refresh_token":"x"}"#, "tenant", "visible ASCII"),
        (r#"{"tenant":"a","user":"","refresh_token":"x"}"#, "user", "empty"),
        (r#"{"tenant":"a","user":["S3CRET"],"refresh_token":"x"}"#, "user", "text in quotes"),
        (r#"{"tenant":"a"}"#, "refresh_token", "at least one"),
        (r#"{"tenant":"a","refresh_token":""}"#, "refresh_token", "empty"),
        (r#"{"tenant":"a","refresh_token":"S3CRET x"}"#, "refresh_token", "visible ASCII"),
        (r#"{"tenant":"a","refresh_token":"S3CRET\n"}"#, "refresh_token", "visible ASCII"),
        (r#"{"tenant":"a","refresh_token":{"S3CRET":1}}"#, "refresh_token", "text in quotes"),
        (&long, "refresh_token", "longer than 8192"),
        (r#"{"tenant":"a","access_token":"S3CRET"}"#, "instance_url", "worth nothing"),
        (r#"{"tenant":"a","access_token":"00D000000000000!orgpass.a"}"#, "access_token", "local token"),
        (r#"{"tenant":"a","refresh_token":"x","instance_url":"https://evil.example"}"#, "instance_url", "not a host"),
        (r#"{"tenant":"a","refresh_token":"x","instance_url":"http://S3CRET"}"#, "instance_url", "https"),
        (r#"{"tenant":"a","refresh_token":"x","login_url":"https://u:S3CRET@h"}"#, "login_url", "user or password"),
        (r#"{"tenant":"a","refresh_token":"x","app":"S3CRET"}"#, "app", "known here: default, other, server"),
        (r#"{"tenant":"a","refresh_token":"x","grant":"jwt_bearer"}"#, "refresh_token", "no use"),
        (r#"{"tenant":"a","refresh_token":"x","grant":"client_credentials"}"#, "refresh_token", "no use"),
        (r#"{"tenant":"a","refresh_token":"x","username":"S3CRET"}"#, "username", "no use"),
        (r#"{"tenant":"a","grant":"client_credentials","username":"S3CRET"}"#, "username", "no use"),
        (r#"{"tenant":"a","grant":"jwt_bearer"}"#, "username", "is missing"),
        (r#"{"tenant":"a","grant":"jwt_bearer","username":"S3CRET S3CRET"}"#, "username", "visible ASCII"),
        (r#"{"tenant":"a","grant":"jwt_bearer","username":"u"}"#, "app", "has no private key"),
        (r#"{"tenant":"a","grant":"client_credentials"}"#, "app", "has no client secret"),
        (r#"{"tenant":"a","grant":"client_credentials","app":"server"}"#, "instance_url", "the org's own host"),
        (
            r#"{"tenant":"a","grant":"client_credentials","login_url":"https://test.salesforce.com"}"#,
            "login_url",
            "the org's own host",
        ),
        (r#"{"tenant":"a","refresh_token":"x","grant":"S3CRET"}"#, "grant", "must be refresh_token, jwt_bearer"),
        (r#"{"tenant":"a","access_token":"x","grant":"refresh_token"}"#, "refresh_token", "is missing"),
        (r#"{"tenant":"a","refresh_token":"x","issued_at":"S3CRET"}"#, "issued_at", "milliseconds"),
        (r#"{"tenant":"a","refresh_token":"x","issued_at":-1}"#, "issued_at", "milliseconds"),
        (r#"{"tenant":"a","refresh_token":"x","scopes":3}"#, "scopes", "list"),
        (r#"{"tenant":"a","refresh_token":"x","refresh_token":"S3CRET"}"#, "refresh_token", "twice"),
        (r#"{"tenant":"a","refreshtoken":"S3CRET"}"#, "refreshtoken", "is not a key"),
        (r#"{"tenant":"a","5AepS3CRET":"x"}"#, "", "a key that is unknown"),
        (r#""S3CRET""#, "", "not a JSON object"),
        (r#"[{"tenant":"a"}]"#, "", "not a JSON object"),
        (r#"{"tenant":"a" S3CRET}"#, "", "column 15"),
        (r#"{"tenant":"a","refresh_token":"S3CRET"#, "", "ends too early"),
        (r#"{"tenant":"a"} S3CRET"#, "", "not JSON"),
    ] {
        let faults = check_faults(json);
        let found = faults.iter().find(|fault| fault.key == key && fault.why.contains(words));
        assert!(found.is_some(), "{json}: {faults:?}");
        assert!(!format!("{faults:?}").contains("S3CRET"), "{json}: {faults:?}");
    }
}

#[test]
fn all_faults_of_a_document_are_found_at_once() {
    let faults = check_faults(r#"{"user":"","refresh_token":" ","app":"no","instance_url":"x","extra":1}"#);
    let keys: Vec<_> = faults.iter().map(|fault| fault.key.as_str()).collect();
    assert_eq!(keys, ["extra", "user", "tenant", "refresh_token", "app", "instance_url"]);
}

#[test]
fn exchanges_go_where_the_document_says_else_to_the_instance_else_where_the_app_says() {
    let instance = r#""instance_url":"https://a.my.salesforce.com/""#;
    for (rest, login) in [
        (format!(r#"{instance},"login_url":"https://test.salesforce.com""#), "https://test.salesforce.com"),
        (instance.to_owned(), "https://a.my.salesforce.com"),
        (r#""issued_at":null"#.to_owned(), "https://login.salesforce.com"),
    ] {
        let document = document("a", &format!(r#""refresh_token":"x",{rest}"#));
        let (_, request) = ImportRequest::check(&document, &fixture::apps(), &fixture::trusted()).unwrap();
        assert_eq!(request.login_url.to_string(), login);
    }
}

#[test]
fn a_salesforce_cli_auth_url_finds_its_app() {
    let parse = |line: &str| SfdxAuthUrl::parse(line);
    let url = parse("force://3MVG8:S3CRET:5AepToken@acme.my.salesforce.com\n").unwrap();
    let document = url.clone().into_document(&fixture::apps(), None).unwrap();
    let document = ImportDocument { tenant: Some("a".to_owned().into()), ..document };
    let (_, request) = ImportRequest::check(&document, &fixture::apps(), &fixture::trusted()).unwrap();
    assert_eq!(request.app, "other");
    assert_eq!(request.refresh_token.unwrap().expose(), "5AepToken");
    assert_eq!(request.instance_url.unwrap().to_string(), "https://acme.my.salesforce.com");
    let wrong_app = url.into_document(&fixture::apps(), Some("default")).unwrap_err();
    assert!(wrong_app.why.contains("another client id"));
    assert!(parse("force://PlatformCLI::5Aep@h").unwrap().into_document(&fixture::apps(), None).is_err());
    for wrong in
        ["", "https://x", "force://a:b@h", "force://a:b:c", "force://a:b:@h", "force://:b:c@h", "force://a:b:c:d@h"]
    {
        assert!(parse(wrong).is_err(), "{wrong}");
    }
}

proptest! {
    #[test]
    fn no_input_makes_the_parser_panic_or_repeat_a_value(
        bytes in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..200),
            // Near misses: pieces of real documents in any order, with the secret among them.
            proptest::collection::vec(proptest::sample::select(vec![
                "{", "}", "[", "]", ":", ",", "\"", "\\", "\\u0000", "\"tenant\"", "\"refresh_token\"",
                "\"access_token\":", "\"instance_url\"", "\"grant\"", "\"S3CRET\"", "S3CRET", "\"x\"", "7", "-1", "1e9", "null", "true",
                " ",
            ]), 0..40).prop_map(|parts| parts.concat().into_bytes()),
        ]
    ) {
        if let Ok(document) = ImportDocument::parse(&bytes) {
            let shown = format!("{document:?}");
            prop_assert!(!shown.contains("S3CRET"), "{}", shown);
            if let Err(faults) = ImportRequest::check(&document, &fixture::apps(), &fixture::trusted()) {
                prop_assert!(!faults.is_empty());
                let shown = format!("{faults:?}");
                prop_assert!(!shown.contains("S3CRET"), "{}", shown);
            }
        } else if let Err(fault) = ImportDocument::parse(&bytes) {
            prop_assert!(!fault.to_string().contains("S3CRET"));
        }
    }

    #[test]
    fn no_line_makes_the_auth_url_parser_panic_or_repeat_it(line in "(force://)?([S3CRET:@/]|\\PC){0,40}") {
        match SfdxAuthUrl::parse(&line) {
            Ok(url) => {
                let token = url.refresh_token.expose().clone();
                prop_assert!(!token.is_empty() && line.contains(&token));
            }
            Err(fault) => prop_assert!(!fault.to_string().contains("S3CRET")),
        }
    }

    #[test]
    fn a_document_survives_the_way_over_the_control_socket(
        tenant in ".{0,40}",
        token in "[ -~]{0,200}",
        number in any::<u64>(),
        scopes in proptest::collection::vec(".{0,9}", 0..4)
    ) {
        let json = serde_json::json!({
            "tenant": tenant, "refresh_token": token, "issued_at": number, "scopes": scopes, "user": null, "app": false
        });
        let document = ImportDocument::parse(json.to_string().as_bytes()).unwrap();
        let line = document.to_line();
        prop_assert!(!line.contains('\n'));
        let again = ImportDocument::parse(line.as_bytes()).unwrap();
        prop_assert_eq!(again.to_line(), line);
        let Some(Field::Text(survived)) = again.refresh_token else { panic!("the token was lost") };
        prop_assert_eq!(survived.expose(), &token);
    }
}
