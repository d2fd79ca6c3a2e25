//! The `monward` command: parses its arguments, calls the library, exits with its code.

use std::process::ExitCode;

fn main() -> ExitCode {
    monward::cli::run()
}
