//! What a query demands of a record.

use std::cmp::Ordering;

use crate::state::objects::{Fields, text};

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Condition {
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Not(Box<Condition>),
    /// A literal of `None` is `null`.
    Compared {
        field: String,
        by: Comparison,
        literal: Option<String>,
    },
    OneOf {
        field: String,
        literals: Vec<Option<String>>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    Unequal,
    Less,
    AtMost,
    More,
    AtLeast,
    Like,
}

impl Condition {
    pub(super) fn admits(&self, record: &Fields) -> bool {
        match self {
            Self::All(all) => all.iter().all(|condition| condition.admits(record)),
            Self::Any(any) => any.iter().any(|condition| condition.admits(record)),
            Self::Not(condition) => !condition.admits(record),
            Self::Compared { field, by, literal } => by.holds(value(record, field).as_deref(), literal.as_deref()),
            Self::OneOf { field, literals } => {
                let value = value(record, field);
                literals.iter().any(|literal| Comparison::Equal.holds(value.as_deref(), literal.as_deref()))
            }
        }
    }
}

impl Comparison {
    fn holds(self, value: Option<&str>, literal: Option<&str>) -> bool {
        let equal = match (value, literal) {
            (None, None) => true,
            (Some(value), Some(literal)) => value.eq_ignore_ascii_case(literal),
            _ => false,
        };
        match self {
            Self::Equal => equal,
            Self::Unequal => !equal,
            _ => {
                let (Some(value), Some(literal)) = (value, literal) else {
                    return false;
                };
                let order = compare(value, literal);
                match self {
                    Self::Less => order == Ordering::Less,
                    Self::AtMost => order != Ordering::Greater,
                    Self::More => order == Ordering::Greater,
                    Self::AtLeast => order != Ordering::Less,
                    _ => is_like(&value.to_lowercase(), &literal.to_lowercase()),
                }
            }
        }
    }
}

/// By number if both are numbers, else by letters.
pub(super) fn compare(one: &str, other: &str) -> Ordering {
    let numbers = one.parse::<f64>().ok().zip(other.parse::<f64>().ok());
    let by_number = numbers.and_then(|(one, other)| one.partial_cmp(&other));
    by_number.unwrap_or_else(|| one.to_lowercase().cmp(&other.to_lowercase()))
}

/// A field's value as text; `None` if it is empty.
pub(super) fn value(record: &Fields, field: &str) -> Option<String> {
    record.get(field).filter(|value| !value.is_null()).map(text)
}

/// Whether a text fits a pattern, in which `%` is anything and `_` any letter.
fn is_like(text: &str, pattern: &str) -> bool {
    let mut letters = pattern.chars();
    match letters.next() {
        None => text.is_empty(),
        Some('%') => {
            let rest = letters.as_str();
            is_like(text, rest)
                || text.char_indices().any(|(at, letter)| is_like(&text[at + letter.len_utf8()..], rest))
        }
        Some(wanted) => {
            let mut left = text.chars();
            left.next().is_some_and(|letter| wanted == '_' || letter == wanted)
                && is_like(left.as_str(), letters.as_str())
        }
    }
}
