//! Parameter, stage and bus follow the records, whoever writes at the same time and wherever one dies.

use domain::routes::store::{RouteChange, RouteRecords};
use domain::routes::table::RouteTable;
use domain::routes::{ALARM, AuditLine, Mode, Percent, RouteName, RouteRecord, Steering};
use domain::store::Commit;
use domain::time::Timestamp;
use proptest::prelude::*;
use std::sync::Arc;
use strangler::projector::{ProjectError, Projector};
use testing::routes::MemoryRoutes;
use testing::turn::{Task, Trip, Turnstile, one_turn, run};

type Memory = Projector<MemoryRoutes, MemoryRoutes, MemoryRoutes, MemoryRoutes>;

struct World {
    turns: Turnstile,
    routes: MemoryRoutes,
    stage: MemoryRoutes,
    projector: Arc<Memory>,
}

impl World {
    fn new() -> Self {
        let turns = Turnstile::default();
        let (routes, stage) = (MemoryRoutes::new(turns.clone()), MemoryRoutes::new(turns.clone()));
        let projector = Projector {
            records: routes.clone(),
            parameter: routes.clone(),
            stage: stage.clone(),
            news: routes.clone(),
        };
        Self { turns, routes, stage, projector: Arc::new(projector) }
    }

    /// A person, or the alarm, steers; the change as the stream tells it.
    fn steer(&self, route: RouteName, mode: Mode, by: &str) -> RouteChange {
        let before = self.routes.stored(route);
        let percent = if mode == Mode::Modern { Percent::ALL } else { Percent::NONE };
        let to = Steering { mode, percent };
        let line = AuditLine { at: Timestamp(1), by: by.to_owned(), to, why: "because".to_owned() };
        let record = RouteRecord::steered(before.as_ref().map(|record| &record.value), line);
        let written = run(self.routes.write(route, &record, before.map(|record| record.revision))).unwrap();
        assert_eq!(written, Commit::Done);
        RouteChange { route, record: self.routes.stored(route).unwrap() }
    }

    fn follows(&self) -> bool {
        let wanted: RouteTable = RouteName::ALL
            .into_iter()
            .filter_map(|route| Some((route, self.routes.stored(route)?.value.steering)))
            .collect();
        let said = |memory: &MemoryRoutes| memory.parameter().and_then(|text| RouteTable::parse(&text).ok());
        said(&self.routes).as_ref() == Some(&wanted) && said(&self.stage).as_ref() == Some(&wanted)
    }
}

#[test]
fn parameter_and_stage_follow_and_the_bus_hears_of_each_change() {
    let world = World::new();
    let first = world.steer(RouteName::Search, Mode::Modern, "ada");
    let second = world.steer(RouteName::Search, Mode::Monolith, ALARM);
    run(world.projector.handle(&[first, second])).unwrap();
    assert!(world.follows());
    let told = world.routes.told();
    assert_eq!(told, [(RouteName::Search, 1, "RouteSteered"), (RouteName::Search, 2, "RouteRolledBack")]);
}

#[test]
fn a_tick_repairs_whatever_others_left_there() {
    let world = World::new();
    run(world.projector.handle(&[])).unwrap();
    assert_eq!(world.routes.parameter().as_deref(), Some("{}"));
    world.steer(RouteName::Articles, Mode::Modern, "ada");
    world.stage.set_parameter("garbage");
    run(world.projector.handle(&[])).unwrap();
    assert!(world.follows() && world.routes.told().is_empty());
}

#[test]
fn a_change_that_comes_again_after_a_failure_is_followed_and_told() {
    // Two reads, parameter, stage, two reads, one event.
    for call in 0..7 {
        for trip in [Trip::BeforeEffect, Trip::AfterEffect] {
            let world = World::new();
            let change = world.steer(RouteName::Search, Mode::Modern, "ada");
            let (projector, changes) = (Arc::clone(&world.projector), [change]);
            let mut task: Task<Result<(), ProjectError>> = Box::pin({
                let changes = changes.clone();
                async move { projector.handle(&changes).await }
            });
            for _ in 0..call {
                assert!(one_turn(&mut task).is_none());
            }
            one_turn(&mut task);
            world.turns.trip(trip);
            let ended = run(task);
            assert!(ended.is_err(), "call {call} {trip:?}");
            run(world.projector.handle(&changes)).unwrap();
            assert!(world.follows(), "call {call} {trip:?}");
            let told = world.routes.told();
            assert!(!told.is_empty() && told.iter().all(|(_, revision, _)| *revision == 1), "the same event id");
        }
    }
}

/// Somebody who steers after each write.
#[test]
fn whoever_steers_without_end_does_not_hold_it_for_ever() {
    let world = World::new();
    world.steer(RouteName::Search, Mode::Modern, "ada");
    let projector = Arc::clone(&world.projector);
    let mut task: Task<Result<(), ProjectError>> = Box::pin(async move { projector.handle(&[]).await });
    let ended = loop {
        if let Some(ended) = one_turn(&mut task) {
            break ended;
        }
        world.steer(RouteName::Search, Mode::Modern, "ada");
    };
    assert!(matches!(ended, Err(ProjectError::Busy)));
}

proptest! {
    /// Two projectors and a person, in any order of their calls: once both have ended, all follow the records.
    #[test]
    fn two_projectors_converge(schedule in proptest::collection::vec(0u8..3, 0..60)) {
        let world = World::new();
        world.steer(RouteName::Search, Mode::Modern, "ada");
        let projector = || {
            let projector = Arc::clone(&world.projector);
            let task: Task<Result<(), ProjectError>> = Box::pin(async move { projector.handle(&[]).await });
            Some(task)
        };
        let mut tasks = [projector(), projector()];
        let mut steered = 0;
        for who in schedule {
            if let Some(slot) = tasks.get_mut(usize::from(who)) {
                if let Some(ended) = slot.as_mut().and_then(one_turn) {
                    prop_assert!(ended.is_ok());
                    *slot = None;
                }
            } else if steered < 5 {
                // A person steers, and their change brings a projector along; the one before it dies where it is.
                let mode = if steered % 2 == 0 { Mode::Monolith } else { Mode::Modern };
                world.steer(RouteName::Search, mode, "ada");
                steered += 1;
                tasks[1] = projector();
            }
        }
        for task in tasks.into_iter().flatten() {
            prop_assert!(run(task).is_ok());
        }
        prop_assert!(world.follows());
    }
}
