//! Examiner: looks at login hosts and apps from this machine. It needs no store, spends nothing and changes nothing, so it
//! works beside a running `serve` too.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::timeout;

use crate::connection::Cause;
use crate::oauth::{self, App, Earn, ExchangeError};
use crate::salesforce::hosts::LoginUrl;
use crate::salesforce::token_errors::TokenFailure;
use crate::secret::Secret;
use crate::transport::{DialError, EgressProxy, Transport};

/// No refresh token of anybody: an app that is known is told that it is dead.
const MADE_UP_TOKEN: &str = "5Aep861.orgpass.doctor.made.up";
/// No user of anybody.
const MADE_UP_USER: &str = "orgpass-doctor@made.up.invalid";

/// A resolver that is silent for longer is as good as none.
const RESOLVE: Duration = Duration::from_secs(5);

/// Looks at login hosts and apps.
pub struct Examiner {
    transport: Arc<Transport>,
}

/// How far a connection to a login host came, and what it met there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostFound {
    /// The name does not resolve.
    NoName(String),
    /// The name resolves to addresses that are not dialled.
    SpecialAddress(String),
    /// No address takes a connection.
    Unreachable(String),
    /// The egress proxy opens no way there.
    NoWay(String),
    /// The two ends do not agree on TLS, or the certificate is not to be trusted.
    NoTls(String),
    /// It is reached, and its answer is lost.
    NoAnswer(String),
    /// It answers. What time it is there, to the second, if it says.
    Answers(Option<SystemTime>),
}

/// What a login host made of an app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AppFound {
    /// It is known, and what it proves itself with is right.
    Accepted,
    /// It is refused.
    Refused(Cause),
    /// What it proves itself with cannot be read.
    Unreadable(String),
    /// The host gave no answer that tells.
    Unclear(String),
}

impl Examiner {
    /// An examiner that goes out as the process's exchanges do.
    pub fn new(transport: Arc<Transport>) -> Self {
        Self { transport }
    }

    /// The egress proxy that exchanges with a login host go through.
    pub fn egress(&self, login: &LoginUrl) -> Option<&EgressProxy> {
        self.transport.egress().of_exchange(login)
    }

    /// Goes to a login host and asks what time it is.
    pub async fn host(&self, login: &LoginUrl) -> HostFound {
        // Apart from dialling, whose time-out does not say what took so long. An egress proxy resolves the name itself.
        if self.egress(login).is_none()
            && let Err(why) = addresses_of(login).await
        {
            return HostFound::NoName(why);
        }
        let connection = match self.transport.one_shot(login).await {
            Ok(connection) => connection,
            Err(DialError::Name(error)) => return HostFound::NoName(error.to_string()),
            Err(error @ DialError::SpecialAddress) => return HostFound::SpecialAddress(error.to_string()),
            Err(DialError::Egress(error)) => return HostFound::NoWay(error.to_string()),
            Err(DialError::Tls(error)) => return HostFound::NoTls(error.to_string()),
            Err(error) => return HostFound::Unreachable(error.to_string()),
        };
        match oauth::server_time(connection).await {
            Ok(time) => HostFound::Answers(time),
            Err(error) => HostFound::NoAnswer(error.to_string()),
        }
    }

    /// Asks an app's login host whether it knows the app, by an exchange that nobody can succeed with.
    pub async fn app(&self, app: &App) -> AppFound {
        let token = Secret::new(MADE_UP_TOKEN.to_owned());
        let by_assertion = app.client_secret.is_none() && app.private_key.is_some();
        let earn = if by_assertion { Earn::JwtBearer { username: MADE_UP_USER } } else { Earn::RefreshToken(&token) };
        let credentials = match app.credentials(earn) {
            Ok(credentials) => credentials,
            Err(error) => return AppFound::Unreadable(error.to_string()),
        };
        let connection = match self.transport.one_shot(&app.login_url).await {
            Ok(connection) => connection,
            Err(error) => return AppFound::Unclear(error.to_string()),
        };
        match oauth::exchange(app, &credentials, &app.login_url, earn, connection).await {
            Err(ExchangeError::Answered(TokenFailure::Refused(cause))) => match cause {
                Cause::Revoked | Cause::AppNotApproved | Cause::LoginRefused => AppFound::Accepted,
                cause => AppFound::Refused(cause),
            },
            Err(error) => AppFound::Unclear(error.to_string()),
            Ok(_) => AppFound::Unclear("a token was issued for nothing".to_owned()),
        }
    }
}

/// What a host's name resolves to here, or why to nothing.
pub async fn addresses_of(login: &LoginUrl) -> Result<Vec<IpAddr>, String> {
    let looking = tokio::net::lookup_host((login.host(), login.port()));
    let found = timeout(RESOLVE, looking).await.map_err(|_| "no resolver answers in time".to_owned())?;
    let mut addresses: Vec<_> = found.map_err(|error| error.to_string())?.map(|address| address.ip()).collect();
    addresses.dedup();
    Ok(addresses)
}
