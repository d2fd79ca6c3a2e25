//! The commands: one file each; arguments in, exit code out.
//!
//! 0 is success, 1 is "no" (faults found, a request denied, a tour that went wrong), 2 is wrong usage.

mod check;
mod demo;
mod diff;
mod doctor;
mod explain;
mod learn;
mod policies;
mod records;
mod redact;
mod schema;
mod serve;
mod why;

use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use serde::Serialize;

use crate::audit::ascii_json;
use crate::document::Fault;
use crate::ops::paint::Paint;

/// Identity-aware reverse proxy for monitoring endpoints.
#[derive(Debug, Parser)]
#[command(name = "monward", version, about, propagate_version = true, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Guard an upstream: listen, decide, redact, record
    Serve(serve::Arguments),
    /// Find every fault in configurations and policies, and run the policies' cases
    Check(check::Arguments),
    /// Say what a policy does with one request, and why
    Explain(Box<explain::Arguments>),
    /// Compare two policies, in general or for the requests of the past
    Diff(diff::Arguments),
    /// Write the least policy for what was seen
    Learn(learn::Arguments),
    /// Take out of a body what a redaction set takes out, or say what that is
    Redact(redact::Arguments),
    /// Ask the upstreams what the policies open; with --canary, prove that nothing leaves that must not
    Doctor(doctor::Arguments),
    /// Say what happened to one request, by its id in the audit records
    Why(why::Arguments),
    /// Print the JSON Schema of a kind of file
    Schema(schema::Arguments),
    /// Show it all on this machine, with nothing to set up
    Demo(demo::Arguments),
}

/// Runs the command line of this process.
#[must_use]
pub fn run() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Explain(arguments) => explain::run(&arguments),
        Command::Diff(arguments) => diff::run(&arguments),
        Command::Learn(arguments) => learn::run(&arguments),
        Command::Redact(arguments) => redact::run(&arguments),
        Command::Doctor(arguments) => doctor::run(&arguments),
        Command::Why(arguments) => why::run(&arguments),
        Command::Schema(arguments) => schema::run(&arguments),
        Command::Demo(arguments) => demo::run(&arguments),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            complain(format_args!("monward: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Says what was wrong with the question; the exit code for that.
fn wrong(error: &anyhow::Error) -> ExitCode {
    complain(format_args!("monward: {error:#}"));
    ExitCode::from(2)
}

/// A line on standard error; nobody is there to hear when that fails. What a file spelled cannot move the terminal.
fn complain(line: impl Display) {
    let _ = writeln!(io::stderr(), "{}", visible(&line.to_string()));
}

/// `text` with its control characters escaped, line feeds excepted.
fn visible(text: &str) -> String {
    let control = |character: char| character.is_control() && character != '\n';
    text.split_inclusive(control).map(escape_last).collect()
}

/// `text` with its last character escaped when it is a control character.
fn escape_last(text: &str) -> String {
    match text.char_indices().next_back() {
        Some((at, last)) if last.is_control() && last != '\n' => {
            format!("{}{}", text.get(..at).unwrap_or_default(), last.escape_default())
        }
        Some(_) | None => text.to_owned(),
    }
}

/// Text on standard output; a closed pipe is the reader's choice.
fn say(text: impl Display) {
    let _ = write!(io::stdout(), "{text}");
}

/// A report on standard output, in colour on a terminal. What a file or a record spelled cannot move the terminal.
fn show(report: impl Display) {
    let paint = Paint::of_stdout();
    let lines: Vec<String> = report.to_string().lines().map(|line| tinted(paint, line)).collect();
    say(lines.join("\n") + "\n");
}

/// One value as one line of JSON on standard output.
fn show_json(value: &impl Serialize) -> anyhow::Result<()> {
    say(ascii_json(value)? + "\n");
    Ok(())
}

/// A line of a report: what is good in green, what is bad in red, what is otherwise in yellow.
fn tinted(paint: Paint, line: &str) -> String {
    const TINTS: [(&str, &str); 12] = [
        ("decision  allow", "32"),
        ("decision  permit", "32"),
        ("decision  deny", "31"),
        ("decision  withhold", "31"),
        ("  remove  ", "31"),
        ("  null  ", "33"),
        ("  mask  ", "33"),
        ("  pseudonym  ", "33"),
        ("  truncate_ip  ", "33"),
        ("  + ", "32"),
        ("  - ", "31"),
        ("  ~ ", "33"),
    ];
    let safe = visible(line);
    match TINTS.iter().find(|(start, _)| safe.starts_with(start)) {
        Some((_, code)) => paint.painted(code, &safe),
        None => safe,
    }
}

/// All faults, a line each, and how many there are.
fn complain_all(faults: &[Fault]) {
    faults.iter().for_each(complain);
    complain(match faults.len() {
        1 => "1 fault".to_owned(),
        count => format!("{count} faults"),
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_coloured_for_terminals_and_moves_none() {
        for (line, plain, coloured) in [
            ("decision  allow", "decision  allow", "\u{1b}[32mdecision  allow\u{1b}[0m"),
            ("decision  withhold", "decision  withhold", "\u{1b}[31mdecision  withhold\u{1b}[0m"),
            ("  ~ /varz", "  ~ /varz", "\u{1b}[33m  ~ /varz\u{1b}[0m"),
            ("rule      a\u{1b}[2Jb", "rule      a\\u{1b}[2Jb", "rule      a\\u{1b}[2Jb"),
        ] {
            assert_eq!(tinted(Paint::Plain, line), plain);
            assert_eq!(tinted(Paint::Colour, line), coloured);
        }
    }
}
