//! The bus, in memory: what the outboxes told, until a test delivers it.

use crate::turn::lock;
use domain::events::Event;
use std::sync::{Arc, Mutex};

/// Events that were told and not taken yet. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct MemoryBus(Arc<Mutex<Vec<Event>>>);

impl MemoryBus {
    /// Adds events.
    pub fn tell(&self, events: &[Event]) {
        lock(&self.0).extend_from_slice(events);
    }

    /// Takes all events that were told, in their order.
    pub fn take(&self) -> Vec<Event> {
        std::mem::take(&mut lock(&self.0))
    }
}
