//! Both sides of a route in memory, and a machine with its own time and chance.

use domain::routes::store::{Services, ShadowQueue};
use domain::routes::{Mode, Percent, RouteName, Steering};
use domain::services::ServiceError;
use domain::time::{Chance, Clock, Timestamp};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use strangler::event::{Asked, ProxyAnswer};
use strangler::monolith::{MonolithError, MonolithSide};
use strangler::observer::{Notice, Observer};
use testing::clock::VirtualClock;

/// Time and chance. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Machine {
    /// The time.
    pub clock: VirtualClock,
    draw: Arc<Mutex<f64>>,
}

impl Machine {
    /// What chance says from now on.
    pub fn draws(&self, draw: f64) {
        *self.draw.lock().unwrap() = draw;
    }
}

impl Clock for Machine {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

impl Chance for Machine {
    fn draw(&self) -> f64 {
        *self.draw.lock().unwrap()
    }
}

/// The monolith, the services and the shadows' queue. Clones share them.
#[derive(Debug, Clone)]
pub struct Sides {
    clock: VirtualClock,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    monolith: Option<ProxyAnswer>,
    modern: Option<Value>,
    takes: Duration,
    asked: Vec<Asked>,
    events: Vec<(RouteName, Value)>,
    shadows: Option<Vec<String>>,
    notices: Vec<(RouteName, Notice)>,
}

impl Sides {
    /// Both answer, each with its name.
    pub fn new(machine: &Machine) -> Self {
        let state = State {
            monolith: Some(answer(200, &json!({"from": "monolith"}))),
            modern: Some(
                json!({"statusCode": 200, "headers": {"x-served-by": "modern"}, "body": "{\"from\":\"modern\"}"}),
            ),
            takes: Duration::from_millis(5),
            asked: Vec::new(),
            events: Vec::new(),
            shadows: Some(Vec::new()),
            notices: Vec::new(),
        };
        Self { clock: machine.clock.clone(), state: Arc::new(Mutex::new(state)) }
    }

    /// What the monolith answers; `None`: nothing.
    pub fn monolith_says(&self, answer: Option<ProxyAnswer>) {
        self.state.lock().unwrap().monolith = answer;
    }

    /// What the service's function answers; `None`: it fails.
    pub fn modern_says(&self, answer: Option<Value>) {
        self.state.lock().unwrap().modern = answer;
    }

    /// The shadows' queue takes nothing any more.
    pub fn lose_shadows(&self) {
        self.state.lock().unwrap().shadows = None;
    }

    /// What the monolith was asked.
    pub fn asked(&self) -> Vec<Asked> {
        self.state.lock().unwrap().asked.clone()
    }

    /// What the services were asked.
    pub fn events(&self) -> Vec<(RouteName, Value)> {
        self.state.lock().unwrap().events.clone()
    }

    /// What waits to be compared.
    pub fn shadows(&self) -> Vec<String> {
        self.state.lock().unwrap().shadows.clone().unwrap_or_default()
    }

    /// What was counted.
    pub fn notices(&self) -> Vec<Notice> {
        self.state.lock().unwrap().notices.iter().map(|(_, notice)| *notice).collect()
    }
}

impl MonolithSide for Sides {
    async fn ask(&self, asked: &Asked) -> Result<ProxyAnswer, MonolithError> {
        let mut state = self.state.lock().unwrap();
        self.clock.advance(state.takes);
        state.asked.push(asked.clone());
        state.monolith.clone().ok_or_else(|| MonolithError::NoAnswer(connectors::NoAnswer("no connection".to_owned())))
    }
}

impl Services for Sides {
    async fn ask(&self, route: RouteName, event: &Value) -> Result<Value, ServiceError> {
        let mut state = self.state.lock().unwrap();
        self.clock.advance(state.takes);
        state.events.push((route, event.clone()));
        let failed = || ServiceError { service: "Lambda", reason: "it failed".to_owned() };
        state.modern.clone().ok_or_else(failed)
    }
}

impl ShadowQueue for Sides {
    async fn send(&self, text: &str) -> Result<(), ServiceError> {
        let mut state = self.state.lock().unwrap();
        let lost = ServiceError { service: "SQS", reason: "no answer".to_owned() };
        state.shadows.as_mut().map(|shadows| shadows.push(text.to_owned())).ok_or(lost)
    }
}

impl Observer for Sides {
    fn notice(&self, _at: Timestamp, route: RouteName, notice: Notice) {
        self.state.lock().unwrap().notices.push((route, notice));
    }
}

/// A monolith's answer in JSON.
pub fn answer(status: u16, body: &Value) -> ProxyAnswer {
    let headers = [("content-type", "application/json"), ("x-served-by", "monolith")];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    ProxyAnswer::new(status, headers, body.to_string().into_bytes())
}

/// A reader's request as API Gateway hands it on.
pub fn request(method: &str, path: &str, headers: &Value) -> Value {
    json!({
        "resource": "/search", "httpMethod": method, "path": path, "multiValueHeaders": headers,
        "multiValueQueryStringParameters": {"q": ["mars"], "tag": ["a", "b"]}, "body": null, "isBase64Encoded": false,
        "requestContext": {
            "requestId": "id-1", "domainName": "www.example.com", "identity": {"sourceIp": "10.0.0.9"},
            "authorizer": {"claims": {"sub": "ada"}},
        },
    })
}

/// A mode with its percentage.
pub fn steering(mode: Mode, percent: u64) -> Steering {
    Steering { mode, percent: Percent::try_from(percent).unwrap() }
}

/// The parameter's text for one route.
pub fn parameter(route: RouteName, steering: Steering) -> String {
    json!({ route.as_str(): steering }).to_string()
}
