//! A program that ends with the test, even if the test itself is killed: its guard waits for the end of a pipe that
//! only the test holds.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Starts the program; kills it at the end of standard input, and ends with it.
const GUARD: &str = r#"
exec 3<&0
"$@" </dev/null 3<&- &
server=$!
(read -r _ <&3; kill -9 "$server") &
guard=$!
wait "$server"
kill "$guard"
"#;

/// A running `redis-server`.
#[derive(Debug)]
pub(crate) struct Process(Child);

impl Process {
    /// Starts it with a configuration file and further arguments.
    pub(crate) fn start(config: &Path, arguments: &[&str], log: &Path) -> Self {
        let output = File::create(log).expect("the folder can be written to");
        let child = Command::new("sh")
            .args(["-c", GUARD, "guard", "redis-server"])
            .arg(config)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(output)
            .stderr(Stdio::null())
            .spawn()
            .expect("there is a shell");
        Self(child)
    }

    /// Whether it has ended by itself.
    pub(crate) fn is_over(&mut self) -> bool {
        self.0.try_wait().expect("the child can be waited for").is_some()
    }

    /// Kills it, with SIGKILL.
    pub(crate) fn kill(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}
