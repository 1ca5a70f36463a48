//! Which side answers a reader, and what the reader gets.

use crate::support::{Machine, Sides, answer, parameter, request, steering};
use domain::routes::side::{Bucket, Side};
use domain::routes::{Mode, RouteName};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::time::Duration;
use strangler::event::ProxyAnswer;
use strangler::observer::Notice;
use strangler::splitter::Splitter;
use strangler::steering::Steerings;
use testing::routes::MemoryRoutes;
use testing::turn::{Trip, Turnstile, run};

const TOOK: Duration = Duration::from_millis(5);

struct World {
    machine: Machine,
    turns: Turnstile,
    routes: MemoryRoutes,
    sides: Sides,
    splitter: Splitter<MemoryRoutes, Sides, Sides, Sides, Machine, Sides>,
}

impl World {
    fn new(mode: Mode, percent: u64) -> Self {
        let machine = Machine::default();
        let turns = Turnstile::default();
        let routes = MemoryRoutes::new(turns.clone());
        routes.set_parameter(parameter(RouteName::Search, steering(mode, percent)));
        let sides = Sides::new(&machine);
        let splitter = Splitter {
            steerings: Steerings::new(routes.clone(), machine.clone()),
            monolith: sides.clone(),
            services: sides.clone(),
            shadows: sides.clone(),
            machine: machine.clone(),
            observer: sides.clone(),
        };
        Self { machine, turns, routes, sides, splitter }
    }

    fn steer(&self, mode: Mode, percent: u64) {
        self.routes.set_parameter(parameter(RouteName::Search, steering(mode, percent)));
    }

    fn ask(&self, event: &Value) -> ProxyAnswer {
        run(self.splitter.answer(event))
    }

    fn get(&self) -> ProxyAnswer {
        self.ask(&request("GET", "/search", &json!({})))
    }
}

/// Who answered, by the body.
fn from(answer: &ProxyAnswer) -> String {
    let body: Value = serde_json::from_slice(&answer.bytes().unwrap()).unwrap();
    body["from"].as_str().unwrap_or("nobody").to_owned()
}

fn cookies(answer: &ProxyAnswer) -> Vec<String> {
    let headers = answer.multi_value_headers.clone().unwrap_or_default();
    headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie")).flat_map(|(_, v)| v.clone()).collect()
}

fn in_bucket(bucket: u8) -> Value {
    request("GET", "/search", &json!({"cookie": [format!("theme=dark; ns_bucket={bucket}")]}))
}

#[test]
fn each_mode_is_answered_by_its_side() {
    for (mode, percent, side) in
        [(Mode::Monolith, 0, "monolith"), (Mode::Shadow, 100, "monolith"), (Mode::Modern, 100, "modern")]
    {
        let world = World::new(mode, percent);
        let answer = world.get();
        assert_eq!((from(&answer).as_str(), cookies(&answer)), (side, Vec::<String>::new()), "{mode:?}");
    }
}

#[test]
fn what_a_side_says_is_what_the_reader_gets() {
    let world = World::new(Mode::Modern, 100);
    let said = json!({
        "statusCode": 207, "headers": {"ETag": "\"1\""}, "multiValueHeaders": {"Set-Cookie": ["a=1", "b=2"]},
        "body": "AP8=", "isBase64Encoded": true,
    });
    world.sides.modern_says(Some(said.clone()));
    assert_eq!(serde_json::to_value(world.get()).unwrap(), said);
    world.steer(Mode::Monolith, 0);
    world.machine.clock.advance(Duration::from_secs(5));
    let moved = ProxyAnswer::new(301, vec![("location".to_owned(), "/there".to_owned())], Vec::new());
    world.sides.monolith_says(Some(moved.clone()));
    assert_eq!(world.get(), moved);
}

#[test]
fn the_service_gets_the_event_that_api_gateway_sent() {
    let world = World::new(Mode::Modern, 100);
    let event = request("GET", "/search/suggest", &json!({"Authorization": ["Bearer x"]}));
    world.ask(&event);
    assert_eq!(world.sides.events(), [(RouteName::Search, event)]);
    assert!(world.sides.asked().is_empty());
}

#[test]
fn writes_have_one_writer_until_the_route_is_modern() {
    for (mode, percent) in [(Mode::Monolith, 0), (Mode::Shadow, 100), (Mode::Canary, 100)] {
        let world = World::new(mode, percent);
        for method in ["POST", "PUT", "DELETE", "PATCH"] {
            assert_eq!(from(&world.ask(&request(method, "/search", &json!({})))), "monolith", "{mode:?} {method}");
        }
        assert!(world.sides.events().is_empty() && world.sides.shadows().is_empty(), "{mode:?}");
    }
    let world = World::new(Mode::Modern, 100);
    assert_eq!(from(&world.ask(&request("POST", "/search", &json!({})))), "modern");
}

#[test]
fn a_canarys_visitor_stays_on_their_side_and_gets_a_cookie_once() {
    let world = World::new(Mode::Canary, 50);
    assert_eq!(
        (from(&world.ask(&in_bucket(49))), from(&world.ask(&in_bucket(50)))),
        ("modern".into(), "monolith".into())
    );
    assert!(cookies(&world.ask(&in_bucket(49))).is_empty());
    let first = world.get();
    let bucket = Bucket::of_address("10.0.0.9").get();
    let expected = format!("ns_bucket={bucket}; Path=/; Max-Age=2592000; Secure; HttpOnly; SameSite=Lax");
    assert_eq!(cookies(&first), [expected]);
    assert_eq!(from(&world.ask(&in_bucket(bucket))), from(&first));
    let unusable = world.ask(&request("GET", "/search", &json!({"cookie": ["ns_bucket=1000"]})));
    assert_eq!(cookies(&unusable).len(), 1, "a bucket that is none is replaced");
}

#[test]
fn a_cookie_of_the_side_stays_beside_ours() {
    let world = World::new(Mode::Canary, 100);
    world.sides.modern_says(Some(json!({"statusCode": 200, "headers": {"Set-Cookie": "session=1"}, "body": "{}"})));
    let cookies = cookies(&world.get());
    assert_eq!((cookies.len(), cookies[0].as_str()), (2, "session=1"));
}

#[test]
fn a_canarys_reader_pays_nothing_for_a_service_that_fails() {
    let failures = [
        None,
        Some(json!({"statusCode": 500, "body": "{}"})),
        Some(json!({"statusCode": 503, "body": "{}"})),
        Some(json!({"errorMessage": "panicked"})),
        Some(json!(null)),
    ];
    for failure in failures {
        let world = World::new(Mode::Canary, 100);
        world.sides.modern_says(failure.clone());
        for method in ["GET", "HEAD"] {
            let answer = world.ask(&request(method, "/search", &json!({})));
            assert_eq!((answer.status_code, from(&answer).as_str()), (200, "monolith"), "{failure:?}");
        }
        let answered = |side| Notice::Answered { side, took: TOOK };
        let one = [answered(Side::Modern), Notice::ModernFailed, answered(Side::Monolith)];
        assert_eq!(world.sides.notices(), [one, one].concat(), "{failure:?}");
    }
}

#[test]
fn an_answer_of_4xx_is_an_answer() {
    let world = World::new(Mode::Canary, 100);
    world.sides.modern_says(Some(json!({"statusCode": 404, "body": "{\"from\": \"modern\"}"})));
    assert_eq!((world.get().status_code, world.sides.asked().len()), (404, 0));
    assert!(!world.sides.notices().contains(&Notice::ModernFailed));
}

#[test]
fn a_modern_routes_failure_is_told_as_it_is_and_counted() {
    let world = World::new(Mode::Modern, 100);
    world.sides.modern_says(Some(json!({"statusCode": 503, "body": "{\"from\": \"modern\"}"})));
    assert_eq!((world.get().status_code, from(&world.get()).as_str()), (503, "modern"));
    world.sides.modern_says(None);
    let answer = world.get();
    let body: Value = serde_json::from_slice(&answer.bytes().unwrap()).unwrap();
    assert_eq!(
        (answer.status_code, &body["status"], &body["instance"]),
        (502, &json!(502), &json!("urn:request:id-1"))
    );
    assert!(world.sides.asked().is_empty(), "its data may be newer than the monolith's");
    assert_eq!(world.sides.notices().iter().filter(|notice| **notice == Notice::ModernFailed).count(), 3);
}

#[test]
fn a_monolith_that_gives_no_answer_is_a_problem_without_internal_words() {
    let world = World::new(Mode::Shadow, 100);
    world.sides.monolith_says(None);
    let answer = world.get();
    let body = String::from_utf8(answer.bytes().unwrap()).unwrap();
    assert_eq!((answer.status_code, body.contains("connection")), (502, false));
    assert!(world.sides.shadows().is_empty(), "there is nothing to compare");
}

#[test]
fn shadow_sends_its_share_before_the_answer_and_never_changes_it() {
    let world = World::new(Mode::Shadow, 30);
    let unshadowed = World::new(Mode::Monolith, 0).get();
    world.machine.draws(0.3);
    assert_eq!(world.get(), unshadowed);
    assert!(world.sides.shadows().is_empty());
    world.machine.draws(0.29);
    assert_eq!(world.get(), unshadowed);
    let message: Value = serde_json::from_str(&world.sides.shadows()[0]).unwrap();
    assert_eq!((&message["route"], &message["status"]), (&json!("search"), &json!(200)));
    assert!(world.sides.notices().contains(&Notice::ShadowSent { took: Duration::ZERO }));
    world.sides.lose_shadows();
    assert_eq!(world.get(), unshadowed);
    assert_eq!(world.sides.notices().last(), Some(&Notice::ShadowLost));
    assert!(world.sides.events().is_empty(), "nobody waits for the new service");
}

#[test]
fn a_steering_is_followed_within_seconds_and_not_read_for_each_reader() {
    let world = World::new(Mode::Monolith, 0);
    assert_eq!(from(&world.get()), "monolith");
    world.steer(Mode::Modern, 100);
    assert_eq!(from(&world.get()), "monolith");
    assert_eq!(world.turns.calls(), ["routes.read"]);
    world.machine.clock.advance(Duration::from_secs(3));
    assert_eq!(from(&world.get()), "modern");
}

#[test]
fn what_cannot_be_read_stays_as_it_was() {
    let world = World::new(Mode::Modern, 100);
    world.get();
    for text in ["", "[]", r#"{"search": {"mode": "Monolith"}}"#] {
        world.routes.set_parameter(text);
        world.machine.clock.advance(Duration::from_mins(10));
        assert_eq!(from(&world.get()), "modern", "{text}");
    }
    world.steer(Mode::Monolith, 0);
    world.machine.clock.advance(Duration::from_secs(3));
    world.turns.trip(Trip::BeforeEffect);
    assert_eq!(from(&world.get()), "modern");
    let reads = world.turns.calls().len();
    world.get();
    assert_eq!(world.turns.calls().len(), reads, "a reader does not wait for it again at once");
    world.machine.clock.advance(Duration::from_secs(3));
    assert_eq!(from(&world.get()), "monolith");
}

#[test]
fn who_knows_nothing_yet_asks_the_monolith() {
    let world = World::new(Mode::Modern, 100);
    world.turns.trip(Trip::BeforeEffect);
    assert_eq!(from(&world.get()), "monolith");
    let articles = world.ask(&request("GET", "/articles/mars", &json!({})));
    assert_eq!(from(&articles), "monolith", "a route that nobody steered");
}

#[test]
fn what_is_no_request_or_no_route_gets_an_answer_too() {
    let world = World::new(Mode::Modern, 100);
    assert_eq!(world.ask(&json!({"Records": []})).status_code, 500);
    assert_eq!(world.ask(&request("GET", "/elsewhere", &json!({}))).status_code, 404);
    assert!(world.sides.asked().is_empty() && world.sides.events().is_empty());
}

#[test]
fn every_request_is_counted_with_its_side_and_time() {
    let world = World::new(Mode::Canary, 50);
    world.ask(&in_bucket(0));
    world.ask(&in_bucket(99));
    let answered = |side| Notice::Answered { side, took: TOOK };
    assert_eq!(world.sides.notices(), [answered(Side::Modern), answered(Side::Monolith)]);
}

proptest! {
    #[test]
    fn whatever_is_steered_and_asked_there_is_one_answer_of_one_side(
        mode in prop_oneof![Just(Mode::Monolith), Just(Mode::Shadow), Just(Mode::Canary), Just(Mode::Modern)],
        percent in 0u64..=100,
        bucket in 0u8..100,
        method in prop_oneof![Just("GET"), Just("HEAD"), Just("POST"), Just("DELETE")],
        draw in 0.0f64..1.0,
    ) {
        let world = World::new(mode, percent);
        world.machine.draws(draw);
        let reader = json!({"cookie": [format!("ns_bucket={bucket}")]});
        let answered = world.ask(&request(method, "/search", &reader));
        let side = steering(mode, percent).side(method, Bucket::of_cookies([format!("ns_bucket={bucket}").as_str()]).unwrap());
        prop_assert_eq!(from(&answered), side.as_str());
        prop_assert_eq!(world.sides.asked().len() + world.sides.events().len(), 1);
        prop_assert_eq!(answered.status_code, answer(200, &json!({})).status_code);
    }
}
