//! A checked import: every value parsed into its type, every fault found at once.

use super::DEFAULT_APP;
use super::document::{Field, ImportDocument, InputFault};
use crate::connection::{ConnectionKey, LocalToken, LocalTokenError, parse_name};
use crate::oauth::{App, Apps, Flow};
use crate::salesforce::hosts::{InstanceUrl, LoginUrl, TrustedHosts};
use crate::secret::Secret;
use crate::store::GrantKind;

/// Longest token, in bytes. Opaque ones have some hundred, JWT-based ones some thousand.
pub const MAX_TOKEN_BYTES: usize = 8192;

/// Salesforce's own bound is 80 characters.
const MAX_USERNAME_BYTES: usize = 255;

/// Salesforce counts milliseconds since 1970 in 13 digits.
const MAX_ISSUED_AT_DIGITS: usize = 15;

const MAX_PASSWORD_BYTES: usize = 512;

/// One authorization to be imported.
#[derive(Clone, Debug)]
pub struct ImportRequest {
    /// The app that it is for.
    pub app: String,
    /// How tokens are earned.
    pub grant: GrantKind,
    /// The user whom assertions speak for, or who logs in; there exactly with [`GrantKind::JwtBearer`] and
    /// [`GrantKind::Password`].
    pub username: Option<String>,
    /// The user's password and security token; there exactly with [`GrantKind::Password`].
    pub password: Option<Secret<String>>,
    /// Where the access token may be sent. Needed with an access token.
    pub instance_url: Option<InstanceUrl>,
    /// Where its exchanges go.
    pub login_url: LoginUrl,
    /// The access token. Alone it needs no other grant.
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
        let grant = reader.grant(document);
        let username = reader.username(grant, document.username.as_ref());
        let password = reader.password(grant, document.password.as_ref());
        reader.scopes(document);
        let app = reader.text("app", document.app.as_ref()).map(|name| name.expose().clone());
        let app_is_named = app.is_some();
        let app = app.unwrap_or_else(|| DEFAULT_APP.to_owned());
        // An access token alone is never exchanged, so it needs no app.
        let configured = apps.get(&app);
        if configured.is_none() && (app_is_named || grant != GrantKind::AccessToken) {
            let known: Vec<_> = apps.iter().map(|app| app.name.as_str()).collect();
            let known = if known.is_empty() { "none is configured".to_owned() } else { known.join(", ") };
            reader.fault(
                "app",
                format_args!(
                    "is not an app of the configuration, [apps.NAME], nor the tenant's own; known here: {known}"
                ),
            );
        }
        if let Some(why) = configured.and_then(|app| lacks(app, grant)) {
            reader.fault("app", why);
        }
        let instance_url =
            reader.url("instance_url", document.instance_url.as_ref(), |url| InstanceUrl::parse(url, trusted));
        let login_url = reader.url("login_url", document.login_url.as_ref(), |url| LoginUrl::parse(url, trusted));
        if document.access_token.is_some() && document.instance_url.is_none() {
            reader.fault("instance_url", "is missing; an access token is worth nothing without its host");
        }
        let issued_at = reader.issued_at(document.issued_at.as_ref());
        let login_url = login_url
            .or_else(|| instance_url.clone().map(LoginUrl::from))
            .or_else(|| configured.map(|app| app.login_url.clone()));
        if login_url.is_none() && reader.faults.is_empty() {
            reader.fault("instance_url", "is missing, and login_url too; give at least one of them");
        }
        if grant == GrantKind::ClientCredentials && login_url.as_ref().is_some_and(LoginUrl::is_shared) {
            let at = if document.login_url.is_some() { "login_url" } else { "instance_url" };
            reader.fault(at, OWN_HOST);
        }
        let authorization = move |login_url| Self {
            app,
            grant,
            username,
            password,
            instance_url,
            login_url,
            access_token,
            refresh_token,
            issued_at,
        };
        match (key, login_url) {
            (Some(key), Some(login_url)) if reader.faults.is_empty() => Ok((key, authorization(login_url))),
            _ => Err(reader.faults),
        }
    }
}

const OWN_HOST: &str = "must be the org's own host, like https://acme.my.salesforce.com: login.salesforce.com and \
                        test.salesforce.com do not serve client_credentials";

/// What an app lacks for a grant, if anything.
fn lacks(app: &App, grant: GrantKind) -> Option<&'static str> {
    match grant {
        GrantKind::JwtBearer if app.private_key.is_none() => Some("has no private key; jwt_bearer signs with it"),
        GrantKind::ClientCredentials if app.client_secret.is_none() => {
            Some("has no client secret; client_credentials proves itself with it")
        }
        GrantKind::Password if !app.allow.contains(&Flow::Password) => {
            Some("may not use the grant password: apps.NAME.allow does not have \"password\"; jwt_bearer is better")
        }
        _ => None,
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
            Field::Number(_) | Field::Flag(_) | Field::List(_) | Field::Other => {
                self.fault(key, "must be a text in quotes")
            }
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

    /// How tokens are earned, with every fault of what the grant needs and refuses.
    fn grant(&mut self, document: &ImportDocument) -> GrantKind {
        let named = self.text("grant", document.grant.as_ref());
        let grant = match named.as_ref().map(|grant| grant.expose().as_str()) {
            None if document.refresh_token.is_none() => GrantKind::AccessToken,
            None | Some("refresh_token") => GrantKind::RefreshToken,
            Some("jwt_bearer") => GrantKind::JwtBearer,
            Some("client_credentials") => GrantKind::ClientCredentials,
            Some("password") => GrantKind::Password,
            Some(_) => {
                self.fault("grant", "must be refresh_token, jwt_bearer, client_credentials or password");
                GrantKind::RefreshToken
            }
        };
        match (grant, document.refresh_token.is_some()) {
            (GrantKind::RefreshToken, false) => self.fault("refresh_token", "is missing; the grant is refresh_token"),
            (GrantKind::AccessToken, _) if document.access_token.is_none() => {
                self.fault("refresh_token", "is missing, and access_token too; give at least one of them");
            }
            (GrantKind::JwtBearer | GrantKind::ClientCredentials | GrantKind::Password, true) => {
                self.fault("refresh_token", format_args!("has no use: the grant is {}", grant.as_str()));
            }
            _ => {}
        }
        grant
    }

    fn username(&mut self, grant: GrantKind, field: Option<&Field>) -> Option<String> {
        let name = self.text("username", field);
        if !matches!(grant, GrantKind::JwtBearer | GrantKind::Password) {
            if field.is_some() {
                self.fault("username", "has no use: only the grants jwt_bearer and password name a user");
            }
            return None;
        }
        if field.is_none() {
            self.fault("username", "is missing; the grant earns tokens for the user of this name at Salesforce");
        }
        let name = name?;
        let text = name.expose();
        let is_name =
            (1..=MAX_USERNAME_BYTES).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        if !is_name {
            let form =
                format_args!("must be 1 to {MAX_USERNAME_BYTES} visible ASCII characters, like ana@acme.example");
            self.fault("username", form);
        }
        is_name.then(|| text.clone())
    }

    fn password(&mut self, grant: GrantKind, field: Option<&Field>) -> Option<Secret<String>> {
        let password = self.text("password", field);
        if grant != GrantKind::Password {
            if field.is_some() {
                self.fault("password", "has no use: only the grant password logs in with one");
            }
            return None;
        }
        if field.is_none() {
            self.fault("password", "is missing; give the user's password, followed by the security token");
        }
        let password = password?;
        if (1..=MAX_PASSWORD_BYTES).contains(&password.expose().len()) {
            return Some(password);
        }
        self.fault("password", format_args!("must have 1 to {MAX_PASSWORD_BYTES} bytes"));
        None
    }

    /// Scopes belong to the app; checked all the same.
    fn scopes(&mut self, document: &ImportDocument) {
        if matches!(document.scopes, Some(Field::Number(_) | Field::Flag(_) | Field::Other)) {
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
