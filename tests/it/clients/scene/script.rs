//! A script that runs. It may ask the test for something by a line, and waits for a line that says it is done.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Output, Stdio};
use std::thread;

use tokio::sync::{mpsc, oneshot};

/// What a script asks for.
pub struct Asks {
    pub what: String,
    /// Told when it is done.
    pub done: oneshot::Sender<()>,
}

pub fn asks() -> (mpsc::UnboundedSender<Asks>, mpsc::UnboundedReceiver<Asks>) {
    mpsc::unbounded_channel()
}

/// Runs a script to its end, on this thread.
pub fn run(mut command: Command, asks: mpsc::UnboundedSender<Asks>) -> Output {
    let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = pipes.spawn().unwrap();
    let (mut stdin, mut stderr) = (child.stdin.take().unwrap(), child.stderr.take().unwrap());
    let errors = thread::spawn(move || {
        let mut read = Vec::new();
        stderr.read_to_end(&mut read).map(|_| read)
    });
    let (mut stdout, mut output) = (BufReader::new(child.stdout.take().unwrap()), Vec::new());
    let mut from = 0;
    while stdout.read_until(b'\n', &mut output).unwrap() > 0 {
        if let Some(what) = output[from..].strip_prefix(b"asks: ") {
            let what = String::from_utf8_lossy(what).trim_end().to_owned();
            let (done, answered) = oneshot::channel();
            let heard = asks.send(Asks { what, done }).is_ok() && answered.blocking_recv().is_ok();
            // Whoever is not answered sees the end of its input.
            if !heard || stdin.write_all(b"done\n").is_err() {
                break;
            }
        }
        from = output.len();
    }
    drop(stdin);
    stdout.read_to_end(&mut output).unwrap();
    Output { status: child.wait().unwrap(), stdout: output, stderr: errors.join().unwrap().unwrap() }
}
