//! A gate and a few callers, in every order in which their writes can take effect.
//!
//! Each write is one step, and between two writes of one caller anybody else may act. Callers die, answers get lost and
//! their writes are sent again, reports come late, clocks differ, time passes, a person gives orders. The gate, its
//! decisions and its writes are the real ones.

use crate::relative::{Frame, LONG_AGO, NOW, Pending, THIS, UNIT};
use domain::breaker::BreakerState;
use domain::gate::admit::{Permit, PermitKind, Request, Step};
use domain::gate::change::{Because, Change};
use domain::gate::config::GateConfig;
use domain::gate::memory::Memory;
use domain::gate::operate::Order;
use domain::gate::report::{Found, Outcome};
use domain::gate::{Gate, PermitId};
use domain::time::Timestamp;
use stateright::{Model, Property};
use std::collections::{BTreeMap, HashSet};
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::sync::Mutex;
use std::time::Duration;

/// What is searched.
pub struct Scope {
    /// The gate.
    pub config: GateConfig,
    /// One for each caller: how many ticks its clock is ahead.
    pub clocks: Vec<i64>,
    /// The pauses that a provider asks for, in ticks.
    pub pushes: Vec<u32>,
    /// What a person may do.
    pub orders: Vec<Order>,
    /// Whether answers get lost.
    pub lost_answers: bool,
    /// For how many ticks a write that asks for a permit may be on its way.
    pub stall: u8,
    /// How the store performs a write.
    pub apply: fn(&Change, &Gate) -> Option<Gate>,
    /// How a caller that waited finds out whether it may call.
    pub still_good: fn(&GateConfig, &Permit, &Gate, Timestamp) -> bool,
    /// Items from which the gate is known to recover.
    pub recovered: Mutex<HashSet<u64>>,
}

/// A caller.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Caller {
    /// Wants nothing, or has died and knows nothing.
    Idle,
    /// Its write is on its way.
    Asking { write: Pending, stalled: u8, lost: bool },
    /// It has a slot in the future.
    Waiting { permit: Permit },
    /// The provider works for it.
    Calling { permit: Permit },
    /// The call is over, a write of its report is on its way. `asked` is the end of the pause that the provider asked for.
    Reporting { permit: Permit, write: Pending, asked: Timestamp, lost: bool },
}

/// What really happened, beside what the item says.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Ghost {
    /// Trial permits granted in this generation.
    trials: usize,
    /// Trial calls of this generation that the provider answered.
    answered: usize,
    /// Reports of failed calls of this generation that were counted.
    counted: u64,
    /// The end of the longest pause that the provider asked for and the gate knows of.
    hold: Option<Timestamp>,
}

/// A promise that was broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Promise {
    /// A call began with no right to it: while open, or by a permit of an older generation.
    NoCallWhileOpen,
    /// A call began although the provider had asked for a pause.
    NoCallInsideAHold,
    /// More trial permits than K in one generation.
    AtMostKTrials,
    /// It closed with fewer answered trial calls than N.
    ClosedByEnoughSuccesses,
    /// A report of an older generation changed something besides the hold.
    OldReportsChangeNothing,
    /// It left forced open, and not by a person.
    ForcedOpenStays,
    /// It opened, but not from a closed gate with enough failures of this generation, or a failed trial of it.
    OpenedByEnoughFailures,
    /// An open gate was opened again, and its break got longer.
    AnOpenGateIsNotPushed,
    /// The lease of a trial is over before its call has to be.
    ALeaseCoversItsCall,
}

/// All of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct World {
    pub gate: Gate,
    pub callers: Vec<Caller>,
    /// A person's write that is on its way.
    pub person: Option<Pending>,
    pub ghost: Ghost,
    pub broken: Option<Promise>,
}

/// One step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Tick,
    Ask(usize),
    Write(usize),
    /// It takes effect, and is sent again because nobody hears of it.
    LoseAnswer(usize),
    Wake(usize),
    End(usize, Outcome),
    Die(usize),
    Read(Order),
    Command,
}

/// How a call may end.
const ENDS: [Outcome; 2] = [Outcome::Success, Outcome::Failure];

impl Scope {
    fn now(&self, caller: usize) -> Timestamp {
        Timestamp(NOW.0 + self.clocks[caller] * 1000)
    }

    fn ask(&self, world: &mut World, i: usize) -> Option<()> {
        let mut memory = Memory::default();
        memory.see(world.gate.clone(), self.now(i));
        let Step::Write(write) = self.config.first_step(&request(name(i)), &memory, self.now(i)) else { return None };
        world.callers[i] = Caller::Asking { write: Pending(write), stalled: 0, lost: false };
        Some(())
    }

    fn write(&self, world: &mut World, i: usize, lose: bool) -> Option<()> {
        match world.callers[i].clone() {
            Caller::Asking { write: Pending(write), stalled, lost } => {
                let request = request(name(i));
                if let Some(after) = (self.apply)(&write, &world.gate) {
                    self.note(world, &after, &write, None);
                    let permit = self.config.permit(&request, 0, &write, &after);
                    world.gate = after;
                    match permit {
                        Some(_) if lose => {
                            world.callers[i] = Caller::Asking { write: Pending(write), stalled, lost: true }
                        }
                        Some(permit) => self.granted(world, i, permit),
                        None => panic!("{write:?} grants nothing"),
                    }
                    return Some(());
                }
                if lose {
                    return None;
                }
                match self.config.decide_again(&request, &write, &world.gate, self.now(i)) {
                    Step::Write(write) => world.callers[i] = Caller::Asking { write: Pending(write), stalled: 0, lost },
                    Step::Granted(permit) => self.granted(world, i, permit),
                    Step::Refused(_) => world.callers[i] = Caller::Idle,
                }
            }
            Caller::Reporting { permit, write: Pending(write), asked, lost } => {
                let found = match (self.apply)(&write, &world.gate) {
                    Some(after) => {
                        self.note(world, &after, &write, Some(&permit));
                        world.gate = after.clone();
                        if matches!(write, Change::Hold { .. }) {
                            world.ghost.hold = world.ghost.hold.max(Some(asked));
                        }
                        Found::Done(after)
                    }
                    None if lose => return None,
                    None => Found::Refused(world.gate.clone()),
                };
                let next = if lose { None } else { self.config.report_next(&permit, &write, &found, self.now(i), 0.0) };
                world.callers[i] = match next {
                    _ if lose => Caller::Reporting { permit, write: Pending(write), asked, lost: true },
                    Some(write) => Caller::Reporting { permit, write: Pending(write), asked, lost },
                    None => Caller::Idle,
                };
            }
            _ => return None,
        }
        Some(())
    }

    fn granted(&self, world: &mut World, i: usize, permit: Permit) {
        if permit.call_at <= self.now(i) {
            Self::call(world, i, permit);
        } else {
            world.callers[i] = Caller::Waiting { permit };
        }
    }

    fn call(world: &mut World, i: usize, permit: Permit) {
        let right = match permit.kind {
            PermitKind::Counted { .. } => world.gate.state == BreakerState::Closed,
            PermitKind::Trial { .. } => world.gate.state == BreakerState::HalfOpen,
            PermitKind::Uncounted => world.gate.state == BreakerState::Disabled,
            PermitKind::Unasked => false,
        };
        if !right || permit.generation != world.gate.generation {
            world.broken = Some(Promise::NoCallWhileOpen);
        } else if world.ghost.hold.is_some_and(|end| end > NOW) {
            world.broken = Some(Promise::NoCallInsideAHold);
        }
        world.callers[i] = Caller::Calling { permit };
    }

    fn end(&self, world: &mut World, i: usize, outcome: Outcome) -> Option<()> {
        let Caller::Calling { permit } = world.callers[i].clone() else { return None };
        let trial = matches!(permit.kind, PermitKind::Trial { .. });
        if outcome == Outcome::Success && trial && permit.generation == world.gate.generation {
            world.ghost.answered += 1;
        }
        let asked = match outcome {
            Outcome::PushedBack(Some(pause)) => NOW.plus(pause),
            _ => LONG_AGO,
        };
        world.callers[i] = match self.config.report(&permit, outcome, self.now(i), 0.0) {
            Some(write) => Caller::Reporting { permit, write: Pending(write), asked, lost: false },
            None => Caller::Idle,
        };
        Some(())
    }

    fn wake(&self, world: &mut World, i: usize) -> Option<()> {
        let Caller::Waiting { permit } = world.callers[i].clone() else { return None };
        if (self.still_good)(&self.config, &permit, &world.gate, self.now(i)) {
            Self::call(world, i, permit);
        } else {
            world.callers[i] = Caller::Idle;
        }
        Some(())
    }

    /// A write took effect: what does it mean, and was it allowed to?
    fn note(&self, world: &mut World, after: &Gate, write: &Change, permit: Option<&Permit>) {
        let before = &world.gate;
        let ghost = &mut world.ghost;
        let mut broken = None;
        let mut must = |holds: bool, promise: Promise| {
            if !holds {
                broken = broken.or(Some(promise));
            }
        };
        let only_held = Gate { not_before: before.not_before, tat: before.tat, ..after.clone() } == *before;
        if permit.is_some_and(|permit| permit.generation != before.generation) {
            must(matches!(write, Change::Hold { .. }) && only_held, Promise::OldReportsChangeNothing);
        }
        if before.state == BreakerState::ForcedOpen && after.state != before.state {
            must(matches!(write, Change::Force { .. }), Promise::ForcedOpenStays);
        }
        let trial_fails = permit.is_some_and(|permit| matches!(permit.kind, PermitKind::Trial { .. }));
        match write {
            Change::Close { .. } => must(
                before.state == BreakerState::HalfOpen && ghost.answered >= self.config.successes_to_close,
                Promise::ClosedByEnoughSuccesses,
            ),
            Change::Open { .. } => {
                must(before.state != BreakerState::Open, Promise::AnOpenGateIsNotPushed);
                let enough = ghost.counted >= self.config.minimum_failures;
                must(trial_fails || enough, Promise::OpenedByEnoughFailures);
            }
            Change::Count { .. } => ghost.counted = (ghost.counted + 1).min(self.config.minimum_failures),
            _ => {}
        }
        if before.state != after.state || before.generation != after.generation {
            *ghost = Ghost { hold: ghost.hold, ..Ghost::default() };
        }
        if let Change::BeginTrials(trial) | Change::JoinTrials(trial) | Change::RestartTrials(trial) = write {
            ghost.trials += 1;
            must(ghost.trials <= self.config.permitted_calls_in_half_open, Promise::AtMostKTrials);
            let ends = trial.call_at.plus(self.config.call_timeout + self.config.clock_skew);
            must(after.until > ends, Promise::ALeaseCoversItsCall);
        }
        world.broken = world.broken.or(broken);
    }

    fn tick(&self, world: &World) -> bool {
        world.callers.iter().all(|caller| !matches!(caller, Caller::Asking { stalled, .. } if *stalled >= self.stall))
    }

    /// The same state, in the words of every other state that differs from it in nothing that matters.
    fn settle(&self, world: &mut World, passed: i64) {
        let config = &self.config;
        // Beyond the thresholds, numbers change nothing.
        world.gate.sequence = world.gate.sequence.min(config.minimum_number_of_calls);
        for count in world.gate.failures.values_mut() {
            *count = (*count).min(config.minimum_failures);
        }
        world.gate.opens = self.opens(world.gate.opens);
        let this = world.gate.generation;
        for caller in &mut world.callers {
            match caller {
                Caller::Waiting { permit } => self.plain(permit, this),
                Caller::Calling { permit } | Caller::Reporting { permit, .. } => {
                    permit.call_at = LONG_AGO;
                    self.plain(permit, this);
                }
                Caller::Idle | Caller::Asking { .. } => {}
            }
            if let Caller::Reporting { write: Pending(Change::Open { opens, .. }), .. } = caller {
                *opens = self.opens(*opens);
            }
        }
        let frame = Frame { passed, generation: this, names: self.seat(world) };
        frame.gate(&mut world.gate);
        for caller in &mut world.callers {
            match caller {
                Caller::Idle => {}
                Caller::Asking { write, .. } => frame.change(&mut write.0),
                Caller::Waiting { permit } | Caller::Calling { permit } => Self::recede(&frame, permit),
                Caller::Reporting { permit, write, asked, .. } => {
                    Self::recede(&frame, permit);
                    frame.change(&mut write.0);
                    frame.awaited(asked);
                }
            }
        }
        if let Some(Pending(write)) = &mut world.person {
            frame.change(write);
        }
        if let Some(hold) = &mut world.ghost.hold {
            frame.awaited(hold);
        }
        world.ghost.hold = world.ghost.hold.filter(|end| *end > NOW);
    }

    fn opens(&self, opens: u32) -> u32 {
        opens.min(if self.config.max_break_duration > self.config.break_duration { 2 } else { 1 })
    }

    fn plain(&self, permit: &mut Permit, this: u64) {
        let old = permit.generation != this;
        match &mut permit.kind {
            PermitKind::Counted { sequence } => *sequence = 1,
            PermitKind::Trial { opens } => *opens = if old { 1 } else { self.opens(*opens) },
            PermitKind::Uncounted | PermitKind::Unasked => {}
        }
    }

    fn recede(frame: &Frame, permit: &mut Permit) {
        frame.generation(&mut permit.generation);
        frame.moment(&mut permit.call_at);
        frame.name(&mut permit.id);
    }

    /// Callers with equal clocks sit in a fixed order, whoever came first; the rest is named by number.
    fn seat(&self, world: &mut World) -> BTreeMap<PermitId, PermitId> {
        let hasher = BuildHasherDefault::<DefaultHasher>::new();
        let mut seats: Vec<usize> = (0..world.callers.len()).collect();
        let key = |i: usize| {
            let mut anonymous = world.callers[i].clone();
            let nobody = Frame { passed: 0, generation: world.gate.generation, names: [(name(i), name(99))].into() };
            match &mut anonymous {
                Caller::Idle => {}
                Caller::Asking { write, .. } => nobody.change(&mut write.0),
                Caller::Waiting { permit } | Caller::Calling { permit } => nobody.name(&mut permit.id),
                Caller::Reporting { permit, write, .. } => {
                    nobody.name(&mut permit.id);
                    nobody.change(&mut write.0);
                }
            }
            let held = (world.gate.permits.contains(&name(i)), world.gate.successes.contains(&name(i)));
            (self.clocks[i], hasher.hash_one((held, anonymous)))
        };
        let keys: Vec<_> = seats.iter().map(|i| key(*i)).collect();
        seats.sort_by_key(|i| (self.clocks[*i], keys[*i]));
        let mut names = BTreeMap::new();
        for (seat, i) in seats.iter().enumerate() {
            // Who has ended leaves its trace to nobody, and may ask again under its name.
            if world.callers[*i] != Caller::Idle {
                names.insert(name(*i), name(seat));
            }
        }
        world.callers = seats.iter().map(|i| world.callers[*i].clone()).collect();
        let successes = &world.gate.successes;
        let mut left: Vec<&PermitId> = world.gate.permits.iter().filter(|id| !names.contains_key(id)).collect();
        left.sort_by_key(|id| successes.contains(id));
        let left: Vec<(PermitId, PermitId)> =
            left.into_iter().enumerate().map(|(n, id)| (id.clone(), PermitId(format!("left{n}")))).collect();
        names.extend(left);
        names
    }

    /// Everybody dies now, and one healthy caller keeps trying: does it get out of open and half-open, and through?
    fn recovers(&self, start: &Gate) -> bool {
        let config = &self.config;
        let hash = BuildHasherDefault::<DefaultHasher>::new().hash_one(start);
        if self.recovered.lock().unwrap().contains(&hash) {
            return true;
        }
        let spans = [config.max_break_duration, config.permit_lease, config.max_push_back, config.max_wait];
        let ticks = 3 * spans.iter().map(Duration::as_secs).sum::<u64>() + 10;
        // A caller that comes all the time, and one that comes so seldom that every lease is over.
        let through = [1, config.permit_lease.as_secs() + 1].into_iter().all(|pause| {
            let mut gate = start.clone();
            (0..ticks).any(|tick| {
                let now = NOW.plus(UNIT * u32::try_from(tick * pause).unwrap());
                matches!(gate.state, BreakerState::ForcedOpen | BreakerState::Disabled)
                    || self.healthy_call(&mut gate, tick, now)
            })
        });
        if through {
            self.recovered.lock().unwrap().insert(hash);
        }
        through
    }

    /// Whether a call gets through in a closed gate.
    fn healthy_call(&self, gate: &mut Gate, tick: u64, now: Timestamp) -> bool {
        let Some(permit) = self.healthy_admission(gate, tick, now) else { return false };
        let now = now.max(permit.call_at);
        if self.config.still_good(&permit, gate, now) {
            self.healthy_report(gate, &permit, now);
            return matches!(permit.kind, PermitKind::Counted { .. });
        }
        false
    }

    fn healthy_admission(&self, gate: &mut Gate, tick: u64, now: Timestamp) -> Option<Permit> {
        let request = request(PermitId(format!("healthy{tick}")));
        let mut step = self.config.decide(&request, gate, now);
        for _ in 0..4 {
            let Step::Write(write) = step else { break };
            if let Some(after) = (self.apply)(&write, gate) {
                *gate = after;
                return self.config.permit(&request, 0, &write, gate);
            }
            step = self.config.decide_again(&request, &write, gate, now);
        }
        None
    }

    fn healthy_report(&self, gate: &mut Gate, permit: &Permit, now: Timestamp) {
        let mut next = self.config.report(permit, Outcome::Success, now, 0.0);
        while let Some(write) = next {
            let found = match (self.apply)(&write, gate) {
                Some(after) => {
                    *gate = after.clone();
                    Found::Done(after)
                }
                None => Found::Refused(gate.clone()),
            };
            next = self.config.report_next(permit, &write, &found, now, 0.0);
        }
    }
}

fn name(caller: usize) -> PermitId {
    PermitId(format!("c{caller}"))
}

fn request(id: PermitId) -> Request {
    Request { id, tokens: 1, deadline: NOW.plus(Duration::from_hours(24)), whole_seconds: false }
}

macro_rules! promise {
    ($name:literal, $promise:ident) => {
        Property::always($name, |_: &Scope, world: &World| world.broken != Some(Promise::$promise))
    };
}

impl Model for Scope {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        let gate = Gate { generation: THIS, ..Gate::new(NOW) };
        let callers = vec![Caller::Idle; self.clocks.len()];
        let mut world = World { gate, callers, person: None, ghost: Ghost::default(), broken: None };
        self.settle(&mut world, 0);
        vec![world]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        if self.tick(world) {
            actions.push(Action::Tick);
        }
        for (i, caller) in world.callers.iter().enumerate() {
            match caller {
                Caller::Idle => actions.push(Action::Ask(i)),
                Caller::Asking { lost, .. } | Caller::Reporting { lost, .. } => {
                    actions.extend([Action::Write(i), Action::Die(i)]);
                    if self.lost_answers && !lost {
                        actions.push(Action::LoseAnswer(i));
                    }
                }
                Caller::Waiting { permit } => {
                    actions.push(Action::Die(i));
                    if permit.call_at <= self.now(i) {
                        actions.push(Action::Wake(i));
                    }
                }
                Caller::Calling { .. } => {
                    actions.push(Action::Die(i));
                    actions.extend(ENDS.map(|outcome| Action::End(i, outcome)));
                    let pushed = |ticks: &u32| Action::End(i, Outcome::PushedBack(Some(UNIT * *ticks)));
                    actions.extend(self.pushes.iter().map(pushed));
                }
            }
        }
        if world.person.is_some() {
            actions.push(Action::Command);
        } else {
            actions.extend(self.orders.iter().map(|order| Action::Read(*order)));
        }
    }

    fn next_state(&self, last: &World, action: Action) -> Option<World> {
        let mut world = last.clone();
        let mut passed = 0;
        match action {
            Action::Tick => {
                passed = 1000;
                for caller in &mut world.callers {
                    if let Caller::Asking { stalled, .. } = caller {
                        *stalled += 1;
                    }
                }
            }
            Action::Ask(i) => self.ask(&mut world, i)?,
            Action::Write(i) => self.write(&mut world, i, false)?,
            Action::LoseAnswer(i) => self.write(&mut world, i, true)?,
            Action::Wake(i) => self.wake(&mut world, i)?,
            Action::End(i, outcome) => self.end(&mut world, i, outcome)?,
            Action::Die(i) => world.callers[i] = Caller::Idle,
            Action::Read(order) => {
                let because = Because { by: String::new(), why: String::new(), at: NOW };
                world.person = Some(Pending(self.config.force(order, &world.gate, because)));
            }
            Action::Command => {
                let Pending(write) = world.person.take()?;
                if let Some(after) = (self.apply)(&write, &world.gate) {
                    self.note(&mut world, &after, &write, None);
                    world.gate = after;
                }
            }
        }
        self.settle(&mut world, passed);
        Some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut properties = vec![
            promise!("no call begins while open, or by an older generation's permit", NoCallWhileOpen),
            promise!("no call begins inside a hold", NoCallInsideAHold),
            promise!("at most K trial permits in a generation", AtMostKTrials),
            promise!("only N answered trial calls close", ClosedByEnoughSuccesses),
            promise!("a report of an older generation changes nothing but the hold", OldReportsChangeNothing),
            promise!("forced open stays until a person's order", ForcedOpenStays),
            promise!("only enough failures of this generation open", OpenedByEnoughFailures),
            promise!("an open gate is not opened again", AnOpenGateIsNotPushed),
            promise!("a trial's lease covers its call", ALeaseCoversItsCall),
            Property::always("it gets out of open and half-open", |scope: &Scope, world: &World| {
                scope.recovers(&world.gate)
            }),
            Property::sometimes("it opens", |_, world: &World| world.gate.state == BreakerState::Open),
            Property::sometimes("it tries", |_, world: &World| world.gate.state == BreakerState::HalfOpen),
            Property::sometimes("a call of an older generation ends late", |_, world: &World| {
                world.callers.iter().any(|caller| {
                    matches!(caller, Caller::Reporting { permit, .. } if permit.generation != world.gate.generation)
                })
            }),
        ];
        if !self.pushes.is_empty() {
            properties.push(Property::sometimes("it is held", |_, world: &World| world.ghost.hold.is_some()));
        }
        if !self.config.max_wait.is_zero() {
            properties.push(Property::sometimes("somebody waits", |_, world: &World| {
                world.callers.iter().any(|caller| matches!(caller, Caller::Waiting { .. }))
            }));
        }
        if self.orders.contains(&Order::ForceOpen) {
            properties.push(Property::sometimes("it is forced open", |_, world: &World| {
                world.gate.state == BreakerState::ForcedOpen
            }));
        }
        properties
    }
}
