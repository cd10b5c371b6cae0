//! The tables, and what a file has to fulfil.

use super::source::{bare, paths, without_tests};

/// Which of its siblings a module may import. Arrows run one way: nothing imports what stands above it.
const IMPORTS: &[(&str, &[&str])] = &[
    ("lib", &[]),
    ("main", &["cli"]),
    // What it says to people it says in everybody's types; the data path is no business of its.
    (
        "cli",
        &[
            "app",
            "config",
            "connection",
            "control",
            "management",
            "metrics",
            "oauth",
            "salesforce",
            "secret",
            "settings",
            "shutdown",
            "store",
            "telemetry",
            "token",
            "transport",
            "vault",
        ],
    ),
    // Builds all parts.
    (
        "app",
        &[
            "access_log",
            "config",
            "connection",
            "control",
            "hub",
            "management",
            "metrics",
            "oauth",
            "ops",
            "proxy",
            "secret",
            "server",
            "settings",
            "shutdown",
            "store",
            "telemetry",
            "token",
            "traces",
            "transport",
            "vault",
        ],
    ),
    // Collects every module's own settings.
    (
        "config",
        &[
            "access_log",
            "hub",
            "oauth",
            "ops",
            "proxy",
            "salesforce",
            "secret",
            "server",
            "settings",
            "store",
            "telemetry",
            "token",
            "traces",
            "transport",
            "vault",
        ],
    ),
    ("control", &["connection", "management", "server", "shutdown"]),
    (
        "hub",
        &[
            "connection",
            "management",
            "metrics",
            "oauth",
            "salesforce",
            "secret",
            "settings",
            "shutdown",
            "store",
            "token",
            "transport",
            "vault",
        ],
    ),
    ("server", &["proxy", "shutdown"]),
    ("ops", &["metrics", "settings", "shutdown", "store", "token"]),
    (
        "management",
        &["connection", "metrics", "oauth", "salesforce", "secret", "settings", "store", "token", "transport", "vault"],
    ),
    // Of the vault only the ephemeral key of spill files, see `opens_nothing`.
    (
        "proxy",
        &[
            "access_log",
            "connection",
            "metrics",
            "salesforce",
            "settings",
            "shutdown",
            "token",
            "traces",
            "transport",
            "vault",
        ],
    ),
    (
        "token",
        &[
            "connection",
            "metrics",
            "oauth",
            "salesforce",
            "secret",
            "settings",
            "store",
            "traces",
            "transport",
            "vault",
        ],
    ),
    ("oauth", &["salesforce", "secret", "settings", "transport"]),
    ("store", &["connection", "metrics", "secret", "settings", "vault"]),
    ("traces", &["metrics", "secret", "settings", "shutdown", "transport"]),
    ("transport", &["salesforce", "secret"]),
    ("vault", &["connection"]),
    ("telemetry", &["access_log", "settings"]),
    // For the one table of causes.
    ("salesforce", &["connection"]),
    ("access_log", &[]),
    ("connection", &[]),
    ("metrics", &[]),
    ("secret", &[]),
    ("settings", &[]),
    ("shutdown", &[]),
];

/// What the proxy may name of the vault.
const SPILLS: &[&str] = &["EphemeralKey", "OVERHEAD"];

/// Crates with an owner: the modules, with all below them, that may name them.
pub const OWNERS: &[(&str, &[&str])] = &[
    ("aes_gcm", &["vault"]),
    ("hkdf", &["vault"]),
    ("oauth2", &["oauth"]),
    ("httpdate", &["oauth/api_access"]),
    ("hmac", &["hub/webhooks", "oauth"]),
    ("sha2", &["cli/ca", "hub", "management/links", "oauth", "store", "token/journal", "vault"]),
    ("base64", &["hub", "management/links", "oauth", "proxy/local", "vault"]),
    ("redis", &["store/redis"]),
    ("redb", &["store/embedded"]),
    ("async_trait", &["store"]),
    ("rcgen", &["cli/ca"]),
    ("rustls", &["server/tls", "transport"]),
    ("ring", &["oauth/id_token", "oauth/private_key"]),
    ("rustls_pki_types", &["cli/ca", "oauth/private_key", "server/tls", "transport"]),
    ("tokio_rustls", &["server/either", "transport"]),
    ("webpki_roots", &["transport"]),
    ("quick_cache", &["token"]),
    ("foldhash", &["proxy/observe", "salesforce", "token"]),
    ("itoa", &["access_log"]),
    ("data_encoding", &["connection", "hub", "oauth", "proxy/observe", "store", "transport/tunnel"]),
    ("async_compression", &["proxy/soap"]),
    ("quick_xml", &["salesforce/soap"]),
    ("futures_util", &["hub/api/stream", "hub/http", "proxy/soap", "transport"]),
    ("tikv_jemallocator", &["main"]),
    ("arc_swap", &["token", "vault"]),
    ("flate2", &["proxy/peek"]),
    ("tempfile", &["cli/ca", "proxy/spill"]),
    ("socket2", &["server", "transport/dial"]),
    ("tower", &["server"]),
    ("axum", &["hub"]),
    ("askama", &["hub/pages"]),
    ("utoipa", &["hub"]),
    ("utoipa_axum", &["hub"]),
    ("subtle", &["hub"]),
    // `metrics` makes them all; the others hold the handles of those that they count on the path of a call.
    ("opentelemetry_proto", &["traces/otlp"]),
    ("prost", &["traces/otlp"]),
    ("prometheus", &["access_log", "metrics", "proxy/observe", "proxy/replay_body"]),
    ("tracing_subscriber", &["telemetry"]),
    ("toml", &["config", "settings"]),
    ("humantime", &["cli", "hub/webhooks", "settings"]),
    ("strsim", &["settings"]),
    ("clap", &["cli"]),
    ("indicatif", &["cli"]),
    ("anyhow", &["app", "cli", "main"]),
    ("url", &["hub/people", "oauth", "proxy/identify", "proxy/local", "salesforce", "store/redis_url"]),
];

/// Crates that everybody may name: the runtime, HTTP's own types, and ways to write things down.
pub const COMMON: &[&str] = &[
    "bytes",
    "getrandom",
    "http",
    "http_body_util",
    "hyper",
    "hyper_util",
    "memchr",
    "serde",
    "serde_json",
    "thiserror",
    "tokio",
    "tokio_util",
    "tracing",
    "zeroize",
];

/// One file of the program, without its tests.
pub struct Module {
    /// Below `src`.
    pub path: String,
    code: String,
    paths: Vec<Vec<String>>,
}

impl Module {
    /// Reads a file; also which modules it declares for tests only, as paths without ending.
    pub fn read(path: &str, source: &str) -> (Self, Vec<String>) {
        let (code, test_modules) = without_tests(&bare(source));
        let name = path.trim_end_matches(".rs");
        let below = |module: String| if name == "lib" { module } else { format!("{name}/{module}") };
        let module = Self { path: path.to_owned(), paths: paths(&code), code };
        (module, test_modules.into_iter().map(below).collect())
    }

    /// The module's own place: `store/redis/keys` is `[store, redis, keys]`.
    fn place(&self) -> Vec<&str> {
        self.path.trim_end_matches(".rs").split('/').collect()
    }

    fn top(&self) -> &str {
        self.place()[0]
    }

    /// The paths that lead to this crate's own modules, from its root on.
    fn own_paths(&self) -> impl Iterator<Item = Vec<&str>> {
        self.paths.iter().filter_map(|path| {
            let mut at = match path[0].as_str() {
                "crate" => Vec::new(),
                "orgpass" if self.top() == "main" => Vec::new(),
                "self" | "super" => self.place(),
                _ => return None,
            };
            for segment in path {
                match segment.as_str() {
                    "crate" | "orgpass" | "self" => {}
                    "super" => drop(at.pop()),
                    name => at.push(name),
                }
            }
            Some(at)
        })
    }

    fn declares(&self, name: &str) -> bool {
        self.code.lines().any(|line| {
            line.trim().strip_suffix(';').is_some_and(|line| line.split_whitespace().rev().take(2).eq([name, "mod"]))
        })
    }
}

/// Imports of siblings that the table does not allow, each sibling once.
pub fn imports(module: &Module) -> Vec<String> {
    let top = module.top();
    let Some((_, allowed)) = IMPORTS.iter().find(|(name, _)| *name == top) else {
        return vec![format!("{}: {top} is in no row of the table of imports", module.path)];
    };
    let mut named: Vec<&str> = module.own_paths().filter_map(|path| path.first().copied()).collect();
    named.sort_unstable();
    named.dedup();
    let refused = named.into_iter().filter(|name| *name != top && !allowed.contains(name));
    refused.map(|name| format!("{}: {top} may not import {name}", module.path)).collect()
}

/// Crates that this file names and does not own.
pub fn crates(module: &Module) -> Vec<String> {
    let name = module.path.trim_end_matches(".rs");
    let owns = |owner: &str| name == owner || name.starts_with(&format!("{owner}/"));
    let strangers = OWNERS.iter().filter(|(krate, owners)| {
        let names = module.paths.iter().any(|path| path[0] == *krate) && !module.declares(krate);
        names && !owners.iter().any(|owner| owns(owner))
    });
    strangers.map(|(krate, owners)| format!("{}: {krate} belongs to {}", module.path, owners.join(", "))).collect()
}

/// What the data path names of the vault beyond the key of its spill files: only the token engine opens records.
pub fn opens_nothing(module: &Module) -> Vec<String> {
    let named =
        module.own_paths().filter(|path| path[0] == "vault" && path.get(1).is_none_or(|of| !SPILLS.contains(of)));
    let refused = named.filter(|_| module.top() == "proxy");
    refused.map(|path| format!("{}: the proxy may not name {}", module.path, path.join("::"))).collect()
}

/// Calls of `unwrap`.
pub fn unwraps(module: &Module) -> Vec<String> {
    let lines = module.code.lines().enumerate().filter(|(_, line)| line.contains(".unwrap()"));
    lines.map(|(at, _)| format!("{}:{}: says no reason why it holds; use expect", module.path, at + 1)).collect()
}

/// More lines of code than meant.
pub fn lines(module: &Module, most: usize) -> Vec<String> {
    let code = module.code.lines().filter(|line| !line.chars().all(|c| c.is_whitespace() || c == '"')).count();
    let fault = format!("{}: {code} lines of code, and at most {most} are meant", module.path);
    if code > most { vec![fault] } else { Vec::new() }
}

/// Credentials exposed in a place that is not known for it.
pub fn exposes(module: &Module, places: &[&str]) -> Vec<String> {
    let exposes =
        module.path != "secret.rs" && (module.code.contains(".expose()") || module.code.contains("::expose("));
    if exposes && !places.contains(&module.path.as_str()) {
        return vec![format!("{}: exposes a credential; is this the place for it?", module.path)];
    }
    Vec::new()
}
