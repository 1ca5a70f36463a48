//! The gate as one would build it for one process that never fails: a bucket that is a level, a breaker that is an
//! enum, a window that is a list of calls. Nothing of the real gate is used here, besides the words for outcomes.

use domain::gate::admit::Reason;
use domain::gate::operate::Order;
use domain::gate::report::Outcome;

/// Milliseconds.
pub type Millis = i64;

/// What the reference is told; the real gate is configured with the same numbers.
pub const INTERVAL: Millis = 100;
pub const CAPACITY: i64 = 4;
pub const OVERLAP: i64 = 1;
pub const MAX_WAIT: Millis = 1000;
pub const WINDOW: usize = 20;
pub const MINIMUM_CALLS: usize = 4;
pub const MINIMUM_FAILURES: usize = 2;
pub const THRESHOLD: usize = 50;
pub const PERMITS: usize = 3;
pub const TO_CLOSE: usize = 2;
pub const BREAK: Millis = 1000;
pub const MAX_BREAK: Millis = 4000;
pub const LEASE: Millis = 2000;
pub const SKEW: Millis = 250;
pub const PUSH: Millis = 500;
pub const MAX_PUSH: Millis = 3000;

/// What an admission must get.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// A call at this time.
    Granted(Millis),
    /// None, for this reason.
    Refused(Reason),
}

/// A call that was granted and has not been reported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Granted {
    epoch: u64,
    role: Role,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Role {
    /// The n-th call of its epoch.
    Counted(usize),
    /// The n-th trial of its epoch.
    Trial(usize),
    Uncounted,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    /// How many calls, and the numbers of those that failed or were slow.
    Closed {
        calls: usize,
        failed: Vec<usize>,
        slow: Vec<usize>,
    },
    Open {
        until: Millis,
    },
    /// Trials so far, the numbers of those that succeeded, the end of the last one's lease.
    HalfOpen {
        trials: usize,
        succeeded: Vec<usize>,
        until: Millis,
    },
    ForcedOpen,
    Disabled,
}

/// The gate.
#[derive(Debug, Clone)]
pub struct Reference {
    /// Time, as the slowest clock has it.
    pub now: Millis,
    /// Calls that are not reported yet, in the order in which they were granted.
    pub outstanding: Vec<Granted>,
    /// What the last admission must get.
    pub verdict: Option<Verdict>,
    state: State,
    /// How often the state has changed.
    pub epoch: u64,
    opened: u32,
    hold: Millis,
    /// The bucket held so many milliseconds' worth of tokens, then. Debts are reservations.
    level: (Millis, Millis),
}

impl Reference {
    pub fn new(now: Millis) -> Self {
        let state = State::Closed { calls: 0, failed: Vec::new(), slow: Vec::new() };
        let level = (CAPACITY * INTERVAL, 0);
        Self { now, outstanding: Vec::new(), verdict: None, state, epoch: 0, opened: 0, hold: 0, level }
    }

    /// `closed`, `open` …
    pub fn state(&self) -> &'static str {
        match self.state {
            State::Closed { .. } => "closed",
            State::Open { .. } => "open",
            State::HalfOpen { .. } => "half_open",
            State::ForcedOpen => "forced_open",
            State::Disabled => "disabled",
        }
    }

    fn level_at(&self, at: Millis) -> Millis {
        self.level.0 + (at - self.level.1)
    }

    /// A full bucket holds its capacity, and the overlap as long as it has just become full.
    fn take(&mut self, tokens: i64, at: Millis, most: i64) -> Result<Millis, Reason> {
        let full = self.level_at(at) > most * INTERVAL;
        let level = if full { CAPACITY * INTERVAL } else { self.level_at(at) };
        let wait = (tokens * INTERVAL - level).max(0);
        if wait > MAX_WAIT {
            return Err(if self.hold > at { Reason::Hold } else { Reason::Rate });
        }
        self.level = (level - tokens * INTERVAL, at);
        Ok(at + wait)
    }

    fn turn(&mut self, state: State) {
        self.state = state;
        self.epoch += 1;
    }

    fn close(&mut self, state: State) {
        self.turn(state);
        self.opened = 0;
    }

    fn open(&mut self, at: Millis, not_before: Millis) {
        let doubled = BREAK << self.opened.min(10);
        self.turn(State::Open { until: (at + doubled.min(MAX_BREAK)).max(not_before) });
        self.opened += 1;
    }

    /// Somebody whose clock says `at` asks for a call.
    pub fn ask(&mut self, tokens: i64, at: Millis, whole_seconds: bool) {
        let before = self.clone();
        let granted = self.try_ask(tokens, at).map(|(call_at, role)| {
            let call_at = if whole_seconds && call_at > at { (call_at + 999) / 1000 * 1000 } else { call_at };
            (call_at, role)
        });
        self.verdict = Some(match granted {
            Ok((call_at, role)) => {
                if let State::HalfOpen { until, .. } = &mut self.state {
                    *until = (*until).max(call_at + LEASE);
                }
                self.outstanding.push(Granted { epoch: self.epoch, role });
                Verdict::Granted(call_at)
            }
            Err(reason) => {
                *self = before;
                Verdict::Refused(reason)
            }
        });
    }

    fn try_ask(&mut self, tokens: i64, at: Millis) -> Result<(Millis, Role), Reason> {
        match &self.state {
            State::Closed { .. } => {
                let call_at = self.take(tokens, at, CAPACITY + OVERLAP)?;
                let State::Closed { calls, .. } = &mut self.state else { unreachable!("it was closed") };
                *calls += 1;
                Ok((call_at, Role::Counted(*calls)))
            }
            State::Disabled => Ok((self.take(tokens, at, CAPACITY + OVERLAP)?, Role::Uncounted)),
            State::ForcedOpen => Err(Reason::Open),
            State::Open { until } if at < *until => Err(Reason::Open),
            State::Open { until } => {
                // Reservations of before it opened are void; at most the overlap's debt is left.
                let debt = self.level_at(*until).max(-OVERLAP * INTERVAL);
                self.level = (debt, *until);
                self.trial(tokens, at, true)
            }
            State::HalfOpen { trials, .. } if *trials < PERMITS => self.trial(tokens, at, false),
            State::HalfOpen { until, .. } if at < *until => Err(Reason::Permits),
            State::HalfOpen { .. } => self.trial(tokens, at, true),
        }
    }

    fn trial(&mut self, tokens: i64, at: Millis, begins: bool) -> Result<(Millis, Role), Reason> {
        if self.hold > at {
            return Err(Reason::Hold);
        }
        let call_at = self.take(tokens, at, CAPACITY)?;
        if begins {
            self.turn(State::HalfOpen { trials: 0, succeeded: Vec::new(), until: 0 });
        }
        let State::HalfOpen { trials, .. } = &mut self.state else { unreachable!("it is half-open") };
        *trials += 1;
        Ok((call_at, Role::Trial(*trials)))
    }

    /// Somebody whose clock says `at` reports.
    pub fn report(&mut self, call: &Granted, outcome: Outcome, at: Millis) {
        self.verdict = None;
        let mut not_before = 0;
        if let Outcome::PushedBack(asked) = outcome {
            let asked = asked.map_or(PUSH, |pause| i64::try_from(pause.as_millis()).unwrap());
            not_before = at + asked.min(MAX_PUSH) + SKEW;
            if self.hold < not_before {
                self.hold = not_before;
                // One token then, unless more is reserved.
                self.level = (self.level_at(not_before).min(INTERVAL), not_before);
            }
        }
        if call.epoch != self.epoch {
            return;
        }
        match (&mut self.state, &call.role, outcome) {
            (State::HalfOpen { succeeded, .. }, Role::Trial(trial), Outcome::Success | Outcome::Ignored) => {
                if !succeeded.contains(trial) {
                    succeeded.push(*trial);
                }
                if succeeded.len() == TO_CLOSE {
                    self.close(State::Closed { calls: 0, failed: Vec::new(), slow: Vec::new() });
                }
            }
            (State::HalfOpen { .. }, Role::Trial(_), _) => self.open(at, not_before),
            (State::Closed { calls, failed, slow }, Role::Counted(number), Outcome::Failure | Outcome::Slow) => {
                if outcome == Outcome::Failure {
                    failed.push(*number);
                } else {
                    slow.push(*number);
                }
                if too_many(*calls, *number, failed) || too_many(*calls, *number, slow) {
                    self.open(at, 0);
                }
            }
            _ => {}
        }
    }

    /// A person orders.
    pub fn order(&mut self, order: Order) {
        self.verdict = None;
        let void = self.now.max(self.hold);
        self.level = (self.level_at(void).max(-OVERLAP * INTERVAL), void);
        self.close(match order {
            Order::ForceOpen => State::ForcedOpen,
            Order::ForceClose => State::Closed { calls: 0, failed: Vec::new(), slow: Vec::new() },
            Order::Disable => State::Disabled,
        });
    }
}

/// Whether some window of the last calls that holds call `number` has too many of these. A window ends with any tenth
/// of its size.
pub fn too_many(calls: usize, number: usize, these: &[usize]) -> bool {
    let step = WINDOW / 10;
    (1..=calls.div_ceil(step)).map(|tenth| tenth * step).any(|end| {
        let window = (end + 1).saturating_sub(WINDOW).max(1)..=end.min(calls);
        let judged = window.clone().count();
        let found = these.iter().filter(|n| window.contains(n)).count();
        // A window in which this call does not count was judged before.
        (end + 1).saturating_sub(WINDOW) <= number
            && number <= end
            && judged >= MINIMUM_CALLS
            && found >= MINIMUM_FAILURES
            && found * 100 >= THRESHOLD * judged
    })
}
