//! The saga as a choreography: the real services over fakes, and a bus that doubles, loses, delays and reorders.

mod known_errors;
mod seeds;
mod world;
