//! The JSON object of an app that a tenant brings, read so that no fault ever repeats a value.

use std::collections::BTreeMap;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use zeroize::Zeroizing;

use crate::management::document::push_field;
use crate::management::{Field, InputFault, MAX_DOCUMENT_BYTES};
use crate::oauth::{App, AppKey, Brand, ClientSecret, Logo, OWN_APP, is_client_id, parse_display_name};
use crate::salesforce::hosts::{LoginUrl, TrustedHosts};
use crate::salesforce::scopes::Scopes;
use crate::secret::Secret;

const KEYS: [&str; 10] = [
    "client_id",
    "client_secret",
    "private_key",
    "login_url",
    "sandbox_login_url",
    "scopes",
    "name",
    "logo",
    "accent",
    "introspect",
];
const MAX_SECRET_BYTES: usize = 4096;

/// An app as it was written: nothing is checked but that it is an object of known keys.
#[derive(Clone, Debug, Default)]
pub struct AppDocument {
    fields: BTreeMap<&'static str, Field>,
    faults: Vec<InputFault>,
}

impl AppDocument {
    /// Reads one JSON object.
    pub fn parse(json: &[u8]) -> Result<Self, InputFault> {
        if json.len() > MAX_DOCUMENT_BYTES {
            return Err(InputFault::new("", format_args!("is longer than {MAX_DOCUMENT_BYTES} bytes")));
        }
        // The error's own words may quote what it met.
        let unread = |error: serde_json::Error| {
            InputFault::new(
                "",
                format_args!("is not a JSON object: see line {}, column {}", error.line(), error.column()),
            )
        };
        serde_json::from_slice(json).map_err(unread)
    }

    /// What was wrong already when it was read.
    pub(crate) fn faults(&self) -> &[InputFault] {
        &self.faults
    }

    /// The document as one line of JSON, to be handed on over the control socket.
    pub(crate) fn to_line(&self) -> Zeroizing<String> {
        let mut line = Zeroizing::new(String::with_capacity(MAX_DOCUMENT_BYTES));
        line.push('{');
        for (index, (key, field)) in self.fields.iter().enumerate() {
            push_field(&mut line, index == 0, key, field);
        }
        line.push('}');
        line
    }

    /// Checks every value; all faults at once.
    pub(super) fn check(&self, trusted: &TrustedHosts) -> Result<App, Vec<InputFault>> {
        let mut reader = Reader { fields: &self.fields, faults: self.faults.clone() };
        let client_id = reader.checked("client_id", |text| {
            if is_client_id(text) { Ok(text.to_owned()) } else { Err("must be the app's consumer key") }
        });
        let client_secret = reader.secret("client_secret");
        let private_key = reader.private_key();
        let login_url = reader.login("login_url", "https://login.salesforce.com", trusted);
        let sandbox_login_url = reader.login("sandbox_login_url", "https://test.salesforce.com", trusted);
        let scopes = reader.scopes();
        let name = reader.checked("name", parse_display_name);
        let logo = reader.checked("logo", Logo::parse_data_uri);
        let accent = reader.checked("accent", str::parse);
        let introspect = reader.flag("introspect");
        reader.missing("client_id", "it is the app's consumer key");
        reader.missing("name", "it is what people know the app by when they connect");
        if introspect && !self.fields.contains_key("client_secret") {
            reader.fault("introspect", "needs client_secret: Salesforce tells only an app that has proved itself");
        }
        let (Some(client_id), Some(name), Some(login_url), Some(sandbox_login_url), true) =
            (client_id, name, login_url, sandbox_login_url, reader.faults.is_empty())
        else {
            return Err(reader.faults);
        };
        Ok(App {
            name: OWN_APP.to_owned(),
            client_id,
            client_secret: client_secret.map(ClientSecret::Held),
            login_url,
            session_time: None,
            private_key,
            audience: None,
            introspect,
            scopes,
            sandbox_login_url,
            brand: Brand { name, logo, accent },
            // What is off by default is the operator's to allow.
            allow: Vec::new(),
        })
    }
}

struct Reader<'a> {
    fields: &'a BTreeMap<&'static str, Field>,
    faults: Vec<InputFault>,
}

impl Reader<'_> {
    fn fault(&mut self, key: &str, why: impl std::fmt::Display) {
        self.faults.push(InputFault::new(key, why));
    }

    fn missing(&mut self, key: &str, why: &str) {
        if !self.fields.contains_key(key) {
            self.fault(key, format_args!("is missing; {why}"));
        }
    }

    fn text(&mut self, key: &str) -> Option<Secret<String>> {
        match self.fields.get(key)? {
            Field::Text(text) => Some(text.clone()),
            _ => {
                self.fault(key, "must be a text in quotes");
                None
            }
        }
    }

    fn checked<T, E: std::fmt::Display>(&mut self, key: &str, parse: impl Fn(&str) -> Result<T, E>) -> Option<T> {
        let text = self.text(key)?;
        parse(text.expose()).map_err(|error| self.fault(key, error)).ok()
    }

    fn login(&mut self, key: &str, default: &str, trusted: &TrustedHosts) -> Option<LoginUrl> {
        if self.fields.contains_key(key) {
            return self.checked(key, |url| LoginUrl::parse(url, trusted));
        }
        LoginUrl::parse(default, trusted).ok()
    }

    fn secret(&mut self, key: &str) -> Option<Secret<String>> {
        let secret = self.text(key)?;
        let text = secret.expose();
        let right = (1..=MAX_SECRET_BYTES).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        if !right {
            self.fault(key, format_args!("must be 1 to {MAX_SECRET_BYTES} visible ASCII characters"));
        }
        right.then_some(secret)
    }

    fn private_key(&mut self) -> Option<AppKey> {
        let key = AppKey::Held(self.text("private_key")?);
        if key.read().is_err() {
            self.fault(
                "private_key",
                "must be an RSA private key of 2048 to 4096 bits in PEM, without a passphrase, as openssl genrsa 2048 \
                 writes it",
            );
            return None;
        }
        Some(key)
    }

    fn scopes(&mut self) -> Scopes {
        let scopes = match self.fields.get("scopes") {
            None => return Scopes::default(),
            Some(Field::List(words)) => Scopes::from_words(words.iter().map(|word| word.expose().as_str())),
            Some(_) => {
                self.fault("scopes", "must be a list of texts");
                return Scopes::default();
            }
        };
        scopes.map_err(|error| self.fault("scopes", error)).unwrap_or_default()
    }

    fn flag(&mut self, key: &str) -> bool {
        match self.fields.get(key) {
            None => false,
            Some(Field::Flag(flag)) => *flag,
            Some(_) => {
                self.fault(key, "must be true or false");
                false
            }
        }
    }
}

impl<'de> Deserialize<'de> for AppDocument {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(DocumentVisitor)
    }
}

struct DocumentVisitor;

impl<'de> Visitor<'de> for DocumentVisitor {
    type Value = AppDocument;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<AppDocument, A::Error> {
        let mut document = AppDocument::default();
        let mut unknown = false;
        while let Some(key) = map.next_key::<String>()?.map(Zeroizing::new) {
            let value = map.next_value::<Option<Field>>()?;
            let Some(key) = KEYS.into_iter().find(|known| *known == key.as_str()) else {
                unknown = true;
                continue;
            };
            if let Some(value) = value
                && document.fields.insert(key, value).is_some()
            {
                document.faults.push(InputFault::new(key, "is there twice"));
            }
        }
        if unknown {
            // Its name is not repeated: it may be a secret in the wrong place.
            let keys = KEYS.join(", ");
            document.faults.push(InputFault::new("", format_args!("has a key that is unknown; the keys are {keys}")));
        }
        Ok(document)
    }
}
