//! Drives a connection from within the task of the request that it serves: no task of its own, so no hand-over between
//! two tasks for each message. Wakes that come while the connection is being polled are noted and answered by polling
//! again at once, instead of scheduling the task anew.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures_util::task::AtomicWaker;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;

use super::RequestBody;
use super::dial::Stream;

/// Rounds of polling before the task is scheduled anew, so that a chatty connection starves nobody.
const MAX_ROUNDS: usize = 8;

type Conn = http1::Connection<TokioIo<Stream>, RequestBody>;

pub(super) struct Driver {
    /// Dropped as soon as it ends, with its end of the channel to the sender: a connection that has ended without an
    /// error would else look ready for requests that nobody will ever answer.
    connection: Option<Pin<Box<Conn>>>,
    bell: Arc<Bell>,
    waker: Waker,
}

/// Hears wakes for the connection and for what waits for it.
#[derive(Default)]
struct Bell {
    task: AtomicWaker,
    polling: AtomicBool,
    rang: AtomicBool,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.rang.store(true, Ordering::SeqCst);
        if !self.polling.load(Ordering::SeqCst) {
            self.task.wake();
        }
    }
}

impl Driver {
    pub(super) fn new(connection: Conn) -> Self {
        let bell = Arc::new(Bell::default());
        Self { connection: Some(Box::pin(connection)), waker: Waker::from(Arc::clone(&bell)), bell }
    }

    /// Polls the connection, and then `wanted`, which waits for it, until neither has anything left to do.
    pub(super) fn drive<T>(
        &mut self,
        cx: &mut Context<'_>,
        mut wanted: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        let Self { connection, bell, waker } = self;
        bell.task.register(cx.waker());
        bell.polling.store(true, Ordering::SeqCst);
        let mut inner = Context::from_waker(waker);
        let mut polled = Poll::Pending;
        for _ in 0..MAX_ROUNDS {
            bell.rang.store(false, Ordering::SeqCst);
            advance(connection, &mut inner);
            polled = wanted(&mut inner);
            if polled.is_ready() || !bell.rang.load(Ordering::SeqCst) {
                break;
            }
        }
        bell.polling.store(false, Ordering::SeqCst);
        // Looked at after `polling` ends: a wake from another thread in between was only noted.
        if polled.is_pending() && bell.rang.load(Ordering::SeqCst) {
            cx.waker().wake_by_ref();
        }
        polled
    }

    /// Lets an idle connection notice what has happened to it, such as its end.
    pub(super) fn notice(&mut self) {
        // Polls the connection, and wakes nobody for it.
        let _: Poll<()> = self.drive(&mut Context::from_waker(Waker::noop()), |_| Poll::Pending);
        self.rest();
    }

    /// Begins a time in which nobody waits for the connection.
    pub(super) fn rest(&mut self) {
        self.bell.task.take();
        self.bell.rang.store(false, Ordering::SeqCst);
    }

    /// Whether anything has happened to the connection since [`Driver::rest`].
    pub(super) fn has_stirred(&self) -> bool {
        self.bell.rang.load(Ordering::SeqCst)
    }
}

fn advance(connection: &mut Option<Pin<Box<Conn>>>, cx: &mut Context<'_>) {
    if connection.as_mut().is_some_and(|connection| connection.as_mut().poll(cx).is_ready()) {
        *connection = None;
    }
}
