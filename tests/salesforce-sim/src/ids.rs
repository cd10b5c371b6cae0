//! Salesforce's ids and token shapes. An id is 15 case-sensitive characters plus three that carry their
//! case, so that no two ids differ by case alone; tokens are random and unguessable.

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const TOKEN_ALPHABET: &[u8; 64] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz._";
const CHECKSUM: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";

/// Deals out record ids in order, from a random start so that two simulators share none.
pub(crate) struct Ids {
    next: u64,
}

impl Default for Ids {
    fn default() -> Self {
        let start: [u8; 6] = random();
        let start = start.iter().fold(0, |sum, byte| (sum << 8) | u64::from(*byte));
        Self { next: start }
    }
}

impl Ids {
    /// The next 18-character id of the object with this three-character key prefix (`00D`, `005`, ...).
    pub(crate) fn next(&mut self, prefix: &str) -> String {
        self.next += 1;
        let mut rest = self.next;
        let mut digits = [b'0'; 10];
        for digit in digits.iter_mut().rev() {
            *digit = BASE62[(rest % 62) as usize];
            rest /= 62;
        }
        let mut id15 = format!("{prefix}xx");
        id15.extend(digits.iter().map(|digit| *digit as char));
        with_checksum(&id15)
    }
}

/// The 18-character form of a 15-character id: for each five characters one letter or digit whose bits
/// say which of them are upper case.
pub(crate) fn with_checksum(id15: &str) -> String {
    let mut id = id15.to_owned();
    for chunk in id15.as_bytes().chunks(5) {
        let upper = chunk
            .iter()
            .enumerate()
            .fold(0, |bits, (place, byte)| bits | (usize::from(byte.is_ascii_uppercase()) << place));
        id.push(CHECKSUM[upper] as char);
    }
    id
}

/// Whether two ids in either form name the same record: the first 15 characters decide.
pub(crate) fn same(one: &str, other: &str) -> bool {
    matches!((one.get(..15), other.get(..15)), (Some(one), Some(other)) if one == other)
}

/// An opaque access token: the org's 15-character id, `!AQ`, then 94 random characters.
pub(crate) fn access_token(org_id: &str) -> String {
    format!("{}!AQ{}", &org_id[..15], random_text(94))
}

pub(crate) fn refresh_token() -> String {
    format!("5Aep861{}", random_text(80))
}

/// An authorization code; it ends with `==`, which a client must decode once and encode once.
pub(crate) fn authorization_code() -> String {
    format!("aPrx{}==", random_text(60))
}

/// What a person types in the device flow: eight capitals and digits.
pub(crate) fn user_code() -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
    random::<8>().iter().map(|byte| ALPHABET[usize::from(byte & 31)] as char).collect()
}

pub(crate) fn client_id() -> String {
    format!("3MVG9{}", random_text(80))
}

/// A consumer secret: 64 upper-case hexadecimal digits.
pub(crate) fn client_secret() -> String {
    let bytes: [u8; 32] = random();
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

/// A version 4 UUID.
pub(crate) fn uuid() -> String {
    let mut bytes: [u8; 16] = random();
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

pub(crate) fn random_number() -> u32 {
    u32::from_be_bytes(random())
}

pub(crate) fn random_text(length: usize) -> String {
    let mut bytes = vec![0; length];
    getrandom::fill(&mut bytes).expect("the system gives random bytes");
    bytes.iter().map(|byte| TOKEN_ALPHABET[usize::from(byte & 63)] as char).collect()
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the system gives random bytes");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_documented_ids() {
        assert_eq!(with_checksum("00DD0000000EEW9"), "00DD0000000EEW9MAO");
        assert_eq!(with_checksum("00Dxx0000001gPL"), "00Dxx0000001gPLEAY");
        assert_eq!(with_checksum("005xx000001SwiU"), "005xx000001SwiUAAS");
    }

    #[test]
    fn dealt_ids_are_distinct_and_carry_their_checksum() {
        let mut ids = Ids::default();
        let (one, other) = (ids.next("001"), ids.next("001"));
        assert_ne!(one[..15], other[..15]);
        assert_eq!(one, with_checksum(&one[..15]));
        assert!(same(&one, &one[..15]) && !same(&one, &other));
    }

    #[test]
    fn tokens_have_the_shapes_that_clients_match_on() {
        let token = access_token("00Dxx0000001gPLEAY");
        let (org, rest) = token.split_once('!').unwrap();
        assert_eq!(org, "00Dxx0000001gPL");
        assert!(rest.starts_with("AQ"));
        assert!(rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._".contains(&byte)));
        assert_ne!(refresh_token(), refresh_token());
    }
}
