//! Reading settings: a section of the configuration from which a module takes its own keys, each parsed once into a
//! type. Faults are collected, not thrown, so that a user sees all of them at once, each with its key.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use toml::{Table, Value};

/// One thing wrong with the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The key at fault, such as `proxy.listen`.
    pub key: String,
    /// What is wrong and what to do; never contains a secret.
    pub message: String,
}

/// A table of the configuration with its place, from which keys are taken until none is left.
#[derive(Debug)]
pub struct Section<'a> {
    path: String,
    table: Table,
    known: Vec<&'static str>,
    base: &'a Path,
    faults: &'a mut Vec<Fault>,
}

impl<'a> Section<'a> {
    /// A section at `path`; relative file names are taken from `base`.
    pub fn new(path: &str, table: Table, base: &'a Path, faults: &'a mut Vec<Fault>) -> Self {
        Self { path: path.to_owned(), table, known: Vec::new(), base, faults }
    }

    /// Reports something wrong with a key.
    pub fn fault(&mut self, key: &str, message: impl Display) {
        let key = if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) };
        self.faults.push(Fault { key, message: message.to_string() });
    }

    /// A text value parsed into its type, if the key is there.
    pub fn parsed<T>(&mut self, key: &'static str) -> Option<T>
    where
        T: FromStr,
        T::Err: Display,
    {
        let text = self.text(key)?;
        text.parse().map_err(|error| self.fault(key, error)).ok()
    }

    /// A text value parsed into its type, or the default.
    pub fn parsed_or<T>(&mut self, key: &'static str, default: T) -> T
    where
        T: FromStr,
        T::Err: Display,
    {
        self.parsed(key).unwrap_or(default)
    }

    /// A text value, if the key is there.
    pub fn text(&mut self, key: &'static str) -> Option<String> {
        match self.take(key)? {
            Value::String(text) => Some(text),
            // An environment variable that looks like another type is still text where text is wanted.
            Value::Integer(number) => Some(number.to_string()),
            Value::Boolean(value) => Some(value.to_string()),
            _ => self.wrong(key, "a text in quotes"),
        }
    }

    /// A list of texts, each parsed into its type; empty if the key is not there.
    pub fn list<T>(&mut self, key: &'static str) -> Vec<T>
    where
        T: FromStr,
        T::Err: Display,
    {
        let items = match self.take(key) {
            None => return Vec::new(),
            Some(Value::Array(items)) => items,
            Some(Value::String(one)) => one.split(',').map(|item| Value::String(item.trim().to_owned())).collect(),
            Some(_) => return self.wrong(key, "a list of texts, such as [\"a\", \"b\"]").unwrap_or_default(),
        };
        let mut parsed = Vec::with_capacity(items.len());
        for item in items {
            match item {
                Value::String(text) => match text.parse() {
                    Ok(value) => parsed.push(value),
                    Err(error) => self.fault(key, error),
                },
                _ => self.fault(key, "must be a list of texts"),
            }
        }
        parsed
    }

    /// A whole number within a range, or the default.
    pub fn integer_or(&mut self, key: &'static str, default: u64, range: RangeInclusive<u64>) -> u64 {
        let number = match self.take(key) {
            None => return default,
            Some(Value::Integer(number)) => u64::try_from(number).ok(),
            Some(Value::String(text)) => text.parse().ok(),
            Some(_) => None,
        };
        match number.filter(|number| range.contains(number)) {
            Some(number) => number,
            None => {
                self.fault(key, format_args!("must be a whole number from {} to {}", range.start(), range.end()));
                default
            }
        }
    }

    /// A part of the whole, from 0 to 1, or the default.
    pub fn ratio_or(&mut self, key: &'static str, default: f64) -> f64 {
        let ratio = match self.take(key) {
            None => return default,
            Some(Value::Float(number)) => Some(number),
            Some(Value::Integer(number)) => i32::try_from(number).ok().map(f64::from),
            Some(Value::String(text)) => text.parse().ok(),
            Some(_) => None,
        };
        match ratio.filter(|ratio| (0.0..=1.0).contains(ratio)) {
            Some(ratio) => ratio,
            None => {
                self.fault(key, "must be a number from 0 to 1, such as 0.1");
                default
            }
        }
    }

    /// `true` or `false`, or the default.
    pub fn flag_or(&mut self, key: &'static str, default: bool) -> bool {
        match self.take(key) {
            None => default,
            Some(Value::Boolean(value)) => value,
            Some(Value::String(text)) if text == "true" => true,
            Some(Value::String(text)) if text == "false" => false,
            Some(_) => self.wrong(key, "true or false").unwrap_or(default),
        }
    }

    /// A span of time within a range, written like `500ms`, `30s`, `5m` or `2h`, or the default.
    pub fn duration_or(&mut self, key: &'static str, default: Duration, range: RangeInclusive<Duration>) -> Duration {
        self.duration(key, range).unwrap_or(default)
    }

    /// A span of time within a range, if the key is there.
    pub fn duration(&mut self, key: &'static str, range: RangeInclusive<Duration>) -> Option<Duration> {
        let text = self.text(key)?;
        match humantime::parse_duration(&text) {
            Ok(span) if range.contains(&span) => return Some(span),
            Ok(_) => {
                let (from, to) = (humantime::format_duration(*range.start()), humantime::format_duration(*range.end()));
                self.fault(key, format_args!("must be from {from} to {to}"));
            }
            Err(_) => self.fault(key, "must be a span of time such as \"500ms\", \"30s\", \"5m\" or \"2h\""),
        }
        None
    }

    /// A number of bytes written like `65536`, `64KiB`, `1MiB` or `2GiB`, or the default.
    pub fn bytes_or(&mut self, key: &'static str, default: u64, range: RangeInclusive<u64>) -> u64 {
        let Some(text) = self.text(key) else { return default };
        match parse_bytes(&text).filter(|bytes| range.contains(bytes)) {
            Some(bytes) => bytes,
            None => {
                self.fault(
                    key,
                    format_args!(
                        "must be a number of bytes from {} to {}, such as 65536, \"64KiB\" or \"1MiB\"",
                        range.start(),
                        range.end()
                    ),
                );
                default
            }
        }
    }

    /// A file's path, relative to the configuration file, if the key is there.
    pub fn file(&mut self, key: &'static str) -> Option<PathBuf> {
        self.text(key).map(|text| self.base.join(text))
    }

    /// The folder that relative file names are taken from.
    pub fn base(&self) -> &Path {
        self.base
    }

    /// Whether the key is there.
    pub fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// A section below this one, if it is there.
    pub fn take_table(&mut self, key: &'static str) -> Option<Table> {
        match self.take(key)? {
            Value::Table(table) => Some(table),
            _ => self.wrong(key, "a section"),
        }
    }

    /// The sub-tables of this section by name, for sections such as `apps` whose keys are the user's own names.
    pub fn take_tables(&mut self) -> Vec<(String, Table)> {
        let mut tables = Vec::new();
        for (name, value) in std::mem::take(&mut self.table) {
            match value {
                Value::Table(table) => tables.push((name, table)),
                _ => self.fault(&name, "must be a section"),
            }
        }
        tables
    }

    /// A sub-section with this name and table.
    pub fn sub(&mut self, name: &str, table: Table) -> Section<'_> {
        Section::new(&format!("{}.{name}", self.path), table, self.base, self.faults)
    }

    /// Reports every key that nobody took. Call it when all keys have been read.
    pub fn finish(mut self) {
        for key in self.table.keys().cloned().collect::<Vec<_>>() {
            let message = unknown("a key of this section", &key, &self.known);
            self.fault(&key, message);
        }
    }

    fn take(&mut self, key: &'static str) -> Option<Value> {
        self.known.push(key);
        self.table.remove(key)
    }

    fn wrong<T>(&mut self, key: &str, wanted: &str) -> Option<T> {
        self.fault(key, format_args!("must be {wanted}"));
        None
    }
}

/// Says that `name` is not `what`, which name was probably meant, and which ones there are.
pub fn unknown(what: &str, name: &str, known: &[&str]) -> String {
    let hint = nearest(name, known).map(|nearest| format!("did you mean {nearest}? ")).unwrap_or_default();
    format!("is not {what}; {hint}known here: {}", known.join(", "))
}

/// Which of the known names was probably meant by this one.
pub fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    const ALIKE: f64 = 0.8;
    let likeness = |other: &str| strsim::jaro_winkler(name, other);
    let nearest = known.iter().copied().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    nearest.filter(|nearest| likeness(nearest) >= ALIKE)
}

fn parse_bytes(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let unit: u64 = match unit.trim() {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_faults_of_a_section_are_reported_with_their_keys() {
        let table: Table =
            "listen = 3\nworkers = 0\nidle = \"soon\"\nlistne = \"x\"\nbuffer = \"1MB\"".parse().unwrap();
        let mut faults = Vec::new();
        let mut section = Section::new("proxy", table, Path::new("."), &mut faults);
        section.list::<String>("listen");
        section.integer_or("workers", 1, 1..=64);
        section.duration_or("idle", Duration::from_secs(1), Duration::ZERO..=Duration::from_secs(9));
        section.bytes_or("buffer", 1, 0..=9);
        section.finish();
        let keys: Vec<_> = faults.iter().map(|fault| fault.key.as_str()).collect();
        assert_eq!(keys, ["proxy.listen", "proxy.workers", "proxy.idle", "proxy.buffer", "proxy.listne"]);
        assert!(faults[4].message.contains("did you mean listen? known here: listen, workers"));
    }

    #[test]
    fn texts_from_the_environment_stand_for_numbers_flags_and_lists() {
        let table: Table =
            "n = \"7\"\nflag = \"true\"\nhosts = \"a, b\"\nsize = \"1MiB\"\npart = \"0.25\"".parse().unwrap();
        let mut faults = Vec::new();
        let mut section = Section::new("x", table, Path::new("/etc"), &mut faults);
        assert_eq!(section.integer_or("n", 1, 1..=9), 7);
        assert!(section.flag_or("flag", false));
        assert_eq!(section.list::<String>("hosts"), ["a", "b"]);
        assert_eq!(section.bytes_or("size", 0, 0..=u64::MAX), 1 << 20);
        assert_eq!(section.ratio_or("part", 1.0), 0.25);
        section.finish();
        assert_eq!(faults, []);
    }
}
