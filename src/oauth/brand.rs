//! How an app shows itself on the pages of the hub.

use std::str::FromStr;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

/// Most bytes of a logo: it is part of every page.
pub const MAX_LOGO_BYTES: usize = 64 * 1024;
const MAX_NAME_CHARS: usize = 80;

/// Name, logo and colour of an app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Brand {
    /// What people know it by.
    pub name: String,
    /// Its logo.
    pub logo: Option<Logo>,
    /// The colour of its buttons.
    pub accent: Option<Accent>,
}

/// A picture that pages carry within themselves.
#[derive(Clone, PartialEq, Eq)]
pub struct Logo {
    media_type: &'static str,
    bytes: Arc<[u8]>,
}

/// A colour, as `#1a73e8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accent {
    /// Red, green, blue.
    pub rgb: [u8; 3],
}

/// A name that is shown to people: one line of some length.
pub fn parse_display_name(text: &str) -> Result<String, &'static str> {
    let text = text.trim();
    let right = (1..=MAX_NAME_CHARS).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    if right { Ok(text.to_owned()) } else { Err("must be one line of 1 to 80 characters") }
}

impl Logo {
    /// Reads a picture; its bytes say what it is. An SVG is shown as a picture only, so that nothing in it runs.
    pub fn parse(bytes: &[u8]) -> Result<Self, &'static str> {
        const FORM: &str = "must be a PNG, JPEG, WebP or SVG picture";
        if bytes.len() > MAX_LOGO_BYTES {
            return Err("must be at most 64 KiB: it is part of every page");
        }
        let is_svg = || {
            let text = std::str::from_utf8(bytes).unwrap_or_default().trim_start_matches('\u{feff}').trim_start();
            (text.starts_with("<svg") || text.starts_with("<?xml")) && text.contains("<svg")
        };
        let media_type = match bytes {
            [0x89, b'P', b'N', b'G', ..] => "image/png",
            [0xff, 0xd8, 0xff, ..] => "image/jpeg",
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => "image/webp",
            _ if is_svg() => "image/svg+xml",
            _ => return Err(FORM),
        };
        Ok(Self { media_type, bytes: bytes.into() })
    }

    /// Reads a `data:` URI with base64. The media type that it names is not believed.
    pub fn parse_data_uri(text: &str) -> Result<Self, &'static str> {
        const FORM: &str = "must be a picture as data:image/png;base64,...";
        let (head, data) = text.strip_prefix("data:").and_then(|rest| rest.split_once(',')).ok_or(FORM)?;
        if !head.ends_with(";base64") {
            return Err(FORM);
        }
        Self::parse(&BASE64.decode(data).map_err(|_| FORM)?)
    }

    /// The picture as a `data:` URI.
    pub fn data_uri(&self) -> String {
        format!("data:{};base64,{}", self.media_type, BASE64.encode(&self.bytes))
    }
}

impl std::fmt::Debug for Logo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} of {} bytes", self.media_type, self.bytes.len())
    }
}

impl FromStr for Accent {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "must be a colour such as \"#1a73e8\"";
        let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6).ok_or(FORM)?;
        let digits = Some(digits).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit())).ok_or(FORM)?;
        let value = u32::from_str_radix(digits, 16).map_err(|_| FORM)?;
        let [_, red, green, blue] = value.to_be_bytes();
        Ok(Self { rgb: [red, green, blue] })
    }
}

impl std::fmt::Display for Accent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [red, green, blue] = self.rgb;
        write!(f, "#{red:02x}{green:02x}{blue:02x}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_logo_is_what_its_bytes_say() {
        let png = [0x89, b'P', b'N', b'G', 13, 10, 26, 10];
        assert!(Logo::parse(&png).unwrap().data_uri().starts_with("data:image/png;base64,iVBORw"));
        let svg = b"<?xml version='1.0'?>\n<svg xmlns='http://www.w3.org/2000/svg'/>";
        assert!(Logo::parse(svg).unwrap().data_uri().starts_with("data:image/svg+xml;base64,"));
        let by_uri = Logo::parse_data_uri("data:text/html;base64,iVBORw0KGgo=").unwrap();
        assert_eq!(by_uri, Logo::parse(&png).unwrap());
        for bad in [b"<html><svg>".as_slice(), b"", b"GIF89a", &[0; MAX_LOGO_BYTES + 1]] {
            assert!(Logo::parse(bad).is_err());
        }
        for bad in ["", "https://x/logo.png", "data:image/png,abc", "data:image/png;base64,?"] {
            assert!(Logo::parse_data_uri(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn colours_and_names_are_checked() {
        assert_eq!("#1a73e8".parse::<Accent>().unwrap().to_string(), "#1a73e8");
        for bad in ["1a73e8", "#1a73e", "#xxxxxx", "red", "#+12345", "#1a73e8;color:red"] {
            assert!(bad.parse::<Accent>().is_err(), "{bad}");
        }
        assert_eq!(parse_display_name(" Acme Reports ").as_deref(), Ok("Acme Reports"));
        for bad in ["", "  ", "two\nlines", &"x".repeat(81)] {
            assert!(parse_display_name(bad).is_err(), "{bad}");
        }
    }
}
