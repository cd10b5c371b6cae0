//! No two texts are the same local token, but for the org that they name.
#![no_main]

use libfuzzer_sys::fuzz_target;
use orgpass::connection::LocalToken;

fuzz_target!(|text: &[u8]| {
    let Ok(token) = LocalToken::parse(text) else { return };
    let bang = text.iter().position(|byte| *byte == b'!').expect("a local token has one");
    let org = std::str::from_utf8(&text[..bang]).expect("an org's id is letters and digits");
    assert_eq!(LocalToken::format(org, &token.key).as_bytes(), text);
});
