use ring::rand::SystemRandom;
use ring::rsa::PublicKeyComponents;
use ring::signature::{KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject;
use salesforce_sim::AppKey;
use serde_json::{Value, json};

use super::*;
use crate::salesforce::hosts::TrustedHosts;

const ID: &str = "https://login.salesforce.com/id/00Dxx0000001gPLEAY/005xx000001SwiUAAS";

fn key() -> RsaKeyPair {
    match PrivateKeyDer::from_pem_slice(AppKey::first().private_key.as_bytes()).unwrap() {
        PrivateKeyDer::Pkcs8(der) => RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).unwrap(),
        PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der()).unwrap(),
        _ => panic!("an RSA key"),
    }
}

fn keys(kid: &str) -> Keys {
    let public = PublicKeyComponents::<Vec<u8>>::from(key().public_key());
    let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let key = json!({ "kid": kid, "kty": "RSA", "alg": "RS256", "n": text(&public.n), "e": text(&public.e) });
    serde_json::from_value(json!({ "keys": [{ "kty": "EC", "kid": "other" }, key] })).unwrap()
}

fn claims() -> Value {
    json!({
        "iss": "https://login.salesforce.com",
        "sub": ID,
        "aud": "3MVG9",
        "exp": 2_000,
        "nonce": "n-1",
    })
}

fn token(header: &Value, claims: &Value) -> String {
    let text = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", text(header), text(claims));
    let key = key();
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature).unwrap();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn verify(token: &str) -> Result<(), IdTokenError> {
    let login = LoginUrl::parse("https://acme.my.salesforce.com", &TrustedHosts::default()).unwrap();
    let identity = Identity::parse_url(ID).unwrap();
    let expected = Expected { client_id: "3MVG9", login: &login, nonce: Some("n-1"), identity: &identity, now: 1_000 };
    keys("k-1").verify(&Secret::new(token.to_owned()), &expected)
}

fn header() -> Value {
    json!({ "alg": "RS256", "kid": "k-1" })
}

#[test]
fn a_token_that_salesforce_signed_for_this_flow_is_believed() {
    assert_eq!(verify(&token(&header(), &claims())), Ok(()));
    assert_eq!(verify(&token(&json!({ "alg": "RS256" }), &claims())), Ok(()), "without a key id every key is tried");
    for (name, value) in [("iss", json!("https://acme.my.salesforce.com")), ("aud", json!(["x", "3MVG9"]))] {
        let mut claims = claims();
        claims[name] = value;
        assert_eq!(verify(&token(&header(), &claims)), Ok(()), "{name}");
    }
}

#[test]
fn each_claim_must_be_right() {
    for (name, wrong) in [
        ("iss", json!("https://evil.example")),
        ("aud", json!("another")),
        ("exp", json!(800)),
        ("nonce", json!("n-2")),
        ("nonce", Value::Null),
        ("sub", json!("https://login.salesforce.com/id/00Dxx0000001gPMEAY/005xx000001SwiUAAS")),
    ] {
        let mut claims = claims();
        claims[name] = wrong;
        assert_eq!(verify(&token(&header(), &claims)), Err(IdTokenError::Claim(name)));
    }
}

#[test]
fn what_nobody_signed_is_refused() {
    let good = token(&header(), &claims());
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let mut other = claims();
    other["nonce"] = json!("n-2");
    let (forged, _) = token(&header(), &other).rsplit_once('.').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    assert_eq!(verify(&format!("{forged}.{signature}")), Err(IdTokenError::Signature));
    assert_eq!(verify(&token(&json!({ "alg": "RS256", "kid": "k-2" }), &claims())), Err(IdTokenError::Signature));
    assert_eq!(verify(&token(&json!({ "alg": "none" }), &claims())), Err(IdTokenError::Form));
    for bad in ["", "a.b", &format!("{signed}."), "..", "é.é.é"] {
        assert!(verify(bad).is_err(), "{bad}");
    }
}
