//! The access log: one line a request. Workers format by hand into a buffer of their own; another thread writes the
//! buffers out, so that a slow reader of the log never holds a request, and sleeps while no lines come. Only words of
//! this program, names checked by its parsers, templates of paths, ids and numbers go in; no path as it came, no query,
//! no header but Salesforce's id of the request.

mod line;

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use prometheus::IntCounter;

pub(crate) use line::key;
pub use line::{Format, Key, Line};

/// A buffer that has grown to this size because nobody reads the log takes no more lines.
const FULL_BYTES: usize = 4 << 20;
/// How long the first line lies in a buffer, so that others can go with it.
const FLUSH_EVERY: Duration = Duration::from_millis(200);

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

impl AccessLog {
    /// A log that is written to `sink` by a thread of its own.
    pub fn start(format: Format, sink: Box<dyn Write + Send>, dropped: IntCounter) -> std::io::Result<Self> {
        let buffers: Arc<Mutex<Vec<Buffer>>> = Arc::default();
        let (told, hears) = mpsc::channel();
        let bell = Arc::new(Bell { is_rung: AtomicBool::new(false), told });
        let (shared, rung, lost) = (Arc::clone(&buffers), Arc::clone(&bell), dropped.clone());
        let write = move || write_out(&hears, &rung, &shared, &mut Sink { out: sink, lost, is_broken: false });
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
fn write_out(hears: &Receiver<Told>, bell: &Bell, buffers: &Mutex<Vec<Buffer>>, sink: &mut Sink) {
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

fn flush(buffers: &Mutex<Vec<Buffer>>, sink: &mut Sink) {
    let buffers = lock(buffers).clone();
    for buffer in buffers {
        let bytes = std::mem::take(&mut *lock(&buffer));
        if !bytes.is_empty() {
            sink.write(&bytes);
            let mut returned = bytes;
            returned.clear();
            let mut buffer = lock(&buffer);
            if buffer.is_empty() {
                *buffer = returned;
            }
        }
    }
}

/// Where lines go.
struct Sink {
    out: Box<dyn Write + Send>,
    lost: IntCounter,
    is_broken: bool,
}

impl Sink {
    /// Writes whole lines. A log that takes none must not stop the proxy: they are counted, and that it takes none is said
    /// once among the events, which go elsewhere.
    fn write(&mut self, lines: &[u8]) {
        let written = self.out.write_all(lines).and_then(|()| self.out.flush());
        if let Err(error) = &written {
            self.lost.inc_by(memchr::memchr_iter(b'\n', lines).count() as u64);
            if !self.is_broken {
                tracing::error!(%error, "the access log cannot be written; its lines are lost");
            }
        } else if self.is_broken {
            tracing::info!("the access log is written again");
        }
        self.is_broken = written.is_err();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // At worst half a line stands in a buffer after a panic.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl LogBuffer {
    /// Begins a line, unless the log's reader is far behind.
    pub fn line(&self) -> Option<Line<'_>> {
        let out = lock(&self.buffer);
        if out.len() >= FULL_BYTES {
            self.dropped.inc();
            return None;
        }
        Some(Line::begin(self.format, out, &self.bell))
    }
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

    /// Full for so many writes, then not any more.
    struct Full(u32, Shared);

    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            if self.0 == 0 {
                return self.1.write(bytes);
            }
            self.0 -= 1;
            Err(std::io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_that_could_not_be_written_are_counted_and_those_after_them_are_written() {
        let (kept, lost) = (Shared::default(), IntCounter::new("dropped", "dropped").unwrap());
        let mut sink = Sink { out: Box::new(Full(2, kept.clone())), lost: lost.clone(), is_broken: false };
        for (lines, is_broken, lost_by_then) in [("a\nb\n", true, 2), ("c\n", true, 3), ("d\n", false, 3)] {
            sink.write(lines.as_bytes());
            assert_eq!((sink.is_broken, lost.get()), (is_broken, lost_by_then), "{lines}");
        }
        assert_eq!(*lock(&kept.0), b"d\n");
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
