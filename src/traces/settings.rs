//! Section `[traces]`.

use std::path::PathBuf;

use super::headers_file;
use crate::settings::Section;
use crate::transport::CollectorUrl;

/// Names beyond this length are no names.
const MAX_SERVICE_NAME: usize = 128;

/// Where traces go, and which.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The collector; `/v1/traces` is below it.
    pub endpoint: CollectorUrl,
    /// The file of headers that go with every export.
    pub headers_file: Option<PathBuf>,
    /// Of the calls that come without a trace of their caller's, the part for which one is begun.
    pub sample_ratio: f64,
    /// What the process is called there.
    pub service_name: String,
    /// How many calls' spans may wait to be exported.
    pub queue_size: usize,
}

impl Settings {
    /// Takes the keys of `[traces]`; without an endpoint there are no traces.
    pub fn read(section: Section<'_>) -> Option<Self> {
        Self::read_for(section, super::ARE_BUILT_IN)
    }

    fn read_for(mut section: Section<'_>, are_built_in: bool) -> Option<Self> {
        let endpoint = section.parsed::<CollectorUrl>("endpoint");
        let headers_file = section.file("headers_file");
        let sample_ratio = section.ratio_or("sample_ratio", 1.0);
        let service_name = section.text("service_name").unwrap_or_else(|| "orgpass".to_owned());
        let queue_size = section.integer_or("queue_size", 2048, 1..=65536);
        if !(1..=MAX_SERVICE_NAME).contains(&service_name.len()) {
            section.fault("service_name", format_args!("must have 1 to {MAX_SERVICE_NAME} bytes"));
        }
        if let Some(Err(error)) = headers_file.as_deref().map(headers_file::read) {
            section.fault("headers_file", error);
        }
        if endpoint.is_some() && !are_built_in {
            let message = "needs a program that was built with the feature otlp, and this one was not: take the key out, \
                           or build with cargo build --features otlp";
            section.fault("endpoint", message);
        }
        section.finish();
        let queue_size = usize::try_from(queue_size).unwrap_or(usize::MAX);
        Some(Self { endpoint: endpoint?, headers_file, sample_ratio, service_name, queue_size })
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn read(text: &str, are_built_in: bool) -> (Option<Settings>, Vec<String>) {
        let mut faults = Vec::new();
        let section = Section::new("traces", text.parse().unwrap(), Path::new("/nowhere"), &mut faults);
        let settings = Settings::read_for(section, are_built_in);
        (settings, faults.into_iter().map(|fault| format!("{}: {}", fault.key, fault.message)).collect())
    }

    #[test]
    fn without_an_endpoint_there_are_no_traces() {
        let (settings, faults) = read("sample_ratio = 0.5", true);
        assert!(settings.is_none() && faults.is_empty(), "{faults:?}");
    }

    #[test]
    fn a_collector_alone_is_enough() {
        let (settings, faults) = read("endpoint = \"http://otel-collector.monitoring:4318\"", true);
        let settings = settings.unwrap();
        assert_eq!(faults, [""; 0]);
        assert_eq!((settings.sample_ratio, settings.queue_size), (1.0, 2048));
        assert_eq!(settings.service_name, "orgpass");
    }

    #[test]
    fn a_program_without_the_feature_names_the_key_and_the_feature() {
        let (_, faults) = read("endpoint = \"https://collector.example\"", false);
        assert_eq!(faults.len(), 1);
        assert!(faults[0].starts_with("traces.endpoint: needs a program that was built with the feature otlp"));
        assert_eq!(read("", false).1, [""; 0]);
    }

    #[test]
    fn each_key_has_its_fault() {
        for (text, key, words) in [
            ("endpoint = \"collector:4317\"", "traces.endpoint", "http"),
            ("sample_ratio = 1.5", "traces.sample_ratio", "from 0 to 1"),
            ("service_name = \"\"", "traces.service_name", "1 to 128"),
            ("queue_size = 0", "traces.queue_size", "whole number"),
            ("headers_file = \"none\"", "traces.headers_file", "cannot be read"),
            ("header_file = \"x\"", "traces.header_file", "did you mean headers_file?"),
        ] {
            let (_, faults) = read(text, true);
            assert!(faults.iter().any(|fault| fault.starts_with(key) && fault.contains(words)), "{text}: {faults:?}");
        }
    }
}
