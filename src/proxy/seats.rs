//! How many connections there may be: in all, and from one source.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::authn::network;

/// The seats of one listener.
#[derive(Debug)]
pub(super) struct Seats {
    total: usize,
    per_source: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    total: usize,
    sources: HashMap<IpAddr, usize>,
}

/// One connection's seat; free again when dropped.
#[derive(Debug)]
pub(super) struct Seat {
    seats: Arc<Seats>,
    source: IpAddr,
}

/// Why there is no seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Full {
    /// All are taken.
    Total,
    /// All that one source may have are taken.
    Source,
}

impl Full {
    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::Total => "too_many_connections",
            Self::Source => "too_many_from_source",
        }
    }
}

impl Seats {
    pub(super) fn new(total: usize, per_source: usize) -> Arc<Self> {
        Arc::new(Self { total, per_source, taken: Mutex::default() })
    }

    /// A seat for a connection from `source`; an IPv6 source is its /64, which one host owns.
    pub(super) fn take(self: &Arc<Self>, source: IpAddr) -> Result<Seat, Full> {
        let source = network(source);
        let mut taken = self.taken.lock();
        if taken.total >= self.total {
            return Err(Full::Total);
        }
        let count = taken.sources.entry(source).or_insert(0);
        if *count >= self.per_source {
            return Err(Full::Source);
        }
        *count += 1;
        taken.total += 1;
        Ok(Seat { seats: Arc::clone(self), source })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.seats.taken.lock();
        taken.total = taken.total.saturating_sub(1);
        if let Some(count) = taken.sources.get_mut(&self.source) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                taken.sources.remove(&self.source);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seats_are_bounded_in_all_and_per_source_and_come_back() {
        let seats = Seats::new(3, 2);
        let (a, b): (IpAddr, IpAddr) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        let first = seats.take(a).unwrap();
        let _second = seats.take(a).unwrap();
        assert_eq!(seats.take(a).unwrap_err(), Full::Source);
        let third = seats.take(b).unwrap();
        assert_eq!(seats.take(b).unwrap_err(), Full::Total);
        drop(third);
        drop(first);
        let _again = seats.take(a).unwrap();
        assert_eq!(seats.taken.lock().sources.len(), 1, "a source without connections is forgotten");
    }

    #[test]
    fn one_ipv6_host_cannot_look_like_many() {
        let seats = Seats::new(10, 1);
        let _seat = seats.take("2001:db8::1".parse().unwrap()).unwrap();
        assert_eq!(seats.take("2001:db8::ffff".parse().unwrap()).unwrap_err(), Full::Source);
        assert!(seats.take("2001:db8:0:1::1".parse().unwrap()).is_ok());
    }
}
