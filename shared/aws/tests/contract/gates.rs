//! The port of gates: every conditional write does to the stored item what `Change::apply` says, and refuses when it does.

use crate::place::{NOW, drop_table, sdk, table};
use aws::gates::DynamoGates;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::breaker::BreakerState;
use domain::gate::bucket::{Micros, Take};
use domain::gate::change::{Because, Change, Mark, Seen, Trial};
use domain::gate::config::Dependency;
use domain::gate::operate::Order;
use domain::gate::store::{Answer, AuditLine, GateStoreError, Gates, Together};
use domain::gate::{Gate, PermitId};
use domain::time::Timestamp;
use fastrand::Rng;
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use testing::gates::MemoryGates;
use testing::turn::Turnstile;

const CASES: usize = 1500;

pub fn dependency(name: &str) -> Dependency {
    Dependency::try_from(name.to_owned()).unwrap()
}

/// Runs a test on a table of its own, and drops the table also when the test fails.
pub async fn on_a_table<F>(test: impl FnOnce(DynamoGates, String) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let sdk = sdk().await;
    let name = table(&sdk, &["pk"], None).await;
    let result = tokio::spawn(test(DynamoGates::new(&sdk, &name), name.clone())).await;
    drop_table(&sdk, &name).await;
    result.unwrap();
}

/// Small numbers, so that conditions are true and false about equally often.
struct Any(Rng);

impl Any {
    fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.0.usize(..choices.len())]
    }

    fn moment(&mut self) -> Timestamp {
        Timestamp(NOW.0 + self.0.i64(0..3))
    }

    fn micros(&mut self) -> Micros {
        Micros(NOW.0 * 1000 + self.0.i64(0..3))
    }

    fn id(&mut self) -> PermitId {
        PermitId(self.of(&["a", "b", "c"]).to_owned())
    }

    fn ids(&mut self) -> BTreeSet<PermitId> {
        let count = self.0.usize(0..3);
        (0..count).map(|_| self.id()).collect()
    }

    fn counters(&mut self) -> BTreeMap<u64, u64> {
        let count = self.0.usize(0..3);
        (0..count).map(|_| (self.0.u64(0..4), self.0.u64(1..5))).collect()
    }

    fn state(&mut self) -> BreakerState {
        use BreakerState::{Closed, Disabled, ForcedOpen, HalfOpen, Open};
        self.of(&[Closed, Closed, Open, Open, HalfOpen, HalfOpen, HalfOpen, ForcedOpen, Disabled])
    }

    fn because(&mut self) -> Because {
        Because {
            by: self.of(&["gate", "ada"]).to_owned(),
            why: "a \"reason\" with ünicode".to_owned(),
            at: self.moment(),
        }
    }

    fn gate(&mut self) -> Gate {
        Gate {
            state: self.state(),
            generation: self.0.u64(0..2),
            until: self.moment(),
            opens: self.0.u32(0..4),
            permits: self.ids(),
            successes: self.ids(),
            not_before: self.moment(),
            tat: self.micros(),
            sequence: self.0.u64(0..9),
            failures: self.counters(),
            slow: self.counters(),
            since: self.moment(),
            by: "gate".to_owned(),
            why: "never opened".to_owned(),
        }
    }

    fn trial(&mut self, read: &Gate) -> Trial {
        Trial {
            generation: self.generation(read),
            id: self.id(),
            permits: self.0.usize(1..3),
            tat_was: if self.0.u8(0..4) > 0 { read.tat } else { self.micros() },
            tat: self.micros(),
            until: self.moment(),
            now: Timestamp(NOW.0 + self.0.i64(1..4)),
            call_at: NOW,
            opens: 0,
        }
    }

    /// Mostly the one that was read.
    fn generation(&mut self, read: &Gate) -> u64 {
        if self.0.u8(0..4) > 0 { read.generation } else { self.0.u64(0..2) }
    }

    fn change(&mut self, read: &Gate) -> Change {
        use BreakerState::{Closed, Disabled, ForcedOpen, HalfOpen, Open};
        let generation = self.generation(read);
        match self.0.usize(0..13) {
            0 => {
                let (one, other) = (self.micros(), self.micros());
                let take = Take::Append { by: self.0.i64(1..9), from: one.min(other), to: one.max(other) };
                Change::Reserve { state: self.of(&[Closed, Disabled]), take, now: NOW }
            }
            1 => {
                let take = Take::Restart { to: self.micros(), before: self.micros() };
                Change::Reserve { state: self.of(&[Closed, Disabled]), take, now: NOW }
            }
            2 => Change::BeginTrials(self.trial(read)),
            3 => Change::JoinTrials(self.trial(read)),
            4 => Change::RestartTrials(self.trial(read)),
            5 => Change::CountSuccess { generation, id: self.id(), below: self.0.usize(1..3) },
            6 => Change::Close { generation, id: self.id(), others: self.0.usize(0..3), because: self.because() },
            7 => Change::Count { generation, mark: self.of(&[Mark::Failure, Mark::Slow]), bucket: self.0.u64(0..4) },
            8 => Change::Forget { generation, buckets: vec![0, 2] },
            9 => {
                let (from, until) = (self.of(&[Closed, HalfOpen]), self.moment());
                Change::Open { generation, from, until, opens: self.0.u32(1..4), because: self.because() }
            }
            10 => Change::Hold { until: self.moment(), tat: self.micros(), moves_tat: self.0.bool() },
            11 => Change::Force {
                generation,
                state: self.of(&[Closed, ForcedOpen, Disabled]),
                not_before: if self.0.bool() { read.not_before } else { self.moment() },
                limit: self.micros(),
                cuts_tat: self.0.bool(),
                because: self.because(),
            },
            _ => Change::Follow {
                generation,
                state: self.of(&[Closed, Open, HalfOpen]),
                until: self.moment(),
                opens: self.of(&[None, Some(0), Some(3)]),
                because: self.because(),
            },
        }
    }
}

fn kind(change: &Change) -> String {
    let debug = format!("{change:?}");
    let name = debug.split([' ', '(']).next().unwrap_or_default().to_owned();
    if debug.contains("Restart {") { name + " by restart" } else { name }
}

/// Any change on any item: the store's answer and the item afterwards are what the pure function says.
async fn performs_every_change(store: &impl Gates, seed: u64) {
    let mut any = Any(Rng::with_seed(seed));
    let mut reached: BTreeMap<String, (u32, u32)> = BTreeMap::new();
    for case in 0..CASES {
        let (name, shard) = (dependency(&format!("case-{case}")), any.0.u16(0..2));
        let before = any.gate();
        let install = Change::Install { over: None, gate: Box::new(before.clone()) };
        assert_eq!(store.apply(&name, shard, &install).await.unwrap(), Answer::Done(before.clone()));
        let change = any.change(&before);
        let expected = change.apply(&before);
        let said = store.apply(&name, shard, &change).await.unwrap();
        let entry = reached.entry(kind(&change)).or_default();
        if let Some(after) = &expected {
            entry.0 += 1;
            assert_eq!(said, Answer::Done(after.clone()), "seed {seed}, case {case}: {change:?} on {before:?}");
        } else {
            entry.1 += 1;
            assert_eq!(said, Answer::Refused(before.clone()), "seed {seed}, case {case}: {change:?}");
        }
        let stored = store.read(&name, shard).await.unwrap();
        assert_eq!(stored, Some(expected.unwrap_or(before)), "seed {seed}, case {case}: {change:?}");
    }
    assert_eq!(reached.len(), 13, "{reached:?}");
    for (change, (done, refused)) in reached {
        assert!(done > 3 && refused > 3, "{change}: {done} done, {refused} refused: the suite does not reach both");
    }
}

/// What is missing is said to be missing; who comes second does not install.
async fn makes_an_item_once(store: &impl Gates) {
    let (name, mut any) = (dependency("once"), Any(Rng::with_seed(7)));
    let (first, second) = (Gate::new(NOW), Gate { generation: 99, ..Gate::new(NOW) });
    assert_eq!(store.read(&name, 0).await.unwrap(), None);
    for _ in 0..50 {
        let change = any.change(&first);
        assert_eq!(store.apply(&name, 0, &change).await.unwrap(), Answer::Missing, "{change:?}");
    }
    let install = |over, gate: &Gate| Change::Install { over, gate: Box::new(gate.clone()) };
    assert_eq!(store.apply(&name, 0, &install(None, &first)).await.unwrap(), Answer::Done(first.clone()));
    assert_eq!(store.apply(&name, 0, &install(None, &second)).await.unwrap(), Answer::Refused(first.clone()));
    let seen = Seen::of(&first);
    for stale in
        [Seen { generation: 5, ..seen }, Seen { not_before: Timestamp(1), ..seen }, Seen { tat: Micros(1), ..seen }]
    {
        let over = install(Some(stale), &second);
        assert_eq!(store.apply(&name, 0, &over).await.unwrap(), Answer::Refused(first.clone()));
    }
    let over = install(Some(seen), &second);
    assert_eq!(store.apply(&name, 0, &over).await.unwrap(), Answer::Done(second.clone()));
    assert_eq!(store.read(&name, 0).await.unwrap(), Some(second));
    assert_eq!(store.read(&name, 1).await.unwrap(), None);
}

/// Several items change together or not at all, and a person's order leaves its line.
async fn writes_all_or_nothing(store: &impl Gates) {
    let name = dependency("together");
    let gates = [Gate::new(NOW), Gate { generation: 7, ..Gate::new(NOW) }];
    let installs: Vec<_> =
        gates.iter().zip(0..).map(|(g, s)| (s, Change::Install { over: None, gate: Box::new(g.clone()) })).collect();
    assert_eq!(store.apply_all(&name, &installs, None).await.unwrap(), Together::Done);
    assert_eq!(store.apply_all(&name, &installs, None).await.unwrap(), Together::Refused);

    let because = Because { by: "ada".to_owned(), why: "maintenance".to_owned(), at: NOW };
    let force = |gate: &Gate| Change::Force {
        generation: gate.generation,
        state: BreakerState::ForcedOpen,
        not_before: gate.not_before,
        limit: Micros::from(NOW),
        cuts_tat: false,
        because: because.clone(),
    };
    let line = |n: u64| AuditLine {
        at: NOW,
        by: "ada".to_owned(),
        order: Order::ForceOpen,
        why: format!("reason {n}"),
        generation: n,
    };
    let stale = [(0, force(&gates[0])), (1, force(&gates[0]))];
    assert_eq!(store.apply_all(&name, &stale, Some(&line(0))).await.unwrap(), Together::Refused);
    assert_eq!(store.read(&name, 0).await.unwrap().as_ref(), Some(&gates[0]), "half an order was written");
    assert_eq!(store.audit(&name).await.unwrap(), [], "an order that was not carried out left a line");

    let both = [(0, force(&gates[0])), (1, force(&gates[1]))];
    assert_eq!(store.apply_all(&name, &both, Some(&line(1))).await.unwrap(), Together::Done);
    for (shard, gate) in (0..).zip(&gates) {
        assert_eq!(store.read(&name, shard).await.unwrap(), force(gate).apply(gate));
    }
    assert_eq!(store.audit(&name).await.unwrap(), [line(1)]);
    assert_eq!(store.audit(&dependency("other")).await.unwrap(), []);
    for n in 2..60 {
        let gate = store.read(&name, 0).await.unwrap().unwrap();
        assert_eq!(store.apply_all(&name, &[(0, force(&gate))], Some(&line(n))).await.unwrap(), Together::Done);
    }
    let lines = store.audit(&name).await.unwrap();
    assert_eq!((lines.len(), lines.first(), lines.last()), (50, Some(&line(59)), Some(&line(10))), "the latest fifty");
}

#[tokio::test]
async fn the_fake_performs_every_change() {
    performs_every_change(&MemoryGates::new(Turnstile::default()), 1).await;
    makes_an_item_once(&MemoryGates::new(Turnstile::default())).await;
    writes_all_or_nothing(&MemoryGates::new(Turnstile::default())).await;
}

#[tokio::test]
async fn dynamodb_performs_every_change() {
    on_a_table(|store, _| async move { performs_every_change(&store, 1).await }).await;
}

#[tokio::test]
async fn dynamodb_makes_an_item_once_and_writes_all_or_nothing() {
    on_a_table(|store, _| async move {
        makes_an_item_once(&store).await;
        writes_all_or_nothing(&store).await;
    })
    .await;
}

/// Each change of state is in one image of the stream, told by shard 0 alone; the next write removes the mark.
#[tokio::test]
async fn a_change_of_state_is_marked_once_on_shard_0() {
    on_a_table(|store, table| async move {
        let client = aws_sdk_dynamodb::Client::new(&sdk().await);
        let name = dependency("marked");
        let mark = async |shard: u16| {
            let pk = AttributeValue::S(format!("GATE#marked#{shard}"));
            let read = client.get_item().table_name(&table).key("pk", pk).consistent_read(true).send().await.unwrap();
            read.item.unwrap().get("changed").and_then(|mark| mark.as_s().ok().cloned())
        };
        let gate = Gate::new(NOW);
        for shard in 0..2 {
            let install = Change::Install { over: None, gate: Box::new(gate.clone()) };
            assert_eq!(store.apply(&name, shard, &install).await.unwrap(), Answer::Done(gate.clone()));
        }
        let because = Because { by: "gate".to_owned(), why: "test".to_owned(), at: NOW };
        let (generation, until) = (gate.generation, NOW);
        let open = Change::Open { generation, from: BreakerState::Closed, until, opens: 1, because };
        let follow = open.follow().unwrap();
        // Shard 1 saw the failures.
        assert_eq!(store.apply_all(&name, &[(1, open), (0, follow)], None).await.unwrap(), Together::Done);
        assert_eq!((mark(0).await.as_deref(), mark(1).await), (Some("CircuitOpened"), None));
        let hold = Change::Hold { until: Timestamp(NOW.0 + 9), tat: Micros(1), moves_tat: true };
        assert!(matches!(store.apply(&name, 0, &hold).await.unwrap(), Answer::Done(_)));
        assert_eq!(mark(0).await, None);
    })
    .await;
}

/// What is there and cannot be read is an error that names item and attribute, and is left alone.
#[tokio::test]
async fn a_corrupt_item_and_one_of_a_newer_format_are_errors_and_stay_as_they_are() {
    on_a_table(|store, table| async move {
        let client = aws_sdk_dynamodb::Client::new(&sdk().await);
        let name = dependency("odd");
        let pk = AttributeValue::S("GATE#odd#0".to_owned());
        let reserve = Change::Reserve {
            state: BreakerState::Closed,
            take: Take::Append { by: 5, from: Micros(0), to: Micros(NOW.0 * 1000) },
            now: NOW,
        };
        let count = Change::Count { generation: Gate::new(NOW).generation, mark: Mark::Failure, bucket: 0 };
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let number = |number: &str| AttributeValue::N(number.to_owned());
        for (attribute, value, part) in [
            ("format", Some(number("2")), "has format 2, which is newer"),
            ("format", None, "format is missing"),
            ("state", Some(text("HALF-OPEN")), "state is no state of a breaker"),
            ("state", None, "state is missing"),
            ("tat", Some(text("soon")), "tat is no whole number"),
            ("tat", Some(number("1.5")), "tat is no whole number"),
            ("gen", Some(number("-1")), "gen is no whole number"),
            ("until", None, "until is missing"),
            ("permits", Some(text("a")), "permits is no set"),
            ("failures", None, "failures is no map"),
            ("slow", Some(AttributeValue::M([("x".to_owned(), number("1"))].into())), "slow holds what is no counter"),
            ("why", Some(number("1")), "why is no text"),
        ] {
            client.delete_item().table_name(&table).key("pk", pk.clone()).send().await.unwrap();
            let install = Change::Install { over: None, gate: Box::new(Gate::new(NOW)) };
            assert!(matches!(store.apply(&name, 0, &install).await.unwrap(), Answer::Done(_)));
            let edit = client
                .update_item()
                .table_name(&table)
                .key("pk", pk.clone())
                .expression_attribute_names("#a", attribute);
            let edit = match value {
                Some(value) => edit.update_expression("SET #a = :v").expression_attribute_values(":v", value),
                None => edit.update_expression("REMOVE #a"),
            };
            edit.send().await.unwrap();
            let error = store.read(&name, 0).await.unwrap_err();
            assert!(error.to_string().contains(part), "{attribute}: {error}");
            assert!(error.to_string().contains("GATE#odd#0"), "{error}");
            let newer = matches!(error, GateStoreError::NewerFormat { .. });
            assert_eq!(newer, part.contains("newer"), "{error}");
            for change in [&reserve, &count] {
                let answer = store.apply(&name, 0, change).await;
                assert!(
                    matches!(answer, Err(GateStoreError::Corrupt { .. } | GateStoreError::NewerFormat { .. })),
                    "{attribute}, {change:?}: {answer:?}"
                );
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_store_that_is_not_there_is_unreachable() {
    let sdk = sdk().await;
    let nobody = sdk.into_builder().endpoint_url("http://127.0.0.1:9").build();
    let store = DynamoGates::new(&nobody, "gates");
    let name = dependency("nobody");
    assert!(matches!(store.read(&name, 0).await, Err(GateStoreError::Unreachable(_))));
    let forget = Change::Forget { generation: 1, buckets: vec![1] };
    assert!(matches!(store.apply(&name, 0, &forget).await, Err(GateStoreError::Unreachable(_))));
    assert!(matches!(store.apply_all(&name, &[(0, forget)], None).await, Err(GateStoreError::Unreachable(_))));
}
