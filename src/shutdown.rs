//! Stopping in order: a signal asks everybody to finish, a second one ends the process at once.

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// Asks parts of the process to stop. Everybody who has a [`Stopping`] of it hears it.
#[derive(Debug)]
pub struct Stop(watch::Sender<bool>);

/// Hears when the process is to stop.
#[derive(Clone, Debug)]
pub struct Stopping(watch::Receiver<bool>);

/// A new pair.
pub fn channel() -> (Stop, Stopping) {
    let (sender, receiver) = watch::channel(false);
    (Stop(sender), Stopping(receiver))
}

impl Stop {
    /// Asks everybody to stop. Asking twice is harmless.
    pub fn ask(&self) {
        self.0.send_replace(true);
    }
}

impl Stopping {
    /// Whether it has been asked for.
    pub fn is_asked(&self) -> bool {
        *self.0.borrow()
    }

    /// Returns when it is asked for, or when nobody is left who could ask.
    pub async fn asked(&mut self) {
        // An error means that the sender is gone, which is the end as well.
        let _ = self.0.wait_for(|asked| *asked).await;
    }
}

/// Returns at the first SIGTERM or SIGINT. From then on, a second one ends the process at once with exit code 1.
pub async fn first_signal() -> std::io::Result<()> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::warn!("a second signal: ending at once");
        std::process::exit(1);
    });
    Ok(())
}
