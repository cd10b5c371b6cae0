//! A checked import: every value parsed into its type, every fault found at once.

use super::DEFAULT_APP;
use super::document::{Field, ImportDocument, InputFault};
use crate::connection::{ConnectionKey, LocalToken, LocalTokenError, parse_name};
use crate::oauth::Apps;
use crate::salesforce::hosts::{InstanceUrl, LoginUrl, TrustedHosts};
use crate::secret::Secret;

/// Longest token, in bytes. Opaque ones have some hundred, JWT-based ones some thousand.
pub const MAX_TOKEN_BYTES: usize = 8192;

/// Salesforce counts milliseconds since 1970 in 13 digits.
const MAX_ISSUED_AT_DIGITS: usize = 15;

/// One authorization to be imported.
#[derive(Clone, Debug)]
pub struct ImportRequest {
    /// The app that the tokens were issued to.
    pub app: String,
    /// Where the access token may be sent. Needed with an access token.
    pub instance_url: Option<InstanceUrl>,
    /// Where its exchanges go.
    pub login_url: LoginUrl,
    /// The access token. At least one token is there.
    pub access_token: Option<Secret<String>>,
    /// The refresh token.
    pub refresh_token: Option<Secret<String>>,
    /// When the access token was issued, in milliseconds since 1970.
    pub issued_at: Option<u64>,
}

impl ImportRequest {
    /// Checks a document against the configuration: whose it is, and what is to be imported.
    pub fn check(
        document: &ImportDocument,
        apps: &Apps,
        trusted: &TrustedHosts,
    ) -> Result<(ConnectionKey, Self), Vec<InputFault>> {
        let mut reader = Reader { faults: document.faults.clone() };
        let key = reader.key(document);
        let access_token = reader.token("access_token", document.access_token.as_ref());
        let refresh_token = reader.token("refresh_token", document.refresh_token.as_ref());
        reader.grant(document);
        reader.unused(document);
        let app = reader.text("app", document.app.as_ref()).map(|name| name.expose().clone());
        let app_is_named = app.is_some();
        let app = app.unwrap_or_else(|| DEFAULT_APP.to_owned());
        // An access token alone is never exchanged, so it needs no app.
        if apps.get(&app).is_none() && (app_is_named || document.refresh_token.is_some()) {
            let known: Vec<_> = apps.iter().map(|app| app.name.as_str()).collect();
            let known = if known.is_empty() { "none is configured".to_owned() } else { known.join(", ") };
            reader.fault("app", format_args!("is not an app of the configuration, [apps.NAME]; known here: {known}"));
        }
        let instance_url =
            reader.url("instance_url", document.instance_url.as_ref(), |url| InstanceUrl::parse(url, trusted));
        let login_url = reader.url("login_url", document.login_url.as_ref(), |url| LoginUrl::parse(url, trusted));
        if document.access_token.is_some() && document.instance_url.is_none() {
            reader.fault("instance_url", "is missing; an access token is worth nothing without its host");
        }
        if document.access_token.is_none() && document.refresh_token.is_none() {
            reader.fault("refresh_token", "is missing, and access_token too; give at least one of them");
        }
        let issued_at = reader.issued_at(document.issued_at.as_ref());
        let login_url = login_url
            .or_else(|| instance_url.clone().map(LoginUrl::from))
            .or_else(|| apps.get(&app).map(|app| app.login_url.clone()));
        if login_url.is_none() && reader.faults.is_empty() {
            reader.fault("instance_url", "is missing, and login_url too; give at least one of them");
        }
        match (key, login_url) {
            (Some(key), Some(login_url)) if reader.faults.is_empty() => {
                Ok((key, Self { app, instance_url, login_url, access_token, refresh_token, issued_at }))
            }
            _ => Err(reader.faults),
        }
    }
}

struct Reader {
    faults: Vec<InputFault>,
}

impl Reader {
    fn fault(&mut self, key: &str, why: impl std::fmt::Display) {
        self.faults.push(InputFault::new(key, why));
    }

    fn text(&mut self, key: &str, field: Option<&Field>) -> Option<Secret<String>> {
        match field? {
            Field::Text(text) => return Some(text.clone()),
            Field::Number(_) | Field::List(_) | Field::Other => self.fault(key, "must be a text in quotes"),
        }
        None
    }

    fn key(&mut self, document: &ImportDocument) -> Option<ConnectionKey> {
        let tenant = self.name("tenant", document.tenant.as_ref());
        let user = self.name("user", document.user.as_ref());
        if document.tenant.is_none() {
            self.fault("tenant", "is missing");
        }
        // A user that is wrong must not become the installation.
        if document.user.is_some() && user.is_none() {
            return None;
        }
        ConnectionKey::parse(&tenant?, user.as_deref()).ok()
    }

    fn name(&mut self, key: &str, field: Option<&Field>) -> Option<String> {
        let text = self.text(key, field)?;
        match parse_name(text.expose().as_bytes()) {
            Ok(name) => return Some(name.to_owned()),
            Err(error) => self.fault(key, error),
        }
        None
    }

    fn token(&mut self, key: &str, field: Option<&Field>) -> Option<Secret<String>> {
        let token = self.text(key, field)?;
        let text = token.expose();
        let why = if text.is_empty() {
            "is empty".to_owned()
        } else if text.len() > MAX_TOKEN_BYTES {
            format!("is longer than {MAX_TOKEN_BYTES} bytes")
        } else if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            "has a character outside visible ASCII (no spaces, no line ends)".to_owned()
        } else if LocalToken::parse(text.as_bytes()) != Err(LocalTokenError::Foreign) {
            "is a local token of Orgpass; give the one that Salesforce issued".to_owned()
        } else {
            return Some(token);
        };
        self.fault(key, why);
        None
    }

    fn grant(&mut self, document: &ImportDocument) {
        let Some(grant) = self.text("grant", document.grant.as_ref()) else { return };
        match grant.expose().as_str() {
            "refresh_token" if document.refresh_token.is_some() => {}
            "refresh_token" => self.fault("refresh_token", "is missing; the grant is refresh_token"),
            "jwt_bearer" | "client_credentials" => self.fault(
                "grant",
                "is not in this version yet; refresh_token is, and an access_token alone until it expires",
            ),
            _ => self.fault("grant", "must be refresh_token"),
        }
    }

    /// Keys that only other grants use; checked all the same.
    fn unused(&mut self, document: &ImportDocument) {
        self.text("username", document.username.as_ref());
        if matches!(document.scopes, Some(Field::Number(_) | Field::Other)) {
            self.fault("scopes", "must be a list of texts");
        }
    }

    fn url<T, E>(&mut self, key: &str, field: Option<&Field>, parse: impl Fn(&str) -> Result<T, E>) -> Option<T>
    where
        E: std::fmt::Display,
    {
        let text = self.text(key, field)?;
        parse(text.expose()).map_err(|error| self.fault(key, error)).ok()
    }

    /// Salesforce writes the number as a text.
    fn issued_at(&mut self, field: Option<&Field>) -> Option<u64> {
        let millis = match field? {
            Field::Number(number) => Some(*number),
            Field::Text(text) if text.expose().len() <= MAX_ISSUED_AT_DIGITS => text.expose().parse().ok(),
            _ => None,
        };
        if millis.is_none() {
            self.fault("issued_at", "must be milliseconds since 1970, as Salesforce writes it");
        }
        millis
    }
}
