//! Subscribing, unsubscribing and leaving, and how an event looks to a subscriber.

use serde_json::{Value, json};

use super::clients::Cookies;
use super::message::{Message, Refusal};
use super::{Bayeux, Clients};
use crate::calendar::iso;
use crate::events::{Channel, Event};
use crate::state::objects::Fields;

/// Only what is published from now on.
const NEW_EVENTS: i64 = -1;
/// All that is kept.
const ALL_EVENTS: i64 = -2;

impl Bayeux<'_> {
    pub(super) fn subscribe(&self, message: &Message) -> Result<Value, Refusal> {
        let (user, _) = self.user()?;
        let shared = &self.call.shared;
        let now = shared.now();
        let mut world = shared.world();
        let client_id = message.client_id.as_deref();
        let cookies = Cookies::of(self.call);
        world.streaming_client(now, user, client_id, &cookies)?;
        let subscription = message.subscription.as_ref().ok_or(Refusal::NoSubscription)?;
        let mut places = Vec::new();
        for name in subscription.channels() {
            let channel = Channel::parse(name).ok_or_else(|| Refusal::NoChannel(name.clone()))?;
            let events = &mut world.org_mut(self.org_id).events;
            let place = match message.replay_from(name).unwrap_or(NEW_EVENTS) {
                NEW_EVENTS => events.end(now, &channel),
                ALL_EVENTS => 0,
                from => {
                    let place = u64::try_from(from).ok().and_then(|id| events.place(now, &channel, id).ok());
                    place.ok_or(Refusal::NoPlace(from))?
                }
            };
            places.push((channel, place));
        }
        world.streaming_client(now, user, client_id, &cookies)?.read.extend(places);
        drop(world);
        // What is kept is news to a poll that is held.
        shared.held.wake();
        Ok(done(message, Some(subscription.shown())))
    }

    pub(super) fn unsubscribe(&self, message: &Message) -> Result<Value, Refusal> {
        let (user, _) = self.user()?;
        let shared = &self.call.shared;
        let mut world = shared.world();
        let cookies = Cookies::of(self.call);
        let client = world.streaming_client(shared.now(), user, message.client_id.as_deref(), &cookies)?;
        let subscription = message.subscription.as_ref().ok_or(Refusal::NoSubscription)?;
        for channel in subscription.channels().iter().filter_map(|name| Channel::parse(name)) {
            client.read.remove(&channel);
        }
        Ok(done(message, Some(subscription.shown())))
    }

    pub(super) fn disconnect(&self, message: &Message) -> Result<Value, Refusal> {
        let (user, _) = self.user()?;
        let shared = &self.call.shared;
        let mut world = shared.world();
        let client_id = message.client_id.as_deref();
        world.streaming_client(shared.now(), user, client_id, &Cookies::of(self.call))?;
        let clients: &mut Clients = &mut world.org_mut(self.org_id).streaming;
        clients.remove(client_id.unwrap_or_default());
        drop(world);
        shared.held.wake();
        Ok(done(message, None))
    }
}

fn done(message: &Message, subscription: Option<Value>) -> Value {
    let mut reply = message.reply();
    reply["clientId"] = json!(message.client_id);
    if let Some(subscription) = subscription {
        reply["subscription"] = subscription;
    }
    reply
}

/// An event as a message on its channel.
pub(super) fn shown(event: &Event) -> Value {
    let data = match &event.channel {
        Channel::Platform(name) => {
            let mut payload = Fields::new();
            payload.insert("CreatedDate".to_owned(), iso(event.created).into());
            payload.insert("CreatedById".to_owned(), event.created_by.clone().into());
            payload.extend(event.fields.clone());
            let schema = event.schema.as_ref().map(|schema| &schema.id);
            let about = json!({"EventApiName": name, "EventUuid": event.uuid, "replayId": event.replay_id});
            json!({"schema": schema, "payload": payload, "event": about})
        }
        Channel::Topic(_) => {
            let about = json!({"createdDate": iso(event.created), "replayId": event.replay_id, "type": "created"});
            json!({"event": about, "sobject": event.fields})
        }
    };
    json!({"channel": event.channel.to_string(), "data": data})
}
