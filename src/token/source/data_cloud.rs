//! Sessions of Data Cloud for calls: one exchange for all that wait, and none while the one that is held is good.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{RefusedSession, TokenSource};
use crate::oauth::{self, DataCloudRefusal};
use crate::salesforce::hosts::{LoginUrl, TargetUrl};
use crate::salesforce::{ApiFamily, InstanceUrl};
use crate::token::data_cloud::{DataCloudFlight, DataCloudResult, Standing};
use crate::token::slot::FlightResult;
use crate::token::{DataCloudError, DataCloudSession, Session, Slot, TokenError, Want};
use crate::traces::Wait;

/// How long no other exchange is started after one without an answer, or with a dead session.
const PAUSE: Duration = Duration::from_secs(1);

/// Whose session a refusal is taken to have ended.
enum Ended {
    /// Data Cloud's own, which had served for a while.
    DataClouds,
    /// The org's: what it earns is not accepted.
    Orgs,
}

impl TokenSource {
    /// The session of Data Cloud that goes with a session of the org: the one held, or one earned now. Waits for that at
    /// most [`Settings::wait`](crate::token::Settings::wait).
    pub async fn data_cloud(&self, session: &Arc<Session>) -> Result<Arc<DataCloudSession>, DataCloudError> {
        let mut flight = match self.board_data_cloud(session) {
            Ok(flight) => flight,
            Err(answer) => return answer,
        };
        let landed = tokio::time::timeout(self.settings().wait, flight.wait_for(Option::is_some)).await;
        match landed.map(|seen| seen.ok().and_then(|result| result.clone())) {
            Ok(Some(result)) => result,
            _ => Err(DataCloudError::Unavailable),
        }
    }

    /// The session of the org to go on with after Data Cloud refused a call that went with `own`: the same if `own` was
    /// good before, the next generation if it never was.
    pub async fn after_data_cloud_refusal(
        &self,
        refused: &RefusedSession<'_>,
        own: &Arc<DataCloudSession>,
        wait: Option<&mut Wait>,
    ) -> FlightResult {
        match self.judge_data_cloud_refusal(refused, own)? {
            Ended::DataClouds => Ok(Arc::clone(refused.session)),
            Ended::Orgs => self.session(refused.slot, Want::After(refused.session.generation), wait).await,
        }
    }

    /// The same without waiting: the caller's next try finds what it needs.
    pub fn prepare_after_data_cloud_refusal(
        &self,
        refused: &RefusedSession<'_>,
        own: &Arc<DataCloudSession>,
    ) -> Result<(), TokenError> {
        if let Ended::Orgs = self.judge_data_cloud_refusal(refused, own)? {
            self.start(refused.slot, Want::After(refused.session.generation));
        }
        Ok(())
    }

    fn judge_data_cloud_refusal(
        &self,
        refused: &RefusedSession<'_>,
        own: &Arc<DataCloudSession>,
    ) -> Result<Ended, TokenError> {
        let refused = RefusedSession { family: ApiFamily::DataCloud, ..refused.clone() };
        let mut state = refused.slot.state();
        self.refuse_while_cooling(&state, &refused)?;
        if !own.was_fresh(refused.sent) {
            refused.session.data_cloud.state().forget(own);
            return Ok(Ended::DataClouds);
        }
        // What counts is how old the org's session was when it earned this one.
        self.refuse_if_fresh(&mut state, &RefusedSession { sent: own.asked(), ..refused.clone() })?;
        Ok(Ended::Orgs)
    }

    /// Notes that Data Cloud accepted a call. The org's own session was last used when it earned this one.
    pub fn accepted_by_data_cloud(&self, slot: &Arc<Slot>, session: &Session, used: &DataCloudSession) {
        session.note_accepted(ApiFamily::DataCloud, used.asked());
        if slot.is_troubled() {
            self.cure(slot, session.generation, ApiFamily::DataCloud);
        }
    }

    fn board_data_cloud(&self, session: &Arc<Session>) -> Result<DataCloudFlight, DataCloudResult> {
        let mut state = session.data_cloud.state();
        let standing = state.standing(self.clock().now());
        let (sender, flight) = match &standing {
            Standing::Held { session, renew: false } => return Err(Ok(Arc::clone(session))),
            Standing::UnderWay(flight) => return Ok(flight.clone()),
            Standing::Stopped(error) => return Err(Err(error.clone())),
            Standing::Held { renew: true, .. } | Standing::Wanting => state.begin(),
        };
        let (source, org) = (self.clone(), Arc::clone(session));
        let fly = async move {
            let result = source.earn_data_cloud(&org).await;
            let stop = source.stop_after(&result);
            org.data_cloud.state().end(&result, source.clock().now(), stop);
            sender.send_replace(Some(result));
        };
        self.0.flights.spawn_on(fly, &self.0.parts.runtime);
        match standing {
            Standing::Held { session, .. } => Err(Ok(session)),
            _ => Ok(flight),
        }
    }

    /// What was refused for good until somebody changes something is asked for again after the cool-down.
    fn stop_after(&self, result: &DataCloudResult) -> Duration {
        match result {
            Ok(_) | Err(DataCloudError::Unavailable | DataCloudError::DeadSession { .. }) => PAUSE,
            Err(_) => self.settings().cooldown,
        }
    }

    async fn earn_data_cloud(&self, session: &Session) -> DataCloudResult {
        let asked = self.clock().now();
        let result = self.exchange_for_data_cloud(session, asked).await;
        let label = match &result {
            Ok(_) => "tokens",
            Err(DataCloudError::DeadSession { .. }) => "dead_session",
            Err(DataCloudError::Unavailable) => "unavailable",
            Err(_) => "refused",
        };
        self.0.parts.metrics.data_cloud.with_label_values(&[label]).inc();
        result
    }

    async fn exchange_for_data_cloud(&self, session: &Session, asked: Instant) -> DataCloudResult {
        let unavailable = |error: &dyn std::fmt::Display| {
            tracing::warn!(host = session.instance.url().host(), %error, "the org gave no token for Data Cloud");
            DataCloudError::Unavailable
        };
        let (org, trusted) = (session.instance.url(), &self.0.parts.trusted_hosts);
        let login = InstanceUrl::of_origin(org, trusted).map(LoginUrl::from).map_err(DataCloudError::HostNotAllowed)?;
        let transport = &self.0.parts.transport;
        let connection = transport.one_shot(&login).await.map_err(|error| unavailable(&error))?;
        let answer = oauth::data_cloud(session.token(), connection).await;
        let token = answer.map_err(|refusal| match refusal {
            DataCloudRefusal::DeadSession(code) => DataCloudError::DeadSession { code, asked },
            DataCloudRefusal::ScopeMissing => DataCloudError::ScopeMissing,
            DataCloudRefusal::Refused(code) => DataCloudError::Refused(code),
            DataCloudRefusal::Unavailable(error) => unavailable(&error),
        })?;
        let url = TargetUrl::data_cloud(&token.instance_url, org, trusted).map_err(DataCloudError::HostNotAllowed)?;
        let earned = DataCloudSession::new(token, transport.target(&url), asked, self.clock().now());
        earned.map(Arc::new).ok_or(DataCloudError::Refused(None))
    }
}
