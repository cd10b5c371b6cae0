//! Stopping in order: a signal asks everybody to finish, a second one ends the process at once.

use std::future::Future;
use std::io;

use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

/// Asks parts of the process to stop. Everybody who has a [`Stopping`] of it hears it.
#[derive(Clone, Debug)]
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
    /// Hears it.
    pub fn heard(&self) -> Stopping {
        Stopping(self.0.subscribe())
    }

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

/// SIGTERM and SIGINT, listened for since this was made.
pub struct Signals {
    // Of its own: it must hear a second signal while everything else is being stopped.
    runtime: Runtime,
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Listens from now on; neither signal ends the process by itself any more.
    pub fn listen() -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let within = runtime.enter();
        let (terminate, interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        drop(within);
        Ok(Self { runtime, terminate, interrupt })
    }

    /// Returns at the first one, or when somebody else has asked to stop. From then on, a second one ends the process at
    /// once with exit code 1. Blocks.
    pub fn wait(mut self, mut stopping: Stopping) -> io::Result<()> {
        let asked = self.next_or(stopping.asked());
        let again = move || {
            if asked {
                // Who has drained a process sends it the signal all the same.
                self.next();
            }
            self.next();
            tracing::warn!("a second signal: ending at once");
            std::process::exit(1);
        };
        std::thread::Builder::new().name("signals".to_owned()).spawn(again).map(drop)
    }

    fn next(&mut self) {
        self.next_or(std::future::pending());
    }

    /// True if `other` came first.
    fn next_or(&mut self, other: impl Future<Output = ()>) -> bool {
        let Self { runtime, terminate, interrupt } = self;
        runtime.block_on(async {
            tokio::select! {
                _ = terminate.recv() => false,
                _ = interrupt.recv() => false,
                () = other => true,
            }
        })
    }
}
