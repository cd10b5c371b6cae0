//! Examine: what may a connection's session do? Nothing is spent or changed.

use serde::{Deserialize, Serialize};

use super::{Management, Refusal};
use crate::connection::{Cause, ConnectionKey};
use crate::oauth::{self, ApiAccess};
use crate::salesforce::hosts::InstanceUrl;

/// What the REST API made of a connection's session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApiFound {
    /// It is accepted: calls used and allowed in 24 hours, if the org says.
    Accepted(Option<(u64, u64)>),
    /// It is refused, with Salesforce's code.
    Refused(Option<String>),
}

impl Management {
    /// Asks a connection's org what its present session may do. Exchanges nothing.
    pub async fn examine(&self, key: &ConnectionKey) -> Result<ApiFound, Refusal> {
        let stored = self.exchanger.load(key).await?.ok_or(Refusal::NotConnected)?;
        let instance = InstanceUrl::parse(&stored.session.instance_url, &self.trusted_hosts)
            .map_err(|_| Refusal::Refused(Cause::HostNotAllowed))?;
        let unavailable = |error: &dyn std::fmt::Display| Refusal::Unavailable { message: error.to_string() };
        let connection = self.transport.one_call(&instance).await.map_err(|error| unavailable(&error))?;
        let access = oauth::api_access(&stored.session.access_token, connection).await;
        Ok(match access.map_err(|error| unavailable(&error))? {
            ApiAccess::Accepted(limits) => {
                ApiFound::Accepted(limits.map(|limits| (limits.org.used, limits.org.allowed)))
            }
            ApiAccess::Refused(code) => ApiFound::Refused(code.map(|code| code.to_string())),
        })
    }
}
