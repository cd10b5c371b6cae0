//! Every link from one page to another file of the repository leads somewhere.

use std::fs;
use std::path::Path;

use super::configuration::pages;

/// The targets of the links of a page that lead to no other site.
fn links(page: &str) -> Vec<&str> {
    let targets = page.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    targets.filter(|target| !target.contains("://")).collect()
}

/// The anchors that GitHub gives to a page's headings.
fn anchors(page: &str) -> Vec<String> {
    let mut in_block = false;
    let headings = page.lines().filter(move |line| {
        in_block ^= line.starts_with("```");
        !in_block && line.starts_with('#')
    });
    let anchor = |heading: &str| {
        let kept = heading.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
        kept.chars().filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_')).collect()
    };
    headings.map(anchor).collect()
}

/// What is wrong with a link of the page at `from`.
fn broken(from: &Path, link: &str) -> Option<String> {
    let (file, anchor) = link.split_once('#').map_or((link, None), |(file, anchor)| (file, Some(anchor)));
    let target = if file.is_empty() { from.to_owned() } else { from.parent().unwrap().join(file) };
    if !target.exists() {
        return Some(format!("{}: {link} leads nowhere", from.display()));
    }
    let wanted = anchor?;
    let there = anchors(&fs::read_to_string(&target).unwrap()).iter().any(|known| known == wanted);
    (!there).then(|| format!("{}: {link} names no heading", from.display()))
}

#[test]
fn every_link_leads_somewhere() {
    let mut seen = 0;
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        let links = links(&text);
        seen += links.len();
        let faults: Vec<_> = links.into_iter().filter_map(|link| broken(&page, link)).collect();
        assert!(faults.is_empty(), "{faults:#?}");
    }
    assert!(seen > 20);
}

#[test]
fn a_broken_link_is_found() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    for (link, is_broken) in [
        ("SECURITY.md", false),
        ("nowhere.md", true),
        ("#try-it", false),
        ("docs/guarantees.md#no-such-heading", true),
        ("docs/configuration.md#vault", false),
    ] {
        assert_eq!(broken(&page, link).is_some(), is_broken, "{link}");
    }
}

#[test]
fn the_readme_stays_short() {
    assert!(include_str!("../../../README.md").lines().count() <= 200);
}

#[test]
fn the_table_of_contents_has_every_page() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let contents = fs::read_to_string(folder.join("README.md")).unwrap();
    let listed = links(&contents);
    let pages = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let missing: Vec<_> = pages.filter(|page| page != "README.md" && !listed.contains(&page.as_str())).collect();
    assert!(missing.is_empty(), "docs/README.md lacks {missing:?}");
}
