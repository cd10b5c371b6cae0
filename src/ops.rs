//! Section `[ops]`.

use std::net::SocketAddr;

use crate::settings::Section;

/// Settings of the ops listener.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where it listens.
    pub listen: SocketAddr,
}

impl Settings {
    /// Takes the keys of `[ops]`.
    pub fn read(mut section: Section<'_>) -> Self {
        let settings = Self { listen: section.parsed_or("listen", SocketAddr::from(([127, 0, 0, 1], 8181))) };
        section.finish();
        settings
    }
}
