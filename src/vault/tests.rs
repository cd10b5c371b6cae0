use proptest::prelude::*;

use super::*;

mod derived;
mod files;

fn ring(lines: &[&str]) -> KeyRing {
    KeyRing::parse(&lines.join("\n")).unwrap()
}

fn place(tenant: &str, user: Option<&str>) -> ConnectionKey {
    ConnectionKey::parse(tenant, user).unwrap()
}

fn id(line: &str) -> KeyId {
    line.split_once(':').unwrap().0.parse().unwrap()
}

#[test]
fn a_sealed_value_opens_only_in_its_place_and_for_its_purpose() {
    let lines = [new_key_line(), new_key_line()];
    let vault = Vault::new(ring(&[&lines[0]]), Some(ring(&[&lines[1]])));
    let home = place("acme", Some("u1"));
    let sealed = vault.seal(Purpose::Session, &home, b"token").unwrap();
    assert_eq!(vault.open(Purpose::Session, &home, &sealed).unwrap().as_slice(), b"token");
    for elsewhere in [place("acme", None), place("acme", Some("u2")), place("globex", Some("u1"))] {
        assert_eq!(vault.open(Purpose::Session, &elsewhere, &sealed), Err(OpenError::Forged));
    }
    assert_eq!(vault.open(Purpose::Grant, &home, &sealed), Err(OpenError::UnknownKey(id(&lines[0]))));
}

#[test]
fn one_key_for_both_purposes_still_keeps_them_apart() {
    let line = new_key_line();
    let vault = Vault::new(ring(&[&line]), Some(ring(&[&line])));
    let home = place("acme", None);
    let sealed = vault.seal(Purpose::Session, &home, b"token").unwrap();
    assert_eq!(vault.open(Purpose::Grant, &home, &sealed), Err(OpenError::Forged));
}

#[test]
fn a_rotated_ring_opens_what_the_old_key_sealed_and_seals_with_the_new_one() {
    let (old, new) = (new_key_line(), new_key_line());
    let home = place("acme", None);
    let before = Vault::new(ring(&[&old]), None);
    let after = Vault::new(ring(&[&new, &old]), None);
    let sealed = before.seal(Purpose::Session, &home, b"token").unwrap();
    assert_eq!(sealed.key_id(), Some(id(&old)));
    let resealed = after.reseal(Purpose::Session, &home, &sealed).unwrap().unwrap();
    assert_eq!(resealed.key_id(), Some(id(&new)));
    assert_eq!(after.open(Purpose::Session, &home, &resealed).unwrap().as_slice(), b"token");
    assert_eq!(after.reseal(Purpose::Session, &home, &resealed), Ok(None), "it is under the first key already");
    assert_eq!(before.open(Purpose::Session, &home, &resealed), Err(OpenError::UnknownKey(id(&new))));
    assert_eq!(before.reseal(Purpose::Session, &home, &resealed), Err(OpenError::UnknownKey(id(&new))));
    assert_eq!(after.reseal(Purpose::Session, &place("globex", None), &sealed), Err(OpenError::Forged));
    assert_eq!(before.seal(Purpose::Grant, &home, b"x"), Err(OpenError::NoKeys));
}

#[test]
fn a_key_file_names_its_faulty_line_and_nothing_of_its_text() {
    let good = new_key_line();
    let text = format!("# keys\n{}\n\nnot-a-key:c2VjcmV0\n", good.as_str());
    let error = KeyRing::parse(&text).unwrap_err();
    assert_eq!(error, KeyError::Line(4));
    assert!(!error.to_string().contains("c2Vj"));
    assert_eq!(KeyRing::parse("# none\n").unwrap_err(), KeyError::Empty);
    let twice = format!("{}\n{}", good.as_str(), good.as_str());
    assert_eq!(KeyRing::parse(&twice).unwrap_err(), KeyError::Repeated(2));
}

#[test]
fn debug_output_of_keys_and_sealed_values_shows_no_secret() {
    let line = new_key_line();
    let vault = Vault::new(ring(&[&line]), None);
    let secret = line.split_once(':').unwrap().1;
    assert!(!format!("{vault:?}").contains(secret));
}

proptest! {
    #[test]
    fn an_altered_or_arbitrary_envelope_never_opens_and_never_panics(
        flip in any::<prop::sample::Index>(),
        mask in 1u8..,
        noise in proptest::collection::vec(any::<u8>(), 0..128),
    ) {
        let vault = Vault::new(ring(&[&new_key_line()]), None);
        let home = place("acme", None);
        let mut bytes = vault.seal(Purpose::Session, &home, b"token").unwrap().as_bytes().to_vec();
        let at = flip.index(bytes.len());
        bytes[at] ^= mask;
        for sealed in [Sealed::from_bytes(bytes), Sealed::from_bytes(noise)] {
            prop_assert!(vault.open(Purpose::Session, &home, &sealed).is_err());
            prop_assert!(vault.reseal(Purpose::Session, &home, &sealed).unwrap_or(None).is_none());
        }
    }

    #[test]
    fn an_arbitrary_key_file_never_panics(text in "([0-9a-f]{8}|derived-[0-9]|[A-Za-z_.]{1,5}|:|\n|[ -~]|QUJD){0,40}") {
        let _ = KeyRing::parse(&text);
    }
}
