//! Section `[proxy]`.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use http::HeaderName;

use super::guard::AllowedHosts;
use super::identify::TagNames;
use super::local::Names;
use crate::settings::Section;

/// Where callers connect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    /// A loopback address.
    Tcp(SocketAddr),
    /// A Unix socket.
    Unix(PathBuf),
}

/// Why an address to listen on is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ListenError {
    /// Neither an address nor a socket path.
    #[error("must be an address such as \"127.0.0.1:8180\" or a socket such as \"unix:/run/orgpass/proxy.sock\"")]
    Form,
    /// Anything that can reach the port can act as every tenant.
    #[error(
        "must be a loopback address or a Unix socket: whoever reaches the proxy can act as every tenant; run one beside each application instead"
    )]
    NotLoopback,
}

impl FromStr for Listen {
    type Err = ListenError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(path) = text.strip_prefix("unix:") {
            return if path.is_empty() { Err(ListenError::Form) } else { Ok(Self::Unix(path.into())) };
        }
        let address: SocketAddr = text.parse().map_err(|_| ListenError::Form)?;
        if address.ip().is_loopback() { Ok(Self::Tcp(address)) } else { Err(ListenError::NotLoopback) }
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "http://{address}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// The files that the proxy's port shows itself by to callers that speak TLS.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// Certificates in PEM, the proxy's own first.
    pub certificate: PathBuf,
    /// The private key of the first.
    pub private_key: PathBuf,
}

/// How much of request bodies is kept while they may have to be sent again.
#[derive(Clone, Debug)]
pub struct ReplaySettings {
    /// Bytes of one body that are kept in memory.
    pub memory: u64,
    /// Bytes of all bodies together that are kept in memory.
    pub memory_total: u64,
    /// Where the rest of a body is kept, sealed. Without it, a body larger than `memory` is sent once.
    pub spill_dir: Option<PathBuf>,
    /// Bytes of one body, in memory and spilled together.
    pub spill: u64,
}

/// Settings of the proxy.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where callers connect.
    pub listen: Listen,
    /// What the port needs to take TLS beside plain HTTP.
    pub tls: Option<TlsFiles>,
    /// Threads that carry calls, each with its own listener and connections.
    pub workers: usize,
    /// Names beside localhost that callers may use for the proxy.
    pub allowed_hosts: AllowedHosts,
    /// Names of the tag headers.
    pub tags: TagNames,
    /// Whether a call without a user must say that it means the installation connection.
    pub installation_needs_assertion: bool,
    /// Names that clients may log in with.
    pub logins: Names,
    /// Names that Heroku AppLink's SDKs may ask for.
    pub applink: Names,
    /// Most calls in flight; one connection may have a quarter of them.
    pub max_in_flight: u32,
    /// Longest wait of one call for a token.
    pub token_wait: Duration,
    /// Longest wait for a request's head, and for the next request on a connection.
    pub idle_timeout: Duration,
    /// How long calls may go on when the process is asked to stop.
    pub drain_timeout: Duration,
    /// What is kept of request bodies.
    pub replay: ReplaySettings,
}

const MIB: u64 = 1 << 20;

impl Settings {
    /// Takes the keys of `[proxy]`.
    pub fn read(mut section: Section<'_>) -> Self {
        let seconds = Duration::from_secs;
        let defaults = TagNames::default();
        let replay = ReplaySettings {
            memory: section.bytes_or("replay_memory", MIB, 0..=64 * MIB),
            memory_total: section.bytes_or("replay_memory_total", 64 * MIB, 0..=16 << 30),
            spill_dir: section.file("replay_spill_dir"),
            spill: section.bytes_or("replay_spill", 256 * MIB, 0..=16 << 30),
        };
        let listen = match section.parsed_or("listen", Listen::Tcp(SocketAddr::from(([127, 0, 0, 1], 8180)))) {
            Listen::Unix(path) => Listen::Unix(section.base().join(path)),
            address => address,
        };
        let tls = tls(&mut section, &listen);
        let settings = Self {
            listen,
            tls,
            workers: usize::try_from(section.integer_or("workers", 1, 1..=64)).expect("at most 64"),
            allowed_hosts: AllowedHosts::new(section.list("allowed_hosts")),
            tags: TagNames {
                tenant: header(&mut section, "tenant_header", defaults.tenant),
                user: header(&mut section, "user_header", defaults.user),
                credential: header(&mut section, "credential_header", defaults.credential),
            },
            logins: Names::read(&mut section, "logins"),
            applink: Names::read(&mut section, "applink"),
            installation_needs_assertion: section.flag_or("installation_needs_assertion", false),
            max_in_flight: u32::try_from(section.integer_or("max_in_flight", 4096, 4..=1_000_000))
                .expect("at most a million"),
            token_wait: section.duration_or("token_wait", seconds(20), Duration::from_millis(100)..=seconds(120)),
            idle_timeout: section.duration_or("idle_timeout", seconds(300), seconds(1)..=seconds(3600)),
            drain_timeout: section.duration_or("drain_timeout", seconds(30), Duration::ZERO..=seconds(3600)),
            replay,
        };
        section.finish();
        settings
    }
}

fn tls(section: &mut Section<'_>, listen: &Listen) -> Option<TlsFiles> {
    let files = (section.file("tls_certificate_file"), section.file("tls_private_key_file"));
    let (certificate, private_key) = match files {
        (Some(certificate), Some(private_key)) => (certificate, private_key),
        (None, None) => return None,
        (Some(_), None) => {
            section.fault("tls_private_key_file", "is missing: a certificate needs its private key");
            return None;
        }
        (None, Some(_)) => {
            section.fault("tls_certificate_file", "is missing: a private key needs its certificate");
            return None;
        }
    };
    if let Listen::Unix(_) = listen {
        section.fault("tls_certificate_file", "is for a port: a Unix socket takes plain HTTP only");
        return None;
    }
    Some(TlsFiles { certificate, private_key })
}

fn header(section: &mut Section<'_>, key: &'static str, default: HeaderName) -> HeaderName {
    let Some(text) = section.text(key) else { return default };
    HeaderName::from_str(&text.to_ascii_lowercase()).unwrap_or_else(|_| {
        section.fault(key, "must be a header name, such as \"Orgpass-Tenant\"");
        default
    })
}
