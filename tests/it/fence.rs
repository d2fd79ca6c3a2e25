//! The fences of the catalogue on what real servers answer when nobody narrows the question.

use monward::catalog::Catalog;
use serde_json::Value;

use crate::support::gateway::plain_get;
use crate::support::nats::{Build, Nats};
use crate::support::tenants::{QUESTIONS, TENANTS, marks, named, two_tenants};

/// What `tenant` sees of the answer to `target`, which the server gives as if nobody guarded it.
fn fenced(nats: &Nats, target: &str, tenant: &str) -> String {
    let answer = plain_get(nats.monitoring, target);
    let catalog = Catalog::builtin("nats").unwrap();
    let path = target.split('?').next().unwrap();
    let endpoint = catalog.endpoints.iter().find(|endpoint| endpoint.path == path).unwrap();
    let fence = &endpoint.tenant.as_ref().unwrap().fence;
    let left = fence.apply(&nats.account(tenant).public, &answer.body);
    let left = left.unwrap_or_else(|error| panic!("{target}: {error}: {}", answer.text()));
    let left = String::from_utf8(left).unwrap();
    assert!(serde_json::from_str::<Value>(&left).is_ok(), "{target}: {left}");
    left
}

/// Further questions, which a gateway would change before it asks.
const UNBOUND: &[(&str, &[&str])] = &[
    ("/connz?auth=1", &["{account}-orders"]),
    ("/connz?auth=1&subs=detail", &["{account}-orders", "{small}.secret."]),
    ("/connz?auth=1&state=closed", &["{account}-orders", "Client Closed"]),
    ("/connz?auth=1&state=all&subs=detail", &["{account}-orders", "Client Closed"]),
    ("/jsz?acc=TYPO&accounts=1", &["{key}"]),
    ("/jsz?acc=TYPO&consumers=1&config=1&accounts=1", &["{account}ORDERS", "{small}-worker"]),
    ("/accountz", &[]),
];

#[test]
fn of_every_answer_of_a_real_server_only_the_tenants_own_is_left() {
    for build in Build::ALL {
        let nats = two_tenants(build);
        for (tenant, other) in TENANTS {
            for (target, own) in QUESTIONS.iter().chain(UNBOUND) {
                let left = fenced(&nats, target, tenant);
                for mark in marks(&nats, other) {
                    assert!(!left.contains(&mark), "{build:?} {target} tells {tenant} about {mark}: {left}");
                }
                for mark in *own {
                    let mark = named(&nats, tenant, mark);
                    assert!(left.contains(&mark), "{build:?} {target} hides {mark} from {tenant}: {left}");
                }
            }
        }
    }
}

#[test]
fn questions_about_the_other_are_answered_as_questions_about_nobody() {
    for build in Build::ALL {
        let nats = two_tenants(build);
        for (tenant, other) in TENANTS {
            let key = &nats.account(other).public;
            let small = other.to_lowercase();
            for (about, nobody) in [
                (format!("/connz?auth=1&acc={key}"), "/connz?auth=1&cid=999999".to_owned()),
                (format!("/connz?auth=1&user={key}"), "/connz?auth=1&user=nobody".to_owned()),
                (format!("/subsz?subs=1&test={small}.secret.x"), "/subsz?subs=1&test=nobody.x".to_owned()),
                (format!("/subsz?subs=1&acc={key}"), "/subsz?subs=1&acc=nobody".to_owned()),
                (format!("/jsz?acc={key}&consumers=1"), "/jsz".to_owned()),
                (format!("/ipqueuesz?all=1&queues={other}"), "/ipqueuesz?all=1&queues=nobody".to_owned()),
            ] {
                let names = |target: &str| {
                    let left: Value = serde_json::from_str(&fenced(&nats, target, tenant)).unwrap();
                    let members = left.as_object().unwrap().keys().cloned();
                    members.collect::<Vec<_>>()
                };
                assert_eq!(names(&about), names(&nobody), "{build:?} {about}");
                assert!(!names(&about).iter().any(|name| name.contains("list") || name.contains("conn")), "{about}");
            }
        }
    }
}

#[test]
fn details_of_an_account_leave_for_that_account_alone() {
    for build in Build::ALL {
        let nats = two_tenants(build);
        let catalog = Catalog::builtin("nats").unwrap();
        let fence = &catalog.endpoint(catalog.find("accountz").unwrap()).tenant.as_ref().unwrap().fence;
        for (tenant, other) in TENANTS {
            let own = fenced(&nats, &format!("/accountz?acc={}", nats.account(tenant).public), tenant);
            let detail: Value = serde_json::from_str(&own).unwrap();
            assert_eq!(detail["account_detail"]["client_connections"], 1, "{build:?} {own}");
            for gone in ["jwt", "decoded_jwt", "imports", "issuer_key"] {
                assert!(detail["account_detail"].get(gone).is_none(), "{build:?} {gone}: {own}");
            }
            let answer = plain_get(nats.monitoring, &format!("/accountz?acc={}", nats.account(other).public));
            assert!(fence.apply(&nats.account(tenant).public, &answer.body).is_err(), "{build:?}");
        }
    }
}
