//! The handle that tests hold: starts the service, creates what lives in it, turns its clock, breaks it,
//! and asks it what it saw. Dropping the last clone stops it.

mod consent;
mod events;
mod records;
mod services;

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use crate::dead_session::ApiFamily;
use crate::doors::{Doors, Site};
use crate::faults::{ActiveFault, Fault};
use crate::listener;
use crate::record::RecordedRequest;
use crate::state::apps::{App, AppOptions};
use crate::state::exchanges::Exchange;
use crate::state::grants::Tokens;
use crate::state::orgs::{OldInstance, OrgKind, OrgOptions, Restriction, User};
use crate::state::{Counted, Shared};
use crate::tls::{self, Acceptors};

const ANY_PORT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// A running simulator.
#[derive(Clone)]
pub struct Simulator {
    shared: Arc<Shared>,
    addr: SocketAddr,
    sandbox: SocketAddr,
    pubsub: SocketAddr,
    ca_pem: Arc<str>,
    /// When the last sender is gone, everything stops.
    _stop: Arc<watch::Sender<()>>,
}

/// An org of a running simulator.
#[derive(Clone)]
pub struct Org {
    shared: Arc<Shared>,
    org_id: String,
}

impl Org {
    /// The 18-character id.
    #[must_use]
    pub fn org_id(&self) -> &str {
        &self.org_id
    }

    /// Where the org's API is now: scheme, loopback host and the org's own port, no trailing slash.
    #[must_use]
    pub fn instance_url(&self) -> String {
        self.shared.world().org(&self.org_id).instance_url.clone()
    }

    /// The My Domain host name that the org would have at Salesforce.
    #[must_use]
    pub fn my_domain(&self) -> String {
        self.shared.world().org(&self.org_id).my_domain()
    }
}

impl Simulator {
    /// Starts one that speaks plain http, on the tokio runtime that this is called on.
    ///
    /// # Panics
    /// When no loopback port can be bound.
    pub async fn start() -> Self {
        let started = Self::start_at(ANY_PORT, false).await;
        started.expect("a loopback port can be bound")
    }

    /// Starts one that speaks https with a certificate of its own authority, see [`Simulator::ca_pem`].
    ///
    /// # Panics
    /// When no loopback port can be bound.
    pub async fn start_tls() -> Self {
        let started = Self::start_at(ANY_PORT, true).await;
        started.expect("a loopback port can be bound")
    }

    /// Starts one whose login host listens at `addr`.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub async fn start_at(addr: SocketAddr, with_tls: bool) -> io::Result<Self> {
        let (simulator, serving) = Self::bound(addr, with_tls)?;
        tokio::spawn(serving);
        Ok(simulator)
    }

    /// Starts one on a thread and runtime of its own, so that it answers while the caller's thread blocks
    /// (on a child process, say), and so that its work is not the caller's.
    ///
    /// # Panics
    /// When no loopback port can be bound or no runtime be made.
    #[must_use]
    pub fn start_on_thread(with_tls: bool) -> Self {
        let bound = Self::bound(ANY_PORT, with_tls);
        let (simulator, serving) = bound.expect("a loopback port can be bound");
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime can be made");
        std::thread::spawn(move || runtime.block_on(serving));
        simulator
    }

    fn bound(addr: SocketAddr, with_tls: bool) -> io::Result<(Self, impl Future<Output = ()>)> {
        let (listener, addr) = Doors::bind_at(addr)?;
        let (sandbox_listener, sandbox) = Doors::bind()?;
        let (pubsub_listener, pubsub) = Doors::bind()?;
        let Acceptors { web, pubsub: pubsub_tls, ca_pem } = tls::acceptors();
        let (opened, to_serve) = mpsc::unbounded_channel();
        let (stop, stopped) = watch::channel(());
        let doors = Doors { scheme: if with_tls { "https" } else { "http" }, opened };
        let shared = Arc::new(Shared::new(doors, with_tls.then_some(web)));
        shared.doors.open(listener, Site::Login(OrgKind::Production));
        shared.doors.open(sandbox_listener, Site::Login(OrgKind::Sandbox));
        shared.doors.open(pubsub_listener, Site::PubSub { org_id: None });
        let serving = listener::run(Arc::clone(&shared), to_serve, pubsub_tls, stopped);
        let simulator = Self { shared, addr, sandbox, pubsub, ca_pem: Arc::from(ca_pem), _stop: Arc::new(stop) };
        Ok((simulator, serving))
    }

    /// The address of the login host of production orgs.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The URL of the login host of production orgs, without a trailing slash.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}://{}", self.shared.doors.scheme, self.addr)
    }

    /// The URL of the login host of sandboxes, without a trailing slash.
    #[must_use]
    pub fn sandbox_url(&self) -> String {
        format!("{}://{}", self.shared.doors.scheme, self.sandbox)
    }

    /// The address of the Pub/Sub API for all orgs. It speaks TLS even if the simulator speaks plain http otherwise.
    #[must_use]
    pub fn pubsub_addr(&self) -> SocketAddr {
        self.pubsub
    }

    /// The certificate of the authority behind https and the Pub/Sub API, as PEM.
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// From now on, connections to hosts that speak https are for those only who show a certificate of this authority; the
    /// Pub/Sub API's are as before.
    ///
    /// # Panics
    /// When the simulator speaks plain http, or the text holds no certificate in PEM.
    pub fn demand_certificates(&self, authority: &str) {
        let acceptor = self.shared.tls().expect("a simulator that speaks https");
        self.shared.set_tls(tls::demanding(&acceptor, authority));
    }

    /// Registers an app.
    #[must_use]
    pub fn create_app(&self, options: AppOptions) -> App {
        self.shared.world().create_app(options)
    }

    /// Gives an app one client secret more, as good as the first: exchanges tell by it who asked.
    ///
    /// # Panics
    /// When the app is none of this simulator's.
    #[must_use]
    pub fn add_secret(&self, app: &App) -> String {
        self.shared.world().add_secret(&app.client_id)
    }

    /// Creates an org with a listener of its own.
    ///
    /// # Panics
    /// When no loopback port can be bound.
    #[must_use]
    pub fn create_org(&self, options: OrgOptions) -> Org {
        Org { org_id: self.shared.create_org(options), shared: Arc::clone(&self.shared) }
    }

    /// Creates a user. `username` is unique in life, and should be here.
    #[must_use]
    pub fn create_user(&self, org: &Org, username: &str) -> User {
        self.shared.world().create_user(&org.org_id, username)
    }

    /// A completed approval of the app by the user, without the browser. The sixth by one user of one app
    /// revokes the oldest.
    #[must_use]
    pub fn authorize(&self, app: &App, user: &User) -> Tokens {
        self.shared.authorize(&app.client_id, &user.user_id)
    }

    /// Approves a user for an app as an admin does: what the JWT bearer flow needs, if the user has not approved it.
    pub fn pre_approve(&self, app: &App, user: &User) {
        self.shared.world().pre_approve(&app.client_id, &user.user_id);
    }

    /// Names the user that the client credentials flow runs as in the user's org.
    pub fn run_as(&self, app: &App, user: &User) {
        self.shared.world().run_as(&app.client_id, &user.user_id);
    }

    /// Turns the clock on.
    pub fn advance(&self, by: Duration) {
        self.shared.clock.advance(by);
    }

    /// Ends all sessions of an org; grants live on.
    pub fn expire_sessions(&self, org: &Org) {
        self.shared.world().end_sessions_of_org(&org.org_id);
    }

    /// Ends one session. True if it was there.
    pub fn expire_session(&self, access_token: &str) -> bool {
        self.shared.world().end_session(access_token)
    }

    /// Revokes the grant of a refresh token, with all its sessions. True if it was alive.
    pub fn revoke_grant(&self, refresh_token: &str) -> bool {
        self.shared.world().revoke_refresh_token(refresh_token)
    }

    /// Deactivates a user: sessions and refreshes are refused from now on.
    pub fn deactivate(&self, user: &User) {
        self.shared.world().deactivate(&user.user_id);
    }

    /// Refuses every session of an org, fresh ones too, with the ordinary dead-session answer (the "silent
    /// 401" of an IP restriction), for all API families or one. Token requests are still served.
    pub fn restrict_ip(&self, org: &Org, family: Option<ApiFamily>) {
        let restriction = family.map_or(Restriction::All, Restriction::Only);
        self.shared.world().org_mut(&org.org_id).ip_restriction = restriction;
    }

    /// Ends [`Simulator::restrict_ip`].
    pub fn lift_ip_restriction(&self, org: &Org) {
        self.shared.world().org_mut(&org.org_id).ip_restriction = Restriction::None;
    }

    /// Makes REST refuse live sessions with 401 "This session is not valid for use with the REST API",
    /// which no refresh cures.
    pub fn require_high_assurance(&self, org: &Org, required: bool) {
        self.shared.world().org_mut(&org.org_id).high_assurance = required;
    }

    /// Moves an org to another instance: a new listener, and sessions that the old host has forgotten.
    /// [`Org::instance_url`] and token responses give the new address from now on.
    pub fn move_org(&self, org: &Org) {
        self.move_org_leaving(org, OldInstance::default());
    }

    /// Moves an org, with a choice of what all its old hosts answer.
    pub fn move_org_leaving(&self, org: &Org, old: OldInstance) {
        self.shared.move_org(&org.org_id, old);
    }

    /// Sets a fault. Faults are tried in the order they were set.
    pub fn fault(&self, fault: Fault) -> ActiveFault {
        self.shared.faults.add(fault)
    }

    /// Ends all faults.
    pub fn clear_faults(&self) {
        self.shared.faults.clear();
    }

    /// Lets `/services/apexrest/trickle` send this many chunks more.
    pub fn release_trickle(&self, chunks: usize) {
        self.shared.trickle.add_permits(chunks);
    }

    /// Every recorded request in order of arrival; the control API is not recorded.
    #[must_use]
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.shared.record.all()
    }

    /// Empties the record.
    pub fn clear_requests(&self) {
        self.shared.record.clear();
    }

    /// Keeps this many requests from now on, at most 200,000, which is what is kept otherwise. A benchmark
    /// keeps none.
    pub fn keep_requests(&self, most: usize) {
        self.shared.record.keep(most);
    }

    /// Waits until `count` recorded requests match (arrived, if `matches` asks for no more), and returns
    /// them.
    ///
    /// # Panics
    /// When that takes more than a minute.
    pub async fn wait_for(&self, matches: impl Fn(&RecordedRequest) -> bool, count: usize) -> Vec<RecordedRequest> {
        self.shared.record.wait_for(matches, count).await
    }

    /// Exchanges (refresh token, JWT bearer, client credentials) that the token endpoint has read, whatever it answered.
    #[must_use]
    pub fn exchanges(&self) -> u64 {
        self.shared.counters.get(Counted::Exchange)
    }

    /// Exchanges that issued tokens, whether or not the answer arrived.
    #[must_use]
    pub fn successful_exchanges(&self) -> u64 {
        self.shared.counters.get(Counted::Successful)
    }

    /// Refresh requests with a token that had been rotated out; each revoked its family.
    #[must_use]
    pub fn spent_tokens_presented(&self) -> u64 {
        self.shared.counters.get(Counted::SpentToken)
    }

    /// Refresh requests refused because another with the same token was under way.
    #[must_use]
    pub fn simultaneous_uses(&self) -> u64 {
        self.shared.counters.get(Counted::Simultaneous)
    }

    /// Every exchange of a refresh token that was judged, in that order, with what became of its answer.
    #[must_use]
    pub fn exchange_log(&self) -> Vec<Exchange> {
        self.shared.world().exchanges.clone()
    }

    /// Every client secret, password, access token, refresh token and code ever issued, and every assertion ever received.
    #[must_use]
    pub fn secrets(&self) -> Vec<String> {
        self.shared.world().secrets.clone()
    }
}
