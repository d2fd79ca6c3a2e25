//! Wrong keys, and whom they stop.

use std::net::IpAddr;

use super::super::{Attempts, TokenFault};
use crate::types::UnixTime;

const NOW: u64 = 1_800_000_000;

fn at(second: u64) -> UnixTime {
    UnixTime::from_secs(NOW + second)
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// `count` wrong keys for `user` from `source` at `second`.
fn wrong(attempts: &mut Attempts, user: &str, source: &str, second: u64, count: u32) {
    for _ in 0..count {
        attempts.wrong(user, ip(source), at(second));
    }
}

fn may(attempts: &Attempts, user: &str, source: &str, second: u64) -> bool {
    match attempts.check(user, ip(source), at(second)) {
        Ok(()) => true,
        Err(fault) => {
            assert_eq!(fault, TokenFault::Attempts);
            false
        }
    }
}

#[test]
fn ten_wrong_keys_from_one_source_stop_it_for_every_name_until_the_minute_is_over() {
    let mut attempts = Attempts::new();
    for number in 0..10 {
        assert!(may(&attempts, "a", "192.0.2.1", number), "{number}");
        wrong(&mut attempts, &format!("user {number}"), "192.0.2.1", number, 1);
    }
    for second in [10, 59] {
        assert!(!may(&attempts, "a", "192.0.2.1", second));
        assert!(!may(&attempts, "user 3", "192.0.2.1", second));
        assert!(may(&attempts, "a", "192.0.2.2", second), "a neighbour is not stopped");
    }
    assert!(may(&attempts, "a", "192.0.2.1", 60));
}

#[test]
fn a_minute_begins_with_the_first_wrong_key_and_is_not_drawn_out_by_more() {
    let mut attempts = Attempts::new();
    wrong(&mut attempts, "a", "192.0.2.1", 0, 9);
    wrong(&mut attempts, "a", "192.0.2.1", 59, 1);
    assert!(!may(&attempts, "a", "192.0.2.1", 59));
    assert!(may(&attempts, "a", "192.0.2.1", 60));
    wrong(&mut attempts, "a", "192.0.2.1", 61, 9);
    assert!(may(&attempts, "a", "192.0.2.1", 61), "the next minute counts from one again");
    wrong(&mut attempts, "a", "192.0.2.1", 120, 1);
    assert!(!may(&attempts, "a", "192.0.2.1", 120));
    assert!(may(&attempts, "a", "192.0.2.1", 121));
}

#[test]
fn an_ipv6_network_of_64_bits_is_one_source_and_a_mapped_address_the_one_it_maps() {
    let mut attempts = Attempts::new();
    for number in 0..10 {
        wrong(&mut attempts, "a", &format!("2001:db8:0:1::{number}"), 0, 1);
    }
    assert!(!may(&attempts, "b", "2001:db8:0:1:ffff::1", 1));
    assert!(may(&attempts, "b", "2001:db8:0:2::1", 1));
    wrong(&mut attempts, "a", "::ffff:192.0.2.1", 0, 10);
    assert!(!may(&attempts, "b", "192.0.2.1", 1));
    assert!(may(&attempts, "b", "::ffff:192.0.2.2", 1));
}

#[test]
fn thirty_wrong_keys_for_one_name_stop_it_from_everywhere() {
    let mut attempts = Attempts::new();
    for number in 0..30 {
        assert!(may(&attempts, "a", "192.0.2.1", 0), "{number}");
        wrong(&mut attempts, "a", &format!("198.51.100.{number}"), 0, 1);
    }
    assert!(!may(&attempts, "a", "192.0.2.1", 1));
    assert!(may(&attempts, "b", "192.0.2.1", 1), "another name is not stopped");
    assert!(may(&attempts, "a", "192.0.2.1", 60));
}

#[test]
fn who_came_with_the_right_key_lately_is_stopped_neither_by_strangers_nor_by_neighbours() {
    let mut attempts = Attempts::new();
    attempts.right("grafana", ip("192.0.2.1"), at(0));
    for number in 0..30 {
        wrong(&mut attempts, "grafana", &format!("198.51.100.{number}"), 1, 1);
    }
    wrong(&mut attempts, "other", "192.0.2.1", 1, 10);
    assert!(!may(&attempts, "other", "192.0.2.1", 2));
    assert!(!may(&attempts, "grafana", "192.0.2.2", 2));
    assert!(may(&attempts, "grafana", "192.0.2.1", 2));
}

#[test]
fn who_came_with_the_right_key_lately_may_not_guess_either() {
    let mut attempts = Attempts::new();
    attempts.right("grafana", ip("192.0.2.1"), at(0));
    wrong(&mut attempts, "grafana", "192.0.2.1", 1, 9);
    assert!(may(&attempts, "grafana", "192.0.2.1", 2));
    wrong(&mut attempts, "grafana", "192.0.2.1", 2, 1);
    assert!(!may(&attempts, "grafana", "192.0.2.1", 3));
    assert!(may(&attempts, "other", "192.0.2.1", 3), "these count for this name from there alone");
    assert!(may(&attempts, "grafana", "192.0.2.2", 3));
    assert!(may(&attempts, "grafana", "192.0.2.1", 61));
}

#[test]
fn a_right_key_speaks_for_its_source_for_an_hour_and_each_one_anew() {
    let attacked = |last_right: &[u64], second: u64| {
        let mut attempts = Attempts::new();
        for right in last_right {
            attempts.right("grafana", ip("192.0.2.1"), at(*right));
        }
        wrong(&mut attempts, "other", "192.0.2.1", second, 10);
        may(&attempts, "grafana", "192.0.2.1", second)
    };
    assert!(attacked(&[0], 3599));
    assert!(!attacked(&[0], 3600));
    assert!(attacked(&[0, 1800], 5399));
    assert!(!attacked(&[0, 1800], 5400));
}

#[test]
fn the_memory_is_bounded_and_the_oldest_go_first() {
    let mut attempts = Attempts::with_room(8);
    wrong(&mut attempts, "a", "192.0.2.1", 0, 10);
    assert!(!may(&attempts, "a", "192.0.2.1", 1));
    for number in 0..3 {
        wrong(&mut attempts, &format!("user {number}"), &format!("198.51.100.{number}"), 1, 10);
    }
    assert!(!may(&attempts, "a", "192.0.2.1", 1), "there is just room");
    wrong(&mut attempts, "user 3", "198.51.100.3", 1, 10);
    assert!(may(&attempts, "a", "192.0.2.1", 1));
    assert!(!may(&attempts, "x", "198.51.100.3", 1));
    for number in 0..100 {
        wrong(&mut attempts, &format!("user {number}"), &format!("203.0.113.{number}"), 2, 1);
        attempts.right(&format!("user {number}"), ip("192.0.2.7"), at(2));
    }
    assert_eq!(attempts.sizes(), (8, 8));
    wrong(&mut attempts, "b", "192.0.2.1", 62, 1);
    assert_eq!(attempts.sizes(), (2, 8), "what has expired goes");
}

#[test]
fn a_clock_that_was_set_back_locks_nobody_for_longer() {
    let mut attempts = Attempts::new();
    wrong(&mut attempts, "a", "192.0.2.1", 3600, 10);
    assert!(!may(&attempts, "a", "192.0.2.1", 3600));
    assert!(may(&attempts, "a", "192.0.2.1", 0));
    wrong(&mut attempts, "a", "192.0.2.1", 0, 10);
    assert!(!may(&attempts, "a", "192.0.2.1", 0));
    assert!(may(&attempts, "a", "192.0.2.1", 60));
}
