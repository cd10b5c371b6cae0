//! What can be subscribed to, by name. Every well-formed name exists, as every custom object does.

use std::fmt;

/// A channel of an org.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Channel {
    /// `/event/Order__e`: a platform event, by its API name.
    Platform(String),
    /// `/topic/Accounts`: a PushTopic.
    Topic(String),
}

impl Channel {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (kind, name) = text.strip_prefix('/')?.split_once('/')?;
        let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        match kind {
            "event" if is_name && name.ends_with("__e") => Some(Self::Platform(name.to_owned())),
            "topic" if is_name => Some(Self::Topic(name.to_owned())),
            _ => None,
        }
    }

    /// The channel on which the records of an object are published, if they are.
    pub(crate) fn of(object: &str) -> Option<Self> {
        Self::parse(&format!("/event/{object}"))
    }

    /// The API name of a platform event.
    pub(crate) fn event_type(&self) -> Option<&str> {
        match self {
            Self::Platform(name) => Some(name),
            Self::Topic(_) => None,
        }
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Platform(name) => write!(f, "/event/{name}"),
            Self::Topic(name) => write!(f, "/topic/{name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_is_a_platform_event_or_a_topic() {
        for name in ["/event/Order__e", "/topic/Accounts"] {
            assert_eq!(Channel::parse(name).unwrap().to_string(), name);
        }
        for name in
            ["/event/Order", "event/Order__e", "/topic/", "/topic/*", "/topic/a/b", "/meta/connect", "/u/x", "/"]
        {
            assert_eq!(Channel::parse(name), None, "{name}");
        }
    }
}
