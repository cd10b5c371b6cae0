//! A server that hangs: its connections stay open, and nothing is answered.

use std::process::Command;

use crate::RedisChild;

/// Stops a server in the middle of whatever it does, as on a machine that hangs, until this is dropped.
#[derive(Debug)]
pub struct Paused(String);

impl Paused {
    pub(crate) fn new(server: &RedisChild) -> Self {
        let info = server.info("server");
        let id = info.lines().find_map(|line| line.strip_prefix("process_id:")).expect("it tells its process");
        let paused = Self(id.trim().to_owned());
        paused.signal("-STOP");
        paused
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([name, &self.0]).status().expect("there is a kill");
        assert!(sent.success(), "the server runs");
    }
}

impl Drop for Paused {
    fn drop(&mut self) {
        self.signal("-CONT");
    }
}
