//! A journal read from outside: entries of a length, four fields with a length each, and a checksum.

const CHECKSUM_BYTES: usize = 8;

/// The tenant and the generation's number of each whole entry.
pub fn entries(mut bytes: &[u8]) -> Vec<(String, u64)> {
    let mut found = Vec::new();
    while let Some(mut body) = field(&mut bytes) {
        let Some(rest) = bytes.get(CHECKSUM_BYTES..) else { break };
        bytes = rest;
        let tenant = String::from_utf8(field(&mut body).expect("a name").to_vec()).unwrap();
        let clear: serde_json::Value = serde_json::from_slice(field(&mut body).expect("a clear part")).unwrap();
        found.push((tenant, clear["head"]["generation"]["number"].as_u64().expect("a generation")));
    }
    found
}

/// `None` at the end, and at an entry that was cut off by a kill.
fn field<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (field, rest) = rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).unwrap())?;
    *bytes = rest;
    Some(field)
}
