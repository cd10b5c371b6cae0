//! The slots of a Cluster: which one a key belongs to, and which node has it.

use redis::Value;

use super::connect::Address;

/// How many slots a Cluster has.
const SLOTS: u16 = 16_384;

/// The slot of a key: CRC-16/XMODEM of its hash tag, or of the whole key.
pub(super) fn slot_of(key: &str) -> u16 {
    let tag = key.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map(|(tag, _)| tag);
    crc16(tag.filter(|tag| !tag.is_empty()).unwrap_or(key).as_bytes()) % SLOTS
}

fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(
            crc ^ (u16::from(*byte) << 8),
            |crc, _| {
                if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 }
            },
        )
    })
}

/// Which master has which slots.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Slots(Vec<(u16, u16, Address)>);

impl Slots {
    /// Reads the answer to `CLUSTER SLOTS`. A node that does not know its own host is at `asked`, as seen from here.
    pub(super) fn parse(answer: &Value, asked: &str) -> Option<Self> {
        let mut slots = Vec::new();
        for range in array(answer)? {
            let [Value::Int(first), Value::Int(last), master, ..] = array(range)? else { return None };
            let [host, Value::Int(port), ..] = array(master)? else { return None };
            let host = match text(host) {
                Some(host) if !host.is_empty() && host != "?" => host,
                _ => asked,
            };
            let address = Address { host: host.to_owned(), port: u16::try_from(*port).ok()? };
            slots.push((u16::try_from(*first).ok()?, u16::try_from(*last).ok()?, address));
        }
        slots.sort_by_key(|(first, ..)| *first);
        (!slots.is_empty()).then_some(Self(slots))
    }

    /// Who has a slot; nobody does while the Cluster is incomplete.
    pub(super) fn owner(&self, slot: u16) -> Option<&Address> {
        let behind = self.0.partition_point(|(first, ..)| *first <= slot);
        let (_, last, owner) = self.0.get(behind.checked_sub(1)?)?;
        (slot <= *last).then_some(owner)
    }

    /// Every master, once.
    pub(super) fn masters(&self) -> Vec<&Address> {
        let mut masters = Vec::new();
        for (.., master) in &self.0 {
            if !masters.contains(&master) {
                masters.push(master);
            }
        }
        masters
    }
}

fn array(value: &Value) -> Option<&[Value]> {
    match value {
        Value::Array(values) => Some(values),
        _ => None,
    }
}

fn text(value: &Value) -> Option<&str> {
    match value {
        Value::BulkString(bytes) => std::str::from_utf8(bytes).ok(),
        Value::SimpleString(text) => Some(text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_the_slots_that_redis_gives_them() {
        // As `CLUSTER KEYSLOT` answers.
        for (key, slot) in [("", 0), ("foo", 12182), ("123456789", 12739), ("{}foo", 9500), ("a{foo}b", 12182)] {
            assert_eq!(slot_of(key), slot, "{key}");
        }
        assert_eq!(slot_of("orgpass:hub"), slot_of("orgpass:leader:{orgpass:hub}"));
    }

    #[test]
    fn an_answer_says_who_has_which_slot() {
        let bulk = |text: &str| Value::BulkString(text.as_bytes().to_vec());
        let node = |host: Value, port| Value::Array(vec![host, Value::Int(port), bulk("id"), Value::Array(vec![])]);
        let range = |first, last, master: Value| {
            Value::Array(vec![Value::Int(first), Value::Int(last), master, node(bulk("replica"), 1)])
        };
        let answer = Value::Array(vec![
            range(100, 199, node(bulk("b"), 2)),
            range(0, 99, node(Value::Nil, 1)),
            range(300, 16383, node(bulk("b"), 2)),
        ]);
        let slots = Slots::parse(&answer, "asked").unwrap();
        let at = |host: &str, port| Address { host: host.to_owned(), port };
        let (a, b) = (at("asked", 1), at("b", 2));
        for (slot, owner) in
            [(0, Some(&a)), (99, Some(&a)), (100, Some(&b)), (199, Some(&b)), (250, None), (16383, Some(&b))]
        {
            assert_eq!(slots.owner(slot), owner, "{slot}");
        }
        assert_eq!(slots.masters(), [&a, &b]);
        for nothing in [Value::Nil, Value::Array(vec![]), Value::Array(vec![Value::Array(vec![Value::Int(0)])])] {
            assert_eq!(Slots::parse(&nothing, "asked"), None);
        }
    }
}
