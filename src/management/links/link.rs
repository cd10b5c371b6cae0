//! What becomes of a link, step by step, apart from store and network: minted, begun by one browser, come back with a code,
//! answered by Salesforce, confirmed by the person, connected.

use super::LinkId;
use super::return_to::origin_of;
use crate::connection::{Cause, ConnectionKey};
use crate::oauth::{CodeVerifier, TokenResponse};
use crate::salesforce::hosts::LoginUrl;
use crate::salesforce::scopes::Scopes;

/// Whoever is at work on a step for longer than this is gone, in seconds.
const AT_WORK: u64 = 60;

/// A link.
#[derive(Clone, Debug)]
pub struct Link {
    /// Its address.
    pub id: LinkId,
    /// The connection that it is for.
    pub key: ConnectionKey,
    /// The app that asks.
    pub app: String,
    /// What is asked for.
    pub asked: Scopes,
    /// Where the user is to log in, if that is known: a reconnect remembers.
    pub login: Option<LoginUrl>,
    /// Where the browser is led at the end.
    pub return_to: Option<String>,
    /// Until when it can be used: seconds since 1970.
    pub expires: u64,
    /// The browser that began: a hash of its cookie. No other can go on.
    pub browser: Option<String>,
    /// How far it has got.
    pub stage: Stage,
}

/// How far a link has got.
#[derive(Clone, Debug)]
pub enum Stage {
    /// To be begun, for the first time or again after what Salesforce has refused.
    Open(Option<Ending>),
    /// The browser is at Salesforce.
    Begun(Flow),
    /// It has come back, and the code is being exchanged.
    Redeeming(Flow, u64),
    /// Salesforce has answered; the person is to confirm.
    Answered(Box<Answered>),
    /// The person has confirmed, and the connection is being written.
    Connecting(Box<Answered>, u64),
    /// Over.
    Ended(Ending),
}

/// What only this flow knows.
#[derive(Clone, Debug)]
pub struct Flow {
    /// Comes back with the browser.
    pub state: String,
    /// Proves who began.
    pub verifier: CodeVerifier,
    /// Comes back in the id token.
    pub nonce: String,
    /// Where the user logs in.
    pub login: LoginUrl,
}

/// An authorization that waits for the person.
#[derive(Clone, Debug)]
pub struct Answered {
    /// Where the consent was given.
    pub login: LoginUrl,
    /// What Salesforce issued.
    pub response: TokenResponse,
    /// The name of the user at Salesforce, if it could be found out.
    pub username: Option<String>,
}

/// How a link, or an attempt at it, ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The org is connected.
    Connected,
    /// The person has said no.
    Cancelled,
    /// Salesforce has refused, or the answer did not fit.
    Failed(Cause),
}

/// Why a link cannot be gone on with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkFault {
    /// Its time is over.
    Expired,
    /// It was used to its end.
    Used,
    /// Another browser has begun.
    OtherBrowser,
    /// This is not the step that comes next.
    OutOfStep,
    /// The step is being taken at this moment.
    Busy,
}

impl Link {
    /// The page that may be told how it ended: whoever it leads back to.
    pub fn opener(&self) -> Option<String> {
        self.return_to.as_deref().and_then(origin_of)
    }

    /// Whether `browser` may see the link at `now`. Looking at it uses nothing up.
    pub fn look(&self, browser: Option<&str>, now: u64) -> Result<(), LinkFault> {
        let is_another = self.browser.is_some() && self.browser.as_deref() != browser;
        match &self.stage {
            Stage::Ended(_) => Err(LinkFault::Used),
            _ if is_another => Err(LinkFault::OtherBrowser),
            // Who has come back from Salesforce in time may take a moment to confirm.
            Stage::Answered(_) | Stage::Connecting(..) if now < self.expires + AT_WORK * 10 => Ok(()),
            _ if now >= self.expires => Err(LinkFault::Expired),
            _ => Ok(()),
        }
    }

    /// The browser goes to Salesforce, for the first time or again.
    pub fn begin(&self, browser: &str, flow: Flow, now: u64) -> Result<Self, LinkFault> {
        self.look(Some(browser), now)?;
        match &self.stage {
            Stage::Open(_) | Stage::Begun(_) => {}
            Stage::Redeeming(_, since) if now > since + AT_WORK => {}
            Stage::Redeeming(..) => return Err(LinkFault::Busy),
            Stage::Answered(_) | Stage::Connecting(..) | Stage::Ended(_) => return Err(LinkFault::OutOfStep),
        }
        Ok(self.at(Some(browser), Stage::Begun(flow)))
    }

    /// The browser has come back with this `state`: nobody else may use what it brought.
    pub fn come_back(&self, browser: Option<&str>, state: &str, now: u64) -> Result<(Self, Flow), LinkFault> {
        self.look(browser, now)?;
        match &self.stage {
            Stage::Begun(flow) if flow.state == state => {
                Ok((self.at(browser, Stage::Redeeming(flow.clone(), now)), flow.clone()))
            }
            Stage::Redeeming(..) => Err(LinkFault::Busy),
            _ => Err(LinkFault::OutOfStep),
        }
    }

    /// The attempt came to nothing; another can be begun.
    pub fn reopen(&self, why: Ending) -> Self {
        self.at(self.browser.as_deref(), Stage::Open(Some(why)))
    }

    /// Salesforce has answered.
    pub fn answer(&self, answered: Answered) -> Self {
        self.at(self.browser.as_deref(), Stage::Answered(Box::new(answered)))
    }

    /// The person has confirmed. Whoever was at work on it and is gone is followed.
    pub fn confirm(&self, browser: Option<&str>, now: u64) -> Result<(Self, Answered), LinkFault> {
        self.look(browser, now)?;
        match &self.stage {
            Stage::Answered(answered) => {
                Ok((self.at(browser, Stage::Connecting(answered.clone(), now)), (**answered).clone()))
            }
            Stage::Connecting(answered, since) if now > since + AT_WORK => {
                Ok((self.at(browser, Stage::Connecting(answered.clone(), now)), (**answered).clone()))
            }
            Stage::Connecting(..) => Err(LinkFault::Busy),
            _ => Err(LinkFault::OutOfStep),
        }
    }

    /// It is over.
    pub fn end(&self, ending: Ending) -> Self {
        self.at(self.browser.as_deref(), Stage::Ended(ending))
    }

    /// What waits for a person who does not come back.
    pub fn abandoned(&self, now: u64) -> Option<&Answered> {
        match &self.stage {
            Stage::Answered(answered) if self.look(self.browser.as_deref(), now) == Err(LinkFault::Expired) => {
                Some(answered)
            }
            _ => None,
        }
    }

    fn at(&self, browser: Option<&str>, stage: Stage) -> Self {
        Self { browser: browser.map(str::to_owned), stage, ..self.clone() }
    }
}

#[cfg(test)]
mod tests;
