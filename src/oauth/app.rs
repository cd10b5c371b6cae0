//! Apps: OAuth client registrations, of the configuration or brought by tenants.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use super::brand::{Brand, Logo, MAX_LOGO_BYTES, parse_display_name};
use super::private_key::{AppKey, PrivateKeyError, SigningKey};
use super::{ClientSecret, Earn};
use crate::salesforce::hosts::{LoginUrl, TrustedHosts};
use crate::salesforce::scopes::Scopes;
use crate::secret::{Secret, SecretFile, SecretFileError};
use crate::settings::Section;

/// The name by which a connection says that its app is the one that its tenant brought.
pub const OWN_APP: &str = "own";

/// Far longer than any site's URL.
const MAX_AUDIENCE: usize = 512;
const MAX_CLIENT_ID: usize = 512;

/// An OAuth client registration: an External Client App or Connected App.
#[derive(Clone, Debug)]
pub struct App {
    /// Its name in the configuration, or [`OWN_APP`].
    pub name: String,
    /// The consumer key.
    pub client_id: String,
    /// Where the consumer secret is; apps may go without.
    pub client_secret: Option<ClientSecret>,
    /// Where its connections log in unless they say otherwise.
    pub login_url: LoginUrl,
    /// The session time that the app's policy sets, where the operator knows it.
    pub session_time: Option<Duration>,
    /// Where the private key is that signs its assertions; its certificate is at Salesforce.
    pub private_key: Option<AppKey>,
    /// Whom its assertions are addressed to, where that is not what the login host says.
    pub audience: Option<Audience>,
    /// Whether its new sessions are introspected for how long they live.
    pub introspect: bool,
    /// What is asked for when an org is connected, unless a link says otherwise. Without any, Salesforce grants all that
    /// the app has.
    pub scopes: Scopes,
    /// Where users of sandboxes log in.
    pub sandbox_login_url: LoginUrl,
    /// How it shows itself on pages.
    pub brand: Brand,
    /// Flows that are off unless they are named.
    pub allow: Vec<Flow>,
}

/// A flow that is off unless an app allows it by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// The device flow.
    Device,
    /// The username-password grant.
    Password,
}

impl FromStr for Flow {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "device" => Ok(Self::Device),
            "password" => Ok(Self::Password),
            _ => Err("must be device or password"),
        }
    }
}

/// Whom an assertion is addressed to: an https URL, which for Experience Cloud sites has a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audience(String);

impl Audience {
    /// The URL.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Audience {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let rest = text.strip_prefix("https://").unwrap_or_default();
        let is_url = !rest.is_empty() && text.len() <= MAX_AUDIENCE && text.bytes().all(|byte| byte.is_ascii_graphic());
        is_url.then(|| Self(text.to_owned())).ok_or("must be an https URL, such as https://login.salesforce.com")
    }
}

/// What an app proves itself with, read from its files for one exchange.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The consumer secret, where the grant uses it and the app has one.
    pub client_secret: Option<Secret<String>>,
    pub(super) signing_key: Option<Arc<SigningKey>>,
}

/// Why an app cannot prove itself. Contains nothing of its secrets.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// The consumer secret cannot be read.
    #[error("apps.{0}.client_secret_file: {1}")]
    Secret(String, SecretFileError),
    /// The grant needs a consumer secret.
    #[error("apps.{0} has no client secret")]
    NoSecret(String),
    /// The private key cannot be used.
    #[error("apps.{0}.private_key_file: {1}")]
    Key(String, PrivateKeyError),
    /// The grant needs a private key.
    #[error("apps.{0} has no private key")]
    NoKey(String),
}

/// The apps of the configuration by name.
#[derive(Clone, Debug, Default)]
pub struct Apps(BTreeMap<String, Arc<App>>);

impl Apps {
    /// The app with this name.
    pub fn get(&self, name: &str) -> Option<&Arc<App>> {
        self.0.get(name)
    }

    /// The same with one more.
    #[must_use]
    pub fn with(&self, app: Arc<App>) -> Self {
        let mut apps = self.clone();
        apps.0.insert(app.name.clone(), app);
        apps
    }

    /// Every app, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<App>> {
        self.0.values()
    }

    /// Takes the sections `[apps.NAME]`.
    pub fn read(mut section: Section<'_>, trusted: &TrustedHosts) -> Self {
        let mut apps = BTreeMap::new();
        for (name, table) in section.take_tables() {
            if name == OWN_APP {
                section.fault(OWN_APP, "is reserved for the apps that tenants bring; give it another name");
                continue;
            }
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
        let client_secret = section.file("client_secret_file").map(|file| ClientSecret::File(SecretFile::new(file)));
        if let Some(Err(error)) = client_secret.as_ref().map(ClientSecret::read) {
            section.fault("client_secret_file", error);
        }
        let login_url = login_host(&mut section, "login_url", "https://login.salesforce.com", trusted);
        let sandbox_login_url = login_host(&mut section, "sandbox_login_url", "https://test.salesforce.com", trusted);
        let scopes: Vec<String> = section.list("scopes");
        let scopes = Scopes::from_words(scopes.iter().map(String::as_str));
        let scopes = scopes.map_err(|error| section.fault("scopes", error)).unwrap_or_default();
        let brand = Self::read_brand(name, &mut section);
        let allow = section.list("allow");
        const DAY: Duration = Duration::from_secs(24 * 60 * 60);
        let session_time = section.duration("session_time", Duration::from_secs(1)..=DAY);
        let private_key = section.file("private_key_file").map(AppKey::File);
        if let Some(Err(error)) = private_key.as_ref().map(AppKey::read) {
            section.fault("private_key_file", error);
        }
        let audience = section.parsed("audience");
        let introspect = section.flag_or("introspect", false);
        if introspect && client_secret.is_none() {
            section
                .fault("introspect", "needs client_secret_file: Salesforce tells only an app that has proved itself");
        }
        section.finish();
        Some(Self {
            name: name.to_owned(),
            client_id,
            client_secret,
            login_url: login_url?,
            session_time,
            private_key,
            audience,
            introspect,
            scopes,
            sandbox_login_url: sandbox_login_url?,
            brand,
            allow,
        })
    }

    fn read_brand(name: &str, section: &mut Section<'_>) -> Brand {
        let shown = section.text("display_name").unwrap_or_else(|| name.to_owned());
        let shown = parse_display_name(&shown).map_err(|error| section.fault("display_name", error)).ok();
        let logo = section.file("logo_file").and_then(|file| {
            let bytes = read_picture(&file).map_err(|error| format!("cannot be read: {error}"));
            let logo = bytes.and_then(|bytes| Logo::parse(&bytes).map_err(str::to_owned));
            logo.map_err(|error| section.fault("logo_file", error)).ok()
        });
        Brand { name: shown.unwrap_or_else(|| name.to_owned()), logo, accent: section.parsed("accent") }
    }

    /// Reads what the app proves itself with when it exchanges the code of a consent.
    pub fn web_credentials(&self) -> Result<Credentials, CredentialsError> {
        let client_secret = self.client_secret.as_ref().map(ClientSecret::read).transpose();
        let client_secret = client_secret.map_err(|error| CredentialsError::Secret(self.name.clone(), error))?;
        Ok(Credentials { client_secret, signing_key: None })
    }

    /// Reads what the app proves itself with when it earns a token this way.
    pub fn credentials(&self, earn: Earn<'_>) -> Result<Credentials, CredentialsError> {
        let name = || self.name.clone();
        if matches!(earn, Earn::JwtBearer { .. }) {
            let file = self.private_key.as_ref().ok_or_else(|| CredentialsError::NoKey(name()))?;
            let key = file.read().map_err(|error| CredentialsError::Key(name(), error))?;
            return Ok(Credentials { client_secret: None, signing_key: Some(Arc::new(key)) });
        }
        let client_secret = self.client_secret.as_ref().map(ClientSecret::read).transpose();
        let client_secret = client_secret.map_err(|error| CredentialsError::Secret(name(), error))?;
        if matches!(earn, Earn::ClientCredentials) && client_secret.is_none() {
            return Err(CredentialsError::NoSecret(name()));
        }
        Ok(Credentials { client_secret, signing_key: None })
    }
}

/// Salesforce's consumer keys are short words; nothing else goes into a URL.
pub fn is_client_id(text: &str) -> bool {
    (1..=MAX_CLIENT_ID).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn login_host(section: &mut Section<'_>, key: &'static str, default: &str, trusted: &TrustedHosts) -> Option<LoginUrl> {
    let url = section.text(key).unwrap_or_else(|| default.to_owned());
    LoginUrl::parse(&url, trusted).map_err(|error| section.fault(key, error)).ok()
}

/// Reads no more of a file than tells that it is too long.
fn read_picture(file: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(file)?.take(MAX_LOGO_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}
