//! Sections `[hub.webhooks.NAME]`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use zeroize::Zeroizing;

use crate::connection::parse_name;
use crate::salesforce::hosts::{TrustedHosts, WebUrl};
use crate::settings::Section;

const PREFIX: &str = "whsec_";
/// The Standard Webhooks specification wants keys of 24 to 64 bytes.
const KEY_BYTES: std::ops::RangeInclusive<usize> = 24..=64;
const MAX_FILE_BYTES: u64 = 16 * 1024;
const MAX_NAME: usize = 64;

/// Who is told of changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// Its name in the configuration.
    pub name: String,
    /// Where it is told.
    pub url: WebUrl,
    /// The tenants that it is told of; `None` for all.
    pub tenants: Option<BTreeSet<String>>,
    /// The file of the keys that sign what it is told.
    pub secret_file: PathBuf,
}

impl Webhook {
    /// Takes the sections below `[hub.webhooks]`.
    pub(in crate::hub) fn read_all(mut section: Section<'_>, trusted: &TrustedHosts) -> Vec<Self> {
        let mut webhooks = Vec::new();
        for (name, table) in section.take_tables() {
            let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
            if name.len() > MAX_NAME || !name.bytes().all(fits) {
                section.fault(&name, "must be named with up to 64 letters, digits, _ and -");
                continue;
            }
            webhooks.extend(Self::read(&name, section.sub(&name, table), trusted));
        }
        section.finish();
        webhooks
    }

    fn read(name: &str, mut section: Section<'_>, trusted: &TrustedHosts) -> Option<Self> {
        let url = match section.text("url") {
            Some(text) => WebUrl::parse(&text, trusted).map_err(|error| section.fault("url", error)).ok(),
            None => {
                section.fault("url", "is missing; it is where the webhook is told");
                None
            }
        };
        let secret_file = section.file("secret_file");
        match secret_file.as_deref().map(read_secrets) {
            None => section.fault("secret_file", "is missing; it holds the key that signs, whsec_ and base64"),
            Some(Err(error)) => section.fault("secret_file", error),
            Some(Ok(_)) => {}
        }
        let tenants: Vec<String> = section.list("tenants");
        for tenant in &tenants {
            if let Err(error) = parse_name(tenant.as_bytes()) {
                section.fault("tenants", error);
            }
        }
        section.finish();
        let tenants = (!tenants.is_empty()).then(|| tenants.into_iter().collect());
        Some(Self { name: name.to_owned(), url: url?, tenants, secret_file: secret_file? })
    }

    /// Whether it is told of this tenant.
    pub(super) fn wants(&self, tenant: &str) -> bool {
        self.tenants.as_ref().is_none_or(|tenants| tenants.contains(tenant))
    }

    /// The keys that sign, read anew so that they can be changed at any time.
    pub(super) fn secrets(&self) -> Result<Vec<Zeroizing<Vec<u8>>>, String> {
        read_secrets(&self.secret_file).map_err(|error| format!("its secret_file {error}"))
    }
}

/// One key a line; while it is changed, two.
fn read_secrets(path: &Path) -> Result<Vec<Zeroizing<Vec<u8>>>, String> {
    let unread = |error: std::io::Error| format!("cannot be read: {error}");
    if fs::metadata(path).map_err(unread)?.len() > MAX_FILE_BYTES {
        return Err("is longer than 16 KiB".to_owned());
    }
    let text = Zeroizing::new(fs::read_to_string(path).map_err(unread)?);
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let keys: Option<Vec<_>> = lines.map(parse_key).collect();
    match keys {
        Some(keys) if !keys.is_empty() => Ok(keys),
        _ => Err("must hold a key a line, whsec_ and 24 to 64 bytes in base64, as: \
                  printf 'whsec_%s\\n' \"$(openssl rand -base64 32)\""
            .to_owned()),
    }
}

fn parse_key(line: &str) -> Option<Zeroizing<Vec<u8>>> {
    let key = BASE64.decode(line.strip_prefix(PREFIX)?).ok().map(Zeroizing::new)?;
    KEY_BYTES.contains(&key.len()).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_those_of_the_specification() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret");
        let keys = |text: &str| {
            fs::write(&file, text).unwrap();
            read_secrets(&file)
        };
        let key = format!("whsec_{}", BASE64.encode([7; 32]));
        assert_eq!(keys(&format!("{key}\n# older\n{key}\n")).unwrap().len(), 2);
        let short = format!("whsec_{}", BASE64.encode([7; 8]));
        for bad in ["", "# nothing", "secret", "whsec_?", &short] {
            assert!(keys(bad).unwrap_err().contains("openssl rand"), "{bad}");
        }
    }
}
