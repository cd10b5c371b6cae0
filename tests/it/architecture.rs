//! The rules of the source: imports run one way, a third-party crate is named by its owner only, nothing unwraps, files
//! stay small, and credentials are exposed in few places. `ARCHITECTURE.md` says why.

mod rules;
mod source;

use std::fs;
use std::path::Path;

use rules::{COMMON, Module, OWNERS};

/// Most lines of code in a file, without comments and tests.
const MAX_CODE_LINES: usize = 300;

/// Files that are longer, with their bound; do not add to them.
const LONGER: &[(&str, usize)] = &[("token/exchange.rs", 330)];

/// Where credentials are exposed: to seal them, to send them, and to look for them in what comes back.
const EXPOSES: &[&str] = &[
    "management/apps/document.rs",
    "management/document.rs",
    "management/import.rs",
    "management/links/sealed.rs",
    "management/request.rs",
    "oauth/authorization_code.rs",
    "oauth/bearer.rs",
    "oauth/data_cloud.rs",
    "oauth/device.rs",
    "oauth/id_token.rs",
    "oauth/introspect.rs",
    "oauth/private_key.rs",
    "oauth/password.rs",
    "oauth/refresh_token.rs",
    "oauth/revoke.rs",
    "oauth/signature.rs",
    "oauth/token_life.rs",
    "oauth/wire.rs",
    "proxy/authenticate.rs",
    "proxy/soap.rs",
    "proxy/grpc/stream.rs",
    "store/record.rs",
    "store/redis/connect.rs",
    "token/data_cloud.rs",
    "token/own_app.rs",
    "token/sealed.rs",
    "token/session.rs",
    "traces/headers_file.rs",
    "transport/trust.rs",
    "transport/tunnel.rs",
];

/// Every file of `src` outside of tests.
fn modules() -> Vec<Module> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, "", &mut files);
    assert!(files.len() > 50, "the source is where it was looked for");
    let (modules, test_modules): (Vec<Module>, Vec<Vec<String>>) =
        files.iter().map(|(path, source)| Module::read(path, source)).unzip();
    let for_tests: Vec<String> = test_modules.into_iter().flatten().collect();
    let is_for_tests = |module: &Module| {
        let name = module.path.trim_end_matches(".rs");
        for_tests.iter().any(|test| name == test || name.starts_with(&format!("{test}/")))
    };
    modules.into_iter().filter(|module| !is_for_tests(module)).collect()
}

fn collect(folder: &Path, below: &str, files: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let path = if below.is_empty() { name.clone() } else { format!("{below}/{name}") };
        if entry.file_type().unwrap().is_dir() {
            collect(&entry.path(), &path, files);
        } else if name.ends_with(".rs") {
            files.push((path, fs::read_to_string(entry.path()).unwrap()));
        }
    }
}

/// What the rule finds wrong in all files together must be nothing.
fn hold(rule: impl Fn(&Module) -> Vec<String>) {
    let faults: Vec<String> = modules().iter().flat_map(rule).collect();
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

/// What a rule finds wrong in one small file.
fn planted(path: &str, source: &str, rule: impl Fn(&Module) -> Vec<String>) -> Vec<String> {
    rule(&Module::read(path, source).0)
}

#[test]
fn imports_run_one_way() {
    hold(rules::imports);
}

#[test]
fn an_import_against_the_direction_is_found_however_it_is_written() {
    for source in [
        "use crate::proxy::Proxy;",
        "pub(crate) use crate::{connection::Status, proxy};",
        "use crate::{\n    connection::{self, Status},\n    proxy::guard::{self, guard},\n};",
        "use super::super::proxy as p;",
        "fn f() { crate::proxy::f() }",
        "fn f(x: &super::super::proxy::Proxy) {}",
        "use crate::*;",
        "fn f() { let x = '\"'; crate::proxy::f() /* \" */ }",
    ] {
        assert_eq!(planted("store/redis.rs", source, rules::imports).len(), 1, "{source}");
    }
    for source in [
        "use crate::connection::Status; use super::Settings; use super::super::vault::Sealed;",
        "use crate::vault; // use crate::proxy;",
        "fn f() { let _ = \"crate::proxy::f\"; let _ = r#\"crate::proxy::\"f\"#; }",
        "#[cfg(test)]\nmod tests {\n    use crate::proxy::Proxy;\n    fn f() { { } }\n}",
        "/* use crate::proxy; */ use std::proxy::x; fn f<'a>(x: &'a str) {}",
    ] {
        assert_eq!(planted("store/redis.rs", source, rules::imports), [""; 0], "{source}");
    }
    let leaf = planted("secret.rs", "use crate::connection::Status;", rules::imports);
    assert_eq!(leaf, ["secret.rs: secret may not import connection"]);
    let unknown = planted("helpers.rs", "use crate::connection::Status;", rules::imports);
    assert_eq!(unknown, ["helpers.rs: helpers is in no row of the table of imports"]);
}

#[test]
fn the_data_path_opens_no_record() {
    hold(rules::opens_nothing);
    assert_eq!(planted("proxy/spill.rs", "use crate::vault::Vault;", rules::opens_nothing).len(), 1);
    assert_eq!(planted("proxy/spill.rs", "use crate::vault;", rules::opens_nothing).len(), 1);
    assert_eq!(planted("proxy/spill.rs", "use crate::vault::{EphemeralKey, OVERHEAD};", rules::opens_nothing), [""; 0]);
}

#[test]
fn third_party_crates_are_named_by_their_owners_only() {
    hold(rules::crates);
}

#[test]
fn a_crate_in_a_strangers_hands_is_found() {
    for source in ["use redis::Client;", "fn f() { redis::cmd(\"GET\") }", "use {std::fs, redis};"] {
        assert_eq!(planted("proxy/guard.rs", source, rules::crates).len(), 1, "{source}");
        assert_eq!(planted("store/redis/keys.rs", source, rules::crates), [""; 0], "{source}");
    }
    let own_module = "mod redis;\npub use redis::RedisStore;\npub use self::redis::x;";
    assert_eq!(planted("store.rs", own_module, rules::crates), [""; 0]);
    assert_eq!(planted("proxy/peek.rs", "use flate2::read::GzDecoder;", rules::crates), [""; 0]);
}

#[test]
fn every_dependency_has_an_owner_or_is_common_ground() {
    let manifest: toml::Table =
        fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")).unwrap().parse().unwrap();
    let named: Vec<String> = manifest["dependencies"].as_table().unwrap().keys().map(|k| k.replace('-', "_")).collect();
    let known: Vec<&str> = OWNERS.iter().map(|(name, _)| *name).chain(COMMON.iter().copied()).collect();
    for name in &named {
        assert!(known.contains(&name.as_str()), "{name} is in neither table of tests/it/architecture/rules.rs");
    }
    for name in known {
        assert!(named.iter().any(|named| named == name), "{name} is a dependency no more");
    }
}

#[test]
fn the_architecture_page_names_the_owners_of_crates_as_they_are() {
    let page = include_str!("../../ARCHITECTURE.md");
    let words = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    let (_, table) = page.split_once("| Crates | Owners |\n").expect("the page has the table");
    let (table, rest) = table.split_once("\n\n").expect("the table ends");
    let mut documented: Vec<(String, Vec<String>)> = Vec::new();
    for row in table.lines().skip(1) {
        let (crates, owners) = row.trim_matches('|').split_once(" | ").expect("two cells");
        documented.extend(words(crates).into_iter().map(|name| (name, words(owners))));
    }
    documented.sort();
    let mut real: Vec<(String, Vec<String>)> = OWNERS
        .iter()
        .map(|(name, owners)| ((*name).to_owned(), owners.iter().map(|o| (*o).to_owned()).collect()))
        .collect();
    real.sort();
    assert_eq!(documented, real);
    assert_eq!(words(rest.lines().next().unwrap()), COMMON);
}

#[test]
fn nothing_unwraps_outside_of_tests() {
    hold(rules::unwraps);
    assert_eq!(planted("store.rs", "fn f() { x().unwrap(); }", rules::unwraps).len(), 1);
    assert_eq!(planted("store.rs", "fn f() { x().unwrap_or(\".unwrap()\"); }", rules::unwraps), [""; 0]);
    assert_eq!(planted("store.rs", "#[cfg(test)]\nmod tests { fn f() { x().unwrap(); } }", rules::unwraps), [""; 0]);
}

#[test]
fn files_stay_small() {
    let rule = |module: &Module| {
        let most = LONGER.iter().find(|(path, _)| *path == module.path).map_or(MAX_CODE_LINES, |(_, most)| *most);
        rules::lines(module, most)
    };
    hold(rule);
    let long = "fn f() {}\n".repeat(301);
    assert_eq!(planted("store.rs", &long, rule), ["store.rs: 301 lines of code, and at most 300 are meant"]);
    let commented = format!("{}{}\n", "fn f() {}\n".repeat(300), "// a\n\n//! b\n/* c\nd */\n".repeat(20));
    assert_eq!(planted("store.rs", &commented, rule), [""; 0]);
}

#[test]
fn credentials_are_exposed_where_they_are_used_only() {
    let rule = |module: &Module| rules::exposes(module, EXPOSES);
    hold(rule);
    assert_eq!(planted("proxy/observe.rs", "fn f() { token.expose() }", rule).len(), 1);
    assert_eq!(planted("proxy/observe.rs", "fn f() { Secret::expose(&token) }", rule).len(), 1);
    assert_eq!(planted("oauth/revoke.rs", "fn f() { token.expose() }", rule), [""; 0]);
}

#[test]
fn the_simulator_knows_nothing_of_the_proxy() {
    let manifest = include_str!("../salesforce-sim/Cargo.toml");
    assert!(!manifest.contains("orgpass"));
}
