//! Counting with a clock that stands still until it is told to move.

use std::sync::Arc;
use std::time::Duration;

use governor::clock::FakeRelativeClock;
use serde_json::Map;

use super::{Admitted, Exceeded, Limiter};
use crate::authn::Principal;
use crate::authz::{Circumstances, Decision, Permit, Policy};
use crate::catalog::Catalogs;

struct Bench {
    policy: Policy,
    limiter: Limiter<FakeRelativeClock>,
    clock: FakeRelativeClock,
}

/// Anybody may read `varz` and `connz` under `limit`, and `routez` without one.
fn bench(limit: &str) -> Bench {
    bench_with_room(limit, 1000)
}

fn bench_with_room(limit: &str, cells: usize) -> Bench {
    let text = format!(
        "version: 1\ncatalog: nats\nrules:\n  - {{ id: scrape, endpoints: [varz, connz], allow: any, limit: {limit} }}\n  \
         - {{ id: free, endpoints: [routez], allow: any }}\n  \
         - {{ id: other, endpoints: [jsz], allow: any, limit: {{ rate: 1/hour }} }}\n"
    );
    bench_of(&text, cells)
}

fn bench_of(text: &str, cells: usize) -> Bench {
    let policy = Policy::parse("p.yaml", text, &Catalogs::builtin()).unwrap();
    let clock = FakeRelativeClock::default();
    let limiter = Limiter::with_room(policy.limits(), clock.clone(), cells);
    Bench { policy, limiter, clock }
}

fn who(issuer: &str, subject: &str) -> Principal {
    Principal::supposed(issuer.to_owned(), subject.to_owned(), Map::new())
}

impl Bench {
    fn permit(&self, who: &Principal, target: &str) -> Permit {
        let resource = self.policy.catalog().resolve(b"GET", target.as_bytes()).unwrap();
        match self.policy.decide(who, resource, &Circumstances::default()) {
            Decision::Permit(permit) => permit,
            Decision::Deny(refused) => panic!("{refused:?}"),
        }
    }

    fn ask(&self, who: &Principal, target: &str) -> Result<Admitted, Exceeded> {
        self.limiter.admit(self.permit(who, target), who).map_err(|away| away.into_parts().1)
    }

    /// How many of `tries` requests get through.
    fn passed(&self, who: &Principal, target: &str, tries: usize) -> usize {
        (0..tries).filter(|_| self.ask(who, target).is_ok()).count()
    }

    fn advance(&self, seconds: f64) {
        self.clock.advance(Duration::from_secs_f64(seconds));
    }
}

#[test]
fn what_is_shown_besides_is_no_second_budget() {
    let text = "
version: 1
catalog: nats
roles:
  scraper: [{ token: { issuer: corp, subject: [s] } }]
  both: [{ all_of: [{ token: { issuer: corp } }, { token: { issuer: door } }] }]
rules:
  - { id: scrape, endpoints: [varz], allow: [scraper], limit: { rate: 1/min, burst: 2 } }
  - { id: pairs, endpoints: [connz], allow: [both], limit: { rate: 1/min, burst: 2 } }
";
    let policy = Policy::parse("p.yaml", text, &Catalogs::builtin()).unwrap();
    let clock = FakeRelativeClock::default();
    let limiter = Limiter::with_room(policy.limits(), clock.clone(), 1000);
    let bench = Bench { policy, limiter, clock };
    let scraper = who("corp", "s");
    assert_eq!(bench.passed(&scraper, "/varz", 5), 2);
    for number in 0..5 {
        let other = who("other", &format!("x{number}"));
        assert_eq!(bench.passed(&other.and(&scraper), "/varz", 2), 0, "another one speaks: {number}");
        assert_eq!(bench.passed(&scraper.and(&other), "/varz", 2), 0, "another one is there: {number}");
    }
    let person = |subject| who("corp", "gate").and(&who("door", subject));
    assert_eq!(bench.passed(&person("a"), "/connz", 5), 2);
    assert_eq!(bench.passed(&person("b"), "/connz", 5), 2, "where both are asked for, both are who is counted");
}

#[test]
fn a_burst_passes_and_then_one_each_pause() {
    let (bench, someone) = (bench("{ rate: 6/min, burst: 3 }"), who("corp", "s"));
    assert_eq!(bench.passed(&someone, "/varz", 10), 3);
    bench.advance(9.9);
    assert_eq!(bench.passed(&someone, "/varz", 10), 0);
    bench.advance(0.1);
    assert_eq!(bench.passed(&someone, "/varz", 10), 1);
    bench.advance(3600.0);
    assert_eq!(bench.passed(&someone, "/varz", 10), 3, "a long pause gives the burst back and no more");
}

#[test]
fn the_burst_is_one_unless_written() {
    let (bench, someone) = (bench("{ rate: 6/min }"), who("corp", "s"));
    assert_eq!(bench.passed(&someone, "/varz", 10), 1);
}

#[test]
fn in_the_long_run_the_rate_holds() {
    for (rate, seconds, most) in [("6/min", 3600, 360), ("1/s", 600, 600), ("7/h", 36000, 70), ("90/min", 600, 900)] {
        let (bench, someone) = (bench(&format!("{{ rate: {rate}, burst: 2 }}")), who("corp", "s"));
        let mut passed = 0;
        for _ in 0..seconds * 2 {
            passed += bench.passed(&someone, "/varz", 2);
            bench.advance(0.5);
        }
        assert!((most..=most + 2).contains(&passed), "{rate}: {passed} of {most}");
    }
}

#[test]
fn a_refused_request_costs_nothing() {
    let (bench, someone) = (bench("{ rate: 6/min, burst: 1 }"), who("corp", "s"));
    assert_eq!(bench.passed(&someone, "/varz", 1), 1);
    for _ in 0..99 {
        bench.advance(0.1);
        assert_eq!(bench.passed(&someone, "/varz", 1), 0);
    }
    bench.advance(0.1);
    assert_eq!(bench.passed(&someone, "/varz", 1), 1, "asking in vain did not put it off");
}

#[test]
fn i01_nobody_uses_up_what_is_anothers() {
    let bench = bench("{ rate: 6/min, burst: 2 }");
    let someone = who("corp", "s");
    assert_eq!(bench.passed(&someone, "/varz", 5), 2);
    for (other, target) in [
        (who("corp", "t"), "/varz"),
        (who("corp2", "s"), "/varz"),
        (who("cor", "ps"), "/varz"),
        (who("corp", "s"), "/connz"),
    ] {
        assert_eq!(bench.passed(&other, target, 5), 2, "{other:?} {target}");
    }
    assert_eq!(bench.passed(&someone, "/connz?limit=1", 5), 0, "other arguments are the same endpoint");
    assert_eq!(bench.passed(&someone, "/routez", 1000), 1000, "a rule without a limit has none");
}

#[test]
fn i01_who_comes_too_often_is_told_when_to_come_back() {
    let (bench, someone) = (bench("{ rate: 6/min, burst: 3 }"), who("corp", "s"));
    assert_eq!(bench.passed(&someone, "/varz", 3), 3);
    for (pause, retry_after) in [(0.0, 10), (0.5, 10), (0.5, 9), (8.0, 1), (0.75, 1)] {
        bench.advance(pause);
        let exceeded = bench.ask(&someone, "/varz").unwrap_err();
        assert_eq!(exceeded.retry_after(), Duration::from_secs(retry_after), "after {pause}");
        assert_eq!(exceeded.policy_field(), "\"endpoint\";q=6;w=60");
        assert_eq!(exceeded.field(), format!("\"endpoint\";r=0;t={retry_after}"));
        assert_eq!(exceeded.limit().rule.as_str(), "scrape");
    }
    bench.advance(1.0);
    assert!(bench.ask(&someone, "/varz").is_ok(), "who waits as told gets through");
}

#[test]
fn who_waits_as_told_always_gets_through() {
    for rate in ["1/s", "7/s", "1000/s", "7/min", "59/min", "7/h", "1000000/s"] {
        let (bench, someone) = (bench(&format!("{{ rate: {rate}, burst: 2 }}")), who("corp", "s"));
        for round in 0..20 {
            assert!(bench.passed(&someone, "/varz", 3) <= 2, "{rate} round {round}");
            let exceeded = bench.ask(&someone, "/varz").unwrap_err();
            assert!(exceeded.retry_after() >= Duration::from_secs(1));
            bench.clock.advance(exceeded.retry_after());
            assert!(bench.ask(&someone, "/varz").is_ok(), "{rate} round {round}");
        }
    }
}

#[test]
fn a_permit_is_handed_on_as_it_was() {
    let (bench, someone) = (bench("{ rate: 6/min, burst: 1 }"), who("corp", "s"));
    let admitted = bench.ask(&someone, "/connz?limit=5").unwrap();
    assert_eq!(admitted.permit().rule().as_str(), "scrape");
    assert_eq!(bench.policy.catalog().render(admitted.permit().resource()), "/connz?limit=5");
    let away = bench.limiter.admit(bench.permit(&someone, "/connz?limit=6"), &someone).unwrap_err();
    assert_eq!(away.exceeded().retry_after(), Duration::from_secs(10));
    let (permit, _) = away.into_parts();
    assert_eq!(bench.policy.catalog().render(permit.resource()), "/connz?limit=6");
}

#[test]
fn a_limit_that_the_limiter_does_not_know_opens_nothing() {
    let (bench, someone) = (bench("{ rate: 6/min, burst: 9 }"), who("corp", "s"));
    let none = Limiter::new(&[], bench.clock.clone());
    let away = none.admit(bench.permit(&someone, "/varz"), &someone).unwrap_err();
    assert!(away.exceeded().retry_after() >= Duration::from_secs(1));
    assert!(none.admit(bench.permit(&someone, "/routez"), &someone).is_ok());
}

#[test]
fn i10_the_cells_are_bounded_and_given_back() {
    let bench = bench_with_room("{ rate: 6/min, burst: 2 }", 2000);
    let early = who("corp", "early");
    assert_eq!(bench.passed(&early, "/varz", 5), 2);
    let mut newcomers = 0;
    for number in 0..100_000 {
        newcomers += bench.passed(&who("corp", &number.to_string()), "/varz", 1);
    }
    assert!(bench.limiter.cells() <= 1000 + 16, "{}", bench.limiter.cells());
    assert!(newcomers >= 900, "those who found room: {newcomers}");
    assert!(newcomers <= 1000 + 16 + 16 * 2, "those who did not shared sixteen cells: {newcomers}");
    assert_eq!(bench.passed(&early, "/varz", 5), 0, "nobody got rid of a used-up share by the crowd");
    bench.advance(10.0);
    assert_eq!(bench.passed(&early, "/varz", 5), 1, "nor lost it");
    bench.limiter.sweep();
    assert!(bench.limiter.cells() > 0, "those who have not had their pause are kept");
    bench.advance(3600.0);
    bench.limiter.sweep();
    assert_eq!(bench.limiter.cells(), 0);
    assert_eq!(bench.passed(&who("corp", "late"), "/varz", 5), 2, "there is room again");
}

#[test]
fn a_sweep_changes_nobodys_share() {
    let (bench, someone) = (bench("{ rate: 6/min, burst: 3 }"), who("corp", "s"));
    assert_eq!(bench.passed(&someone, "/varz", 3), 3);
    for _ in 0..5 {
        bench.advance(1.9);
        bench.limiter.sweep();
        assert_eq!(bench.passed(&someone, "/varz", 3), 0);
    }
    bench.advance(0.5);
    bench.limiter.sweep();
    assert_eq!(bench.passed(&someone, "/varz", 3), 1);
    bench.advance(20.0);
    bench.limiter.sweep();
    assert_eq!(bench.passed(&someone, "/varz", 5), 2, "what came back, and not a whole burst");
}

#[test]
fn many_threads_get_no_more_than_one() {
    let bench = Arc::new(bench("{ rate: 1/hour, burst: 100 }"));
    let threads: Vec<_> = (0..8)
        .map(|_| {
            let bench = Arc::clone(&bench);
            std::thread::spawn(move || bench.passed(&who("corp", "s"), "/varz", 100))
        })
        .collect();
    let passed: usize = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
    assert_eq!(passed, 100);
}

#[test]
fn by_cost_a_request_counts_as_much_as_its_arguments_make_it_and_never_more_than_the_burst() {
    for (why, limit, target, passed, wait) in [
        ("each as one", "{ rate: 60/min, burst: 25 }", "/connz?auth=1", 25, 1),
        ("a plain one is one", "{ rate: 60/min, burst: 25, by: cost }", "/connz", 25, 1),
        ("decoding every token is twenty", "{ rate: 60/min, burst: 25, by: cost }", "/connz?auth=1", 1, 15),
        ("the burst is the most that one can take", "{ rate: 60/min, burst: 5, by: cost }", "/connz?auth=1", 1, 5),
    ] {
        let text = format!(
            "version: 1\ncatalog: nats\nrules:\n  - {{ id: r, endpoints: [connz], allow: any, args: {{ auth: allow }}, limit: {limit} }}\n"
        );
        let bench = bench_of(&text, 1000);
        let who = who("corp", "a");
        assert_eq!(bench.passed(&who, target, 100), passed, "{why}");
        bench.advance(f64::from(wait) - 0.1);
        assert_eq!(bench.passed(&who, target, 2), 0, "{why}: too early");
        bench.advance(0.2);
        assert_eq!(bench.passed(&who, target, 2), 1, "{why}: in time");
    }
}
