//! How monward talks about itself: lines on standard error.
//!
//! Only monward's own lines follow the configured level. Libraries are held at `warn`, and pingora's and h2's inner
//! workings are never shown: at finer levels they print requests with their credentials. Lines go through a bounded
//! queue to a thread of their own and are lost when nobody reads them: a full pipe must not stop a reload or a drain.

use tracing::level_filters::LevelFilter;
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};

use crate::config::Log;

/// How many lines may wait for the reader; their places are made at once.
const QUEUE: usize = 4096;

/// Starts logging; does nothing when logging has been started before. The last lines are written when the guard is
/// dropped.
pub fn start(settings: &Log) -> WorkerGuard {
    let own = settings.level.parse().unwrap_or(LevelFilter::INFO);
    let filter = Targets::new()
        .with_default(LevelFilter::WARN)
        .with_target("monward", own)
        .with_target("pingora", LevelFilter::OFF)
        .with_target("pingora_core", LevelFilter::OFF)
        .with_target("h2", LevelFilter::OFF);
    let (writer, guard) =
        NonBlockingBuilder::default().lossy(true).buffered_lines_limit(QUEUE).finish(std::io::stderr());
    let lines = fmt::layer().with_writer(writer).with_target(false);
    let lines = if settings.json { lines.json().flatten_event(true).boxed() } else { lines.with_ansi(false).boxed() };
    // A second start, as in tests, keeps the first one.
    let _ = tracing_subscriber::registry().with(lines.with_filter(filter)).try_init();
    guard
}
