//! The limiter of one policy.

use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::num::NonZeroU32;

use governor::clock::{Clock, DefaultClock};
use governor::middleware::NoOpMiddleware;
use governor::{NotUntil, Quota, RateLimiter};

use crate::authn::Principal;
use crate::authz::{Limit, Permit, Unit};

use super::fields::Exceeded;
use super::store::{Cells, Key};

/// The proof that a permitted request did not come too often. Only [`Limiter::admit`] makes one, from a permit that
/// it uses up:
///
/// ```
/// use monward::{authz::Permit, quota::Admitted};
/// fn read(admitted: &Admitted) -> &Permit { admitted.permit() }
/// ```
/// ```compile_fail
/// use monward::{authz::Permit, quota::Admitted};
/// fn forge(permit: Permit) -> Admitted { Admitted { permit } }
/// ```
/// ```compile_fail
/// use monward::{authz::Permit, quota::Admitted};
/// fn copy(admitted: &Admitted) -> Admitted { admitted.clone() }
/// ```
#[derive(Debug)]
pub struct Admitted {
    permit: Permit,
}

impl Admitted {
    /// The permit, with its resource and obligations.
    #[must_use]
    pub const fn permit(&self) -> &Permit {
        &self.permit
    }
}

/// A permit that was turned away, and why.
#[derive(Debug)]
pub struct TurnedAway {
    permit: Permit,
    exceeded: Exceeded,
}

impl TurnedAway {
    /// Why.
    #[must_use]
    pub const fn exceeded(&self) -> &Exceeded {
        &self.exceeded
    }

    /// The permit, which still opens nothing, and why.
    #[must_use]
    pub fn into_parts(self) -> (Permit, Exceeded) {
        (self.permit, self.exceeded)
    }
}

type Counter<C> = RateLimiter<Key, Cells, C, NoOpMiddleware<<C as Clock>::Instant>>;

/// Counts requests against the limits of one policy. Shared by all threads.
///
/// A policy with the same [`Policy::limits`](crate::authz::Policy::limits) may keep its predecessor's limiter, so
/// that a reload gives nobody a fresh share.
#[derive(Debug)]
pub struct Limiter<C: Clock = DefaultClock> {
    limits: Vec<(Limit, Counter<C>)>,
    clock: C,
    hasher: RandomState,
}

impl<C: Clock + Clone> Limiter<C> {
    /// The most cells that all limits keep together; at 24 bytes and the map's slack about 60 MB.
    pub const MAX_CELLS: usize = 1 << 20;

    /// A limiter in which nobody has used anything yet.
    #[must_use]
    pub fn new(limits: &[Limit], clock: C) -> Self {
        Self::with_room(limits, clock, Self::MAX_CELLS)
    }

    /// As [`Limiter::new`], with room for `cells` of them.
    #[must_use]
    pub fn with_room(limits: &[Limit], clock: C, cells: usize) -> Self {
        let share = cells.checked_div(limits.len()).unwrap_or_default();
        let limiter = |limit: &Limit| RateLimiter::new(quota(limit), Cells::new(share), clock.clone());
        let limits = limits.iter().map(|limit| (limit.clone(), limiter(limit))).collect();
        Self { limits, clock, hasher: RandomState::new() }
    }

    /// Counts one request of `who`, by what it costs where the limit says so. A refused one costs nothing.
    ///
    /// # Errors
    /// When it comes too soon.
    pub fn admit(&self, permit: Permit, who: &Principal) -> Result<Admitted, Box<TurnedAway>> {
        match self.check(&permit, who) {
            Ok(()) => Ok(Admitted { permit }),
            Err(exceeded) => Err(Box::new(TurnedAway { permit, exceeded })),
        }
    }

    /// Whoever the permit rests on, and the endpoint.
    fn key(&self, permit: &Permit, who: &Principal) -> Key {
        let mut hasher = self.hasher.build_hasher();
        for proof in permit.holder().of(who) {
            (proof.issuer(), proof.subject()).hash(&mut hasher);
        }
        permit.resource().endpoint().hash(&mut hasher);
        hasher.finish()
    }

    fn check(&self, permit: &Permit, who: &Principal) -> Result<(), Exceeded> {
        let Some(id) = permit.limit() else { return Ok(()) };
        // A limit of another policy would be a mistake of ours; it must not open the door.
        let Some((limit, limiter)) = self.limits.get(id.0) else { return Err(Exceeded::unknown(permit.rule())) };
        let key = self.key(permit, who);
        let wait = |refusal: NotUntil<C::Instant>| refusal.wait_time_from(self.clock.now());
        let cells = match limit.unit {
            Unit::Requests => NonZeroU32::MIN,
            Unit::Cost => permit.cost().min(limit.burst),
        };
        // No more than the burst, so there is room for them at some time.
        let room = limiter.check_key_n(&key, cells).map_err(|_| Exceeded::unknown(permit.rule()))?;
        room.map_err(|refusal| Exceeded::new(limit.clone(), wait(refusal)))
    }

    /// Gives back the cells of those who have been away long enough to start afresh. For a housekeeper, every ten
    /// seconds or so.
    pub fn sweep(&self) {
        for (_, limiter) in &self.limits {
            limiter.retain_recent();
            limiter.shrink_to_fit();
        }
    }

    /// How many cells there are.
    #[must_use]
    pub fn cells(&self) -> usize {
        self.limits.iter().map(|(_, limiter)| limiter.len()).sum()
    }
}

/// One cell each `period / count`, and `burst` of them at once.
fn quota(limit: &Limit) -> Quota {
    let pause = limit.period / limit.count.get();
    Quota::with_period(pause).unwrap_or_else(|| Quota::per_hour(limit.count)).allow_burst(limit.burst)
}
