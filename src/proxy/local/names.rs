//! Names by which clients log in, each for one connection: sections `[proxy.logins.NAME]` and `[proxy.applink.NAME]`.

use std::collections::BTreeMap;

use crate::connection::ConnectionKey;
use crate::settings::Section;

/// Which connection each name stands for.
#[derive(Clone, Debug, Default)]
pub struct Names(BTreeMap<String, ConnectionKey>);

impl Names {
    /// Takes the sections below `key`, such as `logins`, of `[proxy]`.
    pub(in crate::proxy) fn read(section: &mut Section<'_>, key: &'static str) -> Self {
        let Some(table) = section.take_table(key) else { return Self::default() };
        let mut names = BTreeMap::new();
        let mut all = section.sub(key, table);
        for (name, table) in all.take_tables() {
            if let Some(connection) = connection(all.sub(&name, table)) {
                names.insert(name, connection);
            }
        }
        Self(names)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The connection that a name stands for.
    pub fn get(&self, name: &str) -> Option<&ConnectionKey> {
        self.0.get(name)
    }
}

fn connection(mut section: Section<'_>) -> Option<ConnectionKey> {
    let (tenant, user) = (section.text("tenant"), section.text("user"));
    let key = match &tenant {
        Some(tenant) => ConnectionKey::parse(tenant, user.as_deref())
            .map_err(|error| section.fault("tenant", format_args!("or user {error}")))
            .ok(),
        None => {
            section.fault("tenant", "is missing: it says whose connection the name stands for");
            None
        }
    };
    section.finish();
    key
}
