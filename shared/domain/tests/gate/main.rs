//! The gate's protocol, as promises that no order of events may break.
//!
//! | module | what it does |
//! | --- | --- |
//! | `model`, `scopes` | searches every order of writes, deaths, late reports, lost answers and orders, in small |
//! | `bucket` | searches every order of reservations and calls, in small |
//! | `reference`, `properties` | random histories, call by call as an independent reference says |
//! | `interleaved` | random interleavings of many callers' single writes, against a record of what was called |
//!
//! The searches run the real decisions and the real writes. `GATE_SCOPE=full` makes them larger, for minutes;
//! `--nocapture` shows how many states they saw. Bad protocols live beside them (`…_found_out`): a search that does not
//! find them is broken.
//!
//! Errors that are easy to make in such a protocol, planted one by one, and who finds them:
//!
//! | planted | found by, among others |
//! | --- | --- |
//! | opening without a new generation | `two_callers_break_no_promise_whatever_fails`, `it_does_what_the_reference_does` |
//! | closing without a condition on the generation | `two_callers_break_no_promise_whatever_fails`, `no_interleaving_breaks_a_promise` |
//! | successes of an older generation are kept | `two_callers_break_no_promise_whatever_fails`, `it_does_what_the_reference_does` |
//! | trials are restarted by time alone, and seldom calls never close | `three_callers_break_no_promise`, `it_does_what_the_reference_does` |
//! | more successes asked for than there are permits | `what_cannot_work_is_refused_with_a_sentence` (unit) |
//! | trials inside a hold | `a_person_and_callers_break_no_promise`, `no_interleaving_breaks_a_promise` |
//! | trials without a token | `a_full_bucket_refuses_and_takes_no_trial_permit` (admission), `no_trial_calls_inside_a_hold_or_beyond_the_rate` (unit) |
//! | a trial's lease that begins before its slot | `three_callers_break_no_promise` |
//! | waiters that look at the state alone, not at the generation | `three_callers_break_no_promise`, `a_waiter_calls_only_in_its_generation_after_a_hold_and_in_time` (unit) |
//! | an order without a new generation | `a_person_and_callers_break_no_promise`, `it_does_what_the_reference_does` |
//! | a shorter push-back that shortens a longer one | `a_person_and_callers_break_no_promise`, `no_interleaving_breaks_a_promise` |
//! | calls counted in tokens, failures in calls | `it_does_what_the_reference_does` |
//! | failures counted when they are reported, not where their call was | `the_window_opens_exactly_when_a_plain_count_of_the_last_calls_says_so`, `it_does_what_the_reference_does` |
//! | failures that survive a close | `thresholds_breaks_and_bursts_above_one_break_no_promise`, `it_does_what_the_reference_does` |
//! | a missing item refuses everybody | `a_missing_item_is_made_by_the_first_call` (admission) |
//! | an order that cuts the bucket and with it a hold | `a_person_and_callers_break_no_promise`, `an_order_keeps_the_hold_of_a_provider` (admission) |
//! | reservations that an opening voids without a limit | `slots_that_an_opening_voids_are_not_granted_twice` |
//! | a lost answer that is believed although a hold has come since | `two_callers_break_no_promise_whatever_fails` |

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod bucket;
mod interleaved;
mod model;
mod properties;
mod reference;
mod relative;
mod scopes;
