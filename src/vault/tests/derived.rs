//! Keys for some tenants only.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use proptest::prelude::*;

use super::*;

fn derive(root: &Vault, tenants: &[&str]) -> String {
    let connections: Vec<_> = tenants.iter().map(|tenant| place(tenant, None)).collect();
    root.derive_session_keys(&connections).unwrap().to_string()
}

#[test]
fn a_line_carries_its_form_and_its_tenant_as_connection_keys_write_it() {
    let line = new_key_line();
    let root = Vault::new(ring(&[&line]), None);
    let derived = derive(&root, &["acme-eu"]);
    let fields: Vec<_> = derived.trim_end().split(':').collect();
    assert_eq!(fields[..3], [id(&line).as_str(), "derived-1", "acme_2Deu"]);
    assert_eq!(BASE64.decode(fields[3]).unwrap().len(), 32);
    assert_eq!(KeyRing::parse(&derived).unwrap().tenants(), Some(vec!["acme-eu".to_owned()]));
    assert_eq!(ring(&[&line]).tenants(), None);
}

#[test]
fn a_derived_line_is_never_taken_for_another_kind() {
    let root = Vault::new(ring(&[&new_key_line()]), None);
    let derived = derive(&root, &["acme"]);
    for (wrong, error) in [
        (derived.replace("derived-1", "derived-2"), KeyError::Derivation(1)),
        (derived.replace("derived-1", "Derived-1"), KeyError::Line(1)),
        (derived.replace("derived-1:", ""), KeyError::Line(1)),
        (derived.replace(":acme:", ":"), KeyError::Line(1)),
        (derived.replace(":acme:", ":acme.u1:"), KeyError::Line(1)),
        (derived.replace(":acme:", ":acme-eu:"), KeyError::Line(1)),
        (derived.repeat(2), KeyError::Repeated(2)),
    ] {
        assert_eq!(KeyRing::parse(&wrong).unwrap_err(), error);
    }
}

#[test]
fn a_key_and_one_derived_from_it_do_not_stand_in_one_file() {
    let line = new_key_line();
    let derived = derive(&Vault::new(ring(&[&line]), None), &["acme"]);
    for both in [format!("{}\n{derived}", line.as_str()), format!("{derived}{}", line.as_str())] {
        assert_eq!(KeyRing::parse(&both).unwrap_err(), KeyError::Repeated(2));
    }
}

#[test]
fn derived_keys_are_for_processes_without_grant_keys_and_derive_nothing() {
    let root = Vault::new(ring(&[&new_key_line()]), None);
    let derived = KeyRing::parse(&derive(&root, &["acme"])).unwrap();
    assert_eq!(derived.suits(Purpose::Session, false), Ok(()));
    assert_eq!(derived.suits(Purpose::Session, true), Err(KeyError::DerivedBesideGrant));
    assert_eq!(derived.suits(Purpose::Grant, true), Err(KeyError::DerivedGrant));
    let sidecar = Vault::new(derived, None);
    assert_eq!(sidecar.derive_session_keys(&[place("acme", None)]), Err(KeyError::NothingToDerive));
}

#[test]
fn a_rotation_goes_on_under_derived_keys() {
    let (old, new) = (new_key_line(), new_key_line());
    let home = place("acme", Some("u1"));
    let before = Vault::new(ring(&[&old]), None);
    let after = Vault::new(ring(&[&new, &old]), None);
    let sealed = before.seal(Purpose::Session, &home, b"token").unwrap();
    let sidecar = Vault::new(KeyRing::parse(&derive(&after, &["acme", "globex"])).unwrap(), None);
    assert_eq!(sidecar.key_ids(Purpose::Session), [id(&new), id(&old)]);
    let resealed = sidecar.reseal(Purpose::Session, &home, &sealed).unwrap().unwrap();
    assert_eq!(resealed.key_id(), Some(id(&new)));
    assert_eq!(after.open(Purpose::Session, &home, &resealed).unwrap().as_slice(), b"token");
}

#[test]
fn a_derived_key_in_a_grant_ring_opens_and_seals_nothing() {
    let line = new_key_line();
    let root = Vault::new(ring(&[&line]), Some(ring(&[&line])));
    let home = place("acme", None);
    let grant = root.seal(Purpose::Grant, &home, b"token").unwrap();
    let derived = derive(&root, &["acme"]);
    let wrong = Vault::new(KeyRing::parse(&derived).unwrap(), Some(KeyRing::parse(&derived).unwrap()));
    assert!(wrong.open(Purpose::Grant, &home, &grant).is_err());
    assert!(wrong.seal(Purpose::Grant, &home, b"token").is_err());
}

proptest! {
    #[test]
    fn a_derived_ring_opens_exactly_its_tenants_sessions(
        tenants in proptest::collection::btree_set("[!-~]{1,12}", 2..6),
        split in any::<prop::sample::Index>(),
        user in proptest::option::of("[!-~]{1,12}"),
        keys in 1usize..4,
    ) {
        let lines: Vec<_> = (0..keys).map(|_| new_key_line()).collect();
        let root = Vault::new(ring(&lines.iter().map(|line| line.as_str()).collect::<Vec<_>>()), None);
        let tenants: Vec<&str> = tenants.iter().map(String::as_str).collect();
        let (own, others) = tenants.split_at(1 + split.index(tenants.len() - 1));
        let sidecar = Vault::new(KeyRing::parse(&derive(&root, own)).unwrap(), None);
        for tenant in own {
            let key = place(tenant, user.as_deref());
            let sealed = root.seal(Purpose::Session, &key, b"token").unwrap();
            let opened = sidecar.open(Purpose::Session, &key, &sealed);
            prop_assert_eq!(opened.unwrap().to_vec(), b"token");
            let sealed = sidecar.seal(Purpose::Session, &key, b"token").unwrap();
            let opened = root.open(Purpose::Session, &key, &sealed);
            prop_assert_eq!(opened.unwrap().to_vec(), b"token");
        }
        for tenant in others {
            let key = place(tenant, user.as_deref());
            let sealed = root.seal(Purpose::Session, &key, b"token").unwrap();
            prop_assert_eq!(sidecar.open(Purpose::Session, &key, &sealed), Err(OpenError::OtherTenant));
            prop_assert_eq!(sidecar.seal(Purpose::Session, &key, b"token"), Err(OpenError::OtherTenant));
            // Not even when it is claimed for a tenant of its own.
            prop_assert!(sidecar.open(Purpose::Session, &place(own[0], user.as_deref()), &sealed).is_err());
        }
    }

    #[test]
    fn no_derived_key_is_a_root_key_or_another_tenants(
        tenants in proptest::collection::btree_set("[!-~]{1,12}", 1..6), keys in 1usize..4,
    ) {
        let lines: Vec<_> = (0..keys).map(|_| new_key_line()).collect();
        let root = Vault::new(ring(&lines.iter().map(|line| line.as_str()).collect::<Vec<_>>()), None);
        let tenants: Vec<&str> = tenants.iter().map(String::as_str).collect();
        let derived = derive(&root, &tenants);
        let secret = |line: &str| line.rsplit(':').next().unwrap().to_owned();
        let all: BTreeSet<_> = lines.iter().map(|line| secret(line)).chain(derived.lines().map(secret)).collect();
        prop_assert_eq!(all.len(), keys + keys * tenants.len());
        // What a thief of the derived keys might try: take one for a root key.
        let line = derived.lines().next().unwrap();
        let claimed = format!("{}:{}", &line[..8], secret(line));
        let thief = Vault::new(ring(&[&claimed]), None);
        for tenant in tenants {
            let sealed = root.seal(Purpose::Session, &place(tenant, None), b"token").unwrap();
            prop_assert!(thief.open(Purpose::Session, &place(tenant, None), &sealed).is_err());
        }
    }
}
