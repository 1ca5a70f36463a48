//! A field of a request that may be left out, but is never null.

use serde::{Deserialize, Deserializer};

/// Null for a value that should be there is a mistake of the caller's; taken for "left out" it could mean another request.
pub(crate) fn not_null<'de, T: Deserialize<'de>, D: Deserializer<'de>>(field: D) -> Result<Option<T>, D::Error> {
    T::deserialize(field).map(Some)
}
