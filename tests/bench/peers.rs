//! What else takes a field out of JSON.

use std::fs::File;
use std::hint::black_box;
use std::process::{Command, Stdio};

use simd_json::BorrowedValue;
use simd_json::prelude::{ValueAsMutArray, ValueAsMutObject, Writable};

/// Reads a body into a tree, takes each `jwt` out, and writes it.
pub fn serde_json(body: &[u8]) {
    let mut tree = serde_json::from_slice(body).unwrap();
    without_jwt(&mut tree);
    black_box(serde_json::to_vec(&tree).unwrap());
}

fn without_jwt(tree: &mut serde_json::Value) {
    if let Some(members) = tree.as_object_mut() {
        members.remove("jwt");
        members.values_mut().for_each(without_jwt);
    } else if let Some(elements) = tree.as_array_mut() {
        elements.iter_mut().for_each(without_jwt);
    }
}

/// As [`serde_json`], with a tree that borrows from a copy of the body.
pub fn simd_json(body: &[u8], copy: &mut Vec<u8>) {
    copy.clear();
    copy.extend_from_slice(body);
    let mut tree = simd_json::to_borrowed_value(copy).unwrap();
    without_borrowed_jwt(&mut tree);
    black_box(tree.encode());
}

fn without_borrowed_jwt(tree: &mut BorrowedValue) {
    if let Some(members) = tree.as_object_mut() {
        members.remove("jwt");
        members.values_mut().for_each(without_borrowed_jwt);
    } else if let Some(elements) = tree.as_array_mut() {
        elements.iter_mut().for_each(without_borrowed_jwt);
    }
}

/// The programs that a user would take, once each: they need seconds.
pub fn programs(body: &[u8]) {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), body).unwrap();
    for (program, filter) in [("jq", "del(..|.jwt?)"), ("jaq", "del(..|.jwt?)")] {
        let before = children();
        let mut command = Command::new(program);
        command.arg(filter).stdin(File::open(file.path()).unwrap()).stdout(Stdio::null());
        match command.status() {
            Ok(status) if status.success() => {
                let time = children() - before;
                println!("  {program:<28} {:9.1} MB/s  (one run, with its start)", body.len() as f64 / time / 1e6);
            }
            Ok(status) => println!("  {program:<28} failed: {status}"),
            Err(_) => println!("  {program:<28} is not on PATH"),
        }
    }
}

/// Processor time of the processes that were waited for, in seconds.
fn children() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    // `proc_pid_stat(5)`: cutime and cstime are fields 16 and 17; the name, field 2, may hold anything.
    let fields = stat.rsplit(')').next().unwrap().split_whitespace();
    let ticks: u64 = fields.skip(13).take(2).map(|field| field.parse::<u64>().unwrap()).sum();
    ticks as f64 / 100.0
}
