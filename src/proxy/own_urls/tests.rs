use proptest::prelude::*;

use super::*;
use crate::salesforce::{InstanceUrl, TrustedHosts};

const BASE: &str = "http://127.0.0.1:8180";

fn own() -> InstanceUrl {
    InstanceUrl::parse("https://acme.my.salesforce.com", &TrustedHosts::default()).unwrap()
}

fn text_of(document: &str) -> String {
    String::from_utf8(mapped(document.as_bytes(), &own(), BASE).unwrap().to_vec()).unwrap()
}

#[test]
fn the_three_documents_lead_back_here() {
    for (document, expected) in [
        (
            r#"{"tooling":"/services/data/v67.0/tooling","identity":"https://login.salesforce.com/id/00Dxx0000001gPLEAY/005xx000001SwiUAAS"}"#,
            r#"{"tooling":"/services/data/v67.0/tooling","identity":"http://127.0.0.1:8180/id/00Dxx0000001gPLEAY/005xx000001SwiUAAS"}"#,
        ),
        (
            r#"{"id":"https://test.salesforce.com/id/00D1/0051","asserted_user":true,"urls":{"rest":"https://acme.my.salesforce.com/services/data/v{version}/","custom_domain":"https://ACME.my.salesforce.com"},"photos":{"picture":"https://acme.file.force.com/profilephoto/005/F"}}"#,
            r#"{"id":"http://127.0.0.1:8180/id/00D1/0051","asserted_user":true,"urls":{"rest":"http://127.0.0.1:8180/services/data/v{version}/","custom_domain":"http://127.0.0.1:8180"},"photos":{"picture":"https://acme.file.force.com/profilephoto/005/F"}}"#,
        ),
        (
            r#"{"sub":"https://acme.my.salesforce.com/id/00D1/0051","profile":"https://acme.my.salesforce.com/0051","updated":1.0e2}"#,
            r#"{"sub":"http://127.0.0.1:8180/id/00D1/0051","profile":"http://127.0.0.1:8180/0051","updated":1.0e2}"#,
        ),
    ] {
        assert_eq!(text_of(document), expected);
    }
}

#[test]
fn what_people_wrote_and_what_is_elsewhere_stays() {
    for document in [
        r#"{"status":{"body":"see https://acme.my.salesforce.com/001"},"display_name":"https://acme.my.salesforce.com"}"#,
        r#"{"urls":{"x":"https://acme.my.salesforce.com.evil.example/"},"id":"https://evil.example/a?/id/00D/005"}"#,
        r#"{"urls":["https://acme.my.salesforce.com/"],"photos":null,"id":7}"#,
    ] {
        assert_eq!(text_of(document), document);
    }
    assert!(mapped(b"[]", &own(), BASE).is_none());
}

#[test]
fn only_the_three_documents_are_looked_into() {
    for (path, looked) in [
        ("/services/data/v67.0", true),
        ("//services/data/v67.0/", true),
        ("/services/data/v67.0/limits", false),
        ("/services/data", false),
        ("/services/data/v67.0/query?q=SELECT", false),
        ("/services/apexrest/v67.0", false),
    ] {
        assert_eq!(are_in(ApiFamily::Rest, path), looked, "{path}");
    }
    assert!(are_in(ApiFamily::Identity, "/id/00D/005"));
    assert!(!are_in(ApiFamily::Bulk, "/services/async/66.0/job"));
}

proptest! {
    #[test]
    fn a_document_keeps_its_fields_and_all_that_is_no_url_of_the_org(
        fields in proptest::collection::vec(("(id|sub|urls|photos|name|[a-z]{1,5})", "[ -~é]{0,20}|https://acme.my.salesforce.com/[a-z/]{0,9}"), 0..6),
        nested in any::<bool>(),
    ) {
        let text: String = fields.iter().map(|(name, value)| {
            let value = serde_json::to_string(value).unwrap();
            let value = if nested { format!("{{\"k\":{value}}}") } else { value };
            format!("{}:{value}", serde_json::to_string(name).unwrap())
        }).collect::<Vec<_>>().join(",");
        let document = format!("{{{text}}}");
        let back = text_of(&document).replace(BASE, "https://acme.my.salesforce.com");
        prop_assert_eq!(back, document);
    }
}
