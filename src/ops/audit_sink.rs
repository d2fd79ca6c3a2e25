//! Takes audit lines and writes them, without ever making a request wait.
//!
//! Lines are gathered in memory, up to a bound, and one writer thread takes them away in batches: a request costs no
//! system call. When the sink is blocked or full, lines are dropped and counted: `monward_audit_dropped_total`.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use super::metrics::Metrics;
use crate::config::Audit;

/// How many bytes may wait for the writer.
const ROOM: usize = 16 * 1024 * 1024;
/// How long the writer lets lines gather once one has come.
const GATHER: Duration = Duration::from_millis(10);

/// Where audit lines go in; cheap to clone.
#[derive(Clone, Debug)]
pub struct AuditSink(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    waiting: Mutex<Waiting>,
    /// Wakes the writer: the first line of a batch has come.
    came: Condvar,
    /// Wakes who waits for a flush: a batch was written.
    written: Condvar,
    metrics: Arc<Metrics>,
}

#[derive(Debug, Default)]
struct Waiting {
    bytes: Vec<u8>,
    lines: u64,
    /// Whether the writer sleeps until something comes.
    idle: bool,
    /// Whether the writer has taken lines that it has not written yet.
    writing: bool,
    /// Whether the file shall be opened anew before the next line: it may have been rotated away.
    reopen: bool,
}

impl AuditSink {
    /// Opens the sinks of `settings` and starts the writer.
    ///
    /// # Errors
    /// When the file cannot be opened for appending.
    pub fn open(settings: &Audit, metrics: Arc<Metrics>) -> io::Result<Self> {
        let path = settings.file.clone();
        let file = path.as_deref().map(Appended::open).transpose()?;
        let stdout = settings.stdout.then(io::stdout);
        let waiting = Mutex::default();
        let shared = Arc::new(Shared { waiting, came: Condvar::new(), written: Condvar::new(), metrics });
        let writers = Arc::clone(&shared);
        std::thread::Builder::new()
            .name("audit".to_owned())
            .spawn(move || Sinks { path, file, stdout }.run(&writers))?;
        Ok(Self(shared))
    }

    /// Takes one line; drops and counts it when there is no room.
    pub fn write(&self, line: &[u8]) {
        let mut waiting = self.0.waiting.lock();
        if waiting.bytes.len() + line.len() > ROOM {
            self.0.metrics.audit_dropped.inc();
            return;
        }
        waiting.bytes.extend_from_slice(line);
        waiting.lines += 1;
        if std::mem::take(&mut waiting.idle) {
            self.0.came.notify_one();
        }
    }

    /// Opens the file anew before the next line, so that a file that was rotated away gets no more of them.
    pub fn reopen(&self) {
        self.0.waiting.lock().reopen = true;
    }

    /// Waits until everything taken so far is written, at most `longest`.
    pub fn flush(&self, longest: Duration) {
        let mut waiting = self.0.waiting.lock();
        let unwritten = |waiting: &mut Waiting| waiting.writing || !waiting.bytes.is_empty();
        self.0.written.wait_while_for(&mut waiting, unwritten, longest);
    }
}

/// A file that lines are appended to.
struct Appended {
    file: File,
    /// Whether it ends within a line, since somebody was killed or the disk was full: the next line must not join it.
    torn: bool,
}

impl Appended {
    /// Opens `path`; what it holds is nobody else's business.
    fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
        Ok(Self { file, torn: is_torn(path).unwrap_or(false) })
    }

    /// Appends whole lines.
    fn write(&mut self, lines: &[u8], path: &Path) -> io::Result<()> {
        if self.torn {
            self.file.write_all(b"\n")?;
        }
        let written = self.file.write_all(lines);
        self.torn = written.is_err() && is_torn(path).unwrap_or(false);
        written
    }
}

/// Whether the file at `path` ends without a line feed. Pipes and devices have no end.
fn is_torn(path: &Path) -> io::Result<bool> {
    let found = std::fs::metadata(path)?;
    if !found.is_file() || found.len() == 0 {
        return Ok(false);
    }
    let mut last = [0];
    File::open(path)?.read_exact_at(&mut last, found.len() - 1)?;
    Ok(last != *b"\n")
}

struct Sinks {
    path: Option<PathBuf>,
    file: Option<Appended>,
    stdout: Option<io::Stdout>,
}

impl Sinks {
    fn run(mut self, shared: &Shared) {
        let mut batch = Vec::new();
        loop {
            let (lines, reopen) = next(shared, &mut batch);
            if reopen {
                self.reopen();
            }
            if !self.write(&batch) {
                shared.metrics.audit_dropped.inc_by(lines);
            }
            batch.clear();
        }
    }

    /// When the file cannot be opened any more, the old one goes on: a record in the wrong place is better than none.
    fn reopen(&mut self) {
        if let Some(Ok(file)) = self.path.as_deref().map(Appended::open) {
            self.file = Some(file);
        }
    }

    fn write(&mut self, batch: &[u8]) -> bool {
        let file = self.file.as_mut().zip(self.path.as_deref());
        let file = file.is_none_or(|(file, path)| file.write(batch, path).is_ok());
        let stdout = self.stdout.as_mut().is_none_or(|out| out.write_all(batch).and_then(|()| out.flush()).is_ok());
        file && stdout
    }
}

/// Waits for lines, lets more gather, takes them all; how many there are, and whether the file is to be opened anew.
fn next(shared: &Shared, batch: &mut Vec<u8>) -> (u64, bool) {
    let mut waiting = shared.waiting.lock();
    waiting.writing = false;
    shared.written.notify_all();
    while waiting.bytes.is_empty() {
        waiting.idle = true;
        shared.came.wait(&mut waiting);
    }
    drop(waiting);
    std::thread::sleep(GATHER);
    let mut waiting = shared.waiting.lock();
    waiting.writing = true;
    std::mem::swap(&mut waiting.bytes, batch);
    (std::mem::take(&mut waiting.lines), std::mem::take(&mut waiting.reopen))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_arrive_whole_and_in_order_and_a_flush_waits_for_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        let settings = Audit { stdout: false, file: Some(path.clone()) };
        let metrics = Arc::new(Metrics::new());
        let sink = AuditSink::open(&settings, Arc::clone(&metrics)).unwrap();
        let mut expected = Vec::new();
        for number in 0..1000 {
            let line = format!("{number}\n").into_bytes();
            sink.write(&line);
            expected.extend(line);
        }
        sink.flush(Duration::from_secs(10));
        assert_eq!(std::fs::read(&path).unwrap(), expected);
        assert_eq!(metrics.audit_dropped.get(), 0);
    }

    #[test]
    fn a_rotated_file_gets_no_more_lines_once_it_is_opened_anew() {
        let folder = tempfile::tempdir().unwrap();
        let (path, rotated) = (folder.path().join("audit.jsonl"), folder.path().join("audit.jsonl.1"));
        let settings = Audit { stdout: false, file: Some(path.clone()) };
        let sink = AuditSink::open(&settings, Arc::new(Metrics::new())).unwrap();
        sink.write(b"before\n");
        sink.flush(Duration::from_secs(10));
        std::fs::rename(&path, &rotated).unwrap();
        sink.reopen();
        sink.write(b"after\n");
        sink.flush(Duration::from_secs(10));
        assert_eq!(std::fs::read(&rotated).unwrap(), b"before\n");
        assert_eq!(std::fs::read(&path).unwrap(), b"after\n");
        let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&path).unwrap().permissions());
        assert_eq!(mode & 0o077, 0, "only the owner reads who asked what");
    }

    #[test]
    fn a_full_sink_drops_and_counts_and_never_waits() {
        let metrics = Arc::new(Metrics::new());
        let settings = Audit { stdout: false, file: Some("/dev/full".into()) };
        let sink = AuditSink::open(&settings, Arc::clone(&metrics)).unwrap();
        sink.write(b"lost\n");
        sink.write(b"lost\n");
        sink.flush(Duration::from_secs(10));
        assert_eq!(metrics.audit_dropped.get(), 2);
        sink.write(&vec![b'x'; ROOM + 1]);
        assert_eq!(metrics.audit_dropped.get(), 3);
    }
}
