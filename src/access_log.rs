//! The access log: one line a request. Workers format by hand into a buffer of their own; another thread writes the
//! buffers out, so that a slow reader of the log never holds a request, and sleeps while no lines come. Only words of
//! this program, names checked by its parsers, templates of paths, ids and numbers go in; no path as it came, no query,
//! no header but Salesforce's id of the request.

use std::fmt;
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use prometheus::IntCounter;

/// A buffer that has grown to this size because nobody reads the log takes no more lines.
const FULL_BYTES: usize = 4 << 20;
/// How long the first line lies in a buffer, so that others can go with it.
const FLUSH_EVERY: Duration = Duration::from_millis(200);

/// The form of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One JSON object a line.
    Json,
    /// `key=value` pairs.
    Text,
}

impl std::str::FromStr for Format {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "json" => Ok(Self::Json),
            "text" => Ok(Self::Text),
            _ => Err("must be \"json\" or \"text\""),
        }
    }
}

/// The log of one process: its workers' buffers and the thread that writes them out.
pub struct AccessLog {
    format: Format,
    buffers: Arc<Mutex<Vec<Buffer>>>,
    dropped: IntCounter,
    bell: Arc<Bell>,
    writer: Option<JoinHandle<()>>,
}

type Buffer = Arc<Mutex<Vec<u8>>>;

/// What the writer may be told.
enum Told {
    /// There is a line in a buffer.
    Line,
    /// There will be no more.
    End,
}

/// Wakes the writer for the first line after it has looked into the buffers; the others find it rung already.
struct Bell {
    is_rung: AtomicBool,
    told: Sender<Told>,
}

impl Bell {
    /// Called when a line has been put into a buffer. A flush locks each buffer after it has [`Bell::reset`]: if it was
    /// too early for this line, then this load, which comes after that lock, sees what was reset.
    fn ring(&self) {
        if !self.is_rung.load(Ordering::Relaxed) && !self.is_rung.swap(true, Ordering::Relaxed) {
            // Without a writer there is nobody to wake.
            let _ = self.told.send(Told::Line);
        }
    }

    /// Called before the buffers are looked into.
    fn reset(&self) {
        self.is_rung.store(false, Ordering::Relaxed);
    }
}

/// One worker's end of the log.
#[derive(Clone)]
pub struct LogBuffer {
    format: Format,
    buffer: Buffer,
    bell: Arc<Bell>,
    dropped: IntCounter,
}

/// A field's name as both forms of the log write it, separators and all.
#[derive(Clone, Copy)]
pub struct Key {
    json: &'static str,
    text: &'static str,
}

impl Key {
    /// Made by [`key!`] only, which keeps the two forms alike.
    pub const fn new(json: &'static str, text: &'static str) -> Self {
        Self { json, text }
    }
}

/// The [`Key`] with this name, which must be a literal.
macro_rules! key {
    ($name:literal) => {
        $crate::access_log::Key::new(concat!(",\"", $name, "\":"), concat!(" ", $name, "="))
    };
}

pub(crate) use key;

/// A line being written.
pub struct Line<'a> {
    format: Format,
    out: MutexGuard<'a, Vec<u8>>,
    bell: &'a Bell,
}

impl AccessLog {
    /// A log that is written to `sink` by a thread of its own.
    pub fn start(format: Format, mut sink: Box<dyn Write + Send>, dropped: IntCounter) -> std::io::Result<Self> {
        let buffers: Arc<Mutex<Vec<Buffer>>> = Arc::default();
        let (told, hears) = mpsc::channel();
        let bell = Arc::new(Bell { is_rung: AtomicBool::new(false), told });
        let (shared, rung) = (Arc::clone(&buffers), Arc::clone(&bell));
        let write = move || write_out(&hears, &rung, &shared, sink.as_mut());
        let writer = std::thread::Builder::new().name("access-log".to_owned()).spawn(write)?;
        Ok(Self { format, buffers, dropped, bell, writer: Some(writer) })
    }

    /// A buffer for one worker.
    pub fn buffer(&self) -> LogBuffer {
        let buffer = Buffer::default();
        lock(&self.buffers).push(Arc::clone(&buffer));
        LogBuffer { format: self.format, buffer, bell: Arc::clone(&self.bell), dropped: self.dropped.clone() }
    }
}

impl Drop for AccessLog {
    /// Writes out what is left.
    fn drop(&mut self) {
        // The receiver only goes away with the thread, which then has nothing left to stop.
        let _ = self.bell.told.send(Told::End);
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

/// Writes lines out until the end: some time after the first, with those that came meanwhile.
fn write_out(hears: &Receiver<Told>, bell: &Bell, buffers: &Mutex<Vec<Buffer>>, sink: &mut dyn Write) {
    loop {
        let mut is_last = !matches!(hears.recv(), Ok(Told::Line));
        if !is_last {
            is_last = matches!(hears.recv_timeout(FLUSH_EVERY), Ok(Told::End) | Err(RecvTimeoutError::Disconnected));
        }
        bell.reset();
        flush(buffers, sink);
        if is_last {
            return;
        }
    }
}

fn flush(buffers: &Mutex<Vec<Buffer>>, sink: &mut dyn Write) {
    let buffers = lock(buffers).clone();
    for buffer in buffers {
        let bytes = std::mem::take(&mut *lock(&buffer));
        if !bytes.is_empty() {
            // A closed log must not stop the proxy; there is nowhere left to say so.
            let _ = sink.write_all(&bytes).and_then(|()| sink.flush());
            let mut returned = bytes;
            returned.clear();
            let mut buffer = lock(&buffer);
            if buffer.is_empty() {
                *buffer = returned;
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // At worst half a line stands in a buffer after a panic.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl LogBuffer {
    /// Begins a line, unless the log's reader is far behind.
    pub fn line(&self) -> Option<Line<'_>> {
        let mut out = lock(&self.buffer);
        if out.len() >= FULL_BYTES {
            self.dropped.inc();
            return None;
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        match self.format {
            Format::Json => out.extend_from_slice(b"{\"event\":\"request\""),
            Format::Text => out.extend_from_slice(b"event=request"),
        }
        let mut line = Line { format: self.format, out, bell: &self.bell };
        line.decimal(key!("time"), now.as_secs(), now.subsec_millis());
        Some(line)
    }
}

impl Line<'_> {
    /// A name of visible ASCII.
    pub fn text(&mut self, key: Key, value: &str) {
        if self.format == Format::Text || !value.bytes().any(needs_escape) {
            return self.word(key, value);
        }
        self.key(key);
        self.quoted(|out| {
            for byte in value.bytes() {
                if needs_escape(byte) {
                    out.push(b'\\');
                }
                out.push(byte);
            }
        });
    }

    /// A word of this program, or something else without quotes and backslashes.
    pub fn word(&mut self, key: Key, value: &str) {
        self.key(key);
        self.quoted(|out| out.extend_from_slice(value.as_bytes()));
    }

    /// Something that is written as visible ASCII, without quotes and backslashes.
    pub fn plain(&mut self, key: Key, value: impl fmt::Display) {
        self.key(key);
        // Writing to memory does not fail.
        self.quoted(|out| drop(write!(out, "{value}")));
    }

    /// A path, by its segments, which are visible ASCII without quotes and backslashes.
    pub fn path<'p>(&mut self, key: Key, segments: impl Iterator<Item = &'p str>) {
        self.key(key);
        self.quoted(|out| {
            let before = out.len();
            for segment in segments {
                out.push(b'/');
                out.extend_from_slice(segment.as_bytes());
            }
            if out.len() == before {
                out.push(b'/');
            }
        });
    }

    /// A whole number.
    pub fn number(&mut self, key: Key, value: u64) {
        self.key(key);
        self.out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
    }

    /// A span of time in milliseconds with three decimals.
    pub fn millis(&mut self, key: Key, value: Duration) {
        let micros = u64::try_from(value.as_micros()).unwrap_or(u64::MAX);
        self.decimal(key, micros / 1000, u32::try_from(micros % 1000).expect("below a thousand"));
    }

    /// Ends the line.
    pub fn end(mut self) {
        match self.format {
            Format::Json => self.out.extend_from_slice(b"}\n"),
            Format::Text => self.out.push(b'\n'),
        }
        drop(self.out);
        self.bell.ring();
    }

    fn decimal(&mut self, key: Key, whole: u64, thousandths: u32) {
        self.number(key, whole);
        let digit = |value: u32| b'0' + u8::try_from(value % 10).expect("a digit");
        self.out.extend_from_slice(&[b'.', digit(thousandths / 100), digit(thousandths / 10), digit(thousandths)]);
    }

    fn quoted(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let quote: &[u8] = if self.format == Format::Json { b"\"" } else { b"" };
        self.out.extend_from_slice(quote);
        write(&mut self.out);
        self.out.extend_from_slice(quote);
    }

    fn key(&mut self, key: Key) {
        let name = match self.format {
            Format::Json => key.json,
            Format::Text => key.text,
        };
        self.out.extend_from_slice(name.as_bytes());
    }
}

fn needs_escape(byte: u8) -> bool {
    matches!(byte, b'"' | b'\\')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            lock(&self.0).extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn written(format: Format) -> String {
        let sink = Shared::default();
        let dropped = IntCounter::new("dropped", "dropped").unwrap();
        let log = AccessLog::start(format, Box::new(sink.clone()), dropped).unwrap();
        let buffer = log.buffer();
        let mut line = buffer.line().unwrap();
        line.text(key!("tenant"), "a\"b\\c");
        line.number(key!("status"), 200);
        line.millis(key!("ms"), Duration::from_micros(12_045));
        line.end();
        drop(log);
        let bytes = lock(&sink.0).clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn lines_are_written_soon_after_a_silence_too_and_whoever_writes_them() {
        let sink = Shared::default();
        let log =
            AccessLog::start(Format::Text, Box::new(sink.clone()), IntCounter::new("dropped", "dropped").unwrap())
                .unwrap();
        let workers: Vec<LogBuffer> = (0..4).map(|_| log.buffer()).collect();
        for round in 1..=3 {
            std::thread::scope(|scope| {
                for worker in &workers {
                    scope.spawn(|| (0..50).for_each(|_| worker.line().unwrap().end()));
                }
            });
            // Nothing else tells the writer that they are there.
            let began = std::time::Instant::now();
            let lines = || lock(&sink.0).iter().filter(|byte| **byte == b'\n').count();
            while lines() < round * 4 * 50 {
                assert!(began.elapsed() < Duration::from_secs(30), "{} lines in round {round}", lines());
                std::thread::yield_now();
            }
        }
    }

    #[test]
    fn a_json_line_is_one_json_object_with_odd_names_escaped() {
        let line: serde_json::Value = serde_json::from_str(&written(Format::Json)).unwrap();
        assert_eq!(line["tenant"], "a\"b\\c");
        assert_eq!(line["status"], 200);
        assert_eq!(line["ms"], 12.045);
    }

    #[test]
    fn a_text_line_is_pairs_and_the_last_lines_are_written_at_the_end() {
        let line = written(Format::Text);
        assert!(line.starts_with("event=request time="), "{line}");
        assert!(line.ends_with(" tenant=a\"b\\c status=200 ms=12.045\n"), "{line}");
    }
}
