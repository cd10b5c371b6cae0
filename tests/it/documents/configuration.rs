//! Every configuration that the documentation shows is one that the program reads.

use std::fs;
use std::path::{Path, PathBuf};

use orgpass::config::Config;
use orgpass::vault::new_key_line;
use toml::{Table, Value};

/// Every Markdown file that people read.
pub(super) fn pages() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = ["", "docs", "benches/compare", "deploy/salesforce", "examples", "helm/orgpass"];
    let files = folders.into_iter().flat_map(|folder| fs::read_dir(root.join(folder)).unwrap());
    files.map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some_and(|end| end == "md")).collect()
}

/// The blocks of one language in a page.
fn blocks(page: &str, language: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut lines = page.lines();
    while lines.any(|line| line.trim() == format!("```{language}")) {
        blocks.push(lines.by_ref().take_while(|line| line.trim() != "```").collect::<Vec<_>>().join("\n"));
    }
    blocks
}

/// Reads a configuration as shown, in a folder where every file that it names is there, and with what every
/// configuration must have added where it shows only a part.
fn read(shown: &str) -> Result<Config, String> {
    let folder = tempfile::tempdir().unwrap();
    let mut table: Table = shown.parse().map_err(|error| format!("{error}"))?;
    let needed = "[vault]\nsession_keys_file = \"s\"\ngrant_keys_file = \"g\"\n[apps.default]\nclient_id = \"c\"";
    for (section, keys) in needed.parse::<Table>().unwrap() {
        table.entry(section).or_insert(keys);
    }
    let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    provide(&mut table, folder.path(), &certified);
    if !orgpass::traces::ARE_BUILT_IN {
        table.remove("traces");
    }
    Config::from_toml(&table.to_string(), folder.path()).map_err(|faults| faults.to_string())
}

/// Makes each file that a key names, under its last name in `folder`.
fn provide(table: &mut Table, folder: &Path, certified: &rcgen::CertifiedKey<rcgen::KeyPair>) {
    for (key, value) in table.iter_mut() {
        match value {
            Value::Table(inner) => provide(inner, folder, certified),
            Value::String(path) if key.ends_with("_file") => {
                let name = Path::new(path.as_str()).file_name().unwrap().to_str().unwrap().to_owned();
                let content = match key.as_str() {
                    "ca_file" | "tls_certificate_file" | "client_cert_file" => certified.cert.pem(),
                    "tls_private_key_file" | "client_key_file" => certified.signing_key.serialize_pem(),
                    "private_key_file" => salesforce_sim::AppKey::first().private_key.to_owned(),
                    "api_tokens_file" => format!("backend {}", "x".repeat(32)),
                    "headers_file" => "Authorization: Bearer key".to_owned(),
                    key if key.ends_with("credentials_file") => "user:password".to_owned(),
                    "secret_file" => crate::delivering::SECRET.to_owned(),
                    key if key.contains("keys") => new_key_line().to_string(),
                    _ => "a secret".to_owned(),
                };
                fs::write(folder.join(&name), content).unwrap();
                *path = name;
            }
            _ => {}
        }
    }
}

#[test]
fn every_configuration_that_is_shown_is_one() {
    for page in pages() {
        for block in blocks(&fs::read_to_string(&page).unwrap(), "toml") {
            if let Err(fault) = read(&block) {
                panic!("{}: {fault}\n{block}", page.display());
            }
        }
    }
}

#[test]
fn a_configuration_that_is_none_is_found() {
    let page = "# Title\n```sh\nx\n```\n```toml\n[proxy]\nlisten = \"0.0.0.0:8180\"\n```\ntext\n```toml\n[prxy]\n```\n";
    let blocks = blocks(page, "toml");
    assert_eq!(blocks.len(), 2);
    for (block, says) in blocks.iter().zip(["loopback", "prxy"]) {
        assert!(read(block).unwrap_err().contains(says));
    }
    read("[store]\nurl = \"rediss://redis.example.com\"\nca_file = \"/etc/ssl/redis.pem\"").unwrap();
}
