//! What came of sending: for traces, and for how long Salesforce is believed that somebody else is exchanging.

use std::time::Instant;

use super::{Run, Sent, Waiting};
use crate::token::traced::TracedExchange;

impl Run<'_> {
    /// Tells of the exchange that has just ended.
    pub(super) fn trace(&self, result: &'static str) {
        let (head, login) = (&self.record().head, &self.ready().login);
        let (key, began, replaces) = (self.key, self.dialled, head.generation);
        self.traced.exchanged(&TracedExchange { key, login, grant: head.grant, replaces, result, began });
    }

    /// Names a connection that is exchanged too often: nobody else knows which one.
    pub(super) fn warn_of_limit(&self, sent: &Sent) {
        if matches!(sent, Sent::Unspent(Waiting::RateLimit)) {
            tracing::warn!(connection = %self.key, "Salesforce limits the logins of this user; none for some minutes");
        }
    }

    pub(super) fn note_progress(&self, sent: Sent) -> Sent {
        let in_progress = &self.exchanger.in_progress;
        if !matches!(sent, Sent::Unspent(Waiting::Lease)) {
            in_progress.end(self.key);
            return sent;
        }
        if in_progress.is_believed(self.key, Instant::now()) {
            return sent;
        }
        Sent::Unknown("another exchange has been under way for more than a minute".to_owned())
    }
}
