//! The guided tour: the same port asked by different callers, each answer checked.
//!
//! In: a running gateway, the issuer that vouches for the callers, the guarded port itself. Out: a table, and whether
//! all went as it should. A row is right only if status, head and body are: a denial is plain text and names nothing,
//! an answer lacks what the guarded port did say.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;

use rustls::ClientConfig;
use serde_json::Value;

use super::DemoError;
use super::client::{self, Reply};
use super::issuer::{Flaw, Issuer};
use super::settings::BURST;
use super::table::{self, Row, Verdict};
use super::withheld;
use crate::ops::paint::Paint;

/// What the tour needs to know.
pub(super) struct Tour<'a> {
    /// The gateway's listener.
    pub(super) gateway: SocketAddr,
    /// A client that trusts the demo's authority.
    pub(super) tls: Arc<ClientConfig>,
    /// The same, with the certificate of a Prometheus to show.
    pub(super) certified: Arc<ClientConfig>,
    /// Who vouches for the callers.
    pub(super) issuer: &'a Issuer,
    /// The guarded port, asked directly to see what was withheld.
    pub(super) upstream: SocketAddr,
    /// An account whose answer carries a JWT.
    pub(super) account: &'a str,
}

/// What became of the tour.
pub(super) struct Outcome {
    /// Whether every row was right.
    pub(super) verdict: Verdict,
    /// The id of every request that was sent, with the status it got.
    pub(super) requests: Vec<(String, u16)>,
}

/// One row before it is asked.
struct Step {
    who: &'static str,
    shows: Shows,
    path: String,
    shown: String,
    expected: Expected,
    why: &'static str,
}

/// What a caller shows to prove who it is.
#[derive(Clone, Copy)]
enum Shows {
    Nothing,
    Token(Flaw),
    Certificate,
}

/// What a right answer looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    /// 401 without an `error`: nothing was sent.
    Anonymous,
    /// 401 `invalid_token`.
    InvalidToken,
    /// 403.
    Forbidden,
    /// 200 without these members, which the guarded port does send, and with this one.
    Redacted { without: &'static [&'static str], with: &'static str },
    /// 200 a few times, then 429 with `Retry-After`.
    TooMany,
}

impl Tour<'_> {
    /// Asks all, prints a row for each.
    pub(super) async fn run(&self, out: &mut dyn Write, paint: Paint) -> Result<Outcome, DemoError> {
        table::header(out, paint)?;
        let mut outcome = Outcome { verdict: Verdict::Right, requests: Vec::new() };
        for step in self.steps() {
            let before = outcome.requests.len();
            let reply = self.ask(&step, &mut outcome).await?;
            let judged = self.judge(&step, &reply).await;
            let verdict = if judged.is_ok() { Verdict::Right } else { Verdict::Wrong };
            if verdict == Verdict::Wrong {
                outcome.verdict = verdict;
            }
            let times = outcome.requests.len() - before;
            let request = if times > 1 { format!("{} \u{d7}{times}", step.shown) } else { step.shown };
            let why = judged.unwrap_or_else(|wrong| wrong);
            let row = Row { verdict, who: step.who.to_owned(), request, status: reply.status, why };
            table::row(out, paint, &row)?;
        }
        Ok(outcome)
    }

    fn steps(&self) -> Vec<Step> {
        let account = format!("/accountz?acc={}", self.account);
        let short = format!("GET /accountz?acc={}…", self.account.get(..7).unwrap_or(self.account));
        let step = |who, shows, path: &str, expected, why| Step {
            who,
            shows,
            path: path.to_owned(),
            shown: format!("GET {path}"),
            expected,
            why,
        };
        let whole = Shows::Token(Flaw::None);
        let varz = Expected::Redacted { without: &["trusted_operators_jwt", "system_account"], with: "server_id" };
        let accountz = Expected::Redacted { without: &["jwt", "decoded_jwt", "issuer_key"], with: "account_detail" };
        vec![
            step("anonymous", Shows::Nothing, "/varz", Expected::Anonymous, "no token: nothing but 401"),
            step("scraper", whole, "/varz", varz, ""),
            step("scraper", whole, "/accountz", Expected::Forbidden, "no rule lets a scraper list accounts"),
            Step { shown: short, ..step("operator", whole, &account, accountz, "") },
            step("operator", whole, "/connz?auth=1", Expected::Forbidden, "the rule forbids `auth` to everybody"),
            step(
                "scraper",
                Shows::Token(Flaw::Audience),
                "/varz",
                Expected::InvalidToken,
                "a token for another audience",
            ),
            step("scraper", Shows::Token(Flaw::Expired), "/varz", Expected::InvalidToken, "a token that has expired"),
            step("scraper", Shows::Certificate, "/varz", varz, "mTLS, no token: "),
            step("scraper", Shows::Certificate, "/connz", Expected::Forbidden, "mTLS: a scraper, and no more"),
            step("viewer", whole, "/varz", Expected::TooMany, ""),
        ]
    }

    /// The answer to a step; to the last of many for [`Expected::TooMany`].
    async fn ask(&self, step: &Step, outcome: &mut Outcome) -> Result<Reply, DemoError> {
        let token = match step.shows {
            Shows::Nothing | Shows::Certificate => None,
            Shows::Token(flaw) => Some(self.issuer.mint(step.who, flaw).ok_or(DemoError::Token)?),
        };
        let tls = if matches!(step.shows, Shows::Certificate) { &self.certified } else { &self.tls };
        // A slow machine regains a request while it asks; the bound only ends a broken limit.
        let most = if step.expected == Expected::TooMany { BURST * 4 } else { 1 };
        let mut asked = 0;
        loop {
            let reply = client::get(self.gateway, Arc::clone(tls), &step.path, token.as_deref())
                .await
                .map_err(|source| DemoError::Request { request: step.shown.clone(), source })?;
            outcome.requests.push((reply.header("x-request-id").unwrap_or_default().to_owned(), reply.status));
            asked += 1;
            if reply.status != 200 || asked == most {
                return Ok(reply);
            }
        }
    }

    /// Why the answer is right, or what is wrong with it.
    async fn judge(&self, step: &Step, reply: &Reply) -> Result<String, String> {
        let challenge = reply.header("www-authenticate").unwrap_or_default();
        match step.expected {
            Expected::Anonymous => {
                denied(reply, 401)?;
                require(
                    challenge.starts_with("Bearer ") && !challenge.contains("error"),
                    "not a plain Bearer challenge",
                )?;
            }
            Expected::InvalidToken => {
                denied(reply, 401)?;
                require(challenge.contains(r#"error="invalid_token""#), "the challenge does not say invalid_token")?;
            }
            Expected::Forbidden => denied(reply, 403)?,
            Expected::TooMany => {
                denied(reply, 429)?;
                let wait: u64 = reply.header("retry-after").and_then(|wait| wait.parse().ok()).unwrap_or_default();
                require(wait >= 1, "no Retry-After")?;
                return Ok(format!("more than {BURST} at once; Retry-After: {wait}"));
            }
            Expected::Redacted { without, with } => {
                let said = client::get_plain(self.upstream, &step.path).await.map_err(|fault| fault.to_string())?;
                return redacted(&said.body, reply, without, with).map(|without| format!("{}{without}", step.why));
            }
        }
        Ok(step.why.to_owned())
    }
}

/// A denial is plain text with the status, and names nobody.
fn denied(reply: &Reply, status: u16) -> Result<(), String> {
    require(reply.status == status, &format!("expected {status}"))?;
    let kind = reply.header("content-type").unwrap_or_default();
    require(kind.starts_with("text/plain"), "the denial is not plain text")?;
    require(reply.header("cache-control") == Some("no-store"), "the denial may be stored")?;
    require(!withheld::jwt_shaped(&reply.body), "the denial holds a token")
}

/// An answer lacks all of `without`, which the upstream `said`, and still has `with`.
fn redacted(said: &[u8], reply: &Reply, without: &[&str], with: &str) -> Result<String, String> {
    require(reply.status == 200, "expected 200")?;
    let said: Value = serde_json::from_slice(said).map_err(|_| "the guarded port did not answer JSON")?;
    let left: Value = serde_json::from_slice(&reply.body).map_err(|_| "the answer is not JSON")?;
    require(left.get(with).is_some(), &format!("`{with}` is missing"))?;
    require(!withheld::jwt_shaped(&reply.body), "a JWT left")?;
    let names = withheld::names(&said, &left);
    for name in without {
        require(names.contains(*name), &format!("`{name}` was not withheld"))?;
    }
    Ok(match (without, names.len()) {
        ([first, ..], count) if count > without.len() => format!("without {first} and {} more fields", count - 1),
        _ => format!("without {}", without.join(", ")),
    })
}

fn require(holds: bool, otherwise: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise.to_owned()) }
}

#[cfg(test)]
mod tests;
