//! Section `[hub]`: a process with it is a hub.

use super::Fault;
use crate::hub::Settings;
use crate::settings::Section;

/// Takes the keys of `[hub]`, and says which of them do nothing yet.
pub(super) fn read(section: Section<'_>, warnings: &mut Vec<Fault>) -> Settings {
    let settings = Settings::read(section);
    warnings.extend(settings.without_effect().into_iter().map(|key| Fault {
        key: format!("hub.{key}"),
        message: "has no effect: the hub's pages and API are not in this version, and nothing listens there".to_owned(),
    }));
    settings
}
