//! The configuration: one TOML file, overlaid by the environment, from which each module takes its own settings. It is
//! whole and checked before anything is bound or opened; every fault is reported at once, with its key.

mod control;
mod egress;
mod environment;
mod salesforce;
mod vault;
mod warnings;

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use toml::{Table, Value};

pub use crate::settings::Fault;

use crate::oauth::Apps;
use crate::salesforce::hosts::TargetHosts;
use crate::secret::SecretFile;
use crate::settings::{Section, unknown};
use crate::store::StoreUrl;
use crate::vault::Vault;
use crate::{ops, proxy, server, store, telemetry, token, traces, transport};

/// The file that is read when nothing else is named.
pub const DEFAULT_FILE: &str = "orgpass.toml";

const SECTIONS: [&str; 11] =
    ["proxy", "ops", "hub", "store", "vault", "tokens", "apps", "salesforce", "log", "traces", "control"];
/// Files of a few kilobytes are usual; anything near this size is not a configuration.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// A whole, valid configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// Section `[proxy]`.
    pub proxy: proxy::Settings,
    /// Section `[ops]`.
    pub ops: ops::Settings,
    /// Section `[store]`.
    pub store: store::Settings,
    /// Section `[tokens]`, with `proxy.token_wait`.
    pub tokens: token::Settings,
    /// Sections `[apps.NAME]`.
    pub apps: Apps,
    /// Section `[salesforce]`.
    pub transport: transport::Settings,
    /// Hosts of section `[salesforce]` that calls may be sent to in place of their org's.
    pub targets: TargetHosts,
    /// Certificates in PEM that are trusted beside the public roots: `salesforce.ca_file`.
    pub ca_file: Option<PathBuf>,
    /// Section `[log]`.
    pub log: telemetry::Settings,
    /// Section `[traces]`, if it names a collector.
    pub traces: Option<traces::Settings>,
    /// Section `[hub]`: the process is a hub if it has one.
    pub hub: Option<crate::hub::Settings>,
    /// The control socket: `control.listen`, else beside the store file; none with Redis unless it is named.
    pub control: Option<PathBuf>,
    /// Where exchanges are noted before they are stored: `vault.journal_dir`.
    pub journal_dir: Option<PathBuf>,
    /// What works and should still be changed, such as key files that others can read.
    pub warnings: Vec<Fault>,
    vault: Arc<Vault>,
}

/// Everything wrong with a configuration. Displayed as one line a fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigFaults {
    /// The file that was read, or would have been.
    pub file: PathBuf,
    /// What is wrong; never empty.
    pub faults: Vec<Fault>,
}

impl Config {
    /// Reads the configuration: `path`, else the file that `ORGPASS_CONFIG` names, else [`DEFAULT_FILE`] if it exists;
    /// then the variables `ORGPASS_SECTION__KEY` of `env` over it, and what `HTTPS_PROXY` and `NO_PROXY` say below it.
    pub fn load(path: Option<&Path>, env: impl IntoIterator<Item = (String, String)>) -> Result<Self, ConfigFaults> {
        let env: BTreeMap<String, String> = env.into_iter().collect();
        let named = path.map(Path::to_owned).or_else(|| env.get("ORGPASS_CONFIG").map(PathBuf::from));
        let file = named.clone().unwrap_or_else(|| DEFAULT_FILE.into());
        let (text, is_there) = match read_bounded(&file, MAX_FILE_BYTES) {
            Ok(text) => (text, true),
            Err(error) if named.is_none() && error.kind() == io::ErrorKind::NotFound => (String::new(), false),
            Err(error) => {
                let message = format!("cannot be read: {error}; name another with --config FILE or ORGPASS_CONFIG");
                return Err(ConfigFaults { faults: vec![Fault { key: "the file".to_owned(), message }], file });
            }
        };
        let base = file.parent().unwrap_or(Path::new(""));
        Self::parse(&text, base, &env).map_err(|mut faults| {
            if !is_there {
                let message = "is not in this folder; name another with --config FILE or ORGPASS_CONFIG".to_owned();
                faults.insert(0, Fault { key: "the file".to_owned(), message });
            }
            ConfigFaults { file: file.clone(), faults }
        })
    }

    /// Reads a configuration from its text alone; relative file names are taken from `base`.
    pub fn from_toml(text: &str, base: &Path) -> Result<Self, ConfigFaults> {
        Self::parse(text, base, &BTreeMap::new())
            .map_err(|faults| ConfigFaults { file: base.join(DEFAULT_FILE), faults })
    }

    /// The key rings.
    pub fn vault(&self) -> &Arc<Vault> {
        &self.vault
    }

    fn parse(text: &str, base: &Path, env: &BTreeMap<String, String>) -> Result<Self, Vec<Fault>> {
        let mut table: Table = toml::from_str(text).map_err(|error| vec![syntax_fault(text, &error)])?;
        let environment::Overlay { mut origins, misspelt } = environment::overlay(&mut table, env, &SECTIONS);
        origins.extend(egress::underlay(&mut table, env));
        let mut faults = Vec::new();
        let config = Self::read(table, base, &mut faults);
        for fault in &mut faults {
            if let Some(variable) = origins.get(&fault.key) {
                fault.message.push_str(&format!(" (set by {variable})"));
            }
        }
        match config {
            Some(mut config) if faults.is_empty() => {
                config.warnings.extend(misspelt);
                Ok(config)
            }
            _ => {
                // They may be the reason why something is missing.
                faults.extend(misspelt);
                Err(faults)
            }
        }
    }

    /// Reads every section. `None` only with faults.
    fn read(table: Table, base: &Path, faults: &mut Vec<Fault>) -> Option<Self> {
        let mut sections = Sections::split(table, base, faults);
        let (transport, ca_file, targets) = salesforce::read(sections.take("salesforce"));
        let apps = Apps::read(sections.take("apps"), &transport.trusted_hosts);
        let proxy = proxy::Settings::read(sections.take("proxy"));
        let ops = ops::Settings::read(sections.take("ops"));
        let store = store::Settings::read(sections.take("store"));
        let mut tokens = token::Settings::read(sections.take("tokens"));
        tokens.wait = proxy.token_wait;
        let log = telemetry::Settings::read(sections.take("log"));
        let traces = traces::Settings::read(sections.take("traces"));
        let control = control::read(sections.take("control"), &store.url);
        let mut warnings = Vec::new();
        let hub =
            sections.has("hub").then(|| crate::hub::Settings::read(sections.take("hub"), &transport.trusted_hosts));
        let needs_grant_keys = match (&hub, &store.url) {
            (Some(_), _) => Some("a hub exchanges for those that have no grant keys, and needs them itself"),
            (None, StoreUrl::File(_)) => Some("with an embedded store no other process can hold the grant keys"),
            (None, StoreUrl::Redis(_)) => None,
        };
        if let Some(tls) = &proxy.tls {
            if let Err(fault) = server::Tls::load(tls.clone()) {
                sections.fault(&format!("proxy.{}", fault.key()), fault.to_string());
            }
            warnings.extend(vault::readable_by_others("proxy.tls_private_key_file", &tls.private_key));
        }
        let (vault, journal_dir) = vault::read(sections.take("vault"), needs_grant_keys, &mut warnings);
        if let Some(Err(error)) = store.password_file.clone().map(|file| SecretFile::new(file).read()) {
            sections.fault("store.password_file", error.to_string());
        }
        warnings.extend(warnings::of(&store, hub.as_ref(), &apps, traces.as_ref(), &transport));
        Some(Self {
            proxy,
            ops,
            store,
            tokens,
            apps,
            transport,
            targets,
            ca_file,
            log,
            traces,
            hub,
            control,
            journal_dir,
            warnings,
            vault: Arc::new(vault?),
        })
    }
}

/// The tables of the file, each handed out once.
struct Sections<'a> {
    table: Table,
    base: &'a Path,
    faults: &'a mut Vec<Fault>,
}

impl<'a> Sections<'a> {
    fn split(mut table: Table, base: &'a Path, faults: &'a mut Vec<Fault>) -> Self {
        let mut sections = Table::new();
        for (name, value) in std::mem::take(&mut table) {
            let message = match (name.as_str(), value) {
                (known, value @ Value::Table(_)) if SECTIONS.contains(&known) => {
                    sections.insert(name, value);
                    continue;
                }
                (known, _) if SECTIONS.contains(&known) => format!("must be a section, written [{known}]"),
                (_, Value::Table(_)) => unknown("a section", &name, &SECTIONS),
                _ => format!("is outside of any section; the sections are {}", SECTIONS.join(", ")),
            };
            faults.push(Fault { key: name, message });
        }
        Self { table: sections, base, faults }
    }

    fn has(&self, name: &str) -> bool {
        self.table.contains_key(name)
    }

    fn take(&mut self, name: &str) -> Section<'_> {
        let table = match self.table.remove(name) {
            Some(Value::Table(table)) => table,
            _ => Table::new(),
        };
        Section::new(name, table, self.base, self.faults)
    }

    fn fault(&mut self, key: &str, message: String) {
        self.faults.push(Fault { key: key.to_owned(), message });
    }
}

/// A syntax error with its place. The line itself stays out of the message: it may hold a secret.
fn syntax_fault(text: &str, error: &toml::de::Error) -> Fault {
    let at = error.span().map_or(text.len(), |span| span.start.min(text.len()));
    let before = text.get(..at).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    Fault { key: format!("line {line}, column {column}"), message: format!("is not TOML: {}", error.message()) }
}

/// Reads a text file that must not be larger than `limit` bytes.
fn read_bounded(path: &Path, limit: u64) -> io::Result<String> {
    let file = std::fs::File::open(path)?;
    // Room for the whole file, so that growing leaves no copy of a key behind.
    let size = usize::try_from(file.metadata()?.len().min(limit)).unwrap_or_default();
    let mut text = String::with_capacity(size + 1);
    let read = file.take(limit + 1).read_to_string(&mut text)?;
    if u64::try_from(read).is_ok_and(|read| read <= limit) {
        return Ok(text);
    }
    Err(io::Error::other(format!("it is larger than {limit} bytes")))
}

impl fmt::Display for ConfigFaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.faults.len();
        write!(f, "{}: {count} fault{}", self.file.display(), if count == 1 { "" } else { "s" })?;
        for fault in &self.faults {
            write!(f, "\n  {}: {}", fault.key, fault.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigFaults {}

#[cfg(test)]
mod tests;
