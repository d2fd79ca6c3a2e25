//! What the tests stand on: certificates, tokens, servers on loopback, the real gateway, raw clients.

pub mod answers;
pub mod asked;
pub mod bench;
pub mod caller;
pub mod client;
pub mod cluster;
pub mod corpora;
pub mod gateway;
pub mod h2client;
pub mod http;
pub mod idp;
pub mod keys;
pub mod load;
pub mod mtls;
pub mod nats;
pub mod nginx;
pub mod nkey;
pub mod pki;
pub mod prometheus;
pub mod provider;
pub mod server;
pub mod tenants;
pub mod tokens;
pub mod upstream;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A process that ends with its owner, also when a test fails half-way.
pub struct Process(pub std::process::Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ended = self.0.kill();
        let _reaped = self.0.wait();
    }
}

/// Where `make test-tools` has put something that only the tests use.
pub fn tool(path: &str) -> PathBuf {
    let cache = || std::env::var("XDG_CACHE_HOME").or_else(|_| std::env::var("HOME").map(|home| home + "/.cache"));
    let tools = std::env::var("MONWARD_TOOLS").or_else(|_| cache().map(|cache| cache + "/monward/tools")).unwrap();
    let found = Path::new(&tools).join(path);
    assert!(found.exists(), "{} is missing: `make test-tools` installs it", found.display());
    found
}

/// How long anything may take that should happen soon; generous, since only a failing test waits that long.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// Whole seconds since 1970.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// Asks `probe` again and again until it answers; panics with `what` when [`PATIENCE`] is over.
pub fn eventually<T>(what: &str, probe: impl FnMut() -> Option<T>) -> T {
    within(PATIENCE, what, probe)
}

/// As [`eventually`], with its own deadline.
pub fn within<T>(patience: Duration, what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(found) = probe() {
            return found;
        }
        assert!(Instant::now() < deadline, "not within {patience:?}: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Runs `work` for each item on several threads; a panic in one fails the test.
pub fn in_parallel<T: Sync>(items: &[T], work: impl Fn(&T) + Sync) {
    let next = std::sync::atomic::AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                while let Some(item) = items.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed)) {
                    work(item);
                }
            });
        }
    });
}
