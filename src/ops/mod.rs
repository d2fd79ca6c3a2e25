//! Running monward: the clock, the tasks a shutdown waits for, figures, the admin side, audit sinks, log lines, colours.

pub mod admin;
pub mod audit_sink;
pub mod clock;
pub mod date;
pub mod drain;
pub mod key_check;
pub mod key_metrics;
pub mod metrics;
pub mod paint;
pub mod telemetry;
