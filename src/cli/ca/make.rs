//! Making an authority that can vouch for no name but localhost, and the one certificate that it ever issues.
//! Its private key lives as long as the call that makes both: nobody can have it issue another.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, NameConstraints, SanType,
};
use zeroize::Zeroizing;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// The longest that every platform accepts of a certificate that its own users have installed.
const DAYS: u32 = 825;
/// Clocks of containers differ from their host's.
const EARLIER: Duration = Duration::from_secs(60 * 60);

/// What was made, in PEM.
pub(super) struct Made {
    pub(super) authority: String,
    /// The certificate and the authority's.
    pub(super) chain: String,
    pub(super) private_key: Zeroizing<String>,
}

/// Makes an authority and a certificate for localhost, 127.0.0.1 and ::1, good from `now` on.
pub(super) fn make(now: SystemTime) -> Result<Made, rcgen::Error> {
    let mut authority = params(now);
    // Of its own for each, so that an old one in a trust store is not taken for the new one.
    let name = format!("Orgpass local CA {:08x}", getrandom::u32().unwrap_or_default());
    authority.distinguished_name.push(DnType::CommonName, name);
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    authority.name_constraints = Some(NameConstraints {
        // Names only: BoringSSL, and so gRPC, refuses every chain with a constraint of addresses.
        permitted_subtrees: vec![GeneralSubtree::DnsName("localhost".to_owned())],
        excluded_subtrees: Vec::new(),
    });
    let authority_key = KeyPair::generate()?;
    let root = authority.self_signed(&authority_key)?;

    let mut leaf = params(now);
    leaf.distinguished_name.push(DnType::CommonName, "Orgpass proxy");
    leaf.subject_alt_names = vec![
        SanType::DnsName("localhost".try_into()?),
        SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        SanType::IpAddress(IpAddr::V6(Ipv6Addr::LOCALHOST)),
    ];
    leaf.is_ca = IsCa::ExplicitNoCa;
    leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    leaf.use_authority_key_identifier_extension = true;
    let private_key = KeyPair::generate()?;
    let certificate = leaf.signed_by(&private_key, &Issuer::new(authority, authority_key))?;
    Ok(Made {
        chain: format!("{}{}", certificate.pem(), root.pem()),
        authority: root.pem(),
        private_key: Zeroizing::new(private_key.serialize_pem()),
    })
}

fn params(now: SystemTime) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.not_before = (now - EARLIER).into();
    params.not_after = (now + DAYS * DAY - EARLIER).into();
    params
}
