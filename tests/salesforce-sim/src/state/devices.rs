//! The device flow: a code for the program that polls, and a short one for the person who approves. Both live ten minutes.

use super::World;
use super::asks::{Ask, Purpose};
use super::grants::Tokens;
use crate::clock::{Millis, millis};
use crate::doors::Site;
use crate::ids;
use crate::oauth_error::OauthError;

const LIFE: Millis = 10 * 60 * 1000;

pub(crate) struct Device {
    client_id: String,
    scope: String,
    device_code: String,
    issued: Millis,
    last_poll: Option<Millis>,
    answer: DeviceAnswer,
}

/// What has become of what the person was asked.
pub(crate) enum DeviceAnswer {
    Pending,
    Approved { user_id: String },
    Refused { error: String, description: String },
}

/// The two codes.
pub(crate) struct DeviceCodes {
    pub(crate) device_code: String,
    pub(crate) user_code: String,
    /// Seconds to wait between polls.
    pub(crate) interval: u64,
}

/// Why a poll brings no tokens.
pub(crate) struct PollRefused {
    pub(crate) error: String,
    pub(crate) description: String,
}

impl From<OauthError> for PollRefused {
    fn from(refused: OauthError) -> Self {
        Self { error: refused.error.to_owned(), description: refused.description.to_owned() }
    }
}

impl World {
    /// Begins a flow for an app.
    pub(crate) fn begin_device(
        &mut self,
        now: Millis,
        client_id: &str,
        scope: Option<&str>,
    ) -> Result<DeviceCodes, OauthError> {
        let app = self.apps.get(client_id).ok_or(OauthError::UNKNOWN_CLIENT)?;
        if !app.options.device_flow {
            return Err(OauthError::UNSUPPORTED_GRANT);
        }
        let scope = app.grant_scopes(scope)?;
        let interval = app.options.device_interval.as_secs();
        let (device_code, user_code) = (format!("M3{}==", ids::random_text(40)), ids::user_code());
        self.secrets.push(device_code.clone());
        let device = Device {
            client_id: client_id.to_owned(),
            scope,
            device_code: device_code.clone(),
            issued: now,
            last_poll: None,
            answer: DeviceAnswer::Pending,
        };
        self.devices.insert(user_code.clone(), device);
        Ok(DeviceCodes { device_code, user_code, interval })
    }

    /// What the person who types a code is asked; `None` for a code that is unknown, old or used.
    pub(crate) fn device_ask(&self, now: Millis, user_code: &str) -> Option<Ask> {
        let device = self.devices.get(user_code)?;
        let waits = matches!(device.answer, DeviceAnswer::Pending) && now.saturating_sub(device.issued) < LIFE;
        waits.then(|| Ask {
            client_id: device.client_id.clone(),
            scope: device.scope.clone(),
            purpose: Purpose::Device { user_code: user_code.to_owned() },
        })
    }

    /// Writes down what the person answered.
    pub(crate) fn answer_device(&mut self, user_code: &str, answer: DeviceAnswer) {
        if let Some(device) = self.devices.get_mut(user_code) {
            device.answer = answer;
        }
    }

    /// One poll. A refusal other than to wait, and the tokens, are given once.
    pub(crate) fn poll_device(
        &mut self,
        now: Millis,
        site: &Site,
        client_id: &str,
        code: &str,
    ) -> Result<Tokens, PollRefused> {
        let known = |(_, device): &(&String, &mut Device)| device.device_code == code && device.client_id == client_id;
        let (user_code, device) = self.devices.iter_mut().find(known).ok_or(OauthError::DEAD_CODE)?;
        let user_code = user_code.clone();
        let last = device.last_poll.replace(now);
        let interval = self.apps[client_id].options.device_interval;
        if now.saturating_sub(device.issued) >= LIFE {
            self.devices.remove(&user_code);
            return Err(OauthError::DEAD_CODE.into());
        }
        if last.is_some_and(|last| now.saturating_sub(last) < millis(interval)) {
            return Err(OauthError::SLOW_DOWN.into());
        }
        if matches!(device.answer, DeviceAnswer::Pending) {
            return Err(OauthError::PENDING.into());
        }
        let Some(device) = self.devices.remove(&user_code) else { return Err(OauthError::DEAD_CODE.into()) };
        match device.answer {
            DeviceAnswer::Approved { user_id } if self.serves(site, &self.users[&user_id].org_id) => {
                Ok(self.approve(now, client_id, &user_id, &device.scope))
            }
            DeviceAnswer::Refused { error, description } => Err(PollRefused { error, description }),
            DeviceAnswer::Approved { .. } | DeviceAnswer::Pending => Err(OauthError::DEAD_CODE.into()),
        }
    }
}
