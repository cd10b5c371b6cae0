//! Who does what the command line asks: the running `serve` through its control socket, or this process on the store.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::{Exit, Failure};
use crate::app::{Engine, StartError};
use crate::config::Config;
use crate::connection::ConnectionKey;
use crate::control::{Client, Name, Request};
use crate::management::links::LinkRequest;
use crate::management::{
    ApiFound, AppDocument, AppView, Checked, ConnectionView, DeviceLogin, DeviceRequest, DeviceState, EventLine,
    ImportDocument, Imported, Listing, Management, MintedLink, Refusal, Removed, ResealPage, UsagePage, WhenNotRevoked,
};
use crate::store::StoreError;

/// A `serve` that is starting opens its store a moment before its control socket.
const TRIES: u32 = 10;
const LOOK_AGAIN: Duration = Duration::from_millis(200);

pub(super) enum Operator {
    /// The process that owns the store.
    Running(Client),
    /// This process.
    Direct(Arc<Management>),
}

impl Operator {
    /// Finds out who owns the store.
    pub(super) async fn reach(config: &Config) -> Result<Self, Failure> {
        let mut tries = 1;
        loop {
            if let Some(client) = running(config.control.as_deref()).await? {
                return Ok(Self::Running(client));
            }
            match Engine::build(config) {
                Ok(engine) => return Ok(Self::Direct(engine.management)),
                Err(StartError::Store(StoreError::InUse(_))) if tries < TRIES => {}
                Err(StartError::Store(StoreError::InUse(file))) => {
                    return Err(Failure::new(Exit::Unavailable, in_use(&file)));
                }
                Err(error) => return Err(error.into()),
            }
            tries += 1;
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    pub(super) async fn import(&mut self, document: &ImportDocument) -> Result<Imported, Refusal> {
        match self {
            Self::Running(client) => client.import(document).await,
            Self::Direct(management) => management.operated().import_document(document).await,
        }
    }

    pub(super) async fn list(&mut self, tenant: Option<&str>, cursor: Option<String>) -> Result<Listing, Refusal> {
        const PAGE: usize = 500;
        match self {
            Self::Running(client) => {
                client.ask(&Request::List { tenant: tenant.map(str::to_owned), cursor, limit: PAGE }).await
            }
            Self::Direct(management) => management.list(tenant, cursor.as_deref(), PAGE).await,
        }
    }

    pub(super) async fn key_usage(&mut self, cursor: Option<String>) -> Result<UsagePage, Refusal> {
        const PAGE: usize = 500;
        match self {
            Self::Running(client) => client.ask(&Request::KeyUsage { cursor, limit: PAGE }).await,
            Self::Direct(management) => management.key_usage(cursor.as_deref(), PAGE).await,
        }
    }

    pub(super) async fn reseal(&mut self, cursor: Option<String>) -> Result<ResealPage, Refusal> {
        // Small enough to show progress, and to keep a serve that is stopping waiting for a moment only.
        const PAGE: usize = 100;
        match self {
            Self::Running(client) => client.ask(&Request::Reseal { cursor, limit: PAGE }).await,
            Self::Direct(management) => management.reseal(cursor.as_deref(), PAGE).await,
        }
    }

    pub(super) async fn show(&mut self, key: &ConnectionKey) -> Result<ConnectionView, Refusal> {
        match self {
            Self::Running(client) => client.ask(&Request::Show(Name::of(key))).await,
            Self::Direct(management) => management.show(key).await,
        }
    }

    pub(super) async fn link(&mut self, key: &ConnectionKey, link: LinkRequest) -> Result<MintedLink, Refusal> {
        match self {
            Self::Running(client) => client.ask(&Request::Link { connection: Name::of(key), link }).await,
            Self::Direct(management) => management.operated().mint_link(key, &link).await,
        }
    }

    pub(super) async fn begin_device(
        &mut self,
        key: &ConnectionKey,
        device: DeviceRequest,
    ) -> Result<DeviceLogin, Refusal> {
        match self {
            Self::Running(client) => client.ask(&Request::BeginDevice { connection: Name::of(key), device }).await,
            Self::Direct(management) => management.begin_device(key, &device).await,
        }
    }

    pub(super) async fn poll_device(&mut self, id: u64) -> Result<DeviceState, Refusal> {
        match self {
            Self::Running(client) => client.ask(&Request::PollDevice(id)).await,
            Self::Direct(management) => management.operated().poll_device(id).await,
        }
    }

    pub(super) async fn events(&mut self, after: Option<String>, limit: usize) -> Result<Vec<EventLine>, Refusal> {
        match self {
            Self::Running(client) => client.ask(&Request::Events { after, limit }).await,
            Self::Direct(management) => management.events(after.as_deref(), limit).await,
        }
    }

    pub(super) async fn put_app(&mut self, key: &ConnectionKey, app: &AppDocument) -> Result<AppView, Refusal> {
        match self {
            Self::Running(client) => client.put_app(&Name::of(key), app).await,
            Self::Direct(management) => management.put_app(key, app).await,
        }
    }

    pub(super) async fn app(&mut self, key: &ConnectionKey) -> Result<AppView, Refusal> {
        match self {
            Self::Running(client) => client.ask(&Request::App(Name::of(key))).await,
            Self::Direct(management) => management.app(key).await,
        }
    }

    pub(super) async fn remove_app(&mut self, key: &ConnectionKey) -> Result<(), Refusal> {
        match self {
            Self::Running(client) => client.ask(&Request::RemoveApp(Name::of(key))).await,
            Self::Direct(management) => management.remove_app(key).await,
        }
    }

    pub(super) async fn check(&mut self, key: &ConnectionKey) -> Result<Checked, Refusal> {
        match self {
            Self::Running(client) => client.ask(&Request::Check(Name::of(key))).await,
            Self::Direct(management) => management.operated().check(key).await,
        }
    }

    pub(super) async fn examine(&mut self, key: &ConnectionKey) -> Result<ApiFound, Refusal> {
        match self {
            Self::Running(client) => client.ask(&Request::Examine(Name::of(key))).await,
            Self::Direct(management) => management.examine(key).await,
        }
    }

    pub(super) async fn refresh(&mut self, key: &ConnectionKey) -> Result<ConnectionView, Refusal> {
        match self {
            Self::Running(client) => client.ask(&Request::Refresh(Name::of(key))).await,
            Self::Direct(management) => management.operated().refresh(key).await,
        }
    }

    pub(super) async fn remove(&mut self, key: &ConnectionKey, otherwise: WhenNotRevoked) -> Result<Removed, Refusal> {
        match self {
            Self::Running(client) => client.ask(&Request::Remove { connection: Name::of(key), otherwise }).await,
            Self::Direct(management) => management.operated().remove(key, otherwise).await,
        }
    }
}

async fn running(control: Option<&Path>) -> Result<Option<Client>, Failure> {
    let Some(path) = control else { return Ok(None) };
    Client::connect(path).await.map_err(|error| Failure::new(Exit::Refused, error.to_string()))
}

fn in_use(file: &str) -> String {
    format!(
        "{file} is in use by another process whose control socket does not answer; is control.listen the same there? \
         Run the command as that process's user with its configuration"
    )
}
