//! What becomes of a request that is to be compared.

use crate::support::{Machine, Sides, answer, request};
use domain::routes::RouteName;
use domain::routes::compare::Difference;
use serde_json::{Value, json};
use strangler::event::ProxyAnswer;
use strangler::observer::Notice;
use strangler::shadow::{Comparer, Message};
use testing::queue::MemoryDeadLetters;
use testing::routes::MemoryRoutes;
use testing::turn::{Trip, Turnstile, run};

struct World {
    turns: Turnstile,
    routes: MemoryRoutes,
    sides: Sides,
    letters: MemoryDeadLetters,
    comparer: Comparer<Sides, MemoryRoutes, MemoryDeadLetters, Machine, Sides>,
}

impl World {
    fn new() -> Self {
        let machine = Machine::default();
        let turns = Turnstile::default();
        let (routes, sides) = (MemoryRoutes::new(turns.clone()), Sides::new(&machine));
        let letters = MemoryDeadLetters::default();
        let comparer = Comparer {
            services: sides.clone(),
            mismatches: routes.clone(),
            dead_letters: letters.clone(),
            clock: machine,
            observer: sides.clone(),
            ignored: ["next".to_owned()].into(),
        };
        Self { turns, routes, sides, letters, comparer }
    }

    fn message(answer: &ProxyAnswer) -> Message {
        let event = request("GET", "/search", &json!({"Authorization": ["Bearer x"], "Accept": ["*/*"]}));
        Message::new(RouteName::Search, &event, answer)
    }

    fn compare(&self, before: &ProxyAnswer, modern: impl Into<Option<Value>>) -> Option<Difference> {
        self.sides.modern_says(modern.into());
        run(self.comparer.handle(&Self::message(before).text())).unwrap();
        match self.sides.notices().last() {
            Some(Notice::Compared { difference }) => *difference,
            other => panic!("{other:?}"),
        }
    }
}

fn said(status: u16, body: &Value) -> Value {
    json!({"statusCode": status, "body": body.to_string()})
}

#[test]
fn what_is_the_same_is_counted_and_nothing_else() {
    let world = World::new();
    let body = json!({"total": 1, "hits": [{"id": "mars"}], "next": "a"});
    let modern = json!({"hits": [{"id": "mars"}], "total": 1, "next": "b"});
    assert_eq!(world.compare(&answer(200, &body), said(200, &modern)), None);
    assert!(world.routes.mismatches().is_empty() && world.letters.letters().is_empty());
}

#[test]
fn each_difference_is_counted_and_kept_with_what_was_asked() {
    let world = World::new();
    let mars = answer(200, &json!({"hits": [{"id": "mars"}]}));
    let venus = said(200, &json!({"hits": [{"id": "venus"}]}));
    assert_eq!(world.compare(&mars, venus), Some(Difference::Articles));
    let mismatches = world.routes.mismatches();
    let ((route, _), mismatch) = mismatches.first_key_value().unwrap();
    assert_eq!((*route, mismatch.request.as_str()), (RouteName::Search, "GET /search?q=mars&tag=a&tag=b"));
    assert_eq!((mismatch.monolith, mismatch.modern), (200, Some(200)));
    assert_eq!(world.compare(&mars, said(404, &json!({}))), Some(Difference::Status));
    for failed in [
        None,
        Some(json!({"errorMessage": "x"})),
        Some(json!({"statusCode": 200, "body": "%", "isBase64Encoded": true})),
    ] {
        assert_eq!(world.compare(&mars, failed), Some(Difference::Failed));
    }
    assert_eq!(world.routes.mismatches().len(), 1, "the same request has one place");
    assert_eq!(world.routes.mismatches().values().next().unwrap().modern, None);
}

#[test]
fn samples_have_an_end() {
    let world = World::new();
    world.sides.modern_says(Some(said(404, &json!({}))));
    for n in 0..200 {
        let event = request("GET", &format!("/articles/a{n}"), &json!({}));
        let message = Message::new(RouteName::Articles, &event, &answer(200, &json!({})));
        run(world.comparer.handle(&message.text())).unwrap();
    }
    let places = world.routes.mismatches().len();
    assert!((25..=50).contains(&places), "{places}");
}

#[test]
fn the_service_is_asked_what_the_reader_asked_without_what_could_act_for_them() {
    let world = World::new();
    world.compare(&answer(200, &json!({})), said(200, &json!({})));
    let (route, event) = world.sides.events()[0].clone();
    assert_eq!((route, &event["path"]), (RouteName::Search, &json!("/search")));
    assert_eq!(event["multiValueHeaders"], json!({"Accept": ["*/*"]}));
    assert_eq!(event["requestContext"]["authorizer"]["claims"]["sub"], "ada", "API Gateway verified it");
}

#[test]
fn a_long_body_is_compared_by_its_digest_and_the_message_fits_the_queue() {
    let world = World::new();
    // Quotes double in JSON, so that this one is short enough and its message is not.
    for body in ["x".repeat(300_000), "\"".repeat(190_000)] {
        let before = ProxyAnswer::new(200, Vec::new(), body.clone().into_bytes());
        let message = World::message(&before);
        assert!(message.clone().text().len() <= 256 * 1024);
        assert!(!message.text().contains(&body));
        assert_eq!(world.compare(&before, json!({"statusCode": 200, "body": body})), None);
        assert_eq!(world.compare(&before, json!({"statusCode": 200, "body": "other"})), Some(Difference::Body));
    }
    let short = answer(200, &json!({"hits": []}));
    assert!(World::message(&short).text().contains("hits"));
}

#[test]
fn bytes_that_are_no_text_are_compared_by_their_digest() {
    let world = World::new();
    let before = ProxyAnswer::new(200, Vec::new(), vec![0, 255]);
    let same = json!({"statusCode": 200, "body": "AP8=", "isBase64Encoded": true});
    assert_eq!(world.compare(&before, same), None);
}

#[test]
fn poison_goes_to_the_dead_letters_with_its_place_and_without_its_words() {
    let world = World::new();
    for poison in ["", "{}", "[1]", r#"{"route": "secret"}"#] {
        run(world.comparer.handle(poison)).unwrap();
    }
    let letters = world.letters.letters();
    assert_eq!(letters.len(), 4);
    assert!(letters.iter().all(|(_, reason)| reason.contains("line") && !reason.contains("secret")));
    assert!(world.sides.events().is_empty() && world.sides.notices().is_empty());
}

#[test]
fn a_sample_that_cannot_be_kept_brings_the_message_again() {
    let world = World::new();
    world.sides.modern_says(None);
    world.turns.trip(Trip::BeforeEffect);
    let text = World::message(&answer(200, &json!({}))).text();
    assert!(run(world.comparer.handle(&text)).is_err());
    run(world.comparer.handle(&text)).unwrap();
    assert_eq!(world.routes.mismatches().len(), 1);
}
