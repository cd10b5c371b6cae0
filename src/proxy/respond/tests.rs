use http::StatusCode;
use proptest::prelude::*;

use super::*;
use crate::connection::Cause;
use crate::proxy::error::Unavailable;

fn form(family: Option<ApiFamily>, lines: &[(HeaderName, &str)]) -> ReplyForm {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.insert(name.clone(), HeaderValue::from_str(value).unwrap());
    }
    ReplyForm::of(family, &headers)
}

fn header(response: &Response<Bytes>, name: &str) -> Option<String> {
    Some(response.headers().get(name)?.to_str().unwrap().to_owned())
}

#[test]
fn the_form_is_the_one_that_the_caller_reads() {
    let rest = Some(ApiFamily::Rest);
    let bulk = Some(ApiFamily::Bulk);
    let xml = vec![(ACCEPT, "application/xml")];
    for (family, lines, expected) in [
        (None, vec![], ReplyForm::RestJson),
        (rest, vec![], ReplyForm::RestJson),
        (rest, vec![(ACCEPT, "*/*")], ReplyForm::RestJson),
        (rest, vec![(ACCEPT, "application/xml")], ReplyForm::RestXml),
        (rest, vec![(ACCEPT, "text/html, application/XML;q=0.9, application/json;q=0.8")], ReplyForm::RestXml),
        (rest, vec![(ACCEPT, "application/xml;q=0.8, application/json")], ReplyForm::RestJson),
        (rest, vec![(ACCEPT, "application/json, application/xml")], ReplyForm::RestJson),
        (rest, vec![(ACCEPT, "application/xml;q=0")], ReplyForm::RestJson),
        (rest, vec![(CONTENT_TYPE, "application/xml")], ReplyForm::RestJson),
        (Some(ApiFamily::Identity), vec![(ACCEPT, "application/json")], ReplyForm::RestJson),
        (Some(ApiFamily::DataCloud), xml.clone(), ReplyForm::DataCloud),
        (Some(ApiFamily::AccountEngagement), xml.clone(), ReplyForm::AccountEngagement),
        (Some(ApiFamily::Platform), xml, ReplyForm::Platform),
        (bulk, vec![], ReplyForm::BulkXml),
        (bulk, vec![(ACCEPT, "*/*")], ReplyForm::BulkXml),
        (bulk, vec![(CONTENT_TYPE, "application/json; charset=UTF-8")], ReplyForm::BulkJson),
        (bulk, vec![(ACCEPT, "application/json")], ReplyForm::BulkJson),
        (bulk, vec![(CONTENT_TYPE, "text/csv"), (ACCEPT, "*/*")], ReplyForm::BulkXml),
        (bulk, vec![(CONTENT_TYPE, "application/xml"), (ACCEPT, "application/json")], ReplyForm::BulkXml),
    ] {
        assert_eq!(form(family, &lines), expected, "{family:?} {lines:?}");
    }
}

#[test]
fn each_form_is_salesforces_own() {
    let error = ProxyError::NotConnected;
    for (form, kind, start) in [
        (ReplyForm::RestJson, "application/json", r#"[{"message":"Nothing is connected"#),
        (
            ReplyForm::RestXml,
            "application/xml",
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Errors><Error><errorCode>ORGPASS_NOT_CONNECTED</errorCode><message>Nothing",
        ),
        (
            ReplyForm::BulkJson,
            "application/json",
            r#"{"exceptionCode":"ORGPASS_NOT_CONNECTED","exceptionMessage":"Nothing is connected"#,
        ),
        (
            ReplyForm::BulkXml,
            "application/xml",
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><error xmlns=\"http://www.force.com/2009/06/asyncapi/dataload\"><exceptionCode>ORGPASS_NOT_CONNECTED</exceptionCode><exceptionMessage>Nothing",
        ),
    ] {
        let response = respond(&error, form);
        assert_eq!(response.status(), StatusCode::FORBIDDEN);
        assert_eq!(header(&response, "content-type").as_deref(), Some(kind));
        assert_eq!(header(&response, "orgpass-error").as_deref(), Some("not_connected"));
        assert_eq!(header(&response, "cache-control").as_deref(), Some("no-store"));
        assert_eq!(header(&response, "retry-after"), None);
        let body = std::str::from_utf8(response.body()).unwrap();
        assert!(body.starts_with(start), "{body}");
    }
}

#[test]
fn bayeux_messages_are_answered_in_a_200_each_and_tell_the_client_what_to_do() {
    let sent = br#"[{"channel":"/meta/connect","id":"7","clientId":"c"},{"channel":"/meta/subscribe"}]"#;
    let messages: Arc<[Message]> = crate::salesforce::bayeux::read(sent).unwrap().into();
    let answer = |error: &ProxyError, messages: &Arc<[Message]>| {
        let response = respond(error, ReplyForm::Bayeux(Arc::clone(messages)));
        let json: serde_json::Value = serde_json::from_slice(response.body()).unwrap();
        (response.status().as_u16(), header(&response, "orgpass-error").unwrap(), json)
    };
    let (status, code, json) = answer(&ProxyError::NotConnected, &messages);
    assert_eq!((status, code.as_str(), json.as_array().unwrap().len()), (200, "not_connected", 2));
    let error = format!("403::ORGPASS_NOT_CONNECTED: {}", ProxyError::NotConnected.text());
    let refused = serde_json::json!({
        "channel": "/meta/connect", "id": "7", "clientId": "c", "successful": false, "error": error,
        "advice": {"reconnect": "none"},
    });
    assert_eq!(json[0], refused);
    assert_eq!((&json[1]["channel"], json[1].get("id")), (&"/meta/subscribe".into(), None));

    let (status, _, json) = answer(&ProxyError::TokenUnavailable(Unavailable::Store), &messages);
    assert_eq!((status, &json[0]["advice"]), (200, &serde_json::json!({"reconnect": "retry", "interval": 0})));
    let unread = ProxyError::InvalidRequest(crate::proxy::error::RequestFault::StreamingForm);
    let (status, _, json) = answer(&unread, &Arc::default());
    assert_eq!((status, json.as_array().unwrap().len(), json[0].get("channel")), (400, 1, None));
}

#[test]
fn a_caller_is_told_when_sending_again_may_help() {
    let error = ProxyError::TokenUnavailable(Unavailable::Store);
    let response = respond(&error, ReplyForm::RestJson);
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(header(&response, "retry-after").as_deref(), Some("5"));
}

#[test]
fn texts_are_escaped_in_every_form() {
    let fault = ProxyError::Misconfigured { cause: Some(Cause::UserInactive), code: None };
    let xml = respond(&fault, ReplyForm::BulkXml);
    let body = std::str::from_utf8(xml.body()).unwrap();
    assert!(body.contains("Setup &gt; Users"), "{body}");
    let json = respond(&fault, ReplyForm::RestJson);
    let parsed: serde_json::Value = serde_json::from_slice(json.body()).unwrap();
    assert_eq!(parsed[0]["errorCode"], "ORGPASS_MISCONFIGURED");
    assert_eq!(parsed[0]["message"], fault.text().as_ref());
}

proptest! {
    #[test]
    fn any_accept_header_is_read_without_panic(value in proptest::collection::vec(any::<u8>(), 0..80)) {
        preference(&value);
        let mut known = b"application/xml;q=".to_vec();
        known.extend(value);
        preference(&known);
    }
}
