//! The envelope: how an event travels.

use super::{Happened, Matter};
use crate::intent::{IntentId, what_is_wrong};
use crate::time::Timestamp;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::fmt;

/// The version of the envelope and its data. A reader takes no other one: of its fields nothing is known.
pub const VERSION: u64 = 1;

/// An event's `detail`. Readers pass over fields that they do not know.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Detail<D> {
    /// `base64url(sha256(charge:name:attempt))`: the same event has the same, however often it is told.
    event_id: String,
    /// Milliseconds since the Unix epoch.
    occurred_at: Timestamp,
    /// The intent: all that happened about it is found by this.
    correlation_id: IntentId,
    /// Always 1.
    version: u64,
    /// What happened.
    data: D,
}

/// The name of one event, the same however often it is told.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventId(String);

impl EventId {
    fn of(matter: &Matter, name: &str) -> Self {
        let text = format!("{}:{name}:{}", matter.charge, matter.attempt);
        Self(URL_SAFE_NO_PAD.encode(Sha256::digest(text)))
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Something that happened, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// When.
    pub occurred_at: Timestamp,
    /// What.
    pub happened: Happened,
}

/// A message that is no event of the saga, and never will be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an event of the saga: {reason}")]
pub struct PoisonEvent {
    /// What is wrong, without a word of the message.
    pub reason: String,
}

impl Event {
    /// Its name for those who must not act twice.
    pub fn id(&self) -> EventId {
        EventId::of(self.happened.matter(), self.happened.name())
    }

    /// What the bus carries as `detail`.
    pub fn detail(&self) -> Value {
        // The tag is the detail-type, beside the detail.
        let data = match json!(self.happened) {
            Value::Object(mut fields) => fields.remove("data").unwrap_or_default(),
            _ => Value::Null,
        };
        json!({
            "eventId": self.id().to_string(),
            "occurredAt": self.occurred_at,
            "correlationId": self.happened.matter().intent(),
            "version": VERSION,
            "data": data,
        })
    }

    /// Reads an event as a queue behind the bus has it: the whole of it, with `detail-type` and `detail`.
    ///
    /// # Errors
    /// [`PoisonEvent`] for what is no event, an unknown name, another version, a field that is missing or wrong, or an
    /// id that is not its own; the reason quotes nothing of the text.
    pub fn from_bus(text: &str) -> Result<Self, PoisonEvent> {
        #[derive(Deserialize)]
        struct Head {
            detail: Version,
        }
        #[derive(Deserialize)]
        struct Version {
            version: u64,
        }
        #[derive(Deserialize)]
        struct Message {
            #[serde(rename = "detail-type")]
            name: String,
            detail: Detail<Value>,
        }
        let poison = |reason: String| PoisonEvent { reason };
        let unreadable = |error: serde_json::Error| poison(what_is_wrong(&error));
        let head: Head = serde_json::from_str(text).map_err(unreadable)?;
        if head.detail.version != VERSION {
            return Err(poison(format!("its version is {}, and only {VERSION} is known here", head.detail.version)));
        }
        let Message { name, detail } = serde_json::from_str(text).map_err(unreadable)?;
        let happened = serde_json::from_value(json!({"detail-type": name, "data": detail.data})).map_err(unreadable)?;
        let event = Self { occurred_at: detail.occurred_at, happened };
        if detail.event_id != event.id().to_string() || detail.correlation_id != *event.happened.matter().intent() {
            return Err(poison("its eventId or correlationId is not that of its data".to_owned()));
        }
        Ok(event)
    }
}
