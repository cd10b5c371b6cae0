//! What the program says of itself: events on standard error, beside the access log. Nothing on the path of a call that
//! goes well is an event.

use std::str::FromStr;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::access_log::Format;
use crate::settings::Section;

/// Settings of the log.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The form of access log and events.
    pub format: Format,
    /// Whether each call gets a line.
    pub access: bool,
    /// Which events are written: a level such as `info`, or directives such as `orgpass=debug`.
    pub level: String,
}

impl Settings {
    /// Takes the keys of `[log]`.
    pub fn read(mut section: Section<'_>) -> Self {
        let settings = Self {
            format: section.parsed_or("format", Format::Json),
            access: section.flag_or("access", true),
            level: section.text("level").unwrap_or_else(|| "info".to_owned()),
        };
        if !is_filter(&settings.level) {
            section.fault("level", "must be error, warn, info, debug or trace, or directives such as orgpass=debug");
        }
        section.finish();
        settings
    }
}

/// A bare word is a level: the filter's own parser would take any other for the name of a part of the program.
fn is_filter(text: &str) -> bool {
    let words = text.split(',').map(str::trim);
    let known = words.clone().all(|word| word.contains('=') || LevelFilter::from_str(word).is_ok());
    known && EnvFilter::try_new(text).is_ok()
}

/// Sends events to `writer` from here on. Does nothing if somebody else has done so already, as in tests.
pub fn init<W>(settings: &Settings, writer: W)
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let filter = EnvFilter::try_new(&settings.level).unwrap_or_else(|_| EnvFilter::new("info"));
    let events = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer).with_target(false);
    // Whoever came first keeps the events.
    let _ = match settings.format {
        Format::Json => events.json().flatten_event(true).try_init(),
        Format::Text => events.with_ansi(false).try_init(),
    };
}
