//! The only outbound client. It dials a host that has been parsed and allowed, checks the address before it connects or
//! leaves that to an egress proxy, speaks TLS with verified certificates, keeps idle connections per instance, and never
//! follows a redirect.

mod collector;
mod collector_url;
mod dial;
mod driver;
mod egress;
mod egress_url;
mod http2;
mod instance;
mod one_shot;
mod request_body;
mod settings;
mod tcp;
mod trust;
mod tunnel;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;

pub use collector::{Collector, CollectorError};
pub use collector_url::CollectorUrl;
pub use dial::DialError;
pub use egress::{Egress, EgressProxy};
pub use egress_url::{EgressUrl, EgressUrlError};
pub use http2::{Http2Error, Http2Host, StreamBody};
pub use instance::{Connection, Instance, ResponseBody, SendError};
pub use one_shot::{Answer, OneShot, OneShotError};
pub use request_body::{BodyError, RequestBody};
use rustls::ClientConfig;
pub use settings::{ClientCert, Settings};
pub use tunnel::{CredentialsFault, EgressError, EgressFault};

use self::trust::Trust;
use crate::salesforce::hosts::{InstanceUrl, LoginUrl, Origin, TargetUrl, WebUrl};

/// Why the outbound client cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// The file of extra roots cannot be read.
    #[error("cannot read {0}: {1}")]
    Unreadable(String, std::io::Error),
    /// The extra roots are not PEM certificates.
    #[error("salesforce.ca_file is not a file of PEM certificates: {0}")]
    CaFile(String),
    /// The client certificate and its key are not PEM, or not of each other.
    #[error("salesforce.client_cert_file and client_key_file do not hold a certificate in PEM and its key: {0}")]
    ClientCert(String),
}

/// The outbound client of one process.
pub struct Transport {
    settings: Settings,
    trust: Arc<Trust>,
    workers: usize,
    pub_sub: Http2Host,
    /// Instances in use, so that all users of one org share its connections.
    instances: Mutex<Vec<Weak<Instance>>>,
}

impl Transport {
    /// A client that trusts the public roots and the PEM certificates in `ca_file`. `workers` is the number of proxy
    /// threads that send through it.
    pub fn new(settings: Settings, ca_file: Option<PathBuf>, workers: usize) -> Result<Self, TransportError> {
        let trust = Arc::new(Trust::load(ca_file, settings.client_cert.clone())?);
        let pub_sub = Http2Host::new(settings.pubsub_url.clone(), Arc::clone(&trust), settings.clone(), workers);
        Ok(Self { settings, trust, workers, pub_sub, instances: Mutex::new(Vec::new()) })
    }

    /// The instance at `url` with its idle connections, shared by everybody who names it.
    pub fn instance(&self, url: &InstanceUrl) -> Arc<Instance> {
        self.shared(url)
    }

    /// The same for a host beside the org's own.
    pub fn target(&self, url: &TargetUrl) -> Arc<Instance> {
        self.shared(url)
    }

    fn shared(&self, url: &Origin) -> Arc<Instance> {
        let mut instances = self.instances();
        if let Some(known) = instances.iter().filter_map(Weak::upgrade).find(|known| known.url() == url) {
            return known;
        }
        instances.retain(|instance| instance.strong_count() > 0);
        let authority = self.settings.place(url).authority().to_owned();
        let instance = Arc::new(Instance::new(url.clone(), &authority, self.workers, self.settings.max_idle));
        instances.push(Arc::downgrade(&instance));
        instance
    }

    /// The host of the Pub/Sub API.
    pub fn pub_sub(&self) -> &Http2Host {
        &self.pub_sub
    }

    /// Dials a login host for one exchange: a connection of its own, ready to send exactly one request.
    pub async fn one_shot(&self, url: &LoginUrl) -> Result<OneShot, DialError> {
        self.dial_once(url, self.settings.egress.of_exchange(url)).await
    }

    /// Dials an org for one request, by the way that calls take to it.
    pub async fn one_call(&self, url: &InstanceUrl) -> Result<OneShot, DialError> {
        self.dial_once(url, self.settings.egress.of_call(url)).await
    }

    /// Dials somebody else's server, for one request.
    pub async fn one_shot_to(&self, url: &WebUrl) -> Result<OneShot, DialError> {
        let through = self.settings.egress.of_call(url);
        let stream = dial::dial(url, through, self.trust.http1(), &self.settings).await?;
        OneShot::handshake(stream, url.authority().to_owned(), self.settings.exchange_timeout).await
    }

    async fn dial_once(&self, url: &Origin, through: Option<&EgressProxy>) -> Result<OneShot, DialError> {
        let url = self.settings.place(url);
        let stream = dial::dial(&url, through, self.hands(&url), &self.settings).await?;
        OneShot::handshake(stream, url.authority().to_owned(), self.settings.exchange_timeout).await
    }

    /// How to shake hands with a host of Salesforce by HTTP/1.1.
    fn hands(&self, to: &Origin) -> Arc<ClientConfig> {
        if self.settings.is_shown_certificate(to) { self.trust.certified() } else { self.trust.http1() }
    }

    /// Which ways it takes.
    pub fn egress(&self) -> &Egress {
        &self.settings.egress
    }

    /// Closes connections of `worker` that have been idle for too long.
    pub fn sweep(&self, worker: usize, now: Instant) {
        let instances: Vec<_> = self.instances().iter().filter_map(Weak::upgrade).collect();
        self.pub_sub.close_idle(worker, now);
        for instance in instances {
            instance.close_idle(worker, now, self.settings.idle_timeout);
        }
    }

    /// A connection of `instance`, idle or new, for one request of `worker`.
    pub async fn connection(&self, instance: &Arc<Instance>, worker: usize) -> Result<Connection, DialError> {
        match instance.take_idle(worker) {
            Some(idle) => Ok(idle),
            // Boxed: few calls dial, and the others need no room for it.
            None => Box::pin(self.fresh_connection(instance, worker)).await,
        }
    }

    /// A new connection of `instance`.
    pub async fn fresh_connection(&self, instance: &Arc<Instance>, worker: usize) -> Result<Connection, DialError> {
        let url = self.settings.place(instance.url());
        let through = self.settings.egress.of_call(&url);
        let stream = dial::dial(&url, through, self.hands(&url), &self.settings).await?;
        Connection::handshake(instance, worker, stream).await
    }

    fn instances(&self) -> MutexGuard<'_, Vec<Weak<Instance>>> {
        // The list is valid after any panic: every change to it is one push or one retain.
        self.instances.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
