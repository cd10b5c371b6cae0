//! API tokens: named, each for all or some tenants, in a file that is read again when it has changed. Only hashes stay in
//! memory.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::{fs, io};

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::connection::parse_name;

const MAX_FILE_BYTES: u64 = 1 << 20;
const MIN_TOKEN_BYTES: usize = 32;
const MAX_TOKEN_BYTES: usize = 512;
const MAX_NAME_BYTES: usize = 64;

/// Who uses the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiToken {
    /// Its name, for the audit trail.
    pub name: String,
    /// The tenants that it is for; `None` for all.
    pub tenants: Option<BTreeSet<String>>,
    hash: [u8; 32],
}

/// The tokens of a file.
#[derive(Debug)]
pub struct ApiTokens {
    path: PathBuf,
    read: Mutex<Read>,
}

#[derive(Debug)]
struct Read {
    tokens: Vec<ApiToken>,
    stamp: Option<Stamp>,
}

/// What of a file changes with its content. The time that it carries can be one that it had before.
#[derive(Debug, PartialEq, Eq)]
struct Stamp([i64; 4], [u64; 3]);

impl Stamp {
    fn now(path: &Path) -> Option<Self> {
        let of = fs::metadata(path).ok()?;
        let times = [of.mtime(), of.mtime_nsec(), of.ctime(), of.ctime_nsec()];
        Some(Self(times, [of.dev(), of.ino(), of.len()]))
    }
}

impl ApiToken {
    /// Whether it may see and change this tenant.
    pub fn covers(&self, tenant: &str) -> bool {
        self.tenants.as_ref().is_none_or(|tenants| tenants.contains(tenant))
    }

    /// Tells it from another token under the same name.
    pub fn mark(&self) -> String {
        HEXLOWER.encode(&self.hash[..8])
    }
}

impl ApiTokens {
    /// Reads the file. The error says what is wrong and on which line, and quotes nothing of it.
    pub fn open(path: &Path) -> Result<Self, String> {
        // Looked at first: what comes while it is read is read again.
        let stamp = Stamp::now(path);
        let tokens = parse(&read(path)?)?;
        Ok(Self { path: path.to_owned(), read: Mutex::new(Read { tokens, stamp }) })
    }

    /// Whose token this is. Every token is compared, in constant time.
    pub fn find(&self, token: &str) -> Option<ApiToken> {
        let hash: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        let mut found = None;
        for known in &self.current().tokens {
            if bool::from(known.hash.ct_eq(&hash)) {
                found = Some(known.clone());
            }
        }
        found
    }

    /// The token with this name, if there still is one.
    pub fn named(&self, name: &str) -> Option<ApiToken> {
        self.current().tokens.iter().find(|token| token.name == name).cloned()
    }

    /// The tokens as the file has them now. One that cannot be used leaves those that were.
    fn current(&self) -> std::sync::MutexGuard<'_, Read> {
        // Single assignments, valid after any panic.
        let mut current = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Stamp::now(&self.path);
        if now != current.stamp {
            current.stamp = now;
            match read(&self.path).and_then(|text| parse(&text)) {
                Ok(tokens) => {
                    tracing::info!(tokens = tokens.len(), "the file of API tokens has changed and was read again");
                    current.tokens = tokens;
                }
                Err(error) => tracing::error!(error, "hub.api_tokens_file cannot be used; the old tokens are kept"),
            }
        }
        current
    }
}

fn read(path: &Path) -> Result<Zeroizing<String>, String> {
    let read = || {
        if fs::metadata(path)?.len() > MAX_FILE_BYTES {
            return Err(io::Error::other("it is longer than a megabyte"));
        }
        fs::read_to_string(path).map(Zeroizing::new)
    };
    read().map_err(|error| format!("cannot be read: {error}"))
}

/// One token a line: name, token, and the tenants that it is for, if it is not for all.
fn parse(text: &str) -> Result<Vec<ApiToken>, String> {
    let mut tokens: Vec<ApiToken> = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let token = parse_line(line).map_err(|why| format!("line {number}: {why}"))?;
        if tokens.iter().any(|known| known.name == token.name) {
            return Err(format!("line {number}: there is another token with this name"));
        }
        tokens.push(token);
    }
    Ok(tokens)
}

fn parse_line(line: &str) -> Result<ApiToken, String> {
    let mut words = line.split_ascii_whitespace();
    let (name, token) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    if name.len() > MAX_NAME_BYTES || !name.bytes().all(fits) {
        return Err("must begin with a name of up to 64 letters, digits, _, - and .".to_owned());
    }
    if !(MIN_TOKEN_BYTES..=MAX_TOKEN_BYTES).contains(&token.len()) {
        return Err(format!(
            "the token after the name must have {MIN_TOKEN_BYTES} to {MAX_TOKEN_BYTES} characters; make one with: \
             openssl rand -hex 32"
        ));
    }
    let mut tenants = BTreeSet::new();
    for tenant in words {
        parse_name(tenant.as_bytes()).map_err(|error| format!("a tenant {error}"))?;
        tenants.insert(tenant.to_owned());
    }
    let tenants = (!tenants.is_empty()).then_some(tenants);
    Ok(ApiToken { name: name.to_owned(), tenants, hash: Sha256::digest(token.as_bytes()).into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "0123456789abcdef0123456789abcdef";
    const TWO: &str = "fedcba9876543210fedcba9876543210";

    #[test]
    fn tokens_are_found_by_what_they_are_and_say_for_whom_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tokens");
        fs::write(&file, format!("# who\nbackend {ONE}\n\nsupport {TWO} acme globex\n")).unwrap();
        let tokens = ApiTokens::open(&file).unwrap();
        let backend = tokens.find(ONE).unwrap();
        assert_eq!(backend.name, "backend");
        assert!(backend.covers("anybody"));
        let support = tokens.find(TWO).unwrap();
        assert!(support.covers("acme") && !support.covers("initech"));
        for wrong in ["", "backend", &ONE[1..], &ONE.to_uppercase()] {
            assert_eq!(tokens.find(wrong), None);
        }
        assert!(!format!("{tokens:?}").contains(ONE));
    }

    #[test]
    fn a_changed_file_counts_at_once_and_a_broken_one_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tokens");
        let write = |text: &str, at: u64| {
            fs::write(&file, text).unwrap();
            let at = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(at);
            fs::File::options().write(true).open(&file).unwrap().set_modified(at).unwrap();
        };
        write(&format!("one {ONE}"), 1);
        let tokens = ApiTokens::open(&file).unwrap();
        write(&format!("two {TWO}"), 2);
        assert_eq!(tokens.find(ONE), None);
        assert_eq!(tokens.find(TWO).unwrap().name, "two");
        write("two short", 3);
        assert_eq!(tokens.find(TWO).unwrap().name, "two");
        // Another with the time of the one before, as when a file is put back.
        write(&format!("three {ONE}"), 3);
        assert_eq!(tokens.find(TWO), None);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line_and_without_the_token() {
        for (text, why) in [
            ("name", "line 1: the token after the name"),
            (&*format!("# x\nna/me {ONE}"), "line 2: must begin with a name"),
            (&*format!("one {ONE}\none {TWO}"), "line 2: there is another"),
            (&*format!("one {ONE} a\u{e9}"), "line 1: a tenant"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.starts_with(why), "{error}");
            assert!(!error.contains(ONE));
        }
    }
}
