//! Section `[tokens]`.

use std::time::Duration;

use super::Limits;
use crate::settings::Section;

/// Settings of the token engine.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Most connections held in memory.
    pub cache_entries: usize,
    /// How long an unknown connection is remembered as unknown.
    pub unknown_for: Duration,
    /// Longest wait of one call for the next generation.
    pub wait: Duration,
    /// First stop of exchanges after a fresh token was refused; doubles up to `cooldown_max`.
    pub cooldown: Duration,
    /// Longest such stop.
    pub cooldown_max: Duration,
    /// Shortest session life that is refreshed ahead; shorter ones are left to the replay.
    pub refresh_ahead_min_life: Duration,
    /// How often last uses are noted in the store.
    pub note_use_every: Duration,
    /// How many exchanges there may be.
    pub limits: Limits,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            cache_entries: 10_000,
            unknown_for: Duration::from_secs(5),
            wait: Duration::from_secs(20),
            cooldown: Duration::from_secs(60),
            cooldown_max: Duration::from_secs(15 * 60),
            refresh_ahead_min_life: Duration::from_secs(60),
            note_use_every: Duration::from_secs(5 * 60),
            limits: Limits { in_flight: 512, per_host: 256, per_hour: 360 },
        }
    }
}

impl Settings {
    /// Takes the keys of `[tokens]`. `proxy.token_wait` is the proxy's key and sets `wait`.
    pub fn read(mut section: Section<'_>) -> Self {
        let default = Self::default();
        let hour = Duration::from_secs(3600);
        let cache_entries = section.integer_or("cache_entries", default.cache_entries as u64, 16..=1_000_000);
        let settings = Self {
            cache_entries: usize::try_from(cache_entries).expect("at most a million"),
            unknown_for: section.duration_or("unknown_for", default.unknown_for, Duration::ZERO..=hour),
            cooldown: section.duration_or("cooldown", default.cooldown, Duration::from_millis(100)..=hour),
            cooldown_max: section.duration_or("cooldown_max", default.cooldown_max, Duration::from_millis(100)..=hour),
            refresh_ahead_min_life: section.duration_or(
                "refresh_ahead_min_life",
                default.refresh_ahead_min_life,
                Duration::from_millis(100)..=hour,
            ),
            note_use_every: section.duration_or(
                "note_use_every",
                default.note_use_every,
                Duration::from_secs(1)..=hour,
            ),
            limits: Limits {
                in_flight: count(&mut section, "max_exchanges", default.limits.in_flight),
                per_host: count(&mut section, "max_exchanges_per_host", default.limits.per_host),
                per_hour: count(&mut section, "max_exchanges_per_hour", default.limits.per_hour),
            },
            ..default
        };
        section.finish();
        settings
    }
}

fn count(section: &mut Section<'_>, key: &'static str, default: u32) -> u32 {
    u32::try_from(section.integer_or(key, u64::from(default), 1..=100_000)).expect("at most a hundred thousand")
}
