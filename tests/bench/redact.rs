//! What redaction costs: bodies with the shapes of NATS' answers through plans, as a ratio to memcpy of the same body.
//!
//! First it counts, which comes out the same on every machine: a warm engine asks the heap for nothing while bodies go
//! through. `cargo test` does no more than this. `make bench-redact` measures as well, beside `serde_json`,
//! simd-json and, where they are on PATH, jq and jaq: processor time, all ways in turn, the median of several rounds. `ROUNDS=30` asks
//! for more of them, `ONLY=connz` for the bodies whose names begin so.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "a bench fails by panicking, and prints what it finds"
)]
#![allow(unreachable_pub, reason = "a bench exports nothing")]

use std::hint::black_box;
use std::slice::Chunks;
use std::sync::Arc;

use rustix::time::{ClockId, clock_gettime};

use monward::redact::{Action, BodyKind, Kernel, Plan, Pseudonyms, Redactor, Rule, Selector};

mod allocations;
mod bodies;
mod peers;

use bodies::Layout;

#[global_allocator]
static HEAP: allocations::Counting = allocations::Counting;

/// Bytes of a chunk, as they come from an upstream.
const CHUNK: usize = 64 * 1024;
/// Other sizes of chunks that are measured.
const CHUNKS: [usize; 3] = [1024, 4 * 1024, 16 * 1024];
/// How often each way is measured, unless `ROUNDS` says otherwise.
const ROUNDS: usize = 11;
/// Bytes that one measurement goes over at least.
const ENOUGH: usize = 16 << 20;

/// Makes a body.
type Maker = fn() -> Vec<u8>;

/// Something that goes once over a body.
struct Way<'a> {
    name: String,
    run: Box<dyn FnMut() + 'a>,
}

fn way<'a>(name: &str, run: impl FnMut() + 'a) -> Way<'a> {
    Way { name: name.to_owned(), run: Box::new(run) }
}

fn plan(rules: &[(&str, Action)]) -> Arc<Plan> {
    let rule = |(path, action): &(&str, Action)| Rule::new(Selector::parse(path).unwrap(), *action);
    Plan::compile(BodyKind::Json, rules.iter().map(rule).collect()).unwrap()
}

fn plans() -> [(&'static str, Arc<Plan>); 3] {
    [
        ("no hit", plan(&[("$..no_such_name", Action::Remove)])),
        ("$..jwt", plan(&[("$..jwt", Action::Remove)])),
        (
            "five rules",
            plan(&[
                ("$..jwt", Action::Remove),
                ("$..issuer_key", Action::Remove),
                ("$..tls_peer_certs", Action::Remove),
                ("$..ip", Action::Mask),
                ("$..authorized_user", Action::Mask),
            ]),
        ),
    ]
}

/// Sends `body` through `plan` in chunks; what leaves is taken away after each, as a writer to a socket does.
fn redact(plan: &Arc<Plan>, kernel: Kernel, chunks: Chunks<u8>, out: &mut Vec<u8>) {
    let mut redactor = Redactor::new(Arc::clone(plan), Arc::new(Pseudonyms::new(&[7; 32]))).with_kernel(kernel);
    for chunk in chunks {
        out.clear();
        redactor.push(chunk, out).unwrap();
        black_box(&out);
    }
    redactor.finish(out).unwrap();
}

/// What the heap is asked for while a warm engine takes body after body of one array.
fn allocations(plan: &Arc<Plan>, body: &[u8]) -> (usize, usize) {
    let mut redactor = Redactor::new(Arc::clone(plan), Arc::new(Pseudonyms::new(&[7; 32])));
    let mut out = Vec::with_capacity(2 * CHUNK);
    redactor.push(b"[", &mut out).unwrap();
    let mut next = || {
        for chunk in body.chunks(1500).chain([b",".as_slice()]) {
            out.clear();
            redactor.push(chunk, &mut out).unwrap();
        }
    };
    next();
    next();
    allocations::count(next)
}

/// How often the heap is asked for one body in a new engine.
fn cold(body: &[u8]) -> usize {
    let (plan, mut out) = (plan(&[("$..jwt", Action::Remove)]), Vec::with_capacity(2 * CHUNK));
    allocations::count(|| redact(&plan, Kernel::best(), body.chunks(CHUNK), &mut out)).0
}

fn counted() {
    for body in [bodies::connz(50, Layout::Pretty), bodies::accountz(5), bodies::jsz(5), bodies::varz()] {
        for (name, plan) in plans() {
            let asked = allocations(&plan, &body);
            assert_eq!(asked, (0, 0), "{name}: (allocations, bytes) of a warm engine");
        }
    }
    println!("a warm engine asks the heap for nothing");
}

/// Processor time of this thread, in seconds.
fn clock() -> f64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    now.tv_sec as f64 + now.tv_nsec as f64 / 1e9
}

/// Seconds for one run of each way, smallest first. The ways take turns, so that they share the noise.
fn measure(ways: &mut [Way], repeat: usize) -> Vec<Vec<f64>> {
    let rounds = std::env::var("ROUNDS").map_or(ROUNDS, |rounds| rounds.parse().unwrap());
    let mut times = vec![Vec::new(); ways.len()];
    for round in 0..=rounds {
        for (way, times) in ways.iter_mut().zip(&mut times) {
            let start = clock();
            (0..repeat).for_each(|_| (way.run)());
            // The first round warms up.
            if round > 0 {
                times.push((clock() - start) / repeat as f64);
            }
        }
    }
    for times in &mut times {
        times.sort_by(f64::total_cmp);
    }
    times
}

/// Measures `ways` over `body`, the first of which is memcpy.
fn show(body: &[u8], ways: &mut [Way]) {
    let times = measure(ways, (ENOUGH / body.len()).max(1));
    let median = |times: &[f64]| times[times.len() / 2];
    let limit = median(&times[0]);
    for (way, times) in ways.iter().zip(&times) {
        let time = median(times);
        // Between the quarters: half of all rounds are nearer to the median.
        let spread = (times[times.len() * 3 / 4] - times[times.len() / 4]) / time * 100.0;
        let (rate, ratio) = (body.len() as f64 / time / 1e6, limit / time);
        println!("  {:<28} {rate:9.1} MB/s  {ratio:7.4} of memcpy  (spread {spread:.0} %)", way.name);
    }
}

fn measured() {
    let only = std::env::var("ONLY").unwrap_or_default();
    let bodies: [(&str, Maker); 7] = [
        ("connz", || bodies::connz(11_500, Layout::Pretty)),
        ("connz, minified", || bodies::connz(11_500, Layout::Minified)),
        ("accountz", || bodies::accountz(1_500)),
        ("jsz", || bodies::jsz(9_000)),
        ("varz", bodies::varz),
        ("dense objects", || bodies::dense(500_000)),
        ("escapes", || bodies::escapes(500_000)),
    ];
    for (name, body) in bodies.into_iter().filter(|(name, _)| name.starts_with(&only)) {
        let body = &body();
        println!("\n{name}, {:.1} kB", body.len() as f64 / 1e3);
        let mut copy = vec![0; body.len()];
        let mut ways = vec![way("memcpy", move || black_box(&mut copy).copy_from_slice(black_box(body)))];
        let jwt = plan(&[("$..jwt", Action::Remove)]);
        let mut add = |name: String, plan: &Arc<Plan>, kernel: Kernel, size: usize| {
            let (plan, mut out) = (Arc::clone(plan), Vec::with_capacity(2 * CHUNK));
            ways.push(way(&name, move || redact(&plan, kernel, body.chunks(size), &mut out)));
        };
        for (rules, plan) in plans() {
            add(rules.to_owned(), &plan, Kernel::best(), CHUNK);
        }
        for kernel in Kernel::all() {
            add(format!("$..jwt, {kernel}"), &jwt, kernel, CHUNK);
        }
        for size in CHUNKS.into_iter().filter(|size| *size < body.len()) {
            add(format!("$..jwt, chunks of {} KiB", size / 1024), &jwt, Kernel::best(), size);
        }
        ways.push(way("serde_json, round trip", || peers::serde_json(body)));
        let mut input = Vec::new();
        ways.push(way("simd-json, round trip", move || peers::simd_json(body, &mut input)));
        println!("  {} allocations of a new engine", cold(body));
        show(body, &mut ways);
        if name == "connz" {
            peers::programs(body);
        }
    }
}

fn main() {
    counted();
    if std::env::args().any(|argument| argument == "--bench") {
        measured();
    }
}
