//! The pure core of the gate: how long a decision takes.

use bench::settings::{PROVIDER, RATE, gate};
use criterion::{Criterion, criterion_group};
use domain::breaker::BreakerState;
use domain::gate::admit::{Permit, PermitKind, Request};
use domain::gate::bucket::Micros;
use domain::gate::config::{Dependency, GateConfig};
use domain::gate::memory::Memory;
use domain::gate::report::{Found, Outcome};
use domain::gate::{Gate, PermitId};
use domain::time::Timestamp;
use std::error::Error;
use std::hint::black_box;
use std::time::Duration;

const NOW: Timestamp = Timestamp(1_800_000_000_000);

struct Example {
    config: GateConfig,
    request: Request,
    closed: Gate,
    open: Gate,
    permit: Permit,
}

fn example() -> Result<Example, Box<dyn Error>> {
    // A full window, with failures in each of its ten buckets that do not open it.
    let closed = Gate {
        tat: Micros::from(NOW).plus(10_000),
        sequence: 1000,
        failures: (90..100).map(|bucket| (bucket, 2)).collect(),
        slow: (90..100).map(|bucket| (bucket, 1)).collect(),
        ..Gate::new(NOW)
    };
    let open = Gate { state: BreakerState::Open, until: NOW.plus(Duration::from_secs(30)), ..closed.clone() };
    let id = PermitId("0123456789abcdef0123456789abcdef".to_owned());
    let deadline = NOW.plus(Duration::from_mins(1));
    let permit = Permit {
        dependency: Dependency::try_from(PROVIDER.to_owned())?,
        id: id.clone(),
        shard: 0,
        generation: closed.generation,
        kind: PermitKind::Counted { sequence: 995 },
        tokens: 1,
        call_at: NOW,
    };
    let request = Request { id, tokens: 1, deadline, whole_seconds: false };
    Ok(Example { config: gate(|knobs| knobs.rate_per_second = RATE)?, request, closed, open, permit })
}

fn decisions(criterion: &mut Criterion, example: &Example) {
    let Example { config, request, closed, open, permit } = example;
    let mut group = criterion.benchmark_group("gate");
    group.bench_function("decide_closed", |b| {
        b.iter(|| config.decide(black_box(request), black_box(closed), black_box(NOW)));
    });
    let mut memory = Memory::default();
    memory.see(closed.clone(), NOW);
    group.bench_function("first_step_remembered", |b| {
        b.iter(|| config.first_step(black_box(request), black_box(&memory), black_box(NOW)));
    });
    group.bench_function("decide_open", |b| {
        b.iter(|| config.decide(black_box(request), black_box(open), black_box(NOW)));
    });
    let found = Found::Done(closed.clone());
    group.bench_function("report_failure", |b| {
        b.iter(|| {
            let counted = config.report(black_box(permit), black_box(Outcome::Failure), NOW, 0.5)?;
            Some((config.report_next(permit, &counted, black_box(&found), NOW, 0.5), counted))
        });
    });
    group.finish();
}

fn all(criterion: &mut Criterion) {
    match example() {
        Ok(example) => decisions(criterion, &example),
        Err(error) => eprintln!("no benchmark: {error}"),
    }
}

criterion_group!(gate_core, all);

fn main() {
    gate_core();
    Criterion::default().configure_from_args().final_summary();
}
