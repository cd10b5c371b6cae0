//! The snippets of `docs/clients.md` are the very files that the clients' tests run.

use std::fs;
use std::path::{Path, PathBuf};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Every snippet below a folder, and none of what was installed.
fn snippets(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let (folders, files): (Vec<_>, Vec<_>) =
        entries.filter(|path| !path.ends_with("node_modules")).partition(|path| path.is_dir());
    let is_snippet = |file: &PathBuf| file.file_stem().is_some_and(|name| name == "snippet" || name == "without_tls");
    files.into_iter().filter(is_snippet).chain(folders.iter().flat_map(|folder| snippets(folder))).collect()
}

#[test]
fn the_page_of_clients_shows_every_snippet_as_it_is_tested() {
    let page = fs::read_to_string(Path::new(ROOT).join("docs/clients.md")).unwrap();
    let snippets = snippets(&Path::new(ROOT).join("tests/clients"));
    assert!(snippets.len() >= 12, "{snippets:?}");
    for snippet in &snippets {
        let language = match snippet.extension().unwrap().to_str().unwrap() {
            "py" => "python",
            "mjs" => "js",
            "rs" => "rust",
            other => other,
        };
        let block = format!("```{language}\n{}```\n", fs::read_to_string(snippet).unwrap());
        assert!(page.contains(&block), "{} is not in docs/clients.md as it stands", snippet.display());
    }
}

#[test]
fn the_page_of_clients_names_the_versions_that_are_tested() {
    let read = |path: &str| fs::read_to_string(Path::new(ROOT).join(path)).unwrap();
    let (page, requirements) = (read("docs/clients.md"), read("tests/clients/requirements.txt"));
    let python = requirements.lines().filter_map(|line| line.split_once("=="));
    let mut versions: Vec<(String, String)> =
        python.map(|(name, version)| (name.to_owned(), version.to_owned())).collect();
    for list in ["tests/clients/package.json", "tests/clients/large/package.json"] {
        let list: serde_json::Value = serde_json::from_str(&read(list)).unwrap();
        let listed = list["dependencies"].as_object().unwrap().iter();
        versions.extend(listed.map(|(name, version)| (name.clone(), version.as_str().unwrap().to_owned())));
    }
    let rustforce = read("tests/clients/rustforce/Cargo.toml");
    let exact = rustforce.lines().filter_map(|line| line.strip_suffix('"')?.split_once(" = \"="));
    versions.extend(exact.map(|(name, version)| (name.to_owned(), version.to_owned())));
    let named = page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` | "));
    let named = named.map(|(name, rest)| (name, rest.split(" |").next().unwrap()));
    let named: Vec<_> = named.filter(|(_, version)| version.starts_with(|c: char| c.is_ascii_digit())).collect();
    assert!(named.len() >= 10, "{named:?}");
    for (name, version) in named {
        let tested = versions.iter().find(|(known, _)| known == name);
        assert_eq!(tested.map(|(_, version)| version.as_str()), Some(version), "{name}");
    }
}
