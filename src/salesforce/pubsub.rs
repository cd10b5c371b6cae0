//! The Pub/Sub API: gRPC, at an address of its own for all orgs (its documentation, and the published `pubsub_api.proto`).

/// gRPC's code for a caller who is not known, which is how the API says that a session is dead.
const UNAUTHENTICATED: &[u8] = b"16";
/// Codes of answers that somebody got whom the API knows: `OK`, `INVALID_ARGUMENT`, `NOT_FOUND`, `ALREADY_EXISTS`,
/// `PERMISSION_DENIED`, `FAILED_PRECONDITION`, `ABORTED`, `OUT_OF_RANGE`. Others may come from servers in between.
const ACCEPTED: [&[u8]; 8] = [b"0", b"3", b"5", b"6", b"7", b"9", b"10", b"11"];

/// What a status says of the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// It is dead.
    Dead,
    /// It lives.
    Accepted,
    /// Nothing.
    Nothing,
}

/// What the value of `grpc-status` says of the session.
pub fn said(status: &[u8]) -> Said {
    match status {
        UNAUTHENTICATED => Said::Dead,
        status if ACCEPTED.contains(&status) => Said::Accepted,
        _ => Said::Nothing,
    }
}

/// Whether a method's path is one of those that answer one message with one.
pub fn answers_once(path: &str) -> bool {
    let method = path.rsplit('/').next().unwrap_or_default();
    ["GetTopic", "GetSchema", "Publish"].contains(&method)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_unknown_caller_means_a_dead_session() {
        for code in 0..=20u8 {
            let expected = match code {
                16 => Said::Dead,
                0 | 3 | 5 | 6 | 7 | 9 | 10 | 11 => Said::Accepted,
                _ => Said::Nothing,
            };
            assert_eq!(said(code.to_string().as_bytes()), expected, "{code}");
        }
        assert_eq!(said(b""), Said::Nothing);
    }

    #[test]
    fn a_subscription_is_not_one_answer() {
        for (path, once) in [
            ("/eventbus.v1.PubSub/GetTopic", true),
            ("/eventbus.v1.PubSub/Publish", true),
            ("/eventbus.v1.PubSub/PublishStream", false),
            ("/eventbus.v1.PubSub/Subscribe", false),
            ("/eventbus.v1.PubSub/ManagedSubscribe", false),
            ("/eventbus.v1.PubSub/", false),
        ] {
            assert_eq!(answers_once(path), once, "{path}");
        }
    }
}
