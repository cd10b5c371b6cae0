//! What was found, one thing a line.

use std::io::{self, Write};

use serde::Serialize;

use crate::cli::Exit;
use crate::cli::output::json_line;

/// How a thing was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Verdict {
    Pass,
    Warn,
    Fail,
    Skip,
}

/// One thing.
#[derive(Debug, Serialize)]
pub(super) struct Finding {
    check: String,
    verdict: Verdict,
    seen: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<String>,
}

/// Writes findings as they come.
pub(super) struct Report<'a> {
    output: &'a mut dyn Write,
    json: bool,
    failed: bool,
}

impl Finding {
    fn new(check: &str, verdict: Verdict, seen: impl Into<String>, fix: Option<&str>) -> Self {
        Self { check: check.to_owned(), verdict, seen: seen.into(), fix: fix.map(str::to_owned) }
    }

    pub(super) fn pass(check: &str, seen: impl Into<String>) -> Self {
        Self::new(check, Verdict::Pass, seen, None)
    }

    pub(super) fn skip(check: &str, why: impl Into<String>) -> Self {
        Self::new(check, Verdict::Skip, why, None)
    }

    pub(super) fn warn(check: &str, seen: impl Into<String>, fix: &str) -> Self {
        Self::new(check, Verdict::Warn, seen, Some(fix))
    }

    pub(super) fn fail(check: &str, seen: impl Into<String>, fix: &str) -> Self {
        Self::new(check, Verdict::Fail, seen, Some(fix))
    }
}

impl<'a> Report<'a> {
    pub(super) fn new(output: &'a mut dyn Write, json: bool) -> Self {
        Self { output, json, failed: false }
    }

    pub(super) fn add(&mut self, finding: Finding) -> io::Result<()> {
        self.failed |= finding.verdict == Verdict::Fail;
        if self.json {
            return json_line(self.output, &finding);
        }
        let verdict = match finding.verdict {
            Verdict::Pass => "pass",
            Verdict::Warn => "warn",
            Verdict::Fail => "FAIL",
            Verdict::Skip => "skip",
        };
        writeln!(self.output, "{verdict}  {}: {}", finding.check, finding.seen)?;
        match finding.fix {
            Some(fix) => writeln!(self.output, "      -> {fix}"),
            None => Ok(()),
        }
    }

    pub(super) fn exit(&self) -> Exit {
        if self.failed { Exit::Failed } else { Exit::Success }
    }
}
