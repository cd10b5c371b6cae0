//! How each API family says that a session is dead. Only its own words count: a 401 alone never does.

use super::{ApiFamily, Verdict};

pub(super) fn judge(_family: ApiFamily, _status: u16, _content_type: Option<&[u8]>, _body: &[u8]) -> Verdict {
    unimplemented!()
}
