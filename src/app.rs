//! The composition root: the only place that builds concrete parts from the configuration, and the order in which they
//! start and stop.

mod engine;

use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::runtime::{Handle, Runtime};
use tokio::task::JoinSet;

pub use self::engine::{Engine, examiner};
use crate::access_log::AccessLog;
use crate::config::Config;
use crate::control::{self, ControlError};
use crate::hub::{self, Hub};
use crate::metrics::Metrics;
use crate::ops::Ops;
use crate::proxy::admit::Admission;
use crate::proxy::guard::ListenerKind;
use crate::proxy::observe::Observer;
use crate::proxy::replay_body::ReplayMemory;
use crate::proxy::streaming::Clients;
use crate::proxy::target::Targets;
use crate::proxy::{Listen, Proxy};
use crate::server::{self, Listener, Tls, TlsFault};
use crate::shutdown::{self, Signals, Stop, Stopping};
use crate::store::{Store, StoreError};
use crate::telemetry;
use crate::token::{AskHub, Clock, Parts, TokenSource};
#[cfg(feature = "otlp")]
use crate::traces::Exporter;
use crate::traces::{Spans, Tracer};
use crate::transport::TransportError;

/// How long exchanges may take to end when the process stops: the lease's life and some.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(60);

/// Why the program cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address or socket cannot be listened on.
    #[error("{key}: cannot listen on {address}: {source}{}", advice(.source))]
    Listen {
        /// The configuration key.
        key: &'static str,
        /// What it says.
        address: String,
        /// Why not.
        source: io::Error,
    },
    /// The store cannot be opened.
    #[error("store.url: {0}")]
    Store(#[from] StoreError),
    /// The control socket cannot be listened on.
    #[error("control.listen: {0}")]
    Control(#[from] ControlError),
    /// The outbound client cannot be made.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// The certificate of the proxy's port cannot be used.
    #[error("proxy.{}: {}", .0.key(), .0)]
    Tls(#[from] TlsFault),
    /// A file that the configuration names cannot be read.
    #[error("{0}")]
    File(String),
    /// A thread or runtime cannot be started.
    #[error("the operating system gives no more threads: {0}")]
    Threads(#[from] io::Error),
}

/// The running program.
pub struct App {
    proxy_address: Option<SocketAddr>,
    ops_address: SocketAddr,
    hub_address: Option<SocketAddr>,
    stop: Stop,
    workers: Vec<JoinHandle<bool>>,
    tokens: TokenSource,
    /// What ends by itself once it is asked to: the control socket, the hub.
    tasks: JoinSet<()>,
    engine: Engine,
    #[cfg(feature = "otlp")]
    exporter: Option<Exporter>,
    runtime: Option<Runtime>,
    // Writes out its last lines when it goes.
    _log: Option<AccessLog>,
}

impl App {
    /// Starts everything that the configuration names; listeners first, so that a taken port is known before anything
    /// else happens. The access log goes to `log`. Must not be called on an asynchronous task.
    pub fn start(config: &Config, log: Box<dyn Write + Send>) -> Result<Self, StartError> {
        let listeners = server::bind(&config.proxy.listen, config.proxy.workers)
            .map_err(|source| refused("proxy.listen", &config.proxy.listen, source))?;
        let ops_listener = bind("ops.listen", config.ops.listen)?;
        let hub_listener = config.hub.as_ref().map(|hub| bind("hub.listen", hub.listen)).transpose()?;
        let hub_address = hub_listener.as_ref().map(std::net::TcpListener::local_addr).transpose()?;
        let proxy_address = listeners.first().and_then(Listener::tcp_address);
        let ops_address = ops_listener.local_addr()?;
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).thread_name("engine").enable_all().build()?;
        let (stop, stopping) = shutdown::channel();
        let _within = runtime.enter();
        let metrics = Arc::new(Metrics::new());
        let (tracer, spans) = tracer(config, &metrics).unzip();
        let engine = Engine::build_for(config, hub_address, metrics, tracer.clone())?;
        if config.transport.egress.proxies().next().is_some() {
            tracing::info!(egress = %config.transport.egress, "Salesforce is reached through an egress proxy");
        }
        let tokens = token_source(config, &engine, runtime.handle());
        let ops = Arc::new(Ops::new(
            Arc::clone(&engine.metrics),
            tokens.clone(),
            Arc::clone(&engine.store),
            !config.vault().has_grant_keys(),
            stopping.clone(),
        ));
        runtime.spawn(ops.serve(tokio::net::TcpListener::from_std(ops_listener)?));
        let mut tasks = JoinSet::new();
        if let Some(path) = &config.control {
            let listener = control::Listener::bind(path)?;
            let management = Arc::clone(&engine.management);
            tasks.spawn(control::serve(listener, management, stop.clone(), stopping.clone()));
        }
        if let (Some(settings), Some(listener)) = (&config.hub, hub_listener) {
            let hub = hub(settings, config, &engine, &stopping)?;
            tasks.spawn(hub.run(tokio::net::TcpListener::from_std(listener)?));
        }
        runtime.spawn(engine.keys.clone().watch(engine.metrics.keys.clone()));
        runtime.spawn(warn_of_dangers(Arc::clone(&engine.store)));
        let log = config.log.access.then(|| start_log(config, &engine, log)).transpose()?;
        #[cfg(feature = "otlp")]
        let exporter = config.traces.as_ref().zip(spans).map(|(settings, spans)| {
            Exporter::start(settings, spans, &engine.transport, engine.metrics.traces.clone())
        });
        // The configuration was refused if it names a collector that nothing could be exported to.
        #[cfg(not(feature = "otlp"))]
        drop(spans);
        let tells = Tells { log: log.as_ref(), tracer };
        let workers = start_workers(config, &engine, &tokens, &tells, listeners, &stopping)?;
        drop(_within);
        Ok(Self {
            proxy_address,
            ops_address,
            hub_address,
            stop,
            workers,
            tokens,
            tasks,
            engine,
            #[cfg(feature = "otlp")]
            exporter,
            runtime: Some(runtime),
            _log: log,
        })
    }

    /// Where callers connect, unless that is a Unix socket.
    pub fn proxy_address(&self) -> Option<SocketAddr> {
        self.proxy_address
    }

    /// Where operators look.
    pub fn ops_address(&self) -> SocketAddr {
        self.ops_address
    }

    /// Where the hub's pages and API are, if there is one.
    pub fn hub_address(&self) -> Option<SocketAddr> {
        self.hub_address
    }

    /// The parts behind the listeners.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The source of tokens that the listeners share.
    pub fn tokens(&self) -> &TokenSource {
        &self.tokens
    }

    /// Asks everything to stop, without waiting: not ready any more, no new connections, calls drain.
    pub fn begin_stop(&self) {
        self.stop.ask();
    }

    /// Hears when everything is asked to stop.
    pub fn stopping(&self) -> Stopping {
        self.stop.heard()
    }

    /// Stops in order: no new connections, calls drain, exchanges end. True if nothing was cut short. Blocks.
    pub fn stop(mut self) -> bool {
        self.begin_stop();
        let drained =
            self.workers.drain(..).map(|worker| worker.join().unwrap_or(false)).fold(true, std::ops::BitAnd::bitand);
        let Some(runtime) = self.runtime.take() else { return drained };
        let mut tasks = std::mem::take(&mut self.tasks);
        let settle = async {
            self.tokens.settle().await;
            // What the command line or a sidecar has asked for may be an exchange too.
            while tasks.join_next().await.is_some() {}
        };
        let settle = async { tokio::time::timeout(SETTLE_TIMEOUT, settle).await.is_ok() };
        let settled = runtime.block_on(settle);
        #[cfg(feature = "otlp")]
        if let Some(exporter) = self.exporter.take() {
            runtime.block_on(exporter.finish());
        }
        runtime.shutdown_timeout(Duration::from_secs(1));
        drained && settled
    }
}

impl Drop for App {
    fn drop(&mut self) {
        self.stop.ask();
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => "; stop what listens there, or name another",
        io::ErrorKind::AddrNotAvailable => "; this machine has no such address",
        io::ErrorKind::NotFound => "; its folder must exist",
        io::ErrorKind::PermissionDenied => "; this user may not: ports below 1024 and folders of others need rights",
        _ => "",
    }
}

fn refused(key: &'static str, address: &impl ToString, source: io::Error) -> StartError {
    StartError::Listen { key, address: address.to_string(), source }
}

fn token_source(config: &Config, engine: &Engine, runtime: &Handle) -> TokenSource {
    TokenSource::new(Parts {
        settings: config.tokens.clone(),
        exchanger: Arc::clone(&engine.exchanger),
        ask_hub: (!config.vault().has_grant_keys()).then(|| AskHub::new(Arc::clone(&engine.exchanger))),
        store: Arc::clone(&engine.store),
        transport: Arc::clone(&engine.transport),
        trusted_hosts: config.transport.trusted_hosts.clone(),
        metrics: engine.metrics.tokens.clone(),
        clock: Clock::default(),
        runtime: runtime.clone(),
    })
}

fn hub(
    settings: &hub::Settings,
    config: &Config,
    engine: &Engine,
    stopping: &Stopping,
) -> Result<Arc<Hub>, StartError> {
    let (store, management) = (Arc::clone(&engine.store), Arc::clone(&engine.management));
    let vault = Arc::clone(config.vault());
    Hub::new(settings.clone(), store, vault, management, engine.metrics.hub.clone(), stopping.clone())
        .map_err(|error| StartError::File(format!("hub.api_tokens_file: {error}")))
}

fn bind(key: &'static str, address: SocketAddr) -> Result<std::net::TcpListener, StartError> {
    std::net::TcpListener::bind(address)
        .and_then(|listener| listener.set_nonblocking(true).map(|()| listener))
        .map_err(|source| refused(key, &address, source))
}

fn start_log(config: &Config, engine: &Engine, sink: Box<dyn Write + Send>) -> io::Result<AccessLog> {
    AccessLog::start(config.log.format, sink, engine.metrics.requests.log_dropped.clone())
}

fn tracer(config: &Config, metrics: &Metrics) -> Option<(Arc<Tracer>, Spans)> {
    let settings = config.traces.as_ref()?;
    let (tracer, spans) = Tracer::new(settings.sample_ratio, settings.queue_size, metrics.traces.clone());
    Some((Arc::new(tracer), spans))
}

/// What is told of each call.
struct Tells<'a> {
    log: Option<&'a AccessLog>,
    tracer: Option<Arc<Tracer>>,
}

fn start_workers(
    config: &Config,
    engine: &Engine,
    tokens: &TokenSource,
    tells: &Tells<'_>,
    listeners: Vec<Listener>,
    stopping: &shutdown::Stopping,
) -> Result<Vec<JoinHandle<bool>>, StartError> {
    let requests = &engine.metrics.requests;
    let settings = Arc::new(config.proxy.clone());
    let admission = Arc::new(Admission::new(settings.max_in_flight));
    let memory = usize::try_from(settings.replay.memory_total).unwrap_or(usize::MAX);
    let replay_memory = Arc::new(ReplayMemory::new(memory, requests.replay_buffer_bytes.clone()));
    let clients = Arc::new(Clients::default());
    let tls = settings.tls.clone().map(Tls::load).transpose()?.map(Arc::new);
    let targets = Arc::new(Targets::new(&config.targets, &engine.transport));
    let listener_kind = match settings.listen {
        Listen::Tcp(_) => ListenerKind::Tcp,
        Listen::Unix(_) => ListenerKind::Unix,
    };
    (0..)
        .zip(listeners)
        .map(|(worker, listener)| {
            let proxy = Arc::new(Proxy {
                settings: Arc::clone(&settings),
                tokens: tokens.clone(),
                transport: Arc::clone(&engine.transport),
                targets: Arc::clone(&targets),
                observer: Arc::new(Observer::new(requests, tells.log.map(AccessLog::buffer), tells.tracer.clone())),
                admission: Arc::clone(&admission),
                replay_memory: Arc::clone(&replay_memory),
                clients: Arc::clone(&clients),
                stopping: stopping.clone(),
                listener: listener_kind,
                worker,
            });
            Ok(server::start_worker(proxy, listener, tls.clone(), stopping.clone())?)
        })
        .collect()
}

async fn warn_of_dangers(store: Arc<dyn Store>) {
    match store.dangers().await {
        Ok(dangers) => dangers.iter().for_each(|danger| tracing::warn!(danger, "the store is set up dangerously")),
        Err(error) => tracing::warn!(%error, "the store could not be looked at"),
    }
}

/// Runs the program until a signal, then stops in order. True if nothing was cut short.
pub fn run(config: &Config) -> Result<bool, StartError> {
    telemetry::init(&config.log, io::stderr);
    for warning in &config.warnings {
        tracing::warn!(key = warning.key, warning.message);
    }
    // From here on: a signal that came while everything starts would end the process in the middle of an exchange.
    let signals = Signals::listen()?;
    let app = App::start(config, Box::new(io::stdout()))?;
    let proxy = app.proxy_address().map_or_else(|| config.proxy.listen.to_string(), |at| format!("http://{at}"));
    tracing::info!(proxy, ops = %format!("http://{}", app.ops_address()), "orgpass is running");
    signals.wait(app.stopping())?;
    tracing::info!("stopping: calls under way are finished, exchanges are stored");
    Ok(app.stop())
}
