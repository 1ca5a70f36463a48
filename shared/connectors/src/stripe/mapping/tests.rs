use super::*;
use crate::http::NoAnswer;
use domain::gate::admit::{CallNotPermitted, Reason};
use proptest::prelude::*;
use serde_json::{Value, json};

const ID: &str = "pi_1";

/// What a get says about a PaymentIntent with these fields.
fn state_of(fields: &Value) -> Result<PaymentState, ProviderError> {
    let mut payment = json!({"object": "payment_intent", "id": ID, "amount": 900, "livemode": false});
    for (name, value) in fields.as_object().unwrap() {
        payment[name] = value.clone();
    }
    state(ID, payment.to_string().as_bytes())
}

fn succeeded(charge: &Value) -> Result<PaymentState, ProviderError> {
    state_of(&json!({"status": "succeeded", "latest_charge": charge}))
}

/// A charge of 900 with these refunds: status and amount.
fn charge(refunded: bool, refunds: &[(&str, u64)]) -> Value {
    let refund = |(status, amount): &(&str, u64)| json!({"object": "refund", "status": status, "amount": amount});
    let refunds: Vec<_> = refunds.iter().map(refund).collect();
    json!({"object": "charge", "amount": 900, "refunded": refunded, "refunds": {"object": "list", "data": refunds}})
}

fn error_of(status: u16, fields: &Value) -> ProviderError {
    error(status, None, json!({"error": fields}).to_string().as_bytes())
}

fn declined(code: &str) -> ProviderError {
    ProviderError::Declined { code: code.to_owned() }
}

fn rejected(code: &str) -> ProviderError {
    ProviderError::Rejected { code: code.to_owned() }
}

fn is_unknown(error: &ProviderError) -> bool {
    matches!(error, ProviderError::Unknown { .. })
}

#[test]
fn every_status_without_money_has_its_state() {
    let cases = [
        (json!({"status": "requires_payment_method"}), PaymentState::Unconfirmed),
        (json!({"status": "requires_payment_method", "last_payment_error": null}), PaymentState::Unconfirmed),
        (json!({"status": "requires_confirmation"}), PaymentState::Unconfirmed),
        (json!({"status": "requires_action"}), PaymentState::ActionRequired),
        (json!({"status": "processing"}), PaymentState::Processing),
        (json!({"status": "canceled"}), PaymentState::Canceled),
    ];
    for (fields, expected) in cases {
        assert_eq!(state_of(&fields), Ok(expected), "{fields}");
    }
}

#[test]
fn a_failed_attempt_is_declined_unless_the_issuer_wants_the_customer() {
    let failed = |error: Value| state_of(&json!({"status": "requires_payment_method", "last_payment_error": error}));
    assert_eq!(failed(json!({"code": "card_declined"})), Ok(PaymentState::Declined));
    assert_eq!(failed(json!({"code": "card_declined", "decline_code": "lost_card"})), Ok(PaymentState::Declined));
    assert_eq!(failed(json!({})), Ok(PaymentState::Declined));
    assert_eq!(failed(json!({"code": "authentication_required"})), Ok(PaymentState::ActionRequired));
    let soft = json!({"code": "card_declined", "decline_code": "authentication_required"});
    assert_eq!(failed(soft), Ok(PaymentState::ActionRequired));
}

#[test]
fn money_that_stayed_is_captured() {
    assert_eq!(succeeded(&charge(false, &[])), Ok(PaymentState::Captured));
    assert_eq!(succeeded(&json!({"amount": 900, "refunded": false})), Ok(PaymentState::Captured));
    assert_eq!(succeeded(&charge(false, &[("succeeded", 899)])), Ok(PaymentState::Captured), "a part went back");
    assert_eq!(succeeded(&charge(false, &[("pending", 1)])), Ok(PaymentState::Captured), "a part is on its way");
    assert_eq!(succeeded(&charge(false, &[("failed", 900)])), Ok(PaymentState::Captured), "it came back");
    assert_eq!(succeeded(&charge(false, &[("canceled", 900)])), Ok(PaymentState::Captured));
}

#[test]
fn money_that_went_back_is_refunded_once_no_refund_is_on_its_way() {
    assert_eq!(succeeded(&charge(true, &[("succeeded", 900)])), Ok(PaymentState::Refunded));
    assert_eq!(succeeded(&json!({"amount": 900, "refunded": true})), Ok(PaymentState::Refunded));
    assert_eq!(succeeded(&charge(true, &[("failed", 900), ("succeeded", 900)])), Ok(PaymentState::Refunded));
    assert_eq!(succeeded(&charge(true, &[("pending", 900)])), Ok(PaymentState::RefundPending));
    assert_eq!(succeeded(&charge(false, &[("pending", 900)])), Ok(PaymentState::RefundPending));
    assert_eq!(succeeded(&charge(true, &[("requires_action", 900)])), Ok(PaymentState::RefundPending));
    let in_parts = charge(false, &[("pending", 400), ("succeeded", 500)]);
    assert_eq!(succeeded(&in_parts), Ok(PaymentState::RefundPending));
}

#[test]
fn what_does_not_say_enough_is_unreadable() {
    let cases = [
        json!({"status": "requires_capture"}),
        json!({"status": "a_status_of_tomorrow"}),
        json!({"status": "Succeeded"}),
        json!({"status": null}),
        json!({}),
        json!({"status": "succeeded"}),
        json!({"status": "succeeded", "latest_charge": null}),
        json!({"status": "succeeded", "latest_charge": "ch_1"}),
        json!({"status": "succeeded", "latest_charge": {"amount": 900}}),
        json!({"status": "succeeded", "latest_charge": {"refunded": false}}),
        json!({"status": "succeeded", "latest_charge": {"amount": "900", "refunded": false}}),
        json!({"status": "succeeded", "latest_charge": {"amount": 900, "refunded": "false"}}),
        json!({"status": "canceled", "object": "charge"}),
        json!({"status": "canceled", "object": null}),
        json!({"status": "canceled", "id": "pi_2"}),
        json!({"status": "canceled", "id": 1}),
    ];
    for fields in cases {
        assert!(state_of(&fields).is_err_and(|error| is_unknown(&error)), "{fields}");
    }
    let unknown_refund = charge(false, &[("a_status_of_tomorrow", 900)]);
    assert!(succeeded(&unknown_refund).is_err());
    for body in ["", "null", "[]", "<html>Bad Gateway</html>", "{\"object\": \"payment_intent\""] {
        assert!(state(ID, body.as_bytes()).is_err(), "{body}");
    }
}

#[test]
fn a_created_payment_has_an_id_that_fits_into_a_path() {
    let created = |id: &str| {
        created(json!({"object": "payment_intent", "id": id, "status": "requires_confirmation"}).to_string().as_bytes())
    };
    assert_eq!(created("pi_3P5ktx"), Ok(PaymentId("pi_3P5ktx".to_owned())));
    for odd in ["", "../refunds", "pi_1?x", "pi 1", "pi_1%2f"] {
        assert!(created(odd).is_err(), "{odd}");
    }
}

#[test]
fn a_refund_that_fails_at_once_is_a_refusal() {
    let refund = |fields: &Value| {
        let mut refund = json!({"object": "refund", "amount": 900});
        for (name, value) in fields.as_object().unwrap() {
            refund[name] = value.clone();
        }
        refund_begun(refund.to_string().as_bytes())
    };
    for status in ["pending", "requires_action", "succeeded"] {
        assert_eq!(refund(&json!({"status": status})), Ok(()), "{status}");
    }
    assert_eq!(refund(&json!({"status": null})), Ok(()));
    assert_eq!(
        refund(&json!({"status": "failed", "failure_reason": "lost_or_stolen_card"})),
        Err(rejected("lost_or_stolen_card"))
    );
    assert_eq!(refund(&json!({"status": "canceled"})), Err(rejected("refund_failed")));
    assert!(refund(&json!({"object": "payment_intent"})).is_err());
}

#[test]
fn a_card_error_is_a_decline() {
    let error = error_of(402, &json!({"type": "card_error", "code": "card_declined", "decline_code": "lost_card"}));
    assert_eq!(error, declined("card_declined"));
    assert_eq!(error_of(402, &json!({"type": "card_error"})), declined("card_error"));
}

#[test]
fn a_means_of_payment_that_stripe_does_not_take_is_a_decline() {
    let error = |param: &str| {
        error_of(400, &json!({"type": "invalid_request_error", "code": "resource_missing", "param": param}))
    };
    assert_eq!(error("payment_method"), declined("resource_missing"));
    assert_eq!(error("payment_method_types"), rejected("resource_missing"), "that is ours");
}

#[test]
fn push_back_carries_its_wait() {
    let wait = Some(Duration::from_secs(7));
    assert_eq!(error(429, wait, b""), ProviderError::RateLimited { retry_after: wait });
    let lock = json!({"type": "invalid_request_error", "code": "lock_timeout"});
    assert_eq!(error_of(429, &lock), ProviderError::RateLimited { retry_after: None });
}

#[test]
fn what_may_pass_is_unknown() {
    for status in [100, 204, 301, 302, 307, 408, 409, 424, 500, 502, 503, 504, 599] {
        assert!(is_unknown(&error_of(status, &json!({"type": "card_error", "code": "card_declined"}))), "{status}");
    }
    assert!(is_unknown(&error_of(400, &json!({"type": "api_error"}))));
    assert!(is_unknown(&error_of(400, &json!({"type": "idempotency_error", "code": "idempotency_key_in_use"}))));
    assert!(is_unknown(&error_of(400, &json!({"type": "invalid_request_error", "code": "lock_timeout"}))));
    for body in ["", "{}", "{\"error\": \"no\"}", "<html>Forbidden</html>"] {
        assert!(is_unknown(&error(403, None, body.as_bytes())), "{body}");
    }
}

#[test]
fn refused_credentials_say_nothing_about_a_payment() {
    for (status, code) in [(401, "api_key_expired"), (403, "secret_key_required")] {
        assert!(is_unknown(&error_of(status, &json!({"type": "invalid_request_error", "code": code}))), "{status}");
    }
}

#[test]
fn what_stripe_will_never_do_is_rejected_with_its_code() {
    let cases = [
        (400, json!({"type": "idempotency_error"}), "idempotency_error"),
        (400, json!({"type": "invalid_request_error", "code": "charge_already_refunded"}), "charge_already_refunded"),
        (
            400,
            json!({"type": "invalid_request_error", "code": "payment_intent_unexpected_state"}),
            "payment_intent_unexpected_state",
        ),
        (402, json!({"type": "invalid_request_error", "code": null}), "invalid_request_error"),
        (
            404,
            json!({"type": "invalid_request_error", "code": "resource_missing", "param": "intent"}),
            "resource_missing",
        ),
    ];
    for (status, fields, code) in cases {
        assert_eq!(error_of(status, &fields), rejected(code), "{status} {fields}");
    }
}

#[test]
fn content_does_not_get_out_as_a_code() {
    let error = error_of(400, &json!({"type": "Ada <ada@example.com>", "code": "4242 4242 4242 4242"}));
    assert_eq!(error, rejected("unnamed"));
}

/// JSON that is nearly a PaymentIntent: its words at any place.
fn nearly() -> impl Strategy<Value = Value> {
    const WORDS: [&str; 12] = [
        "payment_intent",
        "pi_1",
        "succeeded",
        "requires_payment_method",
        "canceled",
        "refund",
        "pending",
        "failed",
        "charge",
        "card_error",
        "authentication_required",
        "",
    ];
    const NAMES: [&str; 15] = [
        "object",
        "id",
        "status",
        "latest_charge",
        "last_payment_error",
        "amount",
        "refunded",
        "refunds",
        "data",
        "code",
        "decline_code",
        "error",
        "type",
        "param",
        "failure_reason",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        proptest::sample::select(&WORDS[..]).prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 60, 12, |inner| {
        let object = proptest::collection::btree_map(proptest::sample::select(&NAMES[..]), inner.clone(), 0..8);
        prop_oneof![
            proptest::collection::vec(inner, 0..4).prop_map(Value::from),
            object.prop_map(|fields| fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()),
        ]
    })
}

/// A PaymentIntent that succeeded, with some of its fields replaced or removed.
fn damaged() -> impl Strategy<Value = Value> {
    let damage = proptest::collection::vec((0..6_usize, proptest::option::of(nearly())), 0..3);
    (damage, any::<bool>()).prop_map(|(damage, refunded)| {
        let mut payment = json!({"object": "payment_intent", "id": ID, "status": "succeeded",
            "latest_charge": charge(refunded, &[("succeeded", 1)])});
        for (place, value) in damage {
            let (parent, name) = match place {
                0 => ("", "object"),
                1 => ("", "id"),
                2 => ("", "status"),
                3 => ("", "latest_charge"),
                4 => ("/latest_charge", "refunded"),
                _ => ("/latest_charge", "amount"),
            };
            let Some(fields) = payment.pointer_mut(parent).and_then(Value::as_object_mut) else { continue };
            match value {
                Some(value) => fields.insert(name.to_owned(), value),
                None => fields.remove(name),
            };
        }
        payment
    })
}

/// Reads the same thing without the wire types.
fn says_captured(payment: &Value) -> bool {
    payment["object"] == "payment_intent"
        && payment["id"] == ID
        && payment["status"] == "succeeded"
        && payment["latest_charge"]["refunded"] == false
        && payment["latest_charge"]["amount"].is_u64()
}

/// serde's own reading would take an array for the fields of a struct, and money would be there that nobody spoke of.
#[test]
fn an_array_is_no_object() {
    for charge in [json!([500, false, null]), json!({"amount": 500, "refunded": false, "refunds": [[]]})] {
        let payment = json!({"object": "payment_intent", "id": ID, "status": "succeeded", "latest_charge": charge});
        assert!(state(ID, payment.to_string().as_bytes()).is_err(), "{payment}");
    }
    let payment = json!(["payment_intent", ID, "succeeded", null, charge(false, &[])]);
    assert!(state(ID, payment.to_string().as_bytes()).is_err());
    let refusal = json!([["card_error", "card_declined", null]]);
    assert!(is_unknown(&error(402, None, refusal.to_string().as_bytes())));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn bytes_never_panic_and_never_mean_money(body in proptest::collection::vec(any::<u8>(), 0..512)) {
        prop_assert!(state(ID, &body).is_err());
        prop_assert!(created(&body).is_err());
        prop_assert!(acknowledged(&body).is_err());
        prop_assert!(refund_begun(&body).is_err());
    }

    #[test]
    fn json_means_captured_only_if_it_says_so(payment in prop_oneof![nearly(), damaged()]) {
        let body = payment.to_string();
        if state(ID, body.as_bytes()) == Ok(PaymentState::Captured) {
            prop_assert!(says_captured(&payment), "{}", body);
        }
    }

    #[test]
    fn an_error_keeps_to_its_status_and_to_codes(
        status in 100_u16..600,
        body in prop_oneof![nearly(), nearly().prop_map(|error| json!({"error": error}))],
    ) {
        let error = error(status, None, body.to_string().as_bytes());
        match &error {
            ProviderError::Declined { code } => prop_assert!(matches!(status, 400 | 402) && wire::is_code(code)),
            ProviderError::Rejected { code } => prop_assert!((400..500).contains(&status) && wire::is_code(code)),
            ProviderError::RateLimited { .. } => prop_assert_eq!(status, 429),
            ProviderError::Unknown { reason } => prop_assert!(reason.len() < 100 && reason.starts_with("HTTP ")),
            ProviderError::NotPermitted { .. } => prop_assert!(false, "there is an answer, so it was sent"),
        }
        prop_assert!(status < 500 || is_unknown(&error));
    }

    #[test]
    fn an_error_of_bytes_is_never_a_refusal(status in 100_u16..600, body in proptest::collection::vec(any::<u8>(), 0..256)) {
        let error = error(status, None, &body);
        prop_assert!(is_unknown(&error) || status == 429);
    }
}

#[test]
fn a_request_that_a_gate_held_back_is_neither_declined_nor_refused_nor_unknown() {
    let wait = Duration::from_millis(1500);
    let held_back = |reason| no_answer(SendError::NotPermitted(CallNotPermitted { reason, retry_after: wait }));
    for reason in [Reason::Rate, Reason::Hold] {
        assert_eq!(held_back(reason), ProviderError::RateLimited { retry_after: Some(wait) }, "{reason:?}");
    }
    for reason in [Reason::Open, Reason::Permits, Reason::Store] {
        let error = held_back(reason);
        assert!(
            matches!(&error, ProviderError::NotPermitted { reason: why } if why.contains(reason.as_str())),
            "{error}"
        );
    }
    let misconfigured = no_answer(SendError::Misconfigured("too many tokens".to_owned()));
    assert!(matches!(misconfigured, ProviderError::NotPermitted { .. }) && misconfigured.nothing_happened());
    assert!(held_back(Reason::Rate).nothing_happened());
    assert!(held_back(Reason::Rate).to_string().ends_with("ask again in 2 s"));
    let unknown = no_answer(SendError::NoAnswer(NoAnswer("the connection broke".to_owned())));
    assert!(is_unknown(&unknown) && !unknown.nothing_happened());
}

#[test]
fn the_gate_hears_of_the_providers_health_and_not_of_the_customers_card() {
    let outcome_of = |status, body: &str| {
        let wait = Some(Duration::from_secs(3));
        outcome(&Answer { status, retry_after: wait, request_id: None, body: body.as_bytes().to_vec() })
    };
    assert_eq!(outcome_of(200, "{}"), Outcome::Success);
    assert_eq!(outcome_of(402, r#"{"error": {"type": "card_error", "code": "card_declined"}}"#), Outcome::Success);
    for (status, body) in [(200, "<html>"), (200, ""), (424, "{}"), (500, "{}"), (503, "{}"), (408, "")] {
        assert_eq!(outcome_of(status, body), Outcome::Failure, "{status} {body:?}");
    }
    let refusal = r#"{"error": {"type": "invalid_request_error", "code": "resource_missing"}}"#;
    for status in [400, 404, 409] {
        assert_eq!(outcome_of(status, refusal), Outcome::Ignored, "{status}");
        assert_eq!(outcome_of(status, "<html>"), Outcome::Failure, "{status} from something between");
    }
    for (status, body) in [(401, "{}"), (403, "")] {
        assert_eq!(outcome_of(status, body), Outcome::Ignored, "{status}");
    }
    assert_eq!(outcome_of(302, ""), Outcome::Failure);
    let locked = r#"{"error": {"type": "invalid_request_error", "code": "lock_timeout"}}"#;
    assert_eq!(outcome_of(429, locked), Outcome::Ignored, "one object's lock is no reason for everybody to wait");
    assert_eq!(outcome_of(429, ""), Outcome::PushedBack(Some(Duration::from_secs(3))));
}
