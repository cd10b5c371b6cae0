//! The signature of a token response: it proves that `id` and `issued_at` come from somebody who knows the client
//! secret, and nothing about the token or the instance.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::TokenResponse;
use crate::secret::Secret;

/// Whether the response's signature fits. A response without one (the JWT bearer flow's) fits.
pub fn signature_fits(response: &TokenResponse, client_secret: &Secret<String>) -> bool {
    let (Some(signature), Some(issued_at)) = (&response.signature, &response.issued_at) else {
        return response.signature.is_none();
    };
    let Ok(signature) = BASE64.decode(signature) else { return false };
    let mut mac = Hmac::<Sha256>::new_from_slice(client_secret.expose().as_bytes()).expect("HMAC takes any key length");
    mac.update(response.id.as_bytes());
    mac.update(issued_at.as_bytes());
    mac.verify_slice(&signature).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(signature: Option<&str>) -> TokenResponse {
        TokenResponse {
            access_token: Secret::new(String::new()),
            refresh_token: None,
            instance_url: String::new(),
            id: "https://login.salesforce.com/id/00Dxx0000001gPLEAY/005xx000001SwiUAAS".to_owned(),
            identity: None,
            issued_at: Some("1767225600000".to_owned()),
            signature: signature.map(str::to_owned),
            scope: None,
            id_token: None,
        }
    }

    #[test]
    fn a_known_signature_fits_its_secret_and_no_other() {
        let secret = |text: &str| Secret::new(text.to_owned());
        let right = secret("EXAMPLE0SECRET0EXAMPLE0SECRET0EXAMPLE0SECRET0EXAMPLE0SECRET00000");
        let signed = response(Some("pGZ5I1xlIPlolMyHTtHOo0ipJSf3eaOjOfjOKupr39c="));
        assert!(signature_fits(&signed, &right));
        assert!(!signature_fits(&signed, &secret("another")));
        assert!(!signature_fits(&response(Some("not base64")), &right));
        assert!(signature_fits(&response(None), &right));
    }
}
