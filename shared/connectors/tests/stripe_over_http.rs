//! What the connector sends, what it makes of servers that answer badly or not at all, and what the gate before it makes of
//! them.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use admission::Admission;
use admission::layer::GateLayer;
use admission::observer::Unobserved;
use connectors::stripe::{self, API_VERSION, Stripe};
use connectors::{ApiKey, HttpConfig};
use domain::breaker::BreakerState;
use domain::gate::Gate;
use domain::gate::config::{Dependency, GateConfig};
use domain::money::{Currency, Money};
use domain::payment_provider::{NewPayment, PaymentId, PaymentProvider, PaymentState, ProviderError};
use domain::time::{Chance, Clock, Pause, Timestamp};
use serde_json::json;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use testing::clock::VirtualClock;
use testing::gates::MemoryGates;
use testing::turn::Turnstile;

/// A server for one connection: reads one request, sends `answer` as it is, hangs up.
struct Server {
    base_url: String,
    requests: Receiver<String>,
}

impl Server {
    fn answering(answer: impl Into<Vec<u8>>) -> Self {
        let answer = answer.into();
        // A client that has read enough may be gone already; what it made of it is what the test looks at.
        Self::doing(move |stream| drop(stream.write_all(&answer)))
    }

    fn doing(then: impl FnOnce(&mut TcpStream) + Send + 'static) -> Self {
        let mut then = Some(then);
        Self::for_each(1, move |stream| then.take().unwrap()(stream))
    }

    /// A server for so many connections, one after the other.
    fn for_each(connections: usize, mut then: impl FnMut(&mut TcpStream) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base_url = format!("http://{}", listener.local_addr().unwrap());
        let (sender, requests) = mpsc::channel();
        std::thread::spawn(move || {
            for _ in 0..connections {
                let (mut stream, _) = listener.accept().unwrap();
                sender.send(read_request(&mut stream)).unwrap();
                then(&mut stream);
            }
        });
        Self { base_url, requests }
    }

    /// A server that always gives this answer, and hangs up after it.
    fn always(answer: String) -> Self {
        Self::for_each(usize::MAX, move |stream| drop(stream.write_all(answer.as_bytes())))
    }

    /// How many requests have arrived since this was asked last.
    fn arrived(&self) -> usize {
        self.requests.try_iter().count()
    }

    fn stripe(&self, prefix: &str, timeout: Duration) -> Stripe {
        stripe(&format!("{}{prefix}", self.base_url), timeout)
    }

    /// What a get makes of `answer`.
    async fn get(answer: impl Into<Vec<u8>>) -> Result<PaymentState, ProviderError> {
        Self::answering(answer).stripe("", PATIENT).get(&id()).await
    }
}

const PATIENT: Duration = Duration::from_secs(20);

fn read_request(stream: &mut TcpStream) -> String {
    let mut request = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let read = stream.read(&mut chunk).unwrap();
        request.extend_from_slice(&chunk[..read]);
        let text = String::from_utf8_lossy(&request);
        let complete = text.split_once("\r\n\r\n").is_some_and(|(head, body)| {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            body.len() >= length.map_or(0, |length| length.parse().unwrap())
        });
        if complete || read == 0 {
            return text.into_owned();
        }
    }
}

fn stripe(base_url: &str, timeout: Duration) -> Stripe {
    let config = HttpConfig::new(base_url, timeout).unwrap();
    Stripe::new(&config, ApiKey::new("sk_test_local").unwrap()).unwrap()
}

fn id() -> PaymentId {
    PaymentId("pi_1".to_owned())
}

fn answer(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n{headers}\r\n{body}", body.len())
}

fn canceled() -> String {
    answer("200 OK", "", r#"{"object": "payment_intent", "id": "pi_1", "status": "canceled"}"#)
}

fn unknown<T>(result: Result<T, ProviderError>) -> String {
    match result {
        Err(ProviderError::Unknown { reason }) => reason,
        Err(other) => panic!("not unknown but: {other}"),
        Ok(_) => panic!("not unknown but a success"),
    }
}

#[tokio::test]
async fn a_create_sends_the_form_the_key_and_the_pinned_version() {
    let body = r#"{"object": "payment_intent", "id": "pi_1", "status": "requires_confirmation"}"#;
    let server = Server::answering(answer("200 OK", "", body));
    let payment = NewPayment {
        money: Money { amount: 900, currency: Currency::new("EUR").unwrap() },
        payment_method: "pm_cardVisa4242".to_owned(),
        intent: "a&b=c".to_owned(),
    };
    let created = server.stripe("/prefix/", PATIENT).create("charge#1:create:0", &payment).await;
    assert_eq!(created, Ok(id()));

    let request = server.requests.recv().unwrap();
    let (head, form) = request.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("POST /prefix/v1/payment_intents HTTP/1.1\r\n"), "{head}");
    for header in [
        "authorization: Bearer sk_test_local",
        "idempotency-key: charge#1:create:0",
        &format!("stripe-version: {API_VERSION}"),
        "content-type: application/x-www-form-urlencoded",
    ] {
        assert!(head.lines().any(|line| line == header), "{header} in {head}");
    }
    assert_eq!(
        form,
        "amount=900&currency=eur&payment_method=pm_cardVisa4242&payment_method_types%5B%5D=card\
         &capture_method=automatic&metadata%5Bintent%5D=a%26b%3Dc"
    );
}

#[tokio::test]
async fn confirm_cancel_and_refund_name_the_payment() {
    let refund = answer("200 OK", "", r#"{"object": "refund", "amount": 900, "status": "succeeded"}"#);
    let server = Server::answering(canceled());
    server.stripe("", PATIENT).confirm("k", &id()).await.unwrap();
    let request = server.requests.recv().unwrap();
    assert!(request.starts_with("POST /v1/payment_intents/pi_1/confirm "), "{request}");
    assert!(request.ends_with("\r\n\r\noff_session=true"), "{request}");

    let server = Server::answering(canceled());
    server.stripe("", PATIENT).cancel("k", &id()).await.unwrap();
    let request = server.requests.recv().unwrap();
    assert!(request.starts_with("POST /v1/payment_intents/pi_1/cancel "), "{request}");

    let server = Server::answering(refund);
    server.stripe("", PATIENT).refund("k", &id()).await.unwrap();
    let request = server.requests.recv().unwrap();
    assert!(request.starts_with("POST /v1/refunds "), "{request}");
    assert!(request.ends_with("\r\n\r\npayment_intent=pi_1"), "{request}");
}

#[tokio::test]
async fn a_get_asks_for_the_charge_with_its_refunds_and_sends_no_key() {
    let server = Server::answering(canceled());
    assert_eq!(server.stripe("", PATIENT).get(&id()).await, Ok(PaymentState::Canceled));
    let request = server.requests.recv().unwrap();
    let query = "expand%5B%5D=latest_charge&expand%5B%5D=latest_charge.refunds";
    assert!(request.starts_with(&format!("GET /v1/payment_intents/pi_1?{query} ")), "{request}");
    assert!(!request.contains("idempotency-key"), "{request}");
}

#[tokio::test]
async fn push_back_by_date_waits_until_then() {
    let headers = "date: Sun, 06 Nov 1994 12:00:00 GMT\r\nretry-after: Sun, 06 Nov 1994 12:00:09 GMT\r\n";
    let result = Server::get(answer("429 Too Many Requests", headers, "{}")).await;
    assert_eq!(result, Err(ProviderError::RateLimited { retry_after: Some(Duration::from_secs(9)) }));
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let location = format!("location: http://{}/\r\n", elsewhere.local_addr().unwrap());
    assert_eq!(unknown(Server::get(answer("307 Temporary Redirect", &location, "")).await), "HTTP 307");
    assert!(elsewhere.accept().is_err(), "nobody came");
}

#[tokio::test]
async fn a_server_that_says_nothing_costs_one_time_out() {
    let (finished, end) = mpsc::channel::<()>();
    let server = Server::doing(move |_| assert!(end.recv().is_err(), "held until the test ends"));
    let result = server.stripe("", Duration::from_millis(50)).get(&id()).await;
    assert_eq!(unknown(result), "no answer in time");
    drop(finished);
}

#[tokio::test]
async fn an_answer_that_never_ends_costs_one_time_out_too() {
    let (finished, end) = mpsc::channel::<()>();
    let server = Server::doing(move |stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{").unwrap();
        assert!(end.recv().is_err(), "held until the test ends");
    });
    let result = server.stripe("", Duration::from_millis(200)).get(&id()).await;
    assert_eq!(unknown(result), "no answer in time");
    drop(finished);
}

#[tokio::test]
async fn a_broken_connection_is_unknown() {
    assert!(unknown(Server::get("").await).starts_with("the connection broke"));
    assert!(
        unknown(Server::get("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{").await).starts_with("the connection broke")
    );
    assert!(unknown(Server::get("garbage, no HTTP at all\r\n\r\n").await).starts_with("the connection broke"));
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let reason = unknown(stripe(&format!("http://{closed}"), PATIENT).get(&id()).await);
    assert!(reason.starts_with("no connection: "), "{reason}");
}

#[tokio::test]
async fn an_endless_body_is_not_read_to_its_end() {
    let body = format!("{{\"padding\": \"{}\"}}", "x".repeat(2 * 1024 * 1024));
    assert_eq!(unknown(Server::get(answer("200 OK", "", &body)).await), "the answer is longer than 1048576 bytes");
}

/// What was logged on this thread while it lived.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn no_error_and_no_log_line_repeats_what_was_said() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber =
        tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(move || writer.clone());
    // As long as there is only one subscriber, a line that a test without one reaches first is off for everybody.
    let _another = tracing::Dispatch::new(tracing_subscriber::fmt().with_writer(io::sink).finish());
    let _guard = tracing::subscriber::set_default(subscriber.finish());
    let secret = "ada@example.com";
    for status in ["200 OK", "400 Bad Request", "402 Payment Required", "500 Internal Server Error"] {
        for body in [
            secret.to_owned(),
            format!(r#"{{"object": "payment_intent", "id": "{secret}", "status": "{secret}"}}"#),
            format!(r#"{{"error": {{"type": "{secret}", "code": "{secret}", "message": "{secret}"}}}}"#),
        ] {
            let error = Server::get(answer(status, &format!("request-id: {secret}\r\n"), &body)).await.unwrap_err();
            assert!(!format!("{error} {error:?}").contains(secret), "{status} {body}: {error:?}");
        }
    }
    let declined = r#"{"error": {"type": "card_error", "code": "card_declined", "message": "ada@example.com"}}"#;
    let declined = Server::get(answer("402 Payment Required", "request-id: req_7\r\n", declined)).await;
    assert_eq!(declined, Err(ProviderError::Declined { code: "card_declined".to_owned() }));

    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(!log.contains(secret) && !log.contains("sk_test_local"), "{log}");
    for expected in ["provider.call=\"get\"", "payment.id=\"pi_1\"", "http.status=402", "provider.request_id=\"req_7\""]
    {
        assert!(log.contains(expected), "{expected} in {log}");
    }
}

#[tokio::test]
async fn a_malformed_id_or_key_is_refused_before_anything_is_sent() {
    let closed = stripe("http://127.0.0.1:9", PATIENT);
    let id_refused = Err(ProviderError::Rejected { code: "malformed_payment_id".to_owned() });
    for odd in ["", "../refunds", "pi_1/cancel", "pi_1?x", "pi 1"] {
        assert_eq!(closed.get(&PaymentId(odd.to_owned())).await.map(|_| ()), id_refused, "{odd:?}");
        assert_eq!(closed.refund("k", &PaymentId(odd.to_owned())).await, id_refused, "{odd:?}");
    }
    let key_refused = Err(ProviderError::Rejected { code: "malformed_idempotency_key".to_owned() });
    for odd in ["", "a b", "a\nb", "é", &"k".repeat(256)] {
        assert_eq!(closed.confirm(odd, &id()).await, key_refused, "{odd:?}");
    }
}

/// Hangs up after each answer, so that the next request comes by its own connection.
const CLOSE: &str = "connection: close\r\n";

/// The clock stands still until a test moves it; waiting is real.
#[derive(Clone, Default)]
struct Runtime(VirtualClock);

impl Clock for Runtime {
    fn now(&self) -> Timestamp {
        self.0.now()
    }
}

impl Chance for Runtime {
    fn draw(&self) -> f64 {
        fastrand::f64()
    }
}

impl Pause for Runtime {
    async fn pause(&self, span: Duration) {
        tokio::time::sleep(span).await;
    }
}

/// A connector behind a gate that opens after two failures.
struct Gated {
    stripe: Stripe,
    gates: MemoryGates,
    clock: VirtualClock,
}

impl Gated {
    fn new(server: &Server, timeout: Duration, call_timeout: Duration) -> Self {
        let (runtime, gates) = (Runtime::default(), MemoryGates::new(Turnstile::default()));
        let knobs = serde_json::from_value(json!({
            "ratePerSecond": 10, "burst": 10, "overlap": 0, "storeUnreachable": "refuse",
            "callTimeoutMs": call_timeout.as_millis(),
            "slidingWindowSize": 10, "minimumNumberOfCalls": 2, "minimumFailures": 2,
        }));
        let dependency = Dependency::try_from("payment".to_owned()).unwrap();
        let config = GateConfig::new(dependency, &knobs.unwrap()).unwrap();
        let admission = Admission::new(gates.clone(), runtime.clone(), Unobserved, [config]);
        let layer = GateLayer::new(admission, "payment", stripe::outcome).unwrap();
        let http = HttpConfig::new(&server.base_url, timeout).unwrap();
        let stripe = Stripe::behind(&http, ApiKey::new("sk_test_local").unwrap(), &layer).unwrap();
        Self { stripe, gates, clock: runtime.0 }
    }

    fn gate(&self) -> Gate {
        self.gates.gate("payment", 0).unwrap()
    }

    fn failures(&self) -> u64 {
        self.gate().failures.values().sum()
    }
}

fn payment() -> NewPayment {
    NewPayment {
        money: Money { amount: 900, currency: Currency::new("EUR").unwrap() },
        payment_method: "pm_cardVisa4242".to_owned(),
        intent: "intent".to_owned(),
    }
}

#[tokio::test]
async fn while_the_circuit_is_open_no_request_leaves() {
    let server = Server::always(answer("500 Internal Server Error", CLOSE, "{}"));
    let gated = Gated::new(&server, PATIENT, PATIENT);
    for _ in 0..2 {
        unknown(gated.stripe.get(&id()).await);
    }
    assert_eq!((gated.gate().state, server.arrived()), (BreakerState::Open, 2));

    let stripe = &gated.stripe;
    let ends = [
        stripe.create("k", &payment()).await.map(drop),
        stripe.confirm("k", &id()).await,
        stripe.get(&id()).await.map(drop),
        stripe.cancel("k", &id()).await,
        stripe.refund("k", &id()).await,
    ];
    for end in ends {
        let reason = end.unwrap_err().to_string();
        assert!(reason.starts_with("the payment provider was not called: ") && reason.contains("open"), "{reason}");
    }
    assert_eq!(server.arrived(), 0);
}

#[tokio::test]
async fn a_429_pushes_every_call_back_for_as_long_as_it_says() {
    let server = Server::always(answer("429 Too Many Requests", &format!("retry-after: 30\r\n{CLOSE}"), "{}"));
    let gated = Gated::new(&server, PATIENT, PATIENT);
    let pushed_back = gated.stripe.confirm("k", &id()).await;
    assert_eq!(pushed_back, Err(ProviderError::RateLimited { retry_after: Some(Duration::from_secs(30)) }));
    assert_eq!(server.arrived(), 1);

    gated.clock.advance(Duration::from_secs(29));
    let held_back = gated.stripe.get(&id()).await;
    assert!(matches!(held_back, Err(ProviderError::RateLimited { retry_after: Some(_) })), "{held_back:?}");
    assert_eq!((server.arrived(), gated.gate().state), (0, BreakerState::Closed), "a push-back is no failure");

    gated.clock.advance(Duration::from_secs(2));
    assert!(gated.stripe.get(&id()).await.is_err());
    assert_eq!(server.arrived(), 1, "the time is over");
}

#[tokio::test]
async fn an_answer_that_never_ends_counts_as_a_failure() {
    let (finished, end) = mpsc::channel::<()>();
    let server = Server::doing(move |stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{").unwrap();
        assert!(end.recv().is_err(), "held until the test ends");
    });
    let gated = Gated::new(&server, Duration::from_millis(200), PATIENT);
    assert_eq!(unknown(gated.stripe.get(&id()).await), "no answer in time");
    assert_eq!(gated.failures(), 1);
    drop(finished);
}

#[tokio::test]
async fn the_gates_own_time_out_ends_a_call_too() {
    let (finished, end) = mpsc::channel::<()>();
    let server = Server::doing(move |_| assert!(end.recv().is_err(), "held until the test ends"));
    let gated = Gated::new(&server, PATIENT, Duration::from_millis(50));
    assert_eq!(unknown(gated.stripe.get(&id()).await), "no answer in time");
    assert_eq!(gated.failures(), 1);
    drop(finished);
}

#[tokio::test]
async fn declined_cards_never_open_the_circuit() {
    let declined = r#"{"error": {"type": "card_error", "code": "card_declined"}}"#;
    let server = Server::always(answer("402 Payment Required", CLOSE, declined));
    let gated = Gated::new(&server, PATIENT, PATIENT);
    for _ in 0..10 {
        let end = gated.stripe.confirm("k", &id()).await;
        assert_eq!(end, Err(ProviderError::Declined { code: "card_declined".to_owned() }));
    }
    assert_eq!((server.arrived(), gated.failures(), gated.gate().state), (10, 0, BreakerState::Closed));
}

#[tokio::test]
async fn a_malformed_id_or_key_costs_no_permit() {
    let server = Server::always(canceled());
    let gated = Gated::new(&server, PATIENT, PATIENT);
    assert!(gated.stripe.confirm("", &id()).await.is_err());
    assert!(gated.stripe.get(&PaymentId("../refunds".to_owned())).await.is_err());
    assert_eq!((gated.gates.gate("payment", 0), server.arrived()), (None, 0));
}
