use proptest::prelude::*;

use super::*;

const TOKEN: &str = "00Dxx0000001gPLEAY!AQ&<cAQ";
const ESCAPED: &str = "00Dxx0000001gPLEAY!AQ&amp;&lt;cAQ";

fn partner() -> SoapApi {
    SoapApi::of("u", "64.0").unwrap()
}

fn read(text: &str) -> Result<SoapOpening, SoapFault> {
    partner().read(text.as_bytes(), true).map(|opening| opening.expect("a whole request has an opening or a fault"))
}

fn rewritten(text: &str) -> String {
    String::from_utf8(read(text).unwrap().with_token(text.as_bytes(), TOKEN)).unwrap()
}

fn envelope(header: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\">{header}\
         <s:Body><query xmlns=\"urn:partner.soap.sforce.com\"><queryString>sessionId</queryString></query></s:Body></s:Envelope>"
    )
}

#[test]
fn the_session_id_is_found_however_a_client_writes_it() {
    for (header, id) in [
        ("<s:Header><u:SessionHeader><u:sessionId>T</u:sessionId></u:SessionHeader></s:Header>", Some("T")),
        ("<s:Header><SessionHeader xmlns=\"urn:x\"><sessionId>T</sessionId></SessionHeader></s:Header>", Some("T")),
        (
            "<s:Header><a/><u:SessionHeader s:mustUnderstand='1>0'><u:sessionId xsi:type=\"xsd:string\">\n T </u:sessionId></u:SessionHeader></s:Header>",
            Some("T"),
        ),
        (
            "<s:Header><u:SessionHeader><u:sessionId>00D&#33;a&#x2E;b&amp;c</u:sessionId></u:SessionHeader></s:Header>",
            Some("00D!a.b&c"),
        ),
        ("<s:Header><u:SessionHeader><u:sessionId><![CDATA[T]]></u:sessionId></u:SessionHeader></s:Header>", Some("T")),
        (
            "<s:Header><!-- <sessionId>no</sessionId> --><u:SessionHeader><u:sessionId>T</u:sessionId></u:SessionHeader></s:Header>",
            Some("T"),
        ),
        ("<s:Header><o:Other><o:sessionId>no</o:sessionId></o:Other></s:Header>", None),
        ("<s:Header><u:SessionHeader><u:sessionId/></u:SessionHeader></s:Header>", None),
        ("<s:Header></s:Header>", None),
        ("<s:Header/>", None),
        ("", None),
    ] {
        let opening = read(&envelope(header)).unwrap();
        assert_eq!((opening.session_id.as_deref(), opening.operation.as_str()), (id, "query"), "{header}");
    }
}

#[test]
fn the_token_takes_its_place_and_nothing_else_changes() {
    let new = format!(
        "<SessionHeader xmlns=\"urn:partner.soap.sforce.com\"><sessionId>{ESCAPED}</sessionId></SessionHeader>"
    );
    for (header, expected) in [
        (
            "<s:Header><u:SessionHeader><u:sessionId a='b'>T&#33;</u:sessionId><u:x/></u:SessionHeader></s:Header>",
            format!(
                "<s:Header><u:SessionHeader><u:sessionId a='b'>{ESCAPED}</u:sessionId><u:x/></u:SessionHeader></s:Header>"
            ),
        ),
        (
            "<s:Header><u:SessionHeader><u:sessionId a='b' /></u:SessionHeader></s:Header>",
            format!(
                "<s:Header><u:SessionHeader><u:sessionId a='b' >{ESCAPED}</u:sessionId></u:SessionHeader></s:Header>"
            ),
        ),
        ("<s:Header><u:CallOptions/></s:Header>", format!("<s:Header>{new}<u:CallOptions/></s:Header>")),
        ("<s:Header/>", format!("<s:Header>{new}</s:Header>")),
        ("", format!("<s:Header>{new}</s:Header>")),
    ] {
        assert_eq!(rewritten(&envelope(header)), envelope(&expected), "{header}");
    }
}

#[test]
fn what_two_readers_could_read_in_two_ways_is_refused() {
    use SoapFault::{DocumentType, Form, Repeated};
    let id = "<u:SessionHeader><u:sessionId>T</u:sessionId></u:SessionHeader>";
    for (text, fault) in [
        (envelope(&format!("<s:Header>{id}{id}</s:Header>")), Repeated),
        (envelope(&format!("<s:Header>{id}</s:Header><s:Header>{id}</s:Header>")), Repeated),
        (
            envelope(
                "<s:Header><u:SessionHeader><u:sessionId>T</u:sessionId><u:sessionId>U</u:sessionId></u:SessionHeader></s:Header>",
            ),
            Repeated,
        ),
        (envelope("<s:Header><u:SessionHeader><u:sessionId>T<x/></u:sessionId></u:SessionHeader></s:Header>"), Form),
        (envelope("<s:Header><u:SessionHeader></u:SessionHeader></s:Header>"), Form),
        (envelope("<s:Header><u:SessionHeader><u:sessionId>&t;</u:sessionId></u:SessionHeader></s:Header>"), Form),
        (envelope("<s:Header></s:Other>"), Form),
        ("<!DOCTYPE s [<!ENTITY t \"T\">]><s:Envelope/>".to_owned(), DocumentType),
        ("<s:Envelope xmlns:s='x'><s:Body></s:Body></s:Envelope>".to_owned(), Form),
        ("<s:Envelope xmlns:s='x'/>".to_owned(), Form),
        ("<login/>".to_owned(), Form),
        ("{\"json\":true}".to_owned(), Form),
        (String::new(), Form),
    ] {
        assert_eq!(read(&text), Err(fault), "{text}");
    }
    assert_eq!(
        partner().read(&envelope("").encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>(), true),
        Err(SoapFault::Encoding)
    );
    assert_eq!(partner().read(b"<s:Envelope a='\xff'>", true), Err(SoapFault::Encoding));
    let endless = format!("<s:Envelope xmlns:s='x'><s:Header>{}", " ".repeat(MAX_OPENING_BYTES));
    assert_eq!(partner().read(endless.as_bytes(), false), Err(SoapFault::TooLong));
}

#[test]
fn each_api_has_its_namespace_and_only_the_logging_ones_log_in() {
    for (third, rest, namespace, logs_in) in [
        ("u", "64.0", "urn:partner.soap.sforce.com", true),
        ("c", "64.0/00Dxx0000001gPL", "urn:enterprise.soap.sforce.com", true),
        ("m", "64.0", "http://soap.sforce.com/2006/04/metadata", true),
        ("T", "64.0", "urn:tooling.soap.sforce.com", true),
        ("s", "64.0", "http://soap.sforce.com/2006/08/apex", true),
        ("class", "Ns/Orders", "http://soap.sforce.com/schemas/class/Ns/Orders", false),
    ] {
        let api = SoapApi::of(third, rest).unwrap();
        assert_eq!((api.namespace(), api.is_login("login")), (namespace, logs_in), "{third}");
        assert!(!api.is_login("query"));
    }
    assert_eq!(SoapApi::of("x", "64.0"), None);
    assert_eq!(SoapApi::of("class", "Orders\"><x"), None);
}

proptest! {
    #[test]
    fn wherever_a_request_is_cut_more_is_asked_for_or_the_same_is_read(
        at in 0..1000usize,
        header in prop_oneof![
            Just("<s:Header><u:SessionHeader><u:sessionId>00D&#33;a</u:sessionId></u:SessionHeader></s:Header>"),
            Just("<s:Header/>"),
            Just("<s:Header><!-- é --><u:SessionHeader><u:sessionId><![CDATA[T]]></u:sessionId></u:SessionHeader></s:Header>"),
        ],
    ) {
        let whole = envelope(header);
        let cut = &whole.as_bytes()[..at.min(whole.len())];
        let expected = read(&whole).unwrap();
        match partner().read(cut, false) {
            Ok(None) => {}
            Ok(Some(opening)) => prop_assert_eq!(opening, expected),
            Err(fault) => prop_assert!(false, "{:?} at {}", fault, at),
        }
    }

    #[test]
    fn whatever_the_bytes_a_rewritten_request_reads_the_same_but_for_the_token(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        pieces in proptest::collection::vec(prop_oneof![
            Just("<s:Envelope xmlns:s='x'>"), Just("<s:Header>"), Just("</s:Header>"), Just("<s:Header/>"),
            Just("<u:SessionHeader>"), Just("</u:SessionHeader>"), Just("<sessionId>"), Just("</sessionId>"), Just("<sessionId/>"),
            Just("T"), Just("&#84;"), Just("<!-- - -->"), Just("<![CDATA[T]]>"), Just("<s:Body>"), Just("<login/>"), Just("\u{feff}"),
        ], 0..14),
    ) {
        let _ = partner().read(&bytes, true);
        let text = pieces.concat();
        if let Ok(Some(opening)) = partner().read(text.as_bytes(), true) {
            let sent = opening.with_token(text.as_bytes(), TOKEN);
            let again = partner().read(&sent, true).unwrap().unwrap();
            prop_assert_eq!(again.session_id.as_deref(), Some(TOKEN));
            prop_assert_eq!(again.operation, opening.operation);
        }
    }
}
