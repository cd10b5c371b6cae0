//! One line, in the form of the log, field by field.

use std::fmt;
use std::io::Write;
use std::sync::MutexGuard;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::Bell;

/// The form of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One JSON object a line.
    Json,
    /// `key=value` pairs.
    Text,
}

impl std::str::FromStr for Format {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "json" => Ok(Self::Json),
            "text" => Ok(Self::Text),
            _ => Err("must be \"json\" or \"text\""),
        }
    }
}

/// A field's name as both forms of the log write it, separators and all.
#[derive(Clone, Copy)]
pub struct Key {
    json: &'static str,
    text: &'static str,
}

impl Key {
    /// Made by the macro `key` only, which keeps the two forms alike.
    pub const fn new(json: &'static str, text: &'static str) -> Self {
        Self { json, text }
    }
}

/// The [`Key`] with this name, which must be a literal.
macro_rules! key {
    ($name:literal) => {
        $crate::access_log::Key::new(concat!(",\"", $name, "\":"), concat!(" ", $name, "="))
    };
}

pub(crate) use key;

/// A line being written.
pub struct Line<'a> {
    format: Format,
    out: MutexGuard<'a, Vec<u8>>,
    bell: &'a Bell,
}

impl<'a> Line<'a> {
    pub(super) fn begin(format: Format, mut out: MutexGuard<'a, Vec<u8>>, bell: &'a Bell) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        match format {
            Format::Json => out.extend_from_slice(b"{\"event\":\"request\""),
            Format::Text => out.extend_from_slice(b"event=request"),
        }
        let mut line = Self { format, out, bell };
        line.decimal(key!("time"), now.as_secs(), now.subsec_millis());
        line
    }

    /// A name of visible ASCII.
    pub fn text(&mut self, key: Key, value: &str) {
        if self.format == Format::Text || !value.bytes().any(needs_escape) {
            return self.word(key, value);
        }
        self.key(key);
        self.quoted(|out| {
            for byte in value.bytes() {
                if needs_escape(byte) {
                    out.push(b'\\');
                }
                out.push(byte);
            }
        });
    }

    /// A word of this program, or something else without quotes and backslashes.
    pub fn word(&mut self, key: Key, value: &str) {
        self.key(key);
        self.quoted(|out| out.extend_from_slice(value.as_bytes()));
    }

    /// Something that is written as visible ASCII, without quotes and backslashes.
    pub fn plain(&mut self, key: Key, value: impl fmt::Display) {
        self.key(key);
        // Writing to memory does not fail.
        self.quoted(|out| drop(write!(out, "{value}")));
    }

    /// A path, by its segments, which are visible ASCII without quotes and backslashes.
    pub fn path<'p>(&mut self, key: Key, segments: impl Iterator<Item = &'p str>) {
        self.key(key);
        self.quoted(|out| {
            let before = out.len();
            for segment in segments {
                out.push(b'/');
                out.extend_from_slice(segment.as_bytes());
            }
            if out.len() == before {
                out.push(b'/');
            }
        });
    }

    /// A whole number.
    pub fn number(&mut self, key: Key, value: u64) {
        self.key(key);
        self.out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
    }

    /// A span of time in milliseconds with three decimals.
    pub fn millis(&mut self, key: Key, value: Duration) {
        let micros = u64::try_from(value.as_micros()).unwrap_or(u64::MAX);
        self.decimal(key, micros / 1000, u32::try_from(micros % 1000).expect("below a thousand"));
    }

    /// Ends the line.
    pub fn end(mut self) {
        match self.format {
            Format::Json => self.out.extend_from_slice(b"}\n"),
            Format::Text => self.out.push(b'\n'),
        }
        drop(self.out);
        self.bell.ring();
    }

    fn decimal(&mut self, key: Key, whole: u64, thousandths: u32) {
        self.number(key, whole);
        let digit = |value: u32| b'0' + u8::try_from(value % 10).expect("a digit");
        self.out.extend_from_slice(&[b'.', digit(thousandths / 100), digit(thousandths / 10), digit(thousandths)]);
    }

    fn quoted(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let quote: &[u8] = if self.format == Format::Json { b"\"" } else { b"" };
        self.out.extend_from_slice(quote);
        write(&mut self.out);
        self.out.extend_from_slice(quote);
    }

    fn key(&mut self, key: Key) {
        let name = match self.format {
            Format::Json => key.json,
            Format::Text => key.text,
        };
        self.out.extend_from_slice(name.as_bytes());
    }
}

fn needs_escape(byte: u8) -> bool {
    matches!(byte, b'"' | b'\\')
}
