//! The messages of the Pub/Sub API, `eventbus.v1.PubSub`. Numbers and names of their fields are the protocol's;
//! tests speak to it with the same types.

pub use prost::Message;

/// What the service is called in the path of a call.
pub const SERVICE: &str = "eventbus.v1.PubSub";

/// Asks for a topic.
#[derive(Clone, PartialEq, Message)]
pub struct TopicRequest {
    /// `/event/NAME__e`.
    #[prost(string, tag = "1")]
    pub topic_name: String,
}

/// What there is to know about a topic.
#[derive(Clone, PartialEq, Message)]
pub struct TopicInfo {
    /// As it was asked for.
    #[prost(string, tag = "1")]
    pub topic_name: String,
    /// The org.
    #[prost(string, tag = "2")]
    pub tenant_guid: String,
    /// Whether the caller may publish there.
    #[prost(bool, tag = "3")]
    pub can_publish: bool,
    /// Whether the caller may subscribe to it.
    #[prost(bool, tag = "4")]
    pub can_subscribe: bool,
    /// The schema that its events have now.
    #[prost(string, tag = "5")]
    pub schema_id: String,
    /// Names this call.
    #[prost(string, tag = "6")]
    pub rpc_id: String,
}

/// Asks for a schema.
#[derive(Clone, PartialEq, Message)]
pub struct SchemaRequest {
    /// Which.
    #[prost(string, tag = "1")]
    pub schema_id: String,
}

/// A schema.
#[derive(Clone, PartialEq, Message)]
pub struct SchemaInfo {
    /// Avro in JSON.
    #[prost(string, tag = "1")]
    pub schema_json: String,
    /// Which it is.
    #[prost(string, tag = "2")]
    pub schema_id: String,
    /// Names this call.
    #[prost(string, tag = "3")]
    pub rpc_id: String,
}

/// An event as its publisher sends it.
#[derive(Clone, PartialEq, Message)]
pub struct ProducerEvent {
    /// The publisher's name for it, or one that the service gave it.
    #[prost(string, tag = "1")]
    pub id: String,
    /// The schema of `payload`.
    #[prost(string, tag = "2")]
    pub schema_id: String,
    /// Avro, without a header.
    #[prost(bytes = "vec", tag = "3")]
    pub payload: Vec<u8>,
}

/// An event as a subscriber gets it.
#[derive(Clone, PartialEq, Message)]
pub struct ConsumerEvent {
    /// What was published.
    #[prost(message, optional, tag = "1")]
    pub event: Option<ProducerEvent>,
    /// Where on the topic it is: eight bytes, the first the highest.
    #[prost(bytes = "vec", tag = "2")]
    pub replay_id: Vec<u8>,
}

/// Where a subscription begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
pub enum ReplayPreset {
    /// With what is published from now on.
    Latest = 0,
    /// With the oldest event that is kept.
    Earliest = 1,
    /// After the event that is named.
    Custom = 2,
}

/// Subscribes, and says how many events more may come.
#[derive(Clone, PartialEq, Message)]
pub struct FetchRequest {
    /// Needed in the first request of a stream.
    #[prost(string, tag = "1")]
    pub topic_name: String,
    /// Read in the first request only.
    #[prost(enumeration = "ReplayPreset", tag = "2")]
    pub replay_preset: i32,
    /// With [`ReplayPreset::Custom`].
    #[prost(bytes = "vec", tag = "3")]
    pub replay_id: Vec<u8>,
    /// How many events more.
    #[prost(int32, tag = "4")]
    pub num_requested: i32,
}

/// Some events, or none as a sign of life.
#[derive(Clone, PartialEq, Message)]
pub struct FetchResponse {
    /// The events, oldest first.
    #[prost(message, repeated, tag = "1")]
    pub events: Vec<ConsumerEvent>,
    /// Where the subscription is now.
    #[prost(bytes = "vec", tag = "2")]
    pub latest_replay_id: Vec<u8>,
    /// Names this call.
    #[prost(string, tag = "3")]
    pub rpc_id: String,
    /// How many events more may still come.
    #[prost(int32, tag = "4")]
    pub pending_num_requested: i32,
}

/// Publishes events.
#[derive(Clone, PartialEq, Message)]
pub struct PublishRequest {
    /// Where; in a stream needed in the first request.
    #[prost(string, tag = "1")]
    pub topic_name: String,
    /// What.
    #[prost(message, repeated, tag = "2")]
    pub events: Vec<ProducerEvent>,
}

/// What became of the events of a [`PublishRequest`], in its order.
#[derive(Clone, PartialEq, Message)]
pub struct PublishResponse {
    /// One for each event.
    #[prost(message, repeated, tag = "1")]
    pub results: Vec<PublishResult>,
    /// The schema that the topic has now.
    #[prost(string, tag = "2")]
    pub schema_id: String,
    /// Names this call.
    #[prost(string, tag = "3")]
    pub rpc_id: String,
}

/// What became of one event.
#[derive(Clone, PartialEq, Message)]
pub struct PublishResult {
    /// Where it is on the topic, if it was published.
    #[prost(bytes = "vec", tag = "1")]
    pub replay_id: Vec<u8>,
    /// Why it was not published.
    #[prost(message, optional, tag = "2")]
    pub error: Option<PublishError>,
    /// The publisher's name for it.
    #[prost(string, tag = "3")]
    pub correlation_key: String,
}

/// `Error` in the protocol.
#[derive(Clone, PartialEq, Message)]
pub struct PublishError {
    /// 1 for an event that cannot be published.
    #[prost(int32, tag = "1")]
    pub code: i32,
    /// In words.
    #[prost(string, tag = "2")]
    pub msg: String,
}
