//! Section `[log]`.

use std::str::FromStr;

use crate::settings::Section;

/// How the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Log {
    /// The form of its lines.
    pub format: Format,
    /// Whether each call gets a line.
    pub access: bool,
    /// The least important events that are still written.
    pub level: Level,
}

impl Log {
    /// Takes the keys of `[log]`.
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let log = Self {
            format: section.parsed_or("format", Format::Json),
            access: section.flag_or("access", true),
            level: section.parsed_or("level", Level::Info),
        };
        section.finish();
        log
    }
}

macro_rules! words {
    ($(#[$doc:meta])* $type:ident: $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)*) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $type {
            $($(#[$variant_doc])* $variant,)*
        }

        impl $type {
            /// The word in the configuration.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }

        impl FromStr for $type {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                match text {
                    $($word => Ok(Self::$variant),)*
                    _ => Err(format!("must be one of {}", [$($word),*].join(", "))),
                }
            }
        }
    };
}

words! {
    /// The form of log lines.
    Format:
    /// One JSON object a line, for programs.
    Json = "json",
    /// Plain text, for people.
    Text = "text",
}

words! {
    /// How important an event is.
    Level:
    /// Something failed and needs a person.
    Error = "error",
    /// Something failed and may heal by itself.
    Warn = "warn",
    /// What an operator may want to know.
    Info = "info",
    /// What a developer of Orgpass may want to know.
    Debug = "debug",
    /// Everything.
    Trace = "trace",
}
