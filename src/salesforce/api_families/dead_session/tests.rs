use proptest::prelude::*;

use super::*;

const XML: &str = r#"<?xml version="1.0" encoding="UTF-8"?>"#;

fn verdict(family: ApiFamily, status: u16, body: &str) -> Option<String> {
    match family.judge(status, Some(b"application/json;charset=UTF-8"), body.as_bytes()) {
        Verdict::Dead { code } => Some(code.as_str().to_owned()),
        Verdict::Alive => None,
    }
}

#[test]
fn each_family_says_in_its_own_words_that_a_session_is_dead() {
    let bulk_xml = format!(
        r#"{XML}<error xmlns="http://www.force.com/2009/06/asyncapi/dataload">
            <exceptionCode>InvalidSessionId</exceptionCode><exceptionMessage>Invalid session id</exceptionMessage></error>"#
    );
    let rest_xml = format!(
        "{XML}<Errors><Error><errorCode>INVALID_SESSION_ID</errorCode><message>Session expired</message></Error></Errors>"
    );
    for (family, status, body, code) in [
        (
            ApiFamily::Rest,
            401,
            r#"[{"message":"Session expired or invalid","errorCode":"INVALID_SESSION_ID"}]"#,
            "INVALID_SESSION_ID",
        ),
        (ApiFamily::Rest, 401, "\u{feff} [ {\"errorCode\" : \"INVALID_SESSION_ID\"} ]\n", "INVALID_SESSION_ID"),
        (ApiFamily::Rest, 401, r#"{"errorCode":"INVALID_SESSION_ID"}"#, "INVALID_SESSION_ID"),
        (ApiFamily::Rest, 401, rest_xml.as_str(), "INVALID_SESSION_ID"),
        (ApiFamily::Bulk, 400, bulk_xml.as_str(), "InvalidSessionId"),
        (ApiFamily::Bulk, 400, "<e:error><e:exceptionCode>InvalidSessionId</e:exceptionCode>", "InvalidSessionId"),
        (
            ApiFamily::Bulk,
            400,
            r#"{"exceptionCode":"InvalidSessionId","exceptionMessage":"Invalid session id"}"#,
            "InvalidSessionId",
        ),
        (ApiFamily::Identity, 403, "Bad_OAuth_Token", "Bad_OAuth_Token"),
        (ApiFamily::Identity, 403, "Bad_OAuth_Token\n", "Bad_OAuth_Token"),
    ] {
        assert_eq!(verdict(family, status, body).as_deref(), Some(code), "{family:?} {status} {body}");
    }
}

#[test]
fn what_a_new_token_would_not_help_is_not_a_dead_session() {
    let dead = r#"[{"message":"Session expired or invalid","errorCode":"INVALID_SESSION_ID"}]"#;
    for (family, status, body) in [
        (ApiFamily::Rest, 403, dead),
        (ApiFamily::Rest, 200, dead),
        (ApiFamily::Bulk, 400, dead),
        (
            ApiFamily::Rest,
            401,
            r#"[{"message":"This session is not valid for use with the REST API","errorCode":"INVALID_SESSION_ID"}]"#,
        ),
        (
            ApiFamily::Rest,
            401,
            r#"[{"message":"Connected app is not attached to Agent","errorCode":"INVALID_SESSION_ID"}]"#,
        ),
        (ApiFamily::Rest, 401, r#"[{"message":"INVALID_SESSION_ID","errorCode":"INVALID_AUTH_HEADER"}]"#),
        (ApiFamily::Rest, 401, r#"[{"message":"\"errorCode\":\"INVALID_SESSION_ID\"","errorCode":"X"}]"#),
        (ApiFamily::Rest, 401, r#"[{"errorCode":["INVALID_SESSION_ID"]}]"#),
        (ApiFamily::Rest, 401, "<Errors><message>errorCode>INVALID_SESSION_ID</message></Errors>"),
        (ApiFamily::Rest, 401, "<Errors></errorCode>INVALID_SESSION_ID</errorCode></Errors>"),
        (ApiFamily::Rest, 401, ""),
        (ApiFamily::Bulk, 400, r#"{"exceptionCode":"InvalidBatch","exceptionMessage":"InvalidSessionId"}"#),
        (ApiFamily::Bulk, 400, "<error><exceptionMessage>InvalidSessionId</exceptionMessage></error>"),
        (ApiFamily::Identity, 403, "No_Access"),
        (ApiFamily::Identity, 403, "Bad_OAuth_Token, perhaps"),
        (ApiFamily::Identity, 404, "Bad_OAuth_Token"),
    ] {
        assert_eq!(verdict(family, status, body), None, "{family:?} {status} {body}");
    }
}

#[test]
fn a_login_page_is_never_read() {
    let page = b"<html><errorCode>INVALID_SESSION_ID</errorCode></html>";
    let verdict = ApiFamily::Rest.judge(401, Some(b"Text/HTML; charset=UTF-8"), page);
    assert_eq!(verdict, Verdict::Alive);
}

#[test]
fn a_code_before_the_cut_is_seen() {
    let cut = format!(r#"[{{"errorCode":"INVALID_SESSION_ID","message":"{}"#, "x".repeat(8000));
    assert_eq!(verdict(ApiFamily::Rest, 401, &cut).as_deref(), Some("INVALID_SESSION_ID"));
    assert_eq!(verdict(ApiFamily::Rest, 401, &cut[..30]), None);
}

#[test]
fn the_streaming_api_says_it_within_a_200_and_otherwise() {
    let denied = r#"[{"ext":{"sfdc":{"failureReason":"401::Authentication invalid"}},"successful":false,"error":"403::Handshake denied","channel":"/meta/handshake"}]"#;
    let many = format!("[{{}}{},{{\"channel\":\"/me", format!(",{}", &denied[1..denied.len() - 1]).repeat(60));
    for body in [denied, &many] {
        for status in [200, 401, 403] {
            assert_eq!(verdict(ApiFamily::Streaming, status, body).as_deref(), Some("401"));
        }
        assert_eq!(verdict(ApiFamily::Streaming, 400, body), None);
    }
    let unknown = r#"[{"channel":"/meta/connect","successful":false,"error":"403::Unknown client"}]"#;
    assert_eq!(verdict(ApiFamily::Streaming, 200, unknown), None);
}

proptest! {
    #[test]
    fn any_body_is_judged_without_panic(
        body in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..200),
            "[\\[{<]{1,3}(errorCode|exceptionCode|[\":<>/a-z,\\]}]){0,20}".prop_map(String::into_bytes),
            "\\[{0,300}".prop_map(String::into_bytes),
        ],
        cut in 0usize..200,
    ) {
        let body = &body[..cut.min(body.len())];
        for family in ApiFamily::ALL {
            for status in family.row().peeked_statuses {
                family.judge(*status, None, body);
            }
        }
    }
}

#[test]
fn a_soap_fault_names_a_dead_session_with_any_prefix() {
    let fault = |code: &str, text: &str| {
        format!("{XML}<e:Envelope><e:Body><e:Fault><faultcode>{code}</faultcode><faultstring>{text}</faultstring>")
    };
    for code in ["sf:INVALID_SESSION_ID", "ns1:INVALID_SESSION_ID", "INVALID_SESSION_ID"] {
        assert_eq!(
            verdict(ApiFamily::Soap, 500, &fault(code, "gone")).as_deref(),
            Some("INVALID_SESSION_ID"),
            "{code}"
        );
    }
    for (status, body) in [
        (200, fault("sf:INVALID_SESSION_ID", "")),
        (500, fault("sf:MALFORMED_QUERY", "sf:INVALID_SESSION_ID")),
        (500, fault("sf:NOT_INVALID_SESSION_ID", "")),
        (500, fault("sf:INVALID_SESSION_ID", "This session is not valid for use with the REST API")),
    ] {
        assert_eq!(verdict(ApiFamily::Soap, status, &body), None, "{status} {body}");
    }
}
