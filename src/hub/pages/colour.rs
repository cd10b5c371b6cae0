//! The colours of a page: an app's own accent, made light or dark enough to be read in both schemes (WCAG 2, AA).

use crate::oauth::Accent;

/// Contrast that text needs against what is behind it.
const NEEDED: f64 = 4.5;
const LIGHT: [u8; 3] = [255, 255, 255];
const DARK: [u8; 3] = [0x16, 0x1b, 0x22];
/// Where an app has no colour of its own.
const USUAL: [u8; 3] = [0x0b, 0x5c, 0xd6];

/// An accent for the light scheme and one for the dark, each with the colour of text on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Theme {
    light: ([u8; 3], [u8; 3]),
    dark: ([u8; 3], [u8; 3]),
}

impl Theme {
    pub(super) fn of(accent: Option<Accent>) -> Self {
        let accent = accent.map_or(USUAL, |accent| accent.rgb);
        let light = readable(accent, LIGHT);
        let dark = readable(accent, DARK);
        Self { light: (light, text_on(light)), dark: (dark, text_on(dark)) }
    }

    /// Custom properties for both schemes.
    pub(super) fn css(&self) -> String {
        let scheme = |(accent, text): ([u8; 3], [u8; 3])| format!("--accent:{};--on-accent:{}", hex(accent), hex(text));
        format!(":root{{{}}}@media (prefers-color-scheme:dark){{:root{{{}}}}}", scheme(self.light), scheme(self.dark))
    }
}

/// The colour, moved towards black or white until it can be told from what is behind it.
fn readable(colour: [u8; 3], behind: [u8; 3]) -> [u8; 3] {
    let towards = if luminance(behind) > 0.5 { 0.0 } else { 255.0 };
    let moved = |step: u32| colour.map(|part| mix(part, towards, f64::from(step) / 20.0));
    (0..=20).map(moved).find(|moved| contrast(*moved, behind) >= NEEDED).unwrap_or([128; 3])
}

fn text_on(colour: [u8; 3]) -> [u8; 3] {
    if contrast(colour, LIGHT) >= contrast(colour, DARK) { LIGHT } else { DARK }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between two bytes")]
fn mix(part: u8, towards: f64, share: f64) -> u8 {
    (f64::from(part) + (towards - f64::from(part)) * share).round() as u8
}

fn contrast(one: [u8; 3], other: [u8; 3]) -> f64 {
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

fn luminance(colour: [u8; 3]) -> f64 {
    let [red, green, blue] = colour.map(|part| {
        let part = f64::from(part) / 255.0;
        if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
    });
    0.2126 * red + 0.7152 * green + 0.0722 * blue
}

fn hex([red, green, blue]: [u8; 3]) -> String {
    format!("#{red:02x}{green:02x}{blue:02x}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn whatever_colour_an_app_has_it_can_be_read_in_both_schemes(rgb in any::<[u8; 3]>()) {
            let theme = Theme::of(Some(Accent { rgb }));
            for ((accent, text), behind) in [(theme.light, LIGHT), (theme.dark, DARK)] {
                prop_assert!(contrast(accent, behind) >= NEEDED);
                prop_assert!(contrast(accent, text) >= NEEDED);
            }
        }
    }
}
