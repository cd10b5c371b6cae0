//! How events come to be published: by the handle that tests hold, and by creating one as a record over REST.

use std::sync::Arc;

use http::StatusCode;
use serde_json::json;

use super::{Channel, Event};
use crate::answer::Answer;
use crate::ids;
use crate::rest::Admitted;
use crate::state::Shared;
use crate::state::objects::{Fields, key_prefix};
use crate::stop::Stop;

/// Who publishes what no user publishes: an id of no user of any org.
const AUTOMATED_PROCESS: &str = "005000000000000AAA";

impl Shared {
    /// Publishes in the name of a user, or of the org's own automation. An event without a name is given one.
    pub(crate) fn publish(
        &self,
        org_id: &str,
        channel: &Channel,
        user_id: Option<&str>,
        uuid: Option<String>,
        fields: Fields,
    ) -> Arc<Event> {
        let now = self.now();
        let created_by = user_id.unwrap_or(AUTOMATED_PROCESS);
        let uuid = uuid.unwrap_or_else(ids::uuid);
        let event = self.world().org_mut(org_id).events.publish(now, channel, created_by, uuid, fields);
        self.held.wake();
        event
    }
}

/// Whether an object is a platform event: its records are published, not stored.
pub(crate) fn is_event(object: &str) -> bool {
    object.ends_with("__e")
}

/// `POST /sobjects/Order__e`. What is called an error there says that all is well.
pub(crate) fn answer(request: &Admitted<'_>, object: &str, fields: Fields) -> Result<Answer, Stop> {
    let channel = Channel::parse(&format!("/event/{object}")).ok_or_else(|| request.not_found())?;
    let prefix = key_prefix(object).ok_or_else(|| request.not_found())?;
    let shared = &request.call.shared;
    let id = shared.world().ids.next(prefix);
    let event = shared.publish(request.org_id, &channel, Some(&request.user.user_id), None, fields);
    let enqueued = json!({"statusCode": "OPERATION_ENQUEUED", "message": event.uuid, "fields": []});
    Ok(Answer::json(StatusCode::CREATED, &json!({"id": id, "success": true, "errors": [enqueued]})))
}
