//! Front doors: whose assertions count, and from where.

use super::super::super::trusted::trusted;
use super::super::super::values::some_texts;
use super::super::super::{Issuer, Judged, KeySource};
use super::{CALLED, Called, JUDGED, Judgement, KEPT, key_source, keys};
use crate::authn::{Door, LoadBalancers};
use crate::document::{Entry, Faults, Fields, Node, quoted, unknown};

pub(super) fn door(entry: &Entry, faults: &mut Faults) -> Option<Issuer> {
    let own = ["front_door", "issuer", "from", "aws", "jwks_url", "jwks_file"];
    let known = [&own[..], &JUDGED, &CALLED, &KEPT].concat();
    let fields = entry.node.fields(&known, faults)?;
    let door = fields.required("front_door", faults).and_then(|node| preset(node, faults));
    let trusted = fields.required("from", faults).and_then(|node| trusted(node, faults));
    let called = Called::read(&fields, false, faults);
    // Everything else depends on which door it is.
    let door = door?;
    let issuer = issuer(door, &fields, faults);
    let audiences = audiences(door, &fields, faults);
    let balancers = balancers(door, &fields, faults);
    let source = source(door, issuer.as_deref(), &fields, called.as_ref(), faults);
    let keys = keys(&fields, source, Some(Vec::new()), faults);
    let longest = format!("{}s", door.max_lifetime().as_secs());
    let judged = Judgement::read(&fields, &longest, faults);
    let mut tokens = judged?.settings(&entry.key, issuer?, audiences?, crate::authn::Profile::Door(door));
    tokens.algorithms = door.algorithms().to_vec();
    tokens.trusted = trusted?;
    tokens.load_balancers = balancers?.0;
    Some(called?.issuer(tokens, Judged::ByKeys(keys?)))
}

fn preset(node: &Node, faults: &mut Faults) -> Option<Door> {
    let name = node.text(faults)?;
    let known = Door::ALL.map(Door::label);
    let found = Door::ALL.into_iter().find(|door| door.label() == name);
    if found.is_none() {
        faults.at(node, unknown("front door", name, &known));
    }
    found
}

/// The `iss` of its assertions: given by the door, or by the operator.
fn issuer(door: Door, fields: &Fields<'_>, faults: &mut Faults) -> Option<String> {
    match (door.only_issuer(), fields.get("issuer")) {
        (Some(only), None) => Some(only.to_owned()),
        (Some(only), Some(node)) => {
            faults.at(node, format!("the `issuer` of this front door is always `{only}`; leave it out"));
            None
        }
        (None, _) => {
            let node = fields.required("issuer", faults)?;
            let text = node.text(faults)?;
            if let Err(expected) = door.check_issuer(text) {
                faults.at(node, format!("expected {expected}"));
                return None;
            }
            Some(text.to_owned())
        }
    }
}

fn audiences(door: Door, fields: &Fields<'_>, faults: &mut Faults) -> Option<Vec<String>> {
    if door.names_audience() {
        return fields.required("audiences", faults).and_then(|node| some_texts(node, faults));
    }
    if let Some(node) = fields.get("audiences") {
        faults.at(node, "the assertions of this front door name no audience; `aws.client` takes its place");
        return None;
    }
    Some(Vec::new())
}

/// Whose assertions count where the door is AWS's, and the region of their keys.
fn balancers(door: Door, fields: &Fields<'_>, faults: &mut Faults) -> Option<(LoadBalancers, String)> {
    if door != Door::AwsAlb {
        if let Some(node) = fields.get("aws") {
            faults.at(node, format!("`aws` is for the front door {}", quoted(&[Door::AwsAlb.label()])));
        }
        return Some((LoadBalancers::default(), String::new()));
    }
    let fields = fields.required("aws", faults)?.fields(&["region", "signers", "client"], faults)?;
    let region = fields.required("region", faults).and_then(|node| node.text(faults)).map(str::to_owned);
    let signers = fields.required("signers", faults).and_then(|node| some_texts(node, faults));
    let client = fields.required("client", faults).and_then(|node| node.text(faults)).map(str::to_owned);
    Some((LoadBalancers { signers: signers?, client: client? }, region?))
}

/// Where its keys are, unless the operator says otherwise.
fn source(
    door: Door,
    issuer: Option<&str>,
    fields: &Fields<'_>,
    called: Option<&Called>,
    faults: &mut Faults,
) -> Option<KeySource> {
    if fields.get("jwks_url").is_some() || fields.get("jwks_file").is_some() {
        return key_source(fields, called.is_some_and(|called| called.private), faults);
    }
    match door.keys_url(issuer?) {
        Some(url) => Some(KeySource::Url(url)),
        None => Some(KeySource::Alb { region: balancers(door, fields, &mut Faults::new(""))?.1 }),
    }
}
