//! What a refused target is answered and recorded with; how ids and tags are called.

use super::super::{Catalog, Malformation, Tag, TargetFault};
use super::{nats, resolve};

#[test]
fn each_fault_has_its_status_its_label_and_a_sentence_without_the_clients_words() {
    let name = || "auth".to_owned();
    for (fault, status, label) in [
        (TargetFault::TooLong, 414, "target_too_long"),
        (TargetFault::Malformed(Malformation::Escape), 400, "target_malformed"),
        (TargetFault::UnknownEndpoint, 404, "unknown_endpoint"),
        (TargetFault::Method { allow: "GET, HEAD" }, 405, "method_not_allowed"),
        (TargetFault::UnknownArgument { argument: name() }, 400, "unknown_argument"),
        (TargetFault::DuplicateArgument { argument: name() }, 400, "duplicate_argument"),
        (TargetFault::ArgumentValue { argument: name(), expected: name() }, 400, "argument_value"),
        (TargetFault::Callback, 400, "callback"),
    ] {
        assert_eq!((fault.status(), fault.label()), (status, label));
        let sentence = fault.sentence();
        assert!(sentence.ends_with('.') && sentence.len() > 10 && !sentence.contains("auth"), "{sentence}");
    }
}

#[test]
fn a_tag_is_called_as_it_is_written() {
    for (written, tag) in Tag::ALL {
        assert_eq!(tag.label(), written);
    }
}

#[test]
fn an_id_is_the_place_of_its_endpoint() {
    let catalog: &Catalog = &nats();
    for (place, endpoint) in catalog.endpoints.iter().enumerate() {
        let id = catalog.find(&endpoint.name).unwrap();
        assert_eq!((id.index(), &catalog.endpoint(id).name), (place, &endpoint.name));
        assert_eq!(resolve(&endpoint.path).unwrap().endpoint(), id);
    }
}
