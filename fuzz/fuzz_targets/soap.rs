//! However a SOAP request begins: what is rewritten carries exactly the token put in, and calls what it called before.
#![no_main]

use libfuzzer_sys::fuzz_target;
use orgpass::salesforce::soap::SoapApi;

const TOKEN: &str = "00Dxx0000001gPLEAY!AQ&<cAQ";

fuzz_target!(|beginning: &[u8]| {
    let api = SoapApi::of("u", "64.0").expect("the Partner API is known");
    let Ok(Some(opening)) = api.read(beginning, true) else { return };
    let sent = opening.with_token(beginning, TOKEN);
    let again = api.read(&sent, true).expect("what was read is read again").expect("and as far");
    assert_eq!(again.session_id.as_deref(), Some(TOKEN));
    assert_eq!(again.operation, opening.operation);
});
