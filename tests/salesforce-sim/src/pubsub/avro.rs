//! Events as Avro: a record of a date, a text, and fields that may be null. No more of Avro is needed.

use bytes::{Buf, BufMut};
use serde_json::Value;

use crate::events::{Event, FieldType, Schema};
use crate::state::objects::{Fields, text};

/// The places of null and of a value in the union that a field is.
const NULL: i64 = 0;
const VALUE: i64 = 1;

pub(super) fn encode(schema: &Schema, event: &Event) -> Vec<u8> {
    let mut record = Vec::new();
    put_long(&mut record, i64::try_from(event.created).unwrap_or(i64::MAX));
    put_text(&mut record, &event.created_by);
    for (name, holds) in &schema.fields {
        let value = event.fields.get(name).unwrap_or(&Value::Null);
        put_field(&mut record, *holds, value);
    }
    record
}

/// The fields of a record; `None` if it is none of this schema. What it says of its creation is not believed.
pub(super) fn decode(schema: &Schema, mut record: &[u8]) -> Option<Fields> {
    let record = &mut record;
    take_long(record)?;
    take_text(record)?;
    let mut fields = Fields::new();
    for (name, holds) in &schema.fields {
        let value = match take_long(record)? {
            NULL => Value::Null,
            VALUE => match holds {
                FieldType::Text => take_text(record)?.into(),
                FieldType::Number => record.try_get_f64_le().ok()?.into(),
                FieldType::Checkbox => Value::Bool(record.try_get_u8().ok()? == 1),
            },
            _ => return None,
        };
        fields.insert(name.clone(), value);
    }
    record.is_empty().then_some(fields)
}

fn put_field(record: &mut Vec<u8>, holds: FieldType, value: &Value) {
    match (holds, value) {
        (FieldType::Number, Value::Number(number)) => {
            put_long(record, VALUE);
            record.put_f64_le(number.as_f64().unwrap_or_default());
        }
        (FieldType::Checkbox, Value::Bool(is_checked)) => {
            put_long(record, VALUE);
            record.put_u8(u8::from(*is_checked));
        }
        (FieldType::Text, value) if !value.is_null() => {
            put_long(record, VALUE);
            put_text(record, &text(value));
        }
        _ => put_long(record, NULL),
    }
}

fn put_text(record: &mut Vec<u8>, text: &str) {
    put_long(record, i64::try_from(text.len()).unwrap_or_default());
    record.extend_from_slice(text.as_bytes());
}

/// Seven bits a byte, the lowest first; small numbers of either sign are short.
fn put_long(record: &mut Vec<u8>, number: i64) {
    let mut left = ((number << 1) ^ (number >> 63)).cast_unsigned();
    while left >= 0x80 {
        record.push((left & 0x7f) as u8 | 0x80);
        left >>= 7;
    }
    record.push(left as u8);
}

fn take_text(record: &mut &[u8]) -> Option<String> {
    let length = usize::try_from(take_long(record)?).ok()?;
    let (text, rest) = record.split_at_checked(length)?;
    *record = rest;
    String::from_utf8(text.to_vec()).ok()
}

fn take_long(record: &mut &[u8]) -> Option<i64> {
    let mut number: u64 = 0;
    for place in 0..10 {
        let byte = record.try_get_u8().ok()?;
        number |= u64::from(byte & 0x7f) << (7 * place);
        if byte < 0x80 {
            return Some((number >> 1).cast_signed() ^ -(number & 1).cast_signed());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_avro_has_them() {
        for (number, bytes) in [(0, vec![0]), (-1, vec![1]), (1, vec![2]), (-64, vec![0x7f]), (64, vec![0x80, 1])] {
            let mut written = Vec::new();
            put_long(&mut written, number);
            assert_eq!(written, bytes, "{number}");
        }
        for number in [i64::MIN, i64::MAX, 1_695_585_337_000] {
            let mut written = Vec::new();
            put_long(&mut written, number);
            assert_eq!(take_long(&mut written.as_slice()), Some(number));
        }
        assert_eq!(take_long(&mut [0x80; 12].as_slice()), None);
    }
}
