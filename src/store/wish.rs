//! Wishes, and their text form, one canonical text for each: `CONNECTION next GENERATION IDLE` or `CONNECTION check
//! GENERATION`, where `-` stands for what is not known. Whoever may ask may write anything into the store, so a text is
//! bounded, and read strictly.

use crate::connection::{ConnectionKey, Epoch, Generation, MAX_NAME_BYTES};

/// Two names with every byte escaped, the dot between them, and room for the rest.
const MAX_BYTES: usize = 2 * 3 * MAX_NAME_BYTES + 1 + 80;

/// Stands for what is not known.
const NONE: &str = "-";

/// What a process without grant keys asks of the hubs. Equal wishes are one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Wish {
    /// For which connection.
    pub key: ConnectionKey,
    /// What is needed.
    pub need: Need,
}

/// What is needed of a hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Need {
    /// The generation after `refused`, or any if there is none yet. Fulfilled once the connection has one.
    Next {
        /// The generation that an org has refused.
        refused: Option<Generation>,
        /// For how long it had been idle when it was refused, in whole seconds: what the asker has learned of its life.
        idle: Option<u32>,
    },
    /// A look at this generation, which an org refused within a second of its being stored: is it good for nothing?
    Check(Generation),
}

impl Wish {
    /// The wish as stored.
    pub(super) fn to_text(&self) -> String {
        let key = self.key.encode();
        match self.need {
            Need::Next { refused, idle } => format!("{key} next {} {}", or_none(refused), or_none(idle)),
            Need::Check(generation) => format!("{key} check {generation}"),
        }
    }

    /// Reads what [`Wish::to_text`] wrote; anything else is no wish.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        if text.len() > MAX_BYTES {
            return None;
        }
        let text = std::str::from_utf8(text).ok()?;
        let parts: Vec<&str> = text.split(' ').collect();
        let (key, need) = match parts[..] {
            [key, "next", refused, idle] => {
                let idle = if idle == NONE { None } else { Some(idle.parse().ok()?) };
                let refused = if refused == NONE { None } else { Some(generation(refused)?) };
                (key, Need::Next { refused, idle })
            }
            [key, "check", refused] => (key, Need::Check(generation(refused)?)),
            _ => return None,
        };
        let wish = Self { key: ConnectionKey::decode(key)?, need };
        // Signs and leading zeros would make two texts of one wish, and the second could not be withdrawn.
        (wish.to_text() == text).then_some(wish)
    }
}

fn or_none(value: Option<impl ToString>) -> String {
    value.map_or_else(|| NONE.to_owned(), |value| value.to_string())
}

fn generation(text: &str) -> Option<Generation> {
    let (epoch, number) = text.split_once('.')?;
    Some(Generation { epoch: Epoch::try_from(epoch.to_owned()).ok()?, number: number.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_generation() -> impl Strategy<Value = Generation> {
        (any::<u64>(), any::<u64>())
            .prop_map(|(epoch, number)| Generation { epoch: Epoch::try_from(format!("{epoch:016x}")).unwrap(), number })
    }

    fn any_need() -> impl Strategy<Value = Need> {
        prop_oneof![
            (proptest::option::of(any_generation()), proptest::option::of(any::<u32>()))
                .prop_map(|(refused, idle)| Need::Next { refused, idle }),
            any_generation().prop_map(Need::Check),
        ]
    }

    #[test]
    fn what_is_not_written_exactly_so_is_no_wish() {
        const GENERATION: &str = "00000000000000ff.3";
        for text in [
            String::new(),
            "acme".into(),
            "acme next - - -".into(),
            "acme next - ".into(),
            "acme next  -".into(),
            "acme next - +1".into(),
            "acme next - 01".into(),
            "acme next - 4294967296".into(),
            "acme next ff.3 -".into(),
            format!("acme next {GENERATION}.1 -"),
            format!("acme check {}", GENERATION.to_uppercase()),
            "acme check -".into(),
            format!("acme  check {GENERATION}"),
            format!("ac-me check {GENERATION}"),
            format!("acme check {GENERATION}\n"),
            format!("{} check {GENERATION}", "a".repeat(MAX_BYTES)),
        ] {
            assert_eq!(Wish::parse(text.as_bytes()), None, "{text:?}");
        }
        assert_eq!(Wish::parse(b"\xff next - -"), None);
        assert!(Wish::parse(format!("acme.u_2D17 check {GENERATION}").as_bytes()).is_some());
    }

    proptest! {
        #[test]
        fn every_wish_survives_its_text(
            tenant in "[!-~]{1,128}", user in proptest::option::of("[!-~]{1,128}"), need in any_need()
        ) {
            let wish = Wish { key: ConnectionKey::parse(&tenant, user.as_deref()).unwrap(), need };
            prop_assert_eq!(Wish::parse(wish.to_text().as_bytes()), Some(wish));
        }

        #[test]
        fn two_texts_are_never_one_wish(
            text in "[a_.2D]{1,6} (next|check|-) [0f.+-]{1,18}( [0-9+-]{1,4})?",
            noise in proptest::collection::vec(any::<u8>(), 0..64)
        ) {
            for bytes in [text.as_bytes(), &noise] {
                if let Some(wish) = Wish::parse(bytes) {
                    prop_assert_eq!(wish.to_text().into_bytes(), bytes);
                }
            }
        }
    }
}
