//! Signatures by the Standard Webhooks specification: HMAC-SHA256 over id, timestamp and body.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

/// The value of `webhook-signature`: one signature for each key, so that keys can be changed without a gap.
pub(super) fn sign(keys: &[Zeroizing<Vec<u8>>], id: &str, timestamp: u64, body: &[u8]) -> String {
    let signed = keys.iter().map(|key| {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes any key length");
        mac.update(format!("{id}.{timestamp}.").as_bytes());
        mac.update(body);
        format!("v1,{}", BASE64.encode(mac.finalize().into_bytes()))
    });
    signed.collect::<Vec<_>>().join(" ")
}
