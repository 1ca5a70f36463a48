//! Virtual time and seeded chance.

use crate::turn::{Turnstile, lock};
use domain::time::{Chance, Clock, Pause, Timestamp};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A clock that a test moves.
#[derive(Debug, Clone)]
pub struct VirtualClock(Arc<Mutex<Timestamp>>);

impl Default for VirtualClock {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Timestamp(1_800_000_000_000))))
    }
}

impl VirtualClock {
    /// Lets time pass.
    pub fn advance(&self, span: Duration) {
        let mut now = lock(&self.0);
        *now = now.plus(span);
    }

    /// Lets time pass until then, unless it has passed already.
    pub fn advance_to(&self, moment: Timestamp) {
        let mut now = lock(&self.0);
        *now = moment.max(*now);
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        *lock(&self.0)
    }
}

/// Waiting on a virtual clock: the time passes at once.
#[derive(Debug, Clone, Default)]
pub struct VirtualPause {
    /// Whose time passes.
    pub clock: VirtualClock,
    /// Who goes first.
    pub turns: Turnstile,
}

impl Pause for VirtualPause {
    async fn pause(&self, span: Duration) {
        self.turns.pass("pause").await;
        self.clock.advance(span);
    }
}

/// Chance that is always the same number.
#[derive(Debug, Clone, Copy)]
pub struct Always(pub f64);

impl Chance for Always {
    fn draw(&self) -> f64 {
        self.0
    }
}

/// Time, waiting and chance of one machine: all that a driver of a protocol needs besides its store. Clones share them.
#[derive(Debug, Clone)]
pub struct VirtualMachine {
    /// Its time.
    pub clock: VirtualClock,
    /// Who goes first.
    pub turns: Turnstile,
    seed: Arc<Mutex<u64>>,
}

impl VirtualMachine {
    /// The same seed draws the same numbers.
    pub fn new(turns: Turnstile, seed: u64) -> Self {
        Self { clock: VirtualClock::default(), turns, seed: Arc::new(Mutex::new(seed)) }
    }
}

impl Clock for VirtualMachine {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

/// Whoever waits lets the time pass until it is over; those who wait at the same time wait together.
impl Pause for VirtualMachine {
    async fn pause(&self, span: Duration) {
        let until = self.clock.now().plus(span);
        self.turns.pass("pause").await;
        self.clock.advance_to(until);
    }
}

impl Chance for VirtualMachine {
    /// `SplitMix64`, its upper 53 bits.
    fn draw(&self) -> f64 {
        let mut seed = lock(&self.seed);
        *seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = *seed;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        #[expect(clippy::cast_precision_loss, reason = "53 bits are what an f64 holds exactly")]
        let draw = (z >> 11) as f64 / (1u64 << 53) as f64;
        draw
    }
}
