//! How events come to be published: by the handle that tests hold, and by creating one as a record over any API.

use std::sync::Arc;

use http::StatusCode;
use serde_json::json;

use super::{Channel, Event};
use crate::answer::Answer;
use crate::ids;
use crate::rest::Admitted;
use crate::state::objects::Fields;
use crate::state::{Shared, World};

/// Who publishes what no user publishes: an id of no user of any org.
const AUTOMATED_PROCESS: &str = "005000000000000AAA";
/// What ids of the records begin with that events would be.
pub(crate) const KEY_PREFIX: &str = "e00";

impl World {
    /// Publishes in the name of a user, or of the org's own automation. An event without a name is given one. Who
    /// waits for it finds it when it looks again.
    pub(crate) fn publish(
        &mut self,
        org_id: &str,
        channel: &Channel,
        user_id: Option<&str>,
        uuid: Option<String>,
        fields: Fields,
    ) -> Arc<Event> {
        let now = self.clock.now();
        let record_id = self.ids.next(KEY_PREFIX);
        let created_by = user_id.unwrap_or(AUTOMATED_PROCESS);
        let uuid = uuid.unwrap_or_else(ids::uuid);
        self.org_mut(org_id).events.publish(now, channel, created_by, (uuid, record_id), fields)
    }
}

impl Shared {
    /// As [`World::publish`], and wakes who waits for it.
    pub(crate) fn publish(
        &self,
        org_id: &str,
        channel: &Channel,
        user_id: Option<&str>,
        uuid: Option<String>,
        fields: Fields,
    ) -> Arc<Event> {
        let event = self.world().publish(org_id, channel, user_id, uuid, fields);
        self.held.wake();
        event
    }
}

/// Whether an object is a platform event: its records are published, not stored.
pub(crate) fn is_event(object: &str) -> bool {
    object.ends_with("__e")
}

/// `POST /sobjects/Order__e`. What is called an error there says that all is well.
pub(crate) fn answer(request: &Admitted<'_>, channel: &Channel, fields: Fields) -> Answer {
    let event = request.call.shared.publish(request.org_id, channel, Some(&request.user.user_id), None, fields);
    let enqueued = json!({"statusCode": "OPERATION_ENQUEUED", "message": event.uuid, "fields": []});
    Answer::json(StatusCode::CREATED, &json!({"id": event.record_id, "success": true, "errors": [enqueued]}))
}
