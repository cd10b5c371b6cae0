//! Watching over keys while the process runs: key files are read again when they change, and records that no key opens
//! are looked for and named, so that a missing key is known before a caller meets it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::KeyKeeper;
use crate::management::Refusal;
use crate::metrics::KeyMetrics;
use crate::vault::{KeyId, Purpose};

/// How often key files are looked at.
const LOOK_AT_FILES: Duration = Duration::from_secs(2);
/// A look at all records is in no hurry: this many at one time, and a pause after each page as long as the page took.
const AT_ONCE: usize = 2;
const PAGE: usize = 50;
/// Connections that a warning names.
const NAMED: usize = 10;
/// While something cannot be opened, it is looked for again, and no more than a twentieth of the time is spent on it.
const LOOK_AGAIN: Duration = Duration::from_secs(60);
const LOOK_AGAIN_FACTOR: u32 = 20;
/// After a store that did not answer.
const TRY_AGAIN: Duration = Duration::from_secs(10);

/// What one ring cannot open.
#[derive(Debug, Default, PartialEq, Eq)]
struct Missing {
    keys: BTreeSet<KeyId>,
    records: i64,
    /// The first few, by name.
    named: Vec<String>,
}

type Found = BTreeMap<Purpose, Missing>;

impl KeyKeeper {
    /// Watches until the process ends.
    pub async fn watch(self, metrics: KeyMetrics) {
        if let Some(tenants) = self.vault.tenants() {
            tracing::info!(tenants = tenants.len(), "the session keys are derived ones, of some tenants only");
        }
        let changed = Arc::new(Notify::new());
        tokio::join!(self.follow_files(&metrics, &changed), self.look_for_unopenable(&metrics, &changed));
    }

    async fn follow_files(&self, metrics: &KeyMetrics, changed: &Notify) {
        let mut ticks = tokio::time::interval(LOOK_AT_FILES);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut seen = self.vault.replaced();
        loop {
            ticks.tick().await;
            self.reread().await;
            metrics.file_faulty.set(i64::from(self.vault.fault().is_some()));
            // Somebody else may have had them read again.
            let now = self.vault.replaced();
            if std::mem::replace(&mut seen, now) != now {
                changed.notify_one();
            }
        }
    }

    /// Reads key files again that have changed, and says what came of it.
    pub(super) async fn reread(&self) {
        let vault = Arc::clone(&self.vault);
        let reread = tokio::task::spawn_blocking(move || vault.reread()).await.unwrap_or_default();
        for file in reread {
            let path = file.file.display();
            match &file.outcome {
                Ok(keys) => tracing::info!(file = %path, ?keys, "a key file has changed and was read again"),
                Err(error) => {
                    tracing::error!(error, "a key file has changed and cannot be used; the old keys are kept")
                }
            }
        }
    }

    async fn look_for_unopenable(&self, metrics: &KeyMetrics, changed: &Notify) {
        let mut last = Found::new();
        let mut said = false;
        loop {
            let began = Instant::now();
            let pause = match self.unopenable().await {
                Ok(found) => {
                    report(&found, &last, metrics);
                    last = found;
                    (!last.is_empty()).then(|| LOOK_AGAIN.max(began.elapsed() * LOOK_AGAIN_FACTOR))
                }
                // The store's own absence is told by others.
                Err(Refusal::Unavailable { .. }) => Some(TRY_AGAIN),
                Err(error) => {
                    if !std::mem::replace(&mut said, true) {
                        tracing::warn!(%error, "whether all records can be opened could not be looked at");
                    }
                    Some(TRY_AGAIN)
                }
            };
            match pause {
                None => changed.notified().await,
                // Either way it is time.
                Some(pause) => drop(tokio::time::timeout(pause, changed.notified()).await),
            }
        }
    }

    /// Everything that no key opens, of the tenants that this process has keys for.
    async fn unopenable(&self) -> Result<Found, Refusal> {
        let mut found = Found::new();
        match self.vault.tenants() {
            None => self.unopenable_of(None, &mut found).await?,
            Some(tenants) => {
                for tenant in tenants {
                    self.unopenable_of(Some(&tenant), &mut found).await?;
                }
            }
        }
        Ok(found)
    }

    async fn unopenable_of(&self, tenant: Option<&str>, found: &mut Found) -> Result<(), Refusal> {
        let mut cursor = None;
        loop {
            let began = Instant::now();
            let page = self.usage(tenant, cursor.as_deref(), PAGE, AT_ONCE).await?;
            for unopenable in &page.unopenable {
                let missing = found.entry(unopenable.purpose).or_default();
                missing.keys.insert(unopenable.key);
                missing.records += 1;
                if missing.named.len() < NAMED {
                    missing.named.push(unopenable.connection.to_string());
                }
            }
            cursor = page.next;
            if cursor.is_none() {
                return Ok(());
            }
            tokio::time::sleep(began.elapsed()).await;
        }
    }
}

fn report(found: &Found, last: &Found, metrics: &KeyMetrics) {
    for purpose in Purpose::ALL {
        let (now, before) = (found.get(&purpose), last.get(&purpose));
        metrics.unreadable(purpose.as_str()).set(now.map_or(0, |missing| missing.records));
        match now {
            Some(missing) if Some(missing) != before => {
                let (keys, records) = (&missing.keys, missing.records);
                let more = if records > missing.named.len() as i64 { ", ..." } else { "" };
                tracing::warn!(
                    purpose = purpose.as_str(),
                    ?keys,
                    records,
                    connections = missing.named.join(", ") + more,
                    "records are sealed with keys that are not in the key file; these connections cannot be opened"
                );
            }
            None if before.is_some() => {
                tracing::info!(purpose = purpose.as_str(), "every record can be opened again");
            }
            _ => {}
        }
    }
}
