//! When a rule applies: from where, at what time, over which TLS, with which credentials.

use ipnet::IpNet;
use jiff::Timestamp;
use jiff::civil::Weekday;
use jiff::tz::TimeZone;

use crate::authn::Principal;
use crate::types::{TlsVersion, UnixTime};

use super::circumstances::{Circumstances, CredentialKind, Truth, Unknown};

/// When a rule applies: `when` holds and `unless` does not.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Conditions {
    /// Must hold.
    pub(super) when: Option<Test>,
    /// Must not.
    pub(super) unless: Option<Test>,
}

/// Everything that is written in it must hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Test {
    /// The source is in one of these.
    pub(super) source: Option<Vec<IpNet>>,
    /// It is one of these times.
    pub(super) time: Option<Vec<Window>>,
    /// Not earlier than this.
    pub(super) not_before: Option<UnixTime>,
    /// Not later than this.
    pub(super) not_after: Option<UnixTime>,
    /// This version of TLS, or a later one.
    pub(super) tls: Option<TlsVersion>,
    /// All of these have been shown.
    pub(super) credentials: Vec<CredentialKind>,
}

/// Some time of some days of the week, on the clocks of a time zone.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Window {
    /// The days on which it begins.
    pub(super) days: Vec<Weekday>,
    /// When it begins, in minutes since midnight.
    pub(super) from: u16,
    /// When it is over; on the next day when that is not after `from`.
    pub(super) to: u16,
    /// Whose clocks.
    pub(super) zone: TimeZone,
}

impl Conditions {
    /// Whether there are none: the rule always applies.
    pub(super) const fn is_empty(&self) -> bool {
        self.when.is_none() && self.unless.is_none()
    }

    /// Whether an allow rule with them applies: in doubt it does not.
    pub(super) fn open(&self, who: &Principal, circumstances: &Circumstances) -> bool {
        match self.hold(who, circumstances) {
            Truth::Yes => true,
            Truth::No => false,
            Truth::Unknown => circumstances.unknown == Unknown::IsPassedOver,
        }
    }

    /// Whether a deny rule with them applies: in doubt it does.
    pub(super) fn close(&self, who: &Principal, circumstances: &Circumstances) -> bool {
        match self.hold(who, circumstances) {
            Truth::Yes => true,
            Truth::No => false,
            Truth::Unknown => circumstances.unknown == Unknown::Closes,
        }
    }

    /// What keeps them from being certain, in words; empty when they certainly hold.
    pub(super) fn obstacles(&self, who: &Principal, circumstances: &Circumstances) -> String {
        let of = |test: &Option<Test>, wanted| {
            let parts = test.iter().flat_map(|test| test.parts(who, circumstances));
            parts.filter(move |(_, truth)| *truth != wanted).collect::<Vec<_>>()
        };
        let when = of(&self.when, Truth::Yes).into_iter().map(|(key, truth)| ("when", key, truth));
        // One part that does not hold is enough for `unless`.
        let unless = of(&self.unless, Truth::No);
        let enough = self.unless.as_ref().is_none_or(|test| unless.len() < test.parts(who, circumstances).len());
        let unless = unless.into_iter().filter(|_| !enough).map(|(key, truth)| ("unless", key, truth));
        let word = |(list, key, truth): (&str, &str, Truth)| match truth {
            Truth::Unknown => format!("`{list}.{key}` is not known"),
            Truth::Yes => format!("`{list}.{key}` holds"),
            Truth::No => format!("`{list}.{key}` does not hold"),
        };
        when.chain(unless).map(word).collect::<Vec<_>>().join(", ")
    }

    fn hold(&self, who: &Principal, circumstances: &Circumstances) -> Truth {
        let truth = |test: &Test| test.holds(who, circumstances);
        let when = self.when.as_ref().map_or(Truth::Yes, truth);
        let unless = self.unless.as_ref().map_or(Truth::No, truth);
        when.and(unless.not())
    }
}

impl Test {
    fn holds(&self, who: &Principal, circumstances: &Circumstances) -> Truth {
        self.parts(who, circumstances).into_iter().fold(Truth::Yes, |all, (_, truth)| all.and(truth))
    }

    /// What is written in it, each with whether it holds.
    fn parts(&self, who: &Principal, circumstances: &Circumstances) -> Vec<(&'static str, Truth)> {
        let Circumstances { now, source, tls, unknown } = *circumstances;
        let credentials = match unknown {
            Unknown::IsPassedOver if !self.credentials.is_empty() => Truth::Unknown,
            Unknown::IsPassedOver | Unknown::Closes => self.credentials.iter().all(|kind| kind.is_shown_by(who)).into(),
        };
        let all = [
            ("credentials", (!self.credentials.is_empty()).then_some(credentials)),
            (
                "source",
                about(self.source.as_deref(), source, |networks, source| {
                    let source = source.to_canonical();
                    networks.iter().any(|network| network.contains(&source))
                }),
            ),
            ("tls", about(self.tls, tls, |least, spoken| spoken >= least)),
            ("not_before", about(self.not_before, now, |from, now| now >= from)),
            ("not_after", about(self.not_after, now, |until, now| now <= until)),
            ("time", about(self.time.as_deref(), now, |windows, now| windows.iter().any(|window| window.holds(now)))),
        ];
        all.into_iter().filter_map(|(key, truth)| Some((key, truth?))).collect()
    }
}

/// Whether what is `wanted` holds of what is `known`; `None` when nothing is.
fn about<W, K>(wanted: Option<W>, known: Option<K>, holds: impl Fn(W, K) -> bool) -> Option<Truth> {
    let wanted = wanted?;
    Some(known.map_or(Truth::Unknown, |known| holds(wanted, known).into()))
}

impl Window {
    fn holds(&self, now: UnixTime) -> bool {
        let millis = i64::try_from(now.as_millis()).unwrap_or(i64::MAX);
        // A time that no calendar has is in no window.
        let Ok(instant) = Timestamp::from_millisecond(millis) else { return false };
        let local = self.zone.to_datetime(instant);
        let minute = u16::from(local.hour().unsigned_abs()) * 60 + u16::from(local.minute().unsigned_abs());
        let today = self.days.contains(&local.weekday());
        if self.from < self.to {
            return today && (self.from..self.to).contains(&minute);
        }
        let yesterday = self.days.contains(&local.weekday().previous());
        (today && minute >= self.from) || (yesterday && minute < self.to)
    }
}
