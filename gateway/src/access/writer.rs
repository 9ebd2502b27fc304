//! The one writer of the access log: a thread that waits for the disk or the pipe, so that no core
//! does.

use std::{
    io::{self, Write},
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread::{self, JoinHandle},
};

/// Sends batches of lines to the writer. When the writer is far behind, batches are dropped.
#[derive(Debug, Clone)]
pub struct Lines(SyncSender<Vec<u8>>);

/// The writer is too far behind, or gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Behind;

impl Lines {
    pub(super) fn send(&self, batch: Vec<u8>) -> Result<(), Behind> {
        self.0.try_send(batch).map_err(|_| Behind)
    }
}

/// The thread that writes. It ends when all [`Lines`] are dropped.
#[derive(Debug)]
pub struct Writer(JoinHandle<()>);

impl Writer {
    /// Starts writing to `out`.
    pub fn start(out: impl Write + Send + 'static) -> io::Result<(Self, Lines)> {
        let (lines, batches) = sync_channel(BATCHES);
        let thread = thread::Builder::new()
            .name("access-log".into())
            .spawn(move || write(&batches, out))?;
        Ok((Self(thread), Lines(lines)))
    }

    /// Waits until everything is written. All [`Lines`] must have been dropped.
    pub fn finish(self) {
        // A panic of that thread has been logged where it happened.
        let _ = self.0.join();
    }
}

fn write(batches: &Receiver<Vec<u8>>, mut out: impl Write) {
    let mut failing = false;
    while let Ok(batch) = batches.recv() {
        let outcome = out.write_all(&batch).and_then(|()| out.flush());
        match outcome {
            Ok(()) => failing = false,
            Err(error) if !failing => {
                failing = true;
                tracing::error!(%error, "the access log cannot be written");
            }
            Err(_) => {}
        }
    }
}

/// About 4 MiB of lines in the worst case.
const BATCHES: usize = 256;
