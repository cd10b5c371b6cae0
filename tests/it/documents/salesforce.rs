//! The app that `deploy/salesforce` sets up is the one that its page describes.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/salesforce");

/// Components below a folder, each with its elements.
fn components(folder: &str) -> Vec<(PathBuf, BTreeMap<String, String>)> {
    let mut found = Vec::new();
    for kind in fs::read_dir(Path::new(FOLDER).join(folder)).unwrap() {
        for file in fs::read_dir(kind.unwrap().path()).unwrap() {
            let path = file.unwrap().path();
            let text = fs::read_to_string(&path).unwrap();
            found.push((path.clone(), elements(&text).unwrap_or_else(|why| panic!("{}: {why}", path.display()))));
        }
    }
    found.sort();
    found
}

/// The elements of one flat component; refuses what is not well-formed.
fn elements(text: &str) -> Result<BTreeMap<String, String>, String> {
    let body = text.strip_prefix("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n").ok_or("no declaration")?;
    let body = match body.strip_prefix("<!--") {
        Some(rest) => rest.split_once("-->\n").ok_or("an open comment")?.1,
        None => body,
    };
    let (root, rest) = body.strip_prefix('<').and_then(|rest| rest.split_once('>')).ok_or("no root")?;
    let name = root.strip_suffix(" xmlns=\"http://soap.sforce.com/2006/04/metadata\"").ok_or("another namespace")?;
    let inner = rest.trim_end().strip_suffix(&format!("</{name}>")).ok_or("the root is not closed")?;
    let mut elements = BTreeMap::from([("root".to_owned(), name.to_owned())]);
    for line in inner.trim().lines() {
        let (tag, rest) = line.trim().strip_prefix('<').and_then(|rest| rest.split_once('>')).ok_or(line)?;
        let value = rest.strip_suffix(&format!("</{tag}>")).filter(|value| !value.contains(['<', '&'])).ok_or(line)?;
        elements.insert(tag.to_owned(), value.to_owned());
    }
    Ok(elements)
}

fn value<'a>(components: &'a [(PathBuf, BTreeMap<String, String>)], key: &str) -> Option<&'a str> {
    components.iter().find_map(|(_, elements)| elements.get(key)).map(String::as_str)
}

#[test]
fn the_app_has_what_salesforce_demands() {
    let org = components("org");
    assert_eq!(org.len(), 5);
    for (key, demanded) in [
        ("isPkceRequired", "true"),
        ("isRefreshTokenRotationEnabled", "true"),
        ("isConsumerSecretOptional", "false"),
        ("refreshTokenPolicyType", "SpecificInactivity"),
        ("refreshTokenValidityPeriod", "30"),
        ("refreshTokenValidityUnit", "Days"),
        ("ipRelaxationPolicyType", "Enforce"),
        ("commaSeparatedOauthScopes", "Api, RefreshToken"),
    ] {
        assert_eq!(value(&org, key), Some(demanded), "{key}");
    }
    assert!(value(&org, "callbackUrl").unwrap().ends_with("/oauth/callback"));
    assert_eq!(value(&org, "consumerSecret"), None, "secrets are in no repository");
}

#[test]
fn a_package_holds_the_two_components_that_it_may() {
    let package = components("package");
    let roots: Vec<_> = package.iter().map(|(_, elements)| elements["root"].as_str()).collect();
    assert_eq!(roots, ["ExternalClientApplication", "ExtlClntAppOauthSettings"]);
    assert_eq!(value(&package, "distributionState"), Some("Packaged"));
    let ignored = fs::read_to_string(Path::new(FOLDER).join(".forceignore")).unwrap();
    for suffix in ["ecaGlblOauth", "ecaOauthSecurity", "ecaOauthPlcy", "ecaPlcy"] {
        assert!(ignored.contains(&format!("package/**/*.{suffix}-meta.xml")), "{suffix}");
    }
    let project: serde_json::Value =
        serde_json::from_slice(&fs::read(Path::new(FOLDER).join("sfdx-project.json")).unwrap()).unwrap();
    for directory in project["packageDirectories"].as_array().unwrap() {
        assert!(Path::new(FOLDER).join(directory["path"].as_str().unwrap()).is_dir());
    }
}

#[test]
fn what_is_not_well_formed_is_found() {
    let good = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<A xmlns=\"http://soap.sforce.com/2006/04/metadata\">\n<b>c</b>\n</A>\n";
    assert_eq!(elements(good).unwrap()["b"], "c");
    for (from, to) in [("</b>", "<b>"), ("</A>", ""), ("c", "<"), ("c", "&"), ("?>", ">")] {
        assert!(elements(&good.replacen(from, to, 1)).is_err(), "{from} -> {to}");
    }
}
