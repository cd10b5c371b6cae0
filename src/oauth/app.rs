//! Apps: the OAuth client registrations of the configuration.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use std::{fs, io};

use crate::salesforce::hosts::{LoginUrl, TrustedHosts};
use crate::secret::Secret;
use crate::settings::Section;

/// Consumer secrets have 64 characters; a larger file is not one.
const MAX_SECRET_BYTES: u64 = 4096;

/// An OAuth client registration: an External Client App or Connected App.
#[derive(Clone, Debug)]
pub struct App {
    /// Its name in the configuration.
    pub name: String,
    /// The consumer key.
    pub client_id: String,
    /// Where the consumer secret is; apps may go without.
    pub client_secret: Option<SecretFile>,
    /// Where its connections log in unless they say otherwise.
    pub login_url: LoginUrl,
    /// The session time that the app's policy sets, where the operator knows it.
    pub session_time: Option<Duration>,
}

/// The apps of the configuration by name.
#[derive(Clone, Debug, Default)]
pub struct Apps(BTreeMap<String, Arc<App>>);

impl Apps {
    /// The app with this name.
    pub fn get(&self, name: &str) -> Option<&Arc<App>> {
        self.0.get(name)
    }

    /// Every app, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<App>> {
        self.0.values()
    }

    /// Takes the sections `[apps.NAME]`.
    pub fn read(mut section: Section<'_>, trusted: &TrustedHosts) -> Self {
        let mut apps = BTreeMap::new();
        for (name, table) in section.take_tables() {
            if let Some(app) = App::read(&name, section.sub(&name, table), trusted) {
                apps.insert(name, Arc::new(app));
            }
        }
        Self(apps)
    }
}

impl App {
    fn read(name: &str, mut section: Section<'_>, trusted: &TrustedHosts) -> Option<Self> {
        let client_id = section.text("client_id").unwrap_or_default();
        if client_id.is_empty() {
            section.fault("client_id", "is missing; it is the app's consumer key");
        }
        let client_secret = section.file("client_secret_file").map(SecretFile::new);
        if let Some(Err(error)) = client_secret.as_ref().map(SecretFile::read) {
            section.fault("client_secret_file", error);
        }
        let login_url = section.text("login_url").unwrap_or_else(|| "https://login.salesforce.com".to_owned());
        let login_url = LoginUrl::parse(&login_url, trusted).map_err(|error| section.fault("login_url", error)).ok();
        // Used by the flows that connect orgs; read here so that a complete configuration is accepted everywhere.
        let _scopes: Vec<String> = section.list("scopes");
        const DAY: Duration = Duration::from_secs(24 * 60 * 60);
        let session_time = section.duration("session_time", Duration::from_secs(1)..=DAY);
        section.finish();
        Some(Self { name: name.to_owned(), client_id, client_secret, login_url: login_url?, session_time })
    }
}

/// A secret in a file, read anew at each use, so that a changed file needs no restart.
#[derive(Clone, Debug)]
pub struct SecretFile(PathBuf);

/// Why a secret file cannot be used. Never contains any of its text.
#[derive(Debug, thiserror::Error)]
pub enum SecretFileError {
    /// It cannot be read.
    #[error("cannot read {0}: {1}")]
    Read(String, io::Error),
    /// It is empty, too large or not text.
    #[error("{0} must hold one line of text of at most {MAX_SECRET_BYTES} bytes")]
    Form(String),
}

impl SecretFile {
    /// A secret in this file.
    pub fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Reads the secret, without the line's end.
    pub fn read(&self) -> Result<Secret<String>, SecretFileError> {
        let name = || self.0.display().to_string();
        let size = fs::metadata(&self.0).map_err(|error| SecretFileError::Read(name(), error))?.len();
        if size > MAX_SECRET_BYTES {
            return Err(SecretFileError::Form(name()));
        }
        let bytes = zeroize::Zeroizing::new(fs::read(&self.0).map_err(|error| SecretFileError::Read(name(), error))?);
        let text = std::str::from_utf8(&bytes).map_err(|_| SecretFileError::Form(name()))?.trim_end();
        if text.is_empty() || text.contains(['\n', '\r']) {
            return Err(SecretFileError::Form(name()));
        }
        Ok(Secret::new(text.to_owned()))
    }
}
