//! How to be let in: the address, user, password and certificates with which a connection to a server is made. Password
//! and certificates are read anew for each connection, so that those which have changed need no restart.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redis::{
    AsyncConnectionConfig, Client, ClientTlsConfig, ConnectionAddr, ConnectionInfo, IntoConnectionInfo,
    ProtocolVersion, RedisConnectionInfo, RedisResult, TlsCertificates,
};

use super::errors::explain;
use crate::secret::Secret;
use crate::store::StoreError;
use crate::store::redis_url::RedisUrl;

/// What a store in Redis needs beyond its settings: the contents of the files that they name.
#[derive(Clone, Default)]
pub struct Access {
    /// The password of the user that the URL names.
    pub password: Option<Secret<String>>,
    /// The password of the Sentinels.
    pub sentinel_password: Option<Secret<String>>,
    /// The only roots that TLS trusts, in PEM; the public ones if there are none.
    pub ca_pem: Option<Vec<u8>>,
    /// The certificate that is shown to servers, in PEM.
    pub client_cert_pem: Option<Vec<u8>>,
    /// Its key, in PEM.
    pub client_key_pem: Option<Secret<Vec<u8>>>,
}

/// Where [`Access`] is to be had.
pub trait Credentials: Send + Sync + 'static {
    /// Reads it as it is now. The error names the setting at fault, and contains nothing of any file.
    fn read(&self) -> Result<Access, String>;
}

impl Credentials for Access {
    fn read(&self) -> Result<Access, String> {
        Ok(self.clone())
    }
}

/// A server's host and port.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Address {
    pub(super) host: String,
    pub(super) port: u16,
}

/// Makes clients for any server of one kind. Nothing is sent by that.
pub(super) struct Door {
    // Without password.
    template: ConnectionInfo,
    of_sentinels: bool,
    credentials: Arc<dyn Credentials>,
    shown: Mutex<Shown>,
    // Those that the URL names.
    pub(super) addresses: Vec<Address>,
}

/// What servers were shown last.
struct Shown {
    password: Option<Secret<String>>,
    certificates: Option<TlsCertificates>,
    /// There is something newer that cannot be used; said once.
    is_outdated: bool,
}

impl Shown {
    fn of(access: Access, of_sentinels: bool) -> Result<Self, StoreError> {
        let certificates = certificates(&access)?;
        // Sentinels know users of their own, if any.
        let password = if of_sentinels { access.sentinel_password } else { access.password };
        Ok(Self { password, certificates, is_outdated: false })
    }
}

impl Door {
    /// The door of the servers that hold the data, or of the Sentinels, as the URL has them.
    pub(super) fn new(
        url: &RedisUrl,
        credentials: &Arc<dyn Credentials>,
        of_sentinels: bool,
    ) -> Result<Self, StoreError> {
        let infos = url.servers.iter().map(|server| server.as_str().into_connection_info());
        let infos = infos.collect::<RedisResult<Vec<ConnectionInfo>>>().map_err(|error| explain(&error))?;
        let addresses = infos.iter().filter_map(|info| address(info.addr())).collect();
        let info =
            infos.into_iter().next().ok_or_else(|| StoreError::Refused("store.url names no server".to_owned()))?;
        let settings = if of_sentinels { RedisConnectionInfo::default() } else { info.redis_settings().clone() };
        // RESP3 lets announcements come over a connection that can still be asked whether it lives.
        let settings = settings.set_protocol(ProtocolVersion::RESP3).set_skip_set_lib_name();
        let tcp = info.tcp_settings().clone().set_nodelay(true);
        let access = credentials.read().map_err(StoreError::Refused)?;
        let door = Self {
            template: info.set_redis_settings(settings).set_tcp_settings(tcp),
            of_sentinels,
            credentials: Arc::clone(credentials),
            shown: Mutex::new(Shown::of(access, of_sentinels)?),
            addresses,
        };
        for address in &door.addresses {
            door.client(address).map_err(|_| bad_certificates())?;
        }
        Ok(door)
    }

    /// A client for one server, with what it is to be shown now.
    pub(super) fn client(&self, address: &Address) -> RedisResult<Client> {
        let Address { host, port } = address.clone();
        let with_tls = matches!(self.template.addr(), ConnectionAddr::TcpTls { .. });
        let address = if with_tls {
            ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None }
        } else {
            ConnectionAddr::Tcp(host, port)
        };
        let shown = self.shown();
        let mut settings = self.template.redis_settings().clone();
        if let Some(password) = &shown.password {
            settings = settings.set_password(password.expose());
        }
        let info = self.template.clone().set_redis_settings(settings).set_addr(address);
        match &shown.certificates {
            Some(certificates) => Client::build_with_tls(info, certificates.clone()),
            None => Client::open(info),
        }
    }

    /// What is to be shown now; what was shown last, as long as there is nothing else that can be used.
    fn shown(&self) -> MutexGuard<'_, Shown> {
        let read = self.credentials.read();
        let read = read.and_then(|access| Shown::of(access, self.of_sentinels).map_err(|error| error.to_string()));
        // What is held is whole at every moment.
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        match read {
            Ok(now) => *shown = now,
            Err(fault) => {
                if !std::mem::replace(&mut shown.is_outdated, true) {
                    tracing::warn!(fault, "Redis is shown the password and certificates that were read before");
                }
            }
        }
        shown
    }
}

fn address(address: &ConnectionAddr) -> Option<Address> {
    match address {
        ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } => {
            Some(Address { host: host.clone(), port: *port })
        }
        _ => None,
    }
}

fn certificates(access: &Access) -> Result<Option<TlsCertificates>, StoreError> {
    // The library takes a file without any for an empty list.
    let is_pem = |pem: &Vec<u8>| memchr::memmem::find(pem, b"-----BEGIN CERTIFICATE-----").is_some();
    if ![&access.ca_pem, &access.client_cert_pem].into_iter().flatten().all(is_pem) {
        return Err(bad_certificates());
    }
    let client_tls = match (&access.client_cert_pem, &access.client_key_pem) {
        (Some(cert), Some(key)) => {
            Some(ClientTlsConfig { client_cert: cert.clone(), client_key: key.expose().clone() })
        }
        _ => None,
    };
    let root_cert = access.ca_pem.clone();
    Ok((client_tls.is_some() || root_cert.is_some()).then_some(TlsCertificates { client_tls, root_cert }))
}

fn bad_certificates() -> StoreError {
    StoreError::Refused(
        "store.ca_file, client_cert_file and client_key_file must hold PEM, for a URL that begins with rediss"
            .to_owned(),
    )
}

/// Time-outs for a connection of its own.
pub(super) fn own_connection(timeout: Duration, response: Duration) -> AsyncConnectionConfig {
    AsyncConnectionConfig::new().set_connection_timeout(Some(timeout)).set_response_timeout(Some(response))
}
