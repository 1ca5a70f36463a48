//! Promises about webhooks: only what the provider signed just now is read, and it only says where to look.

use super::*;
use proptest::prelude::*;
use serde_json::{Value, json};

const NOW: Timestamp = Timestamp(1_800_000_000_000);
const SECRET: &str = "whsec_current";

fn secrets() -> WebhookSecrets {
    WebhookSecrets::parse(r#"{"current": "whsec_current", "previous": "whsec_previous"}"#).unwrap()
}

fn signature(secret: &str, time: &str, body: &[u8]) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap().chain_update(time).chain_update(".");
    let digest = mac.chain_update(body).finalize().into_bytes();
    digest
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect()
}

fn header(secret: &str, at: Timestamp, body: &[u8]) -> String {
    let time = (at.0 / 1000).to_string();
    format!("t={time},v1={}", signature(secret, &time, body))
}

fn event(kind: &str, object: &Value) -> Vec<u8> {
    json!({"id": "evt_1", "object": "event", "created": 1_799_999_990, "type": kind, "data": {"object": object}})
        .to_string()
        .into_bytes()
}

fn succeeded() -> Vec<u8> {
    event("payment_intent.succeeded", &json!({"id": "pi_1", "object": "payment_intent", "status": "succeeded"}))
}

fn verified(body: &[u8]) -> Result<PaymentNews, WebhookError> {
    verify(&secrets(), Some(&header(SECRET, NOW, body)), body, NOW)
}

fn about(kind: &str, object: &Value) -> News {
    verified(&event(kind, object)).unwrap().about
}

#[test]
fn a_known_signature_is_believed() {
    // printf '1800000000.{}' | openssl dgst -sha256 -hmac whsec_current
    let expected = signature(SECRET, "1800000000", b"{}");
    assert_eq!(expected, "30f88730f29f031e8b22e56e2132e5863833ea48eb678e8c2114abe9cdc64ee9");
}

#[test]
fn any_signature_under_any_secret_is_enough() {
    let body = succeeded();
    let time = (NOW.0 / 1000).to_string();
    for secret in ["whsec_current", "whsec_previous"] {
        assert!(verify(&secrets(), Some(&header(secret, NOW, &body)), &body, NOW).is_ok(), "{secret}");
        let wrong = "0".repeat(64);
        let right = signature(secret, &time, &body);
        let both = format!("t={time},v1={wrong},v0={right},v1={right}");
        assert!(verify(&secrets(), Some(&both), &body, NOW).is_ok(), "{secret}");
    }
    let v0 = format!("t={time},v0={}", signature(SECRET, &time, &body));
    assert_eq!(verify(&secrets(), Some(&v0), &body, NOW), Err(WebhookError::MalformedSignature));
    let other = header("whsec_another", NOW, &body);
    assert_eq!(verify(&secrets(), Some(&other), &body, NOW), Err(WebhookError::Forged));
}

#[test]
fn what_is_missing_old_or_too_long_is_refused() {
    let body = succeeded();
    assert_eq!(verify(&secrets(), None, &body, NOW), Err(WebhookError::NoSignature));
    for malformed in ["", "t=1", "v1=00", "t=x,v1=00", "t=-1,v1=00", "t=1,t=1,v1=00", "hello"] {
        assert_eq!(verify(&secrets(), Some(malformed), &body, NOW), Err(WebhookError::MalformedSignature));
    }
    let minute = Duration::from_mins(1);
    for (at, fresh) in [
        (NOW.minus(5 * minute), true),
        (NOW.plus(5 * minute), true),
        (NOW.minus(6 * minute), false),
        (NOW.plus(6 * minute), false),
    ] {
        let answer = verify(&secrets(), Some(&header(SECRET, at, &body)), &body, NOW);
        assert_eq!(answer.is_ok(), fresh, "{at:?}");
        assert!(fresh || answer == Err(WebhookError::Stale));
    }
    let long = vec![b' '; LONGEST_BODY + 1];
    assert_eq!(verified(&long), Err(WebhookError::TooLong));
    let many = format!("t=1{}", format!(",v1={}", "0".repeat(64)).repeat(MOST_SIGNATURES + 1));
    assert_eq!(verify(&secrets(), Some(&many), &body, NOW), Err(WebhookError::MalformedSignature));
}

#[test]
fn news_says_where_to_look() {
    let intent = "A".repeat(43);
    let charge = Charge::try_from(format!("{intent}#2")).unwrap();
    let payment = json!({"id": "pi_1", "object": "payment_intent", "metadata": {"charge": charge.to_string()}});
    let subject = Subject { payment: PaymentId("pi_1".to_owned()), charge: Some(charge) };
    for kind in ["succeeded", "payment_failed", "canceled", "processing", "requires_action"] {
        assert_eq!(about(&format!("payment_intent.{kind}"), &payment), News::Payment(subject.clone()));
    }
    let of = Subject { charge: None, ..subject };
    let refund = |status: &str| json!({"id": "re_1", "object": "refund", "payment_intent": "pi_1", "status": status});
    assert_eq!(about("refund.updated", &refund("succeeded")), News::Refund { of: of.clone(), failed: false });
    assert_eq!(about("refund.updated", &refund("failed")), News::Refund { of: of.clone(), failed: true });
    assert_eq!(about("refund.failed", &refund("failed")), News::Refund { of: of.clone(), failed: true });
    let dispute = |status: &str| json!({"id": "dp_1", "object": "dispute", "payment_intent": "pi_1", "status": status});
    assert_eq!(about("charge.dispute.created", &dispute("needs_response")), News::DisputeOpened(of.clone()));
    assert_eq!(about("charge.dispute.closed", &dispute("won")), News::DisputeClosed { of: of.clone(), won: true });
    assert_eq!(about("charge.dispute.closed", &dispute("lost")), News::DisputeClosed { of, won: false });
    let other = News::Other { kind: "customer.created".to_owned() };
    assert_eq!(about("customer.created", &json!({"id": "cus_1"})), other);
}

#[test]
fn what_is_signed_and_cannot_be_used_is_refused_without_its_words() {
    for body in [
        b"secret".to_vec(),
        b"{}".to_vec(),
        event("payment_intent.succeeded", &json!({"object": "payment_intent", "id": "../secret"})),
        event("charge.refunded", &json!({"object": "charge", "id": "secret"})),
    ] {
        let error = verified(&body).unwrap_err();
        assert!(matches!(error, WebhookError::Unreadable { .. }), "{error}");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}

#[test]
fn secrets_hide_themselves_and_wrong_ones_say_what_they_must_be() {
    assert_eq!(format!("{:?}", secrets()), "WebhookSecrets(2)");
    assert_eq!(format!("{:?}", WebhookSecrets::parse("whsec_alone\n").unwrap()), "WebhookSecrets(1)");
    for wrong in ["", "short", r#"{"current": "short"}"#, r#"{"previous": "whsec_previous"}"#, "{secret"] {
        let said = WebhookSecrets::parse(wrong).unwrap_err();
        assert!(!said.contains("short\"") && !said.contains("secret\""), "{said}");
    }
}

proptest! {
    #[test]
    fn one_byte_that_is_changed_is_refused(place in 0..4096usize, flip in 1..=255u8) {
        let body = succeeded();
        let mut changed = body.clone();
        let place = place % changed.len();
        changed[place] ^= flip;
        let header = header(SECRET, NOW, &body);
        prop_assert_eq!(verify(&secrets(), Some(&header), &changed, NOW), Err(WebhookError::Forged));
    }

    #[test]
    fn another_time_than_the_signed_one_is_refused(seconds in 0..300i64) {
        let body = succeeded();
        let header = header(SECRET, NOW, &body);
        let moved = header.replace(&(NOW.0 / 1000).to_string(), &(NOW.0 / 1000 - seconds - 1).to_string());
        prop_assert_eq!(verify(&secrets(), Some(&moved), &body, NOW), Err(WebhookError::Forged));
    }

    #[test]
    fn no_header_makes_it_panic(header: String, body: Vec<u8>) {
        prop_assert!(verify(&secrets(), Some(&header), &body, NOW).is_err());
    }
}
