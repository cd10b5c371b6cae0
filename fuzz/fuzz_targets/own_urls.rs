//! Whatever a document of an org: mapping its URLs twice is mapping them once, and none of the mapped is lost on the way.
#![no_main]

use libfuzzer_sys::fuzz_target;
use orgpass::proxy::own_urls::mapped;
use orgpass::salesforce::{InstanceUrl, TrustedHosts};

const BASE: &str = "http://127.0.0.1:8180";

fuzz_target!(|document: &[u8]| {
    let own = InstanceUrl::parse("https://acme.my.salesforce.com", &TrustedHosts::default()).expect("a My Domain host");
    let Some(once) = mapped(document, &own, BASE) else { return };
    let twice = mapped(&once, &own, BASE).expect("an object stays one");
    assert_eq!(once, twice);
});
