//! The JSON object of an import, read so that no fault ever repeats a value: a token pasted into the wrong place must
//! not come back in an error, a terminal or a log.

use std::fmt;

use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::connection::ConnectionKey;
use crate::secret::Secret;

/// The longest object: two tokens of the greatest length, every character escaped, and the rest.
pub const MAX_DOCUMENT_BYTES: usize = 64 * 1024;

/// Unknown keys that are named; the rest are only counted.
const MAX_NAMED: usize = 5;

macro_rules! keys {
    ($($key:ident)*) => {
        /// One connection to import, as it was written: nothing is checked but that it is an object of known keys.
        #[derive(Clone, Debug, Default)]
        pub struct ImportDocument {
            $(#[doc = concat!("`", stringify!($key), "`")] pub $key: Option<Field>,)*
            /// What is wrong already.
            pub faults: Vec<InputFault>,
        }

        /// Every key, in the order of the documentation.
        pub(crate) const KEYS: &[&str] = &[$(stringify!($key)),*];

        impl ImportDocument {
            fn place(&mut self, key: &str) -> Option<&mut Option<Field>> {
                match key {
                    $(stringify!($key) => Some(&mut self.$key),)*
                    _ => None,
                }
            }

            fn fields(&self) -> impl Iterator<Item = (&'static str, &Field)> {
                [$((stringify!($key), self.$key.as_ref())),*]
                    .into_iter()
                    .filter_map(|(key, field)| Some((key, field?)))
            }
        }
    };
}

keys! { tenant user app instance_url access_token refresh_token issued_at login_url grant username password scopes }

/// A value as it was written. Every text may turn out to be a token, so all of them are kept as one.
#[derive(Clone, Debug)]
pub enum Field {
    /// A text.
    Text(Secret<String>),
    /// A whole number from 0.
    Number(u64),
    /// Yes or no.
    Flag(bool),
    /// A list of texts.
    List(Vec<Secret<String>>),
    /// Anything else.
    Other,
}

impl From<String> for Field {
    fn from(text: String) -> Self {
        Self::Text(Secret::new(text))
    }
}

/// One thing wrong with what was given. Names the key, never its value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputFault {
    /// The key at fault; empty where the whole is at fault.
    pub key: String,
    /// What is wrong.
    pub why: String,
}

impl InputFault {
    /// A fault of one key.
    pub fn new(key: &str, why: impl fmt::Display) -> Self {
        Self { key: key.to_owned(), why: why.to_string() }
    }
}

impl fmt::Display for InputFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at_fault = if self.key.is_empty() { "the input" } else { &self.key };
        write!(f, "{at_fault} {}", self.why)
    }
}

impl ImportDocument {
    /// The connection that it names, if it names one.
    pub(super) fn key(&self) -> Option<ConnectionKey> {
        let text = |field: &Option<Field>| match field {
            Some(Field::Text(text)) => Some(text.clone()),
            _ => None,
        };
        let (tenant, user) = (text(&self.tenant)?, text(&self.user));
        ConnectionKey::parse(tenant.expose(), user.as_ref().map(|user| user.expose().as_str())).ok()
    }

    /// Reads one JSON object.
    pub fn parse(json: &[u8]) -> Result<Self, InputFault> {
        if json.len() > MAX_DOCUMENT_BYTES {
            return Err(InputFault::new("", format_args!("is longer than {MAX_DOCUMENT_BYTES} bytes")));
        }
        serde_json::from_slice(json).map_err(|error| {
            // The error's own words may quote what it met.
            let why = match (error.classify(), error.line()) {
                (serde_json::error::Category::Eof, _) => "is not a whole JSON object: it ends too early".to_owned(),
                (serde_json::error::Category::Data, _) => "is not a JSON object".to_owned(),
                (_, 1) => format!("is not JSON: see column {}", error.column()),
                (_, line) => format!("is not JSON: see line {line}, column {}", error.column()),
            };
            InputFault::new("", why)
        })
    }

    /// The document as one line of JSON, to be handed on over the control socket.
    pub(crate) fn to_line(&self) -> Zeroizing<String> {
        let mut line = Zeroizing::new(String::with_capacity(MAX_DOCUMENT_BYTES));
        line.push('{');
        for (index, (key, field)) in self.fields().enumerate() {
            push_field(&mut line, index == 0, key, field);
        }
        line.push('}');
        line
    }
}

/// Writes one field of an object.
pub(super) fn push_field(line: &mut String, is_first: bool, key: &str, field: &Field) {
    line.push_str(if is_first { "" } else { "," });
    push_text(line, key);
    line.push(':');
    match field {
        Field::Text(text) => push_text(line, text.expose()),
        Field::Number(number) => line.push_str(&number.to_string()),
        Field::List(items) => {
            line.push('[');
            for (index, item) in items.iter().enumerate() {
                line.push_str(if index == 0 { "" } else { "," });
                push_text(line, item.expose());
            }
            line.push(']');
        }
        Field::Flag(flag) => line.push_str(if *flag { "true" } else { "false" }),
        Field::Other => line.push_str("{}"),
    }
}

fn push_text(line: &mut String, text: &str) {
    let json = Zeroizing::new(serde_json::to_string(text).expect("texts serialize"));
    line.push_str(&json);
}

impl<'de> Deserialize<'de> for ImportDocument {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(DocumentVisitor)
    }
}

struct DocumentVisitor;

impl<'de> Visitor<'de> for DocumentVisitor {
    type Value = ImportDocument;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ImportDocument, A::Error> {
        let mut document = ImportDocument::default();
        let mut unknown = 0_usize;
        while let Some(key) = map.next_key::<String>()?.map(Zeroizing::new) {
            let Some(place) = document.place(&key) else {
                map.next_value::<IgnoredAny>()?;
                unknown += 1;
                if unknown <= MAX_NAMED {
                    document.faults.push(unknown_key(&key));
                }
                continue;
            };
            let twice = place.is_some();
            *place = map.next_value::<Option<Field>>()?;
            if twice {
                document.faults.push(InputFault::new(&key, "is there twice"));
            }
        }
        Ok(document)
    }
}

/// A key that is a plain word is named; anything else could be a token in the wrong place.
fn unknown_key(key: &str) -> InputFault {
    let is_word = key.len() <= 24 && key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    let name = if is_word { key } else { "" };
    let what = if is_word { "is not a key" } else { "has a key that is unknown" };
    InputFault::new(name, format_args!("{what}; the keys are {}", KEYS.join(", ")))
}

impl<'de> Deserialize<'de> for Field {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FieldVisitor)
    }
}

struct FieldVisitor;

impl<'de> Visitor<'de> for FieldVisitor {
    type Value = Field;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_str<E>(self, text: &str) -> Result<Field, E> {
        Ok(Field::Text(Secret::new(text.to_owned())))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Field, E> {
        Ok(Field::Number(number))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Field, E> {
        Ok(Field::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Field, E> {
        Ok(Field::Other)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Field, E> {
        Ok(Field::Flag(flag))
    }

    fn visit_unit<E>(self) -> Result<Field, E> {
        Ok(Field::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Field, A::Error> {
        let mut texts = Vec::new();
        let mut all_texts = true;
        while let Some(item) = items.next_element::<Field>()? {
            match item {
                Field::Text(text) => texts.push(text),
                _ => all_texts = false,
            }
        }
        Ok(if all_texts { Field::List(texts) } else { Field::Other })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Field, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Field::Other)
    }
}
