use super::super::examples::{config, dependency, knobs};
use super::*;

fn rule(change: impl FnOnce(&mut Knobs)) -> String {
    let mut knobs = knobs();
    change(&mut knobs);
    GateConfig::new(dependency(), &knobs).unwrap_err().to_string()
}

fn works(change: impl FnOnce(&mut Knobs)) -> GateConfig {
    let mut knobs = knobs();
    change(&mut knobs);
    GateConfig::new(dependency(), &knobs).unwrap()
}

#[test]
fn a_name_is_short_and_plain() {
    let name = |name: &str| Dependency::try_from(name.to_owned());
    assert_eq!(name("fraud").unwrap().as_str(), "fraud");
    assert_eq!(name("a-2").unwrap().to_string(), "a-2");
    assert_eq!(String::from(name("a-2").unwrap()), "a-2");
    assert!(name(&"a".repeat(40)).is_ok());
    for wrong in ["", "2a", "-a", "A", "fraud#0", "fraud/1", &"a".repeat(41)] {
        assert!(name(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn four_knobs_must_be_said_and_the_others_have_defaults() {
    let least = r#"{"ratePerSecond": 10, "burst": 10, "callTimeoutMs": 2000, "storeUnreachable": "allow"}"#;
    let knobs: Knobs = serde_json::from_str(least).unwrap();
    let config = GateConfig::new(dependency(), &knobs).unwrap();
    assert_eq!(config.bucket, Bucket { interval: 100_000, capacity: 8, overlap: 2 });
    let millis = Duration::from_millis;
    assert_eq!(
        (config.max_wait, config.call_timeout, config.slow_call_duration),
        (millis(0), millis(2000), millis(2000))
    );
    assert_eq!((config.failure_rate_threshold, config.slow_call_rate_threshold), (50, 100));
    assert_eq!((config.minimum_number_of_calls, config.minimum_failures, config.window_bucket_size), (10, 5, 10));
    assert_eq!((config.permitted_calls_in_half_open, config.successes_to_close), (3, 2));
    assert_eq!((config.break_duration, config.max_break_duration), (millis(30_000), millis(600_000)));
    assert_eq!((config.clock_skew, config.call_slack, config.permit_lease), (millis(250), millis(250), millis(3500)));
    assert_eq!((config.push_back, config.max_push_back), (millis(1000), millis(3_600_000)));
    assert_eq!((config.store_unreachable, config.shards), (StorePolicy::Allow, 1));
    for missing in ["ratePerSecond", "burst", "callTimeoutMs", "storeUnreachable"] {
        let mut knobs: serde_json::Value = serde_json::from_str(least).unwrap();
        knobs.as_object_mut().unwrap().remove(missing);
        assert!(serde_json::from_value::<Knobs>(knobs).unwrap_err().to_string().contains(missing));
    }
    let unknown = least.replace("burst", "bursts");
    assert!(serde_json::from_str::<Knobs>(&unknown).unwrap_err().to_string().contains("bursts"));
}

#[test]
fn what_cannot_work_is_refused_with_a_sentence() {
    let millis = |text: &str| text.to_owned();
    for (refused, words) in [
        (rule(|k| k.rate_per_second = 0.0), "ratePerSecond must be greater than 0"),
        (rule(|k| k.rate_per_second = -1.0), "ratePerSecond must be greater than 0"),
        (rule(|k| k.rate_per_second = f64::NAN), "ratePerSecond must be greater than 0"),
        (rule(|k| k.rate_per_second = f64::INFINITY), "ratePerSecond must be greater than 0"),
        (rule(|k| k.rate_per_second = 1e-6), "at least one call per day"),
        (rule(|k| k.rate_per_second = 1001.0), "1001 calls per second need more shards"),
        (rule(|k| k.shards = 0), "shards must be 1 to 99"),
        (rule(|k| k.shards = 100), "shards must be 1 to 99"),
        (rule(|k| k.burst = 0), "burst must be at least 1"),
        (rule(|k| k.shards = 6), "burst must be at least 1 for each shard"),
        (rule(|k| k.overlap = Some(5)), "overlap must be smaller"),
        (rule(|k| k.call_timeout_ms = 0), "callTimeoutMs must be greater than 0"),
        (rule(|k| k.slow_call_duration_ms = Some(0)), "slowCallDurationMs must be greater than 0"),
        (rule(|k| k.permit_lease_ms = Some(2500)), "permitLeaseMs must be longer"),
        (rule(|k| k.break_duration_ms = 250), "breakDurationMs must be longer than clockSkewMs"),
        (rule(|k| k.max_break_duration_ms = 9999), "maxBreakDurationMs must not be shorter"),
        (rule(|k| k.max_wait_ms = 86_400_001), "maxWaitMs must not be longer than a day"),
        (rule(|k| k.call_timeout_ms = 86_400_001), "permitLeaseMs must be longer"),
        (rule(|k| k.permit_lease_ms = Some(86_400_001)), "permitLeaseMs must not be longer than a day"),
        (rule(|k| k.slow_call_duration_ms = Some(86_400_001)), "slowCallDurationMs must not be longer than a day"),
        (rule(|k| k.max_break_duration_ms = 86_400_001), "maxBreakDurationMs must not be longer than a day"),
        (rule(|k| k.max_push_back_ms = 86_400_001), "maxPushBackMs must not be longer than a day"),
        (rule(|k| k.push_back_ms = 3_600_001), "maxPushBackMs must not be shorter than pushBackMs"),
        (rule(|k| k.sliding_window_size = 0), "slidingWindowSize must be a multiple of 10"),
        (rule(|k| k.sliding_window_size = 25), "slidingWindowSize must be a multiple of 10"),
        (rule(|k| k.minimum_number_of_calls = 0), "minimumNumberOfCalls must be 1 to slidingWindowSize"),
        (rule(|k| k.minimum_number_of_calls = 21), "minimumNumberOfCalls must be 1 to slidingWindowSize"),
        (rule(|k| k.minimum_failures = 0), "minimumFailures must be 1 to slidingWindowSize"),
        (rule(|k| k.minimum_failures = 21), "minimumFailures must be 1 to slidingWindowSize"),
        (rule(|k| k.failure_rate_threshold = 101), "failureRateThreshold must be 0 to 100"),
        (rule(|k| k.slow_call_rate_threshold = 101), "slowCallRateThreshold must be 0 to 100"),
        (rule(|k| k.call_slack_ms = 49), "callSlackMs must be at least 50"),
        (rule(|k| k.permitted_calls_in_half_open = 0), "permittedCallsInHalfOpen must be 1 to 100"),
        (rule(|k| k.permitted_calls_in_half_open = 101), "permittedCallsInHalfOpen must be 1 to 100"),
        (rule(|k| k.successes_to_close = 0), "successesToClose must be 1 to permittedCallsInHalfOpen"),
        (rule(|k| k.successes_to_close = 4), "successesToClose must be 1 to permittedCallsInHalfOpen"),
    ] {
        assert!(refused.starts_with("the gate of fraud cannot work: "), "{refused}");
        assert!(refused.contains(&millis(words)), "{refused}, not: {words}");
    }
}

#[test]
fn what_just_works_is_accepted() {
    works(|k| k.rate_per_second = 1000.0);
    works(|k| {
        k.shards = 5;
        k.overlap = None;
    });
    works(|k| {
        k.shards = 99;
        k.burst = 99;
        k.overlap = Some(0);
    });
    works(|k| k.permit_lease_ms = Some(2501));
    works(|k| k.break_duration_ms = 251);
    works(|k| k.max_break_duration_ms = 10_000);
    works(|k| k.call_slack_ms = 50);
    works(|k| k.permitted_calls_in_half_open = 100);
    works(|k| k.max_wait_ms = 86_400_000);
    works(|k| {
        k.minimum_number_of_calls = 20;
        k.minimum_failures = 20;
        k.failure_rate_threshold = 100;
        k.slow_call_rate_threshold = 100;
        k.successes_to_close = 3;
        k.push_back_ms = 3_600_000;
    });
    assert_eq!(works(|k| k.rate_per_second = 1.0 / 86_400.0).bucket.interval, 86_400_000_000);
}

#[test]
fn shards_share_rate_and_burst() {
    let config = works(|k| {
        k.shards = 2;
        k.overlap = None;
        k.burst = 13;
    });
    assert_eq!(config.bucket, Bucket { interval: 200_000, capacity: 5, overlap: 1 });
}

#[test]
fn an_interval_is_rounded_up_so_that_the_rate_is_never_exceeded() {
    assert_eq!(works(|k| k.rate_per_second = 3.0).bucket.interval, 333_334);
    assert_eq!(config().bucket.interval, 100_000);
}
