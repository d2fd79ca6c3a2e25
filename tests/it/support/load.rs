//! About a hundred requests a second that are asked for one answer each, while a test does something to the world.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::client::{Client, Connection, request};
use super::gateway::Gateway;
use super::within;

/// A token, and every status that is right for it.
#[derive(Clone, Debug)]
pub struct Probe {
    pub name: String,
    pub token: String,
    pub wanted: &'static [u16],
}

/// A probe.
pub fn probe(name: &str, token: &str, wanted: &'static [u16]) -> Probe {
    Probe { name: name.to_owned(), token: token.to_owned(), wanted }
}

/// How many connections ask with one list of probes, each twenty times a second.
#[derive(Clone, Copy, Debug)]
pub struct Lanes {
    /// With those that get in: nothing that happens to the others may delay them.
    pub good: usize,
    /// With those that do not.
    pub bad: usize,
}

/// What is asked at the moment, and what came back so far.
pub struct Load {
    good: Lane,
    bad: Lane,
    stop: AtomicBool,
    wrong: Mutex<Vec<String>>,
}

#[derive(Default)]
struct Lane {
    probes: Mutex<Arc<Vec<Probe>>>,
    /// Answers so far; also says which probe is next.
    answers: AtomicUsize,
}

impl Load {
    /// Keeps `gateway` busy while `script` runs, and fails when an answer was wrong. Says how many there were.
    pub fn run(gateway: &Gateway, lanes: Lanes, script: impl FnOnce(&Self)) -> usize {
        let load =
            Self { good: Lane::default(), bad: Lane::default(), stop: AtomicBool::new(false), wrong: Mutex::default() };
        let client = gateway.client();
        std::thread::scope(|scope| {
            for (lane, count) in [(&load.good, lanes.good), (&load.bad, lanes.bad)] {
                for _ in 0..count {
                    scope.spawn(|| load.drive(lane, &client));
                }
            }
            // Also when the script panics: a scope waits for its threads.
            let _stop = Stop(&load.stop);
            script(&load);
        });
        let wrong = load.wrong.into_inner().unwrap();
        let all = load.good.answers.into_inner() + load.bad.answers.into_inner();
        assert!(wrong.is_empty(), "{} of {all} answers are wrong: {:#?}", wrong.len(), &wrong[..wrong.len().min(10)]);
        all
    }

    /// From now on those with `good` tokens get what they should, and so do those with `bad` ones. What is asked at this
    /// moment is not judged.
    pub fn expect(&self, good: Vec<Probe>, bad: Vec<Probe>) {
        *self.good.probes.lock().unwrap() = Arc::new(good);
        *self.bad.probes.lock().unwrap() = Arc::new(bad);
    }

    /// Waits until `count` more of the good were answered.
    pub fn more(&self, count: usize) {
        let before = self.good.answers.load(Ordering::SeqCst);
        within(Duration::from_mins(1), "more answers", || {
            (self.good.answers.load(Ordering::SeqCst) >= before + count).then_some(())
        });
    }

    fn drive(&self, lane: &Lane, client: &Client) {
        let mut connection = client.connect();
        let mut next = Instant::now();
        while !self.stop.load(Ordering::SeqCst) {
            let probes = Arc::clone(&lane.probes.lock().unwrap());
            if let Some(probe) = probes.get(lane.answers.fetch_add(1, Ordering::SeqCst) % probes.len().max(1)) {
                let status = ask(&mut connection, probe);
                let same = Arc::ptr_eq(&probes, &lane.probes.lock().unwrap());
                if same && !probe.wanted.contains(&status) {
                    self.wrong.lock().unwrap().push(format!("{}: {status}", probe.name));
                }
                if status == 0 {
                    connection = client.connect();
                }
            }
            // Who is late does not hurry: the rate is a ceiling.
            next = (next + Duration::from_millis(50)).max(Instant::now());
            std::thread::sleep(next.saturating_duration_since(Instant::now()));
        }
    }
}

/// The status; 0 for a connection that ends without an answer.
fn ask(connection: &mut Connection, probe: &Probe) -> u16 {
    connection.send(request("GET", "/varz", Some(&probe.token), "").as_bytes());
    connection.response(false).map_or(0, |answer| answer.status)
}

struct Stop<'load>(&'load AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}
