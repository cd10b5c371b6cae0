//! Requests to a server of the operator's own, over one connection that is kept while it lives. What goes there may be
//! sent again, so nothing is lost if the connection was just being closed.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;

use super::dial::{self, DialError};
use super::one_shot::{Answer, OneShot, OneShotError};
use super::trust::Trust;
use super::{CollectorUrl, Settings, Transport};

/// A server that takes what the process says of itself.
pub struct Collector {
    url: CollectorUrl,
    trust: Arc<Trust>,
    settings: Settings,
    limit: Duration,
    kept: Option<OneShot>,
}

/// Why there is no whole answer.
#[derive(Debug, thiserror::Error)]
pub enum CollectorError {
    /// There is no connection.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// The request may have been processed.
    #[error(transparent)]
    Answer(#[from] OneShotError),
}

impl Transport {
    /// The server at `url`, which gets this long for each answer.
    pub fn collector(&self, url: CollectorUrl, limit: Duration) -> Collector {
        // Who names it in the configuration means that host, wherever it is.
        let settings = Settings { allow_private_addresses: true, ..self.settings.clone() };
        Collector { url, trust: Arc::clone(&self.trust), settings, limit, kept: None }
    }
}

impl Collector {
    /// Sends a request and reads the whole answer. `Host` and `User-Agent` are set here.
    pub async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<Answer, CollectorError> {
        let mut connection = match self.kept.take().filter(OneShot::is_ready) {
            Some(kept) => kept,
            None => self.dial().await?,
        };
        let answer = connection.ask(request).await?;
        self.kept = Some(connection);
        Ok(answer)
    }

    async fn dial(&self) -> Result<OneShot, DialError> {
        let url = &self.url;
        // It is the operator's own, and most often beside this process.
        let stream = dial::dial(url, None, self.trust.http1(), &self.settings).await?;
        OneShot::handshake(stream, url.authority().to_owned(), self.limit).await
    }
}
