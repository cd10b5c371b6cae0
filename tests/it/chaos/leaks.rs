//! Searching megabytes of logs for thousands of secrets at once.

use std::collections::HashMap;

/// Of each needle so many bytes at its end are looked up: enough to be its own.
const TAIL: usize = 12;

/// Looks for any of many needles.
pub struct Search<'a> {
    /// By their last bytes.
    tails: HashMap<&'a [u8], Vec<&'a [u8]>>,
    /// Whether a tail ends with these two bytes.
    ends: Vec<bool>,
}

impl<'a> Search<'a> {
    pub fn new(needles: &'a [String]) -> Self {
        let mut search = Self { tails: HashMap::new(), ends: vec![false; 1 << 16] };
        for needle in needles.iter().map(String::as_bytes) {
            let tail = &needle[needle.len().checked_sub(TAIL).expect("a secret is longer")..];
            search.tails.entry(tail).or_default().push(needle);
            search.ends[end(tail)] = true;
        }
        search
    }

    /// Whether `text` contains one of them.
    pub fn finds(&self, text: &[u8]) -> bool {
        (TAIL..=text.len()).any(|to| {
            self.ends[end(&text[..to])]
                && self.tails.get(&text[to - TAIL..to]).into_iter().flatten().any(|needle| text[..to].ends_with(needle))
        })
    }
}

fn end(bytes: &[u8]) -> usize {
    match bytes {
        [.., first, second] => usize::from(*first) << 8 | usize::from(*second),
        _ => 0,
    }
}

#[test]
fn a_search_for_many_finds_each_and_nothing_else() {
    let needles = ["the first of the secrets".to_owned(), "another with the secrets".to_owned()];
    let search = Search::new(&needles);
    for needle in &needles {
        assert!(search.finds(format!("before {needle} after").as_bytes()));
        assert!(search.finds(needle.as_bytes()));
    }
    assert!(!search.finds(b"neither of the secrets, nor with the secrets"));
    assert!(!search.finds(b""));
}
