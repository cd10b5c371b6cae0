//! Prometheus' text form, read strictly: a line that is not exactly as the format says fails the test.

/// One sample.
#[derive(Debug)]
pub struct Series {
    pub name: String,
    pub labels: Vec<(String, String)>,
    pub value: f64,
}

/// Reads `name{label="value",...} value`.
pub fn series(line: &str) -> Series {
    let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no value: {line}"));
    let (name, labels) = match series.split_once('{') {
        None => (series, ""),
        Some((name, rest)) => (name, rest.strip_suffix('}').unwrap_or_else(|| panic!("no end: {line}"))),
    };
    assert!(is_name(name), "{line}");
    let pairs = labels.split(',').filter(|pair| !pair.is_empty());
    let labels = pairs.map(|pair| {
        let (label, value) = pair.split_once('=').unwrap_or_else(|| panic!("no label: {line}"));
        let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
        assert!(is_name(label), "{line}");
        (label.to_owned(), value.unwrap_or_else(|| panic!("not quoted: {line}")).to_owned())
    });
    Series { name: name.to_owned(), labels: labels.collect(), value: value.parse().expect("a number") }
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}
