//! Following the files that apps prove themselves with: when one changes, what was refused for its sake is tried anew at
//! once.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use super::TokenSource;
use crate::connection::Cause;
use crate::oauth::App;

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// What of a file changes with its content.
type Stamp = Option<(i64, i64, u64, u64)>;

impl TokenSource {
    /// Looks at the files of all apps again and again, for as long as the engine's runtime lives.
    pub(super) async fn follow_app_files(self) {
        let apps = self.0.parts.exchanger.parts().apps.clone();
        let mut stamps: Vec<_> = apps.iter().map(|app| stamps(app)).collect();
        let mut ticks = tokio::time::interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            for (app, known) in apps.iter().zip(&mut stamps) {
                let now = self::stamps(app);
                if *known != now {
                    *known = now;
                    tracing::info!(
                        app = app.name,
                        "the app's secret or key has changed; what it was refused is tried anew"
                    );
                    self.0.parts.exchanger.parts().breaker.forget(&app.name);
                    self.try_again_what_apps_were_refused();
                }
            }
        }
    }

    fn try_again_what_apps_were_refused(&self) {
        for slot in self.slots() {
            let mut state = slot.state();
            if matches!(state.cause, Some(Cause::AppSecretWrong | Cause::AppKeyWrong | Cause::AssertionRefused)) {
                state.clear_failure();
            }
        }
    }
}

fn stamps(app: &App) -> [Stamp; 2] {
    let of = |path: &Path| fs::metadata(path).ok().map(|m| (m.mtime(), m.mtime_nsec(), m.ino(), m.len()));
    [
        app.client_secret.as_ref().and_then(|secret| of(secret.path()?)),
        app.private_key.as_ref().and_then(|key| of(key.path()?)),
    ]
}
