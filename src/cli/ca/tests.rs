use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use tempfile::TempDir;

use super::make::make;
use super::{AUTHORITY, CERTIFICATE, PRIVATE_KEY};
use crate::cli::{Exit, Surroundings, run};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn ca(command: &str, dir: &Path, more: &[&str]) -> (Exit, String, String) {
    let (mut output, mut errors) = (Vec::new(), Vec::new());
    let around = Surroundings {
        env: Vec::new(),
        input: &mut io::empty(),
        output: &mut output,
        errors: &mut errors,
        interactive: false,
    };
    let arguments = [&["orgpass", "ca", command, "--dir", dir.to_str().unwrap()], more].concat();
    let exit = run(arguments.into_iter().map(Into::into), around);
    (exit, String::from_utf8(output).unwrap(), String::from_utf8(errors).unwrap())
}

fn contents(dir: &Path) -> [Vec<u8>; 3] {
    [AUTHORITY, CERTIFICATE, PRIVATE_KEY].map(|name| fs::read(dir.join(name)).unwrap())
}

#[test]
fn what_is_there_is_replaced_by_force_only() {
    let folder = TempDir::new().unwrap();
    let dir = folder.path().join("a/b");
    let (exit, output, _) = ca("new", &dir, &[]);
    assert_eq!(exit, Exit::Success);
    for says in ["tls_certificate_file = \"", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "keytool"] {
        assert!(output.contains(says), "{says}: {output}");
    }
    let mode = |name| fs::metadata(dir.join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!([AUTHORITY, CERTIFICATE, PRIVATE_KEY].map(mode), [0o644, 0o644, 0o600]);
    assert_eq!(fs::read_dir(&dir).unwrap().count(), 3, "the authority's key is nowhere");

    let first = contents(&dir);
    let (exit, _, errors) = ca("new", &dir, &[]);
    assert_eq!((exit, contents(&dir) == first), (Exit::Conflict, true));
    assert!(errors.contains("--force"), "{errors}");
    assert_eq!(ca("new", &dir, &["--force"]).0, Exit::Success);
    let names = contents(&dir).into_iter().zip(first).filter(|(new, old)| new == old);
    assert_eq!(names.count(), 0, "nothing of the old is left");
    assert_eq!(mode(PRIVATE_KEY), 0o600);
}

#[test]
fn the_end_is_told_before_it_comes() {
    let folder = TempDir::new().unwrap();
    let dir = folder.path();
    for (age, exit, says) in
        [(0, Exit::Success, ""), (800, Exit::Success, "in 24 days"), (826, Exit::Failed, "has ended")]
    {
        let made = make(SystemTime::now() - age * DAY).unwrap();
        fs::write(dir.join(AUTHORITY), &made.authority).unwrap();
        fs::write(dir.join(CERTIFICATE), &made.chain).unwrap();
        let shown = ca("show", dir, &[]);
        assert_eq!(shown.0, exit, "{age}");
        assert!(shown.1.contains("localhost, 127.0.0.1, ::1"), "{}", shown.1);
        assert!(shown.2.contains(says) && shown.2.is_empty() == says.is_empty(), "{age}: {}", shown.2);
    }
    fs::write(dir.join(CERTIFICATE), "nothing").unwrap();
    assert_eq!(ca("show", dir, &[]).0, Exit::Failed);
    fs::remove_file(dir.join(AUTHORITY)).unwrap();
    assert!(ca("show", dir, &[]).2.contains("orgpass ca new makes one"));
}
